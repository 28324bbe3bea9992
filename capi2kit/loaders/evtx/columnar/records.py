"""Records: the steps from the records of some blocks to their tables, in their order."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from capi2kit.binxml.fragments import EARLIEST
from capi2kit.columns.cells import instants, masked
from capi2kit.columns.coded import NONE, Coded, per_row
from capi2kit.loaders.evidence import Asked
from capi2kit.loaders.evtx.columnar.block import Block
from capi2kit.loaders.evtx.columnar.columns import Sorted, TableColumns, sorted_values
from capi2kit.loaders.evtx.columnar.forms import FormReader, Shapes
from capi2kit.loaders.evtx.columnar.found import Found
from capi2kit.loaders.evtx.columnar.fragments import Payloads, Walk
from capi2kit.loaders.evtx.columnar.frames import Records
from capi2kit.loaders.evtx.columnar.names import Cells, NamesOfBlock
from capi2kit.loaders.evtx.columnar.templates import Instances
from capi2kit.winevent import Batch
from capi2kit.winevent.places import HEADER, kinds
from capi2kit.winevent.tables import TABLES, Column, Rows, as_batch, split_headers

_INSTANCE = 0x0C
_HEADER = 0x0001010F
_NAT = -(1 << 63)
_HEAD, _TAIL = 24, 4  # bytes of a record before its fragment, and behind it


class _OwnRows(NamedTuple):
    """Rows of a table: the events they belong to; the final number of each row as it was found; and the contexts that opened them."""

    owners: np.ndarray
    final: np.ndarray
    context: np.ndarray


class Collected:
    """The records of some blocks, read but not yet made into tables."""

    def __init__(self, shapes: Shapes, *, asked: Asked, cells: Cells) -> None:
        self._shapes = shapes
        self._cells = cells
        self._asked = asked
        self._tables = frozenset(asked.tables or TABLES)
        self._extra = asked.tables is None
        self._found = Found(shapes.contexts, tables=self._tables, extra=self._extra)
        self._records: list[Records] = []
        self._odd: list[np.ndarray] = []
        self._wanted: list[np.ndarray] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, block: Block, records: Records, *, offset: int) -> None:
        """Read the records of a block, which begins at `offset` of its file."""
        count = len(records.at)
        odd, wanted = np.zeros(count, bool), np.zeros(count, bool)
        self._found.begin(block, base=self._count, offset=offset)
        forms = FormReader(block, self._shapes, asked=self._asked, found=self._found, odd=odd, wanted=wanted)
        begin, end = records.at + _HEAD, records.at + records.size - _TAIL
        forms.read(Instances(np.arange(count), records.chunk, begin, end))
        self._read_payloads(block, forms, odd=odd)
        self._found.end()
        self._records.append(records._replace(at=records.at + offset, chunk=records.chunk + offset))
        self._odd.append(odd)
        self._wanted.append(wanted)
        self._count += count

    def _read_payloads(self, block: Block, forms: FormReader, *, odd: np.ndarray) -> None:
        """Walk the payloads; those that are forms again are read as such."""
        if not forms.payloads:
            return
        names = NamesOfBlock(block, self._shapes.names, cells=self._cells)
        walk = Walk(block, self._shapes.contexts, names=names, found=self._found, odd=odd)
        by_brothers: dict[frozenset[str], list[Payloads]] = {}
        for some, beside in forms.payloads:
            by_brothers.setdefault(beside, []).append(some)
        for beside, several in by_brothers.items():
            payloads = Payloads(*(np.concatenate(parts) for parts in zip(*several, strict=True)))
            first = np.where(block.u4[payloads.begin] == _HEADER, payloads.begin + 4, payloads.begin)
            is_form = block.u1[first] == _INSTANCE
            if beside:
                odd[payloads.record[~is_form]] = True  # elements behind elements that are not of one form
            else:
                walk.through(payloads if not is_form.any() else payloads.some(~is_form))
            for context in np.unique(payloads.context[is_form]).tolist():
                record, chunk, begin, end, _ = payloads.some(is_form & (payloads.context == context))
                forms.read_inner(Instances(record, chunk, begin, end), context, beside=beside)

    def tables(self) -> tuple[Batch | None, Records, int]:
        """The tables of the events that were asked for (None if there are none); the records left to the slow way; and how many records
        nobody asked for."""
        records = Records(*(np.concatenate(parts) for parts in zip(*self._records, strict=True)))
        odd, wanted = np.concatenate(self._odd), np.concatenate(self._wanted)
        found = sorted_values(self._found.values(), targets=len(self._shapes.contexts.targets))
        words = self._found.words.all_words()
        self._leave_odd_words(found, odd)
        keep = wanted & ~odd
        batch = self._batch(found, words, records=records, keep=keep) if keep.any() else None
        return batch, records.some(odd), int((~wanted & ~odd).sum())

    def _batch(self, found: Sorted, words: pa.LargeStringArray, *, records: Records, keep: np.ndarray) -> Batch:
        number = np.where(keep, np.cumsum(keep) - 1, NONE)
        asked = [name for name in TABLES if name in self._tables or name == "events"]
        rows = {name: self._own_rows(name, number) for name in asked}
        found = self._settled(found, rows)
        tables = {name: self._filled(name, found, own=own, words=words, number=number) for name, own in rows.items()}
        del found
        written = records.written[keep]
        since = written - np.uint64(EARLIEST)
        valid = (written > EARLIEST) & (since < (1 << 62) // 100)
        return as_batch(tables, offsets=records.at[keep], written=np.where(valid, since.astype("int64") * 100, _NAT))

    def _leave_odd_words(self, found: Sorted, odd: np.ndarray) -> None:
        """Leave records with a text over which readers differ to the slow way."""
        is_odd = self._found.words.is_odd()
        if not is_odd.any():
            return
        for parts in self._found.cells.values():
            for record, code in parts:
                odd[record[is_odd[code]]] = True
        for number in found.met():
            target, part = self._shapes.contexts.targets[number], found.of(number)
            row = found.values.row[part][is_odd[found.values.code[part]]]
            odd[row if target.table == "events" else self._found.rows(target.table).record[row]] = True

    def _own_rows(self, table: str, number: np.ndarray) -> _OwnRows:
        """The rows of one table in the order of the log. `number`: that of each record's event, -1 if it is not kept."""
        if table == "events":
            return _OwnRows(np.arange(int(number.max()) + 1), number, number[:0])
        record, at, context = self._found.rows(table)
        order = np.flatnonzero(number[record] >= 0)
        order = order[np.argsort(at[order], kind="stable")]
        final = np.full(len(record), NONE)
        final[order] = np.arange(len(order))
        return _OwnRows(number[record[order]], final, context[order])

    def _settled(self, found: Sorted, rows: dict[str, _OwnRows]) -> Sorted:
        """The values with their final rows; those of records that are not kept are left out."""
        targets = self._shapes.contexts.targets
        final = np.full(len(found.values.row), NONE)
        for number in found.met():
            part = found.of(number)
            final[part] = rows[targets[number].table].final[found.values.row[part]]
        settled = found._replace(values=found.values._replace(row=final))
        if (final >= 0).all():
            return settled
        return sorted_values(settled.values.some(final >= 0), targets=len(targets))

    def _filled(
        self, table: str, found: Sorted, *, own: _OwnRows, words: pa.LargeStringArray, number: np.ndarray
    ) -> Rows:
        """The rows of one table with their cells."""
        ready: dict[str, tuple[Column, np.ndarray]] = {}
        taken = self._constants(own.context)
        if table == "events":
            count = len(own.owners)
            for column, parts in self._found.numbers.items():
                values, known = _spread(parts, number, count=count)
                is_time = kinds()["events", column] == "time"
                made = instants(np.where(known, values, _NAT)) if is_time else masked(values, ~known, dtype="Int64")
                ready[column] = made, known
            for column, parts in self._found.cells.items():
                values, known = _spread(parts, number, count=count)
                taken[column] = Coded(np.where(known, values, NONE), words)
        filled = TableColumns(table, found, count=len(own.owners), words=words, contexts=self._shapes.contexts)
        texts = filled.texts(taken, ready={name: known for name, (_, known) in ready.items()}, extra=self._extra)
        if HEADER in texts:
            split_headers(texts, count=len(own.owners))
        return Rows(texts, own.owners, {name: column for name, (column, _) in ready.items()})

    def _constants(self, context: np.ndarray) -> dict[str, Coded]:
        """The cells of rows that follow from the contexts that opened them."""
        which, found = np.unique(context), {}
        constants = [self._shapes.contexts.constants(one) for one in which.tolist()]
        for column in dict.fromkeys(column for one in constants for column in one):
            found[column] = per_row(np.searchsorted(which, context), [one.get(column) for one in constants])
        return found


def _spread(
    parts: list[tuple[np.ndarray, np.ndarray]], number: np.ndarray, *, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Values by event, and which events have one. `number`: that of each record's event."""
    # The usual case: every record has one, and is kept.
    if len(number) == count == sum(len(record) for record, _ in parts):
        record, found = (np.concatenate(part) for part in zip(*parts, strict=True))
        if (np.diff(record) > 0).all():
            return found, np.ones(count, bool)
    values, known = np.zeros(count, parts[0][1].dtype), np.zeros(count, bool)
    for record, found in parts:
        row = number[record]
        kept = np.flatnonzero(row >= 0)
        values[row[kept]] = found[kept]
        known[row[kept]] = True
    return values, known
