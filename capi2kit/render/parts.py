"""Parts: what a report is made of, before any output gives it a form.

A section is a title, some sentences, a table whose rows cite events, and
perhaps a chart that is drawn only when somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Column:
    """How a column is shown: numbers go to the right, `brief` ones on a terminal, too, `whole` ones uncut, `long` ones wrap.

    `folds`: wraps on a terminal, too; for the last column only.
    """

    heading: str
    number: bool = False
    brief: bool = True
    whole: bool = False
    long: bool = False
    folds: bool = False


@dataclass(frozen=True)
class Table:
    """Cells as text, and the events that each row is based on."""

    columns: list[Column]
    rows: list[list[str]]
    events: list[list[int]] = field(default_factory=list)


@dataclass(frozen=True)
class Chart:
    """A chart that is not drawn yet: `draw` returns Axes."""

    name: str
    caption: str
    draw: Callable[[], Any]


@dataclass(frozen=True)
class Section:
    """One part of a report."""

    name: str
    title: str
    prose: list[str] = field(default_factory=list)
    table: Table | None = None
    charts: list[Chart] = field(default_factory=list)
