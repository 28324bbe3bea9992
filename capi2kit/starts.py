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

from capi2kit.knowledge import operations_where

TICK_S = 0.016  # resolution of the clock that stamps records
MEASURABLE_S = 0.05  # shorter waits cannot tell: a clock tick is 0.0156 s
NAT = np.iinfo("int64").min  # a missing time among integer nanoseconds
BROKEN = "broken"  # quality of a span whose start and stop may belong to two calls
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
    parent = spans["parent"].to_numpy("int64", na_value=-1)
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


def seconds_between(before: pd.Series, after: pd.Series) -> np.ndarray:
    """Differences of two time columns in seconds, NaN where one is missing."""
    gap = nanoseconds(after) - nanoseconds(before)
    return np.where(before.isna() | after.isna(), np.nan, gap / 1e9)


def nanoseconds(times: pd.Series | pd.api.extensions.ExtensionArray) -> np.ndarray:
    """A UTC time column as integer nanoseconds; the smallest integer where it is missing."""
    return pd.DatetimeIndex(times).asi8


def as_times(values: np.ndarray, *, known: np.ndarray) -> pd.DatetimeIndex:
    """Integer nanoseconds as UTC times, NaT where not `known`."""
    return pd.DatetimeIndex(np.where(known, values, NAT).view("datetime64[ns]")).tz_localize("UTC")


def lanes(table: pd.DataFrame, columns: list[str]) -> np.ndarray:
    """One integer per row, the same for rows that agree in `columns`; missing cells agree with each other."""
    return grouped([table[column].to_numpy(object) for column in columns])


def threads(host: np.ndarray, pid: np.ndarray, *, tid: np.ndarray, task: np.ndarray) -> np.ndarray:
    """One integer per row, the same for one thread; where the thread is not known, for one task, which has only one."""
    return grouped([host, pid, tid, where(pd.isna(tid), task, otherwise=None)])


def where(mask: np.ndarray, values: np.ndarray, *, otherwise: object) -> np.ndarray:
    """The values, as objects, with `otherwise` outside the mask."""
    chosen = values.astype(object)
    chosen[~mask] = otherwise
    return chosen


def grouped(columns: list[np.ndarray]) -> np.ndarray:
    """One integer per row of some columns, the same for equal rows."""
    code = np.zeros(len(columns[0]), "int64")
    for column in columns:
        values, unique = pd.factorize(column)
        code = np.unique(code * (len(unique) + 1) + values + 1, return_inverse=True)[1]
    return code
