"""Found: what a walk finds, kept in pieces until all of it is there: values with their targets, and rows of other tables."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from capi2kit.loaders.evtx.columnar.block import Block
from capi2kit.loaders.evtx.columnar.names import NamesOfBlock
from capi2kit.loaders.evtx.columnar.runs import read_texts
from capi2kit.loaders.evtx.columnar.words import Words
from capi2kit.winevent.contexts import Contexts


class Elements(NamedTuple):
    """Elements of one level: record, chunk, context, the row that they belong to, where they begin, and where each must end; where the name
    of each is written, and whether it has attributes."""

    record: np.ndarray
    chunk: np.ndarray
    context: np.ndarray
    row: np.ndarray
    at: np.ndarray
    stop: np.ndarray
    name: np.ndarray
    has_attributes: np.ndarray

    def some(self, which: np.ndarray) -> Elements:
        """Some of the elements."""
        return Elements(*(values[which] for values in self))


class Values(NamedTuple):
    """Values: their targets, rows, where in the block they are (their order), and the codes of their texts.

    A row of `events` has the number of its record; one of another table that of `Found.rows`. Places are those of their block.
    """

    target: np.ndarray
    row: np.ndarray
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
    """Collects what is found in some blocks, one after the other. `tables`: those asked for; `extra`: whether values without a column
    are kept. Records are numbered through all blocks; what is found is given with its number in its block."""

    def __init__(self, contexts: Contexts, *, tables: frozenset[str], extra: bool) -> None:
        self.words = Words()
        self.cells: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}  # column of events: records, codes
        self.numbers: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}  # column of events: records, whole numbers
        self._contexts = contexts
        self._tables = tables
        self._extra = extra
        self._wanted = np.zeros(0, bool)
        self._runs: list[tuple[np.ndarray, ...]] = []
        self._values: list[Values] = []
        self._rows: dict[str, list[OwnRows]] = {}
        self._counts: dict[str, int] = {}
        self.base = self._offset = 0

    def begin(self, block: Block, *, base: int, offset: int) -> None:
        """What comes next is of this block, whose first record is number `base`, and which begins at `offset`."""
        self.end()
        self._block = block
        self.base, self._offset = base, offset

    def end(self) -> None:
        """Take the texts out of the block: its memory may be used again."""
        if self._runs:
            target, row, start, letters = (np.concatenate(parts) for parts in zip(*self._runs, strict=True))
            self._runs.clear()
            code = self.words.add_runs(self._block, start, letters=letters)
            self._values.append(Values(target.astype("int32"), row, start.astype("int32"), code))

    def add_cells(self, column: str, record: np.ndarray, *, code: np.ndarray) -> None:
        """Cells of a column of `events`, which nothing else can have before."""
        self.cells.setdefault(column, []).append((record + self.base, code))

    def add_numbers(self, column: str, record: np.ndarray, *, values: np.ndarray) -> None:
        """The same as whole numbers, or nanoseconds since 1970."""
        self.numbers.setdefault(column, []).append((record + self.base, values))

    def add_runs(
        self, target: np.ndarray, row: np.ndarray, *, start: np.ndarray, letters: np.ndarray, simple: np.ndarray
    ) -> None:
        """Keep simple runs of letters, as far as they have a target that was asked for."""
        keep = simple & self._is_wanted(target) & (letters > 0)
        if keep.all():
            self._runs.append((target, row, start, letters))
        else:
            keep = np.flatnonzero(keep)
            self._runs.append((target[keep], row[keep], start[keep], letters[keep]))

    def add_read(self, elements: Elements, at: np.ndarray, *, target: np.ndarray, names: NamesOfBlock) -> np.ndarray:
        """Read texts that are more than one run, and keep them; returns where each ends, -1 for one that is left to the slow way."""
        end, code = read_texts(self._block, at, chunk=elements.chunk, stop=elements.stop, names=names, words=self.words)
        values = Values(target.astype("int32"), elements.row, (at + 4).astype("int32"), code)
        self._values.append(values.some(self._is_wanted(target) & (code >= 0)))
        return end

    def add_names(self, target: np.ndarray, level: Elements, *, number: np.ndarray) -> None:
        """Keep the names of elements, where a column has them."""
        named = np.flatnonzero(self._is_wanted(target))
        if len(named):
            names = self._contexts.names
            used, which = np.unique(number[named], return_inverse=True)
            codes = self.words.add_texts([names[one] for one in used.tolist()])
            target, row, at = (values[named] for values in (target, level.row, level.at))
            self._values.append(Values(target.astype("int32"), row, at.astype("int32"), codes[which]))

    def add_values(self, values: Values) -> None:
        """Keep values of `events` whose texts have codes already; their rows are the numbers of records."""
        keep = self._is_wanted(values.target) & (values.code >= 0)
        target, row, at, code = values.some(keep)
        self._values.append(Values(target.astype("int32"), row + self.base, at.astype("int32"), code))

    def with_rows(self, level: Elements, *, met: np.ndarray) -> Elements:
        """Open the rows that elements of some contexts are; those in rows of a table that nobody asked for are left out.

        `met`: the contexts of the elements.
        """
        opens = self._contexts.opens
        row, asked = level.row, np.ones(len(level.at), bool)
        for context in met.tolist():
            table = opens[context]
            if not table:
                continue
            here = np.flatnonzero(level.context == context)
            if table not in self._tables:
                asked[here] = False
                continue
            row = row.copy() if row is level.row else row
            count = self._counts.get(table, 0)
            row[here] = np.arange(count, count + len(here))
            self._counts[table] = count + len(here)
            own = OwnRows(level.record[here] + self.base, level.at[here] + self._offset, level.context[here])
            self._rows.setdefault(table, []).append(own)
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
        """All values, in no order; they are not kept here any longer."""
        self.end()
        if not self._values:
            nothing = np.empty(0, "int32")
            return Values(*[nothing] * len(Values._fields))
        pieces = [list(parts) for parts in zip(*self._values, strict=True)]
        self._values.clear()
        return Values(*(_joined(parts) for parts in pieces))

    def rows(self, table: str) -> OwnRows:
        """The rows of a table, in the order in which they were opened; where they begin in the file."""
        known = self._rows.get(table)
        if known is None:
            nothing = np.empty(0, "int64")
            return OwnRows(nothing, nothing, nothing)
        return OwnRows(*(np.concatenate(parts) for parts in zip(*known, strict=True)))


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    """One array of several, which are let go."""
    whole = np.concatenate(parts)
    parts.clear()
    return whole
