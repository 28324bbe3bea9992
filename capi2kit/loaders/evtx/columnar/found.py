"""Found: what a walk finds, kept in pieces until all of it is there: values with their targets, and rows of other tables."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from capi2kit.binxml import BinXmlError, TextReader
from capi2kit.loaders.evtx.columnar.block import Block
from capi2kit.loaders.evtx.columnar.words import Words
from capi2kit.loaders.evtx.recordids import CHUNK
from capi2kit.winevent.contexts import Contexts


class Elements(NamedTuple):
    """Elements of one level: record, chunk, context, the row that they belong to, where they begin, and where each must end."""

    record: np.ndarray
    chunk: np.ndarray
    context: np.ndarray
    row: np.ndarray
    at: np.ndarray
    stop: np.ndarray

    def some(self, which: np.ndarray) -> Elements:
        """Some of the elements."""
        return Elements(*(values[which] for values in self))


class Values(NamedTuple):
    """Values: their targets, rows, records, where in the block they are (their order), and the codes of their texts."""

    target: np.ndarray
    row: np.ndarray
    record: np.ndarray
    at: np.ndarray
    code: np.ndarray

    def some(self, which: np.ndarray) -> Values:
        """Some of the values."""
        return Values(*(parts[which] for parts in self))


class OwnRows(NamedTuple):
    """Rows of a table other than `events`: their records, where they begin, and the contexts that opened them."""

    record: np.ndarray
    at: np.ndarray
    context: np.ndarray


class Found:
    """Collects what is found in a block. `tables`: those asked for; `extra`: whether values without a column are kept."""

    def __init__(self, block: Block, contexts: Contexts, *, words: Words, tables: frozenset[str], extra: bool) -> None:
        self.words = words
        self._block = block
        self._contexts = contexts
        self._tables = tables
        self._extra = extra
        self._wanted = np.zeros(0, bool)
        self._runs: list[tuple[np.ndarray, ...]] = []
        self._values: list[Values] = []
        self._rows: dict[str, list[OwnRows]] = {}
        self._readers: dict[int, TextReader] = {}

    def add_runs(
        self,
        level: Elements,
        here: np.ndarray,
        start: np.ndarray,
        *,
        letters: np.ndarray,
        target: np.ndarray,
        which: np.ndarray,
    ) -> None:
        """Keep runs of letters of the elements `here` of a level, as far as they have a target that was asked for."""
        keep = which & self._is_wanted(target) & (letters > 0)
        here = here[keep]
        self._runs.append((target[keep], level.row[here], level.record[here], start[keep], letters[keep]))

    def add_read(self, elements: Elements, at: np.ndarray, *, target: np.ndarray) -> np.ndarray:
        """Read texts that are more than one run, and keep them; returns where each ends, -1 for one over which readers differ."""
        texts: list[str | None] = []
        ends = []
        for chunk, begin, stop in zip(elements.chunk.tolist(), at.tolist(), elements.stop.tolist(), strict=True):
            reader = self._readers.get(chunk)
            if reader is None:
                reader = TextReader(bytes(memoryview(self._block.raw)[chunk : chunk + CHUNK]))
                self._readers[chunk] = reader
            try:
                text, end = reader.read(begin - chunk, stop - chunk)
            except BinXmlError:
                text, end = None, -1 - chunk
            texts.append(text)
            ends.append(end + chunk)
        code = self.words.add_texts(texts)
        values = Values(target, elements.row, elements.record, at + 4, code)
        self._values.append(values.some(self._is_wanted(target) & (code >= 0)))
        return np.array(ends, "int64")

    def add_names(self, target: np.ndarray, level: Elements, *, number: np.ndarray) -> None:
        """Keep the names of elements, where a column has them."""
        named = np.flatnonzero(self._is_wanted(target))
        if len(named):
            names = self._contexts.names
            used, which = np.unique(number[named], return_inverse=True)
            codes = self.words.add_texts([names[one] for one in used.tolist()])
            self._values.append(
                Values(target[named], level.row[named], level.record[named], level.at[named], codes[which])
            )

    def add_values(self, values: Values) -> None:
        """Keep values whose texts have codes already."""
        self._values.append(values.some(self._is_wanted(values.target) & (values.code >= 0)))

    def with_rows(self, level: Elements) -> Elements:
        """Open the rows that elements of some contexts are; those in rows of a table that nobody asked for are left out."""
        opens = self._contexts.opens
        row, asked = level.row, np.ones(len(level.at), bool)
        for context in np.flatnonzero(np.bincount(level.context, minlength=1)).tolist():
            table = opens[context]
            if not table:
                continue
            here = np.flatnonzero(level.context == context)
            if table not in self._tables:
                asked[here] = False
                continue
            rows = self._rows.setdefault(table, [])
            row = row.copy() if row is level.row else row
            row[here] = sum(len(known.record) for known in rows) + np.arange(len(here))
            rows.append(OwnRows(level.record[here], level.at[here], level.context[here]))
        level = level._replace(row=row)
        return level if asked.all() else level.some(asked)

    def _is_wanted(self, target: np.ndarray) -> np.ndarray:
        targets = self._contexts.targets
        if len(self._wanted) != len(targets) + 1:
            wanted = [
                one.table in self._tables and bool(one.column or one.names or (self._extra and one.path is not None))
                for one in targets
            ]
            self._wanted = np.array([*wanted, False], bool)  # the last one is NOTHING
        return self._wanted[target]

    def values(self) -> Values:
        """All values, in no order."""
        if self._runs:
            target, row, record, start, letters = map(np.concatenate, zip(*self._runs, strict=True))
            self._values.append(Values(target, row, record, start, self.words.add_runs(start, letters)))
            self._runs.clear()
        if not self._values:
            nothing = np.empty(0, "int64")
            return Values(*[nothing] * len(Values._fields))
        return Values(*map(np.concatenate, zip(*self._values, strict=True)))

    def rows(self, table: str) -> OwnRows:
        """The rows of a table, in the order in which they were opened."""
        known = self._rows.get(table)
        if known is None:
            nothing = np.empty(0, "int64")
            return OwnRows(nothing, nothing, nothing)
        return OwnRows(*map(np.concatenate, zip(*known, strict=True)))
