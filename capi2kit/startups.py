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

from capi2kit.columns.cells import empty, masked, shaped
from capi2kit.columns.instants import TICK_S, as_times, nanoseconds
from capi2kit.columns.intervals import Atoms, cut, shares
from capi2kit.columns.keys import grouped, lanes
from capi2kit.knowledge import check

GAP_S = 30.0
_WAIT, _OTHER, _CHECK, _REST = 0, 1, 2, 3
_KINDS = ("wait", "other wait", "checking", "unexplained")
_PROCESS = ["host", "process", "pid"]


def find_startups(
    spans: pd.DataFrame, waits: pd.DataFrame, *, coverage: pd.DataFrame | None = None, gap_s: float = GAP_S
) -> pd.DataFrame:
    """Find the start-up of each process and measure what it spent waiting.

    `gap_s`: a hole longer than this ends the start-up. A process whose first operation lost its start
    record was busy before the log begins, and says so in `start_from`; so does one that is there within
    `gap_s` of the beginning of a log which, by its `coverage`, has lost older records.

    Returns
    -------
    startups : DataFrame
        One row per process, by start, in the columns of table `startups`; wall_s = waiting_wall_s +
        checking_s + unexplained_s. Raises TableError. Source: the corrected spans. Nothing is modified.
    """
    check(spans, "spans")
    check(waits, "waits")
    parts = _parts(spans, waits)
    if parts.empty:
        return empty("startups")
    gap = round(gap_s * 1e9)
    parts = _first_segments(parts, gap=gap)
    number = parts["startup"].to_numpy()
    leader = np.unique(number, return_index=True)[1]  # parts are sorted: the first one began first
    count = len(leader)
    begin, end = parts["begin"].to_numpy()[leader], np.zeros(count, "int64")
    np.maximum.at(end, number, parts["end"].to_numpy())
    total = _totals(_cut(parts), end - begin)
    first = parts.iloc[leader]
    startups = first[_PROCESS].assign(
        startup=np.arange(count),
        start=as_times(begin, known=np.ones(count, bool)),
        stop=as_times(end, known=np.ones(count, bool)),
        start_from=np.where(
            first["lost"] | _near_a_cut(first, begin, coverage=coverage, gap=gap), "log begins", "first operation"
        ),
        stop_from="last operation",
        first_operation=as_times(begin, known=np.ones(count, bool)),
        last_operation=as_times(end, known=np.ones(count, bool)),
        wall_s=(end - begin) / 1e9,
        waiting_wall_s=(total[_WAIT] + total[_OTHER]) / 1e9,
        other_wait_s=total[_OTHER] / 1e9,
        checking_s=total[_CHECK] / 1e9,
        unexplained_s=total[_REST] / 1e9,
        critical_tid=first["tid"],
        **_counts(parts, leader=first["tid"].to_numpy("int64", na_value=-1)),
    )
    return shaped(startups.reset_index(drop=True), "startups")


def _near_a_cut(first: pd.DataFrame, begin: np.ndarray, *, coverage: pd.DataFrame | None, gap: int) -> np.ndarray:
    """Whether each process is there so soon after the beginning of a log that lost older records, that it may be older."""
    if coverage is None or coverage.empty:
        return np.zeros(len(first), bool)
    check(coverage, "coverage")
    oldest = coverage["start"] == coverage.groupby("source")["start"].transform("min")
    cut = coverage[oldest & coverage["wrapped"].fillna(False).astype(bool)]
    begins = cut.groupby("host")["start"].min().reindex(first["host"])
    return begins.notna().to_numpy(bool) & (begin - nanoseconds(begins) <= gap)


