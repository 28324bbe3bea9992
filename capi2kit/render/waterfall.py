"""Waterfall: one task as lines of text, and the tasks that belong to it."""

from __future__ import annotations

import pandas as pd

from capi2kit.analysis import Analysis
from capi2kit.render import words

BAR = 32
_WAITING, _BUSY, _LEAST = "█", "░", "▏"


def draw(analysis: Analysis, task_id: str, *, tz: str = "UTC") -> list[str]:
    """Lines of text: each span with its offset, duration, a bar (waiting drawn solid) and what it concerned."""
    spans = analysis.spans[(analysis.spans["task_id"] == task_id).fillna(False).to_numpy(bool)]
    events = analysis.case.events.loc[[task_id]] if task_id in analysis.case.events.index.get_level_values(0) else None
    if spans.empty or events is None:
        return [f"Task {task_id}: no operation with start and stop"] if events is not None else []
    begin, end = spans["start"].min(), spans["stop"].max()
    total = max((end - begin).total_seconds(), 1e-9)
    first = spans.iloc[0]
    head = f"Task {task_id} · {words.visible(first['process'])} (PID {first['pid']}, thread {first['tid']}) on {words.visible(first['host'])}"
    lines = [
        head,
        f"{words.moment(begin, tz)}, {words.seconds(total)}, as {words.who(first['user_sid'])}; checked: {words.visible(first['target'])}",
        "",
    ]
    quality = analysis.waits.set_index("span")
    for row in spans.sort_values(["root", "start", "depth", "span"]).itertuples():
        left = round((row.start - begin).total_seconds() / total * BAR)
        length = round((row.stop - row.start).total_seconds() / total * BAR)
        mark = _WAITING if row.span in quality.index else _BUSY
        bar = (" " * left + (mark * length or _LEAST))[:BAR].ljust(BAR)
        lasted = (
            words.seconds(row.duration_s)
            if row.quality == "exact"
            else f"{words.seconds(row.duration_s)} {row.quality}"
        )
        if row.span in quality.index:
            wait = quality.loc[row.span]
            lasted = words.wait(wait["wait_s"], low=wait["low_s"], high=wait["high_s"], quality=wait["quality"])
        about = next((text for text in (row.url, row.subject, row.target) if isinstance(text, str)), None)
        name = "  " * row.depth + row.operation
        lines.append(
            f"{(row.start - begin).total_seconds():9.3f} s  {lasted:>16}  │{bar}│ {name:<30} {words.code(row.result)}  {words.visible(about)}"
        )
    return lines


def related(analysis: Analysis, task_id: str) -> list[tuple[str, str]]:
    """Other tasks that belong to this one, with the reason: joined by reference, same URL, next in the thread."""
    spans = analysis.spans
    mine = spans[(spans["task_id"] == task_id).fillna(False).to_numpy(bool)]
    flat = analysis.case.events.reset_index()[["event", "task_id"]].set_index("event")["task_id"]
    found: list[tuple[str, str]] = []
    for column, reason in (
        ("catalog_event", "catalog search for this file"),
        ("policy_event", "policy check of its chain"),
    ):
        found += [(flat[event], reason) for event in mine[column].dropna() if event in flat.index]
    waits = analysis.waits
    urls = waits.loc[(waits["task_id"] == task_id).fillna(False).to_numpy(bool), "url"].dropna().unique()
    for row in waits[waits["url"].isin(urls)].itertuples():
        found.append((row.task_id, f"waited for the same URL: {words.visible(row.url)}"))
    found += _neighbours(spans, mine)
    known = dict.fromkeys(pair for pair in found if isinstance(pair[0], str) and pair[0] != task_id)
    return list(known)


def _neighbours(spans: pd.DataFrame, mine: pd.DataFrame) -> list[tuple[str, str]]:
    if mine.empty:
        return []
    row = mine.iloc[0]
    lane = spans[
        (spans["host"] == row["host"])
        & (spans["pid"] == row["pid"])
        & (spans["tid"] == row["tid"])
        & (spans["depth"] == 0)
    ]
    tasks = lane.sort_values("start")["task_id"].drop_duplicates().tolist()
    at = tasks.index(row["task_id"]) if row["task_id"] in tasks else -1
    before = [(tasks[at - 1], "before it in the same thread")] if at > 0 else []
    after = [(tasks[at + 1], "after it in the same thread")] if 0 <= at < len(tasks) - 1 else []
    return before + after
