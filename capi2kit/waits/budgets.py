"""Budgets: how much retrieval time the chains of each process were given.

An accumulative chain logs what is left of its budget at each revocation check,
so the largest value of a process is the budget, or a little less where some of
it was used before the first check that logs. What may be missing is bounded by
the clock: not more can be used up than time has passed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from capi2kit.columns.instants import TICK_S, seconds_between
from capi2kit.columns.keys import how_many, lanes
from capi2kit.spans import BROKEN

DEFAULT_BUDGET_S = 20.0  # ChainRevAccumulativeUrlRetrievalTimeoutMilliseconds
DEFAULT_LIMIT_S = 15.0  # ChainUrlRetrievalTimeoutMilliseconds
_DAY_S = 86400.0  # more than any budget
_MILLISECOND = 0.001
_USED_AT_ONCE_S = 0.1  # what a chain may use up before its first check, with no word in the log


class Budgets(NamedTuple):
    """Per span, in seconds: the budget of its process's chains, and between which values it must lie. NaN: no sign."""

    total: np.ndarray
    least: np.ndarray
    most: np.ndarray


def find_budgets(spans: pd.DataFrame) -> Budgets:
    """The accumulative budget of each span's process.

    Budgets are set in whole seconds, rarely in halves. So: the largest value left, if it is that; else
    the default, else the next whole second close by, if the time that had passed allows it; else the
    largest value. What else it may have been shows in the bounds.
    Source: AdditionalParameters of the revocation checks.
    """
    left = spans["budget_s"].to_numpy("float64", na_value=np.nan)
    shared = (spans["accumulative"].to_numpy("int8", na_value=0) > 0) & ~np.isnan(left)
    until = spans["first_inner"].fillna(spans["logged_stop"])
    passed = seconds_between(spans["chain_start"], until) + TICK_S  # NaN where it is not known
    passed = np.where((passed >= 0) & (spans["quality"] != BROKEN).to_numpy(bool), passed, _DAY_S)
    process = lanes(spans, ["host", "process", "pid"])
    count = how_many(process)
    low, high = np.full(count, -np.inf), np.full(count, _DAY_S)
    np.maximum.at(low, process[shared], left[shared])
    np.minimum.at(high, process[shared], (left + passed)[shared])
    found = _within(np.where(np.isfinite(low), low, np.nan), np.where(high < low, _DAY_S, high))
    return Budgets(*(values[process] for values in found))


def _within(low: np.ndarray, high: np.ndarray) -> Budgets:
    """A budget that was at least `low` and at most `high`."""
    whole, half = _next(low, 1.0), _next(low, 0.5)
    is_whole, is_half = whole - low < _MILLISECOND, half - low < _MILLISECOND
    default = (low <= DEFAULT_BUDGET_S) & (high >= DEFAULT_BUDGET_S)
    close = (whole <= high) & (whole - low < _USED_AT_ONCE_S)
    choices = [is_whole, is_half, default, close]
    total = np.select(choices, [whole, half, DEFAULT_BUDGET_S, whole], low)
    least = np.select(choices, [whole, half, np.minimum(whole, DEFAULT_BUDGET_S), whole], low)
    more = [np.where(default, DEFAULT_BUDGET_S, known) for known in (whole, half)]
    most = np.select(choices, [*more, DEFAULT_BUDGET_S, whole], high)
    return Budgets(total, least, most)


def _next(value: np.ndarray, step: float) -> np.ndarray:
    return np.ceil((value - _MILLISECOND / 2) / step) * step
