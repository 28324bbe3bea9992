"""Frames: the outer interval of each start-up, from the evidence around the CAPI2 log.

Input: `startups` as the operations tell them, and the `events` and `settings` of all evidence. Output: the
same table with the outer interval: from the creation of the process, or the start of IIS that woke it, to the first
request that it answered. An interval is only ever made longer. What was not a certificate check in it is
`unexplained`, which is what that line is for. Which events mark what stands in `data/operations.csv` (column
`marks`) and `data/processes.csv`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from capi2kit.columns.cells import shaped
from capi2kit.columns.instants import COARSEST_S, LONGEST_S, TICK_S
from capi2kit.columns.nearby import near, resolution_of, short_names
from capi2kit.knowledge import check, operations_marking, rows

POOL = "applicationPool"  # what `appcmd list wp` calls it
_FIELD, _VALUE, _RUNTIME = "field", "value", "managedRuntimeVersion"  # what the kit's list of pools calls them
CREATED, SERVED, LATE = "process created", "request served", "service late"
_SERVICE_S = pd.Timedelta(seconds=60)  # after its start: a service has 30 s, and Windows says so when they are over
_AT_ONCE = pd.Timedelta(seconds=1)
_TICK = pd.Timedelta(seconds=TICK_S)


def frame_startups(
    startups: pd.DataFrame, events: pd.DataFrame, *, settings: pd.DataFrame, gap_s: float
) -> pd.DataFrame:
    """Widen start-ups to what the other evidence says of them, and name their application pools.

    `gap_s`: evidence further from the operations than that belongs to something else.

    Returns
    -------
    startups : DataFrame
        The same rows and columns; start, stop, start_from, stop_from, start_event, stop_event, app_pool, missed_service and clr_version
        filled in,
        wall_s and unexplained_s longer by what was added. Raises TableError. Nothing is modified.
    """
    check(startups, "startups")
    check(
        events, "events", needs=["event", "time", "host", "operation", "new_pid", "app_pool", "clr_version", "service"]
    )
    if startups.empty or (settings.empty and not _says_more(events)):
        return startups
    gap = pd.Timedelta(seconds=gap_s)
    dated = events[events["time"].notna()].reset_index()
    framed = startups.assign(place=short_names(startups["host"], of=events["host"]), row=np.arange(len(startups)))
    dated = dated.assign(place=short_names(dated["host"], of=events["host"]))
    single = framed["place"].dropna().unique()
    if len(single) == 1:
        dated["place"] = dated["place"].fillna(single.item())  # a log that names no computer, beside those of one
    begins = _begins(framed, dated, gap=gap)
    served = _served(framed, dated, gap=gap)
    pools = _pools(framed, dated, settings=settings, gap=gap)
    framed = framed.assign(
        app_pool=pools, clr_version=_only(_named(framed, dated, column="clr_version", gap=gap), framed)
    )
    framed["clr_version"] = framed["clr_version"].fillna(_runtime_of_pool(framed, settings))
    framed["missed_service"] = _missed(framed, dated)
    return _widened(framed, begins=begins, served=served)


def _says_more(events: pd.DataFrame) -> bool:
    """Whether there is any event that can say more of a start-up than its operations do."""
    marks = [CREATED, SERVED, LATE, *(row["begins_with"] for row in rows("processes") if row["begins_with"])]
    named = events["new_pid"].notna() & (events["app_pool"].notna() | events["clr_version"].notna())
    return bool(
        named.any() or events["operation"].isin([name for mark in marks for name in operations_marking(mark)]).any()
    )


def _missed(startups: pd.DataFrame, dated: pd.DataFrame) -> pd.Series:
    """Per start-up the service of which Windows says meanwhile, or right after, that it did not come up in time."""
    late = dated.loc[
        dated["operation"].isin(operations_marking(LATE)) & dated["service"].notna(), ["time", "place", "service"]
    ]
    both = near(startups, late, since=startups["start"], until=startups["stop"] + _SERVICE_S)
    both = both[~both["process"].isin([row["process"] for row in rows("processes")])]  # IIS starts these itself
    first = both.sort_values(["row", "time"], kind="stable").drop_duplicates("row").set_index("row")["service"]
    return first.reindex(startups["row"]).set_axis(startups.index).astype("string")


def _begins(startups: pd.DataFrame, dated: pd.DataFrame, *, gap: pd.Timedelta) -> pd.DataFrame:
    """Per start-up with such evidence: the event that gives its start; the creation of the process before all else."""
    created = dated.loc[
        dated["operation"].isin(operations_marking(CREATED)), ["event", "time", "place", "new_pid", "new_process"]
    ]
    created = created.dropna(subset=["place", "new_pid"])  # a merge takes what is missing for the same
    made = startups.merge(created, left_on=["place", "pid"], right_on=["place", "new_pid"])
    same = made["new_process"].isna() | (made["new_process"].str.lower() == made["process"].str.lower())
    made = made[same].assign(start_from=CREATED, rank=0)
    woken = [
        _woken(startups, dated, process=row["process"], mark=row["begins_with"], gap=gap) for row in rows("processes")
    ]
    found = pd.concat([part for part in (made, *woken) if len(part)] or [made])
    before = found["first_operation"] - found["time"]
    found = found[(before >= -_TICK) & (before <= gap)]
    # of several pieces of evidence the best kind, and of these the last one before the first operation
    ordered = found.sort_values(["row", "rank", "time"], ascending=[True, True, False], kind="stable")
    return ordered.drop_duplicates("row").set_index("row")


def _woken(startups: pd.DataFrame, dated: pd.DataFrame, *, process: str, mark: str, gap: pd.Timedelta) -> pd.DataFrame:
    marks = dated.loc[dated["operation"].isin(operations_marking(mark)), ["event", "time", "place"]]
    mine = startups[startups["process"].str.lower() == process.lower()]
    first = mine["first_operation"]
    return near(mine, marks, since=first - gap, until=first + _TICK).assign(start_from=mark, rank=1)


def _served(startups: pd.DataFrame, dated: pd.DataFrame, *, gap: pd.Timedelta) -> pd.DataFrame:
    """Per start-up with such evidence: the first request that was answered when it was done.

    A trace names the process: the request must have begun by then, or at once. A web log does not: the request
    must have waited for half of the start-up at least.
    """
    asked = dated[
        dated["operation"].isin(operations_marking(SERVED)) & (dated["duration_s"] <= LONGEST_S).fillna(False)
    ]
    asked = asked[["event", "time", "place", "pid", "duration_s", "resolution_s"]].rename(columns={"pid": "asked_pid"})
    serving = {row["process"].lower() for row in rows("processes") if row["serves"]}
    mine = startups[startups["process"].str.lower().isin(serving)]
    last, most = mine["last_operation"], pd.Timedelta(seconds=COARSEST_S) + _TICK
    both = near(mine, asked, since=last - most, until=last + gap)
    length = pd.to_timedelta(both["duration_s"].astype("float64"), unit="s")
    slack = resolution_of(both) + _TICK
    known = both["asked_pid"].notna()
    inner = both["last_operation"] - both["first_operation"]
    after = both["time"] - both["last_operation"]
    fits = (after >= -slack) & (after <= gap) & (both["time"] - length <= both["last_operation"] + _AT_ONCE)
    fits &= np.where(known, (both["asked_pid"] == both["pid"]).fillna(False), length >= inner / 2)
    both = both[fits].assign(blind=~known[fits])
    return both.sort_values(["row", "blind", "time"]).drop_duplicates("row").set_index("row")


def _pools(
    startups: pd.DataFrame, dated: pd.DataFrame, *, settings: pd.DataFrame, gap: pd.Timedelta
) -> pd.api.extensions.ExtensionArray:
    """The application pool of each process, where exactly one name is given for its process id on its computer.

    An event must lie in the life of the process as far as it is known; a list of worker processes is as of its own time.
    """
    by_event = _named(startups, dated, column="app_pool", gap=gap)
    listed = settings.loc[settings["path"] == POOL, ["name", "value"]]
    if startups["place"].nunique() > 1:
        listed = listed.iloc[:0]  # it does not say whose processes it lists
    listed = listed[listed["name"].str.fullmatch("[0-9]{1,18}").fillna(False).astype(bool)]
    listed = listed.assign(new_pid=listed["name"].astype("Int64"))
    by_list = startups.loc[~startups["row"].isin(by_event["row"]), ["row", "pid"]].merge(
        listed.dropna(subset=["new_pid"]), left_on="pid", right_on="new_pid"
    )
    both = pd.concat(
        [by_event[["row", "app_pool"]], by_list.rename(columns={"value": "app_pool"})[["row", "app_pool"]]]
    )
    return _only(both, startups)


def _runtime_of_pool(startups: pd.DataFrame, settings: pd.DataFrame) -> pd.Series:
    """The .NET runtime that the pool of each process is set to, by a list of the pools of its computer."""
    says = settings[(settings["name"] == _FIELD) & (settings["value"] == _RUNTIME)]
    values = settings[settings["name"] == _VALUE].merge(says[["source", "line"]], on=["source", "line"])
    if startups["place"].nunique() > 1:
        values = values.iloc[:0]  # it does not say whose pools it lists
    single = values.dropna(subset=["path", "value"]).groupby("path")["value"].agg(["nunique", "first"])
    return startups["app_pool"].map(single.loc[single["nunique"] == 1, "first"]).astype("string")


def _named(startups: pd.DataFrame, dated: pd.DataFrame, *, column: str, gap: pd.Timedelta) -> pd.DataFrame:
    """Per start-up what the events that name its process say of it in a column."""
    named = dated.loc[dated[column].notna() & dated["new_pid"].notna(), ["place", "new_pid", column, "time"]]
    found = startups[["row", "place", "pid", "first_operation"]].merge(
        named, left_on=["place", "pid"], right_on=["place", "new_pid"]
    )
    return found.loc[found["time"] >= found["first_operation"] - gap, ["row", column]]


def _only(said: pd.DataFrame, startups: pd.DataFrame) -> pd.api.extensions.ExtensionArray:
    """What is said of each start-up, where that is one thing only."""
    column = said.columns[-1]
    return (
        said.drop_duplicates()
        .drop_duplicates("row", keep=False)
        .set_index("row")[column]
        .reindex(startups["row"])
        .array
    )


def _widened(startups: pd.DataFrame, *, begins: pd.DataFrame, served: pd.DataFrame) -> pd.DataFrame:
    """The start-ups with their outer intervals: what is added is time that no operation explains."""
    row = startups["row"].to_numpy()
    start, stop = (
        found["time"].reindex(row).set_axis(startups.index).fillna(startups[column])
        for found, column in ((begins, "start"), (served, "stop"))
    )
    start, stop = (
        start.where(start < startups["start"], startups["start"]),
        stop.where(stop > startups["stop"], startups["stop"]),
    )
    added = ((startups["start"] - start) + (stop - startups["stop"])).dt.total_seconds().to_numpy()
    by, to = begins.reindex(row), served.reindex(row)
    return shaped(
        startups.assign(
            start=start,
            stop=stop,
            start_from=by["start_from"].astype("string").set_axis(startups.index).fillna(startups["start_from"]),
            stop_from=np.where(to["event"].notna(), SERVED, "last operation"),
            start_event=by["event"].astype("Int64").array,
            stop_event=to["event"].astype("Int64").array,
            wall_s=startups["wall_s"] + added,
            unexplained_s=startups["unexplained_s"] + added,
        ),
        "startups",
    )
