"""Instants: columns of times as integer nanoseconds and back, and the tick of the clock that stamps records."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

_OFFSET = re.compile(r"UTC[+-](?:0\d|1[0-4]):[0-5]\d")
SECOND = 1_000_000_000  # in nanoseconds
TICK_S = 0.016  # resolution of the clock that stamps records
TICK = 16_000_000  # the same in nanoseconds
NAT = np.iinfo("int64").min  # a missing time among integer nanoseconds
LATEST = np.iinfo("int64").max  # later than any time
LONGEST_S = 1e8  # of one entry of a log; more is not a length
COARSEST_S = 60.0  # resolution of a log


def is_zone(name: str) -> bool:
    """Whether a text is a time zone: its name in the tz database, or how far it is from UTC (``UTC+02:00``)."""
    if _OFFSET.fullmatch(name):
        return True
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def seconds_between(before: pd.Series, after: pd.Series) -> np.ndarray:
    """Differences of two time columns in seconds, NaN where one is missing."""
    gap = nanoseconds(after) - nanoseconds(before)
    return np.where(before.isna() | after.isna(), np.nan, gap / SECOND)


def nanoseconds(times: pd.Series | pd.api.extensions.ExtensionArray) -> np.ndarray:
    """A UTC time column as integer nanoseconds; the smallest integer where it is missing."""
    return pd.DatetimeIndex(times).asi8


def whole_ns(seconds: np.ndarray) -> np.ndarray:
    """Seconds as integer nanoseconds; NaN is 0."""
    return np.round(np.nan_to_num(seconds) * SECOND).astype("int64")


def as_times(values: np.ndarray, *, known: np.ndarray) -> pd.DatetimeIndex:
    """Integer nanoseconds as UTC times, NaT where not `known`."""
    return pd.DatetimeIndex(np.where(known, values, NAT).view("datetime64[ns]")).tz_localize("UTC")
