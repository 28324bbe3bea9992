"""Coded columns: texts as numbers into a list of words, so that what is the same for a million rows is worked out once.

rows    "HTTP"  None  "LDAP"  "HTTP"           codes   0  -1  1  0
                                               words   "HTTP" "LDAP"
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from capi2kit.columns import cells
from capi2kit.columns.cells import Column
from capi2kit.columns.instants import NAT

NONE = -1  # the code of a row without a text
_FORMS = {
    "time": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$",
    "guid": r"^\{[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}$",
    "file_ref": r"^[0-9A-Fa-f]{40}\.(cer|crl|bin)$",
}
_LETTERS = {"guid": (1, 37), "file_ref": (0, 40)}  # those that a value keeps
# For what stays: Arrow's own pool rounds up what it is asked for, and keeps what it had.
_EXACT = pa.system_memory_pool()
_SPARSE = 1 << 20  # keys: beyond that, sorting them is cheaper than a table of them all
_MANY = 64  # different texts, from which on Arrow reads them all at once


class Coded(NamedTuple):
    """One text a row: `codes` (-1 where there is none) into `words`. A word may be there twice, or used by no row."""

    codes: np.ndarray
    words: pa.LargeStringArray

    def codes_used(self) -> np.ndarray:
        """The codes that rows have, in order."""
        marks = np.zeros(len(self.words) + 1, bool)
        marks[self.codes.astype("int64")] = True  # -1 marks the last one, which is no word
        return np.flatnonzero(marks[:-1])

    def used(self) -> tuple[np.ndarray, list[str]]:
        """The codes that rows have, in order, and their texts."""
        codes = self.codes_used()
        return codes, self.words.take(pa.array(codes)).to_pylist()

    def looked_up(self, values: np.ndarray, *, codes: np.ndarray, missing: object) -> np.ndarray:
        """For every row the value of its code; `missing` where it has none of these codes."""
        table = np.full(len(self.words) + 1, missing, values.dtype)
        table[codes] = values
        table[-1] = missing
        return table.take(self.codes)

    def mapped(self, change: Callable[[str], str | None]) -> Coded:
        """The column with each text changed; None where `change` gives None."""
        codes, texts = self.used()
        changed = coded(list(map(change, texts)))
        return Coded(self.looked_up(changed.codes, codes=codes, missing=NONE), changed.words)

    def filled(self, other: Coded, *, where: np.ndarray | None = None) -> Coded:
        """The column with the texts of `other` in the rows that have none, or in all rows `where` that is true."""
        rows = (self.codes < 0) & (other.codes >= 0) if where is None else where
        if not rows.any():
            return self
        theirs = np.where(other.codes < 0, NONE, other.codes + len(self.words))
        return Coded(np.where(rows, theirs, self.codes), pa.concat_arrays([self.words, other.words]))

    def strings(self) -> Column:
        """The column as nullable strings."""
        missing = self.codes < 0
        rows = pa.array(self.codes, mask=missing) if missing.any() else pa.array(self.codes)
        return pd.arrays.ArrowStringArray(pc.take(self.words, rows, memory_pool=_EXACT))

    def texts(self) -> list[str | None]:
        """The column as a list."""
        words = self.words.to_pylist()
        return [words[code] if code >= 0 else None for code in self.codes.tolist()]


def coded(values: Sequence[str | None]) -> Coded:
    """A list of texts as a coded column; its words are all different."""
    found = pa.array(values, pa.large_string()).dictionary_encode()
    return Coded(found.indices.fill_null(NONE).to_numpy(zero_copy_only=False), found.dictionary)


def absent(count: int) -> Coded:
    """A column without any text."""
    return Coded(np.full(count, NONE, "int32"), pa.array([], pa.large_string()))


def together(columns: Sequence[Coded]) -> tuple[np.ndarray, list[tuple[str | None, ...]]]:
    """For each row the number of what it has in all these columns, and what each number is, as texts."""
    number, size = np.zeros(len(columns[0].codes), "int64"), 1
    places, all_texts = [], []
    for column in columns:
        codes, texts = column.used()
        places.append(column.looked_up(np.arange(1, len(codes) + 1), codes=codes, missing=0))
        all_texts.append([None, *texts])
        number, size = numbered(number * len(all_texts[-1]) + places[-1], size=size * len(all_texts[-1]))
    first = np.zeros(size, "int64")
    first[number[::-1]] = np.arange(len(number))[::-1]
    parts = [map(texts.__getitem__, place[first].tolist()) for place, texts in zip(places, all_texts, strict=True)]
    return number, list(zip(*parts, strict=True))


def numbered(keys: np.ndarray, *, size: int) -> tuple[np.ndarray, int]:
    """Keys from 0 to `size`, without gaps: the number of each among those that occur, in order; and how many occur."""
    if size > _SPARSE:
        found, number = np.unique(keys, return_inverse=True)
        return number, len(found)
    marks = np.zeros(size, bool)
    marks[keys] = True
    rank = np.cumsum(marks) - 1
    return rank[keys], int(marks.sum())


def per_row(number: np.ndarray, texts: Sequence[str | None]) -> Coded:
    """A column from the number of each row and the text of each number."""
    found = coded(texts)
    return Coded(found.codes[number], found.words)


def typed(column: Coded, *, kind: str, dtype: str) -> tuple[Column | np.ndarray, list[int]]:
    """The texts as an array of `dtype`, and the rows of those that do not fit: as `cells.typed`, once for each text."""
    if kind not in cells.KINDS:
        return column.strings(), []
    codes = column.codes_used()
    if not len(codes):
        return cells.missing(len(column.codes), dtype), []
    words = column.words.take(pa.array(codes))
    if kind in cells.TRIMMED:
        place = column.looked_up(np.arange(len(codes)), codes=codes, missing=NONE)
        return Coded(place, _trimmed(words, kind=kind)).strings(), []
    if kind == "time":
        stamps, bad = _stamps(words)
        made = cells.instants(column.looked_up(stamps, codes=codes, missing=NAT))
    else:
        values, absent, bad = cells.parsed(words.to_pylist(), kind=kind, dtype=dtype)
        missing = column.looked_up(absent, codes=codes, missing=True)
        made = cells.masked(column.looked_up(values, codes=codes, missing=0), missing, dtype=dtype)
    return made, np.flatnonzero(np.isin(column.codes, codes[bad])).tolist() if bad else []


def _stamps(words: pa.LargeStringArray) -> tuple[np.ndarray, list[int]]:
    """Times as nanoseconds since 1970, and the places of other words. Arrow reads many, in the form in which Windows writes."""
    if _have_form(words, "time"):
        bounds = pc.min_max(words).as_py()
        if cells.is_within_nanoseconds(bounds["min"], bounds["max"]):
            try:
                return words.cast(pa.timestamp("ns", "UTC")).cast(pa.int64()).to_numpy(), []
            except pa.ArrowInvalid:  # such as a 13th month
                pass
    return cells.stamps(words.to_pylist())


def _trimmed(words: pa.LargeStringArray, *, kind: str) -> pa.LargeStringArray:
    """Words without what their kind does not need."""
    if _have_form(words, kind):
        begin, end = _LETTERS[kind]
        return pc.ascii_upper(pc.utf8_slice_codeunits(words, begin, end))
    return pa.array(list(map(cells.TRIMMED[kind], words.to_pylist())), pa.large_string())


def _have_form(words: pa.LargeStringArray, kind: str) -> bool:
    """Whether these are many words, all in the form in which Windows writes this kind."""
    return len(words) >= _MANY and kind in _FORMS and pc.all(pc.match_substring_regex(words, _FORMS[kind])).as_py()
