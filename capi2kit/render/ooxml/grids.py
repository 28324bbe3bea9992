"""Grids: tables of a report in Word: a first row repeated on each page, rows that are not cut, widths by what is in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from docx.enum.table import WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Emu, Pt, RGBColor

from capi2kit.render.ooxml.fields import xml_text
from capi2kit.render.ooxml.styles import paragraph_style, table_style
from capi2kit.render.parts import Column

_SHADE = "EDF1F5"
_COLORS = {"high": "9C1C1C", "failed": "9C1C1C", "never": "9C1C1C", "medium": "8A5A00", "low": "3D5A80"}
_MOST_CHARS = 60
_NORMAL = 7.5  # points
_PER_POINT = 12700 * 0.56  # EMU of an average character of one point
_BESIDE = 2.2  # characters: the margins of a cell
_PROSE_CHARS = 90
_SMALL = 6.5
_MANY = 5
_CROWDED = 8  # columns from which on the letters are smaller


def add_grid(document: Any, columns: Sequence[Column], *, rows: Sequence[Sequence[str]], width: int) -> None:
    """A table as wide as `width` (EMU). Sentences beside many columns get a line of their own below their row."""
    below = [place for place, column in enumerate(columns) if column.prose and len(columns) >= _MANY]
    beside = [place for place in range(len(columns)) if place not in below]
    shown = [columns[place] for place in beside]
    cells = [[row[place] for place in beside] for row in rows]
    widths = _widths(shown, cells, width=width)
    grid = _new_grid(document, widths)
    style = paragraph_style(document, "Capi2kit Cell")
    size = Pt(_SMALL) if len(shown) >= _CROWDED else None
    _keep_row(grid.rows[0], repeated=True)
    for cell, column in zip(grid.rows[0].cells, shown, strict=True):
        _shade(cell)
        _fill(cell, column.heading, style=style, right=column.number, bold=True, size=size)
    for row, whole in zip(cells, rows, strict=True):
        line = grid.add_row()
        _keep_row(line, repeated=False)
        for cell, column, text in zip(line.cells, shown, row, strict=True):
            color = _COLORS.get(text) if column.badge else None
            said = _badge(text) if column.badge else text
            _fill(cell, said, style=style, right=column.number, color=color, size=size)
        for place in below:
            if whole[place].strip():
                _fill(_whole_line(grid), f"{columns[place].heading}: {whole[place]}", style=style, right=False)
    document.add_paragraph().paragraph_format.space_after = Pt(4)


def _new_grid(document: Any, widths: Sequence[Emu]) -> Any:
    """A table of one row, with columns of these widths, whatever is in them."""
    grid = document.add_table(rows=1, cols=len(widths), style=table_style(document))
    grid.alignment, grid.autofit = WD_TABLE_ALIGNMENT.LEFT, False
    _narrow_margins(grid)
    for column, wide in zip(grid.columns, widths, strict=True):
        column.width = wide
    for cell, wide in zip(grid.rows[0].cells, widths, strict=True):
        cell.width = wide
    return grid


def _narrow_margins(grid: Any) -> None:
    margins = OxmlElement("w:tblCellMar")
    for side in ("left", "right"):
        margin = OxmlElement(f"w:{side}")
        margin.set(qn("w:w"), "60")  # twentieths of a point
        margin.set(qn("w:type"), "dxa")
        margins.append(margin)
    grid._tbl.tblPr.append(margins)


def _whole_line(grid: Any) -> Any:
    """A cell across all columns."""
    row = grid.add_row()
    _keep_row(row, repeated=False)
    cells = row.cells
    return cells[0].merge(cells[-1]) if len(cells) > 1 else cells[0]


def _badge(text: str) -> str:
    return "no error" if text == "benign" else text


def _widths(columns: Sequence[Column], rows: Sequence[Sequence[str]], *, width: int) -> list[Emu]:
    """The width of each column: room for its longest word, and of what is left the more, the longer its texts are."""
    size = _SMALL if len(columns) >= _CROWDED else _NORMAL
    room = width / (size * _PER_POINT)
    least, natural = zip(*_needs(columns, rows), strict=True)
    left = room - sum(least)
    wants = [most - word for word, most in zip(least, natural, strict=True)]
    if left <= 0:
        shares = [word * room / sum(least) for word in least]
    elif sum(wants) <= left:
        shares = [most * room / sum(natural) for most in natural]
    else:
        shares = [word + want * left / sum(wants) for word, want in zip(least, wants, strict=True)]
    return [Emu(int(share * size * _PER_POINT)) for share in shares]


def chars_of(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> int:
    """How many characters wide a table wants to be, so that its texts take two lines at most."""
    return int(sum(max(least, (least + natural) / 2) for least, natural in _needs(columns, rows)))


def _needs(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[tuple[float, float]]:
    """Of each column: the characters of its longest word that is not cut, and of its longest text, with the room beside them."""
    needs = []
    for place, column in enumerate(columns):
        cells = [column.heading, *(_badge(row[place]) if column.badge else row[place] for row in rows)]
        longest = max(map(len, cells))
        word = max((_word(word) for cell in cells for word in cell.split()), default=1)
        least = longest if column.number or column.whole else word
        most = min(max(longest, least), _PROSE_CHARS if column.prose else _MOST_CHARS)
        needs.append((least + _BESIDE, max(most, least) + _BESIDE))
    return needs


def _word(word: str) -> int:
    """The characters of a word, as far as it is not cut: of a path or an address its longest part."""
    return max(map(len, breakable(word).split("\u200b")))


def _fill(
    cell: Any, text: str, *, style: str, right: bool, bold: bool = False, color: str | None = None, size: Any = None
) -> None:
    paragraph = cell.paragraphs[0]
    paragraph.style = style
    paragraph.paragraph_format.space_after = Pt(0)
    if right:
        paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
    run = paragraph.add_run(xml_text(breakable(text)))
    run.bold = bold or None
    run.font.size = size
    if color:
        run.font.color.rgb = RGBColor.from_string(color)
        run.bold = True


def breakable(text: str) -> str:
    """The text with places, which show as nothing, where a long path or address may be cut."""
    words = text.split(" ")
    return " ".join(_cut(word) if len(word) > 20 else word for word in words)


def _cut(word: str) -> str:
    made = "".join(f"{sign}\u200b" if sign in "/\\.-_?&=,;:@%|" else sign for sign in word)
    pieces = made.split("\u200b")
    return "\u200b".join(
        "\u200b".join(piece[at : at + 16] for at in range(0, max(len(piece), 1), 16)) for piece in pieces
    )


def _keep_row(row: Any, *, repeated: bool) -> None:
    properties = row._tr.get_or_add_trPr()
    for name in ("w:cantSplit", *(("w:tblHeader",) if repeated else ())):
        mark = OxmlElement(name)
        mark.set(qn("w:val"), "true")
        properties.append(mark)


def _shade(cell: Any) -> None:
    shade = OxmlElement("w:shd")
    for name, value in (("w:val", "clear"), ("w:color", "auto"), ("w:fill", _SHADE)):
        shade.set(qn(name), value)
    cell._tc.get_or_add_tcPr().append(shade)
