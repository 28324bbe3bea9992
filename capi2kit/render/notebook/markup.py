"""Markup: the HTML of a card: escaped texts, tables, folded parts and a strip, in colours that fit light and dark pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from capi2kit.render.parts import Column, Table
from capi2kit.render.waterfall import Step

LINE = "1px solid rgba(127,127,127,.35)"
FILL = {
    "waiting": "#b3261e",
    "searched": "#3a7ca5",
    "answered": "#d9962b",
    "checking": "#8fa3b3",
    "rest": "#6b7885",
    "track": "rgba(127,127,127,.18)",
}
_FIGURES = 3  # columns of numbers of a waterfall
_INDENT = "&nbsp;" * 3  # plain blanks are lost in HTML
_BADGES = {"high": "#9c1c1c", "medium": "#8a5a00", "low": "#3b5b80", "benign": "#5b6670", "no error": "#5b6670"}


def text(name: str, said: str, *, style: str = "") -> str:
    """An element with nothing but a text in it."""
    return f"<{name}{_styled(style)}>{escape(said)}</{name}>"


def box(name: str, inner: Iterable[str], *, style: str = "") -> str:
    """An element with others in it; nothing if there are none."""
    parts = "".join(inner)
    return f"<{name}{_styled(style)}>{parts}</{name}>" if parts else ""


def folded(title: str, inner: str, *, is_open: bool = False) -> str:
    """A part that opens when its title is chosen."""
    start = "<details open>" if is_open else "<details>"
    return f"{start}{text('summary', title, style='cursor:pointer;font-weight:600')}{inner}</details>" if inner else ""


def grid(table: Table, *, brief: bool = True) -> str:
    """A table; `brief`: only the columns that a terminal shows, too. Styles may be left out by a viewer, the words stay."""
    shown = [place for place, column in enumerate(table.columns) if column.brief or not brief]
    columns = [table.columns[place] for place in shown]
    head = box("tr", (f"<th{_side(one)}>{escape(one.heading)}</th>" for one in columns))
    rows = (box("tr", _cells(columns, [row[place] for place in shown])) for row in table.rows)
    return f'<div style="overflow-x:auto">{box("table", (box("thead", [head]), box("tbody", rows)))}</div>'


def _cells(columns: Sequence[Column], cells: Sequence[str]) -> Iterable[str]:
    for column, cell in zip(columns, cells, strict=True):
        yield f"<td{_side(column)}>{badge(cell) if column.badge else escape(cell)}</td>"


def _side(column: Column) -> str:
    """As styles, which Jupyter follows, and as attributes, which GitHub leaves; Jupyter sets cells to the right and wraps them."""
    whole = column.whole or column.number
    style = f"text-align:{'right' if column.number else 'left'}{';white-space:nowrap' if whole else ''}"
    side = ' align="right"' if column.number else ""
    return f'{side} style="{style}"{" nowrap" if whole else ""}'


def waterfall(steps: Sequence[Step]) -> str:
    """The operations of a task: a bar each on one axis, in the colour of how a wait ended, and its words with what it is nested in."""
    heads = ("record", "at s", "took", "", "operation, and what about", "result")
    head = box(
        "tr",
        (
            f'<th style="text-align:{"right" if place < _FIGURES else "left"}">{name}</th>'
            for place, name in enumerate(heads)
        ),
    )
    rows = []
    for one in steps:
        fill = FILL[one.kind]
        bar = f'<rect x="{100 * one.left:.2f}%" width="{max(100 * one.length, 0.6):.2f}%" height="14" fill="{fill}"/>'
        cells = [f'<td align="right" nowrap>{escape(cell)}</td>' for cell in (one.record, f"{one.at_s:.3f}", one.took)]
        cells.append(
            f'<td><svg width="220" height="14" aria-hidden="true" style="background:{FILL["track"]}">{bar}</svg></td>'
        )
        cells.append(f'<td style="text-align:left">{_INDENT * one.depth}{escape(one.what)}</td>')
        cells.append(f'<td style="text-align:left" nowrap>{escape(one.result)}</td>')
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return f'<div style="overflow-x:auto"><table><thead>{head}</thead><tbody>{"".join(rows)}</tbody></table></div>'


def badge(word: str) -> str:
    """A severity or a verdict on its colour."""
    color = _BADGES.get(word, _BADGES["benign"])
    style = f"background:{color};color:#fff;border-radius:.8em;padding:.05em .6em;font-size:.85em;white-space:nowrap"
    return text("span", "no error" if word == "benign" else word, style=style)


def _styled(style: str) -> str:
    return f' style="{style}"' if style else ""
