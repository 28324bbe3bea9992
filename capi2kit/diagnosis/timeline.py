"""Timelines: the waits of an analysis in time order, with all that `replay` needs to let them happen again.

Beside the waits, a timeline can hold the calls for which nothing was sent since an earlier failure was remembered or still ran:
if that failure comes sooner, later or not at all, some of them become waits, and some waits become such calls.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from capi2kit.columns.call_tree import tree_of
from capi2kit.columns.cells import integers, shaped
from capi2kit.columns.instants import NAT, nanoseconds
from capi2kit.columns.keys import lanes, match, match_before, where
from capi2kit.knowledge.actions import REMEMBERED, UNSENT
from capi2kit.knowledge.durations import duration
from capi2kit.waits.budgets import find_budgets

_SLOW_S = 2.0  # a longer answer does not count as one without trouble
_NEAR = 0.6  # of its limit: a refusal that took longer may be a lost packet
_CHAIN = "BuildChain"
_NOBODY = -2  # the event of a call that did not wait
WAIT, CHECK, CALL = 0, 1, 2  # kinds of rows: a wait; a check that asked nobody; a retrieval that was not sent
_OFFLINE, _LIST = "offline", "CRL"
ROOT_LIST = "CTL"  # the automatic root update: its failures are remembered, and no chain policy is known to limit it
_PROCESS = ["host", "process", "pid"]
_OF_WAITS = [
    *(
        "event",
        *_PROCESS,
        "tid",
        "user_sid",
        "url",
        "url_role",
        "url_host",
        "outcome",
        "wait_s",
        "low_s",
        "high_s",
        "quality",
    ),
    *("wpad_failures", "cache_write_failed", "accumulative", "budget_s", "ended_later_s"),
]


class Guess(NamedTuple):
    """A length that may be unknown: estimate, lower bound, upper bound; one array each, in s."""

    best: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class Timeline:
    """The waits of an analysis in time order, as `replay` needs them. `wait`: their rows in `waits`, -1 for a call that did not wait.

    Numbers that say which rows belong together are -1 where a row belongs to nothing.
    """

    wait: np.ndarray
    kind: np.ndarray  # WAIT, CHECK or CALL
    like: np.ndarray  # of a call that did not wait: the row of the failed wait before it
    at: np.ndarray  # their rows in `spans`
    start: np.ndarray  # ns
    length: Guess
    usual: Guess  # how long it takes with an answer
    refusal: Guess  # ... and with a refusal
    account: np.ndarray  # numbers of (URL, account)
    process: np.ndarray  # numbers of (URL, process)
    issuer_account: np.ndarray  # ... of (issuer whose list it is, account)
    issuer_process: np.ndarray
    is_list: np.ndarray  # whether a CRL was asked for, which answers for all that its issuer issued
    stores: np.ndarray  # whether the account can keep on disk what it got
    check: np.ndarray  # the span that asked: a revocation check, the search for an issuer or a root
    chain: np.ndarray
    thread: np.ndarray
    remembers: np.ndarray  # numbers of what is remembered together when it fails
    runs_on: np.ndarray  # how long the retrieval ran in all after its caller gave up, s; missing: not in the background
    failed: np.ndarray
    at_limit: np.ndarray
    accumulative: np.ndarray
    budget: np.ndarray  # of its chain, s
    given: np.ndarray  # its own limit, s

    def __len__(self) -> int:
        return len(self.start)


def read_timeline(spans: pd.DataFrame, waits: pd.DataFrame, *, calls: bool = False) -> Timeline:
    """The waits in order, with the chain, the check, the thread and the cache of each. Nothing is modified.

    `calls`: also the calls for which nothing was sent, where the failure that they echo is in the log.
    """
    tree, issuers = tree_of(spans), _issuers(spans)
    rows = _waited(spans, waits, issuers=issuers)
    if calls:
        unsent = _unsent(spans, rows, issuers=issuers)
        rows = pd.concat([rows, unsent], ignore_index=True) if len(unsent) else rows
    order = np.lexsort((integers(spans["stop_event"])[rows["at"].to_numpy("int64")], rows["begin"].to_numpy()))
    rows = rows.iloc[order].reset_index(drop=True)
    at = rows["at"].to_numpy("int64")
    lost = rows["cache_write_failed"].to_numpy(bool, na_value=False)
    account = lanes(rows, ["host", "user_sid"])
    is_chain = spans["operation"].eq(_CHAIN).to_numpy(bool)
    above = tree.nearest(at, has=is_chain)
    return Timeline(
        wait=rows["wait"].to_numpy("int64"),
        kind=rows["kind"].to_numpy("int64"),
        like=match([rows["like"].to_numpy("int64")], [rows["event"].to_numpy("int64")]),
        at=at,
        start=rows["begin"].to_numpy("int64"),
        length=_lengths(rows),
        usual=_usual(rows),
        refusal=_refusals(rows),
        account=_numbers(rows, ["host", "user_sid", "url"], needs="url"),
        process=_numbers(rows, [*_PROCESS, "url"], needs="url"),
        issuer_account=_numbers(rows, ["host", "user_sid", "issuer"], needs="issuer"),
        issuer_process=_numbers(rows, [*_PROCESS, "issuer"], needs="issuer"),
        is_list=rows["url_role"].eq(_LIST).to_numpy(bool, na_value=False),
        stores=~np.isin(account, account[lost]),
        check=rows["check"].to_numpy("int64"),
        chain=np.where(is_chain[above], above, -1),
        thread=lanes(rows, ["host", "pid", "tid"]),
        remembers=_remembered_together(rows),
        runs_on=rows["ended_later_s"].to_numpy("float64", na_value=np.nan),
        failed=rows["outcome"].ne("ok").to_numpy(bool, na_value=True),
        at_limit=rows["outcome"].eq("timeout").to_numpy(bool, na_value=False),
        accumulative=rows["accumulative"].to_numpy(bool, na_value=False),
        budget=find_budgets(spans).total[at],
        given=rows["budget_s"].to_numpy("float64", na_value=np.nan),
    )


def part_of(timeline: Timeline, rows: np.ndarray) -> Timeline:
    """Some waits of a timeline, by their places in it, as a timeline of their own."""
    taken: dict[str, Any] = {}
    for name, value in vars(timeline).items():
        taken[name] = Guess(*(guess[rows] for guess in value)) if isinstance(value, Guess) else value[rows]
    return Timeline(**taken)


def parts_of(timeline: Timeline) -> list[np.ndarray]:
    """The waits of a timeline, by their places in it, in independent groups: a change in one group affects no other."""
    links = [
        *(timeline.account, timeline.process, timeline.issuer_account, timeline.issuer_process),
        *(timeline.check, timeline.chain),
    ]
    count = len(timeline)
    group = np.arange(count)
    while True:  # each wait takes the lowest number among those it is linked with, until nothing changes
        before = group.copy()
        for link in links:
            known = np.flatnonzero(link >= 0)
            names, at = np.unique(link[known], return_inverse=True)
            least = np.full(len(names), count)
            np.minimum.at(least, at, group[known])
            group[known] = np.minimum(group[known], least[at])
        group = group[group]
        if np.array_equal(before, group):
            break
    order = np.argsort(group, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(group[order])) + 1) if count else []


def _issuers(spans: pd.DataFrame) -> np.ndarray:
    """For each span the issuer whose list it looks for, if it is a revocation check; at the end one more, for no span."""
    checks = spans["budget_s"].notna().to_numpy(bool)
    named = where(checks, spans["issuer"].to_numpy(object), otherwise=None)
    return np.array([*named.tolist(), None], object)


def _waited(spans: pd.DataFrame, waits: pd.DataFrame, *, issuers: np.ndarray) -> pd.DataFrame:
    """A row per wait."""
    at = match([waits["span"].to_numpy()], [spans["span"].to_numpy()])
    parent = integers(spans["parent"])[at]
    return waits[_OF_WAITS].assign(
        wait=np.arange(len(waits)),
        kind=WAIT,
        like=-1,
        at=at,
        begin=nanoseconds(waits["start"]),
        check=parent,
        issuer=issuers[match([parent], [spans["span"].to_numpy()])],
        of_memory=False,
    )


def _unsent(spans: pd.DataFrame, waited: pd.DataFrame, *, issuers: np.ndarray) -> pd.DataFrame:
    """A row per call for which nothing was sent: retrievals, and checks that asked nobody, after a failure that is in the log."""
    number, parent = spans["span"].to_numpy(), integers(spans["parent"])
    wires = spans["kind"].notna().to_numpy(bool)
    asked = np.isin(number, parent[wires])
    silent = ~pd.isna(issuers[:-1]) & ~asked & spans["outcome"].eq(_OFFLINE).to_numpy(bool, na_value=False)
    silent &= ~spans["cache_only"].to_numpy(bool, na_value=False)
    turned = spans["kind"].isin(UNSENT).to_numpy(bool) & spans["belongs_to"].notna().to_numpy()
    some = np.flatnonzero(silent | turned)
    if not len(some):
        return waited.head(0)
    mine, check = spans.iloc[some], np.where(silent, number, parent)[some]
    base = mine[[*_PROCESS, "tid", "url", "accumulative"]].assign(
        budget_s=mine["timeout_s"],
        event=_NOBODY,
        span=_NOBODY,
        outcome=_OFFLINE,
        user_sid=mine["impersonate_sid"].fillna(mine["user_sid"]),
    )
    rows = shaped(base, "waits")[_OF_WAITS].assign(
        wait=-1,
        kind=np.where(silent[some], CHECK, CALL),
        like=integers(mine["belongs_to"]),
        at=some,
        begin=nanoseconds(mine["start"]),
        check=check,
        issuer=issuers[match([check], [number])],
        of_memory=mine["kind"].eq(REMEMBERED).to_numpy(bool, na_value=False),
    )
    rows["like"] = np.where(silent[some], _failed_before(rows, waited), rows["like"])
    return rows[(rows["like"] >= 0) & (rows["begin"] != NAT)]


def _failed_before(rows: pd.DataFrame, waited: pd.DataFrame) -> np.ndarray:
    """The event of the last failed wait before each row in the same process, for the same issuer, or -1."""
    failed = waited[waited["outcome"].ne("ok").to_numpy(bool, na_value=True)]
    mine, theirs = ([table[name].to_numpy(object) for name in (*_PROCESS, "issuer")] for table in (rows, failed))
    before = match_before(mine, theirs, at=rows["begin"].to_numpy(), of=failed["begin"].to_numpy())
    return np.append(failed["event"].to_numpy("int64"), -1)[before]


def _numbers(rows: pd.DataFrame, columns: list[str], *, needs: str) -> np.ndarray:
    """One number for the rows that agree in some columns; -1 where the needed one is missing."""
    return np.where(rows[needs].isna(), -1, lanes(rows, columns))


def _remembered_together(rows: pd.DataFrame) -> np.ndarray:
    """Numbers of what is remembered as offline together: what a check of an issuer asks for; else the URL of the root list, and one
    that some call found remembered."""
    by_issuer = _numbers(rows, [*_PROCESS, "issuer"], needs="issuer")
    by_url = _numbers(rows, [*_PROCESS, "url"], needs="url")
    found = (rows["of_memory"].to_numpy(bool) | (rows["url_role"] == ROOT_LIST).to_numpy(bool, na_value=False)) & (
        by_issuer < 0
    )
    by_url = np.where(np.isin(by_url, by_url[found]) & (by_url >= 0), by_url + by_issuer.max(initial=0) + 1, -1)
    return np.where(by_issuer >= 0, by_issuer, by_url)


def _lengths(rows: pd.DataFrame) -> Guess:
    """The lengths as recovered; an unknown wait counts with its lower bound, a call that did not wait with none."""
    low, best, high = (rows[name].to_numpy("float64", na_value=np.nan) for name in ("low_s", "wait_s", "high_s"))
    low = np.nan_to_num(low)
    best = np.where(np.isnan(best), low, best)
    return Guess(best, low, np.where(np.isnan(high), best, high))


def _usual(waits: pd.DataFrame) -> Guess:
    """How long an answer takes: the median of the server's good ones, else of all good ones, else the usual time."""
    good = (
        waits["outcome"].eq("ok")
        & waits["wait_s"].lt(_SLOW_S)
        & waits["wpad_failures"].fillna(0).eq(0)
        & waits["quality"].ne("unknown")
    )
    good = good.fillna(False).astype(bool)
    found = waits.loc[good, ["url_host", "wait_s"]]
    known = duration("answer")
    if found.empty:
        return Guess(*(np.full(len(waits), value) for value in (known.usual, known.least, known.most)))
    seconds = found["wait_s"].astype("float64")
    of = seconds.groupby(found["url_host"])
    fill = (seconds.median(), min(seconds.min(), known.least), max(seconds.max(), known.most))
    per_host = (found.reindex(waits["url_host"]) for found in (of.median(), of.min(), of.max()))
    return Guess(*(found.fillna(value).to_numpy() for found, value in zip(per_host, fill, strict=True)))


def _refusals(waits: pd.DataFrame) -> Guess:
    """How long a refusal takes: the median of those in the log, else as is believed; one more address makes it longer."""
    known = duration("refusal")
    far = waits["wait_s"].lt(known.most) & (waits["wait_s"] < _NEAR * waits["budget_s"])
    quick = (waits["outcome"].eq("unreachable") & far).to_numpy(bool, na_value=False)
    seen = waits.loc[quick, "wait_s"].astype("float64")
    best, low = (seen.median(), min(seen.min(), known.least)) if len(seen) else (known.usual, known.least)
    return Guess(*(np.full(len(waits), value) for value in (best, low, known.most)))
