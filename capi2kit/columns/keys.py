"""Keys: rows that agree in some columns get one number, and rows of one table find those of another by it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from capi2kit.columns.instants import NAT


def lanes(table: pd.DataFrame, columns: list[str]) -> np.ndarray:
    """One integer per row, the same for rows that agree in `columns`; missing cells agree with each other."""
    return grouped([table[column] for column in columns])


def threads(host: np.ndarray, pid: np.ndarray, *, tid: np.ndarray, task: np.ndarray) -> np.ndarray:
    """One integer per row, the same for one thread; where the thread is not known, for one task, which has only one."""
    return grouped([host, pid, tid, where(pd.isna(tid), task, otherwise=None)])


def where(mask: np.ndarray, values: np.ndarray, *, otherwise: object) -> np.ndarray:
    """The values, as objects, with `otherwise` outside the mask."""
    chosen = values.astype(object)
    chosen[~mask] = otherwise
    return chosen


def grouped(columns: Sequence[np.ndarray | pd.Series | pd.api.extensions.ExtensionArray]) -> np.ndarray:
    """One integer per row of some columns, the same for equal rows."""
    code = np.zeros(len(columns[0]), "int64")
    for column in columns:
        values, unique = pd.factorize(column)  # type: ignore[arg-type]  # any column will do
        _, code = np.unique(code * (len(unique) + 1) + values, return_inverse=True)
    return code


def repeated(keys: np.ndarray) -> np.ndarray:
    """Which whole numbers were there before, further up in the array.

    As fast as a hash table in place of a sort: only numbers that share a place of the table are sorted.
    """
    bits = max(len(keys).bit_length() + 2, 4)
    place = ((keys.astype("u8") * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - bits)).astype("int64")
    mine = np.arange(len(keys))
    table = np.empty(1 << bits, "int64")
    table[place[::-1]] = mine[::-1]
    first = table[place]
    again = (first != mine) & (keys[first] == keys)
    unsure = np.flatnonzero((first != mine) & ~again)
    if len(unsure):
        shared = np.flatnonzero(np.isin(place, place[unsure]))
        _, earliest = np.unique(keys[shared], return_index=True)
        again[shared] = True
        again[shared[earliest]] = False
    return again


def how_many(numbers: np.ndarray) -> int:
    """How many places an array needs that these numbers, from 0 on, point into; none for none."""
    return int(numbers.max(initial=-1)) + 1


def match(left: Sequence[np.ndarray], right: Sequence[np.ndarray]) -> np.ndarray:
    """For each left row the last right row with the same keys, or -1. Missing keys match nothing."""
    mine, theirs = _coded(left, right)
    last = np.full(len(mine) + len(theirs) + 1, -1)
    last[theirs] = np.arange(len(theirs))
    last[-1] = -1  # the place of a missing key
    return last[mine]


def match_before(
    left: Sequence[np.ndarray], right: Sequence[np.ndarray], *, at: np.ndarray, of: np.ndarray
) -> np.ndarray:
    """Like `match`, but the last right row whose place (`of`) lies before the left row's (`at`)."""
    mine, theirs = _coded(left, right)
    if not len(theirs):
        return np.full(len(mine), -1)
    order = np.lexsort((of, theirs))
    found = search_in_group(theirs[order], of[order], group=mine, value=at) - 1
    row = order[found]
    return np.where((found >= 0) & (mine >= 0) & (theirs[row] == mine), row, -1)


def _coded(left: Sequence[np.ndarray], right: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """One integer per row of both sides, the same for equal keys; -1 where a key is missing."""
    both = [np.concatenate([mine, theirs]) for mine, theirs in zip(left, right, strict=True)]
    absent = np.any([pd.isna(values) for values in both], axis=0)
    code = np.where(absent, -1, grouped(both))
    return code[: len(left[0])], code[len(left[0]) :]


def search_in_group(groups: np.ndarray, values: np.ndarray, *, group: np.ndarray, value: np.ndarray) -> np.ndarray:
    """In a table that is sorted by group, in it by value: the first place of `group` that has `value` or more.

    Where there is none, the place behind the last one of the group.
    """
    count = len(values)
    _, rank = np.unique(
        np.concatenate([values, value]), return_inverse=True
    )  # small, so that a pair fits in one number
    size = len(rank)
    return np.searchsorted(groups * size + rank[:count], group * size + rank[count:], side="left")


def value_before(values: np.ndarray, *, group: np.ndarray, by: np.ndarray) -> np.ndarray:
    """The value of the row before each one in its group, sorted by `by`: NAT for the first one of each."""
    order = np.lexsort((by, group))
    before = np.empty(len(values), "int64")
    before[order] = pd.Series(values[order]).groupby(group[order]).shift(fill_value=NAT)
    return before


def cumsum_before(values: np.ndarray, *, group: np.ndarray) -> np.ndarray:
    """The sum of the earlier whole numbers of the same group, in the order of the rows: 0 for the first one of each."""
    order = np.argsort(group, kind="stable")
    _, first, size = np.unique(group[order], return_index=True, return_counts=True)
    before = np.cumsum(values[order]) - values[order]
    found = np.empty(len(values), values.dtype)
    found[order] = before - np.repeat(before[first], size)
    return found
