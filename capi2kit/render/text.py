"""Text: sections → a page for a terminal. One line per row: long cells are shortened in the middle, unless they fold."""

from __future__ import annotations

import io
import textwrap
from typing import Any

from capi2kit.render.parts import Section, Table
from capi2kit.words import short

WIDTH = 120
_NARROWEST = 8
_GAP = "  "


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
    console = Console(file=file, width=width, highlight=False, markup=False, emoji=False, **options)
    for number, section in enumerate(sections):
        if number:
            console.print()
            console.print(Text(section.title, style="bold"))
        for index, sentence in enumerate(section.prose):
            console.print(Text(sentence, style="bold" if not number and not index else ""))
        if section.table:
            lines = lay_out(section.table, width=console.width)
            console.print(Text(lines[0], style="dim", no_wrap=True, overflow="ignore"), crop=False)
            for line in lines[1:]:
                console.print(Text(line, no_wrap=True, overflow="ignore"), crop=False)


def lay_out(table: Table, *, width: int | None) -> list[str]:
    """The table as lines of at most `width` (None: as wide as they are): brief columns, the widest texts shortened first."""
    from rich.cells import cell_len

    shown = [i for i, column in enumerate(table.columns) if column.brief]
    cells = [[table.columns[i].heading for i in shown], *([row[i] for i in shown] for row in table.rows)]
    widths = [max(cell_len(row[i]) for row in cells) for i in range(len(shown))]
    keep = [table.columns[i].number or table.columns[i].whole for i in shown]
    while width is not None and sum(widths) > width - len(_GAP) * (len(shown) - 1):
        flexible = [i for i in range(len(shown)) if not keep[i] and widths[i] > _NARROWEST]
        if not flexible:
            break
        widest = max(flexible, key=lambda i: widths[i])
        widths[widest] -= 1
    lines = []
    folded = table.columns[shown[-1]].folds
    for row in (part for whole in cells for part in (_folded(whole, widths[-1]) if folded else [whole])):
        texts = [short(text, size) for text, size in zip(row, widths, strict=True)]
        pads = [" " * (size - cell_len(text)) for text, size in zip(texts, widths, strict=True)]
        right = (table.columns[i].number for i in shown)
        lines.append(
            _GAP.join(
                pad + text if number else text + pad for text, pad, number in zip(texts, pads, right, strict=True)
            ).rstrip()
        )
    return lines


def _folded(row: list[str], width: int) -> list[list[str]]:
    """A row as one or more: its last cell, wrapped."""
    first, *rest = textwrap.wrap(row[-1], width) or [""]
    return [[*row[:-1], first], *([*[""] * (len(row) - 1), part] for part in rest)]
