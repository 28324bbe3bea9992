"""What if: the seconds that each remedy would save, alone and together.

A finding cites the waits behind its cost; a remedy says what becomes of such waits (`becomes` in its
file). The waits are replayed with that change, and everything in a thread begins earlier by what was
saved before it. Threads are assumed to be independent of each other, so a start-up is over when the
last one is; if they wait for each other, more is saved, up to the bound.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from capi2kit.columns.cells import empty, integers, numbers_in, shaped
from capi2kit.columns.instants import NAT, SECOND, nanoseconds
from capi2kit.columns.intervals import covered
from capi2kit.columns.keys import cumsum_before, how_many, lanes
from capi2kit.diagnosis.fixes import Fix, fixes_of
from capi2kit.diagnosis.replay import Change, Timeline, read_timeline, replay

TOGETHER = "first remedies together"
_OWN_LIMIT = "CTL"  # the automatic root update: no chain policy limits it


class _Step(NamedTuple):
    """A remedy to try: its name and title, the findings it answers, what becomes of each wait."""

    fix: str
    title: str
    rules: tuple[str, ...]
    changes: list[Change | None]


class _Threads(NamedTuple):
    """The threads of all start-ups: the start-up and the end of each, and the thread of each wait."""

    startup: np.ndarray
    end: np.ndarray  # ns
    of_wait: np.ndarray  # row per wait, -1: none


def whatif(
    findings: pd.DataFrame,
    *,
    spans: pd.DataFrame,
    waits: pd.DataFrame,
    startups: pd.DataFrame,
    servers: tuple[str, ...] = (),
) -> pd.DataFrame:
    """The seconds that each remedy of the findings would save.

    Parameters
    ----------
    findings, spans, waits, startups : tables of one analysis.
    servers : the remedies are for these servers only (names as in `url_host`); all if empty.

    Returns
    -------
    whatif : DataFrame
        One row per remedy and start-up that it changes, in the columns of table `whatif`: first all of them
        together (for each finding its first remedy), then each alone, those that save most first.
        `saved_s` lies between `low_s` and `high_s`; it is less than 0 if a remedy costs time.
    """
    timeline = read_timeline(spans, waits)
    steps = list(_steps(findings, waits.iloc[timeline.order], servers=servers))
    threads = _threads(spans, timeline, startups=startups)
    rows = [row for step in steps for row in _rows(step, timeline, threads=threads, startups=startups)]
    if not rows:
        return empty("whatif")
    table = pd.DataFrame(rows)
    total = table.groupby("fix")["saved_s"].transform("sum")
    order = pd.DataFrame({"alone": table["fix"] != TOGETHER, "total": -total, "saved": -table["saved_s"]})
    order["fix"] = table["fix"]
    places = order.sort_values(["alone", "total", "fix", "saved"], kind="stable").index
    return shaped(table.loc[places].reset_index(drop=True), "whatif")


def _steps(findings: pd.DataFrame, waits: pd.DataFrame, *, servers: tuple[str, ...]) -> Iterator[_Step]:
    """All remedies together, then each alone. `waits` are in the timeline's order."""
    place = {event: i for i, event in enumerate(waits["event"].tolist())}
    meant = waits["url_host"].isin(servers).tolist() if servers else [True] * len(waits)
    limited = np.flatnonzero(waits["url_role"].ne(_OWN_LIMIT).fillna(True)).tolist()
    together: list[Change | None] = [None] * len(waits)
    single: dict[Fix, tuple[list[str], list[Change | None]]] = {}
    for rule, ids, cited in zip(findings["rule"], findings["fixes"], findings["waits"], strict=True):
        events = numbers_in(cited)
        mine = [place[event] for event in events if event in place and meant[place[event]]]
        first = True
        for fix in fixes_of(ids) if mine else ():
            if not fix.becomes:
                continue
            names, changes = single.setdefault(fix, ([], [None] * len(waits)))
            names.append(rule)
            change = Change(fix.becomes, fix.limit_s)
            for i in limited if fix.limit_s else mine:
                changes[i] = change
                if first and together[i] is None:
                    together[i] = change
            first = False
    if len(single) > 1:
        rules = dict.fromkeys(name for names, _ in single.values() for name in names)
        yield _Step(TOGETHER, "The first remedy of each finding", tuple(rules), together)
    for fix, (names, changes) in single.items():
        yield _Step(fix.id, fix.title, tuple(dict.fromkeys(names)), changes)


