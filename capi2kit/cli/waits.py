"""`capi2kit waits`: the table of waits, for people, other programs and grep."""

from __future__ import annotations

import argparse

from capi2kit.cli import options
from capi2kit.cli.errors import UsageError
from capi2kit.cli.listing import list_rows, with_records
from capi2kit.cli.opening import open_analysis
from capi2kit.cli.options import Common
from capi2kit.cli.output import form_of

_KEY = "record task start wait_s low_s high_s process pid outcome url target user_sid proxy quality logged_s result".split()
_SPARE = "logged_s result quality proxy user_sid target start low_s high_s".split()
_ORDERS = {"time": ("start", True), "wait": ("high_s", False), "record": ("event", True)}


def add_options(verb: argparse.ArgumentParser) -> None:
    """How many, in which order, and the shared options."""
    verb.add_argument("--top", type=int, metavar="N", help="only the N longest, or with --sort the first N")
    verb.add_argument("--sort", choices=tuple(_ORDERS), help="by start, by length, or as they were logged (record)")
    options.add_options(verb)


def run(common: Common, *, top: int | None, sort: str | None) -> None:
    """Print the network waits with their bounds (text, csv, jsonl)."""
    form_of(common)
    if top is not None and top < 1:
        raise UsageError(f"--top {top}: not a number of waits; write 1 or more")
    analysis = open_analysis(common)
    table = with_records(analysis.waits, analysis)
    if order := sort or ("wait" if top else None):
        column, rising = _ORDERS[order]
        table = table.sort_values(column, ascending=rising, kind="stable", na_position="last")
    table = table if top is None else table.head(top)
    empty = "No retrieval from the network ended in this log: nothing waited for it."
    list_rows(table, common=common, key=_KEY, spare=_SPARE, empty=empty)
