"""Prefetch: the fewest lists that need to be there beforehand, so that most of the waiting is gone.

An object that is installed or mirrored is found without asking the network. Which ones are worth it is
tried on the replayed waits: up to `EXACT` objects all choices are tried, beyond that the one that saves most
comes first, then the one that saves most besides it, and what turns out not to be needed is left out again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import combinations
from pathlib import PurePosixPath
from urllib.parse import quote, urlsplit

import numpy as np
import pandas as pd

from capi2kit.cells import empty, shaped
from capi2kit.knowledge import rows as known_rows
from capi2kit.replay import Change, Timeline, read_timeline, replay

EXACT = 10  # objects: a thousand choices
_SAFE = re.compile(r"[^A-Za-z0-9._-]")
_URL = ":/?#[]@!$&()*+,;=%-._~"  # what stays as it is in a URL
SHARE = 0.99  # of what all objects together would save
_FOUND = Change("found")
_Saved = Callable[[Iterable[int]], float]


def prefetch(spans: pd.DataFrame, waits: pd.DataFrame, *, share: float = SHARE) -> pd.DataFrame:
    """The smallest set of objects that saves at least `share` of the waiting that all of them would save.

    Returns
    -------
    prefetch : DataFrame
        One row per object, the one that saves most first, in the columns of table `prefetch`: `saved_s` is what it
        saves besides those before it, `total_s` what they save together, in seconds of waiting (threads added up).
        Of two sets of the same size the one that saves more. Raises ValueError if `share` is not within 0 and 1.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share is {share}; it must be more than 0 and at most 1")
    timeline = read_timeline(spans, waits)
    ordered = waits.iloc[timeline.order]
    asked = ordered["url"].notna() & (timeline.length.best > 0) & ~ordered["url_role"].isin(_not_to_be_had())
    urls = ordered.loc[asked, "url"].unique().tolist()
    if not urls:
        return empty("prefetch")
    number = {url: i for i, url in enumerate(urls)}
    of_wait = [number.get(url, -1) if isinstance(url, str) else -1 for url in ordered["url"]]
    saved = _saver(timeline, of_wait)
    goal = share * saved(range(len(urls))) - 1e-9
    chosen = _exact(len(urls), saved, goal=goal) if len(urls) <= EXACT else _greedy(len(urls), saved, goal=goal)
    names = [_name(urls[i]) for i in chosen]
    rows, total, have = [], 0.0, list[int]()
    for i in _ranked(chosen, saved):
        have.append(i)
        then = saved(have)
        rows.append(
            _row(
                urls[i],
                ordered[np.array(of_wait) == i],
                saved_s=then - total,
                total_s=then,
                alike=names.count(_name(urls[i])) > 1,
            )
        )
        total = then
    return shaped(pd.DataFrame(rows), "prefetch")


def _saver(timeline: Timeline, of_wait: list[int]) -> _Saved:
    """A function from objects to the seconds of waiting that they save together."""
    length, usual = timeline.length.best, timeline.usual.best
    known: dict[frozenset[int], float] = {}

    def saved(objects: Iterable[int]) -> float:
        there = frozenset(objects)
        if there not in known:
            changes = [_FOUND if one in there else None for one in of_wait]
            known[there] = float((length - replay(timeline, changes, length=length, usual=usual)).sum())
        return known[there]

    return saved


def _exact(count: int, saved: _Saved, *, goal: float) -> list[int]:
    """The best of the smallest sets that reach the goal, all sets tried."""
    for size in range(1, count + 1):
        best = max(combinations(range(count), size), key=saved)
        if saved(best) >= goal:
            return list(best)
    return list(range(count))


def _greedy(count: int, saved: _Saved, *, goal: float) -> list[int]:
    """One after the other whatever saves most besides the others; then without those that are not needed."""
    have: list[int] = []
    while saved(have) < goal and len(have) < count:
        have.append(max((i for i in range(count) if i not in have), key=lambda i: saved([*have, i])))
    for i in sorted(have, key=lambda i: saved([i])):
        rest = [one for one in have if one != i]
        if saved(rest) >= goal:
            have = rest
    return have


def _ranked(chosen: list[int], saved: _Saved) -> list[int]:
    """The chosen ones, each time the one that saves most besides those before it."""
    order: list[int] = []
    while len(order) < len(chosen):
        order.append(max((i for i in chosen if i not in order), key=lambda i: saved([*order, i])))
    return order


def _not_to_be_had() -> list[str]:
    """Roles of what cannot be installed beforehand: answers of a responder."""
    return [row["role"] for row in known_rows("offline") if not row["install"]]


def _offline(role: str, *, url: str, file: str) -> dict[str, str | None]:
    """The lines that fetch and install an object of this role, and what to mind.

    Nothing in them can end the quoted word: not the apostrophe, nor the typographic ones, which PowerShell takes for it.
    """
    row = next((row for row in known_rows("offline") if row["role"] == role), {})
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
    return PurePosixPath(urlsplit(url).path).name or "object"


def _row(url: str, waits: pd.DataFrame, *, saved_s: float, total_s: float, alike: bool) -> dict[str, object]:
    name = _name(url)
    if alike:
        name = f"{urlsplit(url).hostname}_{name}"
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
        "evidence": " ".join(map(str, sorted(waits["event"].tolist()))),
    }
