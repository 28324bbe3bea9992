"""Columns: the values that a walk found → the coded columns of each table, by the rules of `winevent.walk`.

The first value of a row that has a column takes it; a later one, and what has no column, is kept in `extra` as JSON, in the order of
the record. Attributes that are "true" become a list of their names, where `data/fields.csv` says so.
"""

from __future__ import annotations

from json.encoder import encode_basestring
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from capi2kit.columns.coded import NONE, Coded, coded, numbered
from capi2kit.loaders.evtx.columnar.found import Values
from capi2kit.winevent.contexts import Contexts
from capi2kit.winevent.inferences import Texts
from capi2kit.winevent.layouts import bare_guid, template_of

_TRUE = "true"


class Sorted(NamedTuple):
    """Values by target: those of target `t` are from `bounds[t]` to `bounds[t + 1]`."""

    values: Values
    bounds: np.ndarray

    def of(self, target: int) -> slice:
        """Where the values of a target are."""
        return slice(int(self.bounds[target]), int(self.bounds[target + 1]))

    def met(self) -> list[int]:
        """The targets that have values."""
        return np.flatnonzero(np.diff(self.bounds)).tolist()


def sorted_values(values: Values, *, targets: int) -> Sorted:
    """The values by target. `targets`: how many there are."""
    narrow = values.target.astype("int16" if targets < 1 << 15 else "int64")  # few bits are sorted faster
    order = np.argsort(narrow, kind="stable")
    bounds = np.searchsorted(narrow[order], np.arange(targets + 1, dtype=narrow.dtype))
    return Sorted(values.some(order), bounds)


