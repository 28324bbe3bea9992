"""Nearby: rows of two tables that belong to one computer and lie near each other in time."""

from __future__ import annotations

import numpy as np
import pandas as pd

from capi2kit.columns.instants import COARSEST_S


def short_names(hosts: pd.Series, *, of: pd.Series | None = None) -> pd.Series:
    """Names of computers as comparable: the first part, in capitals. A trace log has no more than that.

    `of`: the names of all computers. Where two of them differ only behind the first part, that part alone is the name
    of neither: their whole names stay.
    """
    short = hosts.str.extract("^([^.]*)", expand=False).str.upper()
    known = pd.Series((hosts if of is None else of).dropna().unique(), dtype=hosts.dtype).str.upper().drop_duplicates()
    whole = known[known.str.contains(".", regex=False)]
    first = whole.str.extract("^([^.]*)", expand=False)
    shared = first[first.duplicated()]
    return short.mask(short.isin(shared).fillna(False).astype(bool), hosts.str.upper())


def resolution_of(rows: pd.DataFrame) -> pd.Series:
    """How coarse the times of these rows are, by their `resolution_s`; a minute at most, and nothing where it is missing."""
    return pd.to_timedelta(rows["resolution_s"].astype("float64").clip(0, COARSEST_S).fillna(0), unit="s")


def near(left: pd.DataFrame, right: pd.DataFrame, *, since: pd.Series, until: pd.Series) -> pd.DataFrame:
    """Rows of `left` and `right` on one `place` (not <NA>), with the `time` of the right one within since and until.

    `since` and `until` are as long as `left`. As a merge on `place` that keeps these rows only, but without making the others.
    """
    right = right[right["place"].notna() & right["time"].notna()].sort_values("time", kind="stable")
    spots: list[np.ndarray] = [np.zeros(0, "int64")]
    owners: list[np.ndarray] = [np.zeros(0, "int64")]
    mine = left["place"].fillna("").to_numpy(object)  # nothing is at no place
    for place, there in right.groupby("place").indices.items():
        rows_there = np.asarray(there, dtype="int64")
        stamps = right["time"].array[rows_there]
        here = np.flatnonzero((mine == place) & since.notna().to_numpy() & until.notna().to_numpy())
        low = np.asarray(stamps.searchsorted(since.array[here], side="left"))
        count = np.maximum(np.asarray(stamps.searchsorted(until.array[here], side="right")) - low, 0)
        owners.append(np.repeat(here, count))
        first = np.repeat(low - (count.cumsum() - count), count)
        spots.append(rows_there[first + np.arange(len(first))])
    owner, spot = np.concatenate(owners), np.concatenate(spots)
    order = np.argsort(owner, kind="stable")
    found = right.drop(columns="place").iloc[spot[order]].reset_index(drop=True)
    return pd.concat([left.iloc[owner[order]].reset_index(drop=True), found], axis=1)
