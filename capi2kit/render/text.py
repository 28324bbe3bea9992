"""Text: sections → a page for a terminal. Tables show their key columns; control characters are made visible."""

from __future__ import annotations

import io
from typing import Any

from capi2kit.render.sections import Section, Table

WIDTH = 120


def render(sections: list[Section], **_: Any) -> bytes:
    """The page as UTF-8 bytes, without colour."""
    page = io.StringIO()
    write(sections, file=page, width=WIDTH, color=False)
    return page.getvalue().encode("utf-8")


def write(sections: list[Section], *, file: Any, width: int | None = None, color: bool | None = None) -> None:
    """Print sections to an open text file; `color` None leaves it to the terminal and NO_COLOR."""
    from rich.console import Console
    from rich.text import Text

    options: dict[str, Any] = {} if color is None else {"no_color": not color}
    console = Console(file=file, width=width, highlight=False, markup=False, emoji=False, soft_wrap=False, **options)
    for number, section in enumerate(sections):
        if number:
            console.print()
            console.print(Text(section.title, style="bold"))
        for index, sentence in enumerate(section.prose):
            console.print(Text(sentence, style="bold" if not number and not index else ""))
        if section.table:
            console.print(_table(section.table))


def _table(table: Table) -> Any:
    from rich import box
    from rich.table import Table as Grid
    from rich.text import Text

    shown = [i for i, heading in enumerate(table.headings) if not table.brief or heading in table.brief]
    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for i in shown:
        right = table.headings[i] in table.right
        grid.add_column(Text(table.headings[i]), justify="right" if right else "left", no_wrap=right, overflow="fold")
    for row in table.rows:
        grid.add_row(*(Text(row[i]) for i in shown))
    return grid
