"""Evidence: what a log says of each network retrieval, as arrays that no later step changes.

Input: `spans` as logged. Times are integer nanoseconds, NAT where the log says nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from capi2kit.columns.call_tree import CallTree
from capi2kit.columns.cells import integers
from capi2kit.columns.instants import LATEST, NAT, SECOND, TICK, TICK_S, nanoseconds, whole_ns
from capi2kit.columns.keys import how_many, lanes, threads
from capi2kit.knowledge import normal_code, operations_where
from capi2kit.knowledge.actions import WAITED, gave_up_codes
from capi2kit.spans import BROKEN
from capi2kit.waits.budgets import DEFAULT_LIMIT_S, Budgets, find_budgets

_BEFORE_THE_LOG_S = (
    600.0  # what is measured of the first call in a log may have begun that long before its first record
)
_OF_RETRIEVALS = (
    "host pid tid task_id stop_event logged_start logged_stop last_sync previous timeout_s accumulative outcome result"
).split()


class NextCheck(NamedTuple):
    """The next revocation check of the same chain: when it began by the budget left then, and what its record says.

    `LATEST` where there is none.
    """

    began: np.ndarray
    recorded: np.ndarray


class Evidence(NamedTuple):
    """One element per retrieval, in the order of their spans."""

    logged_start: np.ndarray  # of the start record
    logged_stop: np.ndarray  # of the stop record
    completed: np.ndarray  # end of the transfer, as the retrieval says itself
    previous: np.ndarray  # the thread's last record before it
    clock: np.ndarray  # when the chain around it began, by its own clock
    clock_open: np.ndarray  # bool: the call that has this clock lacks a record, so it may have ended before
    passed_as_now: np.ndarray  # the time that a .NET caller passed as now
    limit_s: np.ndarray  # float: Timeout; NaN if it is not logged
    allowed: np.ndarray  # Timeout in ns, or the default
    in_budget: np.ndarray  # bool: it shares the budget of a revocation check that logs what is left
    budget: Budgets
    next_check: NextCheck
    is_ok: np.ndarray  # bool
    is_timeout: np.ndarray  # bool
    gave_up: np.ndarray  # bool: the caller waited for its whole Timeout
    measured: np.ndarray  # how long it took by the stopwatch of Windows, in ns; below 0 if there is none to be believed
    thread: np.ndarray  # one number per thread
    number: np.ndarray  # of the stop event: the order in which a thread's retrievals ended

    @property
    def timeless(self) -> np.ndarray:
        """Where not even the stop record has a time."""
        return self.logged_stop == NAT

    @property
    def stop(self) -> np.ndarray:
        """The stop record's time, 0 where it has none: the number is not used then."""
        return np.where(self.timeless, 0, self.logged_stop)


def retrievals_in(spans: pd.DataFrame) -> np.ndarray:
    """Which spans (a mask) are innermost retrievals from the network with a stop record.

    An outer retrieval waits through the one inside it, so only the inner one counts.
    """
    wire = np.isin(spans["operation"].to_numpy(object), operations_where(wire=True))
    wire &= (spans["kind"] == WAITED).to_numpy(bool, na_value=False)
    parent = integers(spans["parent"])
    wire[parent[wire & (parent >= 0)]] = False
    return wire


