"""Objects: what is known of the lists and answers that waits fetched, from other records and from the caches beside the log.

Input: waits, and the tables that say more: events (what a retrieval got), spans (whose certificate was checked), certificates (what
the list itself says), cache entries. Output: the waits with `issuer`, `fetches`, `list_says_next`, `ocsp_cached` and `retired`.
"""

from __future__ import annotations

import pandas as pd

from capi2kit.columns.call_tree import tree_of
from capi2kit.columns.cells import shaped, strings
from capi2kit.columns.keys import match
from capi2kit.knowledge.urls import host_of, server

_CRL, _OCSP = "CRL", "OCSP"


def tell_objects(
    waits: pd.DataFrame,
    *,
    events: pd.DataFrame,
    spans: pd.DataFrame,
    certificates: pd.DataFrame,
    cache_entries: pd.DataFrame,
) -> pd.DataFrame:
    """Add what is known of the objects.

    Returns
    -------
    waits : DataFrame
        The same rows with `issuer` (of the certificate that was checked), `fetches` (so many times this account got this URL, this
        one included; <NA> if it did not come), `list_says_next` (the list says when the next one is published; <NA> if it is not in
        the log), `ocsp_cached` (answers of one responder in the cache of the account, of the one with most; <NA> without a listing) and
        `retired` (its operator has switched this server off). The inputs are not modified.
    """
    return shaped(
        waits,
        "waits",
        issuer=_issuers(waits, spans),
        fetches=_fetches(waits),
        list_says_next=_says_next(waits, events=events, certificates=certificates),
        retired=pd.array([_is_retired(host) for host in waits["url_host"].tolist()], dtype="boolean"),
        ocsp_cached=_cached(waits, cache_entries),
    )


def _issuers(waits: pd.DataFrame, spans: pd.DataFrame) -> pd.api.extensions.ExtensionArray:
    """The issuer that the check around each retrieval names."""
    names = spans["issuer"].astype(object).where(spans["issuer"].notna(), None).tolist()
    at = match([waits["span"].to_numpy()], [spans["span"].to_numpy("int64")])
    found: list[str | None] = [None] * len(waits)
    for places in tree_of(spans).callers(at):
        found = [known or (names[place] if place >= 0 else None) for known, place in zip(found, places, strict=True)]
    return strings(found)


def _fetches(waits: pd.DataFrame) -> pd.Series:
    came = waits["outcome"].eq("ok").fillna(False).astype(bool) & waits["url"].notna()
    account = ["host", "user_sid", "url"]
    ordered = waits[[*account, "stop"]][came].sort_values("stop", kind="stable")
    counts = ordered.groupby(account, dropna=False).cumcount() + 1
    return counts.reindex(waits.index).astype("Int64")


def _says_next(waits: pd.DataFrame, *, events: pd.DataFrame, certificates: pd.DataFrame) -> pd.Series:
    """Whether the list that came says when the next one is published, by the dump of it in the log."""
    lists = certificates[["thumbprint", "next_publish"]][
        certificates["kind"].eq("crl").fillna(False) & certificates["next_update"].notna()
    ]
    says = dict(zip(lists["thumbprint"], lists["next_publish"].notna(), strict=True))
    got = dict(zip(events["event"].tolist(), events["retrieved_ref"].tolist(), strict=True))
    found = [says.get(got.get(event), pd.NA) for event in waits["event"].tolist()]
    return pd.Series(found, waits.index, dtype="boolean").where(waits["url_role"].eq(_CRL).fillna(False))


def _cached(waits: pd.DataFrame, entries: pd.DataFrame) -> pd.Series:
    """How many answers of one responder the cache of the account lists: of the one with most."""
    listed = entries[entries["url_role"].eq(_OCSP).fillna(False)]
    if listed.empty:
        return pd.Series(pd.NA, waits.index, dtype="Int64")
    hosts = waits["host"].dropna().unique()
    if len(hosts) == 1:
        listed = listed.assign(host=listed["host"].fillna(hosts[0]))  # a listing names no computer
    counts = listed.assign(server=strings([host_of(url) for url in listed["url"].fillna("").tolist()]))
    most = counts.groupby(["host", "account", "server"]).size().groupby(["host", "account"]).max()
    return pd.Series(
        [most.get(key, pd.NA) for key in zip(waits["host"], waits["user_sid"], strict=True)], waits.index, dtype="Int64"
    )


def _is_retired(host: object) -> bool:
    row = server(host) if isinstance(host, str) else None
    return bool(row and row["retired"])
