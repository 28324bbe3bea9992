"""Coverage: which stretches of log there are, and what each can support.

Input: `events`, `sources` and `problems` as loaded. Output: `coverage`, one row
per file, computer and channel. A log that lost its beginning says so here.
"""

from __future__ import annotations

import pandas as pd

from capi2kit.cells import shaped


def measure_coverage(events: pd.DataFrame, sources: pd.DataFrame) -> pd.DataFrame:
    """One row per file, computer and channel: extent, gaps, cut tasks and a verdict.

    The verdict is `complete`, `cut at the start` (the log wrapped or a task lost its first
    records), `filtered` (records or start records were left out), `damaged` (records of the file
    are lost), or `no operations` (no start and stop records at all, such as the Application log).
    Source: record ids, SeqNumber and Opcode. Raises nothing.
    """
    by = ["source", "host", "channel"]
    flat = events.reset_index()
    groups = flat.groupby(by, dropna=False, sort=True)
    table = groups.agg(
        start=("time", "min"),
        stop=("time", "max"),
        records=("event", "size"),
        low=("record", "min"),
        high=("record", "max"),
    )
    for phase in ("start", "stop"):
        counts = flat[flat["phase"] == phase].groupby(by, dropna=False).size()
        table[f"{phase}s"] = counts.reindex(table.index).fillna(0).astype("int64")
    tasks = flat.dropna(subset=["task_id"]).groupby([*by, "task_id"], dropna=False)["seq"].agg(["min", "max", "size"])
    cut = tasks[tasks["min"] > 1].groupby(level=[0, 1, 2], dropna=False).size()
    holes = tasks[tasks["max"] - tasks["min"] + 1 > tasks["size"]].groupby(level=[0, 1, 2], dropna=False).size()
    table["cut_tasks"] = cut.reindex(table.index).fillna(0).astype("int64")
    holed = holes.reindex(table.index).fillna(0) > 0
    table = table.reset_index()
    facts = sources.set_index("source").loc[table["source"]].reset_index(drop=True)
    table["wrapped"] = facts["wrapped"].to_numpy()
    alone = (table.groupby(["source", "channel"])["host"].transform("size") == 1) & (facts["other"] == 0)
    span = (table["high"] - table["low"] + 1 - table["records"]).fillna(0).astype("int64")
    table["gaps"] = span.where(alone, 0)
    table["verdict"] = "complete"
    table.loc[(table["cut_tasks"] > 0) | table["wrapped"].astype("bool"), "verdict"] = "cut at the start"
    filtered = (
        holed.to_numpy()
        | ((table["gaps"] > 0) & (facts["lost"] == 0))
        | ((table["starts"] == 0) & (table["stops"] > 0))
    )
    table.loc[filtered, "verdict"] = "filtered"
    table.loc[facts["lost"].to_numpy() > 0, "verdict"] = "damaged"
    table.loc[(table["starts"] == 0) & (table["stops"] == 0), "verdict"] = "no operations"
    return shaped(table, "coverage")
