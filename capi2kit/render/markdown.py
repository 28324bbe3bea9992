"""Markdown: a report as one text file for a wiki or a ticket. Nothing in it that is from a log is markup.

Pictures are named with what they show: a text file holds none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from capi2kit import __version__
from capi2kit.render.front import Front
from capi2kit.render.parts import Block, Card, Chart, Column, Line, Node, Section
from capi2kit.render.report import Record, Report, numbers_of, with_records

_MARKUP = re.compile(r"([\\`*_\[\]<>|#~&$!{}])")
_LIST = re.compile(r"^(\s*)([-+=]|\d+[.)](?=\s))")  # what a line must not begin with, to be no list or heading
_ADDRESS = re.compile(r"(?i)\b(https?|ftp|mailto|ldap|file)(:)|\b(www)(\.)|(\w)(@)(\w)")


def render(report: Report) -> bytes:
    """The report as UTF-8 text."""
    return ("\n".join(_lines(report)).rstrip() + "\n").encode("utf-8")


def escaped(text: str) -> str:
    """Text in which nothing is markup, on one line."""
    plain = _MARKUP.sub(r"\\\1", " ".join(text.split("\n")))
    plain = _LIST.sub(
        lambda found: f"{found[1]}\\{found[2]}" if not found[2][:1].isdigit() else _numbered(found), plain
    )
    return _ADDRESS.sub(_cut, plain)


def _numbered(found: re.Match[str]) -> str:
    return f"{found[1]}{found[2][:-1]}\\{found[2][-1]}"


def _cut(found: re.Match[str]) -> str:
    """An address that no program makes a link of: the colon, point or @ is written as a character reference."""
    if found[6]:
        return f"{found[5]}&#64;{found[7]}"
    return f"{found[1]}&#58;" if found[1] else f"{found[3]}&#46;"


def _lines(report: Report) -> Iterator[str]:
    edition, front = report.edition, report.front
    yield f"# {escaped(report.title)}"
    yield ""
    facts = (("Client", edition.client), ("Case", edition.case), ("Examiner", edition.examiner), ("Date", edition.day))
    for name, value in (*facts, ("Evidence", front.about)):
        if value:
            yield f"- {name}: {escaped(value)}"
    yield from ("", "## Summary", "")
    yield from _front(front, look=report.look)
    for section in report.sections:
        if section.printed:
            yield from _section(section, records=report.records)
    left = [f"{escaped(section.title)}{numbers_of(section)}" for section in report.sections if not section.printed]
    if left:
        yield from (
            "",
            f"Not in this file, but in the HTML file of this report: {'; '.join(left)}; the pictures; all records cited.",
        )
    yield from ("", f"Made on this machine by capi2kit {__version__}; nothing was sent anywhere.")


def _front(front: Front, *, look: str) -> Iterator[str]:
    yield f"**{escaped(front.headline)}**"
    for text in (*front.lead, look):
        if text:
            yield from ("", escaped(text))
    yield ""
    yield from _grid([Column("figure"), Column("what it is")], [[tile.value, tile.text] for tile in front.tiles])
    if front.findings:
        rows = [
            [one.severity, one.title, one.cost, one.who, one.sure][: 2 + len(front.heads)] for one in front.findings
        ]
        heads = [Column(name) for name in ("severity", "finding", *front.heads)]
        yield from ("", *_grid(heads, rows), "", escaped(front.note))
    for text in front.cautions:
        yield from ("", f"> {escaped(text)}")
    if front.step:
        yield from ("", f"### {front.step_title}", "", escaped(front.step))
        for title, some in front.steps:
            yield from (("", f"#### {title}") if title else ())
            yield from _said(some)


def _section(section: Section, *, records: Iterable[tuple[str, list[Record]]]) -> Iterator[str]:
    yield from ("", f"## {escaped(section.title)}")
    for text in section.prose:
        yield from ("", escaped(text))
    for block in section.blocks:
        yield from _block(block)
    for chart in section.charts:
        yield from (
            "",
            f"*Exhibit {chart.number}. {escaped(f'{chart.caption}: {_title_of(chart)}')} (picture: in the HTML file)*",
        )
    columns, rows = with_records(section, records)
    if section.table and rows:
        yield from ("", f"*Table {section.table.number}. {escaped(section.title)}*", "")
        yield from _grid(columns, rows)
    for card in section.cards:
        if card.printed:
            yield from _card(card)
    for node in section.nodes:
        yield from ("", *_node(node, depth=0))


def _title_of(chart: Chart) -> str:
    """What the picture says in its title."""
    from capi2kit.words import label

    return label(chart.draw().get_title(loc="left"))


def _block(block: Block) -> Iterator[str]:
    if block.kind == "code":
        yield from ("", f"    {block.text}")
    elif block.kind == "heading":
        yield from ("", f"### {escaped(block.text)}")
    else:
        yield from ("", f"{'- ' if block.kind == 'item' else ''}{escaped(block.text)}")


def _card(card: Card) -> Iterator[str]:
    mark = "no error" if card.mark == "benign" else card.mark
    yield from ("", f"### {escaped(f'{card.title} ({mark})' if mark else card.title)}")
    for aspect, some in card.aspects:
        if aspect:
            yield from ("", f"**{escaped(aspect)}**")
        yield from _said(some)


def _said(lines: Iterable[Line]) -> Iterator[str]:
    before = False
    for line in lines:
        if line.command:
            yield from () if before else ("",)
            yield from (f"    {text}" for text in line.text.split("\n"))
        else:
            yield from ("", escaped(line.text))
        before = line.command


def _node(node: Node, *, depth: int) -> Iterator[str]:
    yield f"{'  ' * depth}- {escaped(f'{node.title}: {node.figure}')}"
    for inner in node.inner:
        yield from _node(inner, depth=depth + 1)


def _grid(columns: Iterable[Column], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    columns = list(columns)
    yield f"| {' | '.join(escaped(column.heading) for column in columns)} |"
    yield f"|{'|'.join('---:' if column.number else '---' for column in columns)}|"
    for row in rows:
        yield f"| {' | '.join(escaped(cell) or ' ' for cell in row)} |"
