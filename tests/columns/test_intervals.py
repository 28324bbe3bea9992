"""Intervals: every moment is counted once, shared by those who wait in it, to the nanosecond."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from capi2kit.columns.intervals import covered, cut, shares

OWNERS, KINDS = 3, 3
intervals = st.lists(
    st.tuples(st.integers(0, OWNERS - 1), st.integers(0, KINDS - 1), st.integers(-50, 500), st.integers(0, 200)),
    max_size=40,
)


def columns(rows):
    owner, kind, begin, length = np.array(rows, "int64").reshape(-1, 4).T
    return {"owner": owner, "begin": begin, "end": begin + length, "kind": kind}


def charged(rows, kind):
    """Owner of each interval of a kind, and its share."""
    table = columns(rows)
    atoms = cut(**table, kinds=KINDS)
    mine = {name: values[table["kind"] == kind] for name, values in table.items() if name != "kind"}
    return mine["owner"], shares(atoms, mine=atoms.open[:, kind] > 0, open_count=atoms.open[:, kind], **mine)


def test_two_who_wait_at_once_get_half_each():
    _, parts = charged([(0, 0, 0, 10), (0, 0, 0, 10)], 0)
    assert parts.tolist() == [5, 5]


def test_only_the_moments_in_common_are_shared():
    _, parts = charged([(0, 0, 0, 10), (0, 0, 6, 10)], 0)
    assert parts.tolist() == [8, 8]


def test_what_cannot_be_divided_goes_to_the_longest():
    _, parts = charged([(0, 0, 0, 10), (0, 0, 0, 10), (0, 0, 0, 20)], 0)
    assert parts.tolist() == [3, 3, 14]


def test_owners_do_not_share():
    _, parts = charged([(0, 0, 0, 10), (1, 0, 0, 10)], 0)
    assert parts.tolist() == [10, 10]


def test_intervals_may_lie_years_apart_and_last_nanoseconds():
    year = 365 * 86400 * 10**9
    _, parts = charged([(owner, 0, 2**60 + owner * year, 3) for owner in range(OWNERS)], 0)
    assert parts.tolist() == [3, 3, 3]


@given(intervals)
def test_atoms_do_not_overlap_and_cover_what_the_intervals_cover(rows):
    atoms = cut(**columns(rows), kinds=KINDS)
    for owner in range(OWNERS):
        covered = {tick for o, _, begin, length in rows if o == owner for tick in range(begin, begin + length)}
        mine = (atoms.owner == owner) & (atoms.open.sum(axis=1) > 0)
        ticks = [t for b, n in zip(atoms.begin[mine], atoms.length[mine], strict=True) for t in range(b, b + n)]
        assert len(ticks) == len(set(ticks)) and set(ticks) == covered


@given(intervals, st.integers(0, KINDS - 1))
def test_shares_add_up_to_the_time_that_any_one_waited(rows, kind):
    owner, parts = charged(rows, kind)
    assert (parts >= 0).all()
    for one in set(owner.tolist()):
        covered = {t for o, k, begin, n in rows if (o, k) == (one, kind) for t in range(begin, begin + n)}
        assert parts[owner == one].sum() == len(covered)


@given(intervals, st.integers(0, KINDS - 1))
def test_a_share_is_that_of_every_moment_divided_by_who_waits_in_it(rows, kind):
    _, parts = charged(rows, kind)
    mine = [(o, range(begin, begin + n)) for o, k, begin, n in rows if k == kind]
    for (one, ticks), part in zip(mine, parts.tolist(), strict=True):
        fair = sum(1 / sum(o == one and tick in other for o, other in mine) for tick in ticks)
        assert abs(part - fair) <= 4 * len(rows)  # a fraction of a nanosecond per atom and thread


def test_an_owner_is_covered_once_where_its_intervals_overlap():
    owner, begin, end = np.array([0, 0, 2]), np.array([0, 5, -9]), np.array([10, 12, -4])
    assert covered(owner=owner, begin=begin, end=end, count=4).tolist() == [12, 0, 5, 0]
    assert covered(owner=owner[:0], begin=begin[:0], end=end[:0], count=1).tolist() == [0]


def test_nothing_lies_behind_the_last_end():
    one = np.array([0])
    atoms = cut(owner=one, begin=np.array([-5]), end=np.array([-3]), kind=one, kinds=1)
    assert [values.tolist() for values in atoms] == [[0], [-5], [2], [[1]]]


def test_moments_that_do_not_count_are_charged_to_nobody():
    owner, begin, end, kind = np.array([0, 0, 0]), np.array([0, 0, 10]), np.array([30, 30, 20]), np.array([0, 0, 1])
    atoms = cut(owner=owner, begin=begin, end=end, kind=kind, kinds=2)
    mine = atoms.open[:, 1] == 0  # without the ten in the middle
    parts = shares(atoms, mine=mine, open_count=atoms.open[:, 0], owner=owner[:2], begin=begin[:2], end=end[:2])
    assert parts.tolist() == [10, 10]
