"""Corrections: spans as logged → spans as they were.

Late start records make every enclosing operation too short by its first inner
wait. Here each span gets its true start: a chain by the clock it logged, a
revocation check by the budget left at it, a retrieval by its recovered wait, an
enclosing call by the earliest thing inside it. Stops never run backwards in a
task, children lie inside their parents, and own times are what is left. Integer
nanoseconds throughout. The steps are pure functions:

  true_stops → own_starts → fitted → measured, bounded
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from capi2kit.columns.call_tree import CallTree
from capi2kit.columns.cells import integers, strings
from capi2kit.columns.instants import NAT, SECOND, TICK, TICK_S, as_times, nanoseconds, whole_ns
from capi2kit.columns.keys import value_before
from capi2kit.knowledge import check
from capi2kit.spans import BROKEN
from capi2kit.waits.budgets import find_budgets
from capi2kit.waits.evidence import measured_ns
from capi2kit.waits.late_starts import ON_TIME, judge_starts, verdicts_of


class Calls(NamedTuple):
    """What the log says of each span; times in integer nanoseconds, NAT where it says nothing.

    `recorded_stop`: of the stop record, or of the start record where there is no other; `order`: the number of that
    record. `measured`: its length by the stopwatch of Windows, below 0 where there is none. `written_late`: its computer does not
    write start records on time. `left_s`: the budget left at a revocation check. `used_s`: what of the budget was used by then; 0
    for a chain. `used_is_sure`: within a clock tick. `shares`: it shares the budget of its chain, or has none.
    """

    tree: CallTree
    root: np.ndarray
    order: np.ndarray
    logged_start: np.ndarray
    recorded_stop: np.ndarray
    measured: np.ndarray
    previous: np.ndarray
    clock: np.ndarray
    left_s: np.ndarray
    used_s: np.ndarray
    used_is_sure: np.ndarray
    shares: np.ndarray
    written_late: np.ndarray
    closed: np.ndarray
    broken: np.ndarray


class Recovered(NamedTuple):
    """The recovered waits, as far as spans need them: at which span, from when to when, and between which bounds."""

    at: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    low: np.ndarray
    high: np.ndarray
    is_exact: np.ndarray
    is_known: np.ndarray


class OwnStarts(NamedTuple):
    """When each span began by its own evidence, whether that is exact, and whether its start record contradicts it."""

    start: np.ndarray
    exact: np.ndarray
    contradicted: np.ndarray


def correct_spans(spans: pd.DataFrame, waits: pd.DataFrame) -> pd.DataFrame:
    """Give every span its true start, duration, waiting and own time.

    Parameters
    ----------
    spans : as logged, as `build_spans` returns them.
    waits : what `recover_waits` made of the same spans.

    Returns
    -------
    spans : DataFrame
        The rows of `spans` with `start`, `stop`, `duration_s`, `wait_s`, `own_s`, `quality` and
        `starts` filled. Own times are never negative and those of the closed spans add up to the
        root's duration. A span without a stop record has no duration.

        ==========  =======  ====  ==========================================================
        column      dtype    unit  meaning
        ==========  =======  ====  ==========================================================
        duration_s  Float64  s     stop minus start
        wait_s      Float64  s     waiting for the network in it or below it
        own_s       Float64  s     duration minus that of the spans right below
        low_s       Float64  s     the duration is not less than this
        high_s      Float64  s     nor more than this; <NA> if nothing bounds it
        quality     string         exact (its own evidence tells the start within a tick), bounded,
                                   unknown (a wait of unknown length in it, a lost record, a clock set)
        ==========  =======  ====  ==========================================================

    Raises
    ------
    TableError : a column of either table is missing or has another dtype.

    Notes
    -----
    Source: `recover_waits`, AdditionalParameters of the revocation checks. Nothing is modified.

    References
    ----------
    CONTRIBUTING.md, "How durations are recovered"; the sources ms-chain-engine and log-wks05 of ``data/sources.csv``.
    """
    check(spans, "spans")
    check(waits, "waits")
    if spans.empty:
        return spans.copy()
    starts = _verdicts(spans, waits)
    calls, recovered = _calls(spans, starts=starts), _recovered(waits)
    stop, raised = true_stops(calls, recovered)
    own = own_starts(calls, recovered, stop=stop)
    start, moved = fitted(calls, start=own.start, stop=stop)
    exact = own.exact & (start >= own.start - TICK)  # else something inside leads it: it may have begun before that
    doubtful = clock_was_set(calls, own._replace(exact=exact), raised=raised, moved=moved)
    doubtful[recovered.at[~recovered.is_known]] = True
    cut = (spans["state"] == "no start").to_numpy(bool) & ~exact  # it may be longer
    unknown = calls.tree.with_callers(doubtful) | ~calls.closed | cut
    duration, wait, inner = measured(calls, recovered, start=start, stop=stop)
    shortest, longest = bounded(calls, recovered, start=start, stop=stop, exact=exact)
    known, everywhere = calls.closed & ~unknown, np.ones(len(spans), bool)
    return spans.assign(
        starts=strings(starts.tolist()),
        start=as_times(start, known=everywhere),
        stop=as_times(stop, known=everywhere),
        duration_s=_seconds(duration, known=calls.closed),
        wait_s=_seconds(wait, known=calls.closed),
        own_s=_seconds(duration - inner, known=calls.closed),
        quality=strings(np.select([unknown, exact], ["unknown", "exact"], "bounded").tolist()),
        low_s=_seconds(shortest, known=known),
        high_s=_seconds(longest, known=known & (longest != NAT)),
    )


def _verdicts(spans: pd.DataFrame, waits: pd.DataFrame) -> np.ndarray:
    """The verdict of `recover_waits` per host; a host without a wait is judged by its chains alone."""
    hosts = waits["host"].fillna("").to_numpy(object)
    known = dict(zip(hosts, waits["starts"].to_numpy(object), strict=True))
    if not spans["host"].fillna("").isin(known).all():
        known = judge_starts(spans) | known
    return verdicts_of(spans["host"].to_numpy(object), known)


def _calls(spans: pd.DataFrame, *, starts: np.ndarray) -> Calls:
    budgets, left = find_budgets(spans), spans["budget_s"].to_numpy("float64", na_value=np.nan)
    return Calls(
        tree=CallTree(integers(spans["parent"]), spans["depth"].to_numpy()),
        root=spans["root"].to_numpy(),
        order=spans["stop_event"].fillna(spans["start_event"]).to_numpy("int64"),
        logged_start=nanoseconds(spans["logged_start"]),
        recorded_stop=nanoseconds(spans["stop"]),
        measured=measured_ns(spans),
        previous=nanoseconds(spans["previous"]),
        clock=nanoseconds(spans["chain_start"]),
        left_s=left,
        used_s=np.where(np.isnan(left), 0.0, budgets.total - left),
        used_is_sure=np.isnan(left) | (budgets.most - budgets.least <= TICK_S),
        shares=np.isnan(left) | spans["accumulative"].to_numpy(bool, na_value=False),
        written_late=starts != ON_TIME,
        closed=(spans["state"] != "no stop").to_numpy(bool),
        broken=(spans["quality"] == BROKEN).to_numpy(bool),
    )


def _recovered(waits: pd.DataFrame) -> Recovered:
    low, high = (np.round(waits[name].to_numpy("float64") * SECOND).astype("int64") for name in ("low_s", "high_s"))
    return Recovered(
        at=waits["span"].to_numpy(),
        start=nanoseconds(waits["start"]),
        stop=nanoseconds(waits["stop"]),
        low=low,
        high=high,
        is_exact=(waits["quality"] == "exact").to_numpy(bool),
        is_known=waits["wait_s"].notna().to_numpy(),
    )


def true_stops(calls: Calls, recovered: Recovered) -> tuple[np.ndarray, np.ndarray]:
    """True stops, and by how much they were raised: none before one of its task that was logged earlier.

    A span without a stop record lasts as long as what is inside it.
    """
    stop = calls.recorded_stop.copy()
    stop[recovered.at] = np.maximum(stop[recovered.at], recovered.stop)
    order = np.lexsort((calls.order, calls.root))  # by task, in it by the record of the stop
    latest = np.empty(len(stop), "int64")
    latest[order] = pd.Series(stop[order]).groupby(calls.root[order]).cummax()
    return calls.tree.carried_up(latest, by=np.maximum), latest - stop


def own_starts(calls: Calls, recovered: Recovered, *, stop: np.ndarray) -> OwnStarts:
    """When each span began by itself.

    Where Windows measured a call, it took that long. Chains know it by their clock, revocation checks by the budget that was
    left; neither can lie before what the thread did before, or behind the start record.
    """
    has_record, is_check = calls.logged_start != NAT, ~np.isnan(calls.left_s)
    record = np.where(has_record, calls.logged_start, stop)
    previous = np.where(has_record, calls.previous, NAT)  # without a start record it may be something inside
    has_clock = (calls.clock != NAT) & calls.shares & (calls.used_s >= 0)
    has_clock &= ~(calls.left_s <= 0)  # with nothing left, the budget ran out before
    by_clock = np.maximum(calls.clock + whole_ns(calls.used_s), previous)
    contradicted = has_clock & is_check & (by_clock > record + 2 * TICK)
    has_clock &= by_clock <= record + TICK
    exact = has_clock & calls.used_is_sure
    exact &= (
        by_clock - calls.clock - np.nan_to_num(calls.used_s) * SECOND <= 2 * TICK
    )  # it was not put off by `previous`
    exact &= calls.written_late | (np.abs(by_clock - record) <= TICK)
    exact &= ~calls.broken | is_check  # a check has the clock in its stop record
    start = np.where(has_clock & calls.written_late, np.minimum(record, by_clock), record)
    measured = calls.measured >= 0
    start = np.where(measured, calls.recorded_stop - calls.measured, start)
    exact, contradicted = exact | measured, contradicted & ~measured
    start[recovered.at], exact[recovered.at] = recovered.start, recovered.is_exact
    return OwnStarts(start, exact, contradicted)


def fitted(calls: Calls, *, start: np.ndarray, stop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Parents begin no later than their children, siblings follow each other, children begin inside.

    Returns the starts, and by how much each was put off because of what came before it.
    """
    wanted = calls.tree.carried_up(start, by=np.minimum)
    begin = np.minimum(np.maximum(wanted, _sibling_before(calls, stop)), stop)
    for places in calls.tree.downwards():
        around = begin[calls.tree.parent[places]]
        begin[places] = np.minimum(np.maximum(begin[places], around), stop[places])
    return begin, begin - wanted


