"""Error records: CAPI2 events of level error or worse, judged by their result. Most of them are not failures.

Input: events, steps and spans of an analysis. Output: table `error_records`.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pandas as pd

from capi2kit import words
from capi2kit.columns.cells import numbers_in, shaped
from capi2kit.knowledge import check
from capi2kit.knowledge.actions import BACKGROUND
from capi2kit.knowledge.providers import lane_of_checks, lanes_of

FAILED, HARMLESS = "failed", "no failure"
_ERROR = 2  # the level
_BENIGN = "benign"
_SEEN = ["event", "provider", "operation", "level", "result", "reject_action", "url", "subject", "result_text"]
_NOT_JUDGED = -1
_LATE = ", after its caller had given up"


def error_records(
    events: pd.DataFrame, spans: pd.DataFrame, *, steps: pd.DataFrame, findings: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Judge each record of level error: was it a failure?

    Parameters
    ----------
    events, spans, steps : tables of an analysis; nothing in them is changed.
    findings : its findings; a record that only harmless ones cite is no failure here either.

    Returns
    -------
    error_records : DataFrame
        One row per record, in the order of events, in the columns of table `error_records`. `verdict` is by result:
        ``no failure`` if it is 0. A record without one takes that of the innermost operation around it; if that has none
        either, it counts as ``failed``, unless a finding calls it harmless. `why` is the fault that the record itself names.

    Raises
    ------
    TableError : a column is missing or has another dtype.
    """
    check(events, "events", needs=_SEEN)
    check(spans, "spans")
    found = events[_SEEN]
    found = found[found["level"].between(1, _ERROR).to_numpy(bool, na_value=False)]
    found = found[(lanes_of(found) == lane_of_checks()).to_numpy(bool)].reset_index()
    around = _around(found, spans)
    results = spans.set_index("span")["result"].reindex(around).array
    judged = found["result"].where(found["result"].notna(), pd.array(results, dtype="UInt32"))
    failed = (judged != 0).to_numpy(bool, na_value=True)
    failed &= ~found["event"].isin(_called_harmless(findings)).to_numpy(bool)
    verdicts = np.where(failed, FAILED, HARMLESS)
    span = pd.array([pd.NA if number == _NOT_JUDGED else number for number in around], dtype="Int64")
    why = _reasons(found, around, spans=spans, steps=steps)
    return shaped(found, "error_records", verdict=verdicts, span=span, why=why)


def late_ends(spans: pd.DataFrame) -> list[int]:
    """The events by which retrievals ended in the background: their callers had given up before, which has a record of its own."""
    return spans.loc[(spans["kind"] == BACKGROUND).to_numpy(bool, na_value=False), "stop_event"].dropna().tolist()


def _called_harmless(findings: pd.DataFrame | None) -> set[int]:
    """The events that harmless findings cite, and no others."""
    if findings is None:
        return set()
    cited = {
        harmless: {
            event
            for text in findings.loc[(findings["severity"] == _BENIGN) == harmless, "evidence"]
            for event in numbers_in(text)
        }
        for harmless in (True, False)
    }
    return cited[True] - cited[False]


def _around(found: pd.DataFrame, spans: pd.DataFrame) -> list[int]:
    """The innermost span around each event that has no result of its own, or -1."""
    bare = found["result"].isna()
    tasks = set(found.loc[bare, "task_id"].dropna())
    spans = spans[["task_id", "start_event", "stop_event", "span"]]
    spans = spans[spans["task_id"].isin(tasks)].dropna(subset=["stop_event"]).sort_values("stop_event")
    calls: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    for row in spans.to_dict("records"):
        start = -1 if pd.isna(row["start_event"]) else int(row["start_event"])
        calls[row["task_id"]].append((start, int(row["stop_event"]), int(row["span"])))
    around = []
    for task, event, alone in zip(found["task_id"], found["event"], bare, strict=True):
        candidates = calls.get(task, []) if alone and isinstance(task, str) else []
        around.append(next((span for start, stop, span in candidates if start < event < stop), _NOT_JUDGED))
    return around


def _reasons(found: pd.DataFrame, around: list[int], *, spans: pd.DataFrame, steps: pd.DataFrame) -> list[str]:
    """The fault that a record itself names: a failed step, the check that rejected an object, or else its subject."""
    steps = steps[steps["event"].isin(found["event"]) & (steps["error"].fillna(0) != 0)]
    failed: dict[int, list[str]] = defaultdict(list)
    for step in steps.to_dict("records"):
        failed[step["event"]].append(f"{step['name']}: {words.code(step['error'])}")
    calls = spans.set_index("span")[["operation", "result"]]
    late = set(late_ends(spans))
    reasons = []
    for row, span in zip(found.to_dict("records"), around, strict=True):
        about = [row[name] for name in ("reject_action", "url", "subject") if isinstance(row[name], str)]
        why = ", ".join(dict.fromkeys(failed.get(row["event"], about[:1])))
        if span in calls.index:
            operation, result = calls.loc[span]
            why += f", inside {operation} that ended with {words.code(result)}"
        why += _LATE if row["event"] in late else ""
        reasons.append(why)
    return reasons
