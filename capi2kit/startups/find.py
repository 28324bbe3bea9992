"""Start-ups: the first stretch of each process, and where its wall time went.

Input: corrected `spans` and `waits`. Output: `startups`, one row per process
that the log shows coming up, and `ledger`, whose lines add up to the wall time
exactly. A process's start-up is its first run of operations without a hole of
more than `gap_s` between the *recovered* intervals. Waiting threads overlap:
each moment is counted once. Nothing here reads a file or knows an event id.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from capi2kit.columns.cells import empty, integers, masked, shaped
from capi2kit.columns.instants import LATEST, SECOND, as_times, nanoseconds
from capi2kit.columns.keys import grouped, how_many, lanes
from capi2kit.knowledge import check
from capi2kit.startups.parts import CHECK, OTHER, PROCESS, REST, WAIT, cut_parts, parts_of, startup_of, totals

GAP_S = 30.0


def find_startups(
    spans: pd.DataFrame,
    waits: pd.DataFrame,
    *,
    coverage: pd.DataFrame | None = None,
    gap_s: float = GAP_S,
    parts: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Find the start-up of each process and measure what it spent waiting.

    Parameters
    ----------
    spans : the corrected spans, as `correct_spans` returns them.
    waits : as `recover_waits` returns them.
    coverage : table `coverage` of the case. A process that is there within `gap_s` of the beginning of a log which
        has lost older records may be older than the log.
    gap_s : a hole longer than this (s) ends the start-up.
    parts : what `parts_of` made of the same spans and waits, if it is at hand.

    Returns
    -------
    startups : DataFrame
        One row per process, by start, in the columns of table `startups`; wall_s = waiting_wall_s +
        checking_s + unexplained_s. `start_from` is ``log begins`` where the process was busy before.

    Raises
    ------
    TableError : a column of a table is missing or has another dtype.

    Notes
    -----
    Source: the corrected spans. Nothing is modified.
    """
    check(spans, "spans")
    check(waits, "waits")
    parts = parts_of(spans, waits) if parts is None else parts
    if parts.empty:
        return empty("startups")
    gap = round(gap_s * SECOND)
    parts = _first_segments(parts, gap=gap)
    number = parts["startup"].to_numpy()
    _, leader = np.unique(number, return_index=True)  # parts are sorted: the first one began first
    count = len(leader)
    begin, end = parts["begin"].to_numpy()[leader], np.zeros(count, "int64")
    np.maximum.at(end, number, parts["end"].to_numpy())
    total, first = totals(cut_parts(parts), end - begin), parts.iloc[leader]
    cut = first["lost"] | _near_a_cut(first, begin, coverage=coverage, gap=gap)
    return shaped(
        first[PROCESS].reset_index(drop=True),
        "startups",
        startup=np.arange(count),
        start=as_times(begin, known=np.ones(count, bool)),
        stop=as_times(end, known=np.ones(count, bool)),
        start_from=np.where(cut, "log begins", "first operation"),
        stop_from="last operation",
        first_operation=as_times(begin, known=np.ones(count, bool)),
        last_operation=as_times(end, known=np.ones(count, bool)),
        wall_s=(end - begin) / SECOND,
        **_waiting(parts, waiting=total[WAIT] + total[OTHER], wall=end - begin),
        other_wait_s=total[OTHER] / SECOND,
        checking_s=total[CHECK] / SECOND,
        unexplained_s=total[REST] / SECOND,
        critical_tid=first["tid"],
        **_counts(parts, leader=integers(first["tid"])),
    )


def _near_a_cut(first: pd.DataFrame, begin: np.ndarray, *, coverage: pd.DataFrame | None, gap: int) -> np.ndarray:
    """Whether each process is there so soon after the beginning of a log that lost older records, that it may be older."""
    if coverage is None or coverage.empty:
        return np.zeros(len(first), bool)
    check(coverage, "coverage")
    wrapped = coverage["wrapped"].fillna(False).astype(bool)
    if not wrapped.any():
        return np.zeros(len(first), bool)
    oldest = coverage["start"] == coverage.groupby("source")["start"].transform("min")
    cut = coverage[oldest & wrapped]
    begins = cut.groupby("host")["start"].min().reindex(first["host"])
    return begins.notna().to_numpy(bool) & (begin - nanoseconds(begins) <= gap)


