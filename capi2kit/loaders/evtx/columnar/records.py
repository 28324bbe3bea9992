"""Records: the steps from the records of one block to its tables, in their order."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from capi2kit.binxml.fragments import EARLIEST
from capi2kit.binxml.values import BINXML
from capi2kit.columns.cells import instants, masked
from capi2kit.columns.coded import NONE, Coded, absent, per_row, together
from capi2kit.loaders.evidence import Asked
from capi2kit.loaders.evtx.columnar.block import Block
from capi2kit.loaders.evtx.columnar.columns import TableColumns
from capi2kit.loaders.evtx.columnar.found import Found, Values
from capi2kit.loaders.evtx.columnar.fragments import Payloads, Walk
from capi2kit.loaders.evtx.columnar.frames import Records
from capi2kit.loaders.evtx.columnar.names import Names, NamesOfBlock
from capi2kit.loaders.evtx.columnar.plans import Leaf, Payload, Plan, plan_of
from capi2kit.loaders.evtx.columnar.slots import codes_of, is_present, numbers_of
from capi2kit.loaders.evtx.columnar.templates import Group, Instances, Templates
from capi2kit.loaders.evtx.columnar.words import Words
from capi2kit.winevent import Batch
from capi2kit.winevent.contexts import Contexts
from capi2kit.winevent.places import HEADER, kinds, specific
from capi2kit.winevent.tables import TABLES, Column, Rows, as_batch, split_headers

_INSTANCE = 0x0C
_HEADER = 0x0001010F
_NAT = -(1 << 63)
_MOST = 4000  # contexts
_NAMED = ("provider", "channel", "event_id")


class Shapes:
    """What was learned of names, forms and contexts: it is the same in all logs."""

    def __init__(self) -> None:
        self.names = Names()
        self.contexts = Contexts(self.names.texts)
        self.templates = Templates()
        self._plans: dict[tuple[int, int, bool], Plan | None] = {}

    def is_full(self) -> bool:
        """Whether it is better to start anew: a hostile log has ever new names."""
        return self.names.is_full() or len(self.contexts) > _MOST

    def plan(self, group: Group, context: int, *, inside: bool = False) -> Plan | None:
        """The plan of a group's form in this context."""
        key = (group.form, context, inside)
        if key not in self._plans:
            parts = {"contexts": self.contexts, "names": self.names}
            self._plans[key] = plan_of(group.template, context, inside=inside, **parts)  # type: ignore[arg-type]
        return self._plans[key]


