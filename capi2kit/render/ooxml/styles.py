"""Styles: those that the report uses, by name; one that the template lacks is added, one of another kind gets a name of ours."""

from __future__ import annotations

from typing import Any

from docx.enum.style import WD_STYLE_TYPE
from docx.oxml.ns import qn
from docx.shared import Pt, RGBColor

_PARAGRAPHS = {  # name, the one it is based on, points, bold, colour
    "Title": ("Normal", 24, True, None),
    "Subtitle": ("Normal", 12, False, "545F6D"),
    "Heading 1": ("Normal", 15, True, "1C2430"),
    "Heading 2": ("Normal", 12, True, "1C2430"),
    "Heading 3": ("Normal", 10.5, True, "1C2430"),
    "Caption": ("Normal", 9, True, "545F6D"),
    "List Bullet": ("Normal", None, None, None),
    "TOC 1": ("Normal", None, None, None),
    "TOC 2": ("Normal", None, None, None),
    "Capi2kit Code": ("Normal", 7.5, None, None),
    "Capi2kit Cell": ("Normal", 7.5, None, None),
    "Capi2kit Lead": ("Normal", 13, True, "9C1C1C"),
}
_MONO = "Consolas"
TABLE = "Table Grid"


def paragraph_style(document: Any, name: str) -> str:
    """The name of a paragraph style that is there now."""
    return _made(document, name, kind=WD_STYLE_TYPE.PARAGRAPH)


def table_style(document: Any) -> str:
    """The name of a table style that is there now."""
    return _made(document, TABLE, kind=WD_STYLE_TYPE.TABLE)


def _made(document: Any, name: str, *, kind: Any) -> str:
    styles = document.styles
    if name in styles and styles[name].type == kind:
        return name
    own = f"{name} (capi2kit)" if name in styles else name
    if own in styles:
        return own
    style = styles.add_style(own, kind, builtin=own == name and not own.startswith("Capi2kit"))
    if kind == WD_STYLE_TYPE.TABLE:
        _draw_lines(style)
        return own
    base, points, bold, color = _PARAGRAPHS[name]
    if base in styles and styles[base].type == kind:
        style.base_style = styles[base]
    style.font.size = Pt(points) if points else None
    style.font.bold = bold
    style.font.color.rgb = RGBColor.from_string(color) if color else None
    if name == "Capi2kit Code":
        _set_font(style, _MONO)
    if name.startswith("Heading"):
        _set_level(style, int(name[-1]) - 1)
    style.paragraph_format.space_after = Pt(2 if name.startswith("Capi2kit C") else 6)
    style.paragraph_format.keep_with_next = name.startswith(("Heading", "Caption")) or None
    return own


def _set_font(style: Any, name: str) -> None:
    style.font.name = name
    fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
    for side in ("w:ascii", "w:hAnsi", "w:cs"):
        fonts.set(qn(side), name)


def _set_level(style: Any, level: int) -> None:
    """A heading is one by its outline level: the table of contents and screen readers go by it."""
    properties = style.element.get_or_add_pPr()
    outline = properties.makeelement(qn("w:outlineLvl"), {qn("w:val"): str(level)})
    properties.append(outline)


def _draw_lines(style: Any) -> None:
    properties = style.element.makeelement(qn("w:tblPr"), {})
    borders = properties.makeelement(qn("w:tblBorders"), {})
    for side in ("top", "left", "bottom", "right", "insideH", "insideV"):
        value = {qn("w:val"): "single", qn("w:sz"): "4", qn("w:space"): "0", qn("w:color"): "auto"}
        borders.append(borders.makeelement(qn(f"w:{side}"), value))
    properties.append(borders)
    style.element.append(properties)
