"""Replay: how long the start-ups would have taken if some retrievals had ended differently.

Input: `spans` and `waits` of an analysis, and for each wait what becomes of it. The waits are
taken in time order, and a change affects what comes after it as in Windows:

* a fetched object stays cached, so the account (or, if it cannot store, the process) does not ask again;
* once a revocation check has its answer, it asks no further URL;
* in a chain with one budget each URL is given half of what is left: a second saved before a
  retrieval that ends at its limit makes that one half a second longer.

If nothing changes, every wait keeps its length. Nothing here reads a file, knows an event id or draws.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from capi2kit.columns.call_tree import tree_of
from capi2kit.columns.cells import integers
from capi2kit.columns.instants import nanoseconds
from capi2kit.columns.keys import lanes, match
from capi2kit.waits.budgets import find_budgets

USUAL_S = (
    0.116,
    0.032,
    0.325,
)  # the eight retrievals without trouble in the real log of 2018: median, shortest, longest
_REFUSED_S = 2.5
_SLOW_S = 2.0  # a longer answer does not count as one without trouble
_CHAIN = "BuildChain"


class Change(NamedTuple):
    """What becomes of a wait: one of `fixes.BECOMES`, and for `limited` the seconds that a URL gets."""

    word: str
    limit_s: float = 0.0


class Guess(NamedTuple):
    """A length that may be unknown: estimate, lower bound, upper bound; one array each, in s."""

    best: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class Timeline:
    """The waits of an analysis in time order, as `replay` needs them. `order`: their rows in `waits`."""

    order: np.ndarray
    at: np.ndarray  # their rows in `spans`
    start: np.ndarray  # ns
    length: Guess
    usual: Guess  # how long it takes with an answer
    refusal: np.ndarray  # ... and with a refusal
    account: np.ndarray  # numbers of (URL, account)
    process: np.ndarray  # numbers of (URL, process)
    stores: np.ndarray  # whether the account can keep on disk what it got
    check: np.ndarray  # the span that asked: a revocation check, the search for an issuer or a root
    chain: np.ndarray
    at_limit: np.ndarray
    accumulative: np.ndarray
    budget: np.ndarray  # of its chain, s
    given: np.ndarray  # its own limit, s


def read_timeline(spans: pd.DataFrame, waits: pd.DataFrame) -> Timeline:
    """The waits in order, with the chain, the check, the thread and the cache of each. Nothing is modified."""
    order = np.argsort(nanoseconds(waits["start"]), kind="stable")
    waits = waits.iloc[order].reset_index(drop=True)
    at = match([waits["span"].to_numpy()], [spans["span"].to_numpy()])
    lost = waits["cache_write_failed"].to_numpy(bool, na_value=False)
    account = lanes(waits, ["host", "user_sid"])
    return Timeline(
        order=order,
        at=at,
        start=nanoseconds(waits["start"]),
        length=_lengths(waits),
        usual=_usual(waits),
        refusal=_refusals(waits),
        account=lanes(waits, ["host", "user_sid", "url"]),
        process=lanes(waits, ["host", "process", "pid", "url"]),
        stores=~np.isin(account, account[lost]),
        check=integers(spans["parent"])[at],
        chain=_chains(spans)[at],
        at_limit=(waits["outcome"] == "timeout").to_numpy(bool, na_value=False),
        accumulative=waits["accumulative"].to_numpy(bool, na_value=False),
        budget=find_budgets(spans).total[at],
        given=waits["budget_s"].to_numpy("float64", na_value=np.nan),
    )


def part_of(timeline: Timeline, rows: np.ndarray) -> Timeline:
    """Some waits of a timeline, by their places in it, as a timeline of their own."""
    taken: dict[str, Any] = {}
    for name, value in vars(timeline).items():
        taken[name] = Guess(*(guess[rows] for guess in value)) if isinstance(value, Guess) else value[rows]
    return Timeline(**taken)


def parts_of(timeline: Timeline) -> list[np.ndarray]:
    """The waits of a timeline, by their places in it, in independent groups: a change in one group affects no other."""
    links = [timeline.account, timeline.process, timeline.check, timeline.chain]
    count = len(timeline.start)
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


def _lengths(waits: pd.DataFrame) -> Guess:
    """The lengths as recovered; an unknown wait counts with its lower bound."""
    low, best, high = (waits[name].to_numpy("float64", na_value=np.nan) for name in ("low_s", "wait_s", "high_s"))
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
    if found.empty:
        best, low, high = (np.full(len(waits), value) for value in USUAL_S)
        return Guess(best, low, high)
    seconds = found["wait_s"].astype("float64")
    per_host = seconds.groupby(found["url_host"]).agg(["median", "min", "max"])
    rows = per_host.reindex(waits["url_host"])
    fill = (seconds.median(), seconds.min(), seconds.max())
    return Guess(*(rows[name].fillna(value).to_numpy() for name, value in zip(rows.columns, fill, strict=True)))


def _refusals(waits: pd.DataFrame) -> np.ndarray:
    """How long a refusal takes: the median of those in the log, else as long as an answer."""
    quick = waits["outcome"].eq("unreachable") & waits["wait_s"].lt(_REFUSED_S)  # a longer one was lost on the way
    refused = waits.loc[quick.to_numpy(bool, na_value=False), "wait_s"].astype("float64")
    return np.full(len(waits), refused.median() if refused.notna().any() else USUAL_S[0])


def _chains(spans: pd.DataFrame) -> np.ndarray:
    """For each span the chain build around it, or -1."""
    is_chain = spans["operation"].eq(_CHAIN).to_numpy(bool)
    at = tree_of(spans).nearest(np.arange(len(spans)), has=is_chain)
    return np.where(is_chain[at], at, -1)


@dataclass
class _State:
    """The effects of the changes so far: what is cached, which checks have their answer, seconds saved per chain."""

    account: set[int] = field(default_factory=set)
    process: set[int] = field(default_factory=set)
    answered: set[int] = field(default_factory=set)
    saved: dict[int, float] = field(default_factory=dict)

    def spares(self, timeline: Timeline, i: int) -> bool:
        """Whether a wait is no longer needed."""
        return (
            int(timeline.check[i]) in self.answered
            or int(timeline.process[i]) in self.process
            or int(timeline.account[i]) in self.account
        )

    def came(self, timeline: Timeline, i: int, *, stored: bool) -> None:
        """Note an object that is now fetched or present, and was not fetched or not cached before."""
        self.process.add(int(timeline.process[i]))
        if stored:
            self.account.add(int(timeline.account[i]))
        if timeline.check[i] >= 0:
            self.answered.add(int(timeline.check[i]))


def replay(timeline: Timeline, changes: list[Change | None], *, length: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """The length of each wait in s after the `changes` (None: none), in the timeline's order.

    `length`, `usual`: which of the timeline's estimates to use.
    """
    new, state = length.copy(), _State()
    for i, change in enumerate(changes):
        if state.spares(timeline, i):
            new[i] = 0.0
            state.came(timeline, i, stored=bool(timeline.stores[i]))
        else:
            new[i] = _changed(timeline, i, change=change, state=state, lengths=(float(length[i]), float(usual[i])))
        if timeline.accumulative[i]:
            chain = int(timeline.chain[i])
            state.saved[chain] = state.saved.get(chain, 0.0) + float(length[i] - new[i])
    return new


def _changed(
    timeline: Timeline, i: int, *, change: Change | None, state: _State, lengths: tuple[float, float]
) -> float:
    """How long a wait that is still needed takes. `lengths`: as it was, and with an answer."""
    length, usual = lengths
    word = change.word if change else ""
    if word in ("answered", "kept", "found"):
        state.came(timeline, i, stored=word != "answered" or bool(timeline.stores[i]))
        return {"answered": usual, "kept": length, "found": 0.0}[word]
    if word == "not asked":
        return 0.0
    if word == "refused":
        return min(float(timeline.refusal[i]), length)
    saved = state.saved.get(int(timeline.chain[i]), 0.0) if timeline.accumulative[i] else 0.0
    if change and change.word == "limited":
        return min(length, _limit(timeline, i, limit_s=change.limit_s, saved=saved))
    return max(length + saved / 2, 0.0) if timeline.at_limit[i] else length


def _limit(timeline: Timeline, i: int, *, limit_s: float, saved: float) -> float:
    """The limit of a URL if each got `limit_s` at most, and a chain with one budget twice that."""
    if not timeline.accumulative[i]:
        return limit_s
    used = float(timeline.budget[i] - 2 * timeline.given[i]) - saved
    return limit_s if np.isnan(used) else max(limit_s - used / 2, 0.0)
