"""Prefetch: the smallest set of CRLs and other objects to pre-install, so that most of the waiting is gone.

An object that is installed or mirrored is found without asking the network. The choice is tested on the replayed waits:
up to `EXACT` objects, all sets are tried; with more, the object that saves most is taken first, then the one that saves
most in addition to it, and so on; objects that turn out not to be needed are removed again.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable
from heapq import heapify, heappop, heappush, heapreplace
from itertools import combinations
from pathlib import PurePosixPath
from urllib.parse import quote

import numpy as np
import pandas as pd

from capi2kit.columns.call_tree import tree_of
from capi2kit.columns.cells import empty, joined, shaped
from capi2kit.columns.keys import match
from capi2kit.columns.urls import split_url
from capi2kit.diagnosis.replay import Change, replay
from capi2kit.diagnosis.timeline import Timeline, part_of, parts_of, read_timeline
from capi2kit.knowledge import rows as known_rows

EXACT = 10  # objects: a thousand choices
_SAFE = re.compile(r"[^A-Za-z0-9._-]")
_URL = ":/?#[]@!$&()*+,;=%-._~"  # characters that stay as they are in a URL
SHARE = 0.99  # of what all objects together would save
_NEAR = 100  # objects
_FOUND = Change("found")
_LIST = "CRL"


def prefetch(
    spans: pd.DataFrame, waits: pd.DataFrame, *, share: float = SHARE, chain: pd.DataFrame | None = None
) -> pd.DataFrame:
    """The smallest set of objects that saves at least `share` of the waiting that all of them would save.

    `chain` (table `chain` of the case): where the list of distrusted certificates judges an element, a CRL that is installed changes
    nothing, so none is promised for such a chain.

    Returns
    -------
    prefetch : DataFrame
        One row per object, the one that saves most first, in the columns of table `prefetch`: `saved_s` is what it
        saves in addition to those before it, `total_s` what they save together, in seconds of waiting (threads added
        up). Of two sets of the same size, the one that saves more is taken. Raises ValueError if `share` is not within 0 and 1.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share is {share}; it must be more than 0 and at most 1")
    timeline = read_timeline(spans, waits)
    ordered = waits.iloc[timeline.wait]
    asked = ordered["url"].notna() & (timeline.length.best > 0) & ~ordered["url_role"].isin(_not_to_be_had())
    asked &= ~_in_vain(ordered, spans, chain=chain)
    urls = ordered.loc[asked, "url"].unique().tolist()
    if not urls:
        return empty("prefetch")
    number = {url: i for i, url in enumerate(urls)}
    of_wait = [number.get(url, -1) if isinstance(url, str) else -1 for url in ordered["url"]]
    saved = _Savings(timeline, of_wait, count=len(urls))
    goal = share * saved(range(len(urls))) - 1e-9
    exact = len(urls) <= EXACT
    chosen = _ranked(_exact(len(urls), saved, goal=goal), saved) if exact else _greedy(len(urls), saved, goal=goal)
    names = Counter(_name(urls[i]) for i in chosen)
    waits_of = ordered.groupby(np.array(of_wait)).indices
    rows, total, have = [], 0.0, set[int]()
    for i in chosen:
        gain = saved.gain(i, have)
        have.add(i)
        total += gain
        alike = names[_name(urls[i])] > 1
        rows.append(_row(urls[i], ordered.iloc[waits_of[i]], saved_s=gain, total_s=total, alike=alike))
    return shaped(pd.DataFrame(rows), "prefetch")


class _Savings:
    """The seconds of waiting that objects save together.

    The waits fall into independent groups; for each group, only the objects that it asks for count.
    """

    def __init__(self, timeline: Timeline, of_wait: list[int], *, count: int) -> None:
        self._groups: list[tuple[Timeline, list[int], frozenset[int]]] = []
        self._asking: list[list[int]] = [[] for _ in range(count)]  # the groups that ask for an object
        self._known: list[tuple[frozenset[int], float]] = []  # the last set and its saving, by group
        for places in parts_of(timeline):
            objects = [of_wait[place] for place in places.tolist()]
            wanted = frozenset(objects) - {-1}
            for one in wanted:
                self._asking[one].append(len(self._groups))
            self._groups.append((part_of(timeline, places), objects, wanted))
            self._known.append((frozenset(), 0.0))

    def __call__(self, objects: Iterable[int]) -> float:
        """The seconds that objects save together."""
        there = frozenset(objects)
        return round(sum(self._of(number, there) for number in range(len(self._groups))), 9)  # equal sets stay equal

    def gain(self, one: int, have: Collection[int]) -> float:
        """The seconds that an object saves in addition to others."""
        before = frozenset(have)
        after = before | {one}
        return sum(self._of(number, after) - self._held(number, before) for number in self._asking[one])

    def near(self, one: int) -> frozenset[int]:
        """The objects that are asked for together with this one; empty if there are many."""
        groups = self._asking[one]
        if sum(len(self._groups[number][2]) for number in groups) > _NEAR:
            return frozenset()
        return frozenset().union(*(self._groups[number][2] for number in groups)) - {one}

    def loss(self, one: int, have: Collection[int]) -> float:
        """The seconds that are lost if an object is removed from a set."""
        before = frozenset(have)
        after = before - {one}
        return sum(self._held(number, before) - self._of(number, after) for number in self._asking[one])

    def _held(self, number: int, objects: frozenset[int]) -> float:
        """The same as `_of`, cached: the current set is needed many times."""
        mine = objects & self._groups[number][2]
        if self._known[number][0] != mine:
            self._known[number] = (mine, self._of(number, mine))
        return self._known[number][1]

    def _of(self, number: int, objects: frozenset[int]) -> float:
        timeline, asked, wanted = self._groups[number]
        if not objects & wanted:
            return 0.0
        length = timeline.length.best
        changes = [_FOUND if one in objects else None for one in asked]
        return float((length - replay(timeline, changes)).sum())


