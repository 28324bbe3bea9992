"""Weights: what each finding cost, how sure that is, and how much of a start-up it explains.

Input: findings as `diagnose` makes them (their `waits` are the events of the rows with the cost), spans, waits, start-ups.
Output: the same findings, whose `waits` are the retrievals behind the cost. Nothing here knows an event id.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from capi2kit.columns.call_tree import tree_of
from capi2kit.columns.cells import integers, joined, numbers_in, shaped
from capi2kit.columns.instants import SECOND, nanoseconds
from capi2kit.columns.intervals import covered
from capi2kit.columns.keys import match


def weigh(findings: pd.DataFrame, *, spans: pd.DataFrame, waits: pd.DataFrame, startups: pd.DataFrame) -> pd.DataFrame:
    """Add to each finding its waits, the bounds of its cost, and the start-up that it explains most of.

    Returns
    -------
    findings : DataFrame
        The same rows with `waits`, `low_s`, `high_s`, `startup` and `share` filled in: `share` is the part of the
        start-up's wall time in which at least one of these waits was open. A finding that cites no wait has none of them.
        The input is not modified.
    """
    above = _above(spans, waits)
    event = waits["event"].to_numpy("int64")
    begin, end = nanoseconds(waits["start"]), nanoseconds(waits["stop"])
    end = np.maximum(begin, end)
    place = {number: row for row, number in enumerate(startups["startup"].tolist())}
    at = match([waits["span"].to_numpy()], [spans["span"].to_numpy()])
    owner = integers(spans["startup"].iloc[at].map(place))
    low, high = (waits[name].to_numpy("float64", na_value=np.nan) for name in ("low_s", "high_s"))
    wall = startups["wall_s"].to_numpy("float64", na_value=np.nan)
    rows: dict[str, list[object]] = {name: [] for name in ("waits", "low_s", "high_s", "startup", "share")}
    for cited in findings["waits"]:
        events = np.array(numbers_in(cited), "int64")
        mine = np.isin(above, events).any(axis=0) if len(events) else np.zeros(len(waits), bool)
        inside = mine & (owner >= 0)
        open_ns = covered(owner=owner[inside], begin=begin[inside], end=end[inside], count=len(startups))
        most = int(open_ns.argmax()) if open_ns.any() else None
        rows["waits"].append(joined(sorted(event[mine].tolist())))
        rows["low_s"].append(float(np.nansum(low[mine])) if mine.any() else None)
        rows["high_s"].append(float(high[mine].sum()) if mine.any() and not np.isnan(high[mine]).any() else None)
        rows["startup"].append(None if most is None else int(startups["startup"].iloc[most]))
        rows["share"].append(None if most is None or not wall[most] else min(open_ns[most] / SECOND / wall[most], 1.0))
    return shaped(
        findings.assign(**{name: pd.Series(values, findings.index, object) for name, values in rows.items()}),
        "findings",
    )


def _above(spans: pd.DataFrame, waits: pd.DataFrame) -> np.ndarray:
    """For each wait the stop events of its own span and of those around it, one row per level; -1 where there is none."""
    stop = np.append(integers(spans["stop_event"]), -1)
    at = match([waits["span"].to_numpy()], [spans["span"].to_numpy("int64")])
    levels = [stop[places] for places in tree_of(spans).callers(at)]
    return np.array(levels).reshape(len(levels), len(waits))
