"""Export: a chart as a file, or as SVG text for an HTML page; the same bytes every time.

The SVG text goes into a page whose Content-Security-Policy forbids inline
styles and scripts: what matplotlib writes into style attributes becomes
presentation attributes, and ids carry a salt so that charts share a page.
"""

from __future__ import annotations

import re
import warnings
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
from lxml import etree
from matplotlib.axes import Axes

from capi2kit.charts.sheet import figure_of
from capi2kit.words import label
from capi2kit.writer import write_file

DPI = 150
SALT = "capi2kit"
FONTS = "'DejaVu Sans', Verdana, Geneva, sans-serif"  # as wide as each other: what fits in one fits in the next
SVG = "{http://www.w3.org/2000/svg}"
_HREF = "{http://www.w3.org/1999/xlink}href"
_METADATA: dict[str, dict[str, Any]] = {
    ".png": {"Software": SALT},
    ".svg": {"Creator": SALT, "Date": None},
    ".pdf": {"Creator": SALT, "Producer": SALT, "CreationDate": None},
}
_FONT = re.compile(  # the shorthand is no presentation attribute; some versions of matplotlib write it
    r"(?:(?P<style>italic|oblique) )?(?:small-caps )?(?:(?P<weight>bold|\d{3}) )?(?:\S*(?:condensed|expanded) )?"
    r"(?P<size>[\d.]+px) (?P<family>.+)"
)
_REFERENCE = re.compile(r"url\(#([^()]+)\)")
_EVENT = re.compile(r"e\d+")  # the ids of bars that belong to an event


def save_chart(ax: Axes, path: str | Path) -> Path:
    """Write the figure of the axes to a .png, .svg or .pdf file, without a date, so that rebuilds are identical.

    Raises ValueError for another ending, OutputError if the file cannot be written.
    """
    path = Path(path)
    kind = path.suffix.lower()
    if kind not in _METADATA:
        raise ValueError(f"{path.name}: a chart is written as {', '.join(_METADATA)}; give the file such an ending")
    with mpl.rc_context({"svg.hashsalt": SALT, "svg.fonttype": "path"}):
        picture = BytesIO()
        figure_of(ax).savefig(picture, format=kind[1:], dpi=DPI, metadata=_METADATA[kind])
    write_file(path, picture.getvalue(), force=True)
    return path


def png_bytes(ax: Axes) -> tuple[bytes, str]:
    """The figure of the axes as a PNG picture, and its title as one line of text."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        picture = BytesIO()
        figure_of(ax).savefig(picture, format="png", dpi=DPI, metadata=_METADATA[".png"])
    return picture.getvalue(), label(ax.get_title(loc="left"))


def svg_text(ax: Axes, *, salt: str, title: str | None = None) -> str:
    """The figure of the axes as one <svg> element for an HTML page.

    Without style attributes and elements, scripts, metadata and declarations; texts stay texts. `salt`: a
    letter and letters, digits or dashes, another one for each chart of a page; it begins every id. `title`:
    what a screen reader says, if not the title of the axes. Bars of events link to ``#event-<number>``.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", salt):
        raise ValueError(f"salt={salt!r}: take a letter and then letters, digits or dashes")
    written = BytesIO()
    with mpl.rc_context({"svg.hashsalt": SALT, "svg.fonttype": "none"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # the browser finds another font
        figure_of(ax).savefig(written, format="svg", metadata=_METADATA[".svg"])
    root = etree.fromstring(written.getvalue(), etree.XMLParser(resolve_entities=False, no_network=True))
    etree.strip_tags(root, etree.Comment)
    etree.strip_elements(root, f"{SVG}metadata", f"{SVG}style", with_tail=False)
    for element in root.iter(f"{SVG}*"):
        _plain(element)
    _explain(root, ax)
    _salt_ids(root, salt)
    _name(root, label(title or ax.get_title(loc="left")) or "chart", salt=salt)
    etree.cleanup_namespaces(root)
    return etree.tostring(root, encoding="unicode")


def _explain(root: etree._Element, ax: Axes) -> None:
    """What a bar of an event is, where the pointer or a screen reader is on it."""
    tips = {one.get_gid(): str(one.get_label()) for one in figure_of(ax).findobj() if one.get_gid()}
    for element in root.iter(f"{SVG}*"):
        tip = tips.get(element.get("id", ""))
        if not tip or tip.startswith("_"):
            continue
        inner = element.find(f".//{SVG}a")
        place = element if inner is None else inner
        if inner is not None:
            inner.set("aria-label", label(tip))
        title = etree.Element(f"{SVG}title")
        title.text = label(tip)
        place.insert(0, title)


def _plain(element: etree._Element) -> None:
    """Declarations of a style attribute as attributes of their own; links without namespace and target."""
    for declaration in element.attrib.pop("style", "").split(";"):
        name, colon, value = (part.strip() for part in declaration.partition(":"))
        if not colon:
            continue
        shorthand = _FONT.fullmatch(value) if name == "font" else None
        parts = {f"font-{key}": part for key, part in shorthand.groupdict().items()} if shorthand else {name: value}
        for key, part in parts.items():
            if part and key != "font-family":  # the root has it
                element.set(key, part)
    if _HREF in element.attrib:
        element.set("href", element.attrib.pop(_HREF))
        element.attrib.pop("target", None)
    if element.tag == f"{SVG}path":
        element.set("d", " ".join(element.get("d", "").split()))
    if element.tag != f"{SVG}text" and element.text and not element.text.strip():
        element.text = None
    if element.tail and not element.tail.strip():
        element.tail = None


def _salt_ids(root: etree._Element, salt: str) -> None:
    """Keep the ids that something refers to and those of events, and make them this chart's own."""
    used = {name for element in root.iter() for value in element.attrib.values() for name in _REFERENCE.findall(value)}
    used |= {element.get("href", "")[1:] for element in root.iter(f"{SVG}use")}
    for element in root.iter():
        name = element.attrib.pop("id", None)
        if name is not None and (name in used or _EVENT.fullmatch(name)):
            element.set("id", f"{salt}-{name}")
        if element.tag == f"{SVG}use":
            element.set("href", f"#{salt}-{element.get('href', '')[1:]}")
        for key, value in element.attrib.items():
            if "url(#" in value:
                element.set(key, _REFERENCE.sub(rf"url(#{salt}-\1)", value))


def _name(root: etree._Element, title: str, *, salt: str) -> None:
    """What the picture is called, how big it is, and the strokes matplotlib takes for granted."""
    named = etree.Element(f"{SVG}title", id=f"{salt}-title")
    named.text = title
    root.insert(0, named)
    role = "group" if root.find(f".//{SVG}a") is not None else "img"  # an image has no links
    root.attrib.update({"role": role, "aria-labelledby": f"{salt}-title"})
    root.attrib.update({"stroke-linejoin": "round", "stroke-linecap": "butt", "font-family": FONTS})
    for side in ("width", "height"):
        root.set(side, f"{float(root.get(side, '0pt').removesuffix('pt')) * 4 / 3:.0f}")  # CSS pixels