class TableColumns:
    """Fills the columns of one table of `count` rows. The rows of its values are final."""

    def __init__(
        self, table: str, found: Sorted, *, count: int, words: pa.LargeStringArray, contexts: Contexts
    ) -> None:
        self._table = table
        self._count = count
        self._words = words
        self._targets = contexts.targets
        self._found = found
        self._values = found.values
        self._lost: list[np.ndarray] = []

    def texts(self, taken: dict[str, Coded], *, ready: dict[str, np.ndarray], extra: bool) -> Texts:
        """All columns. `taken`: cells that are filled before; `ready`: rows of columns that are made in another way."""
        found = dict(taken)
        by_column: dict[str, list[slice]] = {}
        by_names: dict[str, list[np.ndarray]] = {}
        for number in self._found.met():
            target, part = self._targets[number], self._found.of(number)
            if target.table != self._table:
                continue
            if target.column:
                by_column.setdefault(target.column, []).append(part)
            else:
                rest = np.arange(part.start, part.stop)
                if target.names:
                    true = self._is_true(rest)
                    by_names.setdefault(target.names, []).append(rest[true])
                    rest = rest[~true]
                self._lost.append(rest)
        for column, parts in by_column.items():
            found[column] = self._cells(parts, taken=found.get(column), ready=ready.get(column))
        for column, places in by_names.items():
            found[column] = self._names(np.concatenate(places), taken=found.get(column))
        if extra:
            found["extra"] = self._extra()
        return found

    def _is_true(self, places: np.ndarray) -> np.ndarray:
        if not hasattr(self, "_true"):
            self._true = pc.equal(self._words, _TRUE).to_numpy(zero_copy_only=False)
        return self._true[self._values.code[places]]

    def _cells(self, parts: list[slice], *, taken: Coded | None, ready: np.ndarray | None) -> Coded:
        """One column: of several values of a row the first one counts."""
        codes = np.full(self._count, NONE, "int32")
        filled = ready if taken is None else taken.codes >= 0
        for part in parts:
            codes[self._values.row[part]] = self._values.code[part]
        values = sum(part.stop - part.start for part in parts)
        if values != np.count_nonzero(codes >= 0) or (filled is not None and (filled & (codes >= 0)).any()):
            codes = self._first_ones(np.concatenate([np.arange(part.start, part.stop) for part in parts]), filled)
        column = Coded(codes, self._words)
        return column if taken is None else taken.filled(column)

    def _first_ones(self, places: np.ndarray, filled: np.ndarray | None) -> np.ndarray:
        """The code of the first value of each row that is not `filled`; the others are kept for `extra`."""
        order = places[np.argsort(self._values.at[places], kind="stable")[::-1]]
        winner = np.full(self._count, NONE, "int64")
        winner[self._values.row[order]] = order
        if filled is not None:
            winner[filled] = NONE
        self._lost.append(places[winner[self._values.row[places]] != places])
        return np.where(winner >= 0, self._values.code[winner], NONE)

    def _names(self, places: np.ndarray, *, taken: Coded | None) -> Coded:
        """The names of attributes that are "true", one behind the other."""
        row, sequence, sequences = self._sequences(places)
        paths = [[self._targets[target].path or "" for target in targets] for targets in sequences]
        texts = coded([" ".join(path.rpartition("@")[2] for path in several) for several in paths])
        codes = np.full(self._count, NONE, "int64")
        codes[row] = texts.codes[sequence]
        column = Coded(codes, texts.words)
        return column if taken is None else taken.filled(column)

    def _sequences(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[tuple[int, ...]]]:
        """Rows that have such values; for each the number of the sequence of its targets; and these sequences."""
        place_in_row = self._values.at[places].astype("int64") + (self._values.row[places] << 32)
        self._order = places[np.argsort(place_in_row)]
        row = self._values.row[self._order]
        first = np.flatnonzero(np.concatenate([[True], row[1:] != row[:-1]])) if len(row) else row
        length = np.diff(np.append(first, len(row)))
        self._first, self._length = first, length
        number = np.zeros(len(first), "int64")
        sequences: list[tuple[int, ...]] = [()]
        for turn in range(int(length.max(initial=0))):
            longer = length > turn
            here = self._values.target[self._order[first[longer] + turn]]
            size = len(self._targets) + 1
            keys = number * size
            keys[longer] += 1 + here
            number, known = _numbered(keys), keys
            at = np.zeros(int(number.max()) + 1, "int64")
            at[number] = np.arange(len(number))
            sequences = [
                sequences[known[one] // size] + ((int(known[one]) % size - 1,) if known[one] % size else ())
                for one in at.tolist()
            ]
        return row[first] if len(row) else row, number, sequences

    def _extra(self) -> Coded:
        """What has no column, as JSON by path: one template for all rows whose values have the same paths."""
        places = np.concatenate([np.empty(0, "int64"), *self._lost])
        has_path = np.array([target.path is not None for target in self._targets], bool)
        places = places[has_path[self._values.target[places]]]
        row, sequence, sequences = self._sequences(places)
        codes = np.full(self._count, NONE, "int64")
        if not len(row):
            return Coded(codes, pa.array([], pa.large_string()))
        literals: list[str] = []
        pieces, lengths, rows = [], [], []
        for number, targets in enumerate(sequences):
            mine = np.flatnonzero(sequence == number)
            texts, spots = template_of([self._targets[one].path or "" for one in targets])
            made = np.empty(
                (len(mine), len(texts) + len(spots)), "int64"
            )  # a row for each text: a literal, a value, a literal ...
            made[:, 0::2] = len(self._words) + len(literals) + np.arange(len(texts))
            made[:, 1::2] = self._values.code[self._order[self._first[mine][:, None] + np.array(spots, "int64")]]
            literals += texts
            pieces.append(made.ravel())
            lengths.append(np.full(*made.shape))
            rows.append(row[mine])
        codes[np.concatenate(rows)] = np.arange(len(row))
        words = pa.concat_arrays([self._quoted(self._values.code[places]), pa.array(literals, pa.large_string())])
        return Coded(codes, _joined(words.take(pa.array(np.concatenate(pieces))), lengths=np.concatenate(lengths)))

    def _quoted(self, codes: np.ndarray) -> pa.LargeStringArray:
        """The words with these codes as JSON strings; all others missing."""
        used = np.unique(codes)
        texts = [encode_basestring(bare_guid(word)) for word in self._words.take(pa.array(used)).to_pylist()]
        marks = np.zeros(len(self._words), bool)
        marks[used] = True
        empty = pa.nulls(len(self._words), pa.large_string())
        return pc.replace_with_mask(empty, pa.array(marks), pa.array(texts, pa.large_string()))


def _joined(pieces: pa.LargeStringArray, *, lengths: np.ndarray) -> pa.LargeStringArray:
    """Texts of so many pieces each: in memory they are one behind the other already."""
    _, ends, letters = pieces.buffers()
    edges = np.concatenate([[0], np.cumsum(lengths)])
    return pa.LargeStringArray.from_buffers(len(lengths), pa.py_buffer(np.frombuffer(ends, "int64")[edges]), letters)


def _numbered(keys: np.ndarray) -> np.ndarray:
    return numbered(keys, size=int(keys.max(initial=-1)) + 1)[0]
