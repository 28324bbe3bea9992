"""Corrections: spans as logged → spans as they were.

Late start records make every enclosing operation too short by its first inner
wait. Here each span gets its true start: a chain by the clock it logged, a
retrieval by its recovered wait, an enclosing call by the earliest thing inside
it. Stops never run backwards in a task, children lie inside their parents, and
own times are what is left. Integer nanoseconds throughout.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from capi2kit.cells import strings
from capi2kit.knowledge import check
from capi2kit.starts import NAT, ON_TIME, UNDETERMINED, as_times, judge_starts, nanoseconds
from capi2kit.waits import largest_budget

_HUGE = np.iinfo("int64").max


def correct_spans(spans: pd.DataFrame, waits: pd.DataFrame) -> pd.DataFrame:
    """Give every span its true start, duration, waiting and own time.

    Returns
    -------
    spans : DataFrame
        The rows of `spans` with `start`, `stop`, `duration_s`, `wait_s`, `own_s`, `quality` and
        `starts` filled. Own times are never negative and add up to the root's duration. A span without
        a stop record has no duration.

        ==========  =======  ====  ==========================================================
        column      dtype    unit  meaning
        ==========  =======  ====  ==========================================================
        duration_s  Float64  s     stop minus start
        wait_s      Float64  s     waiting for the network in it or below it
        own_s       Float64  s     duration minus that of the spans right below
        quality     string         exact (within a tick), bounded (the start may lie earlier), unknown
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
    stop = _stops(spans, waits)
    start, told = _own_starts(spans, waits, stop)
    start, exact = _fit(spans, parent=parent, start=start, stop=stop, exact=told.copy())
    closed = (spans["state"] != "no stop").to_numpy(bool)
    spans["start"] = as_times(start, known=np.ones(len(spans), bool))
    spans["stop"] = as_times(stop, known=np.ones(len(spans), bool))
    _measure(spans, waits, parent=parent, start=start, stop=stop, closed=closed)
    cut = (spans["state"] == "no start").to_numpy(bool) & ~told  # it may have begun long before
    unknown = _unknown(spans, waits, parent=parent) | ~closed | cut
    spans["quality"] = strings(np.select([unknown, exact], ["unknown", "exact"], "bounded").tolist())
    return spans


def _verdicts(spans: pd.DataFrame, waits: pd.DataFrame) -> list[str]:
    """The verdict of `recover_waits` per host; judged by chains alone where there is no wait."""
    known = judge_starts(spans) | dict(
        zip(waits["host"].to_numpy(object), waits["starts"].to_numpy(object), strict=True)
    )
    return [known.get(host, UNDETERMINED) for host in spans["host"].to_numpy(object)]


def _stops(spans: pd.DataFrame, waits: pd.DataFrame) -> np.ndarray:
    """True stops: never before those of the same task that were logged earlier (stamps tick too coarsely)."""
    stop = nanoseconds(spans["stop"]).copy()
    at = waits["span"].to_numpy()
    stop[at] = np.maximum(stop[at], nanoseconds(waits["stop"]))
    order = np.lexsort((spans["stop_event"].to_numpy("int64", na_value=_HUGE), spans["root"]))
    root = spans["root"].to_numpy()[order]
    return _running_max(stop[order], root)[np.argsort(order)]


def _own_starts(spans: pd.DataFrame, waits: pd.DataFrame, stop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The start that each span tells by itself, and whether it is exact."""
    logged = nanoseconds(spans["logged_start"])
    start = np.where(logged == NAT, stop, logged)
    clock = nanoseconds(spans["chain_start"])
    late = spans["starts"].to_numpy(object) != ON_TIME
    budget = spans["budget_s"].to_numpy("float64", na_value=np.nan)
    used = largest_budget(spans) - budget
    chain = late & (clock != NAT) & np.isnan(budget)
    check_ = late & (clock != NAT) & (used >= 0)
    start = np.where(chain, np.minimum(start, clock), start)
    told = clock + np.round(np.nan_to_num(used) * 1e9).astype("int64")
    start = np.where(check_, np.minimum(start, told), start)
    exact = chain | check_ | (~late & (logged != NAT))
    at = waits["span"].to_numpy()
    start[at] = nanoseconds(waits["start"])
    exact[at] = (waits["quality"] == "exact").to_numpy(bool)
    return start, exact


def _fit(
    spans: pd.DataFrame, *, parent: np.ndarray, start: np.ndarray, stop: np.ndarray, exact: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Parents begin no later than their children, siblings follow each other, children begin inside."""
    depth = spans["depth"].to_numpy()
    for level in range(int(depth.max()), 0, -1):
        here = np.flatnonzero(depth == level)
        earliest = np.full(len(start), _HUGE)
        np.minimum.at(earliest, parent[here], start[here])
        first = here[start[here] == earliest[parent[here]]]
        led = first[start[first] < start[parent[first]]]
        exact[parent[led]] = exact[led]
        start = np.minimum(start, earliest)
    family = np.where(parent < 0, -1 - spans["root"].to_numpy(), parent)
    order = np.lexsort((stop, family))
    before = np.r_[NAT, stop[order][:-1]]
    before = np.where(np.r_[False, family[order][1:] == family[order][:-1]], before, NAT)
    floor = before[np.argsort(order)]
    for level in range(int(depth.max()) + 1):
        here = depth == level
        inside = np.where(parent >= 0, start[np.maximum(parent, 0)], NAT)
        start = np.where(here, np.minimum(np.maximum(start, np.maximum(floor, inside)), stop), start)
    return start, exact


def _measure(
    spans: pd.DataFrame,
    waits: pd.DataFrame,
    *,
    parent: np.ndarray,
    start: np.ndarray,
    stop: np.ndarray,
    closed: np.ndarray,
) -> None:
    """`duration_s`, `own_s` and `wait_s` from the fitted interval."""
    duration = stop - start
    own = duration.copy()
    inner = parent >= 0
    np.subtract.at(own, parent[inner], duration[inner])
    wait = np.zeros(len(spans), "int64")
    at = waits["span"].to_numpy()
    known = waits["wait_s"].notna().to_numpy()
    wait[at[known]] = np.minimum(
        nanoseconds(waits["stop"]) - np.maximum(nanoseconds(waits["start"]), start[at]), duration[at]
    )[known]
    depth = spans["depth"].to_numpy()
    for level in range(int(depth.max()), 0, -1):
        here = depth == level
        np.add.at(wait, parent[here], wait[here])
    for column, values in (("duration_s", duration), ("wait_s", wait), ("own_s", own)):
        spans[column] = pd.array(np.where(closed, values / 1e9, np.nan), dtype="Float64")


def _unknown(spans: pd.DataFrame, waits: pd.DataFrame, *, parent: np.ndarray) -> np.ndarray:
    """Spans that hold a wait of unknown length at their very start: so is their own."""
    unknown = np.zeros(len(spans), bool)
    at = waits.loc[waits["quality"] == "unknown", "span"].to_numpy()
    while len(at):
        unknown[at] = True
        at = parent[at]
        at = at[at >= 0]
    return unknown


def _running_max(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Running maximum inside runs of equal `group`."""
    return pd.Series(values).groupby(group, sort=False).cummax().to_numpy()
