"""Names: the names of elements and attributes of a block as small numbers, each proven by its letters and its hash.

A name is written once in a chunk and pointed to from then on. What is written there says its hash and its length: together they
point into a table of the names met so far. Where a name is met first in a block its letters are compared, never only its hash.
"""

from __future__ import annotations

import re

import numpy as np

from capi2kit.binxml import name_hash, read_name
from capi2kit.loaders.evtx.columnar.block import Block
from capi2kit.loaders.evtx.recordids import CHUNK

UNKNOWN = 0  # the number of a name that is left to the slow way
_PLAIN = re.compile(r"(?:xmlns:)?[A-Za-z_][A-Za-z0-9_.-]*")
_WORDS = 16  # of four letters each; no longer name is known
_FIRST, _LAST = 512, CHUNK - 10  # where a name may begin in its chunk
_KEYS = 1 << 18
_GOOD, _BAD = 1, 2
_MOST = 4000


class Names:
    """The names met so far, in any block. `texts[number]` is a name."""

    def __init__(self) -> None:
        self.texts = [""]
        self._numbers: dict[str, int] = {}
        self._number_of_key = np.zeros(_KEYS, "int16")
        self._letters = np.zeros((_MOST, _WORDS), "u8")
        self._masks = np.zeros((_MOST, _WORDS), "u8")
        self._lengths = np.zeros(_MOST, "int64")

    def is_full(self) -> bool:
        """Whether there are so many names that it is better to start anew."""
        return len(self.texts) >= _MOST

    def number(self, name: str) -> int:
        """The number of a name that was read in another way; UNKNOWN for one that is left to the slow way."""
        if name not in self._numbers:
            self._learn(name, key=name_hash(name) | (len(name) & 3) << 16)
        return self._numbers.get(name, UNKNOWN)

    def _learn(self, name: str, *, key: int) -> None:
        number = len(self.texts)
        if number >= _MOST or self._number_of_key[key] or not _PLAIN.fullmatch(name) or len(name) > 4 * _WORDS:
            return
        self.texts.append(name)
        self._numbers[name] = number
        self._number_of_key[key] = number
        self._lengths[number] = len(name)
        letters = np.zeros(4 * _WORDS, "u2")
        letters[: len(name)] = list(map(ord, name))
        self._letters[number] = letters.view("u8")
        self._masks[number] = np.where(np.arange(4 * _WORDS) < len(name), 0xFFFF, 0).astype("u2").view("u8")


class NamesOfBlock:
    """The names of one block: places in, numbers out."""

    def __init__(self, block: Block, names: Names) -> None:
        self.names = names
        self._block = block
        self._state = np.zeros(block.size + 16, "u1")
        self._some_bad = False

    def numbers(self, at: np.ndarray, chunk: np.ndarray) -> np.ndarray:
        """The number of the name at each place; UNKNOWN where there is no proven one. `chunk`: where its chunk begins."""
        offset = at - chunk
        inside = (offset >= _FIRST) & (offset <= _LAST)
        if not inside.all():
            at = np.where(inside, at, chunk + _FIRST)
        key = self._keys(at)
        number = self.names._number_of_key[key]
        if (number == UNKNOWN).any():
            number = self._with_new(number, at, chunk=chunk, key=key)
        state = self._state[at]
        if (state == 0).any():
            fresh = np.flatnonzero(state == 0)
            good = self._is_written(number[fresh], at[fresh])
            self._state[at[fresh]] = np.where(good, _GOOD, _BAD)
            self._some_bad |= not good.all()
        if self._some_bad:
            number = np.where(self._state[at] == _BAD, UNKNOWN, number)
        return number if inside.all() else np.where(inside, number, UNKNOWN)

    def _keys(self, at: np.ndarray) -> np.ndarray:
        """Hash and length of the name at each place, as a place in the table."""
        written = self._block.u4[at + 4]
        return (written & 0xFFFF) | ((written >> 16) & 3) << 16

    def _with_new(self, number: np.ndarray, at: np.ndarray, *, chunk: np.ndarray, key: np.ndarray) -> np.ndarray:
        new = np.flatnonzero(number == UNKNOWN)
        _, first = np.unique(key[new], return_index=True)
        for place in new[first].tolist():
            begin = int(chunk[place])
            name = read_name(bytes(memoryview(self._block.raw)[begin : begin + CHUNK]), int(at[place]) - begin)
            if name:
                self.names._learn(name, key=int(key[place]))
        return self.names._number_of_key[key]

    def _is_written(self, number: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Whether the name with this number is what is written at each place."""
        names, block = self.names, self._block
        good = (number != UNKNOWN) & (block.u2[at + 6] == names._lengths[number])
        for word in range(_WORDS):
            left = np.flatnonzero(good & (names._lengths[number] > 4 * word))
            if not len(left):
                break
            which = number[left]
            written = block.u8[np.minimum(at[left] + 8 + 8 * word, block.size)]
            good[left] = (written & names._masks[which, word]) == names._letters[which, word]
        return good
