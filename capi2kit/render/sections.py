"""Sections: the content of every report, once. Outputs turn them into a terminal page, HTML and so on.

A section is a title, some sentences, a table whose rows cite events, and
perhaps a chart that is drawn only when somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from capi2kit.analysis import Analysis


@dataclass(frozen=True)
class Column:
    """How a column is shown: numbers go to the right, `brief` ones on a terminal, too, `whole` ones uncut, `long` ones wrap."""

    heading: str
    number: bool = False
    brief: bool = True
    whole: bool = False
    long: bool = False


@dataclass(frozen=True)
class Table:
    """Cells as text, and the events that each row rests on."""

    columns: list[Column]
    rows: list[list[str]]
    events: list[list[int]] = field(default_factory=list)


@dataclass(frozen=True)
class Chart:
    """A picture to be: `draw` returns Axes."""

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


def tell(analysis: Analysis, *, tz: str = "UTC", only: Collection[str] | None = None) -> list[Section]:
    """The sections of a report on one analysis, the answer first; `only` names those wanted."""
    from capi2kit.render import inventory, reds, timing

    makers: dict[str, Callable[[], Section | None]] = {
        "answer": lambda: timing.answer(analysis),
        "startups": lambda: timing.startups(analysis, tz=tz),
        "ledger": lambda: timing.ledger(analysis),
        "waits": lambda: timing.waits(analysis, tz=tz),
        "targets": lambda: timing.targets(analysis),
        "reds": lambda: reds.reds(analysis),
        "coverage": lambda: inventory.coverage(analysis, tz=tz),
        "evidence": lambda: inventory.evidence(analysis),
        "operations": lambda: inventory.operations(analysis),
        "problems": lambda: inventory.problems(analysis),
        "method": lambda: inventory.method(analysis),
    }
    parts = [make() for name, make in makers.items() if only is None or name in only]
    return [part for part in parts if part]
