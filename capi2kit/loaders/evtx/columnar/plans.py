"""Plans: what to do with the slots of a form: to which target each value goes, and where the payload is.

A form is walked once by the rules of `data/fields.csv`, as `winevent.walk` does with one event. A form in which a slot means
something that depends on more than its place has no plan; its records are left to the slow way.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from capi2kit.binxml import Instance, Node, Slot, Template
from capi2kit.loaders.evtx.columnar.names import UNKNOWN, Names
from capi2kit.winevent.contexts import NOTHING, Contexts


class Leaf(NamedTuple):
    """A value of a form: its target, and its slot, or its text if that is the same for all records."""

    target: int
    slot: int
    text: str | None
    order: int


class Payload(NamedTuple):
    """A slot that holds a fragment, and the context of the element that it is in."""

    slot: int
    context: int
    order: int


class Plan(NamedTuple):
    """What the slots of a form are."""

    leaves: list[Leaf]
    payloads: list[Payload]

    def signature(self) -> tuple[object, ...]:
        """What makes two plans the same, but for their texts."""
        leaves = tuple((leaf.target, leaf.slot, leaf.text is None, leaf.order) for leaf in self.leaves)
        return leaves, tuple(self.payloads)


class _NoPlanError(Exception):
    """The form is left to the slow way."""


def plan_of(template: Template, context: int, *, inside: bool = False, contexts: Contexts, names: Names) -> Plan | None:
    """The plan of a form that has this context, or is inside an element that has it; None if the form has none."""
    walk = _FormWalk(contexts, names)
    try:
        (root,) = template.roots
        if inside:
            walk.into_children([root], context)
        else:
            walk.into(root, context)
    except (_NoPlanError, ValueError):
        return None
    return Plan(walk.leaves, walk.payloads)


class _FormWalk:
    def __init__(self, contexts: Contexts, names: Names) -> None:
        self.contexts = contexts
        self.names = names
        self.leaves: list[Leaf] = []
        self.payloads: list[Payload] = []
        self._order = 0

    def into(self, node: Node, context: int) -> None:
        """Walk one element of this context."""
        if self.contexts.is_unclear(np.array([context]))[0] or self.contexts.opens[context]:
            raise _NoPlanError
        met: list[str] = []
        for name, parts in node.attributes:
            if name in met:
                raise _NoPlanError
            met.append(name)
            self._leaf(self._looked_up(self.contexts.attributes, context, name=name), parts)
        children = [part for part in node.parts if isinstance(part, Node)]
        rest = [part for part in node.parts if isinstance(part, str | Slot)]
        if any(isinstance(part, Instance) for part in node.parts) or (children and rest):
            raise _NoPlanError
        if len(node.parts) == 1 and rest and isinstance(rest[0], Slot):
            self.payloads.append(Payload(rest[0].number, context, self._order))
        self._leaf(int(self.contexts.texts(np.array([context]))[0]), rest)
        self.into_children(children, context)

    def into_children(self, children: list[Node], context: int) -> None:
        """Walk the elements in an element of this context."""
        met = set()
        for child in children:
            inner = self._looked_up(self.contexts.children, context, name=child.name)
            if inner == NOTHING:
                raise _NoPlanError
            tag = int(self.contexts.tags(np.array([inner]))[0])
            if tag != NOTHING:
                self._leaf(tag, [child.name])
            if inner in met:
                inner = int(self.contexts.again(np.array([inner]))[0])
            met.add(inner)
            self.into(child, inner)

    def _looked_up(self, table: object, context: int, *, name: str) -> int:
        number = self.names.number(name)
        if number == UNKNOWN:
            raise _NoPlanError
        self.contexts.make_room()
        return int(table(np.array([context]), np.array([number]))[0])  # type: ignore[operator]

    def _leaf(self, target: int, parts: list[str | Slot]) -> None:
        """A value of one slot, or of texts only."""
        self._order += 1
        if not parts or target == NOTHING:
            return
        if all(isinstance(part, str) for part in parts):
            self.leaves.append(Leaf(target, -1, "".join(map(str, parts)), self._order))
        elif len(parts) == 1 and isinstance(parts[0], Slot):
            self.leaves.append(Leaf(target, parts[0].number, None, self._order))
        else:
            raise _NoPlanError
