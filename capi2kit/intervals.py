"""Intervals: who waited at each moment, as exact integer arithmetic.

All intervals of all start-ups are cut at every end point into atoms. An atom in
which n threads wait gives 1/n of its length to each of them; whole nanoseconds,
the remainder to the first, so that the parts add up to the whole.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

Ints = np.ndarray


class Atoms(NamedTuple):
    """Moments between neighbouring end points: owner, begin, length, and how many of each kind are open in it."""

    owner: Ints
    begin: Ints
    length: Ints
    open: Ints  # one row per atom, one column per kind


def cut(owner: Ints, begin: Ints, end: Ints, *, kind: Ints, kinds: int) -> Atoms:
    """Cut intervals at all end points of their owner."""
    count = len(owner)
    change = np.zeros((2 * count, kinds), "int64")
    change[np.arange(count), kind] = 1
    change[count + np.arange(count), kind] = -1
    who, when = np.tile(owner, 2), np.r_[begin, end]
    order = np.lexsort((when, who))
    who, when = who[order], when[order]
    opened = np.cumsum(change[order], axis=0)  # every owner ends with zero
    same = np.r_[who[1:] == who[:-1], False] if count else np.zeros(0, bool)
    length = np.where(same, np.r_[when[1:], 0][: 2 * count] - when, 0)
    keep = length > 0
    return Atoms(who[keep], when[keep], length[keep], opened[keep])


def shares(atoms: Atoms, *, mine: Ints, open_count: Ints, owner: Ints, begin: Ints, end: Ints) -> Ints:
    """What each interval is charged: 1/n of every atom in `mine` that it covers, in whole nanoseconds.

    `open_count` is n per atom. Per owner the shares add up to the length of its atoms in `mine`
    that at least one interval covers.
    """
    weight = np.where(mine & (open_count > 0), atoms.length / np.maximum(open_count, 1), 0.0)
    total = np.r_[0.0, np.cumsum(weight)]
    first = _place(atoms, owner, begin)
    last = _place(atoms, owner, end)
    exact = total[last] - total[first]
    whole = np.floor(exact + 1e-6).astype("int64")
    size = int(max(owner.max(initial=-1), atoms.owner.max(initial=-1))) + 1
    target = np.zeros(size, "int64")
    np.add.at(target, atoms.owner[mine & (open_count > 0)], atoms.length[mine & (open_count > 0)])
    np.subtract.at(target, owner, whole)
    largest = np.full(size, -1)
    order = np.argsort(exact, kind="stable")
    largest[owner[order]] = order  # the longest one of each owner takes the rest
    has = largest >= 0
    whole[largest[has]] += target[has]
    return whole


def _place(atoms: Atoms, owner: Ints, when: Ints) -> Ints:
    """Index of the first atom of `owner` that begins at `when` or later."""
    starts = np.searchsorted(atoms.owner, owner, side="left")
    stops = np.searchsorted(atoms.owner, owner, side="right")
    base = int(min(atoms.begin.min(initial=0), when.min(initial=0)))
    span = int(max(atoms.begin.max(initial=0), when.max(initial=0))) - base + 1
    if span * (int(atoms.owner.max(initial=0)) + 2) < 2**62:
        keys = atoms.owner * span + (atoms.begin - base)
        return np.clip(np.searchsorted(keys, owner * span + (when - base), side="left"), starts, stops)
    return np.array(
        [a + np.searchsorted(atoms.begin[a:b], t) for a, b, t in zip(starts, stops, when, strict=True)], dtype=int
    )
