"""Word: a report as a .docx file with real headings, captions, tables, pictures with alternative texts and a table of contents.

A template gives styles, page and headers; its text is left out. A style that it lacks is added. The same input gives the same bytes: the
members of the file carry no time, and the properties the date of the report, if it has one.
"""

from __future__ import annotations

import os
from io import BytesIO
from typing import TYPE_CHECKING, Any

from capi2kit.errors import OutputError
from capi2kit.render.extras import needed
from capi2kit.render.report import Report
from capi2kit.words import visible

if TYPE_CHECKING:
    from docx.document import Document

PathLike = str | os.PathLike[str]


def render(report: Report, *, template: PathLike | None = None) -> bytes:
    """The report as a .docx file."""
    needed("docx", package="python-docx", ending=".docx")
    from capi2kit.render.ooxml.document import write_document
    from capi2kit.render.ooxml.packing import repacked
    from capi2kit.render.paper import for_paper

    document = _opened(template)
    write_document(document, for_paper(report))
    made = BytesIO()
    document.save(made)
    return repacked(made.getvalue())


def _opened(template: PathLike | None) -> Document:
    """An empty document with the styles of a template, or those of the library."""
    import docx

    if template is None:
        return _own(docx.Document())
    name = os.fspath(template)
    try:
        document = docx.Document(name)
        _empty(document)
    except Exception as err:  # a zip of anything: the library raises whatever comes up
        message = f"{visible(name)}: is not a Word document that can be used as a template ({_why(err)}); save it as .docx in Word"
        raise OutputError(message, path=name) from err
    return document


def _own(document: Document) -> Document:
    """The page and the letters of a report without a template: A4, narrow margins."""
    from docx.shared import Cm, Pt

    page = document.sections[0]
    page.page_width, page.page_height = Cm(21), Cm(29.7)
    page.left_margin = page.right_margin = Cm(1.8)
    page.top_margin = page.bottom_margin = Cm(1.8)
    normal = document.styles["Normal"]
    normal.font.name, normal.font.size = "Calibri", Pt(10)
    normal.paragraph_format.space_after = Pt(4)
    return document


def _why(err: Exception) -> str:
    return visible(f"{type(err).__name__}: {err}")[:200]


def _empty(document: Any) -> None:
    """Take the text out of a document; its last section, with page and headers, stays."""
    body = document.element.body
    for element in list(body):
        if not element.tag.endswith("}sectPr"):
            body.remove(element)
    if not len(document.sections):
        document.add_section()
