"""`capi2kit export`: the tables as files for other programs; the ending of -o decides which."""

from __future__ import annotations

import argparse

from capi2kit.cli import options
from capi2kit.cli.errors import UsageError
from capi2kit.cli.opening import open_analysis
from capi2kit.cli.options import Common
from capi2kit.cli.output import inputs


def add_options(verb: argparse.ArgumentParser) -> None:
    """Which tables, and the shared options."""
    options.add_options(verb)
    verb.add_argument(
        "--table",
        dest="tables",
        metavar="NAME",
        action="append",
        default=[],
        help="only this table, such as waits; can be given several times (all that are not empty)",
    )


def run(common: Common, *, tables: list[str]) -> None:
    """Write the tables to -o and say how many rows each file holds, and which were left out, and why."""
    from capi2kit.render.exports import EXPORTS, ending_of, export
    from capi2kit.words import visible

    if common.output is None or not ending_of(common.output):
        raise UsageError(f"export: name a file with -o that ends in {', '.join(EXPORTS)}")
    analysis = open_analysis(common)
    for sentence in export(analysis, common.output, tables=tables, evidence=inputs(common), force=common.force):
        print(visible(sentence))
