"""JSON: events as evtx_dump and EvtxECmd write them → the element of an event.

Both turn elements into keys: attributes are under ``#attributes`` or behind ``@``, texts under ``#text``, and
siblings of one name in a list or as ``Name_1``. The order between siblings of different names is lost there.
"""

from __future__ import annotations

import json
import re
from typing import Any

from lxml import etree

from capi2kit.binxml import NOT_IN_XML

Json = dict[str, Any]
_AGAIN = re.compile(r"(.+)_\d+")
_NAME = re.compile(r"[A-Za-z_][\w.-]*")
_SYSTEM = {  # of EvtxECmd: what it calls a cell, and where it is in an event
    "EventId": "EventID",
    "EventRecordId": "EventRecordID",
    "Version": "Version",
    "Task": "Task",
    "Opcode": "Opcode",
    "Channel": "Channel",
    "Computer": "Computer",
}
_SYSTEM_ATTRIBUTES = {
    "Provider": ("Provider", "Name"),
    "ProcessId": ("Execution", "ProcessID"),
    "ThreadId": ("Execution", "ThreadID"),
    "UserId": ("Security", "UserID"),
    "TimeCreated": ("TimeCreated", "SystemTime"),
}


def element_of(row: Json) -> etree._Element | str | None:
    """The event in a row of JSON, as element or as XML; None if there is none in it.

    Raises ValueError if what is in it cannot be an event.
    """
    if isinstance(row.get("xml_string"), str):
        return event_text(row["xml_string"])
    event = etree.Element("Event")
    if isinstance(row.get("Event"), dict):
        _fill(event, row["Event"])
        return event if event.find("System") is not None else None
    if "EventId" not in row:
        return None
    system = etree.SubElement(event, "System")
    for key, (name, attribute) in _SYSTEM_ATTRIBUTES.items():
        if row.get(key) not in (None, ""):
            found = system.find(name)
            (etree.SubElement(system, name) if found is None else found).set(attribute, _text(row[key]))
    for key, name in _SYSTEM.items():
        if row.get(key) not in (None, ""):
            etree.SubElement(system, name).text = _text(row[key])
    payload = row.get("Payload")
    if isinstance(payload, str) and payload.strip():
        _fill(event, json.loads(payload))
    return event


def event_text(text: str) -> str:
    """The event in a cell that holds XML, without what is before it. Raises ValueError if there is none."""
    begin = text.find("<Event")
    if begin < 0:
        raise ValueError("there is no event in its XML")
    return NOT_IN_XML.sub("\ufffd", text[begin:]).strip()


def _fill(element: etree._Element, value: Any) -> None:
    """Attributes, text and children of an element from what JSON says of it."""
    if not isinstance(value, dict):
        element.text = _text(value) if value is not None else None
        return
    for key, part in value.items():
        if key == "#attributes" and isinstance(part, dict):
            for name, attribute in part.items():
                _set(element, name, value=attribute)
        elif key.startswith("@"):
            _set(element, key[1:], value=part)
        elif key == "#text":
            _add_texts(element, part)
        else:
            _add_children(element, key, parts=part if isinstance(part, list) else [part], siblings=value)


def _add_texts(element: etree._Element, part: Any) -> None:
    """A list of texts means as many elements: all but the first follow this one."""
    texts = part if isinstance(part, list) else [part]
    element.text = _text(texts[0]) if texts else None
    parent = element.getparent()
    for text in texts[1:]:
        if parent is not None:
            etree.SubElement(parent, element.tag).text = _text(text)


def _add_children(element: etree._Element, key: str, *, parts: list[Any], siblings: Json) -> None:
    again = _AGAIN.fullmatch(key)
    name = again[1] if again and again[1] in siblings else key
    named = element.tag == "EventData" and name not in ("Data", "Binary", "ComplexData")
    for part in parts:
        if named and not isinstance(part, dict):
            child = etree.SubElement(element, "Data", Name=_text(key))
            child.text = _text(part) if part is not None else None
            continue
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a name of an element")
        _fill(etree.SubElement(element, name), part)


def _set(element: etree._Element, name: str, *, value: Any) -> None:
    name = name.rpartition(":")[2]
    if name == "xmlns" or value is None:
        return
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a name of an attribute")
    element.set(name, _text(value))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return NOT_IN_XML.sub("\ufffd", value if isinstance(value, str) else json.dumps(value))
