"""Sequence: the records of each task in order, their moments, and what lies between them.

SeqNumber orders a task, not time: stamps tick too coarsely, and a wrapped log is
out of order. Numbers that are missing are records that are missing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from capi2kit.columns.cells import integers
from capi2kit.columns.instants import LATEST, NAT, nanoseconds
from capi2kit.columns.keys import grouped, how_many, threads
from capi2kit.spans.pairing import Pairs


class Records(NamedTuple):
    """The records that belong to a task, sorted by (computer, pid, task) and SeqNumber; one place per record."""

    row: np.ndarray  # of `events`
    group: np.ndarray  # one number per task
    sign: np.ndarray  # +1 start, -1 stop, 0 anything else
    seq: np.ndarray  # 0 where it is missing
    time: np.ndarray  # integer nanoseconds

    def missing(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """How many records are missing between two places of one task; 0 where they are not numbered."""
        numbered = (self.seq[one] > 0) & (self.seq[other] > 0)
        return np.where(numbered, self.seq[other] - self.seq[one] - (other - one), 0)


def order_records(events: pd.DataFrame, task_id: np.ndarray) -> Records:
    """The records of `events` that have a TaskId, in the order of their tasks."""
    group = grouped([events["host"].to_numpy(object), integers(events["pid"]), task_id])
    record = integers(events["record"])
    seq = integers(events["seq"], missing=0)
    row = np.lexsort((record, np.where(seq > 0, seq, record), group))
    row = row[pd.notna(task_id[row])]
    phase = events["phase"].to_numpy(object)[row]
    sign = (phase == "start").astype(int) - (phase == "stop")
    return Records(row, group[row], sign, seq[row], nanoseconds(events["time"])[row])


def first_inside(records: Records, pairs: Pairs) -> tuple[np.ndarray, np.ndarray]:
    """Place of the first record inside each span that is not a start record, and whether that is known."""
    count = len(records.row)
    index = np.arange(count)
    following = np.minimum.accumulate(np.where(records.sign == 1, count, index)[::-1])[::-1][pairs.start]
    inner = np.minimum(following, count - 1)
    known = (pairs.start >= 0) & (following < count) & (records.group[inner] == records.group[pairs.start])
    return inner, known & (records.missing(pairs.start, inner) == 0)  # else a missing one may have been the first


def previous_in_thread(records: Records, place: pd.DataFrame, *, task_id: np.ndarray) -> np.ndarray:
    """For each place the thread's last record before it that is not a start record, or -1.

    `place`: host, pid, tid, source and record of each. Record ids count per file, so that files come in
    the order of their times. Where the clock was set back in between, the time of that record says
    nothing, and there is none.
    """
    host, pid, tid, source = (place[name].to_numpy(object) for name in ("host", "pid", "tid", "source"))
    thread, number, time = threads(host, pid, tid=tid, task=task_id), grouped([source]), records.time
    began = np.full(how_many(number), LATEST)
    np.minimum.at(began, number, np.where(time == NAT, LATEST, time))
    record = integers(place["record"])
    # Sort keys: thread by thread; in it the file that began first; files that began at once stay apart; in one the record id.
    order = np.lexsort((record, number, began[number], thread))
    is_start = records.sign[order] > 0
    latest = np.maximum.accumulate(np.where(is_start, -1, np.arange(len(time))))  # the last one up to here
    latest = np.r_[-1, latest[:-1]]  # ... and before here
    before = order[latest]
    same = (latest >= 0) & (thread[before] == thread[order])
    not_set_back = time[before] <= time[order]
    previous = np.empty(len(time), int)
    previous[order] = np.where(same & not_set_back, before, -1)
    return previous
