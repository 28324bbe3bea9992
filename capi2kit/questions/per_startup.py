"""Per start-up: what shorter waits save each start-up, when everything in a thread begins earlier by what was saved before it.

Threads are assumed to be independent of each other, so a start-up is over when the last one is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from capi2kit.columns.cells import integers
from capi2kit.columns.instants import NAT, SECOND, TICK_S, nanoseconds
from capi2kit.columns.intervals import covered
from capi2kit.columns.keys import cumsum_before, how_many, lanes
from capi2kit.diagnosis.timeline import Timeline
from capi2kit.knowledge.actions import BESIDE


class Threads(NamedTuple):
    """The threads of all start-ups: the start-up and the end of each, and the thread of each wait."""

    startup: np.ndarray
    end: np.ndarray  # ns
    of_wait: np.ndarray  # row per wait, -1: none


class Saved(NamedTuple):
    """For each start-up, in ns: what its threads save together, how long it waits afterwards, the most it can save."""

    wall: np.ndarray
    waiting: np.ndarray
    most: np.ndarray


def threads_of(spans: pd.DataFrame, timeline: Timeline, *, startups: pd.DataFrame) -> Threads:
    """Each thread's last moment in each start-up; a retrieval that ends in the background is nobody's."""
    row = rows_of(spans["startup"], startups)
    inside = (row >= 0) & spans["stop"].notna().to_numpy(bool) & ~spans["kind"].isin(BESIDE).to_numpy(bool)
    thread = np.where(inside, lanes(spans, ["startup", "tid"]), -1)
    count = how_many(thread)
    end, startup = np.full(count, NAT), np.full(count, -1)
    np.maximum.at(end, thread[inside], nanoseconds(spans["stop"])[inside])
    startup[thread[inside]] = row[inside]
    return Threads(startup, end, thread[timeline.at])  # with no thread at all every wait is outside


def moved(timeline: Timeline, threads: Threads, *, before: np.ndarray, after: np.ndarray, count: int) -> Saved:
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
    return Saved(np.where(last == NAT, 0, last - done), waiting, touched - left)


def most_waiting(timeline: Timeline, threads: Threads, *, sure: np.ndarray, count: int) -> np.ndarray:
    """How long each start-up can have waited at most, in s. `sure`: for each call, whether its length is exact.

    Exact waits are wrong by less than a tick each, one way or the other: the sum of n such errors stays below two ticks
    times the root of n (five times its usual size).
    """
    rows = np.flatnonzero(threads.of_wait >= 0)
    owner, start = threads.startup[threads.of_wait[rows]], timeline.start[rows]
    best, high = timeline.length.best[rows], timeline.length.high[rows]
    waited = (
        covered(owner=owner, begin=start, end=start + np.round(best * SECOND).astype("int64"), count=count) / SECOND
    )
    some = owner >= 0
    more = np.bincount(owner[some], weights=np.where(sure[rows], 0, high - best)[some], minlength=count)
    return waited + more + 2 * TICK_S * np.sqrt(np.bincount(owner[some], minlength=count))


def rows_of(numbers: pd.Series, startups: pd.DataFrame) -> np.ndarray:
    """The rows of some start-ups by their numbers; -1 for none."""
    return integers(numbers.map({number: row for row, number in enumerate(startups["startup"].tolist())}))
