"""`capi2kit waits`: the table of waits, for other programs and for grep."""

from __future__ import annotations

from capi2kit.cli.opening import open_analysis
from capi2kit.cli.options import Common, add_options
from capi2kit.cli.output import form_of, write_table

__all__ = ["add_options", "run"]

_KEY = [
    "event",
    "start",
    "wait_s",
    "low_s",
    "high_s",
    "logged_s",
    "quality",
    "process",
    "pid",
    "user_sid",
    "outcome",
    "result",
    "proxy",
    "url",
    "target",
]


def run(common: Common) -> None:
    """Print the network waits with their bounds (text, csv, jsonl)."""
    form_of(common)
    write_table(open_analysis(common).waits, common=common, key=_KEY)