class Reading:
    """One block being read. `odd`: records left to the slow way; `wanted`: those whose events were asked for."""

    def __init__(self, block: Block, records: Records, *, shapes: Shapes, asked: Asked) -> None:
        self._block = block
        self._records = records
        self._shapes = shapes
        self._asked = asked
        self._tables = frozenset(asked.tables or TABLES)
        self._extra = asked.tables is None
        self.odd = np.zeros(len(records.at), bool)
        self.wanted = np.zeros(len(records.at), bool)
        self._words = Words(block)
        self._found = Found(block, shapes.contexts, words=self._words, tables=self._tables, extra=self._extra)
        self._ready: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
        self._payloads: list[Payloads] = []
        self._read_forms()
        self._read_payloads()

    def _read_forms(self) -> None:
        """The values that the forms of the records have, and where their payloads are."""
        records = self._records
        begin, end = records.at + 24, records.at + records.size - 4
        everything = Instances(np.arange(len(begin)), records.chunk, begin, end)
        for group in self._shapes.templates.groups(self._block, everything, odd=self.odd):
            for some, context, wanted in self._by_kind(group):
                plan = self._shapes.plan(some, context)
                record = some.instances.record
                if plan is None:
                    self.odd[record] = True
                    continue
                self.wanted[record] = wanted
                self._note_payloads(some, plan, wanted=wanted)
                if wanted:
                    self._read_slots(some, plan)

    def _by_kind(self, group: Group) -> list[tuple[Group, int, bool]]:
        """The group in parts: by the map that events of a kind have, and by whether they were asked for."""
        contexts = self._shapes.contexts
        general = contexts.root("", "")
        plan = self._shapes.plan(group, general)
        if plan is None:
            self.odd[group.instances.record] = True
            return []
        which, keys = together([self._named(group, plan, column=column) for column in _NAMED])
        parts: dict[tuple[int, bool], list[int]] = {}
        for number, (provider, channel, event_id) in enumerate(keys):
            kind = (channel or "", event_id or "")
            context = contexts.root(*kind) if kind in specific() else general
            parts.setdefault((context, self._asked.wants(provider, event_id)), []).append(number)
        if len(parts) == 1:
            ((context, wanted),) = parts
            return [(group, context, wanted)]
        return [(group.some(np.isin(which, numbers)), *kind) for kind, numbers in parts.items()]

    def _named(self, group: Group, plan: Plan, *, column: str) -> Coded:
        """The texts of a column of `events` in all records of a group; of several leaves the last one."""
        leaves = [leaf for leaf in plan.leaves if self._shapes.contexts.targets[leaf.target].column == column]
        count = len(group.kind)
        if not leaves:
            return absent(count)
        if leaves[-1].text is not None:
            return per_row(np.zeros(count, "int64"), [leaves[-1].text])
        words = Words(self._block)
        codes = codes_of(self._block, group, slot=leaves[-1].slot, words=words, odd=self.odd)
        return Coded(codes, words.all_words())

    def _read_slots(self, group: Group, plan: Plan) -> None:
        """The values of all leaves, as numbers or as texts."""
        payload = min((one.order for one in plan.payloads if self._holds(group, one).any()), default=1 << 30)
        targets = self._shapes.contexts.targets
        columns = [targets[leaf.target].column for leaf in plan.leaves]
        for leaf, column in zip(plan.leaves, columns, strict=True):
            if column and leaf.text is None and columns.count(column) == 1:
                kind = kinds().get((targets[leaf.target].table, column), "text")
                values = numbers_of(self._block, group, slot=leaf.slot, kind=kind)
                if values is not None:
                    record = group.instances.record[is_present(group, leaf.slot)]
                    self._ready.setdefault(column, []).append((record, values))
                    continue
            self._add_leaf(group, leaf, is_before=leaf.order <= payload)

    def _add_leaf(self, group: Group, leaf: Leaf, *, is_before: bool) -> None:
        record, _, begin, end = group.instances
        if leaf.text is None:
            code = codes_of(self._block, group, slot=leaf.slot, words=self._words, odd=self.odd)
        else:
            code = np.repeat(self._words.add_texts([leaf.text]), len(record))
        target = np.full(len(record), leaf.target)
        self._found.add_values(Values(target, record, record, (begin if is_before else end) + leaf.order, code))

    def _holds(self, group: Group, payload: Payload) -> np.ndarray:
        """Which records have a fragment in this slot."""
        if payload.slot >= group.kind.shape[1]:
            return np.zeros(len(group.kind), bool)
        return (group.kind[:, payload.slot] == BINXML) & (group.size[:, payload.slot] > 0)

    def _note_payloads(self, group: Group, plan: Plan, *, wanted: bool) -> None:
        """Where the payloads of a group are. A fragment in a slot that is no payload is left to the slow way."""
        others = group.kind == BINXML
        for payload in plan.payloads:
            holds = self._holds(group, payload)
            if not holds.any():
                continue
            others[:, payload.slot] = False
            some = group.some(holds)
            begin = some.start[:, payload.slot]
            context = np.full(len(begin), payload.context if wanted else self._shapes.contexts.nowhere())
            end = begin + some.size[:, payload.slot]
            self._payloads.append(Payloads(some.instances.record, some.instances.chunk, begin, end, context))
        self.odd[group.instances.record[others.any(axis=1)]] = True

    def _read_payloads(self) -> None:
        """Walk the payloads; those that are forms again are read as such."""
        if not self._payloads:
            return
        payloads = Payloads(*map(np.concatenate, zip(*self._payloads, strict=True)))
        block = self._block
        first = np.where(block.u4[payloads.begin] == _HEADER, payloads.begin + 4, payloads.begin)
        is_form = block.u1[first] == _INSTANCE
        names = NamesOfBlock(block, self._shapes.names)
        walk = Walk(block, self._shapes.contexts, names=names, found=self._found, odd=self.odd)
        walk.through(Payloads(*(values[~is_form] for values in payloads)))
        for context in np.unique(payloads.context[is_form]).tolist():
            mine = is_form & (payloads.context == context)
            record, chunk, begin, end, _ = (values[mine] for values in payloads)
            inner = Instances(record, chunk, begin, end)
            for group in self._shapes.templates.groups(block, inner, odd=self.odd):
                self._read_inner(group, context)

    def _read_inner(self, group: Group, context: int) -> None:
        self.odd[group.instances.record[(group.kind == BINXML).any(axis=1)]] = True
        if context == self._shapes.contexts.nowhere():
            return
        plan = self._shapes.plan(group, context, inside=True)
        if plan is None:
            self.odd[group.instances.record] = True
        else:
            self._read_slots(group, plan)

    def tables(self, *, offset: int) -> Batch | None:
        """The tables of the events that were asked for; None if there are none. `offset`: where the block begins in its file."""
        values = self._found.values()
        words = self._words.all_words()
        self.odd[values.record[self._words.is_odd()[values.code]]] = True
        keep = self.wanted & ~self.odd
        if not keep.any():
            return None
        number = np.cumsum(keep) - 1
        values = values.some(keep[values.record])
        tables = {name: self._rows(name, values, words=words, number=np.where(keep, number, -1)) for name in TABLES}
        at, written = self._records.at[keep], self._records.written[keep]
        since = written - np.uint64(EARLIEST)
        valid = (written > EARLIEST) & (since < (1 << 62) // 100)
        stamps = np.where(valid, since.astype("int64") * 100, _NAT)
        asked = {name: rows for name, rows in tables.items() if name in self._tables or name == "events"}
        return as_batch(asked, offsets=offset + at, written=stamps)

    def _rows(self, table: str, values: Values, *, words: pa.LargeStringArray, number: np.ndarray) -> Rows:
        """The rows of one table. `number`: that of each record's event, -1 if it is not kept."""
        contexts = self._shapes.contexts
        mine = values.some(np.array([target.table == table for target in contexts.targets], bool)[values.target])
        if table == "events":
            owners, taken = np.arange(number.max() + 1), {}
            mine = mine._replace(row=number[mine.record])
            ready = {column: self._ready_column(column, parts, number) for column, parts in self._ready.items()}
        else:
            record, at, context = self._found.rows(table)
            order = np.flatnonzero(number[record] >= 0)
            order = order[np.argsort(at[order], kind="stable")]
            final = np.full(len(record), NONE)
            final[order] = np.arange(len(order))
            owners, taken = number[record[order]], self._constants(context[order])
            mine = mine._replace(row=final[mine.row])
            ready = {}
        made = TableColumns(mine, count=len(owners), words=words, contexts=contexts)
        texts = made.texts(taken, ready={name: known for name, (_, known) in ready.items()}, extra=self._extra)
        if HEADER in texts:
            split_headers(texts, count=len(owners))
        return Rows(texts, owners, {name: column for name, (column, _) in ready.items()})

    def _constants(self, context: np.ndarray) -> dict[str, Coded]:
        """The cells of rows that follow from the contexts that opened them."""
        which, found = np.unique(context), {}
        constants = [self._shapes.contexts.constants(one) for one in which.tolist()]
        for column in dict.fromkeys(column for one in constants for column in one):
            found[column] = per_row(np.searchsorted(which, context), [one.get(column) for one in constants])
        return found

    def _ready_column(
        self, column: str, parts: list[tuple[np.ndarray, np.ndarray]], number: np.ndarray
    ) -> tuple[Column, np.ndarray]:
        """A column of numbers or times, and in which rows it is known."""
        known = np.zeros(int(number.max()) + 1, bool)
        values = np.zeros(len(known), "int64")
        for record, found in parts:
            keep = number[record] >= 0
            values[number[record[keep]]] = found[keep]
            known[number[record[keep]]] = True
        if kinds()["events", column] == "time":
            return instants(np.where(known, values, _NAT)), known
        return masked(values, ~known, dtype="Int64"), known
