"""Starts: are the start records of this log written late?

Windows 7 buffers a start record and writes it together with the first record
inside the operation, so that stop − start is nothing. Whether a log does so is
measured, per computer: λ = (logged start − true start) / wait, for every
retrieval whose true start can be computed, and likewise for chains, whose true
start is the clock they logged. Nothing is assumed where nothing can be
measured.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

MEASURABLE_S = 0.05  # shorter waits cannot tell: a clock tick is 0.0156 s
NAT = np.iinfo("int64").min  # a missing time among integer nanoseconds
LATE, ON_TIME, EACH, UNDETERMINED = "late", "on time", "each", "undetermined"


def judge_starts(spans: pd.DataFrame, *, wires: pd.DataFrame | None = None) -> dict[str, str]:
    """Per host: late, on time, or each (judge record by record); a host that cannot be judged is not in it.

    `wires`: retrievals with host and logged_start, and the recovered start and stop.
    """
    clock, budget = nanoseconds(spans["chain_start"]), spans["budget_s"].to_numpy("float64", na_value=np.nan)
    chains = spans[["host", "chain_start", "first_inner", "logged_start"]][(clock != NAT) & np.isnan(budget)]
    long = seconds_between(chains["chain_start"], chains["first_inner"])
    late = seconds_between(chains["chain_start"], chains["logged_start"])
    hosts = chains["host"].to_numpy(object)
    if wires is not None:
        long = np.r_[long, seconds_between(wires["start"], wires["stop"])]
        late = np.r_[late, seconds_between(wires["start"], wires["logged_start"])]
        hosts = np.r_[hosts, wires["host"].to_numpy(object)]
    tells = (long >= MEASURABLE_S) & ~np.isnan(late)
    shares, hosts = late[tells] / long[tells], hosts[tells]
    return {host: _verdict(shares[hosts == host]) for host in pd.unique(hosts)}


def _verdict(shares: np.ndarray) -> str:
    return LATE if shares.min() > 0.9 else ON_TIME if shares.max() < 0.1 else EACH


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


def grouped(columns: list[np.ndarray]) -> np.ndarray:
    """One integer per row of some columns, the same for equal rows."""
    code = np.zeros(len(columns[0]), "int64")
    for column in columns:
        values, unique = pd.factorize(column)
        code = np.unique(code * (len(unique) + 1) + values + 1, return_inverse=True)[1]
    return code
