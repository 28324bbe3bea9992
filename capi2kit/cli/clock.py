"""`capi2kit clock`: how far the clocks were off, and what that explains."""

from __future__ import annotations

from capi2kit.cli.opening import open_analysis
from capi2kit.cli.options import Common, add_options
from capi2kit.cli.output import form_of, write_table
from capi2kit.errors import NoEvents

__all__ = ["add_options", "run"]

_KEY = "host time offset_s spread_s answers objects not_valid explained".split()
_SPARE = "objects not_valid answers spread_s explained".split()


def run(common: Common) -> None:
    """Print the clock error per computer and time, by the dates that servers sent. Raises NoEvents if none did."""
    form_of(common)
    from capi2kit.questions.clock import clock

    analysis = open_analysis(common)
    if analysis.clocks.empty:
        raise NoEvents("the log has no server answer with a date, so the clock errors are not known")
    case = analysis.case
    table = clock(analysis.clocks, certificates=case.certificates, events=case.events)
    write_table(table, common=common, key=_KEY, spare=_SPARE)
