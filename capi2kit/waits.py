"""Waits: where the seconds really went.

Input: `spans` as logged, `events`, and `steps` for the story of the proxy.
Output: `waits`, one row per network retrieval, with its true interval, how sure
it is, and its bounds. How a start is recovered, best first:

  budget            chain clock + (largest budget of the process − 2 × Timeout): each URL of an
                    accumulative chain gets half of what is left, so its limit tells the time used
  start record      where this log writes start records on time
  chain             chain clock, or the end of what the thread did before (callers without a common budget)
  previous record   the thread's last record before it: the wait is at most the gap
  time limit        the gap is longer than the retrieval was allowed to take
  nothing           no evidence: the wait is unknown

The end is the transfer's completion time, else the stop record.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from capi2kit.cells import empty, shaped, strings
from capi2kit.knowledge import account, check, operations_where, url_role
from capi2kit.retrievals import tell_retrievals
from capi2kit.starts import (
    EACH,
    NAT,
    ON_TIME,
    UNDETERMINED,
    as_times,
    judge_starts,
    lanes,
    nanoseconds,
    seconds_between,
)

TICK_S = 0.016  # resolution of the clock that stamps records
DEFAULT_BUDGET_S = 20.0  # ChainRevAccumulativeUrlRetrievalTimeoutMilliseconds
DEFAULT_LIMIT_S = 15.0  # ChainUrlRetrievalTimeoutMilliseconds
_HOST = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/@]*@)?(\[[^\]]*\]|[^/:?#]*)")
_COPIED = (
    "span task_id host process pid tid user_sid impersonate_sid url target accumulative outcome result stop_event "
    "timeout_s logged_start logged_stop last_sync previous"
).split()


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
    verdict = judge_starts(spans, wires=wires)
    wires["starts"] = [verdict.get(host, UNDETERMINED) for host in wires["host"].to_numpy(object)]
    _believe_start_records(wires)
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
    at = wires["span"].to_numpy()
    for _ in range(int(spans["depth"].max())):
        at = np.where((clock[at] == NAT) & (parent[at] >= 0), parent[at], at)
    return wires.assign(clock=clock[at], largest=largest_budget(spans)[wires["span"].to_numpy()])


def largest_budget(spans: pd.DataFrame) -> np.ndarray:
    """The accumulative budget each span's process was given, in seconds: the largest it ever had left.

    A chain whose first certificate needs no retrieval logs a smaller one only. A budget is set in whole
    seconds, so another value is taken for such a rest, and the default for the whole.
    """
    shared = spans["accumulative"].to_numpy("int8", na_value=0) > 0
    budget = np.where(shared, spans["budget_s"].to_numpy("float64", na_value=np.nan), np.nan)
    process = lanes(spans, ["host", "process", "pid"])
    largest = np.full(int(process.max(initial=-1)) + 1, -np.inf)
    known = ~np.isnan(budget)
    np.maximum.at(largest, process[known], budget[known])
    rest = (largest % 1 != 0) & (largest < DEFAULT_BUDGET_S) & np.isfinite(largest)
    return np.where(np.isfinite(largest), np.where(rest, DEFAULT_BUDGET_S, largest), np.nan)[process]


def _recover(wires: pd.DataFrame) -> None:
    """`start`, `stop` and `basis` by what the retrieval itself says; late start records are not used."""
    stop = nanoseconds(wires["logged_stop"])
    synced, previous, clock = nanoseconds(wires["last_sync"]), nanoseconds(wires["previous"]), wires["clock"].to_numpy()
    tick = round(TICK_S * 1e9)
    limit = wires["timeout_s"].to_numpy("float64", na_value=np.nan)
    used = wires["largest"].to_numpy("float64") - 2 * limit
    budgeted = wires["accumulative"].to_numpy(bool, na_value=False) & (clock != NAT) & (used > -TICK_S)
    floor = np.where(previous == NAT, np.iinfo("int64").min + 1, previous)
    begin = np.where(budgeted, clock + np.round(np.nan_to_num(used) * 1e9).astype("int64"), np.maximum(clock, floor))
    basis = np.where(budgeted, "budget", "chain").astype(object)
    gap = (clock == NAT) & (previous != NAT)
    begin, basis = np.where(gap, previous, begin), np.where(gap, "previous record", basis)
    nothing = (clock == NAT) & (previous == NAT)
    begin, basis = np.where(nothing, stop, begin), np.where(nothing, "nothing", basis)
    begin = np.where(budgeted & (begin > stop + tick), np.maximum(clock, floor), begin)  # budget misread
    good_sync = (synced != NAT) & (synced >= begin - tick) & (synced <= stop + tick)
    end = np.where(good_sync, synced, stop)
    begin = _after_what_came_before(wires, np.maximum(begin, np.where(nothing, begin, floor)), end)
    allowed = np.round(np.where(np.isnan(limit), DEFAULT_LIMIT_S, limit) * 1e9).astype("int64")
    capped = ~budgeted & ~nothing & (end - begin > allowed + tick)
    wires["start"] = as_times(np.where(capped, end - allowed, begin), known=np.ones(len(wires), bool))
    wires["stop"] = as_times(end, known=np.ones(len(wires), bool))
    wires["basis"] = np.where(capped, "time limit", basis)


def _after_what_came_before(wires: pd.DataFrame, begin: np.ndarray, end: np.ndarray) -> np.ndarray:
    """A thread waits for one thing at a time: no start before the thread's previous retrieval ended."""
    lane = lanes(wires, ["host", "pid", "tid"])
    order = np.lexsort((end, lane))
    same = np.r_[False, lane[order][1:] == lane[order][:-1]]
    before = np.where(same, np.r_[0, end[order][:-1]], NAT)
    after = begin.copy()
    after[order] = np.minimum(np.maximum(begin[order], before), end[order])
    return after


