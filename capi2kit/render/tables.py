"""Tables: a table of a section on a terminal of any width. `rich` draws it; here it is decided what fits.

No line is wider than the terminal, and no column narrower than its longest word, or 16 where that is a path or an address. Where the
columns do not fit side by side, those that may be left out are; where even that is too wide, each row is a few lines one below the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from io import StringIO
from typing import Literal

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from capi2kit.render.parts import Column, Table
from capi2kit.writer import plain

GAP = 2
LEAST = 16  # a column is never narrower, unless all in it is
_EASY = 28  # so wide a column is easy to read: what can be spared is left out for it
_WORD = 32  # a word of letters longer than this is cut like an address
_PARTS = tuple(
    map(re.compile, (r"(?<=[/\\?&,;|])", r"(?<=[._\-=:@+])"))
)  # where an address or a path may be cut, the best place first
_NAMED = re.compile(r"[/\\.\-?&=,;:@|+\d]")
_INDENT = "  "
_ROWS = 1000  # drawn at once


def print_table(table: Table, *, console: Console, encoding: str | None = None, even: bool = False) -> None:
    """Print a table so that it fits the console; `even`: rather leave columns out than give a row several lines."""
    shown = [[plain(cell, encoding) for cell in row] for row in table.rows]
    headings = [plain(column.heading, encoding) for column in table.columns]
    chosen, widths = fit(table.columns, [headings, *shown], width=console.width, even=even)
    if not widths:
        for lines in stacked(headings, shown, chosen=chosen, width=console.width):
            for place, line in enumerate(lines):
                console.print(Text(line, style="" if place else "bold", no_wrap=True, overflow="ignore"), crop=False)
        return
    for first in range(0, max(len(shown), 1), _ROWS):
        grid = Grid(box=None, pad_edge=False, padding=(0, GAP, 0, 0), show_header=not first, header_style="dim")
        for i, size in zip(chosen, widths, strict=True):
            side: Literal["right", "left"] = "right" if table.columns[i].number else "left"
            grid.add_column(Text("\n".join(fold(headings[i], size))), width=size, justify=side, no_wrap=True)
        for row in shown[first : first + _ROWS]:
            grid.add_row(*(Text("\n".join(fold(row[i], size))) for i, size in zip(chosen, widths, strict=True)))
        _print_bare(grid, console)


def table_lines(table: Table, *, width: int) -> list[str]:
    """A table as lines of text."""
    file = StringIO()
    print_table(
        table,
        console=Console(
            file=file, width=width, highlight=False, markup=False, emoji=False, no_color=True, force_jupyter=False
        ),
    )
    return file.getvalue().splitlines()


def _print_bare(grid: Grid, console: Console) -> None:
    """Print a grid without the blanks at the ends of its lines."""
    for line in console.render_lines(grid, pad=False):
        text = Text.assemble(*((part.text, part.style or "") for part in line), no_wrap=True, overflow="ignore")
        text.rstrip()
        console.print(text, crop=False)


def fit(
    columns: Sequence[Column], lines: Sequence[Sequence[str]], *, width: int, even: bool = False
) -> tuple[list[int], list[int]]:
    """Which columns to show, and how wide each is; no widths if they do not fit side by side."""
    chosen = [i for i, column in enumerate(columns) if column.brief]
    natural = {i: max(cell_len(line[i]) for line in lines) for i in chosen}
    least = {i: _least(columns[i], [line[i] for line in lines], natural=natural[i]) for i in chosen}
    easy = natural if even else {i: max(least[i], min(natural[i], _EASY)) for i in chosen}
    while sum(easy[i] for i in chosen) + GAP * (len(chosen) - 1) > width:
        spare = [i for i in chosen if columns[i].spare]
        if not spare:
            break
        chosen.remove(max(spare, key=lambda i: columns[i].spare))
    if sum(least[i] for i in chosen) + GAP * (len(chosen) - 1) > width:
        return [i for i, column in enumerate(columns) if column.brief], []
    widths = {i: natural[i] for i in chosen}
    room = width - GAP * (len(chosen) - 1)
    while (over := sum(widths.values()) - room) > 0:
        widest = max((i for i in chosen if widths[i] > least[i]), key=lambda i: widths[i])
        others = [widths[i] for i in chosen if i != widest and widths[i] > least[i]]
        next_one = max(others, default=0)
        widths[widest] = max(least[widest], widths[widest] - max(1, min(over, widths[widest] - next_one)))
    return chosen, [widths[i] for i in chosen]


def _least(column: Column, cells: Sequence[str], *, natural: int) -> int:
    """The width below which a column cannot be read."""
    if column.number or column.whole:
        return natural
    words = {word for cell in cells for word in cell.split()}
    longest = max(map(_need, words), default=0)
    return min(natural, max(longest, 1))


def _need(word: str) -> int:
    size = cell_len(word)
    return min(size, LEAST) if size > _WORD or _NAMED.search(word) else size


def fold(text: str, width: int) -> list[str]:
    """The text in lines of at most so many cells: between words, else in a path or an address behind a sign, else anywhere."""
    lines, line = [], ""
    for word in text.split(" "):
        for place, piece in enumerate(_pieces(word, width)):
            glue = " " if line and not place else ""
            if line and cell_len(line) + len(glue) + cell_len(piece) > width:
                lines.append(line)
                line, glue = "", ""
            line += glue + piece
    return [*lines, line]


def _pieces(word: str, width: int, *, level: int = 0) -> Iterator[str]:
    """A word, whole if it fits; else in pieces that do: cut behind its signs, else anywhere."""
    if cell_len(word) <= width:
        yield word
    elif level < len(_PARTS):
        for part in _PARTS[level].split(word):
            yield from _pieces(part, width, level=level + 1)
    else:
        piece = ""
        for char in word:
            if piece and cell_len(piece) + cell_len(char) > width:
                yield piece
                piece = ""
            piece += char
        yield piece


def stacked(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, chosen: Sequence[int], width: int
) -> Iterator[list[str]]:
    """Each row as lines one below the other: its first cell, then what the others are called and say."""
    for row in rows:
        first, *rest = chosen
        lines = fold(row[first], width)
        for i in rest:
            if row[i].strip():
                folded = fold(f"{headings[i]}: {row[i]}", width - 2 * len(_INDENT))
                lines += [(_INDENT if not place else 2 * _INDENT) + line for place, line in enumerate(folded)]
        yield lines
