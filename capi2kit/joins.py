"""Joins: what other records of the log say about a span.

A policy check joins its chain by chainRef, a catalog search joins the trust
check by the file's hash, and every span takes the target of its root.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from capi2kit.cells import strings


def join_policies(spans: pd.DataFrame, flat: pd.DataFrame) -> pd.DataFrame:
    """Add `policy_event`, `policy_result` and `server_name` to each chain; they often have a task of their own."""
    where = spans["stop_event"].map(flat.set_index("event")["chain_ref"])
    checks = flat[(flat["phase"] == "point") & flat["chain_ref"].notna()]
    checks = checks.drop_duplicates(["host", "chain_ref"], keep="last")
    found = checks.set_index(["host", "chain_ref"])[["event", "result", "server_name"]]
    keys = pd.MultiIndex.from_arrays([spans["host"], where])
    joined = found.reindex(keys).set_axis(spans.index)
    chains = spans["depth"].to_numpy() >= 0
    chains &= where.notna().to_numpy() & ~spans["stop_event"].isin(_trust_events(flat)).to_numpy()
    spans["policy_event"] = joined["event"].astype("Int64").where(chains)
    spans["policy_result"] = joined["result"].astype("UInt32").where(chains)
    spans["server_name"] = joined["server_name"].where(chains)
    return spans


def _trust_events(flat: pd.DataFrame) -> pd.Series:
    """Events that check a file: they cite a chain, too, but are not it."""
    files = flat["file_path"].notna() | flat["member_path"].notna() | flat["display_name"].notna()
    return flat.loc[files, "event"]


def join_catalogs(spans: pd.DataFrame, flat: pd.DataFrame) -> pd.DataFrame:
    """Add `catalog_event`: the catalog search that preceded the check of a file, by hash."""
    searches = flat[flat["query_hash"].notna()]
    if searches.empty:
        spans["catalog_event"] = pd.array([pd.NA] * len(spans), dtype="Int64")
        return spans
    tags = spans["stop_event"].map(flat.set_index("event")["member_tag"])
    found = searches.drop_duplicates(["host", "pid", "query_hash"], keep="last").set_index(
        ["host", "pid", "query_hash"]
    )["event"]
    keys = pd.MultiIndex.from_arrays([spans["host"], spans["pid"], tags])
    spans["catalog_event"] = found.reindex(keys).set_axis(spans.index).astype("Int64").where(tags.notna())
    return spans


def name_targets(spans: pd.DataFrame, flat: pd.DataFrame) -> pd.DataFrame:
    """Add `target` and `target_kind`: file, else catalog member, else server, else subject, of the outermost call."""
    own = (
        flat.set_index("event")[["file_path", "member_path", "display_name"]]
        .reindex(spans["stop_event"])
        .reset_index(drop=True)
    )
    choices = {
        "file": own["file_path"],
        "catalog": own["member_path"],
        "server": spans["server_name"],
        "subject": own["display_name"].fillna(spans["subject"]),
    }
    target: list[str | None] = [None] * len(spans)
    kind: list[str | None] = [None] * len(spans)
    for name, values in choices.items():
        for i in np.flatnonzero(values.notna().to_numpy()):
            if target[i] is None:
                target[i], kind[i] = values.iloc[i], name
    root = spans["root"].to_numpy()
    spans["target"] = strings([target[i] for i in root])
    spans["target_kind"] = strings([kind[i] for i in root])
    return spans