def _believe_start_records(wires: pd.DataFrame) -> None:
    """Where start records are on time, the retrieval begins at its own."""
    logged = seconds_between(wires["start"], wires["logged_start"])
    wait = seconds_between(wires["start"], wires["stop"])
    with np.errstate(divide="ignore", invalid="ignore"):
        near = logged < 0.5 * wait
    on_time = (wires["starts"] == ON_TIME) | ((wires["starts"] == EACH) & near)
    on_time &= wires["logged_start"].notna() & (wires["logged_start"] <= wires["stop"])
    agrees = on_time & (wires["basis"] == "budget") & (np.abs(logged) <= TICK_S)
    wires["on_time"] = on_time
    wires["agrees"] = agrees
    wires["start"] = wires["start"].mask(on_time, wires["logged_start"])
    wires["basis"] = wires["basis"].mask(on_time & ~agrees, "start record")


def _bound(wires: pd.DataFrame) -> None:
    """`wait_s`, `low_s`, `high_s` and `quality`."""
    wait = seconds_between(wires["start"], wires["stop"])
    logged = np.nan_to_num(seconds_between(wires["logged_start"], wires["logged_stop"]))
    basis = wires["basis"]
    limit = wires["timeout_s"].astype("float64").fillna(DEFAULT_LIMIT_S).to_numpy()
    exact = ((basis == "budget") & (~wires["on_time"] | wires["agrees"])).to_numpy()
    sharp = exact | wires["on_time"].to_numpy()
    unknown = basis.isin(["nothing", "time limit"]).to_numpy() & ~sharp
    low = np.where(sharp, wait - TICK_S, np.minimum(logged, wait))
    high = np.where(sharp, wait + TICK_S, wait)
    wires["logged_s"] = seconds_between(wires["logged_start"], wires["logged_stop"])
    wires["wait_s"] = np.where(unknown, np.nan, wait)
    wires["low_s"] = np.where(unknown, 0.0, np.maximum(low, 0.0))
    wires["high_s"] = np.where(unknown, limit + TICK_S, high)
    wires["quality"] = np.select([exact, unknown], ["exact", "unknown"], "bounded")
    for column in ("logged_s", "wait_s", "low_s", "high_s"):
        wires[column] = wires[column].astype("Float64")
    wires["start"] = wires["start"].mask(unknown, wires["stop"])


def _url_host(url: str) -> str | None:
    found = _HOST.match(url)
    return found[1].lower() or None if found else None
