"""Clocks: how far each computer's clock was off, by the dates that servers sent, and the case without that error.

Input: `waits` and a Case's tables. Output: `clocks`, one row per run of answers with much the same offset; and, on
request, events whose times are what a right clock would have shown. Within a second: servers send whole seconds, and an
answer from a cache may be older than it looks.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from capi2kit.columns.cells import empty, instants, shaped
from capi2kit.columns.instants import LATEST, SECOND, nanoseconds
from capi2kit.columns.keys import grouped
from capi2kit.columns.nearby import short_names
from capi2kit.knowledge import check

_SAME_S = 2.0  # offsets closer than that are one clock error
_SHOWN_BY_CLOCK = (
    "time",
    "time_written",
    "last_sync",
    "chain_start",
)  # columns of events that the computer's clock fills


def measure_clocks(waits: pd.DataFrame) -> pd.DataFrame:
    """The clock error of each computer over time.

    Returns
    -------
    clocks : DataFrame
        One row per computer and run of answers whose offsets differ by less than two seconds, by time, in the columns of
        table `clocks`. Raises TableError. Nothing is modified.
    """
    check(waits, "waits", needs=["host", "stop", "clock_offset_s"])
    answers = waits[["host", "stop", "clock_offset_s"]].dropna()
    if answers.empty:
        return empty("clocks")
    answers = answers.sort_values(["host", "stop"], kind="stable")
    jumps = answers["clock_offset_s"].astype("float64").groupby(answers["host"]).diff().abs() >= _SAME_S
    run = grouped([answers["host"], jumps.cumsum()])
    _, first, count = np.unique(run, return_index=True, return_counts=True)
    offsets = answers["clock_offset_s"].groupby(run)
    runs = answers[["host", "stop"]].iloc[first].rename(columns={"stop": "time"}).reset_index(drop=True)
    spread = offsets.max() - offsets.min()
    return shaped(runs, "clocks", offset_s=offsets.median(), spread_s=spread, answers=count)


def correct_events(events: pd.DataFrame, clocks: pd.DataFrame) -> pd.DataFrame:
    """`events` (as in a Case) with the times of each computer moved by its clock error, the nearest one measured.

    Events of a computer without one stay as they are. Raises TableError. Nothing is modified.
    """
    check(clocks, "clocks")
    if clocks.empty or events.empty:
        return events
    time = events["time"].reset_index(drop=True)
    places = (
        short_names(hosts, of=events["host"]) for hosts in (clocks["host"], events["host"].reset_index(drop=True))
    )
    known = clocks.assign(place=next(places))[["place", "time", "offset_s"]].sort_values("time", kind="stable")
    asked = pd.DataFrame({"place": next(places), "time": time, "row": np.arange(len(time))})
    asked = asked[asked["time"].notna() & asked["place"].notna()].sort_values("time", kind="stable")
    found = pd.merge_asof(asked, known, on="time", by="place", direction="nearest")
    offset = found.set_index("row")["offset_s"].reindex(np.arange(len(time))).fillna(0.0).to_numpy("float64")
    shift = np.round(np.where(np.abs(offset) * SECOND < LATEST, offset, 0.0) * SECOND).astype("int64")
    return events.assign(**{name: _moved(events[name], shift) for name in _SHOWN_BY_CLOCK})


def _moved(times: pd.Series, shift: np.ndarray) -> pd.Series:
    """Times less so many nanoseconds; one that would leave what 64 bits hold stays."""
    stamps = nanoseconds(times)
    fits = times.notna().to_numpy() & (np.abs(stamps.astype("float64") - shift) < LATEST)
    return pd.Series(instants(np.where(fits, stamps - shift, stamps)), index=times.index)
