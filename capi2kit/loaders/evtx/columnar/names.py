"""Names: the names of elements and attributes of a block as small numbers, each proven by its letters and its hash.

A name is written once in a chunk and pointed to from then on. What is written there says its hash and its length: together they
point into a table of the names met so far. Where a name is met first in a block its letters are compared, never only its hash.
"""

from __future__ import annotations

import re

import numpy as np

from capi2kit.binxml import name_hash, read_name
from capi2kit.binxml.names import BUCKETS, STRING_TABLE
from capi2kit.loaders.evtx.columnar.block import Block
from capi2kit.loaders.evtx.recordids import CHUNK

UNKNOWN = 0  # the number of a name that is left to the slow way
_PLAIN = re.compile(r"(?:xmlns:)?[A-Za-z_][A-Za-z0-9_.-]*")
_WORDS = 16  # of four letters each; no longer name is known
_FIRST, _LAST = 512, CHUNK - 10  # where a name may begin in its chunk
_KEYS = 1 << 18
_MOST = 4000
_LINKS = 16  # of a chain that are followed


class Names:
    """The names met so far, in any block. `texts[number]` is a name, `lengths[number]` how many letters it has."""

    def __init__(self) -> None:
        self.texts = [""]
        self._numbers: dict[str, int] = {}
        self._number_of_key = np.zeros(_KEYS, "uint16")
        self.lengths = np.zeros(_MOST, "int64")
        self._letters = np.zeros((_WORDS, _MOST), "u8")
        self._masks = np.zeros((_WORDS, _MOST), "u8")

    def number_of_key(self, key: np.ndarray) -> np.ndarray:
        """The number of the name with this hash and length; UNKNOWN if it has no number yet."""
        return self._number_of_key[key]

    def is_spelled(self, number: np.ndarray, written: np.ndarray, *, word: int) -> np.ndarray:
        """Whether four letters, as written, are those of names. `word`: which four."""
        return (written & self._masks[word][number]) == self._letters[word][number]

    def is_full(self) -> bool:
        """Whether there are so many names that it is better to start anew."""
        return len(self.texts) >= _MOST

    def number(self, name: str) -> int:
        """The number of a name that was read in another way; UNKNOWN for one that is left to the slow way."""
        if name not in self._numbers:
            self.learn(name, key=(name_hash(name) | len(name) << 16) & (_KEYS - 1))
        return self._numbers.get(name, UNKNOWN)

    def learn(self, name: str, *, key: int) -> None:
        """Give a name the next number, unless it is no plain one, or its place in the table is taken."""
        number = len(self.texts)
        if number >= _MOST or self._number_of_key[key] or not _PLAIN.fullmatch(name) or len(name) > 4 * _WORDS:
            return
        self.texts.append(name)
        self._numbers[name] = number
        self._number_of_key[key] = number
        self.lengths[number] = len(name)
        letters = np.zeros(4 * _WORDS, "u2")
        letters[: len(name)] = list(map(ord, name))
        self._letters[:, number] = letters.view("u8")
        self._masks[:, number] = np.where(np.arange(4 * _WORDS) < len(name), 0xFFFF, 0).astype("u2").view("u8")


class Cells:
    """A cell for every place of a block, the same ones for all blocks of a log: whoever had them empties them."""

    def __init__(self) -> None:
        self.numbers, self.eighths = np.zeros(0, "uint16"), np.zeros(0, "int32")

    def make_room(self, size: int) -> None:
        """Let there be cells for a block of this size, all of them empty; of the eighths nobody knows what is in them."""
        if len(self.numbers) <= size:
            self.numbers, self.eighths = np.zeros(size + 1, "uint16"), np.empty((size >> 3) + 1, "int32")


class NamesOfBlock:
    """The names of one block: places in, numbers out.

    What is proven is kept in a table with a cell for every place of the block.
    """

    def __init__(self, block: Block, names: Names, *, cells: Cells) -> None:
        self.names = names
        self._block = block
        cells.make_room(block.size)
        self._proven, self._last = cells.numbers, cells.eighths
        self._places: list[np.ndarray] = []  # in use
        self._prove(self._listed())

    def _listed(self) -> np.ndarray:
        """Where the names are that the tables of the chunks list: chains, all of them in step. One may be broken, or a circle."""
        chunk = np.repeat(np.arange(0, self._block.size, CHUNK), BUCKETS)
        offset = self._block.u4[chunk + np.tile(4 * np.arange(BUCKETS), self._block.size // CHUNK) + STRING_TABLE]
        found = [chunk[:0]]
        for _ in range(_LINKS):
            inside = np.flatnonzero((offset >= _FIRST) & (offset <= _LAST))
            if not len(inside):
                break
            chunk, offset = chunk[inside], offset[inside]
            found.append(chunk + offset)
            offset = self._block.u4[chunk + offset]
        return np.sort(np.concatenate(found))  # near ones are together: memory likes that

    def forget(self) -> None:
        """Empty the table for the next block."""
        for places in self._places:
            self._proven[places] = UNKNOWN

    def numbers(self, at: np.ndarray, chunk: np.ndarray) -> np.ndarray:
        """The number of the name at each place; UNKNOWN where there is no proven one. `chunk`: where its chunk begins."""
        number = self._proven.take(np.minimum(at, self._block.size))
        new = np.flatnonzero(number == UNKNOWN)
        if len(new):
            offset = at[new] - chunk[new]
            new = new[(offset >= _FIRST) & (offset <= _LAST)]
            places = at[new]
            self._last[places >> 3] = np.arange(len(places))
            self._prove(places[self._last[places >> 3] == np.arange(len(places))])  # nearly always each place once
            left = places[self._proven[places] == UNKNOWN]
            if len(left):
                self._prove(np.unique(left))
            number[new] = self._proven[places]
        return number

    def _prove(self, places: np.ndarray) -> None:
        """Compare the letters at these places with those of the names that have their hash and length; learn new names."""
        key = self._block.u4[places + 4] & (_KEYS - 1)  # its hash, and the last bits of its length
        number = self.names.number_of_key(key)
        for place in np.flatnonzero(number == UNKNOWN).tolist():
            if self.names.number_of_key(key[place : place + 1])[0] != UNKNOWN:
                continue  # it was learned a moment ago
            begin = int(places[place]) // CHUNK * CHUNK
            name = read_name(bytes(memoryview(self._block.raw)[begin : begin + CHUNK]), int(places[place]) - begin)
            if name:
                self.names.learn(name, key=int(key[place]))
        number = self.names.number_of_key(key)
        good = self._is_written(number, places)
        self._proven[places[good]] = number[good]
        self._places.append(places[good])

    def _is_written(self, number: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Whether the name with this number is what is written at each place."""
        block, lengths = self._block, self.names.lengths[number]
        good = (number != UNKNOWN) & (block.u2[at + 6] == lengths)
        for word in range(_WORDS):
            left = np.flatnonzero(good & (lengths > 4 * word))
            if not len(left):
                break
            written = block.u8[np.minimum(at[left] + 8 + 8 * word, block.size)]
            good[left] = self.names.is_spelled(number[left], written, word=word)
        return good
