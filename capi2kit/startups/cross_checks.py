"""Confirmations: what other programs measured of the same moments, beside what the CAPI2 log says.

Input: `spans`, `waits` and the `events` of all evidence. SharePoint measures its certificate validations itself,
and the firewall of the computer writes down what it dropped: neither knows our figures.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from capi2kit.columns.cells import empty, shaped
from capi2kit.columns.instants import COARSEST_S, LONGEST_S
from capi2kit.columns.nearby import near, resolution_of, short_names
from capi2kit.knowledge import check, operations_marking

_NEAR = pd.Timedelta(seconds=1)
_WITHIN = 0.05  # of the longer one; two measures of one check differ by less
_LEAST_S = 0.5


def confirm_spans(spans: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    """Match each slow validation that SharePoint measured with the span that it measured.

    Same computer, same process where it is named, ended within a second of each other, and the durations apart by less
    than 5 % or half a second; of several such spans the outermost.

    Returns
    -------
    confirmations : DataFrame
        One row per matched entry, in the columns of table `confirmations`. Raises TableError. Nothing is modified.
    """
    check(spans, "spans")
    check(events, "events", needs=["event", "time", "host", "pid", "operation", "duration_s", "resolution_s"])
    slow = events["operation"].isin(operations_marking("slow validation")).to_numpy(bool)
    if not slow.any():
        return empty("confirmations")
    said = events[["event", "time", "host", "pid", "duration_s", "resolution_s"]][slow]
    said = said[(said["duration_s"] <= LONGEST_S).fillna(False)].reset_index(drop=True)
    said = said.assign(place=short_names(said["host"], of=events["host"])).rename(
        columns={"pid": "said_pid", "duration_s": "said_s"}
    )
    mine = spans[spans["stop"].notna() & spans["duration_s"].notna()]
    mine = mine.assign(place=short_names(mine["host"], of=events["host"]))
    most = _NEAR + pd.Timedelta(seconds=COARSEST_S)
    said = said.drop(columns=["host", "pid"], errors="ignore")
    both = near(mine, said, since=mine["stop"] - most, until=mine["stop"] + most)
    apart = both["duration_s"] - both["said_s"]
    longer = both[["duration_s", "said_s"]].max(axis=1)
    slack = _NEAR + resolution_of(both)
    fits = (both["stop"] - both["time"]).abs() <= slack
    fits &= apart.abs() <= np.maximum(_WITHIN * longer, _LEAST_S)
    fits &= (both["said_pid"].isna() | (both["said_pid"] == both["pid"])).fillna(False)
    both = both.assign(apart_s=apart, near=apart.abs())[fits]
    both = both.sort_values(["event", "depth", "near"], kind="stable").drop_duplicates("event")
    return shaped(both.reset_index(drop=True), "confirmations", measured_s=both["duration_s"])


def confirm_drops(waits: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    """`waits` with `firewall_drops` filled in where a firewall log of the computer covers the moment.

    Counts the packets that were dropped between the start and the stop of the wait, to the port of its URL, of its process
    where the log names it. Raises TableError. Nothing is modified.
    """
    check(waits, "waits")
    is_packet = events["operation"].isin(operations_marking("packet"))
    if waits.empty or not is_packet.any():
        return waits
    packets = events[is_packet][["time", "host", "pid", "category", "server", "resolution_s"]].reset_index(drop=True)
    packets = packets.assign(place=short_names(packets["host"], of=events["host"]), port=_port(packets["server"]))
    mine = waits.assign(row=np.arange(len(waits)), place=short_names(waits["host"], of=events["host"]))
    if packets["place"].isna().all() and mine["place"].nunique() == 1:
        packets["place"] = mine["place"].iloc[0]
    dropped = packets[packets["category"].str.upper().str.startswith("DROP").fillna(False)]
    both = near(
        mine[["row", "place", "pid", "start", "stop", "url_port"]],
        dropped.drop(columns="host").rename(columns={"pid": "packet_pid"}),
        since=mine["start"] - pd.Timedelta(seconds=COARSEST_S),
        until=mine["stop"],
    )
    of_this_wait = both["time"].between(both["start"] - resolution_of(both), both["stop"])
    of_this_wait &= both["packet_pid"].isna() | both["packet_pid"].eq(both["pid"]).fillna(False)
    of_this_wait &= both["port"].eq(both["url_port"]).fillna(False)
    counted = both[of_this_wait].groupby("row").size().reindex(mine["row"], fill_value=0).astype("Int64")
    return waits.assign(firewall_drops=counted.mask(~_covered(mine, packets)).set_axis(waits.index))


def _covered(waits: pd.DataFrame, packets: pd.DataFrame) -> np.ndarray:
    """The waits during which the firewall log of their computer was written."""
    reach = packets.groupby("place")["time"].agg(["min", "max"]).reindex(waits["place"])
    begin, end = waits["start"].to_numpy(), waits["stop"].to_numpy()
    return (end >= reach["min"].to_numpy()) & (begin <= reach["max"].to_numpy())


def _port(servers: pd.Series) -> pd.Series:
    """The port behind the last colon of an address."""
    return servers.str.extract(r":([0-9]{1,5})$", expand=False).astype("Int64")
