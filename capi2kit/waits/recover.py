"""Waits: where the seconds really went.

Input: `spans` as logged, `events`, and `steps` for the story of the proxy.
Output: `waits`, one row per network retrieval, with its true interval, how sure
it is, and its bounds. How a start is recovered, best first:

  budget            chain clock + (budget of the process − 2 × Timeout): each URL of an
                    accumulative chain gets half of what is left, so its limit tells the time used
  start record      where this log writes start records on time
  chain             chain clock, or the end of what the thread did before (callers without a common budget)
  previous record   the thread's last record before it, or the time that a .NET caller passed as now: the wait is
                    at most the gap
  time limit        it timed out, so it took its limit; or the gap is longer than it was allowed to take
  nothing           no evidence: the wait is unknown

The end is the transfer's completion time, else the stop record. Evidence that
contradicts itself (a clock set during a wait, records of another call) is not
called exact. Integer nanoseconds throughout.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from capi2kit.columns.cells import empty, shaped, strings
from capi2kit.columns.instants import NAT, TICK_S, as_times, nanoseconds
from capi2kit.columns.keys import threads
from capi2kit.knowledge import account, check, operations_where, url_role
from capi2kit.spans import BROKEN
from capi2kit.waits.budgets import DEFAULT_LIMIT_S, find_budgets
from capi2kit.waits.late_starts import EACH, ON_TIME, judge_starts, verdicts_of
from capi2kit.waits.steps import tell_retrievals

TICK = round(TICK_S * 1e9)
_MILLISECOND = 1_000_000  # chain clocks and completion times are cut to it
_TRUNCATED = 2 * _MILLISECOND  # so is a Timeout, and it counts twice
_HUGE = np.iinfo("int64").max
_HOST = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/@]*@)?(\[[^\]]*\]|[^/:?#]*)")
_COPIED = [
    "span",
    "depth",
    "task_id",
    "host",
    "process",
    "pid",
    "tid",
    "user_sid",
    "impersonate_sid",
    "url",
    "target",
    "accumulative",
    "outcome",
    "result",
    "stop_event",
    "timeout_s",
    "logged_start",
    "logged_stop",
    "last_sync",
    "previous",
]


def recover_waits(spans: pd.DataFrame, events: pd.DataFrame, *, steps: pd.DataFrame | None = None) -> pd.DataFrame:
    """Recover the true interval of every network retrieval.

    Returns
    -------
    waits : DataFrame
        One row per retrieval in the order of its span, in the columns of table `waits`.

        ==========  =======  ====  =============================================================
        column      dtype    unit  meaning
        ==========  =======  ====  =============================================================
        wait_s      Float64  s     best estimate; <NA> if nothing bounds it from below and above
        low_s       Float64  s     not less than
        high_s      Float64  s     not more than
        quality     string         exact (within a clock tick), bounded, unknown
        basis       string         what gave the start, see the module
        starts      string         whether this log's start records are late
        ==========  =======  ====  =============================================================

    Raises
    ------
    TableError : a column of `spans` or `events` is missing or has another dtype.

    Notes
    -----
    Source: AdditionalParameters of the revocation checks, Timeout and CacheInfo of the retrievals.
    `steps` adds proxy, headers and clock offset; without it these columns are <NA>. Nothing is modified.
    """
    check(spans, "spans")
    check(events, "events", needs=["event"])
    wires = _retrievals(spans)
    if wires.empty:
        return empty("waits")
    _recover(wires)
    told = wires[(wires["basis"] == "budget") & (wires["stop"] - wires["begin"] <= wires["allowed"] + TICK)]
    began, ended = told["begin"].to_numpy(), told["stop"].to_numpy()
    told = told.assign(start=as_times(began, known=began != NAT), stop=as_times(ended, known=ended != NAT))
    wires["starts"] = verdicts_of(wires["host"].to_numpy(object), judge_starts(spans, wires=told))
    _believe_start_records(wires)
    _mind_the_limit(wires)
    _bound(wires)
    wires["user_sid"] = wires["impersonate_sid"].fillna(wires["user_sid"])
    wires["account_kind"] = [
        account(sid if isinstance(sid, str) else None)[0] for sid in wires["user_sid"].to_numpy(object)
    ]
    urls = [url if isinstance(url, str) else None for url in wires["url"].to_numpy(object)]
    known = {url: (_url_host(url), url_role(url)) for url in set(urls) if url is not None}
    wires["url_host"] = strings([known[url][0] if url else None for url in urls])
    wires["url_role"] = strings([known[url][1] if url else None for url in urls])
    wires["event"] = wires["stop_event"].astype("int64")
    wires["budget_s"] = wires["timeout_s"]
    wires = wires.reset_index(drop=True)
    return shaped(tell_retrievals(wires, steps) if steps is not None else wires, "waits")


def _retrievals(spans: pd.DataFrame) -> pd.DataFrame:
    """The innermost spans that went to the network, with clock and budget of what encloses them."""
    operation, state = spans["operation"].to_numpy(object), spans["state"].to_numpy(object)
    wire = np.isin(operation, operations_where(wire=True)) & (state != "no stop")
    parent = spans["parent"].to_numpy("int64", na_value=-1)
    wire[parent[wire & (parent >= 0)]] = False  # an outer call waits through the one inside it
    wires = spans[_COPIED][wire]
    if wires.empty:
        return wires
    clock = nanoseconds(spans["chain_start"])
    broken = (spans["quality"] == BROKEN).to_numpy(bool)
    clock = np.where(broken, NAT, clock)  # of the call that its stop belongs to
    at, asked = _nearest(wires, clock, parent=parent), nanoseconds(spans["validation_time"])
    asked = np.where(asked % 1_000_000_000 != 0, asked, NAT)  # whole seconds are those of a signature
    span, around = wires["span"].to_numpy(), parent[wire]
    checked = (around >= 0) & (spans["budget_s"].notna().to_numpy(bool) & ~broken)[around]
    budgets = find_budgets(spans)
    limit = wires["timeout_s"].to_numpy("float64", na_value=np.nan)
    return wires.assign(
        clock=clock[at],
        asked=asked[_nearest(wires, asked, parent=parent)],
        guessed=(state[at] != "closed"),
        limit=limit,
        allowed=_nanoseconds(np.where(np.isnan(limit), DEFAULT_LIMIT_S, limit)),
        shared=wires["accumulative"].to_numpy(bool, na_value=False) & checked,
        **{name: values[span] for name, values in budgets._asdict().items()},
        **{
            name: values[np.maximum(around, 0)]
            for name, values in _next_checks(spans, clock=clock, total=budgets.total).items()
        },
    )


def _nearest(wires: pd.DataFrame, values: np.ndarray, *, parent: np.ndarray) -> np.ndarray:
    """For each retrieval the nearest span, itself or around it, that has a value; else the outermost."""
    at = wires["span"].to_numpy()
    for _ in range(int(wires["depth"].max())):
        at = np.where((values[at] == NAT) & (parent[at] >= 0), parent[at], at)
    return at


def _next_checks(spans: pd.DataFrame, *, clock: np.ndarray, total: np.ndarray) -> dict[str, np.ndarray]:
    """For each revocation check when the next one of its chain began, by the budget left then, and its record."""
    left = spans["budget_s"].to_numpy("float64", na_value=np.nan)
    parent = spans["parent"].to_numpy("int64", na_value=-1)
    shared = (spans["accumulative"].to_numpy("int8", na_value=0) > 0) & (left > 0)
    told = np.flatnonzero(shared & (clock != NAT))
    told = told[np.lexsort((told, parent[told]))]
    one, other = told[:-1], told[1:]
    follows = (parent[one] == parent[other]) & (parent[one] >= 0) & (clock[one] == clock[other])
    one, other = one[follows], other[follows]
    began, recorded = np.full(len(spans), _HUGE), np.full(len(spans), _HUGE)
    began[one] = (clock + _nanoseconds(total - left))[other]
    recorded[one] = nanoseconds(spans["logged_start"].fillna(spans["logged_stop"]))[other]
    return {"next_began": began, "next_recorded": recorded}


def _recover(wires: pd.DataFrame) -> None:
    """`begin`, its bounds `earliest` and `latest`, `stop` and `basis`, by what the retrieval and its thread say."""
    stop, synced, previous = (nanoseconds(wires[name]) for name in ("logged_stop", "last_sync", "previous"))
    timeless = stop == NAT
    stop = np.where(timeless, 0, stop)
    clock = wires["clock"].to_numpy()
    guessed = wires["guessed"].to_numpy()  # that the clock's call encloses it; the next one begins at its stop
    clock = np.where(clock > stop + np.where(guessed, -TICK, TICK), NAT, clock)  # or the clock was set back since
    asked = wires["asked"].to_numpy()
    floor = np.maximum(np.where(previous > stop, NAT, previous), np.where(asked > stop, NAT, asked))
    logged = nanoseconds(wires["logged_start"])
    started = np.where(logged == NAT, stop, np.minimum(logged, stop))  # written late or on time, but never before
    total, least, most, limit = (wires[name].to_numpy("float64") for name in ("total", "least", "most", "limit"))
    used = total - 2 * limit
    told = clock + _nanoseconds(used)
    budgeted = wires["shared"].to_numpy() & (clock != NAT) & (used > -TICK_S) & (told <= started + TICK)
    budgeted &= (limit > 0) & ~timeless  # else all was used up, since nobody knows when
    nothing = (~budgeted & (clock == NAT) & (floor == NAT)) | timeless
    begin = np.where(budgeted, told, np.where(nothing, stop, np.maximum(clock, floor)))
    good_sync = (synced >= begin - TICK) & (synced <= stop + TICK) & (synced != NAT)
    good_sync &= (wires["outcome"] == "ok").to_numpy(bool, na_value=False)
    end = np.where(good_sync, synced, stop)
    earliest = np.where(budgeted, begin - _nanoseconds(total - least) - _TRUNCATED, begin)
    begin = np.where(nothing, end, np.minimum(np.maximum(begin, np.maximum(floor, _ended_before(wires, end))), end))
    agrees = budgeted & (begin - earliest <= TICK)  # with what the thread did before
    latest = np.where(agrees, begin + _nanoseconds(most - total), started)
    next_began, next_recorded = wires["next_began"].to_numpy(), wires["next_recorded"].to_numpy()
    forward = end - next_began  # beyond the next check: the clock was set forward
    latest = np.where(budgeted & (forward > 2 * TICK), np.maximum(latest, begin + forward), latest)
    back = next_began - next_recorded  # which is recorded before it began: the clock was set back
    earliest = np.where(budgeted & (back > 2 * TICK), np.minimum(earliest, end - wires["allowed"]), earliest)
    wires["timeless"] = timeless
    wires["begin"], wires["stop"], wires["cut"] = begin, end, np.where(good_sync, _MILLISECOND, 0)
    wires["earliest"], wires["latest"] = np.where(budgeted, earliest, begin), np.clip(latest, begin, end)
    by_gap = np.where(nothing, "nothing", "previous record")
    wires["basis"] = np.where(budgeted, "budget", np.where(clock != NAT, "chain", by_gap)).astype(object)


def _ended_before(wires: pd.DataFrame, end: np.ndarray) -> np.ndarray:
    """When the thread's previous retrieval ended: a thread waits for one thing at a time."""
    host, pid, tid, task = (wires[name].to_numpy(object) for name in ("host", "pid", "tid", "task_id"))
    thread = threads(host, pid, tid=tid, task=task)
    order = np.lexsort((wires["stop_event"].to_numpy("int64"), thread))
    ended, mine = np.r_[NAT, end[order][:-1]], end[order]
    same = np.r_[False, thread[order][1:] == thread[order][:-1]] & (ended <= mine + TICK)
    before = np.empty(len(end), "int64")
    before[order] = np.where(same, ended, NAT)
    return before