def _threads(spans: pd.DataFrame, timeline: Timeline, *, startups: pd.DataFrame) -> _Threads:
    """Each thread's last moment in each start-up."""
    place = {number: row for row, number in enumerate(startups["startup"].tolist())}
    row = integers(spans["startup"].map(place))
    inside = (row >= 0) & spans["stop"].notna().to_numpy(bool)
    thread = np.where(inside, lanes(spans, ["startup", "tid"]), -1)
    count = how_many(thread)
    end, startup = np.full(count, NAT), np.full(count, -1)
    np.maximum.at(end, thread[inside], nanoseconds(spans["stop"])[inside])
    startup[thread[inside]] = row[inside]
    return _Threads(startup, end, thread[timeline.at])  # with no thread at all every wait is outside


class _Saved(NamedTuple):
    """For each start-up, in ns: what its threads save together, how long it waits afterwards, the most it can save."""

    wall: np.ndarray
    waiting: np.ndarray
    most: np.ndarray


def _moved(timeline: Timeline, threads: _Threads, *, before: np.ndarray, after: np.ndarray, count: int) -> _Saved:
    """Start everything in a thread earlier by what was saved before it. `before`, `after`: lengths of the waits in s."""
    rows = np.flatnonzero(threads.of_wait >= 0)
    thread, start = threads.of_wait[rows], timeline.start[rows]
    was, now = (np.round(length[rows] * SECOND).astype("int64") for length in (before, after))
    less = was - now
    order = np.lexsort((start, thread))
    earlier = np.empty(len(rows), "int64")
    earlier[order] = cumsum_before(less[order], group=thread[order])
    total = np.zeros(len(threads.end), "int64")
    np.add.at(total, thread, less)
    last, done = np.full(count, NAT), np.full(count, NAT)
    known = threads.startup >= 0
    np.maximum.at(last, threads.startup[known], threads.end[known])
    np.maximum.at(done, threads.startup[known], (threads.end - total)[known])
    owner = threads.startup[thread]
    waiting = covered(owner=owner, begin=start - earlier, end=start - earlier + now, count=count)
    touched = covered(owner=owner, begin=start, end=start + np.maximum(was, now), count=count)
    left = covered(owner=owner, begin=start, end=start + now, count=count)
    return _Saved(np.where(last == NAT, 0, last - done), waiting, touched - left)


def _rows(step: _Step, timeline: Timeline, *, threads: _Threads, startups: pd.DataFrame) -> Iterator[dict[str, object]]:
    """What a remedy does to each start-up whose waits it changes, and to the waits outside all of them."""
    length, usual = timeline.length, timeline.usual
    runs = [(length.best, usual.best), (length.low, usual.high), (length.high, usual.low)]
    after = [replay(timeline, step.changes, length=one, usual=other) for one, other in runs]
    count = len(startups)
    best, least, most = (
        _moved(timeline, threads, before=one, after=new, count=count) for (one, _), new in zip(runs, after, strict=True)
    )
    changed = np.abs(after[0] - length.best) > 0
    startup = np.append(threads.startup, -1)[threads.of_wait]
    said = {"fix": step.fix, "title": step.title, "rules": " ".join(step.rules)}
    for row in np.unique(startup[changed & (startup >= 0)]):
        mine, one = startup == row, startups.iloc[row]
        saved, low, high = best.wall[row] / SECOND, least.wall[row] / SECOND, most.most[row] / SECOND
        yield (
            said
            | {name: one[name] for name in ("startup", "host", "process", "pid", "wall_s")}
            | {
                "waiting_s": one["waiting_wall_s"],
                "saved_s": saved,
                "low_s": min(low, saved),
                "high_s": max(min(high, float(one["wall_s"])), saved),
                "wall_after_s": max(float(one["wall_s"]) - saved, 0.0),
                "waiting_after_s": best.waiting[row] / SECOND,
                "waits": int(mine.sum()),
                "waits_after": int((mine & (after[0] > 0)).sum()),
            }
        )
    outside = changed & (startup < 0)
    if outside.any():
        low, saved, high = sorted(float((one - new)[outside].sum()) for (one, _), new in zip(runs, after, strict=True))
        yield said | {
            "saved_s": saved, "low_s": low, "high_s": high,
            "waits": int((startup < 0).sum()), "waits_after": int(((startup < 0) & (after[0] > 0)).sum()),
        }  # fmt: skip