def draw_ledger(startups: pd.DataFrame, spans: pd.DataFrame, *, waits: pd.DataFrame) -> pd.DataFrame:
    """Account for the wall time of each start-up, line by line.

    Returns
    -------
    ledger : DataFrame
        Lines of kind wait, other wait (known within bounds only), checking and unexplained, in the
        columns of table `ledger`. Per start-up the `ns` add up to stop minus start exactly; a moment
        shared by n waiting threads gives 1/n to each. Raises TableError. Nothing is modified.
    """
    check(startups, "startups")
    check(spans, "spans")
    check(waits, "waits")
    parts = _parts(spans, waits)
    if startups.empty or parts.empty:
        return empty("ledger")
    parts = _inside(parts, startups)
    atoms = _cut(parts)
    total = _totals(atoms, nanoseconds(startups["stop"]) - nanoseconds(startups["start"]))
    number = startups["startup"].to_numpy()
    lines = [_wait_lines(parts, atoms, kind=_WAIT), _wait_lines(parts, atoms, kind=_OTHER)]
    lines += [pd.DataFrame({"startup": number, "order": kind, "ns": total[kind]}) for kind in (_CHECK, _REST)]
    ledger = pd.concat([line for line in lines if len(line)], ignore_index=True)
    ledger = ledger.iloc[np.lexsort((-ledger["ns"], ledger["order"], ledger["startup"]))].reset_index(drop=True)
    ledger["kind"] = np.array(_KINDS, object)[ledger["order"]]
    first = np.unique(ledger["startup"], return_index=True)[1]
    ledger["line"] = np.arange(len(ledger)) - np.repeat(first, np.diff(np.r_[first, len(ledger)]))
    ledger["seconds"] = ledger["ns"] / 1e9
    return shaped(ledger, "ledger")


def mark_startups(spans: pd.DataFrame, startups: pd.DataFrame) -> pd.DataFrame:
    """`spans` with the column `startup` filled: the start-up in whose window a process's span began."""
    check(spans, "spans")
    check(startups, "startups")
    if startups.empty:
        return spans
    at = _startup_of(spans, startups)
    start = nanoseconds(spans["start"])
    inside = (at >= 0) & (start >= nanoseconds(startups["start"])[at]) & (start <= nanoseconds(startups["stop"])[at])
    return spans.assign(startup=masked(startups["startup"].to_numpy()[at], ~inside, "Int64"))


def claim_waiting(startup: pd.Series, waits: pd.DataFrame) -> str:
    """The waiting of one start-up in seconds as a sentence may claim it; `waits` are those in it.

    Bare if all of it is exact, ``about`` if the bounds leave less than 1 %, else ``up to`` the upper bound.
    """
    seconds, known = float(startup["waiting_wall_s"]), waits[waits["wait_s"].notna()]
    if startup["other_wait_s"] == 0:
        return f"{seconds:.2f}"
    high, low, best = (known[name].to_numpy("float64") for name in ("high_s", "low_s", "wait_s"))
    if (high - low).sum() <= 0.01 * seconds + TICK_S * 3 * len(known):
        return f"about {seconds:.2f}"
    return f"up to {min(seconds + (high - best).sum(), float(startup['wall_s'])):.2f}"


def _startup_of(rows: pd.DataFrame, startups: pd.DataFrame) -> np.ndarray:
    """For each row the place of its process among the start-ups, or -1. A missing pid is one like any other."""
    process = lanes(pd.concat([startups[_PROCESS], rows[_PROCESS]]), _PROCESS)
    place = np.full(int(process.max(initial=-1)) + 1, -1)
    place[process[: len(startups)]] = np.arange(len(startups))
    return place[process[len(startups) :]]


def _parts(spans: pd.DataFrame, waits: pd.DataFrame) -> pd.DataFrame:
    """Outermost operations and waits as intervals in integer nanoseconds, with what the ledger says of them.

    A wait of unknown length is a moment: it adds no time, but it was one. What has no time is nowhere.
    """
    common = [*_PROCESS, "tid", "target", "start", "stop"]
    roots = spans[[*common, "state"]][(spans["depth"] == 0).to_numpy(bool) & spans["process"].notna().to_numpy(bool)]
    waiting = waits[[*common, "url_host", "user_sid", "event", "quality"]][waits["process"].notna().to_numpy(bool)]
    kind = np.where(waiting["quality"].to_numpy(object) == "exact", _WAIT, _OTHER)
    parts = pd.concat(
        [
            roots.assign(kind=_CHECK, event=-1, lost=roots["state"].to_numpy(object) == "no start"),
            waiting.assign(kind=kind, lost=False),
        ],
        ignore_index=True,
    )
    parts = parts[parts["start"].notna() & parts["stop"].notna()].reset_index(drop=True)
    return parts.assign(begin=nanoseconds(parts["start"]), end=nanoseconds(parts["stop"]))


