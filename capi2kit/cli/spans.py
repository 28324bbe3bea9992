"""`capi2kit spans`: the table of spans, for people, other programs and grep."""

from __future__ import annotations

from capi2kit.cli.listing import list_rows, with_records
from capi2kit.cli.opening import open_analysis
from capi2kit.cli.options import Common, add_options
from capi2kit.cli.output import form_of

__all__ = ["add_options", "run"]

_KEY = "record task start duration_s wait_s own_s process pid operation result target quality state tid".split()
_SPARE = "tid own_s state quality target result start wait_s".split()


def run(common: Common) -> None:
    """Print the operations with true starts and durations (text, csv, jsonl)."""
    form_of(common)
    analysis = open_analysis(common)
    spans = analysis.spans
    table = with_records(spans.assign(event=spans["stop_event"].fillna(spans["start_event"])), analysis).drop(
        columns="event"
    )
    empty = "No operation in this log has a start or a stop."
    list_rows(table, common=common, key=_KEY, spare=_SPARE, empty=empty)
