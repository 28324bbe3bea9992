"""`capi2kit events`: the table of events, for people, other programs and grep."""

from __future__ import annotations

from capi2kit.cli.listing import list_rows, with_records
from capi2kit.cli.opening import open_analysis
from capi2kit.cli.options import Common, add_options
from capi2kit.cli.output import form_of

__all__ = ["add_options", "run"]

_KEY = "record task time process pid operation phase level result url subject tid".split()
_SPARE = "tid level task subject phase url result".split()


def run(common: Common) -> None:
    """Print the events as a table (text, csv, jsonl)."""
    form_of(common)
    analysis = open_analysis(common)
    table = with_records(analysis.case.events.reset_index(), analysis)
    list_rows(table, common=common, key=_KEY, spare=_SPARE, empty="No event in what was read.")
