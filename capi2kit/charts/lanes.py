"""Lanes: what each thread of a start-up did, and what it waited for.

Input: `spans` and `waits`. Output: the outermost operations, the waits, and one
row per thread; nothing here draws.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from capi2kit.knowledge.actions import BESIDE
from capi2kit.words import NO_HOST, short

LANES = 40
NO_THREAD = -1


def find_lanes(
    spans: pd.DataFrame, waits: pd.DataFrame, *, startup: int
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Outermost operations and waits of a start-up with their lane `y`, and the lanes by first activity.

    Of more than 40 threads those that waited longest; `threads` says how many there are.
    """
    mine = spans[spans["startup"].eq(startup).fillna(False).astype(bool)]
    waits = waits[waits["span"].isin(mine["span"])]
    dated = mine["start"].notna() & mine["stop"].notna()
    operations = mine[(mine["depth"] == 0) & dated & ~mine["kind"].isin(BESIDE)]
    operations, waits = (table.assign(thread=_threads(table)) for table in (operations, waits))
    begun = pd.concat([operations[["thread", "start"]], waits[["thread", "start"]]]).groupby("thread")["start"].min()
    lanes = begun.to_frame("start").join(_waited(waits))
    lanes = lanes.fillna({"wait_s": 0.0, "waits": 0, "hosts": 0, "most_s": 0.0, "url_host": ""}).astype(
        {"waits": "int64", "hosts": "int64"}
    )
    lanes["threads"] = len(lanes)
    lanes["name"] = ["thread not logged" if thread == NO_THREAD else f"thread {thread}" for thread in lanes.index]
    lanes = lanes.sort_values("wait_s", ascending=False, kind="stable").head(LANES).sort_values("start", kind="stable")
    place = pd.Series(np.arange(len(lanes)), index=lanes.index)
    operations, waits = (table[table["thread"].isin(place.index)] for table in (operations, waits))
    return operations.assign(y=operations["thread"].map(place)), waits.assign(y=waits["thread"].map(place)), lanes


def _threads(table: pd.DataFrame) -> pd.Series:
    return table["tid"].fillna(NO_THREAD).astype("int64")


def _waited(waits: pd.DataFrame) -> pd.DataFrame:
    """Per thread: seconds and number of its waits, number of servers, and the one it waited for most."""
    seconds = waits["wait_s"].astype("float64")
    servers = waits["url_host"].fillna("")
    shares = seconds.groupby([waits["thread"], servers]).sum().sort_values(ascending=False, kind="stable").reset_index()
    most = shares.drop_duplicates("thread").set_index("thread")["url_host"]
    waited = pd.DataFrame({"wait_s": seconds.groupby(waits["thread"]).sum()})
    waited["waits"] = waits.groupby("thread").size()
    waited["hosts"] = shares.groupby("thread").size()
    waited["most_s"] = shares.drop_duplicates("thread").set_index("thread")["wait_s"]
    waited["url_host"] = pd.Series([short(host, 30) or NO_HOST for host in most], index=most.index, dtype="object")
    return waited