def _exact(count: int, saved: _Savings, *, goal: float) -> list[int]:
    """The best of the smallest sets that reach the goal, all sets tried."""
    for size in range(1, count + 1):
        best = max(combinations(range(count), size), key=saved)
        if saved(best) >= goal:
            return list(best)
    return list(range(count))


def _greedy(count: int, saved: _Savings, *, goal: float) -> list[int]:
    """Take the object that saves most in addition to the others, one after the other; then drop those not needed.

    What an object saves in addition to others changes when an object that is asked for together with it is added. If
    there are more than `_NEAR` of these, the saving is calculated again only when the object comes to the top, as if it
    could only become less.
    """
    gains = {i: saved.gain(i, ()) for i in range(count)}
    heap = [(-gain, i) for i, gain in gains.items()]
    heapify(heap)
    have: dict[int, None] = {}
    total = 0.0
    while total < goal and heap:
        key, top = heap[0]
        if top in have or -key != gains[top]:
            heappop(heap)
            continue
        gains[top] = saved.gain(top, have)
        if len(heap) > 1 and gains[top] < -min(heap[1:3])[0] - 1e-9:
            heapreplace(heap, (-gains[top], top))
            continue
        have[top] = None
        total += gains[top]
        for i in saved.near(top) - have.keys():
            gains[i] = saved.gain(i, have)
            heappush(heap, (-gains[i], i))
    for i in sorted(have, key=lambda i: saved.gain(i, ())):
        loss = saved.loss(i, have)
        if total - loss >= goal:
            del have[i]
            total -= loss
    return list(have)


def _ranked(chosen: list[int], saved: _Savings) -> list[int]:
    """The chosen objects in order: each is the one that saves most in addition to those before it."""
    order: list[int] = []
    while len(order) < len(chosen):
        order.append(max((i for i in chosen if i not in order), key=lambda i: saved([*order, i])))
    return order


def _in_vain(waits: pd.DataFrame, spans: pd.DataFrame, *, chain: pd.DataFrame | None) -> np.ndarray:
    """Which waits are for the CRL of a chain that the list of distrusted certificates judges."""
    if chain is None:
        return np.zeros(len(waits), bool)
    judged = (
        spans["stop_event"].isin(chain.loc[chain["list_judged"].fillna(False).astype(bool), "event"]).to_numpy(bool)
    )
    at = match([waits["span"].to_numpy()], [spans["span"].to_numpy("int64")])
    found = np.zeros(len(waits), bool)
    for places in tree_of(spans).callers(at):
        found |= (places >= 0) & judged[places]
    return found & waits["url_role"].eq(_LIST).fillna(False).to_numpy(bool)


def _not_to_be_had() -> list[str]:
    """Roles of objects that cannot be pre-installed: answers of an OCSP responder."""
    return [row["role"] for row in known_rows("offline") if not row["install"]]


def _offline(role: str, *, url: str, file: str) -> dict[str, str | None]:
    """The lines that fetch and install an object of this role, and a note on what to allow for.

    Nothing in them can end the quoted string: neither an apostrophe nor a typographic one, which PowerShell accepts too.
    """
    row = next((row for row in known_rows("offline") if row["role"] == role), {})
    schemes = row.get("schemes", "").split()
    if schemes and url.partition(":")[0].lower() not in schemes:
        row = row | {"fetch": "", "note": row["elsewhere"]}
    named = {"{url}": quote(url, safe=_URL), "{file}": _SAFE.sub("_", file)}
    filled = {}
    for key in ("fetch", "install", "note"):
        text = row.get(key) or None
        for place, value in named.items():
            text = text.replace(place, value) if text else None
        filled[key] = text
    return filled


def _name(url: str) -> str:
    """The file name at the end of a URL."""
    return PurePosixPath(split_url(url).path or "").name or "object"


def _row(url: str, waits: pd.DataFrame, *, saved_s: float, total_s: float, alike: bool) -> dict[str, object]:
    name = _name(url)
    if alike:
        name = f"{split_url(url).host}_{name}"
    role = waits["url_role"].dropna()
    return {
        "url": url,
        "url_host": waits["url_host"].iloc[0],
        "url_role": role.iloc[0] if len(role) else None,
        "file": name,
        "waits": len(waits),
        "saved_s": saved_s,
        "total_s": total_s,
        **_offline(role.iloc[0] if len(role) else "", url=url, file=name),
        "evidence": joined(sorted(waits["event"].tolist())),
    }
