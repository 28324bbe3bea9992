"""`capi2kit whatif`: the seconds that each remedy would save, alone and together."""

from __future__ import annotations

import argparse

from capi2kit.cli import options
from capi2kit.cli.listing import list_rows
from capi2kit.cli.opening import open_analysis, say
from capi2kit.cli.options import Common
from capi2kit.cli.output import form_of

_KEY = "fix process pid wall_s saved_s low_s high_s wall_after_s waits waits_after".split()
_SPARE = "waits waits_after low_s high_s".split()


def add_options(verb: argparse.ArgumentParser) -> None:
    """For which servers, and the shared options."""
    verb.add_argument(
        "--server", action="append", default=[], metavar="HOST", help="only for this server; repeat it for more"
    )
    options.add_options(verb)


def run(common: Common, *, server: list[str]) -> None:
    """Print what each remedy of the findings would save in each start-up."""
    form_of(common)
    from capi2kit.questions.whatif import servers_meant, whatif

    analysis = open_analysis(common)
    tables = {name: getattr(analysis, name) for name in ("spans", "waits", "startups")}
    table = whatif(analysis.findings, servers=servers_meant(analysis.waits, server), **tables)
    if not table.empty and not common.quiet:
        say(common, "saved_s: from the retrievals replayed with the remedy in place; low_s and high_s are its bounds")
    empty = "No finding here has a remedy whose saving can be calculated."
    list_rows(table, common=common, key=_KEY, spare=_SPARE, empty=empty)