def _first_segments(parts: pd.DataFrame, *, gap: int) -> pd.DataFrame:
    """The parts before each process's first hole, numbered by start-up in order of start, and sorted."""
    process = lanes(parts, _PROCESS)
    first = np.full(int(process.max()) + 1, np.iinfo("int64").max)
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


def _inside(parts: pd.DataFrame, startups: pd.DataFrame) -> pd.DataFrame:
    """What of the parts falls into the window of their process's start-up. `startup` becomes its row number."""
    at = _startup_of(parts, startups)
    first, last = nanoseconds(startups["start"])[at], nanoseconds(startups["stop"])[at]
    begin, end = (parts[name].to_numpy("int64") for name in ("begin", "end"))
    keep = (at >= 0) & (begin <= last) & (end >= first)
    inside = parts.assign(startup=at, begin=np.maximum(begin, first), end=np.minimum(end, last))
    return inside[keep].reset_index(drop=True)


def _cut(parts: pd.DataFrame) -> Atoms:
    owner, begin, end, kind = (parts[name].to_numpy("int64") for name in ("startup", "begin", "end", "kind"))
    return cut(owner=owner, begin=begin, end=end, kind=kind, kinds=3)


def _mine(atoms: Atoms, kind: int) -> np.ndarray:
    """Atoms that belong to a kind: the strongest one open in it."""
    stronger = atoms.open[:, :kind].sum(axis=1) > 0
    return (atoms.open[:, kind] > 0) & ~stronger


def _totals(atoms: Atoms, wall: np.ndarray) -> np.ndarray:
    """Nanoseconds of each kind per start-up (one row per kind); what no interval covers is unexplained."""
    total = np.zeros((4, len(wall)), "int64")
    for kind in (_WAIT, _OTHER, _CHECK):
        mine = _mine(atoms, kind)
        np.add.at(total[kind], atoms.owner[mine], atoms.length[mine])
    total[_REST] = wall - total.sum(axis=0)
    return total


def _wait_lines(parts: pd.DataFrame, atoms: Atoms, *, kind: int) -> pd.DataFrame:
    waiting = parts[(parts["kind"] == kind) & (parts["end"] > parts["begin"])]
    owner, begin, end = (waiting[column].to_numpy("int64") for column in ("startup", "begin", "end"))
    charged = shares(atoms, mine=_mine(atoms, kind), open_count=atoms.open[:, kind], owner=owner, begin=begin, end=end)
    by = ["startup", "url_host", "target", "user_sid"]
    group = lanes(waiting, by)
    first = np.unique(group, return_index=True)[1]
    total = np.zeros(len(first), "int64")
    np.add.at(total, group, charged)
    events: list[list[str]] = [[] for _ in first]
    for line, event in zip(group.tolist(), waiting["event"].tolist(), strict=True):
        events[line].append(str(event))
    return waiting.iloc[first][by].assign(order=kind, ns=total, events=[" ".join(numbers) for numbers in events])


def _counts(parts: pd.DataFrame, *, leader: np.ndarray) -> dict[str, np.ndarray]:
    """Threads, targets, waits, and the waiting of the thread that started first."""
    number, count = parts["startup"].to_numpy(), len(leader)
    waiting = (parts["kind"] != _CHECK).to_numpy()
    length = np.where(waiting, parts["end"] - parts["begin"], 0)
    led = parts["tid"].to_numpy("int64", na_value=-1) == leader[number]
    different = {column: _different(number, parts[column], count=count) for column in ("tid", "target")}
    waits = np.bincount(number[waiting], minlength=count)
    return {
        "waiting_sum_s": np.bincount(number, weights=length, minlength=count) / 1e9,
        "critical_wait_s": np.bincount(number[led], weights=length[led], minlength=count) / 1e9,
        "threads": different["tid"],
        "targets": different["target"],
        "waits": waits,
        "warm": waits == 0,
    }


def _different(owner: np.ndarray, cells: pd.Series, *, count: int) -> np.ndarray:
    """How many different values each owner has; a missing one is none."""
    known = cells.notna().to_numpy(bool)
    pairs = grouped([owner[known], cells.to_numpy(object)[known]])
    return np.bincount(owner[known][np.unique(pairs, return_index=True)[1]], minlength=count)