def mark_startups(spans: pd.DataFrame, startups: pd.DataFrame) -> pd.DataFrame:
    """`spans` with the column `startup` filled: the start-up in whose window a process's span began."""
    check(spans, "spans")
    return _marked(spans, startups)


def mark_waits(waits: pd.DataFrame, startups: pd.DataFrame) -> pd.DataFrame:
    """`waits` with the column `startup` filled: the start-up in whose window a process's wait began."""
    check(waits, "waits")
    return _marked(waits, startups)


def _marked(table: pd.DataFrame, startups: pd.DataFrame) -> pd.DataFrame:
    check(startups, "startups")
    if startups.empty:
        return table
    at = startup_of(table, startups)
    start = nanoseconds(table["start"])
    inside = (at >= 0) & (start >= nanoseconds(startups["start"])[at]) & (start <= nanoseconds(startups["stop"])[at])
    return table.assign(startup=masked(startups["startup"].to_numpy()[at], ~inside, "Int64"))


def _first_segments(parts: pd.DataFrame, *, gap: int) -> pd.DataFrame:
    """The parts before each process's first hole, numbered by start-up in order of start, and sorted."""
    process = lanes(parts, PROCESS)
    first = np.full(how_many(process), LATEST)
    np.minimum.at(first, process, parts["begin"].to_numpy())
    rank = np.empty(len(first), "int64")
    rank[np.argsort(first, kind="stable")] = np.arange(len(first))
    number = rank[process]
    order = np.lexsort((parts["kind"], ~parts["lost"].to_numpy(bool), parts["begin"], number))
    parts = parts.iloc[order].assign(startup=number[order]).reset_index(drop=True)
    groups = parts.groupby("startup")
    reach = groups["end"].cummax().groupby(parts["startup"]).shift()
    broken = (parts["begin"] - reach > gap).groupby(parts["startup"]).cummax()
    return parts[~broken.to_numpy(bool)].reset_index(drop=True)


def _waiting(parts: pd.DataFrame, *, waiting: np.ndarray, wall: np.ndarray) -> dict[str, np.ndarray]:
    """How long each start-up waited, at least and at most, by what the waits known within bounds only may have taken."""
    other = parts[(parts["kind"] == OTHER).to_numpy()]
    number, length = other["startup"].to_numpy(), (other["end"] - other["begin"]).to_numpy() / SECOND
    low, high = (other[name].to_numpy("float64", na_value=np.nan) for name in ("low_s", "high_s"))
    less, more = (
        np.bincount(number, weights=np.nan_to_num(slack), minlength=len(wall))
        for slack in (length - low, high - length)
    )
    return {
        "waiting_wall_s": waiting / SECOND,
        "waiting_low_s": np.maximum(waiting / SECOND - less, 0.0),
        "waiting_high_s": np.minimum(waiting / SECOND + more, wall / SECOND),
    }


def _counts(parts: pd.DataFrame, *, leader: np.ndarray) -> dict[str, np.ndarray]:
    """Threads, targets, waits, and the waiting of the thread that started first."""
    number, count = parts["startup"].to_numpy(), len(leader)
    waiting = (parts["kind"] != CHECK).to_numpy()
    length = np.where(waiting, parts["end"] - parts["begin"], 0)
    led = integers(parts["tid"]) == leader[number]
    different = {column: _different(number, parts[column], count=count) for column in ("tid", "target")}
    waits = np.bincount(number[waiting], minlength=count)
    return {
        "waiting_sum_s": np.bincount(number, weights=length, minlength=count) / SECOND,
        "critical_wait_s": np.bincount(number[led], weights=length[led], minlength=count) / SECOND,
        "threads": different["tid"],
        "targets": different["target"],
        "waits": waits,
        "warm": waits == 0,
    }


def _different(owner: np.ndarray, cells: pd.Series, *, count: int) -> np.ndarray:
    """How many different values each owner has; a missing one does not count."""
    known = cells.notna().to_numpy(bool)
    _, first = np.unique(grouped([owner[known], cells.to_numpy(object)[known]]), return_index=True)
    return np.bincount(owner[known][first], minlength=count)
