"""Forms: what the forms of the records of one block say: their System values, which kind of event each is, and where its payload is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from capi2kit.binxml.values import BINXML
from capi2kit.columns.coded import Coded, absent, per_row, together
from capi2kit.loaders.evidence import Asked
from capi2kit.loaders.evtx.columnar.block import Block
from capi2kit.loaders.evtx.columnar.found import Found, Values
from capi2kit.loaders.evtx.columnar.fragments import Payloads
from capi2kit.loaders.evtx.columnar.names import Names
from capi2kit.loaders.evtx.columnar.plans import Plan, plan_of
from capi2kit.loaders.evtx.columnar.slots import codes_of, is_present, numbers_of
from capi2kit.loaders.evtx.columnar.templates import Group, Instances, Templates
from capi2kit.loaders.evtx.columnar.words import Words
from capi2kit.winevent.contexts import Contexts
from capi2kit.winevent.places import kinds, specific

_MOST = 4000  # contexts, and forms
_NAMED = ("provider", "channel", "event_id")


class Shapes:
    """What was learned of names, forms and contexts: it is the same in all logs."""

    def __init__(self) -> None:
        self.names = Names()
        self.contexts = Contexts(self.names.texts)
        self.templates = Templates()
        self._plans: dict[tuple[int, int, frozenset[str] | None], Plan | None] = {}

    def is_full(self) -> bool:
        """Whether it is better to start anew: a hostile log has ever new names."""
        return self.names.is_full() or max(len(self.contexts), len(self.templates.forms)) > _MOST

    def plan(self, form: int, context: int, *, inside: frozenset[str] | None = None) -> Plan | None:
        """The plan of a form in this context; see `plan_of`."""
        key = (form, context, inside)
        if key not in self._plans:
            template = self.templates.forms[form]
            self._plans[key] = plan_of(template, context, inside=inside, contexts=self.contexts, names=self.names)
        return self._plans[key]


class Planned(NamedTuple):
    """Instances that have one plan but for the texts of their forms. `texts[i]` are those of leaf `i`, `which` says for each instance
    which of them."""

    group: Group
    plan: Plan
    which: np.ndarray
    texts: list[list[str | None]]


class FormReader:
    """Reads the forms of one block. `odd` becomes true for records left to the slow way, `wanted` for those that were asked for."""

    def __init__(
        self, block: Block, shapes: Shapes, *, asked: Asked, found: Found, odd: np.ndarray, wanted: np.ndarray
    ) -> None:
        self.payloads: list[tuple[Payloads, frozenset[str]]] = []
        self._block = block
        self._shapes = shapes
        self._asked = asked
        self._found = found
        self._odd = odd
        self._wanted = wanted

    def read(self, instances: Instances) -> None:
        """The forms of the records."""
        for group in self._shapes.templates.groups(self._block, instances, odd=self._odd):
            for some, context, wanted in self._by_kind(group):
                for planned in self._planned(some, context):
                    self._wanted[planned.group.instances.record] = wanted
                    self._note_payloads(planned, wanted=wanted)
                    if wanted:
                        self._read_slots(planned, inside=False)

    def read_inner(self, instances: Instances, context: int, *, beside: frozenset[str]) -> None:
        """Forms that are payloads, in elements of this context, beside those with these names."""
        for group in self._shapes.templates.groups(self._block, instances, odd=self._odd):
            self._odd[group.instances.record[(group.kind == BINXML).any(axis=0)]] = True
            if context != self._shapes.contexts.nowhere():
                for planned in self._planned(group, context, inside=beside):
                    self._read_slots(planned, inside=True)

    def _planned(self, group: Group, context: int, *, inside: frozenset[str] | None = None) -> Iterator[Planned]:
        """The group by plan. Forms that differ in texts only go together; those without a plan are left to the slow way."""
        forms = np.flatnonzero(np.bincount(group.form)).tolist()
        plans = {form: self._shapes.plan(form, context, inside=inside) for form in forms}
        alike: dict[object, list[int]] = {}
        for form, plan in plans.items():
            if plan is None:
                self._odd[group.instances.record[group.form == form]] = True
            else:
                alike.setdefault(plan.signature(), []).append(form)
        for several in alike.values():
            number = np.zeros(max(forms) + 1, "int64")
            number[several] = np.arange(len(several))
            some = group if len(several) == len(forms) else group.some(np.isin(group.form, several))
            found = [plans[form] for form in several]
            texts = [[plan.leaves[i].text for plan in found if plan] for i in range(len(found[0].leaves))]  # type: ignore[union-attr]
            yield Planned(some, found[0], number[some.form], texts)  # type: ignore[arg-type]

    def _by_kind(self, group: Group) -> Iterator[tuple[Group, int, bool]]:
        """The group in parts: by the map that events of a kind have, and by whether they were asked for."""
        contexts = self._shapes.contexts
        general = contexts.root("", "")
        for planned in self._planned(group, general):
            which, keys = together([self._named(planned, column) for column in _NAMED])
            parts: dict[tuple[int, bool], list[int]] = {}
            for number, (provider, channel, event_id) in enumerate(keys):
                kind = (channel or "", event_id or "")
                context = contexts.root(*kind) if kind in specific() else general
                parts.setdefault((context, self._asked.wants(provider, event_id)), []).append(number)
            for (context, wanted), numbers in parts.items():
                some = planned.group if len(parts) == 1 else planned.group.some(np.isin(which, numbers))
                yield some, context, wanted

    def _named(self, planned: Planned, column: str) -> Coded:
        """The texts of a column of `events`; of several leaves the last one has it."""
        targets = self._shapes.contexts.targets
        leaves = [i for i, leaf in enumerate(planned.plan.leaves) if targets[leaf.target].column == column]
        if not leaves:
            return absent(len(planned.which))
        leaf = planned.plan.leaves[leaves[-1]]
        if leaf.text is not None:
            return per_row(planned.which, planned.texts[leaves[-1]])
        words = Words()
        codes = codes_of(self._block, planned.group, slot=leaf.slot, words=words, odd=self._odd)
        return Coded(codes, words.all_words())

    def _read_slots(self, planned: Planned, *, inside: bool) -> None:
        """The values of all leaves, as numbers or as texts. `inside`: of a form in a form."""
        group, plan = planned.group, planned.plan
        payload = min((one.order for one in plan.payloads if _holds(group, one.slot).any()), default=1 << 30)
        targets = self._shapes.contexts.targets
        columns = [targets[leaf.target].column for leaf in plan.leaves]
        for i, (leaf, column) in enumerate(zip(plan.leaves, columns, strict=True)):
            first = not inside and columns.count(column) == 1 and leaf.order <= payload
            if first and column and leaf.text is None:
                kind = kinds().get((targets[leaf.target].table, column), "text")
                values = numbers_of(self._block, group, slot=leaf.slot, kind=kind)
                if values is not None:
                    record = group.instances.record[is_present(group, leaf.slot)]
                    self._found.add_numbers(column, record, values=values)
                    continue
            code = self._codes(planned, i)
            if first and column and targets[leaf.target].table == "events":
                self._found.add_cells(column, group.instances.record, code=code)
            else:
                record, _, begin, end = group.instances
                at = (begin if leaf.order <= payload else end) + leaf.order
                self._found.add_values(Values(np.full(len(record), leaf.target), record, at, code))

    def _codes(self, planned: Planned, number: int) -> np.ndarray:
        """The texts of a leaf by its number."""
        leaf = planned.plan.leaves[number]
        if leaf.text is not None:
            return self._found.words.add_texts(planned.texts[number])[planned.which]
        return codes_of(self._block, planned.group, slot=leaf.slot, words=self._found.words, odd=self._odd)

    def _note_payloads(self, planned: Planned, *, wanted: bool) -> None:
        """Where the payloads of a group are. A fragment in a slot that is no payload is left to the slow way."""
        group = planned.group
        others = group.kind == BINXML
        for payload in planned.plan.payloads:
            if payload.beside:
                self._odd[group.instances.record[is_present(group, payload.slot)]] = True  # a text behind elements
            holds = _holds(group, payload.slot)
            if not holds.any():
                continue
            others[payload.slot] = False
            some = group if holds.all() else group.some(holds)
            begin = some.start[payload.slot]
            end = begin + some.size[payload.slot]
            context = np.full(len(begin), payload.context if wanted else self._shapes.contexts.nowhere())
            found = Payloads(some.instances.record, some.instances.chunk, begin, end, context)
            self.payloads.append((found, payload.beside))
        self._odd[group.instances.record[others.any(axis=0)]] = True


def _holds(group: Group, slot: int) -> np.ndarray:
    """Which instances have a fragment in this slot."""
    if slot >= len(group.kind):
        return np.zeros(len(group.form), bool)
    return (group.kind[slot] == BINXML) & (group.size[slot] > 0)
