"""Doubts: problem rows for what a log says twice, and not the same, and for what it cannot mean."""

from __future__ import annotations

import numpy as np
import pandas as pd

from capi2kit.columns.cells import empty, shaped
from capi2kit.columns.keys import match
from capi2kit.waits.evidence import measured_ns
from capi2kit.waits.later import ended_of

_TWO = "by its {basis} this retrieval took {wait_s:.3f} s, by other evidence in the log {contradicted_s:.3f} s: one of them is wrong"
_IMPOSSIBLE = "Windows logged that this call took {measured_s:.6g} s, which cannot be: not used"
_SECOND = "a second record says how the retrieval of event {belongs_to} ended after its caller gave up: not used"


def doubts_of(spans: pd.DataFrame, waits: pd.DataFrame, *, events: pd.DataFrame) -> pd.DataFrame:
    """Rows for table `problems`: two pieces of evidence that contradict each other, durations that cannot be, ends that do not fit.

    `events` gives the file and the record id of each. Nothing is modified, and no record is lost by any of them.
    """
    twice = waits.loc[waits["contradicted_s"].notna(), ["event", "basis", "wait_s", "contradicted_s"]]
    odd = spans.loc[spans["measured_s"].notna() & (measured_ns(spans) < 0), ["stop_event", "measured_s"]]
    again = ended_of(spans)
    again = again.loc[again["belongs_to"].notna() & again.duplicated("belongs_to"), ["stop_event", "belongs_to"]]
    rows = [
        (row["event" if "event" in row else "stop_event"], text.format_map(row))
        for table, text in ((twice, _TWO), (odd, _IMPOSSIBLE), (again, _SECOND))
        for row in table.to_dict("records")
    ]
    if not rows:
        return empty("problems")
    number, message = zip(*rows, strict=True)
    at = match([np.array(number, "int64")], [events["event"].to_numpy()])
    made = events[["source", "record"]].iloc[at].reset_index(drop=True)
    return shaped(made, "problems", stage="value", error="contradiction", message=list(message), lost=0)
