"""Reds: records of level error, told apart by their result. Most of them are no failures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from capi2kit.knowledge import operations_by_name
from capi2kit.render import words

if TYPE_CHECKING:
    from capi2kit.analysis import Analysis
    from capi2kit.render.sections import Section

_ERROR = 2
_SHOWN = 10


def count_reds(analysis: Analysis) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Events of level error or worse: those that were no failure, and those that were.

    A record without a result of its own is judged by the operation that encloses it.
    """
    events = analysis.case.events
    red = events[events["level"].between(1, _ERROR).fillna(False).to_numpy(bool)].reset_index()
    red["enclosing"] = [_enclosing(analysis, row.task_id, row.event) for row in red.itertuples()]
    result = red["result"].fillna(pd.Series([_result(analysis, span) for span in red["enclosing"]], dtype="UInt32"))
    failed = (result != 0).fillna(True).to_numpy(bool)
    return red[~failed], red[failed]


def _enclosing(analysis: Analysis, task_id: object, event: int) -> int | None:
    """The innermost span around an event, leaving aside the one it closes."""
    spans = analysis.spans
    around = spans[(spans["task_id"] == task_id).fillna(False).to_numpy(bool)]
    begun = around["start_event"].fillna(-1) < event
    around = around[(begun & (around["stop_event"] > event)).fillna(False).to_numpy(bool)]
    return None if around.empty else int(around.sort_values("depth")["span"].iloc[-1])


def _result(analysis: Analysis, span: int | None) -> object:
    return pd.NA if span is None or pd.isna(span) else analysis.spans["result"].iloc[int(span)]


def section(analysis: Analysis, *, tz: str = "UTC") -> Section | None:
    """The section on red records; None if there are none."""
    from capi2kit.render.sections import Section, Table

    harmless, failed = count_reds(analysis)
    if harmless.empty and failed.empty:
        return None
    rows, cited = [], []
    for part, verdict in ((harmless, "no failure"), (failed, "failed")):
        why = _reasons(part, analysis) if len(part) else {}
        groups = part.assign(why=part["event"].map(why)).groupby(
            ["operation", "result", "why"], dropna=False, sort=False
        )
        for (operation, result, reason), members in groups:
            known = operations_by_name().get(operation)
            rows.append(
                [
                    verdict,
                    known.title if known else words.visible(operation),
                    str(len(members)),
                    words.code(result),
                    words.visible(reason),
                ]
            )
            cited.append(members["event"].tolist())
    prose = [
        f"{len(harmless) + len(failed)} records of level error: {len(harmless)} of them no failure by their result, {len(failed)} failed. "
        "Windows raises the level when a step inside went wrong, even if the operation succeeded in the end."
    ]
    return Section(
        "reds",
        "Red records, and which of them are failures",
        prose,
        Table(["verdict", "operation", "records", "result", "what made it red"], rows, frozenset({"records"}), cited),
    )


def _reasons(red: pd.DataFrame, analysis: Analysis) -> dict[int, str]:
    """What a red record itself names as wrong: a failed step, or the check that rejected an object."""
    steps = analysis.case.steps
    failed = steps[steps["event"].isin(red["event"]) & (steps["error"].fillna(0) != 0)]
    texts = failed["name"] + ": " + failed["error"].map(words.code)
    reasons = {int(event): ", ".join(dict.fromkeys(parts)) for event, parts in texts.groupby(failed["event"])}
    for row in red.itertuples():
        if row.event in reasons:
            continue
        said = next((text for text in (row.reject_action, row.url, row.subject) if isinstance(text, str)), "")
        if pd.isna(row.result) and not pd.isna(row.enclosing):
            span = analysis.spans.iloc[int(row.enclosing)]
            said += f", inside {span['operation']} that ended with {words.code(span['result'])}"
        reasons[row.event] = said
    return reasons
