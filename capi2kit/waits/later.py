"""Later: what became of a retrieval after its caller gave up, and how many calls its failure answered at once.

Input: `waits`, the `spans` as logged, with the kind of each retrieval, and `events`. Records that nobody waited for are no waits;
here each is counted with the wait that it belongs to.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from capi2kit.columns.call_tree import tree_of
from capi2kit.columns.cells import integers
from capi2kit.columns.instants import NAT, SECOND, nanoseconds
from capi2kit.columns.keys import match, match_before
from capi2kit.knowledge.actions import BACKGROUND, REMEMBERED, UNSENT, actions_where

_PROCESS = ["host", "process", "pid"]


def ended_of(spans: pd.DataFrame) -> pd.DataFrame:
    """The retrievals that went on in the background, by the time of their ends, in the columns that say how they ended."""
    mine = (spans["kind"] == BACKGROUND).to_numpy(bool, na_value=False)
    ended = spans[["stop_event", "belongs_to", "logged_stop", "measured_s", "result", "outcome"]][mine]
    return ended.sort_values("logged_stop", kind="stable")


def later_of(waits: pd.DataFrame, spans: pd.DataFrame, *, events: pd.DataFrame) -> dict[str, Any]:
    """`ended_later_s`, `ended_later_result`, `ended_later_outcome` and `echoes` of each wait."""
    ended = ended_of(spans).drop_duplicates("belongs_to")
    at = match([waits["event"].to_numpy()], [integers(ended["belongs_to"])])
    echoes = np.r_[
        integers(spans["belongs_to"])[spans["kind"].isin(UNSENT).to_numpy(bool)],
        _rejected_at_once(waits, spans, events=events),
    ]
    known, count = np.unique(echoes, return_counts=True)
    of = match([waits["event"].to_numpy()], [known])
    return {
        "ended_later_s": pd.array(_seconds_in_all(waits, ended, at=at), dtype="Float64"),
        "ended_later_result": ended["result"].array.take(at, allow_fill=True),
        "ended_later_outcome": ended["outcome"].array.take(at, allow_fill=True),
        "echoes": np.append(count, 0)[of],
    }


def with_later_actions(steps: pd.DataFrame, spans: pd.DataFrame) -> pd.DataFrame:
    """`steps`, and the actions of each retrieval that ended in the background once more, as those of the wait it belongs to.

    A caller that gave up did nothing itself: which way out was tried stands in the record of the thread that did the work.
    """
    ended = ended_of(spans)
    if ended.empty:
        return steps
    ended = ended[ended["belongs_to"].notna()].drop_duplicates("belongs_to")
    at = match([steps["event"].to_numpy()], [integers(ended["stop_event"])])
    theirs = steps[(at >= 0) & (steps["kind"] == "action").to_numpy(bool, na_value=False)]
    of = integers(ended["belongs_to"])[match([theirs["event"].to_numpy()], [integers(ended["stop_event"])])]
    return pd.concat([steps, theirs.assign(event=of)], ignore_index=True) if len(theirs) else steps


def _seconds_in_all(waits: pd.DataFrame, ended: pd.DataFrame, *, at: np.ndarray) -> np.ndarray:
    """From the begin of each wait to the end of its retrieval in the background; the stopwatch of Windows knows it best."""
    stop, start = np.append(nanoseconds(ended["logged_stop"]), NAT)[at], nanoseconds(waits["start"])
    known = (stop != NAT) & waits["wait_s"].notna().to_numpy() & (stop >= start)
    measured = np.append(ended["measured_s"].to_numpy("float64", na_value=np.nan), np.nan)[at]
    by_records = np.where(known, (stop - start) / SECOND, np.nan)
    waited = waits["wait_s"].to_numpy("float64", na_value=np.nan)
    return np.where(measured >= waited, measured, by_records)


def _rejected_at_once(waits: pd.DataFrame, spans: pd.DataFrame, *, events: pd.DataFrame) -> np.ndarray:
    """For each check that came back at once because its server is remembered as offline: the failed wait before it.

    Such a record names the list of an account's cache, if there is one, and the issuer; the wait's check names the issuer, too.
    """
    at_once = events["reject_action"].isin(actions_where(effect=REMEMBERED)).to_numpy(bool)
    failed = waits[(waits["outcome"] != "ok").to_numpy(bool, na_value=False)]
    if not at_once.any() or failed.empty:
        return np.zeros(0, "int64")
    said = events.loc[at_once, ["event", "host", "pid", "time", "issuer", "crl_url"]].reset_index()
    found = np.full(len(said), -1)
    for theirs, mine in (
        ("issuer", _issuers(failed, spans, events=events)),
        ("crl_url", failed["url"].to_numpy(object)),
    ):
        before = match_before(
            [*(said[name].to_numpy(object) for name in _PROCESS), said[theirs].to_numpy(object)],
            [*(failed[name].to_numpy(object) for name in _PROCESS), mine],
            at=nanoseconds(said["time"]) + 1,  # at one moment the record of the wait was written first
            of=nanoseconds(failed["logged_stop"]),
        )
        found = np.where(before >= 0, np.append(failed["event"].to_numpy("int64"), -1)[before], found)
    return found[found >= 0]


def _issuers(waits: pd.DataFrame, spans: pd.DataFrame, *, events: pd.DataFrame) -> np.ndarray:
    """The issuer that the check around each wait names."""
    stop = match([integers(spans["stop_event"])], [events["event"].to_numpy()])
    named = np.r_[events["issuer"].to_numpy(object), [None]][stop]
    at = match([waits["span"].to_numpy()], [spans["span"].to_numpy()])
    return named[tree_of(spans).nearest(at, has=~pd.isna(named))]
