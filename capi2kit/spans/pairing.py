"""Nesting: start and stop records → which belong together, and what encloses what.

Arrays in, arrays out; a position is the place of a record in the order of its
task. Pairing needs no event id: a start and a stop of one operation carry the
same name, and calls nest strictly. Where records are lost, pairs that cannot be
are parted again, and the rank of the operation (1 outermost) says how far the
open side may reach. No loops over records.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

Ints = np.ndarray
_LEAF = np.iinfo(int).max  # rank of an operation that nothing is known about


class Pairs(NamedTuple):
    """Positions of the start and stop record of each span; -1 where the record is not in the log."""

    start: Ints
    stop: Ints

    @property
    def first(self) -> Ints:
        """Position of the first record that the log has of each span."""
        return np.where(self.start >= 0, self.start, self.stop)

    @property
    def last(self) -> Ints:
        """Position of the last record that the log has of each span."""
        return np.where(self.stop >= 0, self.stop, self.start)

    @property
    def closed(self) -> np.ndarray:
        """Where both records are in the log."""
        return (self.start >= 0) & (self.stop >= 0)


def pair_records(*, group: Ints, operation: Ints, sign: Ints) -> Pairs:
    """Pair records that are sorted by group (one task) and sequence.

    `sign` is +1 for a start, -1 for a stop, 0 for anything else. Spans come in the order of
    their first record.
    """
    at = np.flatnonzero(sign)
    at = at[np.lexsort((at, operation[at], group[at]))]
    if not len(at):
        return Pairs(at, at)
    run = np.cumsum(np.r_[True, (np.diff(group[at]) != 0) | (np.diff(operation[at]) != 0)])
    level = np.cumsum(sign[at]) + (sign[at] == -1)  # of the call that this record opens or closes, within a run
    order = np.lexsort((at, level, run))
    at, run, level, kind = at[order], run[order], level[order], sign[at][order]
    joined = np.r_[(run[1:] == run[:-1]) & (level[1:] == level[:-1]) & (kind[:-1] == 1) & (kind[1:] == -1), False]
    closed_by_previous = np.r_[False, joined[:-1]]
    start = np.where(kind == 1, at, -1)
    stop = np.where(kind == -1, at, np.where(joined, np.r_[at[1:], -1], -1))
    return _sorted(Pairs(start[~closed_by_previous], stop[~closed_by_previous]))


def part_impossible(pairs: Pairs, *, rank: Ints, doubted: np.ndarray) -> Pairs:
    """Part the pairs that cannot be: the `doubted` ones, and of two that cross the inner by its rank.

    Between a start and a stop that do not belong together, records are lost. `rank` is per record
    position, `doubted` per pair.
    """
    pairs = _parted(pairs, doubted & pairs.closed)
    while True:
        one, other = _crossing(pairs)
        if not len(one):
            return pairs
        inner = _known(rank)[pairs.start]
        wrong = np.zeros(len(inner), bool)
        wrong[one[inner[one] >= inner[other]]] = True
        wrong[other[inner[other] >= inner[one]]] = True
        pairs = _parted(pairs, wrong)


def nest(pairs: Pairs, *, group: Ints, rank: Ints, seq: Ints) -> tuple[Ints, Ints, Ints]:
    """Parent (-1 for none), root and depth of each span. `group`, `rank` and `seq` (or 0) are per record position."""
    opens, closes = pairs.first.astype(float), pairs.last + np.where(pairs.closed, 0.0, 0.25)
    parent, root, depth = _enclosing(opens, closes)
    if pairs.closed.all():
        return parent, root, depth
    return _enclosing(*_reach(pairs, parent, group=group, rank=_known(rank), seq=seq))


def _known(rank: Ints) -> Ints:
    return np.where(rank > 0, rank, _LEAF)


def _sorted(pairs: Pairs) -> Pairs:
    order = np.argsort(pairs.first, kind="stable")
    return Pairs(pairs.start[order], pairs.stop[order])


def _parted(pairs: Pairs, wrong: np.ndarray) -> Pairs:
    if not wrong.any():
        return pairs
    alone = np.full(int(wrong.sum()), -1)
    return _sorted(Pairs(np.r_[pairs.start, alone], np.r_[np.where(wrong, -1, pairs.stop), pairs.stop[wrong]]))


def _crossing(pairs: Pairs) -> tuple[Ints, Ints]:
    """Pairs of closed spans of which each holds one end of the other; at least one wherever there is any.

        A(    B(    A)    B)          crossing
      level 1     2     2     1       of the opening and closing records: A and B share both levels

    If nothing crosses, every opening on a level is followed by its own closing on that level.
    """
    closed = np.flatnonzero(pairs.closed)
    span, where = np.tile(closed, 2), np.r_[pairs.start[closed], pairs.stop[closed]]
    opens = np.arange(len(span)) < len(closed)
    order = np.argsort(where)
    span, opens = span[order], opens[order]
    level = np.cumsum(np.where(opens, 1, -1)) + ~opens
    order = np.argsort(level, kind="stable")  # level by level, on each in the order of the records
    span, opens = span[order], opens[order]
    one, other = span[:-1], span[1:]
    differ = opens[:-1] & ~opens[1:] & (one != other)
    one, other = one[differ], other[differ]
    start, stop = pairs
    earlier = np.where(start[one] < start[other], one, other)
    later = one + other - earlier
    crosses = (start[later] < stop[earlier]) & (stop[earlier] < stop[later])
    return one[crosses], other[crosses]


def _enclosing(opens: np.ndarray, closes: np.ndarray) -> tuple[Ints, Ints, Ints]:
    """Parent, root and depth of intervals that do not cross."""
    count = len(opens)
    span = np.tile(np.arange(count), 2)
    is_open = np.arange(2 * count) < count
    order = np.lexsort((np.tile(-closes, 2), is_open, np.r_[opens, closes]))  # at one place the longer span opens first
    span, is_open = span[order], is_open[order]
    level = np.cumsum(np.where(is_open, 1, -1))
    opened, depth_at = span[is_open], level[is_open] - 1
    depth = np.empty(count, int)
    depth[opened] = depth_at
    parent, root = np.full(count, -1), np.arange(count)
    index = np.arange(count)
    for d in range(1, int(depth.max(initial=0)) + 1):
        above = np.maximum.accumulate(index * (depth_at == d - 1))  # the latest so far on the level above
        here = depth_at == d
        parent[opened[here]] = opened[above[here]]
        root[opened[here]] = root[opened[above[here]]]
    return parent, root, depth


def _reach(pairs: Pairs, parent: Ints, *, group: Ints, rank: Ints, seq: Ints) -> tuple[np.ndarray, np.ndarray]:
    """Where each span opens and closes; half positions where its record is lost.

    An open side reaches as far as its siblings are of a lower rank: past those that it may enclose, but not past the
    next one that it may not (its wall), nor out of the call around them. With C of a higher rank than R, in T:

        T( C(  R( R)  R( R)  C( C) T)      the first C lost its stop: it encloses both R, up to the second C
        T( C( C)  R( R)  C) T)             the second C lost its start: it encloses R, back to the first C

    Of two open calls of one rank the second has what follows the last gap in the numbers, where its start was lost.
    """
    first, last, own = pairs.first, pairs.last, rank[pairs.first]
    opens, closes = first.astype(float), last.astype(float)
    begin, end = _room(pairs, parent, group=group)
    family = np.where(parent < 0, -1 - group[first], parent)
    order = np.lexsort((first, family))  # siblings beside each other, in the order of their first records
    ranked, kin = own[order], family[order]
    stop_lost, start_lost = pairs.stop[order] < 0, pairs.start[order] < 0
    gap = _last_gap(first[order], last[order], seq=seq)
    for level in np.unique(own[~pairs.closed]):
        walls = np.flatnonzero(ranked <= level)
        here = np.flatnonzero((ranked == level) & stop_lost)
        wall, there = _nearest_wall(walls, here, kin=kin, step=1)
        shared = there & (ranked[wall] == level) & start_lost[wall] & (gap[wall] > here)
        wall = np.where(shared, gap[wall], wall)
        closes[order[here]] = np.where(there, first[order[wall]] - 0.5, end[order[here]])
        here = np.flatnonzero((ranked == level) & start_lost)
        wall, there = _nearest_wall(walls, here, kin=kin, step=-1)
        open_too = (ranked[wall] == level) & stop_lost[wall]
        side = np.where(open_too, closes[order[wall]], last[order[wall]] + 0.5)
        opens[order[here]] = np.where(there, side, begin[order[here]])
    return opens, closes


def _room(pairs: Pairs, parent: Ints, *, group: Ints) -> tuple[np.ndarray, np.ndarray]:
    """Between which positions a span can lie at most: inside the call around it, else inside its task."""
    first, around = pairs.first, np.maximum(parent, 0)
    begin = np.searchsorted(group, group[first], side="left") - 0.5
    end = np.searchsorted(group, group[first], side="right") - 0.5
    outermost = parent < 0
    return np.where(outermost, begin, first[around] + 0.5), np.where(outermost, end, pairs.last[around] - 0.5)


def _nearest_wall(walls: Ints, places: Ints, *, kin: Ints, step: int) -> tuple[Ints, np.ndarray]:
    """The nearest of the `walls` after each place (step 1) or before it (-1), and whether it is of the same family."""
    spot = np.searchsorted(walls, places, side="right") if step > 0 else np.searchsorted(walls, places) - 1
    there = (spot >= 0) & (spot < len(walls))
    wall = walls[np.clip(spot, 0, len(walls) - 1)]
    return wall, there & (kin[wall] == kin[places])


def _last_gap(first: Ints, last: Ints, *, seq: Ints) -> Ints:
    """For each of some siblings in order the last one, itself or before it, with records missing right before it."""
    before = np.roll(last, 1)
    missing = (seq[before] > 0) & (seq[first] - seq[before] > first - before)
    missing[:1] = False
    return np.maximum.accumulate(np.arange(len(first)) * missing)
