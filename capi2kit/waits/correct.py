"""Corrections: spans as logged → spans as they were.

Late start records make every enclosing operation too short by its first inner
wait. Here each span gets its true start: a chain by the clock it logged, a
revocation check by the budget left at it, a retrieval by its recovered wait, an
enclosing call by the earliest thing inside it. Stops never run backwards in a
task, children lie inside their parents, and own times are what is left. Integer
nanoseconds throughout.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from capi2kit.columns.cells import strings
from capi2kit.columns.instants import NAT, TICK_S, as_times, nanoseconds
from capi2kit.knowledge import check
from capi2kit.spans import BROKEN
from capi2kit.waits.budgets import find_budgets
from capi2kit.waits.late_starts import ON_TIME, judge_starts, verdicts_of

_HUGE = np.iinfo("int64").max
_TICK = round(TICK_S * 1e9)


def correct_spans(spans: pd.DataFrame, waits: pd.DataFrame) -> pd.DataFrame:
    """Give every span its true start, duration, waiting and own time.

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
    """
    check(spans, "spans")
    check(waits, "waits")
    spans = spans.copy()
    if spans.empty:
        return spans
    spans["starts"] = strings(_verdicts(spans, waits))
    parent = spans["parent"].to_numpy("int64", na_value=-1)
    closed = (spans["state"] != "no stop").to_numpy(bool)
    stop, raised = _stops(spans, waits, parent=parent)
    broken = (spans["quality"] == BROKEN).to_numpy(bool)
    told, exact, against = _own_starts(spans, waits, stop=stop, broken=broken)
    start, moved = _fit(spans, parent=parent, start=told, stop=stop)
    everywhere = np.ones(len(spans), bool)
    spans["start"], spans["stop"] = as_times(start, known=everywhere), as_times(stop, known=everywhere)
    _measure(spans, waits, parent=parent, start=start, stop=stop, closed=closed)
    cut = (spans["state"] == "no start").to_numpy(bool) & ~exact  # it may have begun long before
    exact &= start >= told - _TICK  # else something inside leads it: it may have begun before that
    doubtful = (raised > _TICK) & closed | exact & (moved > 2 * _TICK) | against  # the clock was set in it
    doubtful[waits.loc[waits["quality"] == "unknown", "span"]] = True
    unknown = _with_those_around(doubtful, parent=parent) | ~closed | cut
    spans["quality"] = strings(np.select([unknown, exact], ["unknown", "exact"], "bounded").tolist())
    _bound(spans, waits, parent=parent, exact=exact, measured=closed & ~unknown, broken=broken)
    return spans


def _verdicts(spans: pd.DataFrame, waits: pd.DataFrame) -> list[str]:
    """The verdict of `recover_waits` per host; judged by chains alone where there is no wait."""
    hosts = waits["host"].to_numpy(object)
    known = dict(zip(np.where(pd.isna(hosts), "", hosts), waits["starts"].to_numpy(object), strict=True))
    return verdicts_of(spans["host"].to_numpy(object), judge_starts(spans) | known).tolist()


def _stops(spans: pd.DataFrame, waits: pd.DataFrame, *, parent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """True stops, and by how much they were raised: never before those of the same task that were logged earlier.

    A span without a stop record lasts as long as what is inside it.
    """
    stop = nanoseconds(spans["stop"]).copy()
    at = waits["span"].to_numpy()
    stop[at] = np.maximum(stop[at], nanoseconds(waits["stop"]))
    last = spans["stop_event"].fillna(spans["start_event"]).to_numpy("int64")
    order = np.lexsort((last, spans["root"]))
    root = spans["root"].to_numpy()[order]
    found = np.empty(len(stop), "int64")
    found[order] = _running_max(stop[order], root)
    raised = found - stop
    depth = spans["depth"].to_numpy()
    for level in range(int(depth.max()), 0, -1):
        here = depth == level
        np.maximum.at(found, parent[here], found[here])
    return found, raised


def _own_starts(
    spans: pd.DataFrame, waits: pd.DataFrame, *, stop: np.ndarray, broken: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The start that each span tells by itself, whether it is exact, and whether its records speak against it.

    Chains tell it by their clock, revocation checks by the budget that was left; neither can lie
    before what the thread did before, or behind the start record.
    """
    logged = nanoseconds(spans["logged_start"])
    start = np.where(logged == NAT, stop, logged)
    clock = nanoseconds(spans["chain_start"])
    previous = np.where(logged == NAT, NAT, nanoseconds(spans["previous"]))  # else it may be something inside
    late = spans["starts"].to_numpy(object) != ON_TIME
    left = spans["budget_s"].to_numpy("float64", na_value=np.nan)
    budgets = find_budgets(spans)
    used = np.where(np.isnan(left), 0.0, budgets.total - left)
    sure = np.isnan(left) | (budgets.most - budgets.least <= TICK_S)
    shared = np.isnan(left) | spans["accumulative"].to_numpy(bool, na_value=False)
    tells = (clock != NAT) & shared & (used >= 0) & ~(left <= 0)  # with nothing left, it ran out before
    told = np.maximum(clock + np.round(np.nan_to_num(used) * 1e9).astype("int64"), previous)
    against = tells & ~np.isnan(left) & (told > start + 2 * _TICK)
    tells &= told <= start + _TICK
    exact = tells & sure & (told - clock - np.nan_to_num(used) * 1e9 <= 2 * _TICK)
    exact &= late | (np.abs(told - start) <= _TICK)
    exact &= ~broken | ~np.isnan(left)  # a check tells it in its stop record
    start = np.where(tells & late, np.minimum(start, told), start)
    at = waits["span"].to_numpy()
    start[at] = nanoseconds(waits["start"])
    exact[at] = (waits["quality"] == "exact").to_numpy(bool)
    return start, exact, against


