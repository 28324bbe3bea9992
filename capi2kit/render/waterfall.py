"""Waterfall: one task as lines of text, and the tasks that belong to it."""

from __future__ import annotations

from collections import defaultdict

import pandas as pd

from capi2kit import words
from capi2kit.analysis import Analysis

BAR = 32
_WAITING, _BUSY, _LEAST = "█", "░", "▏"
_TOLD = ["span", "depth", "root", "start", "stop", "duration_s", "low_s", "high_s", "quality"]
_TOLD += ["operation", "url", "subject", "target", "result"]


def draw(analysis: Analysis, task_id: str, *, tz: str = "UTC") -> list[str]:
    """Lines of text: each span with its offset, duration, a bar (waiting drawn solid) and what it concerned."""
    spans = _of_task(analysis.spans, task_id)
    if spans.empty:
        return _points(analysis, task_id, tz=tz)
    begin, end = spans["start"].min(), spans["stop"].max()
    total = max((end - begin).total_seconds(), 1e-9)
    first = spans.iloc[0]
    lines = [
        f"Task {task_id}: {words.visible(first['process'])} (PID {first['pid']}, thread {first['tid']}) on {words.visible(first['host'])}",
        f"{words.moment(begin, tz)}, {words.seconds(total)}, as {words.who(first['user_sid'])}; checked: {words.visible(first['target'])}",
        "",
    ]
    waits = {wait["span"]: wait for wait in _of_task(analysis.waits, task_id).to_dict("records")}
    for row in spans[_TOLD].sort_values(["root", "start", "depth", "span"]).to_dict("records"):
        offset = (row["start"] - begin).total_seconds()
        wait = waits.get(row["span"])
        bar = _bar(
            offset / total, (row["stop"] - row["start"]).total_seconds() / total, mark=_WAITING if wait else _BUSY
        )
        lasted = words.duration(row["duration_s"], low=row["low_s"], high=row["high_s"], quality=row["quality"])
        if wait:
            lasted = words.duration(wait["wait_s"], low=wait["low_s"], high=wait["high_s"], quality=wait["quality"])
        about = next((row[name] for name in ("url", "subject", "target") if isinstance(row[name], str)), None)
        name = f"{'  ' * row['depth']}{row['operation']}"
        lines.append(
            f"{offset:9.3f} s  {lasted:>23}  │{bar}│ {name:<32} {words.code(row['result'])}  {words.visible(about)}"
        )
    return lines


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


def _of_task(table: pd.DataFrame, task_id: str) -> pd.DataFrame:
    return table[(table["task_id"] == task_id).to_numpy(bool, na_value=False)]


def _bar(left: float, length: float, *, mark: str) -> str:
    begin = min(round(left * BAR), BAR - 1)
    return (" " * begin + (mark * round(length * BAR) or _LEAST))[:BAR].ljust(BAR)


def _points(analysis: Analysis, task_id: str, *, tz: str) -> list[str]:
    """A task without start and stop: its events, one per line."""
    events = analysis.case.events.reset_index()
    lines = [f"Task {task_id}: single records, nothing to time"]
    for row in _of_task(events, task_id).to_dict("records"):
        about = next(
            (row[name] for name in ("url", "query_path", "file_path", "subject") if isinstance(row[name], str)), None
        )
        what = f"record {words.visible(row['record'])}  {words.moment(row['time'], tz)}  {words.with_pid(row['process'], row['pid'])}"
        lines.append(f"  {what}  {row['operation']}  {words.code(row['result'])}  {words.visible(about)}")
    return lines


def _neighbours(spans: pd.DataFrame, task_id: str) -> list[tuple[str, str]]:
    mine = _of_task(spans, task_id)
    if mine.empty:
        return []
    row = mine.iloc[0]
    lane = spans[(spans["host"] == row["host"]) & (spans["pid"] == row["pid"]) & (spans["tid"] == row["tid"])]
    tasks = lane.sort_values("start")["task_id"].drop_duplicates().tolist()
    at = tasks.index(task_id) if task_id in tasks else -1
    before = [(tasks[at - 1], "before it in the same thread")] if at > 0 else []
    after = [(tasks[at + 1], "after it in the same thread")] if 0 <= at < len(tasks) - 1 else []
    return before + after