def clock_was_set(calls: Calls, own: OwnStarts, *, raised: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """In which spans: its stop had to be `raised`, its exact start was `moved`, or its start record contradicts that."""
    return (raised > TICK) & calls.closed | own.exact & (moved > 2 * TICK) | own.contradicted


def _sibling_before(calls: Calls, stop: np.ndarray) -> np.ndarray:
    """When the sibling before each span stopped; NAT for the first one, and for an outermost call."""
    parent = calls.tree.parent
    return np.where(parent < 0, NAT, value_before(stop, group=parent, by=stop))


def measured(
    calls: Calls, recovered: Recovered, *, start: np.ndarray, stop: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Duration, waiting, and the duration of the spans right inside; one without stop passes its part on to its caller."""
    duration, at, known = stop - start, recovered.at, recovered.is_known
    caller = calls.tree.nearest(calls.tree.parent, has=calls.closed)
    counted = (caller >= 0) & calls.closed
    inner = np.zeros(len(duration), "int64")
    np.add.at(inner, caller[counted], duration[counted])
    wait = np.zeros(len(duration), "int64")
    inside = np.minimum(recovered.stop - np.maximum(recovered.start, start[at]), duration[at])
    wait[at[known]] = inside[known]
    return duration, calls.tree.carried_up(wait, by=np.add), inner


def bounded(
    calls: Calls, recovered: Recovered, *, start: np.ndarray, stop: np.ndarray, exact: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """At least and at most how long each span took; NAT where nothing bounds it from above.

    No span began behind its start record or what is inside it, nor before the thread's last record.
    """
    logged, at = calls.logged_start, recovered.at
    latest = np.where(logged == NAT, stop, np.maximum(logged, start))
    on_time = (logged != NAT) & ~calls.written_late
    earliest = np.minimum(np.where(on_time, logged, calls.previous), start)
    latest, earliest = np.where(exact, start, latest), np.where(exact, start, earliest)
    latest[at] = recovered.stop - recovered.low
    earliest[at] = np.maximum(recovered.stop - recovered.high + TICK, earliest[at])
    latest = calls.tree.carried_up(latest, by=np.minimum)
    latest[at] -= TICK  # `low` holds its own tick; what is around it is measured by another stamp
    latest = np.select([exact, calls.broken], [start, stop], np.maximum(latest, start))
    longest = np.where(earliest == NAT, NAT, stop - earliest + TICK)
    return np.maximum(stop - latest - TICK, 0), longest


def _seconds(length: np.ndarray, *, known: np.ndarray) -> pd.api.extensions.ExtensionArray:
    return pd.array(np.where(known, length / SECOND, np.nan), dtype="Float64")
