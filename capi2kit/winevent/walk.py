"""Walk: one event element → the rows it makes, its cells still the text that was logged."""

from __future__ import annotations

from typing import NamedTuple

from lxml import etree

from capi2kit.winevent.places import NOWHERE, Place, places

Extra = dict[str, str | list[str]]
_MANY = 1000
LABEL = "Name"  # of a Data element: it tells what the value is


class Part(NamedTuple):
    """A row of `table`: its cells as logged, and what has no column, by path."""

    table: str
    cells: dict[str, str]
    extra: Extra


def walk_event(event: etree._Element) -> list[Part]:
    """The rows of one event: first that of `events`, then those of other tables in their order."""
    if next(event.iter(etree.Comment, etree.PI, etree.Entity), None) is not None:
        _take_out_what_is_no_element(event)
    channel = event_id = ""
    for element in event.iterfind("{*}System/*"):
        name = local_name(element)
        if name == "Channel":
            channel = element.text or ""
        elif name == "EventID":
            event_id = element.text or ""
    first = Part("events", {}, {})
    parts = [first]
    _walk(event, first, place=places(channel, event_id), path="", parts=parts)
    return parts


def _take_out_what_is_no_element(event: etree._Element) -> None:
    """Comments and instructions of an event that came as text; of an entity, which means nothing here, its name stays."""
    for entity in list(event.iter(etree.Entity)):
        entity.tail = f"{entity.text}{entity.tail or ''}"
        before, parent = entity.getprevious(), entity.getparent()
        if before is not None:
            before.tail = f"{before.tail or ''}{entity.tail}"
        elif parent is not None:
            parent.text = f"{parent.text or ''}{entity.tail}"
        entity.tail = None
        if parent is not None:
            parent.remove(entity)
    etree.strip_tags(event, etree.Comment, etree.PI)


def local_name(element: etree._Element) -> str:
    """The name of an element without its namespace."""
    return element.tag.rpartition("}")[2]  # type: ignore[union-attr,return-value,arg-type]


def _walk(element: etree._Element, part: Part, *, place: Place, path: str, parts: list[Part]) -> None:
    if place.table:
        part = Part(place.table, dict(place.constants), {})
        parts.append(part)
        path = ""
    cells, extra = part.cells, part.extra
    for qualified, value in element.items() if len(element.attrib) < _MANY else _attributes(element):
        name = qualified.rpartition("}")[2]
        column = place.attributes.get(name)
        if not value or (name == LABEL and path.endswith(f"[{value}]")):
            continue  # what is empty is missing, one engine does not give it anyway; a label is in the path
        if column is not None and column not in cells:
            cells[column] = value
        elif column is None and place.names and value == "true":
            cells[place.names] = f"{cells[place.names]} {name}" if place.names in cells else name
        else:
            _keep(extra, f"{path}@{name}", value=value)
    text = element.text
    if text and not (len(element) and text.isspace()):
        if place.text and place.text not in cells:
            cells[place.text] = text
        else:
            _keep(extra, path, value=text)
    if len(element):
        _walk_children(element, part, place=place, path=path, parts=parts)


def _attributes(element: etree._Element) -> list[tuple[str, str]]:
    """Names and values of many attributes: asking the element for them takes time by their square."""
    found: list[etree._ElementUnicodeResult] = element.xpath("@*")
    return [(str(value.attrname), str(value)) for value in found]


def _walk_children(element: etree._Element, part: Part, *, place: Place, path: str, parts: list[Part]) -> None:
    counts: dict[str, int] = {}
    met: set[str] = set()
    known = place.children
    for child in element:
        name = step = local_name(child)
        if place.indexed:
            counts[name] = counts.get(name, 0) + 1
            step = f"{name}[{counts[name]}]"
        if place.labelled and f"{name}[{child.get(LABEL)}]" in known:
            step = f"{name}[{child.get(LABEL)}]"
        below = known.get(step) or known.get(name) or known.get("*") or NOWHERE
        if below.tag and below.tag not in part.cells:
            part.cells[below.tag] = name
        where = f"{path}/{step}" if path else step
        if not below.table and where in met:
            below = below.again()  # what the first one lacks is missing, not what its brother has
        met.add(where)
        _walk(child, part, place=below, path=where, parts=parts)
        if child.tail and not child.tail.isspace():
            _keep(part.extra, f"{where}~", value=child.tail)


def _keep(extra: Extra, path: str, *, value: str) -> None:
    known = extra.get(path)
    if known is None:
        extra[path] = value
    elif isinstance(known, list):
        known.append(value)
    else:
        extra[path] = [known, value]
