"""Delays: charge the time of every trust check to what was checked.

Input: `spans`, as `correct_spans` makes them. Output: `delays`, one row per
process and target. Two checks that overlap count twice here; `startups` merges
them. Nothing in this module reads a file, knows an event id or draws.
"""

from __future__ import annotations

import pandas as pd

from capi2kit.cells import shaped
from capi2kit.knowledge import check, operations_where


def attribute_delays(spans: pd.DataFrame) -> pd.DataFrame:
    """Charge the time of every trust check to the file, subject or server that was checked.

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
    by = ["host", "process", "pid", "user_sid", "target", "target_kind"]
    spans = spans.assign(user_sid=spans["impersonate_sid"].fillna(spans["user_sid"]))
    roots = spans[(spans["depth"] == 0) & (spans["state"] != "no stop")]
    number = roots.groupby(by, dropna=False, sort=False).ngroup()
    groups = roots.groupby(number.to_numpy())
    delays = roots[by].groupby(number.to_numpy()).head(1).set_axis(groups.size().index)
    delays["checks"], delays["total_s"], delays["network_s"] = (
        groups.size(),
        groups["duration_s"].sum(),
        groups["wait_s"].sum(),
    )
    wires = spans[spans["operation"].isin(operations_where(wire=True))]
    charged = wires["root"].map(pd.Series(number.to_numpy(), index=roots["span"].to_numpy()))
    timeouts = charged[wires["outcome"] == "timeout"].value_counts()
    delays["timeouts"] = timeouts.reindex(delays.index).fillna(0).astype("int64")
    slowest = (
        wires.assign(row=charged).dropna(subset=["row", "url"]).sort_values("wait_s", ascending=False, kind="stable")
    )
    delays["slowest_url"] = slowest.drop_duplicates("row").set_index("row")["url"].reindex(delays.index)
    return shaped(delays.sort_values("total_s", ascending=False, kind="stable").reset_index(drop=True), "delays")
