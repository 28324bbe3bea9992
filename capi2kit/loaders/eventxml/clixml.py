"""CLIXML: what `Get-WinEvent | Export-Clixml` writes → the elements of its events.

A record is an object with properties; the payload is its list of property values, which PowerShell leaves
out when it exports only two levels.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree

from capi2kit.binxml import NOT_IN_XML
from capi2kit.loaders.evidence import EvidenceFile
from capi2kit.loaders.text.lines import encoding_of, stream

_RECORD = "System.Diagnostics.Eventing.Reader.EventLogRecord"
_PROPERTY = "System.Diagnostics.Eventing.Reader.EventProperty"
_INTEGER = re.compile(r"-?[0-9]{1,20}")
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")
_MOST = 200_000  # elements of one record: a sound one has a few hundred
_NESTED = 40  # levels of a sound export: fewer than ten
_PLACES = {
    "ProviderName": ("Provider", "Name"),
    "ProviderId": ("Provider", "Guid"),
    "Id": ("EventID", ""),
    "Qualifiers": ("EventID", "Qualifiers"),
    "Version": ("Version", ""),
    "Level": ("Level", ""),
    "Task": ("Task", ""),
    "Opcode": ("Opcode", ""),
    "Keywords": ("Keywords", ""),
    "TimeCreated": ("TimeCreated", "SystemTime"),
    "RecordId": ("EventRecordID", ""),
    "ActivityId": ("Correlation", "ActivityID"),
    "RelatedActivityId": ("Correlation", "RelatedActivityID"),
    "ProcessId": ("Execution", "ProcessID"),
    "ThreadId": ("Execution", "ThreadID"),
    "LogName": ("Channel", ""),
    "MachineName": ("Computer", ""),
    "UserId": ("Security", "UserID"),
}


def read_clixml(file: EvidenceFile) -> Iterator[tuple[etree._Element, bool]]:
    """The events of an export, and whether their payload came with them. Raises etree.XMLSyntaxError where it ends."""
    begin, encoding = _begin_of(bytes(file.data[:4096]))
    with stream(file, start=begin) as raw:
        context = etree.iterparse(
            raw, events=("start", "end"), resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False,
            encoding=encoding,
        )  # fmt: skip
        depth = inside = 0
        for what, element in context:
            depth += 1 if what == "start" else -1
            if depth > _NESTED:
                raise etree.XMLSyntaxError(f"nested deeper than {_NESTED} levels", 0, 0, 0)
            inside = inside + 1 if depth > 1 else 0
            if inside > 2 * _MOST:
                raise etree.XMLSyntaxError(f"more than {_MOST} elements in one record", 0, 0, 0)
            if what == "end" and depth == 1:
                if _name(element) == "Obj" and _is_record(element):
                    yield _event_of(element)
                element.clear()
                while (before := element.getprevious()) is not None:
                    element.getparent().remove(before)  # type: ignore[union-attr]


def _begin_of(head: bytes) -> tuple[int, str | None]:
    """Where the XML begins, and its encoding if its own beginning does not tell: a stream has a line above it."""
    encoding, mark = encoding_of(head)
    above = "#< CLIXML".encode(encoding)
    if not head[mark:].startswith(above):
        return 0, None
    return max(head.find("<".encode(encoding), mark + len(above)), 0), encoding.replace("utf-16-", "utf-16")


def _is_record(item: etree._Element) -> bool:
    named = item.findtext("{*}TN/{*}T", "")
    return _RECORD in named or (not named and item.find("{*}Props/*[@N='ProviderName']") is not None)


def _event_of(item: etree._Element) -> tuple[etree._Element, bool]:
    event = etree.Element("Event")
    system = etree.SubElement(event, "System")
    properties = {str(part.get("N")): part for part in item.iterfind("{*}Props/*") if _name(part) != "Nil"}
    for name, (place, attribute) in _PLACES.items():
        text = _text_of(properties[name]) if name in properties else ""
        if name == "Keywords" and _INTEGER.fullmatch(text):
            text = f"{int(text) & (1 << 64) - 1:#x}"
        if not text:
            continue
        found = system.find(place)
        found = etree.SubElement(system, place) if found is None else found
        if attribute:
            found.set(attribute, text)
        else:
            found.text = text
    return event, _add_payload(event, properties.get("Properties"))


def _add_payload(event: etree._Element, properties: etree._Element | None) -> bool:
    """The values as data of the event, or as its payload where a value is XML itself; whether there are any."""
    if properties is None:
        return False
    items = properties.findall("{*}LST/*") or properties.findall("{*}IE/*")
    values = [_value_of(item) for item in items]
    if any(value == _PROPERTY for value in values):
        return False
    first = (values[0] or "").strip() if len(values) == 1 else ""
    payload = _parsed(first) if first.startswith("<") else None
    if payload is not None:
        etree.SubElement(event, "UserData").append(payload)
        return True
    data = etree.SubElement(event, "EventData")
    for value in values:
        etree.SubElement(data, "Data").text = value
    return True


def _parsed(text: str) -> etree._Element | None:
    """The element that a value is, or None if it only begins like one."""
    try:
        return etree.fromstring(text, etree.XMLParser(resolve_entities=False, no_network=True))
    except (etree.XMLSyntaxError, ValueError):
        return None


def _value_of(item: etree._Element) -> str | None:
    value = item.find("{*}Props/*[@N='Value']")
    if value is not None:
        return _text_of(value)
    return _text_of(item) if not len(item) else item.findtext("{*}ToString")


def _text_of(element: etree._Element) -> str:
    """The text of a simple value; what an object calls itself otherwise. `_x000D_` means a character."""
    default = element.findtext("{*}ToString") if len(element) else element.text
    value = element.find("{*}Props/*[@N='Value']")
    text = (value.text if value is not None and value.text else default) or ""
    text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")  # half signs become one
    return NOT_IN_XML.sub("\ufffd", whole)


def _name(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2]
