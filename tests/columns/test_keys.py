"""Keys: rows that agree, and rows that find each other."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capi2kit.columns.instants import NAT
from capi2kit.columns.keys import (
    cumsum_before,
    grouped,
    how_many,
    lanes,
    match,
    match_before,
    search_in_group,
    threads,
    value_before,
    where,
)


def cells(*values: object) -> np.ndarray:
    return np.array(values, object)


def same(codes: np.ndarray) -> list[int]:
    """Codes renamed in the order of their appearance."""
    return pd.factorize(codes)[0].tolist()


def test_rows_that_agree_in_all_columns_have_one_number():
    assert same(grouped([cells("a", "a", "b", "a"), cells(1, 2, 1, 1)])) == [0, 1, 2, 0]
    table = pd.DataFrame({"host": ["A", "A", None, None, "A"], "pid": [1, 2, 1, 1, 1]})
    assert same(lanes(table, ["host", "pid"])) == [0, 1, 2, 2, 0]  # missing cells agree with each other
    assert same(grouped([cells("a", "b"), cells(1, 1)])) == same(grouped([cells(1, 1), cells("a", "b")])) == [0, 1]
    assert same(grouped([cells("a", "b", "a"), cells(None, 1, 1)])) == [0, 1, 2]
    assert grouped([cells()]).tolist() == []


def test_a_thread_that_is_not_known_is_that_of_its_task():
    host, pid = cells("A", "A", "A", "A"), cells(1, 1, 1, 1)
    found = threads(host, pid, tid=cells(5, 5, None, None), task=cells("x", "y", "x", "y"))
    assert same(found) == [0, 0, 1, 2]


def test_where_keeps_values_inside_the_mask_only():
    assert where(np.array([True, False]), np.array([1, 2]), otherwise=None).tolist() == [1, None]


@pytest.mark.parametrize(
    ("left", "right", "found"),
    [
        ([cells("a", "b", "c")], [cells("b", "a", "b")], [1, 2, -1]),  # the last one of several
        ([cells("a", None)], [cells(None, "a")], [1, -1]),  # what is missing matches nothing
        ([cells("a", "a"), cells(1, 2)], [cells("a", "a"), cells(2, 3)], [-1, 0]),  # all keys must agree
        ([cells("a")], [cells()], [-1]),
        ([cells()], [cells("a")], []),
        ([cells()], [cells()], []),
        ([cells(None)], [cells()], [-1]),
        ([cells("a", "b")], [cells("c", None)], [-1, -1]),
    ],
)
def test_rows_find_the_last_row_with_their_keys(left, right, found):
    assert match(left, right).tolist() == found


@pytest.mark.parametrize(
    ("at", "of", "found"),
    [
        ([5], [1, 4, 9], [1]),  # the last one before
        ([1], [1, 4, 9], [-1]),  # not one at the same place
        ([10], [9, 4, 1], [0]),  # whatever the order of the rows
        ([2], [4, 1, 9], [1]),
    ],
)
def test_rows_find_the_last_row_before_them(at, of, found):
    right = [cells("a", "a", "a")]
    assert match_before([cells("a")], right, at=np.array(at), of=np.array(of)).tolist() == found


def test_a_row_finds_none_of_another_key_and_none_without_a_key():
    right, of = [cells("b", None, "a")], np.array([1, 2, 9])
    assert match_before([cells("a", None, "b")], right, at=np.array([5, 5, 5]), of=of).tolist() == [-1, -1, 0]
    assert match_before([cells("a")], [cells()], at=np.array([5]), of=np.array([], int)).tolist() == [-1]


GROUPS, VALUES = np.array([0, 0, 0, 2, 2]), np.array([1, 4, 4, 3, 8])


@pytest.mark.parametrize(
    ("group", "value", "place"),
    [(0, 0, 0), (0, 1, 0), (0, 2, 1), (0, 4, 1), (0, 5, 3), (1, 3, 3), (2, 3, 3), (2, 9, 5)],
)
def test_a_search_stays_in_its_group(group, value, place):
    found = search_in_group(GROUPS, VALUES, group=np.array([group]), value=np.array([value]))
    assert found.tolist() == [place]


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(-50, 50)), max_size=20), st.integers(0, 3), st.integers(-50, 50)
)
def test_a_search_finds_what_a_plain_count_finds(rows, group, value):
    rows = sorted(rows)
    table = np.array(rows or np.zeros((0, 2), int), dtype="int64").reshape(-1, 2)
    found = search_in_group(table[:, 0], table[:, 1], group=np.array([group]), value=np.array([value]))
    assert found.tolist() == [sum(row < (group, value) for row in rows)]


def test_the_sum_of_what_came_before_in_the_group():
    group, values = np.array([0, 1, 0, 0, 1]), np.array([1, 2, 3, 4, 5])
    assert cumsum_before(values, group=group).tolist() == [0, 0, 1, 4, 2]
    assert cumsum_before(np.array([], int), group=np.array([], int)).tolist() == []


def test_the_value_before_in_the_group():
    group, values, by = np.array([0, 1, 0, 0, 1]), np.array([1, 2, 3, 4, 5]), np.array([3, 1, 1, 2, 2])
    assert value_before(values, group=group, by=by).tolist() == [4, NAT, NAT, 3, 2]
    assert value_before(values[:0], group=group[:0], by=by[:0]).tolist() == []


def test_an_array_needs_one_place_more_than_the_largest_number():
    assert [how_many(np.array(numbers, int)) for numbers in ([], [0], [4, 0], [-1])] == [0, 1, 5, 0]