def _believe_start_records(wires: pd.DataFrame) -> None:
    """Where start records are on time, the retrieval begins at its own."""
    begin, stop, logged = wires["begin"].to_numpy(), wires["stop"].to_numpy(), nanoseconds(wires["logged_start"])
    starts, budgeted = wires["starts"].to_numpy(object), (wires["basis"] == "budget").to_numpy()
    agrees = np.abs(logged - begin) <= TICK
    apart = (stop - logged > TICK) & np.where(budgeted, 2 * (logged - begin) < stop - begin, True)
    on_time = (logged != NAT) & (logged <= stop) & ((starts == ON_TIME) | ((starts == EACH) & apart))
    replaced = on_time & ~(budgeted & agrees)
    for column in ("begin", "earliest", "latest"):
        wires[column] = np.where(replaced, logged, wires[column])
    wires["basis"] = np.where(replaced, "start record", wires["basis"]).astype(object)


def _mind_the_limit(wires: pd.DataFrame) -> None:
    """No retrieval takes much longer than it was allowed to: what lies beyond was something else, or a clock set.

    One that timed out took its limit, if there was time for it; of another that ran over, the length is not known.
    """
    begin, end, allowed = (wires[name].to_numpy() for name in ("begin", "stop", "allowed"))
    sure = wires["basis"].isin(["budget", "start record"]).to_numpy()
    nothing = (wires["basis"] == "nothing").to_numpy()
    over = end - begin > np.where(sure, 2 * allowed, allowed) + TICK
    timed_out = (
        ~sure & (wires["outcome"] == "timeout").to_numpy(bool, na_value=False) & wires["limit"].notna().to_numpy()
    )
    timed_out &= nothing | (end - begin >= allowed - TICK)
    slow = ~over & sure & (end - begin > allowed + TICK)
    wires["latest"] = np.where(slow, np.maximum(wires["latest"], end - allowed), wires["latest"])
    for column in ("begin", "earliest"):
        wires[column] = np.where(over | timed_out, end - allowed, wires[column])
    wires["latest"] = np.where(timed_out, wires["begin"], np.maximum(wires["latest"], wires["begin"]))
    wires["basis"] = np.where(over | timed_out, "time limit", wires["basis"]).astype(object)
    wires["unknown"] = ((over | nothing) & ~timed_out) | wires["timeless"].to_numpy()


