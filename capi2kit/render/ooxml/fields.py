"""Fields: what Word calculates itself: the table of contents, the numbers of captions and pages; with what they say until it does."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from docx.oxml import OxmlElement
from docx.oxml.ns import qn

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xml_text(text: str) -> str:
    """Text without what XML cannot hold."""
    return _NO_XML.sub("\ufffd", text)


def add_field(paragraph: Any, code: str, *, shown: str, dirty: bool = False) -> None:
    """A field with the text that it shows until Word calculates it; `dirty`: Word does so when the file is opened."""
    for kind in ("begin", "separate", "end"):
        run = paragraph.add_run()
        mark = OxmlElement("w:fldChar")
        mark.set(qn("w:fldCharType"), kind)
        if kind == "begin" and dirty:
            mark.set(qn("w:dirty"), "true")
        run._r.append(mark)
        if kind == "begin":
            _instruct(paragraph, code)
        elif kind == "separate" and shown:
            paragraph.add_run(shown)


def _instruct(paragraph: Any, code: str) -> None:
    text = OxmlElement("w:instrText")
    text.set(qn("xml:space"), "preserve")
    text.text = f" {code} "
    paragraph.add_run()._r.append(text)


def add_bookmark(paragraph: Any, name: str, *, number: int) -> None:
    """A place that links lead to, around the text of a paragraph."""
    start, end = OxmlElement("w:bookmarkStart"), OxmlElement("w:bookmarkEnd")
    for mark in (start, end):
        mark.set(qn("w:id"), str(number))
    start.set(qn("w:name"), name)
    first = paragraph._p.find(qn("w:r"))
    first.addprevious(start)
    paragraph._p.append(end)


def add_link(paragraph: Any, text: str, *, to: str) -> None:
    """Text that leads to a bookmark."""
    link = OxmlElement("w:hyperlink")
    link.set(qn("w:anchor"), to)
    run = paragraph.add_run(text)
    link.append(run._r)
    paragraph._p.append(link)


def add_contents(document: Any, entries: Sequence[tuple[str, str]], *, style: str) -> None:
    """A table of contents: an entry per heading, linked to its bookmark; Word puts in the page numbers when the file is opened."""
    marks = {}
    for kind in ("begin", "separate", "end"):
        mark = OxmlElement("w:fldChar")
        mark.set(qn("w:fldCharType"), kind)
        if kind == "begin":
            mark.set(qn("w:dirty"), "true")
        marks[kind] = mark
    first = document.add_paragraph(style=style)
    first.add_run()._r.append(marks["begin"])
    _instruct(first, 'TOC \\o "1-2" \\h \\z \\u')
    first.add_run()._r.append(marks["separate"])
    paragraph = first
    for place, (title, bookmark) in enumerate(entries):
        paragraph = document.add_paragraph(style=style) if place else first
        add_link(paragraph, title, to=bookmark)
    paragraph.add_run()._r.append(marks["end"])
