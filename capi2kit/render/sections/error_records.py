"""Reds: records of level error, told apart by their result. Most of them are no failures."""

from __future__ import annotations

from collections import defaultdict
from typing import cast

import pandas as pd

from capi2kit import words
from capi2kit.analysis import Analysis
from capi2kit.knowledge import operations_by_name
from capi2kit.knowledge.providers import lane_of_checks, lanes_of
from capi2kit.render.parts import Column, Section, Table

_ERROR = 2
_SEEN = ["event", "provider", "operation", "level", "result", "reject_action", "url", "subject", "result_text"]


def count_reds(analysis: Analysis) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Events of level error or worse: those that were no failure, and those that were.

    Judged by result; a record without one is judged by the operation that encloses it, and counts as a
    failure if nothing does. Columns: task_id and those of `events` that explain it, `enclosing` (span), `why`.
    """
    events = analysis.case.events[_SEEN]
    red = events[events["level"].between(1, _ERROR).to_numpy(bool, na_value=False)]
    red = red[(lanes_of(red) == lane_of_checks()).to_numpy(bool)].reset_index("task_id")
    red["enclosing"] = _enclosing(analysis, red)
    results = analysis.spans.set_index("span")["result"]
    judged = results.reindex(red["enclosing"]).array
    result = red["result"].where(red["result"].notna(), pd.array(judged, dtype="UInt32"))
    red["why"] = _reasons(red, analysis)
    failed = (result != 0).to_numpy(bool, na_value=True)
    return red[~failed], red[failed]


def reds(analysis: Analysis) -> Section | None:
    """The section on red records; None if there are none."""
    harmless, failed = count_reds(analysis)
    count = len(harmless) + len(failed)
    if not count:
        return None
    rows, cited = [], []
    for part, verdict in ((failed, "failed"), (harmless, "no failure")):
        for key, members in part.groupby(["operation", "result", "why"], dropna=False, sort=False):
            operation, result, why = cast(tuple, key)
            known = operations_by_name().get(operation)
            title = known.title if known else words.visible(operation)
            rows.append([verdict, title, str(len(members)), words.code(result), words.visible(why)])
            cited.append(members["event"].tolist())
    prose = [
        f"{count} record{'s' * (count != 1)} of level error: {len(harmless)} no failure, {len(failed)} failed, judged by result. "
        "Windows raises the level when a step inside goes wrong, even if the operation succeeds in the end."
    ]
    columns = [
        Column("verdict"),
        Column("operation"),
        Column("records", number=True),
        Column("result"),
        Column("what made it red", long=True),
    ]
    return Section("reds", "Red records, and which of them are failures", prose, Table(columns, rows, cited))


def _enclosing(analysis: Analysis, red: pd.DataFrame) -> list[int]:
    """The innermost span around each event that has no result of its own, or -1."""
    bare = red["result"].isna()
    tasks = set(red.loc[bare, "task_id"].dropna())
    spans = analysis.spans[["task_id", "start_event", "stop_event", "span"]]
    spans = spans[spans["task_id"].isin(tasks)].dropna(subset=["stop_event"]).sort_values("stop_event")
    around: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    for row in spans.to_dict("records"):
        start = -1 if pd.isna(row["start_event"]) else int(row["start_event"])
        around[row["task_id"]].append((start, int(row["stop_event"]), int(row["span"])))
    found = []
    for task, event, alone in zip(red["task_id"], red["event"], bare, strict=True):
        inside = (
            (span for start, stop, span in around.get(task, []) if start < event < stop)
            if alone and isinstance(task, str)
            else iter(())
        )
        found.append(next(inside, -1))
    return found


def _reasons(red: pd.DataFrame, analysis: Analysis) -> list[str]:
    """What a red record itself names as wrong: a failed step, the check that rejected an object, or what it was about."""
    steps = analysis.case.steps
    steps = steps[steps["event"].isin(red["event"]) & (steps["error"].fillna(0) != 0)]
    failed: dict[int, list[str]] = defaultdict(list)
    for step in steps.to_dict("records"):
        failed[step["event"]].append(f"{step['name']}: {words.code(step['error'])}")
    spans = analysis.spans.set_index("span")
    reasons = []
    for row in red.to_dict("records"):
        about = [row[name] for name in ("reject_action", "url", "subject") if isinstance(row[name], str)]
        why = ", ".join(dict.fromkeys(failed.get(row["event"], about[:1])))
        if row["enclosing"] in spans.index:
            span = spans.loc[row["enclosing"]]
            why += f", inside {span['operation']} that ended with {words.code(span['result'])}"
        reasons.append(why)
    return reasons
