"""Joins: what other records of the log say about a span.

A policy check joins its chain by chainRef, a catalog search joins the trust
check by the file's hash, and every span takes the target of its root.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionArray

from capi2kit.columns.cells import strings
from capi2kit.columns.keys import match, match_before, where

Columns = dict[str, Any]


def join_policies(events: pd.DataFrame, stop: np.ndarray) -> Columns:
    """`policy_event`, `policy_result` and `server_name` of each chain; policy checks often have a task of their own.

    `stop`: the row of each span's stop record in `events`, or -1.
    """
    reference = events["chain_ref"].to_numpy(object)
    host = events["host"].to_numpy(object)
    named = events["file_path"].notna() | events["member_path"].notna() | events["display_name"].notna()
    chains = (stop >= 0) & ~named.to_numpy(bool)[stop]  # a trust check cites a chain, but is not it
    checks = np.flatnonzero((events["phase"] == "point").to_numpy(bool) & pd.notna(reference))
    found = match([where(chains, reference[stop], otherwise=None), host[stop]], [reference[checks], host[checks]])
    at = np.r_[checks, -1][found]
    return {
        "policy_event": events["event"].astype("Int64").array.take(at, allow_fill=True),
        "policy_result": events["result"].array.take(at, allow_fill=True),
        "server_name": events["server_name"].array.take(at, allow_fill=True),
    }


def join_catalogs(events: pd.DataFrame, stop: np.ndarray) -> Columns:
    """`catalog_event`: the catalog search that preceded the check of a file, by hash."""
    searches = np.flatnonzero(events["query_hash"].notna())
    keys = {name: events[name].to_numpy(object) for name in ("host", "pid", "member_tag", "query_hash")}
    found = match_before(  # nothing is before -1, where the stop record is not in the log
        [keys["host"][stop], keys["pid"][stop], keys["member_tag"][stop]],
        [keys["host"][searches], keys["pid"][searches], keys["query_hash"][searches]],
        at=stop,
        of=searches,
    )
    at = np.r_[searches, -1][found]
    return {"catalog_event": events["event"].astype("Int64").array.take(at, allow_fill=True)}


def name_targets(
    events: pd.DataFrame, stop: np.ndarray, *, subject: ExtensionArray, server: ExtensionArray, root: np.ndarray
) -> Columns:
    """`target` and `target_kind`: file, else catalog member, else server, else subject, of the outermost call.

    `subject`, `server`: of each span, where its records name one. `root`: the outermost call around each.
    """
    own = {
        name: where(stop >= 0, events[name].to_numpy(object)[stop], otherwise=pd.NA)
        for name in ("file_path", "member_path", "display_name")
    }
    choices = {
        "file": own["file_path"],
        "catalog": own["member_path"],
        "server": np.asarray(server, object),
        "subject": np.where(pd.isna(own["display_name"]), np.asarray(subject, object), own["display_name"]),
    }
    target = np.full(len(stop), None, object)
    kind = np.full(len(stop), None, object)
    for name, values in reversed(choices.items()):
        known = ~pd.isna(values)
        target[known], kind[known] = values[known], name
    return {"target": strings(target[root].tolist()), "target_kind": strings(kind[root].tolist())}