def _bound(wires: pd.DataFrame) -> None:
    """`wait_s`, `low_s`, `high_s` and `quality`; an unknown wait has no start."""
    begin, earliest, latest, end = (wires[name].to_numpy() for name in ("begin", "earliest", "latest", "stop"))
    unknown, allowed = wires["unknown"].to_numpy(bool), wires["allowed"].to_numpy()
    sharp = (latest - begin <= TICK) & (begin - earliest <= TICK)
    exact = (wires["basis"] == "budget").to_numpy() & sharp & ~unknown
    clocked = np.where(wires["clock"].to_numpy() != NAT, _MILLISECOND, 0)
    low = np.where(unknown, 0, np.maximum(end - latest - TICK - clocked, 0))
    high = np.where(unknown, allowed, end - earliest) + TICK + wires["cut"].to_numpy()
    logged, stopped = nanoseconds(wires["logged_start"]), nanoseconds(wires["logged_stop"])
    for column, length, known in (
        ("wait_s", end - begin, ~unknown),
        ("low_s", low, True),
        ("high_s", high, True),
        ("logged_s", stopped - logged, logged != NAT),
    ):
        wires[column] = pd.array(np.where(known, length / 1e9, np.nan), dtype="Float64")
    wires["quality"] = np.select([exact, unknown], ["exact", "unknown"], "bounded")
    there = ~wires["timeless"].to_numpy()
    wires["start"], wires["stop"] = as_times(np.where(unknown, end, begin), known=there), as_times(end, known=there)


def _nanoseconds(seconds: np.ndarray) -> np.ndarray:
    return np.round(np.nan_to_num(seconds) * 1e9).astype("int64")


def _url_host(url: str) -> str | None:
    found = _HOST.match(url)
    return found[1].lower() or None if found else None
