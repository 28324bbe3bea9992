"""Nesting: start and stop records → which belong together, and what encloses what.

Arrays in, arrays out; a position is the place of a record in the order of its
task. Pairing needs no event id: a start and a stop of one operation carry the
same name, and calls nest strictly. Where a record is lost, the rank of the
operation (1 outermost) says how far the open side may reach. No loops over
records.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

Ints = np.ndarray
_LEAF = 9  # rank of an operation that nothing is known about


class Pairs(NamedTuple):
    """Positions of the start and stop record of each span; -1 where the record is not in the log."""

    start: Ints
    stop: Ints


def pair_records(group: Ints, operation: Ints, sign: Ints) -> Pairs:
    """Pair records that are sorted by group (one task) and sequence.

    `sign` is +1 for a start, -1 for a stop, 0 for anything else. Spans come in the order of
    their first record.
    """
    at = np.flatnonzero(sign)
    at = at[np.lexsort((at, operation[at], group[at]))]
    if not len(at):
        return Pairs(at, at)
    run = np.cumsum(np.r_[True, (np.diff(group[at]) != 0) | (np.diff(operation[at]) != 0)])
    total = np.cumsum(sign[at])
    first = np.r_[0, np.flatnonzero(np.diff(run)) + 1]
    before = (total[first] - sign[at][first])[run - 1]
    level = total - before + (sign[at] < 0)  # of the call that this record opens or closes
    order = np.lexsort((at, level, run))
    at, run, level, kind = at[order], run[order], level[order], sign[at][order]
    joined = np.r_[(run[1:] == run[:-1]) & (level[1:] == level[:-1]) & (kind[:-1] > 0) & (kind[1:] < 0), False]
    closed_by_previous = np.r_[False, joined[:-1]]
    start = np.where(kind > 0, at, -1)
    stop = np.where(kind < 0, at, np.where(joined, np.r_[at[1:], -1], -1))
    keep = ~closed_by_previous
    start, stop = start[keep], stop[keep]
    order = np.argsort(np.where(start >= 0, start, stop), kind="stable")
    return Pairs(start[order], stop[order])


def nest(pairs: Pairs, *, group: Ints, rank: Ints, sign: Ints) -> tuple[Ints, Ints, Ints]:
    """Parent (-1 for none), root and depth of each span. `group`, `rank`, `sign` are per record position."""
    opens, closes = _extent(pairs, group, np.where(rank > 0, rank, _LEAF), sign)
    count = len(opens)
    span = np.tile(np.arange(count), 2)
    where = np.r_[opens, closes]
    is_open = np.r_[np.ones(count, bool), np.zeros(count, bool)]
    tie = np.r_[-closes, -opens]  # at one place the longer span opens first and closes last
    owner = group[np.maximum(pairs.start, pairs.stop)] if count else np.zeros(0, int)
    order = np.lexsort((tie, is_open, where, np.tile(owner, 2)))
    span, is_open = span[order], is_open[order]
    level = np.cumsum(np.where(is_open, 1, -1))
    opened, depth_at = span[is_open], level[is_open] - 1
    depth = np.empty(count, int)
    depth[opened] = depth_at
    parent, root = np.full(count, -1), np.arange(count)
    index = np.arange(count)
    for d in range(1, int(depth.max(initial=0)) + 1):
        above = np.maximum.accumulate(np.where(depth_at == d - 1, index, -1))
        here = depth_at == d
        parent[opened[here]] = opened[above[here]]
        root[opened[here]] = root[opened[above[here]]]
    return parent, root, depth


def _extent(pairs: Pairs, group: Ints, rank: Ints, sign: Ints) -> tuple[np.ndarray, np.ndarray]:
    """Where each span opens and closes; half positions where its record is lost."""
    opens, closes = pairs.start.astype(float), pairs.stop.astype(float)
    for lost, sides in ((pairs.start < 0, "open"), (pairs.stop < 0, "close")):
        for own in np.unique(rank[np.maximum(pairs.start, pairs.stop)[lost]]):
            some = lost & (rank[np.maximum(pairs.start, pairs.stop)] == own)
            if sides == "open":
                wall = ((sign < 0) & (rank <= own)) | ((sign > 0) & (rank < own))
                opens[some] = _last(wall, group)[pairs.stop[some]] + 0.5
            else:
                wall = ((sign > 0) & (rank <= own)) | ((sign < 0) & (rank < own))
                closes[some] = len(group) - 1.5 - _last(wall[::-1], group[::-1])[len(group) - 1 - pairs.start[some]]
    return opens, closes


def _last(wall: np.ndarray, group: Ints) -> np.ndarray:
    """For each position the last wall before it in its group, or the place before its group."""
    index = np.arange(len(wall))
    first = np.r_[True, np.diff(group) != 0]
    begin = np.maximum.accumulate(np.where(first, index, -1))
    before = np.maximum.accumulate(np.r_[-1, np.where(wall, index, -1)[:-1]]) if len(wall) else index
    return np.maximum(before, begin - 1)