def read_evidence(spans: pd.DataFrame, wire: np.ndarray) -> Evidence:
    """What the log says of the retrievals `wire` (a mask over all `spans` of the case)."""
    tree = CallTree(integers(spans["parent"]), spans["depth"].to_numpy())
    own = np.flatnonzero(wire)
    rows, around = spans[_OF_RETRIEVALS][wire], tree.parent[wire]
    state = spans["state"].to_numpy(object)
    broken = (spans["quality"] == BROKEN).to_numpy(bool)
    clock = np.where(broken, NAT, nanoseconds(spans["chain_start"]))  # else it is of the call that its stop belongs to
    with_clock = tree.nearest(own, has=clock != NAT)
    now = nanoseconds(spans["validation_time"])
    now = np.where(now % SECOND != 0, now, NAT)  # whole seconds are those of a signature
    budgets = find_budgets(spans)
    checked = (spans["budget_s"].notna().to_numpy(bool) & ~broken)[around]  # without a caller none shares a budget
    limit = rows["timeout_s"].to_numpy("float64", na_value=np.nan)
    after = _next_checks(spans, tree, clock=clock, total=budgets.total)
    host, pid, tid, task = (rows[name].to_numpy(object) for name in ("host", "pid", "tid", "task_id"))
    return Evidence(
        logged_start=nanoseconds(rows["logged_start"]),
        logged_stop=nanoseconds(rows["logged_stop"]),
        completed=nanoseconds(rows["last_sync"]),
        previous=nanoseconds(rows["previous"]),
        clock=clock[with_clock],
        clock_open=state[with_clock] != "closed",
        passed_as_now=now[tree.nearest(own, has=now != NAT)],
        limit_s=limit,
        allowed=whole_ns(np.where(np.isnan(limit), DEFAULT_LIMIT_S, limit)),
        in_budget=rows["accumulative"].to_numpy(bool, na_value=False) & checked,
        budget=Budgets(*(values[own] for values in budgets)),
        next_check=NextCheck(*(values[around] for values in after)),
        is_ok=(rows["outcome"] == "ok").to_numpy(bool, na_value=False),
        is_timeout=(rows["outcome"] == "timeout").to_numpy(bool, na_value=False),
        gave_up=_gave_up(rows["result"]) & (limit > 0),
        measured=measured_ns(spans)[own],
        thread=threads(host, pid, tid=tid, task=task),
        number=rows["stop_event"].to_numpy("int64"),
    )


def _gave_up(result: pd.Series) -> np.ndarray:
    codes = {normal_code(code) for code in gave_up_codes()}
    return np.array([normal_code(int(code)) in codes for code in integers(result)], bool)


def measured_ns(spans: pd.DataFrame) -> np.ndarray:
    """What Windows measured of each call, in ns; -1 where it did not, and where that cannot be.

    A call cannot have taken less than nothing, begun after its own stop record, or begun long before the log of its computer; a
    retrieval cannot take more than twice its limit.
    """
    length = spans["measured_s"].to_numpy("float64", na_value=-1.0)
    start, stop = nanoseconds(spans["measured_start"]), nanoseconds(spans["logged_stop"])
    host = lanes(spans, ["host"])
    first = np.full(how_many(host), LATEST)
    np.minimum.at(first, host, np.where(stop == NAT, LATEST, stop))
    most = (stop - first[host]) / SECOND + _BEFORE_THE_LOG_S
    limit = 2 * spans["timeout_s"].to_numpy("float64", na_value=np.inf) + TICK_S
    possible = (
        (length >= 0) & (length <= np.minimum(most, limit)) & (stop != NAT) & ~((start != NAT) & (start > stop + TICK))
    )
    return np.where(possible, whole_ns(length), -1)


def _next_checks(spans: pd.DataFrame, tree: CallTree, *, clock: np.ndarray, total: np.ndarray) -> NextCheck:
    """For each span that is a revocation check, the next one of its chain."""
    left = spans["budget_s"].to_numpy("float64", na_value=np.nan)
    shared = spans["accumulative"].to_numpy(bool, na_value=False) & (left > 0)
    checks = np.flatnonzero(shared & (clock != NAT))
    checks = checks[np.lexsort((checks, tree.parent[checks]))]  # by chain, in it by their order
    one, other = checks[:-1], checks[1:]
    same_chain = (tree.parent[one] == tree.parent[other]) & (tree.parent[one] >= 0) & (clock[one] == clock[other])
    one, other = one[same_chain], other[same_chain]
    began, recorded = np.full(len(spans), LATEST), np.full(len(spans), LATEST)
    began[one] = (clock + whole_ns(total - left))[other]
    recorded[one] = nanoseconds(spans["logged_start"].fillna(spans["logged_stop"]))[other]
    return NextCheck(began, recorded)
