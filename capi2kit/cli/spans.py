"""`capi2kit spans`: the table of spans, for other programs and for grep."""

from __future__ import annotations

from capi2kit.cli.opening import open_analysis
from capi2kit.cli.options import Common, add_options
from capi2kit.cli.output import form_of, write_table

__all__ = ["add_options", "run"]

_KEY = [
    "span",
    "parent",
    "start",
    "duration_s",
    "wait_s",
    "own_s",
    "quality",
    "state",
    "process",
    "pid",
    "tid",
    "operation",
    "result",
    "target",
]


def run(common: Common) -> None:
    """Print the operations with true starts and durations (text, csv, jsonl)."""
    form_of(common)
    write_table(open_analysis(common).spans, common=common, key=_KEY)
