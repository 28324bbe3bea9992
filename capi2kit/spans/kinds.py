"""Kinds: what each network retrieval was: a wait of its caller, or a record of something that nobody waited for.

Since Windows 10 a thread of its own does the work. Its caller waits for it no longer than its limit; the thread goes on,
and writes a record of its own when it ends. Meanwhile, and while the failure is remembered, calls for the same URL come back
at once:

    caller    |---- waited (gave up) ----|    pending |     remembered |
    worker    |-------------------------------------- background |

Which actions say so stands in `data/actions.csv`; where a record has no actions, its result may say it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from capi2kit.columns.cells import integers, masked, strings
from capi2kit.columns.instants import NAT, SECOND, nanoseconds
from capi2kit.columns.keys import match_before
from capi2kit.knowledge import normal_code, operations_where
from capi2kit.knowledge.actions import (
    BACKGROUND,
    NESTED,
    PENDING,
    REMEMBERED,
    UNSENT,
    WAITED,
    actions,
    actions_where,
    unsent_codes,
)

NOT_SENT = "not_sent"  # outcome of a call that came back at once
_LATE = (BACKGROUND, PENDING, REMEMBERED, NESTED)  # the order in which actions count
_ONE_RETRIEVAL = SECOND  # two records of one retrieval end closer than that
_SAME = ("host", "process", "pid", "url")


def classified(spans: pd.DataFrame, steps: pd.DataFrame | None) -> pd.DataFrame:
    """`spans` with `kind` and `belongs_to` of its network retrievals, and the outcome of those that sent nothing."""
    wire = np.isin(spans["operation"].to_numpy(object), operations_where(wire=True))
    wire &= spans["stop_event"].notna().to_numpy()
    if not wire.any():
        return spans
    mine = spans[[*_SAME, "stop_event", "logged_stop", "depth", "result", "outcome"]][wire]
    kind = _second_records(mine, _by_actions(mine, steps))
    belongs = _belongs_to(mine, kind)
    made: dict[str, Any] = {"kind": np.full(len(spans), None, object), "belongs_to": np.full(len(spans), -1)}
    made["kind"][wire], made["belongs_to"][wire] = kind, belongs
    unsent = np.isin(made["kind"], UNSENT)
    return spans.assign(
        kind=strings(made["kind"].tolist()),
        belongs_to=masked(made["belongs_to"], made["belongs_to"] < 0, "Int64"),
        outcome=spans["outcome"].mask(unsent, NOT_SENT),
    )


def _by_actions(wires: pd.DataFrame, steps: pd.DataFrame | None) -> np.ndarray:
    """The kind of each record by its actions, else by its result. A call that sent nothing did not succeed."""
    event, failed = integers(wires["stop_event"]), (wires["result"] != 0).to_numpy(bool, na_value=False)
    by_code = {normal_code(code): effect for code, effect in unsent_codes().items()}
    code = [normal_code(int(code)) for code in integers(wires["result"])]
    kind = np.array([by_code.get(one, WAITED) for one in code], object)
    if steps is None:
        return kind
    acts = steps[(steps["kind"] == "action").to_numpy(bool, na_value=False)]
    names, of = acts["name"].to_numpy(object), acts["event"].to_numpy()
    kind[np.isin(event, of[np.isin(names, list(actions()))])] = WAITED  # what its actions say counts
    for effect in reversed(_LATE):
        has = np.isin(event, of[np.isin(names, actions_where(effect=effect))])
        kind[has & (failed if effect in UNSENT else True)] = effect
    return kind


def _second_records(wires: pd.DataFrame, kind: np.ndarray) -> np.ndarray:
    """Of two records of one retrieval the caller's is the wait: the one inside a call, else the later one."""
    kind, seen = kind.copy(), kind == NESTED
    kind[seen] = WAITED
    if seen.sum() < 2:
        return kind
    keys = [wires[name].to_numpy(object) for name in _SAME]
    stop, depth = nanoseconds(wires["logged_stop"]), wires["depth"].to_numpy()
    rank = _rank(wires)
    some = np.flatnonzero(seen)
    for worker, caller in ((some[depth[some] == 0], some[depth[some] > 0]), (some, some)):
        found = match_before(  # the next one: the last one before, in the opposite order
            [column[worker] for column in keys],
            [column[caller] for column in keys],
            at=-rank[worker],
            of=-rank[caller],
        )
        other = np.append(caller, 0)[found]
        one = (found >= 0) & (stop[other] - stop[worker] <= _ONE_RETRIEVAL) & (kind[other] == WAITED)
        one &= depth[worker] <= depth[other]
        kind[worker[one & (kind[worker] == WAITED)]] = NESTED
    return kind


def _belongs_to(wires: pd.DataFrame, kind: np.ndarray) -> np.ndarray:
    """The stop record of the failure that a record echoes or of the time-out that it ends; -1 where the log has none."""
    event, failed = integers(wires["stop_event"]), (wires["outcome"] != "ok").to_numpy(bool, na_value=False)
    gave_up = (wires["outcome"] == "timeout").to_numpy(bool, na_value=False)
    keys, rank = [wires[name].to_numpy(object) for name in _SAME], _rank(wires)
    waited = kind == WAITED

    def nearest(some: np.ndarray, causes: np.ndarray, order: np.ndarray) -> np.ndarray:
        """For each of some places the last of the causes before it in an order, or -1."""
        found = match_before(
            [column[some] for column in keys], [column[causes] for column in keys], at=order[some], of=order[causes]
        )
        return np.append(causes, -1)[found]

    at = np.full(len(wires), -1)
    for kinds, causes in (((PENDING, REMEMBERED), waited & failed), ((BACKGROUND,), waited & gave_up)):
        some = np.flatnonzero(np.isin(kind, kinds))
        at[some] = nearest(some, np.flatnonzero(causes), rank)
    pending, over = np.flatnonzero(kind == PENDING), np.flatnonzero(kind == BACKGROUND)
    ended = nearest(pending, over, rank)
    still = pending[(at[pending] < 0) | (ended >= 0) & (np.append(at, -1)[ended] == at[pending])]
    running = nearest(still, np.flatnonzero(waited), -rank)  # what runs while a call is turned away ends after it
    at[still] = np.where(running >= 0, running, at[still])
    twice = np.flatnonzero(kind == NESTED)
    at[twice] = nearest(twice, np.flatnonzero(waited), -rank)
    return np.append(event, -1)[at]


def _rank(wires: pd.DataFrame) -> np.ndarray:
    """The place of each stop record in time; of records at one moment, and of those without a time, by their number."""
    stop = nanoseconds(wires["logged_stop"])
    rank = np.empty(len(wires), "int64")
    rank[np.lexsort((integers(wires["stop_event"]), np.where(stop == NAT, 0, stop)))] = np.arange(len(wires))
    return rank
