"""Document: the content of a report in a Word document: cover, contents, summary, sections; wide tables on pages of their own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from io import BytesIO
from typing import Any

from docx.enum.section import WD_ORIENT, WD_SECTION
from docx.enum.text import WD_BREAK
from docx.shared import Cm, Emu, Pt

from capi2kit import __version__
from capi2kit.render.front import Front
from capi2kit.render.ooxml.fields import add_bookmark, add_contents, add_field, xml_text
from capi2kit.render.ooxml.grids import add_grid, chars_of
from capi2kit.render.ooxml.styles import paragraph_style
from capi2kit.render.parts import Card, Chart, Column, Line, Node, Section
from capi2kit.render.report import Record, Report, numbers_of, with_records
from capi2kit.words import HIDDEN

_WIDE = 165  # characters beyond which a table lies on a page turned sideways
_LOGO, _PICTURE = Cm(4), Cm(17.5)
_NO_DAY = datetime(2000, 1, 1)  # properties of a report without a date
_XML = "Capi2kit Code"


class _Writer:
    """A document that is being written: it counts its bookmarks, and knows how wide its page is."""

    def __init__(self, document: Any) -> None:
        self.document = document
        self.bookmarks = 0

    @property
    def width(self) -> int:
        """Between the margins of the page now being written, in EMU."""
        page = self.document.sections[-1]
        return int(page.page_width - page.left_margin - page.right_margin)

    def turn(self, *, sideways: bool) -> None:
        """Go on on a page that is turned, or not; a new one if this one is otherwise."""
        page = self.document.sections[-1]
        if (page.page_width > page.page_height) == sideways:
            return
        page = self.document.add_section(WD_SECTION.NEW_PAGE)
        long, short = max(page.page_width, page.page_height), min(page.page_width, page.page_height)
        page.orientation = WD_ORIENT.LANDSCAPE if sideways else WD_ORIENT.PORTRAIT
        page.page_width, page.page_height = (long, short) if sideways else (short, long)

    def say(self, text: str, *, style: str = "Normal") -> Any:
        """A paragraph."""
        paragraph = self.document.add_paragraph(style=paragraph_style(self.document, style))
        paragraph.add_run(xml_text(text))
        return paragraph

    def head(self, text: str, *, level: int, name: str = "") -> None:
        """A heading; `name`: that of the bookmark that the contents lead to."""
        paragraph = self.say(text, style=f"Heading {level}")
        if name:
            self.bookmarks += 1
            add_bookmark(paragraph, name, number=self.bookmarks)

    def caption(self, kind: str, number: int, *, text: str) -> None:
        """A caption with a number that Word counts."""
        paragraph = self.document.add_paragraph(style=paragraph_style(self.document, "Caption"))
        paragraph.add_run(f"{kind} ")
        add_field(paragraph, f"SEQ {kind} \\* ARABIC", shown=str(number))
        paragraph.add_run(xml_text(f". {text}"))
        paragraph.paragraph_format.keep_with_next = kind == "Table"


def write_document(document: Any, report: Report) -> None:
    """Write the whole report into an empty document."""
    writer = _Writer(document)
    _set_properties(document, report)
    _number_pages(document)
    shown = [section for section in report.sections if section.printed]
    left = [f"{section.title}{numbers_of(section)}" for section in report.sections if not section.printed]
    if report.edition.is_for_customers:
        _cover(writer, report)
    _contents(writer, shown)
    _front(writer, report)
    for section in shown:
        _section(writer, section, records=report.records)
    writer.turn(sideways=False)
    if left:
        writer.say(f"Not in this document, but in the HTML file of this report: {'; '.join(left)}; all records cited.")
    writer.say(f"Made on this machine by capi2kit {__version__}; nothing was sent anywhere.", style="Subtitle")


def _set_properties(document: Any, report: Report) -> None:
    day = datetime.fromisoformat(report.edition.day) if report.edition.day else _NO_DAY
    properties = document.core_properties
    properties.title = xml_text(report.title)[:255]
    properties.author = xml_text(report.edition.examiner or "capi2kit")[:255]
    properties.last_modified_by, properties.comments, properties.keywords = "capi2kit", "", ""
    properties.created = properties.modified = day
    properties.revision = 1


def _number_pages(document: Any) -> None:
    """Page numbers at the foot, unless the template has a footer of its own."""
    footer = document.sections[0].footer
    if any(paragraph.text.strip() for paragraph in footer.paragraphs) or footer.tables:
        return
    paragraph = footer.paragraphs[0] if footer.paragraphs else footer.add_paragraph()
    paragraph.add_run("Page ")
    add_field(paragraph, "PAGE", shown="1")
    paragraph.add_run(" of ")
    add_field(paragraph, "NUMPAGES", shown="1")


def _cover(writer: _Writer, report: Report) -> None:
    edition = report.edition
    if edition.logo:
        writer.document.add_picture(BytesIO(edition.logo.content), width=_LOGO)
        _describe(writer.document.inline_shapes[-1], "Logo")
    writer.say(report.title, style="Title")
    facts = (("Client", edition.client), ("Case", edition.case), ("Examiner", edition.examiner), ("Date", edition.day))
    for name, value in (*facts, ("Evidence", report.front.about)):
        if value:
            writer.say(f"{name}: {value}", style="Subtitle")
    writer.document.add_paragraph().add_run().add_break(WD_BREAK.PAGE)


def _contents(writer: _Writer, shown: Iterable[Section]) -> None:
    writer.say("Contents", style="Subtitle")
    entries = [("Summary", "answer"), *((section.title, section.name) for section in shown)]
    add_contents(
        writer.document,
        [(xml_text(title), _bookmark(name)) for title, name in entries],
        style=paragraph_style(writer.document, "TOC 1"),
    )
    writer.document.add_paragraph().add_run().add_break(WD_BREAK.PAGE)


def _bookmark(name: str) -> str:
    return f"_capi2kit_{name}"[:40]


def _front(writer: _Writer, report: Report) -> None:
    """The summary: the answer, its figures, what was found, what to do first."""
    front = report.front
    writer.head("Summary", level=1, name=_bookmark("answer"))
    writer.say(front.about, style="Subtitle")
    writer.say(front.headline, style="Capi2kit Lead")
    for text in (*front.lead, report.look):
        if text:
            writer.say(text)
    figures = [[tile.value, tile.text] for tile in front.tiles]
    columns = [Column("figure", whole=True), Column("what it is", prose=True)]
    add_grid(writer.document, columns, rows=figures, width=writer.width)
    for row in _found(front):
        row(writer)
    for text in front.cautions:
        writer.say(text if text.startswith("Note:") else f"Note: {text}")
    if front.step:
        writer.head(front.step_title, level=2)
        writer.say(front.step)
        for title, lines in front.steps:
            if title:
                writer.head(title, level=3)
            _lines(writer, lines)


def _found(front: Front) -> Iterator[Any]:
    if front.stretches:
        rows = [[bar.title, bar.value, "; ".join(text for _, _, text in bar.parts)] for bar in front.stretches]
        columns = [Column("start-up", long=True), Column("takes", number=True), Column("of it", prose=True)]
        yield lambda writer: add_grid(writer.document, columns, rows=rows, width=writer.width)
    if front.findings:
        found = [[one.severity, one.title, one.cost, one.who, one.sure] for one in front.findings]
        heads = [Column("severity", badge=True), Column("finding", long=True), Column("of this start")]
        heads += [Column("program"), Column("how sure")]
        yield lambda writer: writer.head("What was found", level=2)
        yield lambda writer: add_grid(writer.document, heads, rows=found, width=writer.width)
        yield lambda writer: writer.say(front.note)


def _section(writer: _Writer, section: Section, *, records: Iterable[tuple[str, list[Record]]]) -> None:
    columns, rows = with_records(section, records)
    writer.turn(sideways=_is_wide(columns, rows))
    writer.head(section.title, level=1, name=_bookmark(section.name))
    for text in section.prose:
        writer.say(text).paragraph_format.keep_with_next = bool(section.charts or rows)
    for block in section.blocks:
        if block.kind == "heading":
            writer.head(block.text, level=2)
        else:
            writer.say(block.text, style={"item": "List Bullet", "code": _XML}.get(block.kind, "Normal"))
    for chart in section.charts:
        _picture(writer, chart)
    if section.table and rows:
        writer.caption("Table", section.table.number, text=section.title)
        add_grid(writer.document, columns, rows=rows, width=writer.width)
    for card in section.cards:
        if card.printed:
            _card(writer, card)
    for node in section.nodes:
        _node(writer, node, depth=0)


def _is_wide(columns: list[Column], rows: list[list[str]]) -> bool:
    """Whether a table needs a page turned sideways; sentences do not count, they get a line of their own."""
    beside = [place for place, column in enumerate(columns) if not column.prose]
    return chars_of([columns[place] for place in beside], [[row[place] for place in beside] for row in rows]) > _WIDE


def _picture(writer: _Writer, chart: Chart) -> None:
    from capi2kit.charts import png_bytes

    content, title = png_bytes(chart.draw())
    writer.document.add_picture(BytesIO(content), width=Emu(min(writer.width, _PICTURE)))
    _describe(writer.document.inline_shapes[-1], f"{title}. {chart.caption}")
    writer.document.paragraphs[-1].paragraph_format.keep_with_next = True
    writer.caption("Exhibit", chart.number, text=f"{chart.caption}: {title}" if title else chart.caption)


def _describe(shape: Any, text: str) -> None:
    """What a screen reader says of a picture."""
    shape._inline.docPr.set("descr", xml_text(HIDDEN.sub(" ", text)))


def _card(writer: _Writer, card: Card) -> None:
    mark = "no error" if card.mark == "benign" else card.mark
    writer.head(f"{card.title} ({mark})" if mark else card.title, level=2 if mark else 3)
    for aspect, lines in card.aspects:
        if aspect:
            paragraph = writer.say("")
            paragraph.add_run(f"{aspect}").bold = True
            paragraph.paragraph_format.space_after = Pt(0)
            paragraph.paragraph_format.keep_with_next = True
        _lines(writer, lines)


def _lines(writer: _Writer, lines: Iterable[Line]) -> None:
    for line in lines:
        writer.say(line.text, style=_XML if line.command else "Normal")


def _node(writer: _Writer, node: Node, *, depth: int) -> None:
    paragraph = writer.say(f"{node.title}: {node.figure}")
    paragraph.paragraph_format.left_indent = Cm(0.6 * depth)
    for inner in node.inner:
        _node(writer, inner, depth=depth + 1)
