"""Contexts: what `data/fields.csv` says about an element, as numbers, so that a million elements are looked up at once.

A context is a place of the map together with the path under which an element's unknown values are kept. Contexts and names of elements
are numbers; so `children[context, name]` is the context of a child, and `attributes[context, name]` the target of an attribute. What was
not met before is worked out once, by the same rules as `walk`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from capi2kit.winevent.places import Place, places

NOTHING = -1  # no context, or no target
_ASK = -2  # not worked out yet
_STEP = 256


class Target(NamedTuple):
    """Where a value goes: to `column`; or to `names`, if it is "true"; else to `extra` under `path`. In a row of `table`."""

    table: str
    column: str | None
    names: str | None
    path: str | None


class _Context(NamedTuple):
    place: Place
    path: str
    table: str


class Contexts:
    """All contexts met so far, and the targets of their values. Names are those of `names`, by number."""

    def __init__(self, names: list[str]) -> None:
        self.targets: list[Target] = []
        self.opens: list[str] = []  # the table in which an element of this context is a row of its own, or ""
        self.names = names
        self._unclear = np.zeros(_STEP, bool)  # what is in it is left to `walk`
        self._bit = np.zeros(_STEP, "u8")  # its place among its brothers
        self._brothers: dict[int, int] = {}
        self._contexts: list[_Context] = []
        self._numbers: dict[tuple[int, str, str], int] = {}
        self._targets: dict[Target, int] = {}
        self._children = np.full((_STEP, _STEP), _ASK, "int64")
        self._attributes = np.full((_STEP, _STEP), _ASK, "int64")
        self._single = np.full((3, _STEP), NOTHING, "int64")  # text, tag, and the context of a second one

    def __len__(self) -> int:
        return len(self._contexts)

    def root(self, channel: str, event_id: str) -> int:
        """The context of an event of this kind."""
        return self._number(places(channel, event_id), path="", table="events")

    def nowhere(self) -> int:
        """The context of what nobody asked for: nothing in it has a target in any table."""
        return self._number(_NOWHERE, path="", table="")

    def children(self, context: np.ndarray, name: np.ndarray) -> np.ndarray:
        """The contexts of elements with these names in elements of these contexts."""
        return self._looked_up("_children", context, name=name)

    def attributes(self, context: np.ndarray, name: np.ndarray) -> np.ndarray:
        """The targets of attributes with these names of elements of these contexts."""
        return self._looked_up("_attributes", context, name=name)

    def texts(self, context: np.ndarray) -> np.ndarray:
        """The targets of the texts of elements of these contexts."""
        return self._single[0][context]

    def tags(self, context: np.ndarray) -> np.ndarray:
        """The targets of their names."""
        return self._single[1][context]

    def again(self, context: np.ndarray) -> np.ndarray:
        """The contexts of a second element where a first of these contexts was."""
        return self._single[2][context]

    def is_unclear(self, context: np.ndarray) -> np.ndarray:
        """Whether children of these contexts differ by more than their names."""
        return self._unclear[context]

    def bits(self, context: np.ndarray) -> np.ndarray:
        """A bit for each element, another one than those of its brothers, if it has less than 64 kinds of them.

        No bit for one of which a second is read as the first one is.
        """
        return self._bit[context]

    def constants(self, context: int) -> dict[str, str]:
        """The cells that every row opened by an element of this context has."""
        return self._contexts[context].place.constants

    def _looked_up(self, table: str, context: np.ndarray, *, name: np.ndarray) -> np.ndarray:
        known = getattr(self, table)
        found = known.ravel().take(context * known.shape[1] + name)
        ask = found == _ASK
        if ask.any():
            for one, other in sorted(set(zip(context[ask].tolist(), name[ask].tolist(), strict=True))):
                work_out = self._child if table == "_children" else self._attribute
                number = work_out(one, self.names[other])
                getattr(self, table)[one, other] = number
            found = getattr(self, table)[context, name]
        return found

    def make_room(self) -> None:
        """Let the tables have a column for every name there is. To be called when names were added."""
        while self._children.shape[1] < len(self.names):
            for table in ("_children", "_attributes"):
                more = np.full((len(getattr(self, table)), _STEP), _ASK, "int64")
                setattr(self, table, np.hstack([getattr(self, table), more]))

    def _number(self, place: Place, *, path: str, table: str) -> int:
        key = (id(place), path, table)
        known = self._numbers.get(key)
        if known is not None:
            return known
        number = self._numbers[key] = len(self._contexts)
        self._contexts.append(_Context(place, path, table))
        self.opens.append(place.table or "")
        if number == len(self._children):
            for name in ("_children", "_attributes"):
                more = np.full((_STEP, getattr(self, name).shape[1]), _ASK, "int64")
                setattr(self, name, np.vstack([getattr(self, name), more]))
            self._single = np.hstack([self._single, np.full((3, _STEP), NOTHING, "int64")])
            self._unclear = np.concatenate([self._unclear, np.zeros(_STEP, bool)])
            self._bit = np.concatenate([self._bit, np.zeros(_STEP, "u8")])
        self._unclear[number] = place.indexed or place.labelled
        self._single[2, number] = number
        self._single[0, number] = self._target(Target(table, place.text, None, path))
        return number

    def _target(self, target: Target) -> int:
        known = self._targets.get(target)
        if known is None:
            known = self._targets[target] = len(self.targets)
            self.targets.append(target)
        return known

    def _child(self, context: int, name: str) -> int:
        return NOTHING if ":" in name else self._below(context, name, step=name)

    def child_of_form(self, context: int, name: str, *, label: str | None, place: int) -> int:
        """The context of an element of a form, where also its label and its place among those of its name are known."""
        if ":" in name:
            return NOTHING
        above = self._contexts[context].place
        step = f"{name}[{place}]" if above.indexed else name
        labelled = f"{name}[{label}]"
        return self._below(context, name, step=labelled if above.labelled and labelled in above.children else step)

    def has_labels(self, context: int) -> bool:
        """Whether labels tell apart what is in elements of this context."""
        return self._contexts[context].place.labelled

    def is_label(self, context: int, text: str) -> bool:
        """Whether a label is said by the path of a context already."""
        return self._contexts[context].path.endswith(f"[{text}]")

    def _below(self, context: int, name: str, *, step: str) -> int:
        """The context of the element that is `step` in elements of this one; those of a second one and of its name are made with it."""
        above = self._contexts[context]
        known = above.place.children
        below = known.get(step) or known.get(name) or known.get("*") or _NOWHERE
        path = f"{above.path}/{step}" if above.path else step
        table, inside = (below.table, "") if below.table else (above.table, path)
        number = self._number(below, path=inside, table=table)
        says_nothing = not (below.children or below.attributes or below.names or below.text or below.tag)
        same = below.table or says_nothing
        second = number if same else self._number(below.again(), path=inside, table=table)
        self._single[2, number] = second
        if second != number and not self._bit[number]:
            brothers = self._brothers[context] = self._brothers.get(context, 0) + 1
            self._bit[number] = 1 << min(brothers - 1, 63)
        if below.tag:
            self._single[1, [number, second]] = self._target(Target(above.table, below.tag, None, None))
        return number

    def _attribute(self, context: int, name: str) -> int:
        if name == "xmlns" or ":" in name:
            return NOTHING
        above = self._contexts[context]
        return self._target(
            Target(above.table, above.place.attributes.get(name), above.place.names, f"{above.path}@{name}")
        )


_NOWHERE = Place()
