"""Waterfall: one task as a table with bars, and the tasks that belong to it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from capi2kit import words
from capi2kit.analysis import Analysis
from capi2kit.render.parts import Column, Table

BAR = 32
_WAITING, _BUSY, _LEAST = "█", "░", "▏"
_SHOWN = [
    "span",
    "depth",
    "root",
    "start",
    "stop",
    "duration_s",
    "low_s",
    "high_s",
    "quality",
    "start_event",
    "stop_event",
]
_SHOWN += ["parent", "operation", "url", "subject", "target", "result"]
_CHECKING = "checking"
_INDENT = "\N{NO-BREAK SPACE}" * 2  # plain blanks are lost where lines are wrapped
_NAMED = 6  # tasks that are named of those related for one reason


def head(analysis: Analysis, task_id: str, *, tz: str = "UTC") -> list[str]:
    """What a task is: process, thread, computer, moment, length, account, what was checked."""
    spans = _of_task(analysis.spans, task_id)
    if spans.empty:
        return [f"Task {task_id}: single records, nothing to time"]
    begin, total, first = spans["start"].min(), _length(spans), spans.iloc[0]
    process = (
        f"{words.with_pid(first['process'], first['pid'])}, thread {first['tid']}, on {words.visible(first['host'])}"
    )
    checked = words.visible(first["target"])
    when = f"{words.moment(begin, tz)}, {words.seconds(total)}, as {words.who(first['user_sid'])}; checked: {checked}"
    return [f"Task {task_id}: {process}", when]


class Step(NamedTuple):
    """An operation of a task: where it lies, in parts of the task's length; `depth`: how deep it is nested.

    `kind`: of a wait how it ended, waiting (in vain), searched (for a proxy, in vain) or answered; checking if it is no wait.
    """

    record: str
    at_s: float
    took: str
    left: float
    length: float
    kind: str
    depth: int
    what: str
    result: str


def steps_of(analysis: Analysis, task_id: str) -> list[Step]:
    """The operations of a task in the order of their calls; none for a task of single records."""
    spans = _of_task(analysis.spans, task_id)
    if spans.empty:
        return []
    begin, total = spans["start"].min(), max(_length(spans), 1e-9)
    waits = {wait["span"]: wait for wait in _of_task(analysis.waits, task_id).to_dict("records")}
    steps, records = [], _records(analysis)
    for row in _in_order(spans):
        offset = (row["start"] - begin).total_seconds()
        wait = waits.get(row["span"])
        least, most = (wait or row)["low_s"], (wait or row)["high_s"]
        lasted = (wait or {"wait_s": row["duration_s"]})["wait_s"]
        about = next((row[name] for name in ("url", "subject", "target") if isinstance(row[name], str)), "")
        step = Step(
            record=records.get(row["stop_event"], records.get(row["start_event"], words.ABSENT)),
            at_s=offset,
            took=words.duration(lasted, low=least, high=most, quality=(wait or row)["quality"]),
            left=offset / total,
            length=(row["stop"] - row["start"]).total_seconds() / total,
            kind=kind_of(wait) if wait else _CHECKING,
            depth=int(row["depth"]),
            what=f"{row['operation']} {words.visible(about)}".rstrip(),
            result=words.code(row["result"]),
        )
        steps.append(step)
    return steps


def _in_order(spans: pd.DataFrame) -> list[dict[Any, Any]]:
    """The spans, each below the one that encloses it; beside each other by their start."""
    rows = spans[_SHOWN].sort_values(["start", "depth", "span"]).to_dict("records")
    below: dict[Any, list[dict[Any, Any]]] = defaultdict(list)
    known = {row["span"] for row in rows}
    for row in rows:
        below[row["parent"] if row["parent"] in known else None].append(row)
    ordered, left = [], below[None][::-1]
    while left:
        ordered.append(left.pop())
        left += below[ordered[-1]["span"]][::-1]
    return ordered


def draw(analysis: Analysis, task_id: str, *, tz: str = "UTC", bar: int = BAR) -> Table:
    """A task as a table: each span with its offset, duration, a bar of so many cells (waiting drawn solid) and what it concerned."""
    steps = steps_of(analysis, task_id)
    if not steps:
        return points(analysis, task_id, tz=tz)
    rows = []
    for one in steps:
        drawn = _bar(one.left, one.length, mark=_BUSY if one.kind == _CHECKING else _WAITING, cells=bar)
        result = (
            one.result if bar >= BAR else one.result.partition(" ")[0]
        )  # where there is little room, without its name
        rows.append([one.record, f"{one.at_s:.3f}", one.took, drawn, f"{_INDENT * one.depth}{one.what}", result])
    columns = [Column("record", number=True), Column("at s", number=True, spare=1), Column("took", number=True)]
    columns += [Column("", whole=True), Column("operation, and what about"), Column("result")]
    return Table(columns, rows)


def kind_of(wait: Mapping[Any, Any]) -> str:
    """How a wait ended: waiting (in vain), searched (for a proxy, in vain), or answered."""
    if wait["outcome"] != "ok":
        return "waiting"
    return "searched" if not words.is_missing(wait["wpad_failures"]) and wait["wpad_failures"] > 0 else "answered"


def _length(spans: pd.DataFrame) -> float:
    return (spans["stop"].max() - spans["start"].min()).total_seconds()


def _records(analysis: Analysis) -> dict[int, str]:
    """The id of each event's record."""
    events = analysis.case.events
    return {event: words.visible(record) for event, record in zip(events["event"], events["record"], strict=True)}


