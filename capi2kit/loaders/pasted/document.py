"""Document: a text as lines, and which loader knows which of them.

A line belongs to one loader at most. Events with their tags or labels are looked for first; then every loader of parts of a text
says which of the other lines are its own. What is left over is prose, or is not understood.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from typing import Protocol

from capi2kit.loaders import PARTS, loader_named
from capi2kit.loaders.pasted.blocks import Block, blocks_in
from capi2kit.loaders.pasted.markup import Place, events_in
from capi2kit.loaders.pasted.messages import with_messages
from capi2kit.loaders.pasted.tables import Table, tables_in
from capi2kit.loaders.pasted.trees import Tree, trees_in

_EMPTY = re.compile(r"[\s\W_]*|\[?\s*(?:\.\.\.|\u2026)\s*\]?")  # lines that say nothing: rules, dots, fences
_SHOWN = 60  # characters of a line in a message


class Loader(Protocol):
    """A loader of parts of a text."""

    NAME: str

    @property
    def own_lines(self) -> Callable[[Sequence[str]], list[range]]:
        """Gives the lines that are its own."""


@dataclass(frozen=True)
class Document:
    """A text after its repair. `parts`: the lines of every loader that has any, by its name."""

    text: str
    parts: dict[str, list[range]] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)
    trees: list[Tree] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    has_events: bool = False

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the text without their ends."""
        return self.text.split("\n")

    @cached_property
    def _begins(self) -> list[int]:
        return [0, *accumulate(len(line) + 1 for line in self.lines)]

    def lines_of(self, places: Iterable[Place]) -> list[range]:
        """The numbers of the lines that places in the text lie in, from 0."""
        return [
            range(bisect_right(self._begins, one.begin) - 1, bisect_right(self._begins, max(one.end - 1, one.begin)))
            for one in places
        ]

    def only(self, lines: Iterable[range]) -> str:
        """The text with blanks in the place of every other line: places and numbers of lines stay the same."""
        kept = {at for one in lines for at in one}
        return "\n".join(line if at in kept else " " * len(line) for at, line in enumerate(self.lines))

    def without(self, lines: Iterable[range]) -> str:
        """The text with blanks in the place of these lines."""
        gone = {at for one in lines for at in one}
        return "\n".join(" " * len(line) if at in gone else line for at, line in enumerate(self.lines))


def divided(text: str) -> Document:
    """A text with its lines divided among the loaders."""
    whole = Document(text)
    events, trees, blocks, tables = events_in(text), trees_in(text), blocks_in(text), tables_in(text)
    taken = whole.lines_of([*events, *trees, *blocks, *tables])
    parts: dict[str, list[range]] = {}
    for name in PARTS:
        left = whole.without(taken).split("\n")
        found = loader_named(name).own_lines(left)
        if found:
            parts[name] = found
            taken += found
    blocks = with_messages(blocks, text, left=whole.without(taken))
    return Document(text, parts, blocks, trees, tables, has_events=bool(events or trees or blocks or tables))


def left_over(document: Document, understood: Iterable[range]) -> list[range]:
    """The lines that nobody understood, as ranges; blank lines between two of them are among them, others are not."""
    known = {at for one in understood for at in one}
    found: list[range] = []
    last = -1
    for at, line in enumerate(document.lines):
        if at in known:
            last = -1
        elif not _EMPTY.fullmatch(line):
            if last >= 0:
                found[-1] = range(found[-1].start, at + 1)
            else:
                found.append(range(at, at + 1))
            last = at
    return found


def named(lines: range, document: Document) -> str:
    """A message about lines that were not understood, with what the first of them says."""
    first = document.lines[lines.start].strip()
    shown = first if len(first) <= _SHOWN else f"{first[:_SHOWN]}…"
    where = f"line {lines.start + 1} was" if len(lines) == 1 else f"lines {lines.start + 1}\u2013{lines.stop} were"
    return f"{where} not understood: {shown!r}"
