"""Call tree: parents and depths of calls → steps up, and values carried from level to level.

Arrays in, arrays out. A place is the row of a call; the parent of an outermost call is -1.

    place     0      1      2      3            place 0 encloses 1, which encloses 2; 3 stands alone
    call      T(     C(     R( R) C) T)  T( T)
    parent   -1      0      1     -1
    depth     0      1      2      0
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from capi2kit.columns.cells import integers
from capi2kit.columns.keys import match


class CallTree(NamedTuple):
    """Calls that enclose each other: the place of each one's caller, and how many enclose it."""

    parent: np.ndarray
    depth: np.ndarray

    def upwards(self) -> Iterator[np.ndarray]:
        """The places of all calls that have a caller, level by level, the innermost level first."""
        return (self._places(level) for level in range(self._deepest(), 0, -1))

    def downwards(self) -> Iterator[np.ndarray]:
        """The same levels, the innermost last."""
        return (self._places(level) for level in range(1, self._deepest() + 1))

    def carried_up(self, values: np.ndarray, *, by: np.ufunc) -> np.ndarray:
        """The value of each call joined with those of all calls in it: `np.add` sums, `np.minimum` finds the least."""
        joined = values.copy()
        for places in self.upwards():
            by.at(joined, self.parent[places], joined[places])
        return joined

    def inherited(self, values: np.ndarray, *, lacks: np.ndarray) -> np.ndarray:
        """The values, and where a call `lacks` one, that of its caller."""
        found, lacks = values.copy(), lacks.copy()
        for level in self.downwards():
            places = level[lacks[level]]
            found[places], lacks[places] = found[self.parent[places]], lacks[self.parent[places]]
        return found

    def callers(self, places: np.ndarray) -> Iterator[np.ndarray]:
        """The places themselves, then their callers, and so on to the outermost level; -1 where there is no call."""
        yield places
        for _ in range(self._deepest()):
            places = np.where(places >= 0, self.parent[places], -1)
            yield places

    def nearest(self, places: np.ndarray, *, has: np.ndarray) -> np.ndarray:
        """For each place the nearest call, itself or around it, that `has` something; else the outermost. -1 stays."""
        for _ in range(self._deepest()):
            above = self.parent[places]
            places = np.where((places >= 0) & ~has[places] & (above >= 0), above, places)
        return places

    def with_callers(self, some: np.ndarray) -> np.ndarray:
        """These calls (a mask) and all that enclose one of them."""
        return self.carried_up(some, by=np.logical_or)

    def _places(self, level: int) -> np.ndarray:
        return np.flatnonzero((self.depth == level) & (self.parent >= 0))

    def _deepest(self) -> int:
        return int(self.depth.max(initial=0))


def tree_of(spans: pd.DataFrame) -> CallTree:
    """The call tree of spans, which may be a part of a table; a parent that is not among them counts as missing."""
    number = spans["span"].to_numpy("int64")
    return CallTree(match([integers(spans["parent"])], [number]), spans["depth"].to_numpy())
