"""Call tree: values carried up and down, and who calls whom."""

import numpy as np
import pandas as pd
import pytest

from capi2kit.columns.call_tree import CallTree, tree_of

#            0    1    2    3    4    5          T( C( R( R) R( R) C) T)  T( C( C) T)
#            T    C    R    R    T    C
PARENT = np.array([-1, 0, 1, 1, -1, 4])
DEPTH = np.array([0, 1, 2, 2, 0, 1])
TREE = CallTree(PARENT, DEPTH)
NONE = CallTree(np.array([], "int64"), np.array([], "int64"))


def test_levels_go_from_the_innermost_to_the_outermost_and_back():
    assert [places.tolist() for places in TREE.upwards()] == [[2, 3], [1, 5]]
    assert [places.tolist() for places in TREE.downwards()] == [[1, 5], [2, 3]]
    assert list(NONE.upwards()) == list(NONE.downwards()) == []


@pytest.mark.parametrize(
    ("by", "joined"),
    [
        (np.add, [10, 9, 3, 4, 11, 6]),
        (np.minimum, [1, 2, 3, 4, 5, 6]),
        (np.maximum, [4, 4, 3, 4, 6, 6]),
    ],
)
def test_values_are_carried_up(by, joined):
    values = np.array([1, 2, 3, 4, 5, 6])
    assert TREE.carried_up(values, by=by).tolist() == joined
    assert values.tolist() == [1, 2, 3, 4, 5, 6]  # not changed


def test_a_call_that_lacks_a_value_has_that_of_its_caller():
    values = np.array([7, -1, -1, 9, -1, -1])
    assert TREE.inherited(values, lacks=values < 0).tolist() == [7, 7, 7, 9, -1, -1]
    assert values.tolist() == [7, -1, -1, 9, -1, -1]


def test_callers_are_the_places_level_by_level():
    places = np.array([3, 5, -1, 0])
    assert [found.tolist() for found in TREE.callers(places)] == [[3, 5, -1, 0], [1, 4, -1, -1], [0, -1, -1, -1]]


@pytest.mark.parametrize(
    ("has", "nearest"),
    [
        ([1], [1, 1, 4]),  # R and C find C; where nobody has it, the outermost
        ([0, 3], [0, 3, 4]),
        ([], [0, 0, 4]),
        ([5], [0, 0, 5]),
    ],
)
def test_the_nearest_call_that_has_something(has, nearest):
    mask = np.isin(np.arange(6), has)
    assert TREE.nearest(np.array([2, 3, 5, -1]), has=mask).tolist() == [nearest[0], nearest[1], nearest[2], -1]


def test_a_call_and_all_around_it():
    assert TREE.with_callers(np.arange(6) == 3).tolist() == [True, True, False, True, False, False]
    assert TREE.with_callers(np.zeros(6, bool)).tolist() == [False] * 6


def test_the_tree_of_a_part_of_a_table_knows_only_what_is_in_it():
    part = pd.DataFrame({"span": [10, 12, 13], "parent": pd.array([pd.NA, 11, 12], "Int64"), "depth": [0, 2, 3]})
    tree = tree_of(part)
    assert tree.parent.tolist() == [-1, -1, 1]
    assert tree.carried_up(np.array([1, 2, 3]), by=np.add).tolist() == [1, 5, 3]  # 12 has lost its caller


def test_the_rows_of_a_tree_may_come_in_any_order():
    tree = CallTree(np.array([1, -1]), np.array([1, 0]))
    assert [found.tolist() for found in tree.callers(np.array([0]))] == [[0], [1]]
    assert tree.nearest(np.array([0]), has=np.array([False, True])).tolist() == [1]
    assert tree.carried_up(np.array([1, 2]), by=np.add).tolist() == [1, 3]