def related(analysis: Analysis, task_id: str) -> dict[str, str]:
    """Other tasks that belong to this one, with the reasons: joined by reference, same URLs, next in the thread."""
    task_of = dict(zip(analysis.case.events["event"], analysis.case.events.index.get_level_values(0), strict=True))
    reasons: dict[str, dict[str, None]] = defaultdict(dict)
    links = analysis.spans[["task_id", "catalog_event", "policy_event"]].melt("task_id").dropna()
    titles = {"catalog_event": "catalog search for a file of", "policy_event": "policy check of a chain of"}
    for owner, kind, event in links.itertuples(index=False):
        other = task_of.get(event)
        if isinstance(other, str) and other != owner and task_id in (other, owner):
            mine = owner == task_id
            reasons[other if mine else owner][titles[kind] + (" this task" if mine else " it")] = None
    waits = analysis.waits
    urls = _of_task(waits, task_id)["url"].dropna().unique()
    for other, count in (
        waits.loc[waits["url"].isin(urls), ["task_id", "url"]]
        .drop_duplicates()["task_id"]
        .value_counts()
        .to_dict()
        .items()
    ):
        reasons[str(other)][f"waited for {'the same URL' if count == 1 else f'{count} of the same URLs'}"] = None
    for other, reason in _neighbours(analysis.spans, task_id):
        reasons[other][reason] = None
    return {other: "; ".join(found) for other, found in reasons.items() if other != task_id}


def folded(reasons: dict[str, str]) -> list[str]:
    """The related tasks in a line for each reason, named by the beginning of their ids."""
    tasks: dict[str, list[str]] = defaultdict(list)
    for other, reason in reasons.items():
        tasks[reason].append(other[:8])
    lines = []
    for reason, found in tasks.items():
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        lines.append(f"Related, {reason}: {', '.join(found[:_NAMED])}{more}")
    return lines


def _of_task(table: pd.DataFrame, task_id: str) -> pd.DataFrame:
    return table[(table["task_id"] == task_id).to_numpy(bool, na_value=False)]


def _bar(left: float, length: float, *, mark: str, cells: int) -> str:
    begin = min(round(left * cells), cells - 1)
    blank = _INDENT[0]
    return (blank * begin + (mark * round(length * cells) or _LEAST))[:cells].ljust(cells, blank)


def points(analysis: Analysis, task_id: str, *, tz: str) -> Table:
    """A task without start and stop: its events."""
    rows = []
    for row in _of_task(analysis.case.events.reset_index(), task_id).to_dict("records"):
        about = next(
            (row[name] for name in ("url", "query_path", "file_path", "subject") if isinstance(row[name], str)), ""
        )
        cells = [
            words.visible(row["record"]),
            words.moment(row["time"], tz),
            words.with_pid(row["process"], row["pid"]),
        ]
        rows.append([*cells, f"{row['operation']} {words.visible(about)}".rstrip(), words.code(row["result"])])
    columns = [Column("record", number=True), Column("time", whole=True), Column("process (PID)", spare=1)]
    return Table([*columns, Column("operation, and what about"), Column("result", spare=2)], rows)


def _neighbours(spans: pd.DataFrame, task_id: str) -> list[tuple[str, str]]:
    mine = _of_task(spans, task_id)
    if mine.empty:
        return []
    row = mine.iloc[0]
    lane = spans[(spans["host"] == row["host"]) & (spans["pid"] == row["pid"]) & (spans["tid"] == row["tid"])]
    tasks = lane.sort_values("start", kind="stable")["task_id"].drop_duplicates().tolist()
    at = tasks.index(task_id) if task_id in tasks else -1
    before = [(tasks[at - 1], "before it in the same thread")] if at > 0 else []
    after = [(tasks[at + 1], "after it in the same thread")] if 0 <= at < len(tasks) - 1 else []
    return before + after
