"""Delays: charge the time of every trust check to what was checked.

Input: `spans`, as `correct_spans` makes them. Output: `delays`, one row per
process and target. Two checks that overlap count twice here; `startups` merges
them. Nothing in this module reads a file, knows an event id or draws.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from capi2kit.columns.cells import empty, masked, shaped
from capi2kit.columns.keys import lanes, match
from capi2kit.knowledge import check, operations_where
from capi2kit.knowledge.actions import BESIDE

_BY = ["host", "process", "pid", "user_sid", "target", "target_kind"]
_USED = [
    *_BY,
    *[
        "impersonate_sid",
        "span",
        "parent",
        "root",
        "depth",
        "state",
        "operation",
        "kind",
        "duration_s",
        "wait_s",
        "outcome",
        "url",
    ],
]


def attribute_delays(spans: pd.DataFrame) -> pd.DataFrame:
    """Charge the time of every trust check to the file, subject or server that was checked.

    Parameters
    ----------
    spans : the corrected spans, as `correct_spans` returns them.

    Returns
    -------
    delays : DataFrame
        One row per process and target, slowest first; empty with the same columns if nothing
        closed. Checks of something unknown are one row whose `target` is <NA>.

        ===========  =======  ====  ====================================================
        column       dtype    unit  meaning
        ===========  =======  ====  ====================================================
        target       string         path of the file checked, or subject, or server
        checks       int64          outermost operations on it
        total_s      Float64  s     sum of their durations
        network_s    Float64  s     part of `total_s` spent waiting for the network
        timeouts     int64          retrievals in it that timed out
        slowest_url  string         URL with the longest wait
        ===========  =======  ====  ====================================================

    Raises
    ------
    TableError : a column of `spans` is missing or has another dtype.

    Notes
    -----
    Source: CAPI2 events 80/81, 10/11 and 52/53. Durations are the corrected ones, since logged
    starts are written late. `spans` is not modified.
    """
    check(spans, "spans")
    spans = spans[_USED].assign(user_sid=spans["impersonate_sid"].fillna(spans["user_sid"]))
    roots = spans[(spans["depth"] == 0) & (spans["state"] != "no stop") & ~spans["kind"].isin(BESIDE)]
    if roots.empty:
        return empty("delays")
    group = lanes(roots, _BY)
    _, first = np.unique(group, return_index=True)
    count = len(first)
    wires = spans[spans["operation"].isin(operations_where(wire=True)).to_numpy(bool)]
    wires = wires[~wires["span"].isin(wires["parent"].dropna()).to_numpy(bool)]  # an outer one waits through the inner
    at = match([wires["root"].to_numpy()], [roots["span"].to_numpy()])
    charged = np.where(at >= 0, group[at], count)  # the last place collects what belongs to no closed root
    delays = roots.iloc[first].assign(
        checks=np.bincount(group, minlength=count),
        total_s=_summed(roots["duration_s"], group, count=count),
        network_s=_summed(roots["wait_s"], group, count=count),
        timeouts=np.bincount(charged[(wires["outcome"] == "timeout").to_numpy(bool, na_value=False)], minlength=count)[
            :count
        ],
    )
    wait = wires["wait_s"].to_numpy("float64", na_value=-np.inf)
    longest = np.full(count + 1, -1)
    order = np.argsort(wait, kind="stable")
    longest[charged[order]] = order
    delays["slowest_url"] = wires["url"].array.take(longest[:count], allow_fill=True)
    return shaped(delays.sort_values("total_s", ascending=False, kind="stable").reset_index(drop=True), "delays")


def _summed(values: pd.Series, group: np.ndarray, *, count: int) -> pd.api.extensions.ExtensionArray:
    total = np.bincount(group, weights=values.to_numpy("float64", na_value=0.0), minlength=count)
    return masked(total, np.zeros(count, bool), "Float64")
