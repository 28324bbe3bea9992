"""Parts: what a report is made of, before any output gives it a form.

A section is a title, some sentences, a table whose rows cite events, cards, a tree to open, and perhaps a chart that is drawn only
when somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from capi2kit.words import ABSENT


@dataclass(frozen=True)
class Column:
    """How a column is shown: numbers go to the right, `brief` ones on a terminal, too, `whole` ones in one line, `long` ones wrap.

    `spare`: where a terminal is too narrow for all, columns with the highest number are left out first; 0: never. `badge`: its words
    are severities or verdicts, which have a colour. `prose`: sentences, which need room.
    """

    heading: str
    number: bool = False
    brief: bool = True
    whole: bool = False
    long: bool = False
    spare: int = 0
    badge: bool = False
    prose: bool = False


@dataclass(frozen=True)
class Table:
    """Cells as text, and the events that each row is based on; `number`: that of the table in its report, 0: not numbered."""

    columns: list[Column]
    rows: list[list[str]]
    events: list[list[int]] = field(default_factory=list)
    number: int = 0

    def filled(self) -> Table:
        """Without the columns in which no row says anything, the first one aside."""
        said = [not i or any(row[i] not in ("", ABSENT) for row in self.rows) for i in range(len(self.columns))]
        kept = [i for i, one in enumerate(said) if one]
        columns, rows = [self.columns[i] for i in kept], [[row[i] for i in kept] for row in self.rows]
        return replace(self, columns=columns, rows=rows)


@dataclass(frozen=True)
class Chart:
    """A chart that is not drawn yet: `draw` returns Axes; `number`: that of the exhibit in its report, 0: not numbered."""

    name: str
    caption: str
    draw: Callable[[], Any]
    number: int = 0


@dataclass(frozen=True)
class Line:
    """A line of a card: a sentence, or a command to copy."""

    text: str
    command: bool = False


@dataclass(frozen=True)
class Block:
    """A piece of running text; `kind`: heading, text, item (of a list) or code."""

    kind: str
    text: str


@dataclass(frozen=True)
class Card:
    """A title with a mark, and aspects, each with its lines; `name`: by which it is linked to; `printed`: on paper, too."""

    name: str
    title: str
    mark: str
    aspects: list[tuple[str, list[Line]]]
    printed: bool = True


@dataclass(frozen=True)
class Node:
    """A line that opens: what it is and its seconds; below it more of them, and at the end bars: left and length in parts of 1."""

    title: str
    figure: str
    inner: list[Node] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)


@dataclass(frozen=True)
class Bar:
    """A bar of a waterfall: where it begins and its length, in parts of 1; `kind`: wait, bounded, searched, answered or check."""

    title: str
    figure: str
    left: float
    length: float
    kind: str
    event: int | None = None


@dataclass(frozen=True)
class Section:
    """One part of a report; `folded`: closed until it is opened; `printed`: on paper, too."""

    name: str
    title: str
    prose: list[str] = field(default_factory=list)
    table: Table | None = None
    charts: list[Chart] = field(default_factory=list)
    cards: list[Card] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    folded: bool = False
    printed: bool = True


def drawn(name: str, *args: Any, **options: Any) -> Callable[[], Any]:
    """A chart to draw later, by the name of its function."""

    def draw() -> Any:
        from capi2kit import charts

        return getattr(charts, name)(*args, **options)

    return draw
