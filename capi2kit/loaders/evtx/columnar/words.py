"""Words: the texts of some blocks, each different one of a block once. Runs of UTF-16 in the block go in, codes come out.

Arrow copies the bytes of all runs one behind the other and finds out which are the same; only the different ones become text.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from capi2kit.binxml import NOT_IN_XML
from capi2kit.columns.coded import NONE
from capi2kit.loaders.evtx.columnar.block import Block

_ASCII = 128
_SPACE = 32


class Words:
    """Collects words. `all_words` and `is_odd` are asked for when nothing is added any more."""

    def __init__(self) -> None:
        self._parts: list[pa.LargeStringArray] = []
        self._odd: list[np.ndarray] = []
        self._count = 0

    def add_texts(self, texts: Sequence[str | None]) -> np.ndarray:
        """Codes of texts that were read in another way; NONE for None, and for an empty one."""
        present = [text for text in texts if text]
        self._add(pa.array(present, pa.large_string()), np.zeros(len(present), bool))
        codes = np.full(len(texts), NONE, "int32")
        codes[[bool(text) for text in texts]] = np.arange(self._count - len(present), self._count)
        return codes

    def add_runs(self, block: Block, start: np.ndarray, *, letters: np.ndarray) -> np.ndarray:
        """Codes of runs of UTF-16: where they begin, and how many letters they have."""
        if not len(start):
            return np.empty(0, "int32")
        found = block.runs(start, stop=start + 2 * letters).dictionary_encode()
        texts, odd = _texts_of(found.dictionary)
        codes = found.indices.to_numpy() + np.int32(self._count)
        self._add(texts, odd)
        return codes

    def _add(self, texts: pa.LargeStringArray, odd: np.ndarray) -> None:
        self._parts.append(texts)
        self._odd.append(odd)
        self._count += len(texts)

    def all_words(self) -> pa.LargeStringArray:
        """The words, by their codes."""
        return pa.concat_arrays(self._parts) if self._parts else pa.array([], pa.large_string())

    def is_odd(self) -> np.ndarray:
        """For every word, and NONE at the end, whether readers differ over it: see `binxml.Fragments.odd`."""
        return np.concatenate([*self._odd, [False]])


def _texts_of(runs: pa.LargeBinaryArray) -> tuple[pa.LargeStringArray, np.ndarray]:
    """The texts of runs; zeros at their ends are left out. And whether each is odd."""
    ends = np.frombuffer(runs.buffers()[1], "int64")[: len(runs) + 1] // 2
    units = np.frombuffer(runs.buffers()[2], "<u2")[: ends[-1]]
    is_letter = units != 0
    counted = np.concatenate([[0], np.cumsum(is_letter)])[ends]
    strange = is_letter.copy()
    strange[1:] &= ~is_letter[:-1]  # a zero in the middle,
    strange[ends[:-1]] = False  # not at the end of the run before
    strange |= (units >= _ASCII) | (is_letter & (units < _SPACE))
    texts = pa.LargeStringArray.from_buffers(
        len(runs), pa.py_buffer(counted), pa.py_buffer(units[is_letter].astype("u1"))
    )
    odd = np.diff(counted) == 0
    marks = np.concatenate([[0], np.cumsum(strange)])
    slow = np.flatnonzero(marks[ends[1:]] > marks[ends[:-1]])
    if len(slow):
        read = [units[begin:end].tobytes() for begin, end in zip(ends[slow], ends[slow + 1], strict=True)]
        decoded = [raw.decode("utf-16le", "surrogatepass").rstrip("\0") for raw in read]
        odd[slow] |= [bool(NOT_IN_XML.search(text)) for text in decoded]
        marks = np.zeros(len(runs), bool)
        marks[slow] = True
        safe = [text if NOT_IN_XML.search(text) is None else "" for text in decoded]
        texts = pc.replace_with_mask(texts, pa.array(marks), pa.array(safe, pa.large_string()))
    return texts, odd
