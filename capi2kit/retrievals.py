"""Retrievals: what happened inside a network wait, by its ordered steps.

Which proxy was used, how often the look-up of one failed, what the server
answered, and how the computer's clock differs from the server's.
"""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime

import pandas as pd

from capi2kit.knowledge import check, rows
from capi2kit.starts import seconds_between

_STATUS = re.compile(r"HTTP/\S+ (\d{3})")


def tell_retrievals(waits: pd.DataFrame, steps: pd.DataFrame) -> pd.DataFrame:
    """Add proxy, wpad_failures, cache_write_failed, http_status, content_type, response_bytes and clock_offset_s.

    Source: Action elements and headers in order; what an action means stands in flags.csv. A new table.
    """
    check(steps, "steps")
    steps = steps[steps["event"].isin(waits["event"])]
    waits = waits.set_index("event", drop=False)
    told = _actions(waits, steps[steps["kind"] == "action"])
    told = _headers(told, steps[steps["kind"] == "response header"])
    return told.reset_index(drop=True)


def _roles() -> dict[str, str]:
    """Action name → what it says about the proxy: lookup, direct, proxy, store."""
    return {row["name"]: row["column"] for row in rows("flags") if row["family"] == "Action@name" and row["column"]}


def _actions(waits: pd.DataFrame, actions: pd.DataFrame) -> pd.DataFrame:
    role = actions["name"].map(_roles())
    failed = actions["error"].notna() & (actions["error"] != 0)
    route = actions[role.isin(["direct", "proxy"])].drop_duplicates("event", keep="last").set_index("event")
    taken = route["value"].where(route["name"].map(_roles()) == "proxy", "direct")
    waits["proxy"] = taken.reindex(waits.index)
    lookups = actions[(role == "lookup") & failed].groupby("event").size()
    known = waits.index.isin(actions["event"])
    waits["wpad_failures"] = lookups.reindex(waits.index).fillna(0).astype("Int64").where(known)
    stores = actions[(role == "store") & failed]["event"]
    waits["cache_write_failed"] = pd.Series(waits.index.isin(stores), index=waits.index).astype("boolean").where(known)
    return waits


def _headers(waits: pd.DataFrame, headers: pd.DataFrame) -> pd.DataFrame:
    status = headers[headers["name"].isna()].drop_duplicates("event", keep="last").set_index("event")["value"]
    codes = {event: found[1] for event, text in status.items() if (found := _STATUS.match(str(text)))}
    waits["http_status"] = _integers(waits, codes)
    named = headers.assign(name=headers["name"].str.lower()).drop_duplicates(["event", "name"], keep="last")
    by_name = {name: part.set_index("event")["value"] for name, part in named.groupby("name")}
    nothing = pd.Series([], index=pd.Index([], dtype="int64"), dtype=waits["url"].dtype)
    waits["content_type"] = by_name.get("content-type", nothing).reindex(waits.index)
    waits["response_bytes"] = _integers(waits, by_name.get("content-length", nothing).to_dict())
    dates = {event: _http_date(str(text)) for event, text in by_name.get("date", nothing).items()}
    server = pd.to_datetime(pd.Series([dates.get(event) for event in waits.index], index=waits.index), utc=True)
    waits["clock_offset_s"] = pd.array(seconds_between(server.dt.as_unit("ns"), waits["stop"]), dtype="Float64")
    return waits


def _integers(waits: pd.DataFrame, texts: dict) -> pd.Series:
    values = [int(texts[event]) if str(texts.get(event, "")).strip().isdigit() else None for event in waits.index]
    return pd.Series(values, index=waits.index, dtype="Int64")


def _http_date(text: str) -> object:
    try:
        return parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
