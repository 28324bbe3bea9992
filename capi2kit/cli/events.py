"""`capi2kit events`: the table of events, for other programs and for grep."""

from __future__ import annotations

from capi2kit.cli.opening import open_analysis
from capi2kit.cli.options import Common, add_options
from capi2kit.cli.output import form_of, write_table

__all__ = ["add_options", "run"]

_KEY = [
    "event",
    "record",
    "time",
    "host",
    "process",
    "pid",
    "tid",
    "operation",
    "phase",
    "level",
    "result",
    "url",
    "subject",
]


def run(common: Common) -> None:
    """Print the events as a table (text, csv, jsonl)."""
    form_of(common)
    write_table(open_analysis(common).case.events.reset_index(), common=common, key=_KEY)