def _fit(
    spans: pd.DataFrame, *, parent: np.ndarray, start: np.ndarray, stop: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Parents begin no later than their children, siblings follow each other, children begin inside.

    Returns the starts, and by how much each was put off because of what came before it.
    """
    depth = spans["depth"].to_numpy()
    for level in range(int(depth.max()), 0, -1):
        here = np.flatnonzero(depth == level)
        earliest = np.full(len(start), _HUGE)
        np.minimum.at(earliest, parent[here], start[here])
        start = np.minimum(start, earliest)
    wanted = start
    family = np.where(parent < 0, -1 - spans["root"].to_numpy(), parent)
    order = np.lexsort((stop, family))
    before = np.r_[NAT, stop[order][:-1]]
    before = np.where(np.r_[False, family[order][1:] == family[order][:-1]], before, NAT)
    floor = np.empty(len(start), "int64")
    floor[order] = before
    for level in range(int(depth.max()) + 1):
        here = depth == level
        inside = np.where(parent >= 0, start[np.maximum(parent, 0)], NAT)
        start = np.where(here, np.minimum(np.maximum(start, np.maximum(floor, inside)), stop), start)
    return start, start - wanted


def _measure(
    spans: pd.DataFrame,
    waits: pd.DataFrame,
    *,
    parent: np.ndarray,
    start: np.ndarray,
    stop: np.ndarray,
    closed: np.ndarray,
) -> None:
    """`duration_s`, `own_s` and `wait_s` from the fitted interval; a span without stop gives its part to the one around."""
    duration = stop - start
    depth = spans["depth"].to_numpy()
    around = parent
    for _ in range(int(depth.max())):
        around = np.where((around >= 0) & ~closed[around], parent[around], around)
    own = duration.copy()
    inner = (around >= 0) & closed
    np.subtract.at(own, around[inner], duration[inner])
    wait = np.zeros(len(spans), "int64")
    at = waits["span"].to_numpy()
    known = waits["wait_s"].notna().to_numpy()
    wait[at[known]] = np.minimum(
        nanoseconds(waits["stop"]) - np.maximum(nanoseconds(waits["start"]), start[at]), duration[at]
    )[known]
    for level in range(int(depth.max()), 0, -1):
        here = depth == level
        np.add.at(wait, parent[here], wait[here])
    for column, values in (("duration_s", duration), ("wait_s", wait), ("own_s", own)):
        spans[column] = pd.array(np.where(closed, values / 1e9, np.nan), dtype="Float64")


def _bound(
    spans: pd.DataFrame,
    waits: pd.DataFrame,
    *,
    parent: np.ndarray,
    exact: np.ndarray,
    measured: np.ndarray,
    broken: np.ndarray,
) -> None:
    """`low_s` and `high_s`: no span began behind its start record or what is inside it, or before its thread's last."""
    start, stop, logged, previous = (nanoseconds(spans[name]) for name in ("start", "stop", "logged_start", "previous"))
    latest = np.where(exact, start, np.where(logged == NAT, stop, np.maximum(logged, start)))
    recorded = (logged != NAT) & (spans["starts"] == ON_TIME).to_numpy(bool)
    earliest = np.where(exact, start, np.where(recorded, np.minimum(logged, start), np.minimum(previous, start)))
    at, end = waits["span"].to_numpy(), nanoseconds(waits["stop"])
    low, high = (np.round(waits[name].to_numpy("float64") * 1e9).astype("int64") for name in ("low_s", "high_s"))
    latest[at], earliest[at] = end - low, np.maximum(end - high + _TICK, earliest[at])
    depth = spans["depth"].to_numpy()
    for level in range(int(depth.max()), 0, -1):
        here = depth == level
        np.minimum.at(latest, parent[here], latest[here])
    latest[at] -= _TICK  # `low` holds its own tick; what is around it is measured by another stamp
    latest = np.where(exact, start, np.where(broken, stop, np.maximum(latest, start)))
    shortest, longest = np.maximum(stop - latest - _TICK, 0), stop - earliest + _TICK
    spans["low_s"] = pd.array(np.where(measured, shortest / 1e9, np.nan), dtype="Float64")
    spans["high_s"] = pd.array(np.where(measured & (earliest != NAT), longest / 1e9, np.nan), dtype="Float64")


def _with_those_around(some: np.ndarray, *, parent: np.ndarray) -> np.ndarray:
    """These spans and all that enclose one of them."""
    found = some.copy()
    at = np.flatnonzero(some)
    while len(at):
        found[at] = True
        at = parent[at]
        at = at[at >= 0]
    return found


def _running_max(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Running maximum inside runs of equal `group`."""
    return pd.Series(values).groupby(group, sort=False).cummax().to_numpy()
