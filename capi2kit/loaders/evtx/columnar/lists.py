"""Lists: the lists of attributes of many elements, while they are read in step: one attribute of each of them at a time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from capi2kit.columns.keys import repeated
from capi2kit.loaders.evtx.columnar.block import Block


class Lists(NamedTuple):
    """Lists of attributes that are being read: the elements they are of, their chunks, contexts and rows; where each is, and ends."""

    here: np.ndarray
    chunk: np.ndarray
    context: np.ndarray
    row: np.ndarray
    at: np.ndarray
    end: np.ndarray

    def unfinished(self) -> Lists:
        """Those that have not come to their ends."""
        goes_on = np.flatnonzero(self.at < self.end)
        return self if len(goes_on) == len(self.at) else Lists(*(values[goes_on] for values in self))

    def without(self, bad: np.ndarray, broken: np.ndarray, *, only: np.ndarray | None = None) -> Lists:
        """Those that are not bad; the elements of the others are marked as broken."""
        bad = bad if only is None else bad & only
        if not bad.any():
            return self
        broken[self.here[bad]] = True
        return Lists(*(values[~bad] for values in self))


class AttributeValues(NamedTuple):
    """The values of attributes: their targets, where each is, and its first four bytes."""

    target: np.ndarray
    at: np.ndarray
    head: np.ndarray


class Twice:
    """Looks for elements that have two attributes of one name."""

    def __init__(self) -> None:
        self._noted: list[tuple[np.ndarray, np.ndarray]] = []
        self._suspected: list[np.ndarray] = []

    def note(self, here: np.ndarray, number: np.ndarray, *, bit: np.ndarray, met: np.ndarray) -> None:
        """The next attributes of some elements. `bit`: of the name of each; two names may share one. `met`: the bits so far."""
        before = met[here]
        clash = before & bit
        if clash.any():
            self._suspected.append(here[clash != 0])
        met[here] = before | bit
        self._noted.append((here, number))

    def elements(self) -> np.ndarray:
        """The elements that have two."""
        if not self._suspected:
            return np.empty(0, "int64")
        elements, names = (np.concatenate(parts) for parts in zip(*self._noted, strict=True))
        marks = np.zeros(int(elements.max()) + 1, bool)
        marks[np.concatenate(self._suspected)] = True
        which = np.flatnonzero(marks[elements])
        elements, names = elements[which], names[which]
        return elements[repeated(elements * (int(names.max()) + 1) + names)]


def behind_name(block: Block, name: np.ndarray, *, at: np.ndarray, stop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where it goes on behind a pointer to a name: at once, or behind the name, if it is written here. And whether that is too late."""
    written = np.flatnonzero(name == at)
    if len(written):
        at = at.copy()
        at[written] += 10 + 2 * block.u2[at[written] + 6].astype("int64")
    broken = at >= stop
    return np.minimum(at, stop - 1), broken
