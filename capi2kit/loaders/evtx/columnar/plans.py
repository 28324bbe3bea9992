"""Plans: what to do with the slots of a form: to which target each value goes, and where the payload is.

A form is walked once by the rules of `data/fields.csv`, as `winevent.walk` does with one event. A form in which a slot means
something that depends on more than its place has no plan; its records are left to the slow way.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np

from capi2kit.binxml import Instance, Node, Slot, Template
from capi2kit.loaders.evtx.columnar.names import UNKNOWN, Names
from capi2kit.winevent.contexts import NOTHING, Contexts
from capi2kit.winevent.walk import LABEL


class Leaf(NamedTuple):
    """A value of a form: its target, and its slot, or its text if that is the same for all records."""

    target: int
    slot: int
    text: str | None
    order: int


class Payload(NamedTuple):
    """A slot that holds a fragment, and the context of the element that it is in; the names of the elements `beside` it, which the
    fragment must not have, for a second element of a name is read otherwise."""

    slot: int
    context: int
    order: int
    beside: frozenset[str] = frozenset()


_BEHIND = 1 << 20  # order of a payload that follows elements


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


def plan_of(
    template: Template, context: int, *, inside: frozenset[str] | None = None, contexts: Contexts, names: Names
) -> Plan | None:
    """The plan of a form that has this context, or is inside an element that has it, beside others; None if the form has none.

    `inside`: the names of those others, none of which it may have.
    """
    walk = _FormWalk(contexts, names)
    try:
        (root,) = template.roots
        if inside is not None:
            if root.name in inside:
                return None
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
        if self.contexts.opens[context]:
            raise _NoPlanError
        met: list[str] = []
        for name, parts in node.attributes:
            if name in met:
                raise _NoPlanError
            met.append(name)
            if name != LABEL or not self.contexts.is_label(context, _text_of(parts) or ""):
                self._leaf(self._looked_up(self.contexts.attributes, context, name=name), parts)
        children = [part for part in node.parts if isinstance(part, Node)]
        rest = [part for part in node.parts if isinstance(part, str | Slot)]
        if any(isinstance(part, Instance) for part in node.parts) or (children and len(rest) > 1):
            raise _NoPlanError
        if len(rest) == 1 and isinstance(rest[0], Slot):
            if children and node.parts[-1] is not rest[0]:
                raise _NoPlanError  # elements behind it
            beside = frozenset(child.name for child in children)
            self.payloads.append(Payload(rest[0].number, context, self._order + _BEHIND * bool(children), beside))
        elif children and rest:
            raise _NoPlanError
        if not children:
            self._leaf(int(self.contexts.texts(np.array([context]))[0]), rest)
        self.into_children(children, context)

    def into_children(self, children: list[Node], context: int) -> None:
        """Walk the elements in an element of this context."""
        met, places = set(), Counter[str]()
        for child in children:
            if self.names.number(child.name) == UNKNOWN:
                raise _NoPlanError
            self.contexts.make_room()
            places[child.name] += 1
            label = next((_text_of(parts) for name, parts in child.attributes if name == LABEL), None)
            named = any(name == LABEL for name, _ in child.attributes)
            if label is None and named and self.contexts.has_labels(context):
                raise _NoPlanError  # what it is depends on a value
            inner = self.contexts.child_of_form(context, child.name, label=label, place=places[child.name])
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


def _text_of(parts: list[str | Slot]) -> str | None:
    """The text of an attribute; None if a value is in it."""
    return "".join(map(str, parts)) if all(isinstance(part, str) for part in parts) else None
