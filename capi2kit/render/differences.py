"""Differences: where two reports of one format say different things: the section, the row, the column, and what each says.

Text formats are compared piece by piece; of others (PDF) only the bytes are.
"""

from __future__ import annotations

import difflib
import json
import re
import zipfile
from collections.abc import Iterator
from io import BytesIO
from typing import Any

from lxml import etree, html

from capi2kit.words import shorter, visible

MOST = 20  # that are named
_LENGTH = 120
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_BLOCKS = ("h1", "h2", "h3", "p", "li", "summary", "code", "dt", "dd", "figcaption", "text", "title", "caption")

Piece = tuple[str, str]  # where, and what is said there


def differences(old: bytes, new: bytes, *, ending: str) -> list[str]:
    """A sentence for each place where the new report differs from the old one; none if the bytes are equal."""
    if old == new:
        return []
    pieces = {".html": _html, ".json": _json, ".docx": _word, ".xlsx": _excel, ".md": _lines, ".txt": _lines}.get(
        ending
    )
    if pieces is None:
        return [f"the bytes differ; where is not shown for {ending}: make and verify the report as .html"]
    try:
        before, after = list(pieces(old)), list(pieces(new))
    except (ValueError, KeyError, TypeError, zipfile.BadZipFile, etree.LxmlError, RecursionError) as err:
        return [f"the report cannot be read as {ending} any more ({visible(err)[:_LENGTH]})"]
    said = list(_compared(before, after))
    more = [f"and {len(said) - MOST} more differences"] if len(said) > MOST else []
    return [*said[:MOST], *more] or ["the bytes differ, but no text does: style, pictures or packing were changed"]


def _compared(before: list[Piece], after: list[Piece]) -> Iterator[str]:
    match = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for kind, first, last, start, stop in match.get_opcodes():
        if kind == "equal":
            continue
        olds, news = before[first:last], after[start:stop]
        for place in range(max(len(olds), len(news))):
            old = olds[place] if place < len(olds) else None
            new = news[place] if place < len(news) else None
            where = (old or new or ("", ""))[0]
            yield f"{where}: the report says {_quoted(old)}, the evidence gives {_quoted(new)}"


def _quoted(piece: Piece | None) -> str:
    return "nothing" if piece is None else f"“{shorter(visible(piece[1]), _LENGTH)}”"


def _lines(content: bytes) -> Iterator[Piece]:
    for number, line in enumerate(content.decode("utf-8", "replace").split("\n"), 1):
        yield f"line {number}", line


def _html(content: bytes) -> Iterator[Piece]:
    tree = html.fromstring(content.decode("utf-8", "replace"))
    for section in tree.iter("section", "header", "footer"):
        titles = section.xpath(".//h2 | .//h1")
        title = " ".join(titles[0].text_content().split()) if titles else str(section.tag)
        place = {"answer": "first page", "cover": "cover"}.get(section.get("id", ""), title)
        yield from _in_section(section, place)


def _in_section(section: Any, place: str) -> Iterator[Piece]:
    for table in section.iter("table"):
        heads = [" ".join(cell.text_content().split()) for cell in table.xpath("./thead/tr/th")]
        for number, row in enumerate(table.xpath("./tbody/tr"), 1):
            for index, cell in enumerate(row):
                head = heads[index] if index < len(heads) else str(index + 1)
                yield f"{place}, row {number}, {head}", " ".join(cell.text_content().split())
    for element in section.iter():
        if isinstance(element.tag, str) and etree.QName(element).localname in _BLOCKS and not _in_table(element):
            text = " ".join(
                element.text_content().split()
                if hasattr(element, "text_content")
                else "".join(element.itertext()).split()
            )
            if text:
                yield f"{place}, {_named(element)}", text
    for tile in section.xpath(".//ul[@class='tiles']/li/strong"):
        yield f"{place}, figure", tile.text_content()


def _in_table(element: Any) -> bool:
    return any(parent.tag == "table" for parent in element.iterancestors())


def _named(element: Any) -> str:
    name = etree.QName(element).localname
    return {"text": "chart", "title": "chart", "figcaption": "caption", "li": "list", "summary": "heading"}.get(
        name, "text"
    )


def _json(content: bytes) -> Iterator[Piece]:
    yield from _leaves(json.loads(content), "")


def _leaves(value: Any, path: str) -> Iterator[Piece]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{number}]")
    else:
        yield path, json.dumps(value, ensure_ascii=False)


def _word(content: bytes) -> Iterator[Piece]:
    with zipfile.ZipFile(BytesIO(content)) as archive:
        tree = _xml(archive.read("word/document.xml"))
    heading = "first page"
    for number, paragraph in enumerate(tree.iter(f"{_W}p"), 1):
        text = "".join(piece.text or "" for piece in paragraph.iter(f"{_W}t"))
        style = paragraph.find(f"{_W}pPr/{_W}pStyle")
        if style is not None and style.get(f"{_W}val", "").startswith("Heading"):
            heading = text
        if text:
            yield f"{heading}, paragraph {number}", text.replace("\u200b", "")


def _excel(content: bytes) -> Iterator[Piece]:
    with zipfile.ZipFile(BytesIO(content)) as archive:
        names = archive.namelist()
        shared = _xml(archive.read("xl/sharedStrings.xml")) if "xl/sharedStrings.xml" in names else None
        texts = ["".join(one.itertext()) for one in shared] if shared is not None else []
        sheets = [one.get("name") for one in _xml(archive.read("xl/workbook.xml")).iter("{*}sheet")]
        for number, sheet in enumerate(sheets, 1):
            tree = _xml(archive.read(f"xl/worksheets/sheet{number}.xml"))
            for cell in tree.iter("{*}c"):
                value = cell.findtext("{*}v", "")
                shown = texts[int(value)] if cell.get("t") == "s" and re.fullmatch(r"\d+", value) else value
                yield f"sheet {sheet}, cell {cell.get('r')}", shown


def _xml(content: bytes) -> Any:
    return etree.fromstring(content, etree.XMLParser(resolve_entities=False, no_network=True))
