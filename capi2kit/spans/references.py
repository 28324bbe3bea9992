"""Joins: what other records of the log say about a span.

A policy check joins its chain by chainRef, a catalog search joins the trust
check by the file's hash, and every span takes the target of its root.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from capi2kit.columns.cells import missing, strings
from capi2kit.columns.keys import match, match_before, where

Arrays = dict[str, np.ndarray]


def join_policies(made: dict, events: pd.DataFrame, *, stop: np.ndarray) -> None:
    """Add `policy_event`, `policy_result` and `server_name` to each chain; they often have a task of their own."""
    reference = events["chain_ref"].to_numpy(object)
    host = events["host"].to_numpy(object)
    named = events["file_path"].notna() | events["member_path"].notna() | events["display_name"].notna()
    chains = (stop >= 0) & ~named.to_numpy(bool)[stop]  # a trust check cites a chain, but is not it
    checks = np.flatnonzero((events["phase"] == "point").to_numpy(bool) & pd.notna(reference))
    found = match([where(chains, reference[stop], otherwise=None), host[stop]], [reference[checks], host[checks]])
    at = np.where(found >= 0, checks[found] if len(checks) else -1, -1)
    made["policy_event"] = events["event"].astype("Int64").array.take(at, allow_fill=True)
    made["policy_result"] = events["result"].array.take(at, allow_fill=True)
    made["server_name"] = events["server_name"].array.take(at, allow_fill=True)


def join_catalogs(made: dict, events: pd.DataFrame, *, stop: np.ndarray) -> None:
    """Add `catalog_event`: the catalog search that preceded the check of a file, by hash."""
    searches = np.flatnonzero(events["query_hash"].notna())
    if not len(searches):
        made["catalog_event"] = missing(len(stop), "Int64")
        return
    keys = {name: events[name].to_numpy(object) for name in ("host", "pid", "member_tag", "query_hash")}
    tag = where(stop >= 0, keys["member_tag"][stop], otherwise=None)
    found = match_before(
        [keys["host"][stop], keys["pid"][stop], tag],
        [keys["host"][searches], keys["pid"][searches], keys["query_hash"][searches]],
        at=stop,
        of=searches,
    )
    at = np.where(found >= 0, searches[found], -1)
    made["catalog_event"] = events["event"].astype("Int64").array.take(at, allow_fill=True)


def name_targets(made: dict, events: pd.DataFrame, *, stop: np.ndarray) -> None:
    """Add `target` and `target_kind`: file, else catalog member, else server, else subject, of the outermost call."""
    closed = stop >= 0
    own = {
        name: where(closed, events[name].to_numpy(object)[stop], otherwise=pd.NA)
        for name in ("file_path", "member_path", "display_name")
    }
    subject = np.asarray(made["subject"], object)
    choices = {
        "file": own["file_path"],
        "catalog": own["member_path"],
        "server": np.asarray(made["server_name"], object),
        "subject": np.where(pd.isna(own["display_name"]), subject, own["display_name"]),
    }
    target = np.full(len(stop), None, object)
    kind = np.full(len(stop), None, object)
    for name, values in reversed(choices.items()):
        known = ~pd.isna(values)
        target[known], kind[known] = values[known], name
    root = made["root"]
    made["target"], made["target_kind"] = strings(target[root].tolist()), strings(kind[root].tolist())
