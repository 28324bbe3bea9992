"""Intervals: who waited at each moment, as exact integer arithmetic.

All intervals of all start-ups are cut at every end point into atoms. An atom in
which n threads wait gives 1/n of its length to each of them, in whole nanoseconds;
what that leaves goes to the longest wait, so that the parts add up to the whole.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from capi2kit.columns.keys import how_many, search_in_group

Ints = np.ndarray


class Atoms(NamedTuple):
    """Moments between neighbouring end points in which something is open: owner, begin, length, and how many of each kind."""

    owner: Ints
    begin: Ints
    length: Ints
    open: Ints  # one row per atom, one column per kind


def cut(*, owner: Ints, begin: Ints, end: Ints, kind: Ints, kinds: int) -> Atoms:
    """Cut intervals at all end points of their owner."""
    count = len(owner)
    change = np.zeros((2 * count, kinds), "int64")
    change[np.arange(count), kind] = 1
    change[count + np.arange(count), kind] = -1
    who, when = np.tile(owner, 2), np.r_[begin, end]
    order = np.lexsort((when, who))
    who, when = who[order], when[order]
    opened = np.cumsum(change[order], axis=0)  # every owner ends with zero
    length = np.roll(when, -1) - when
    keep = opened.any(axis=1)
    return Atoms(who[keep], when[keep], length[keep], opened[keep])


def covered(*, owner: Ints, begin: Ints, end: Ints, count: int) -> Ints:
    """For each of `count` owners how long its intervals cover together, overlaps once."""
    atoms = cut(owner=owner, begin=begin, end=end, kind=np.zeros(len(owner), "int64"), kinds=1)
    total = np.zeros(count, "int64")
    some = atoms.open[:, 0] > 0
    np.add.at(total, atoms.owner[some], atoms.length[some])
    return total


def shares(atoms: Atoms, *, mine: Ints, open_count: Ints, owner: Ints, begin: Ints, end: Ints) -> Ints:
    """What each interval is charged: 1/n of every atom in `mine` that it covers, in whole nanoseconds.

    `open_count` is n per atom. Per owner the shares add up to the length of its atoms in `mine`
    that at least one interval covers.
    """
    shared = mine & (open_count > 0)
    total = np.r_[0, np.cumsum(np.where(shared, atoms.length // np.maximum(open_count, 1), 0))]
    whole = total[_place(atoms, owner, when=end)] - total[_place(atoms, owner, when=begin)]
    size = max(how_many(owner), how_many(atoms.owner))
    rest = np.zeros(size, "int64")
    np.add.at(rest, atoms.owner[shared], atoms.length[shared])
    np.subtract.at(rest, owner, whole)
    longest = np.empty(size, "int64")
    order = np.argsort(whole, kind="stable")
    longest[owner[order]] = order
    there = np.unique(owner)
    whole[longest[there]] += rest[there]
    return whole


def _place(atoms: Atoms, owner: Ints, *, when: Ints) -> Ints:
    """Index of the first atom of `owner` that begins at `when` or later."""
    return search_in_group(atoms.owner, atoms.begin, group=owner, value=when)
