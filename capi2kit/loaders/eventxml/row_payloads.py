"""Row payloads: what a row of an export holds of the payload of its event, in whatever form → elements of the event."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from lxml import etree

from capi2kit.binxml import NOT_IN_XML
from capi2kit.knowledge import rows
from capi2kit.loaders.eventxml.json_events import Json, fill, text_of

_TEXT = "Value"  # what Velociraptor calls the text of an element
_OF_ATTRIBUTES = ("EventAuxInfo", "CorrelationAuxInfo")  # elements whose attributes begin with a capital letter
_OF_TEXT = ("URL", "Timeout")  # elements that have no attribute `value`
_BETWEEN = "¦"  # between the fields of Hayabusa's timelines
_PLACE = re.compile(r"Data\[\d+\]")
_NAME = re.compile(r"[A-Za-z_][\w.-]*")


def add_payload(event: etree._Element, cells: Mapping[str, Any], *, fields: Mapping[str, str]) -> None:
    """What a row holds of the payload, whatever form it has there."""
    for name, meaning in fields.items():
        value = cells.get(name)
        if value in (None, "", [], {}):
            continue
        if meaning == "payload" and isinstance(value, str):
            _add_text(event, value)
        elif meaning == "eventdata" and isinstance(value, dict) and event.find("EventData") is None:
            fill(etree.SubElement(event, "EventData"), value)
        elif meaning == "eventdata" and isinstance(value, str):
            _add_pairs(event, value, fields={at.rpartition(".")[2]: means for at, means in fields.items()})
        elif meaning == "userdata" and isinstance(value, dict):
            _add_user_data(event, value)
        elif meaning == "values" and isinstance(value, list):
            fill(etree.SubElement(event, "EventData"), {"Data": value})
        elif meaning.startswith("payload/") and not isinstance(value, (dict, list)):
            _put(event, meaning.removeprefix("payload/"), value=text_of(value))


def _add_text(event: etree._Element, text: str) -> None:
    """A payload that is JSON or XML in a cell. Raises ValueError if it is neither."""
    if text.lstrip().startswith("<"):
        try:
            parsed = etree.fromstring(
                NOT_IN_XML.sub("\ufffd", text), etree.XMLParser(resolve_entities=False, no_network=True)
            )
        except etree.XMLSyntaxError as err:
            raise ValueError(f"its payload is no XML: {err.msg}") from err
        inside = etree.QName(parsed).localname in ("UserData", "EventData")
        (event if inside else etree.SubElement(event, "UserData")).append(parsed)
    elif text.strip():
        fill(event, json.loads(text))


def _add_pairs(event: etree._Element, text: str, *, fields: Mapping[str, str]) -> None:
    """What a timeline shows of an event in one cell: `URL: http://… ¦ Timeout: PT15S`."""
    cells = (cell.partition(": ") for cell in text.split(_BETWEEN))
    pairs = {name.strip(): value.strip() for name, sign, value in cells if sign}
    known = {name: means for name in pairs if (means := fields.get(name, "")).startswith("payload/")}
    for name, means in known.items():
        _put(event, means.removeprefix("payload/"), value=pairs[name])
    other = {name: value for name, value in pairs.items() if name not in known and _NAME.fullmatch(name)}
    if other and not known and event.find("EventData") is None:
        fill(etree.SubElement(event, "EventData"), other)


def _add_user_data(event: etree._Element, value: Json) -> None:
    """User data, under the name of its element where Winlogbeat gives that aside."""
    root = value.get("xml_name")
    above = etree.SubElement(event, "UserData")
    if isinstance(root, str) and _NAME.fullmatch(root):
        fill(etree.SubElement(above, root), {name: part for name, part in value.items() if name != "xml_name"})
    else:
        fill(above, value)
    if not _says_attributes(value):
        for element in list(above.iter(etree.Element)):
            _take_attributes(element)


def _says_attributes(value: Any) -> bool:
    """Whether JSON marks the attributes of elements, as nearly all programs do."""
    if isinstance(value, list):
        return any(map(_says_attributes, value))
    return isinstance(value, dict) and any(
        name.startswith(("@", "#")) or name.endswith("_attributes") or _says_attributes(part)
        for name, part in value.items()
    )


def _take_attributes(element: etree._Element) -> None:
    """Make attributes of what JSON without a mark shows as elements: `{"URL": {"scheme": "http", "Value": "http://…"}}`."""
    for child in list(element):
        name = str(child.tag)
        if len(child) or child.attrib or not (name[:1].islower() or element.tag in _OF_ATTRIBUTES or name == _TEXT):
            continue
        text = child.text or ""
        element.remove(child)
        if name == _TEXT or (name.casefold() == _TEXT.casefold() and element.tag in _OF_TEXT):
            element.text = text
        else:
            element.set(name, text)


def _put(event: etree._Element, place: str, *, value: str) -> None:
    """A part of the payload of which only the innermost name is known, at its place in the payload of its event."""
    number = event.findtext("System/EventID")
    root = next((row["root"] for row in rows("payloads") if row["event_id"] == number), None)
    if root is None:
        return
    above = event.find("UserData")
    above = etree.SubElement(event, "UserData") if above is None else above
    payload = above.find(root)
    payload = etree.SubElement(above, root) if payload is None else payload
    name, _, attribute = place.partition("@")
    element = payload.find(name)
    element = etree.SubElement(payload, name) if element is None else element
    if attribute:
        element.set(attribute, NOT_IN_XML.sub("\ufffd", value))
    else:
        element.text = NOT_IN_XML.sub("\ufffd", value)


@cache
def _by_place() -> frozenset[str]:
    """The ids of events whose data has no names, and means what its place says."""
    return frozenset(row["event_id"] for row in rows("fields") if _PLACE.search(row["path"]))


def add_other(event: etree._Element, row: Json, *, fields: Mapping[str, str]) -> None:
    """Fields that the table of the program does not list: NXLog puts the data of an event beside its other fields."""
    if "eventdata" in fields.values() or event.find("EventData") is not None or event.find("UserData") is not None:
        return
    if event.findtext("System/EventID") in _by_place():
        return  # a field beside the event would be taken for the value at its place
    other = {
        name: value
        for name, value in row.items()
        if name not in fields and value not in (None, "") and not isinstance(value, (dict, list))
    }
    if other:
        fill(etree.SubElement(event, "EventData"), other)
