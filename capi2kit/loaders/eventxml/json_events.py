"""JSON events: an event as evtx_dump, EvtxECmd and Chainsaw write it → its elements.

Elements are keys there: attributes are under ``#attributes``, behind ``@`` or under ``Name_attributes`` beside ``Name``, texts under
``#text``, and siblings of one name in a list or as ``Name_1``. The order between siblings of different names is lost.
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
_BESIDE = "_attributes"


def fill(element: etree._Element, value: Any) -> None:
    """Attributes, text and children of an element from what JSON says of it. Raises ValueError for a name that XML cannot have."""
    if not isinstance(value, dict):
        element.text = text_of(value) if value is not None else None
        return
    made: dict[str, etree._Element] = {}
    for key, part in value.items():
        if key == "#attributes" and isinstance(part, dict):
            _set_all(element, part)
        elif key.startswith("@"):
            _set(element, key[1:], value=part)
        elif key == "#text":
            _add_texts(element, part)
        elif not (key.endswith(_BESIDE) and isinstance(part, dict)):
            _add_children(element, key, parts=part if isinstance(part, list) else [part], siblings=value, made=made)
    for key, part in value.items():
        if key.endswith(_BESIDE) and isinstance(part, dict):
            name = key.removesuffix(_BESIDE)
            if name not in made:
                _add_children(element, name, parts=[None], siblings=value, made=made)
            _set_all(made[name], part)


def _set_all(element: etree._Element, attributes: Json) -> None:
    for name, attribute in attributes.items():
        _set(element, name, value=attribute)


def _add_texts(element: etree._Element, part: Any) -> None:
    """A list of texts means as many elements: all but the first follow this one."""
    texts = part if isinstance(part, list) else [part]
    element.text = text_of(texts[0]) if texts else None
    parent = element.getparent()
    for text in texts[1:]:
        if parent is not None:
            etree.SubElement(parent, element.tag).text = text_of(text)


def _add_children(
    element: etree._Element, key: str, *, parts: list[Any], siblings: Json, made: dict[str, etree._Element]
) -> None:
    again = _AGAIN.fullmatch(key)
    name = again[1] if again and (again[1] in siblings or f"{again[1]}{_BESIDE}" in siblings) else key
    named = element.tag == "EventData" and name not in ("Data", "Binary", "ComplexData")
    for part in parts:
        if named and not isinstance(part, dict):
            child = etree.SubElement(element, "Data", Name=text_of(key))
            child.text = text_of(part) if part is not None else None
        elif not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a name of an element")
        else:
            child = etree.SubElement(element, name)
            fill(child, part)
        made.setdefault(key, child)


def _set(element: etree._Element, name: str, *, value: Any) -> None:
    name = name.rpartition(":")[2]
    if name == "xmlns" or value is None:
        return
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a name of an attribute")
    element.set(name, text_of(value))


def text_of(value: Any) -> str:
    """A value of JSON as the text of an element."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return NOT_IN_XML.sub("\ufffd", value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
