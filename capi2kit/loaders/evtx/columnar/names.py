"""Names: the names of elements and attributes of a block as small numbers, each proven by its letters and its hash.

A name is written once in a chunk and pointed to from then on. What is written there is its hash, its length and its letters. Arrow finds
out which of them are the same in all chunks of a block; whether the letters have that hash is looked at once for each different one.
"""

from __future__ import annotations

import re

import numpy as np

from capi2kit.binxml import name_hash
from capi2kit.binxml.names import BUCKETS, STRING_TABLE
from capi2kit.loaders.evtx.columnar.block import Block
from capi2kit.loaders.evtx.recordids import CHUNK

UNKNOWN = 0  # the number of a name that is left to the slow way
_PLAIN = re.compile(r"(?:xmlns:)?[A-Za-z_][A-Za-z0-9_.-]*")
_LETTERS = 64  # no longer name is known
_FIRST, _LAST = 512, CHUNK - 10  # where a name may begin in its chunk
_MOST = 4000
_LOW = np.uint64(0xFFFFFFFF)  # four bytes of eight
_EIGHT, _WHICH = 3, 7
_LINKS = 16  # of a chain that are followed


class Names:
    """The names met so far, in any block. `texts[number]` is a name."""

    def __init__(self) -> None:
        self.texts = [""]
        self._numbers: dict[str, int] = {}
        self._written: dict[bytes, int] = {}

    def is_full(self) -> bool:
        """Whether there are so many names that it is better to start anew."""
        return len(self.texts) >= _MOST

    def number(self, name: str) -> int:
        """The number of a name that was read in another way; UNKNOWN for one that is left to the slow way."""
        known = self._numbers.get(name)
        if known is None and len(self.texts) < _MOST and len(name) <= _LETTERS and _PLAIN.fullmatch(name):
            known = self._numbers[name] = len(self.texts)
            self.texts.append(name)
        return known or UNKNOWN

    def number_of(self, written: bytes) -> int:
        """The number of a name as it is written: its hash, its length and its letters."""
        known = self._written.get(written)
        if known is None:
            name = written[4:].decode("utf-16le", "replace")
            is_proven = name_hash(name) == int.from_bytes(written[:2], "little")
            known = self.number(name) if is_proven else UNKNOWN
            if known != UNKNOWN:
                self._written[written] = known
        return known


class Cells:
    """A cell for every eight places of a block: no two names of Windows are that near. The same cells for all blocks of a log."""

    def __init__(self) -> None:
        self._cells = np.zeros(0, "uint16")  # the number of a name, and behind it which of the eight places it has

    def begin(self, size: int) -> None:
        """Begin with a block of this size: all cells are empty."""
        self._cells[:] = 0
        if len(self._cells) <= size >> _EIGHT:
            self._cells = np.zeros((size >> _EIGHT) + 1, "uint16")

    def put(self, places: np.ndarray, number: np.ndarray) -> None:
        """Keep the numbers of names at these places. Of two in one cell the last one is kept."""
        self._cells[places >> _EIGHT] = (number << _EIGHT) | (places & _WHICH).astype("uint16")

    def at(self, places: np.ndarray) -> np.ndarray:
        """The numbers that are kept for these places; UNKNOWN where nothing is kept, as in the last cell, behind the block."""
        found = self._cells.take(places >> _EIGHT, mode="clip").astype("int64")
        number = found >> _EIGHT
        others = (found ^ places) & _WHICH
        if others.any():
            number[others != 0] = UNKNOWN
        return number


class NamesOfBlock:
    """The names of one block: places in, numbers out."""

    def __init__(self, block: Block, names: Names, *, cells: Cells) -> None:
        self.names = names
        self._block = block
        self._proven = cells
        cells.begin(block.size)
        places, length = self._listed()
        self._prove(places, length=length)

    def _listed(self) -> tuple[np.ndarray, np.ndarray]:
        """Where the names are that the tables of the chunks list, and their lengths: chains, all of them in step. One may be broken, or
        a circle."""
        block = self._block
        tables = block.u1[: block.size].reshape(-1, CHUNK)[:, STRING_TABLE : STRING_TABLE + 4 * BUCKETS]
        offset = np.ascontiguousarray(tables).view("<u4").ravel()
        chunk = np.repeat(np.arange(0, block.size, CHUNK), BUCKETS)
        places, heads = [chunk[:0]], [self._block.u8[:0]]
        for _ in range(_LINKS):
            inside = np.flatnonzero((offset >= _FIRST) & (offset <= _LAST))
            if not len(inside):
                break
            chunk = chunk[inside]
            places.append(chunk + offset[inside])
            heads.append(block.u8[places[-1]])  # where the next name is, the hash of this one, and its length
            offset = (heads[-1] & _LOW).astype("int64")
        return np.concatenate(places), np.concatenate(heads) >> 48

    def numbers(self, at: np.ndarray, chunk: np.ndarray) -> np.ndarray:
        """The number of the name at each place; UNKNOWN where there is no proven one. `chunk`: where its chunk begins."""
        number, offset = self._proven.at(at), at - chunk
        if offset.max(initial=0) > _LAST:
            number[offset > _LAST] = UNKNOWN  # in another chunk there may be a name
        if not number.all():
            new = np.flatnonzero(number == UNKNOWN)
            new = new[(offset[new] >= _FIRST) & (offset[new] <= _LAST)]
            places = np.unique(at[new])
            self._prove(places, length=self._block.u2[places + 6])
            number[new] = self._proven.at(at[new])
        return number

    def _prove(self, places: np.ndarray, *, length: np.ndarray) -> None:
        """Find the numbers of the names at these places by their hashes and letters."""
        start = places + 4  # behind the pointer to the next name of its chain
        stop = start + 4 + 2 * length.astype("int64")
        good = np.flatnonzero((stop <= (places // CHUNK + 1) * CHUNK) & (stop <= start + 4 + 2 * _LETTERS))
        if len(good):
            found = self._block.runs(start[good], stop=stop[good]).dictionary_encode()
            number = np.array(list(map(self.names.number_of, found.dictionary.to_pylist())), "uint16")
            self._proven.put(places[good], number[found.indices.to_numpy()])
