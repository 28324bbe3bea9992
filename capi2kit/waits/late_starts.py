"""Starts: are the start records of this log written late?

Windows 7 buffers a start record and writes it together with the first record
inside the operation, so that stop − start is nothing. Whether a log does so is
measured, per computer: λ = (logged start − true start) / wait, for every
retrieval whose true start its budget tells, and likewise for chains, whose true
start is the clock they logged. A retrieval whose own records lie apart had its
start written on time. Nothing is assumed where nothing can be measured.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from capi2kit.columns.cells import integers
from capi2kit.columns.instants import NAT, TICK_S, nanoseconds, seconds_between
from capi2kit.knowledge import operations_where
from capi2kit.spans.build import BROKEN

MEASURABLE_S = 0.05  # shorter waits cannot tell: a clock tick is 0.0156 s
LATE, ON_TIME, EACH, UNDETERMINED = "late", "on time", "each", "undetermined"


def judge_starts(spans: pd.DataFrame, *, wires: pd.DataFrame | None = None) -> dict[str, str]:
    """Per host: late, on time, or each (judge record by record); a host that cannot be judged is not in it.

    Records that name no host count as one, "".

    `wires`: retrievals whose true start is known, with host, logged_start, and the recovered start and stop.
    """
    clock, budget = nanoseconds(spans["chain_start"]), spans["budget_s"].to_numpy("float64", na_value=np.nan)
    whole = (spans["quality"] != BROKEN).to_numpy(bool)
    chains = spans[["host", "chain_start", "first_inner", "logged_start"]][(clock != NAT) & np.isnan(budget) & whole]
    apart = spans[["host", "logged_start", "logged_stop"]][_apart(spans)]
    length = [
        seconds_between(chains["chain_start"], chains["first_inner"]),
        seconds_between(apart["logged_start"], apart["logged_stop"]),
    ]
    late = [seconds_between(chains["chain_start"], chains["logged_start"]), np.zeros(len(apart))]
    hosts = [chains["host"].to_numpy(object), apart["host"].to_numpy(object)]
    if wires is not None:
        length.append(seconds_between(wires["start"], wires["stop"]))
        late.append(seconds_between(wires["start"], wires["logged_start"]))
        hosts.append(wires["host"].to_numpy(object))
    return _verdicts(np.concatenate(hosts), np.concatenate(length), late=np.concatenate(late))


def _apart(spans: pd.DataFrame) -> np.ndarray:
    """Innermost retrievals whose start and stop record do not share a moment."""
    wire = np.isin(spans["operation"].to_numpy(object), operations_where(wire=True))
    parent = integers(spans["parent"])
    wire[parent[parent >= 0]] = False  # the start record waits for the first record inside, not for the stop
    return wire & (spans["duration_s"].to_numpy("float64", na_value=0.0) >= MEASURABLE_S)


def _verdicts(hosts: np.ndarray, length: np.ndarray, *, late: np.ndarray) -> dict[str, str]:
    """`late`: seconds from true to logged start; beyond the true interval, the clock was set in it."""
    tells = (length >= MEASURABLE_S) & (late >= -TICK_S) & (late <= length + TICK_S)
    hosts, length, late = _named(hosts)[tells], length[tells], late[tells]
    margin = np.maximum(0.1 * length, TICK_S)
    is_late, is_on_time = late >= length - margin, late <= margin
    found = {}
    for host in pd.unique(hosts):
        mine = hosts == host
        found[host] = LATE if is_late[mine].all() else ON_TIME if is_on_time[mine].all() else EACH
    return found


def verdicts_of(hosts: np.ndarray, known: dict[str, str]) -> np.ndarray:
    """The verdict of each row's host."""
    return np.array([known.get(host, UNDETERMINED) for host in _named(hosts)], object)


def _named(hosts: np.ndarray) -> np.ndarray:
    return np.where(pd.isna(hosts), "", hosts)
