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
LATE, ON_TIME, EACH, UNDETERMINED = "late", "on time", "each", "undetermined"


def judge_starts(spans: pd.DataFrame, *, wires: pd.DataFrame) -> pd.Series:
    """One verdict per span, by its host: late, on time, each (judge record by record) or undetermined.

    `wires`: retrievals with columns host, logged_start, begin and end, the recovered interval.
    """
    wait = seconds_between(wires["begin"], wires["end"])
    by_wire = seconds_between(wires["begin"], wires["logged_start"])
    chains = spans[spans["chain_start"].notna() & spans["budget_s"].isna() & spans["logged_start"].notna()]
    inner = seconds_between(chains["chain_start"], chains["first_inner"])
    by_chain = seconds_between(chains["chain_start"], chains["logged_start"])
    long = np.r_[wait, inner]
    tells = long >= MEASURABLE_S  # False for a missing one
    shares = np.r_[by_wire, by_chain][tells] / long[tells]
    hosts = np.r_[wires["host"].to_numpy(object), chains["host"].to_numpy(object)][tells]
    known = {host: _verdict(shares[hosts == host]) for host in pd.unique(hosts)}
    return spans["host"].map(lambda host: known.get(host, UNDETERMINED))


def _verdict(shares: np.ndarray) -> str:
    shares = shares[~np.isnan(shares)]
    if not len(shares):
        return UNDETERMINED
    return LATE if shares.min() > 0.9 else ON_TIME if shares.max() < 0.1 else EACH


def seconds_between(before: pd.Series, after: pd.Series) -> np.ndarray:
    """Differences of two time columns in seconds, NaN where one is missing."""
    gap = nanoseconds(after) - nanoseconds(before)
    return np.where(before.isna() | after.isna(), np.nan, gap / 1e9)


def nanoseconds(times: pd.Series) -> np.ndarray:
    """A UTC time column as integer nanoseconds; the smallest integer where it is missing."""
    return pd.DatetimeIndex(times).asi8


def as_times(values: np.ndarray, *, known: np.ndarray) -> pd.DatetimeIndex:
    """Integer nanoseconds as UTC times, NaT where not `known`."""
    return pd.DatetimeIndex(np.where(known, values, NAT).view("datetime64[ns]")).tz_localize("UTC")


NAT = np.iinfo("int64").min
