"""Layouts: an Event element → the template and the values in which Windows stores it.

System goes through one template per provider, channel and computer. CAPI2's
UserData is a value without a template of its own; EventData is a template inside.
Source: real logs, rebuilt byte by byte.
"""

from __future__ import annotations

import hashlib
import re
import struct
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import NamedTuple
from uuid import UUID

from lxml import etree

from capi2kit.binxml.fragments import BinXmlError, Node, Slot
from capi2kit.binxml.values import BINARY, BINXML, STRING, STRINGS

NAMESPACE = "http://schemas.microsoft.com/win/2004/08/events/event"
NULL, U8, U16, U32, U64, GUID, FILETIME, SID, HEX64 = 0x00, 0x04, 0x06, 0x08, 0x0A, 0x0F, 0x11, 0x13, 0x15
_EPOCH = datetime(1601, 1, 1)
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,7}))?Z")
_SLOTS = 20
_PAYLOAD = 19
_ATTRIBUTES = {
    "Provider": {"Name", "Guid", "EventSourceName"},
    "EventID": {"Qualifiers"},
    "TimeCreated": {"SystemTime"},
    "Correlation": {"ActivityID", "RelatedActivityID"},
    "Execution": {"ProcessID", "ThreadID"},
    "Security": {"UserID"},
}
Attributes = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Definition:
    """A template as it is written: its GUID, its root, and the type of each slot."""

    guid: bytes
    root: Node
    kinds: dict[int, int]


class Stored(NamedTuple):
    """A template with its values: type and bytes, or what is encoded in their place."""

    definition: Definition
    values: list[tuple[int, bytes | Stored | etree._Element]]


@dataclass
class _Slots:
    """Slots as they are given out, with their types."""

    kinds: dict[int, int] = field(default_factory=dict)

    def slot(self, number: int, kind: int) -> Slot:
        """An optional slot of a type."""
        self.kinds[number] = kind
        return Slot(number, True)

    def element(self, name: str, number: int, *, kind: int) -> Node:
        """An element that holds one slot."""
        return Node(name, [], [self.slot(number, kind)])


def lay_out(event: etree._Element) -> Stored:
    """Template and values of an Event element. Raises BinXmlError for what would be lost."""
    system = event.find("System")
    payloads = [child for child in event if child is not system]
    if event.tag != "Event" or event.attrib or system is None or len(payloads) != 1:
        raise BinXmlError("an Event with one System and one payload is wanted", 0)
    for holder in (event, system, *system, payloads[0]):
        _refuse_stray_text(holder)
    for child in system:
        if len(child) or set(child.attrib) - _ATTRIBUTES.get(str(child.tag), set()):
            raise BinXmlError(
                f"System/{child.tag!s} with {', '.join(map(str, child.attrib)) or 'elements'} is not known", 0
            )
    provider, payload = system.find("Provider"), payloads[0]
    inline = payload.tag == "UserData"
    definition = _event_definition(
        () if provider is None else _attributes(provider),
        tuple(str(child.tag) for child in system),
        channel=system.findtext("Channel") or "",
        computer=system.findtext("Computer") or "",
        inline=inline,
    )
    return Stored(definition, [*_system_values(system), _payload_value(payload, inline=inline)])


def _refuse_stray_text(holder: etree._Element) -> None:
    """No text beside the elements of a holder: there is no place for it."""
    if len(holder) and any((text or "").strip() for text in (holder.text, *(child.tail for child in holder))):
        raise BinXmlError(f"text beside the elements of {holder.tag!s}", 0)


@cache
def _event_definition(
    provider: Attributes, names: tuple[str, ...], *, channel: str, computer: str, inline: bool
) -> Definition:
    """The template of events with these elements in System: old ones of other providers lack some."""
    made = _Slots()
    known = {node.name: node for node in _system_nodes(made, provider, channel=channel, computer=computer)}
    if set(names) - known.keys() or len(set(names)) < len(names):
        raise BinXmlError(f"System with {', '.join(names)} is not known", 0)
    payload = made.slot(_PAYLOAD, BINXML)
    last: Node | Slot = Node("UserData", [], [payload]) if inline else payload
    root = Node("Event", [("xmlns", [NAMESPACE])], [Node("System", [], [known[name] for name in names]), last])
    return Definition(_guid(repr(root)), root, made.kinds)


def _system_nodes(made: _Slots, provider: Attributes, *, channel: str, computer: str) -> list[Node]:
    slot, element = made.slot, made.element
    return [
        Node("Provider", _literal(provider)),
        Node("EventID", [("Qualifiers", [slot(4, U16)])], [slot(3, U16)]),
        element("Version", 11, kind=U8),
        element("Level", 0, kind=U8),
        element("Task", 2, kind=U16),
        element("Opcode", 1, kind=U8),
        element("Keywords", 5, kind=HEX64),
        Node("TimeCreated", [("SystemTime", [slot(6, FILETIME)])]),
        element("EventRecordID", 10, kind=U64),
        Node("Correlation", [("ActivityID", [slot(7, GUID)]), ("RelatedActivityID", [slot(18, GUID)])]),
        Node("Execution", [("ProcessID", [slot(8, U32)]), ("ThreadID", [slot(9, U32)])]),
        Node("Channel", [], [channel]),
        Node("Computer", [], [computer]),
        Node("Security", [("UserID", [slot(12, SID)])]),
    ]


def _guid(content: str) -> bytes:
    return hashlib.md5(content.encode(), usedforsecurity=False).digest()


def _system_values(system: etree._Element) -> list[tuple[int, bytes | Stored | etree._Element]]:
    """Values 0 to 18 of the template."""
    found: list[tuple[int, bytes | Stored | etree._Element]] = [(NULL, b"")] * (_SLOTS - 1)
    for number, path, kind in (
        (0, "Level", U8),
        (1, "Opcode", U8),
        (2, "Task", U16),
        (3, "EventID", U16),
        (4, "EventID@Qualifiers", U16),
        (5, "Keywords", HEX64),
        (6, "TimeCreated@SystemTime", FILETIME),
        (7, "Correlation@ActivityID", GUID),
        (8, "Execution@ProcessID", U32),
        (9, "Execution@ThreadID", U32),
        (10, "EventRecordID", U64),
        (11, "Version", U8),
        (12, "Security@UserID", SID),
        (18, "Correlation@RelatedActivityID", GUID),
    ):
        name, _, attribute = path.partition("@")
        element = system.find(name)
        text = None if element is None else element.get(attribute) if attribute else element.text
        if text:
            found[number] = (kind, value_bytes(kind, text))
    return found


_INTEGERS = {U8: "<B", U16: "<H", U32: "<I", U64: "<Q"}


def value_bytes(kind: int, text: str) -> bytes:
    """The bytes of a value of a type from the text that Windows shows. Raises BinXmlError."""
    try:
        if kind in _INTEGERS:
            return struct.pack(_INTEGERS[kind], int(text))
        if kind == HEX64:
            return struct.pack("<Q", int(text, 16) if text.startswith("0x") else -1)
        if kind == FILETIME:
            return struct.pack("<Q", _filetime(text))
        if kind == GUID:
            return UUID(text).bytes_le
        if kind == SID:
            return _sid(text)
        return text.encode("utf-16le")
    except (ValueError, struct.error) as err:
        raise BinXmlError(f"{text!r} is not a value of type {kind:#04x} ({err})", 0) from err


def _filetime(text: str) -> int:
    found = _TIME.fullmatch(text)
    if not found:
        raise ValueError("not a time in UTC")
    seconds = (datetime.fromisoformat(found[1]) - _EPOCH) // timedelta(seconds=1)
    return seconds * 10_000_000 + int((found[2] or "").ljust(7, "0"))


def _sid(text: str) -> bytes:
    mark, revision, authority, *subs = text.split("-")
    if mark != "S":
        raise ValueError("not a SID")
    head = bytes([int(revision), len(subs)]) + int(authority).to_bytes(6, "big")
    return head + struct.pack(f"<{len(subs)}I", *map(int, subs))


def _payload_value(payload: etree._Element, *, inline: bool) -> tuple[int, bytes | Stored | etree._Element]:
    if inline:
        if len(payload) != 1 or payload.attrib:
            raise BinXmlError("UserData holds one element and no attribute", 0)
        return BINXML, payload[0]
    return BINXML, _event_data(payload)


def _event_data(payload: etree._Element) -> Stored:
    """EventData: unnamed Data with Binary behind are one array of strings; anything else has a slot for each element."""
    children = list(payload)
    if any(child.tag not in ("Data", "Binary") or len(child) for child in children) or payload.tag != "EventData":
        raise BinXmlError(f"{payload.tag!s} with {sorted({str(child.tag) for child in children})} is not known", 0)
    data, last = children[:-1], children[-1] if children else None
    if (
        data
        and last is not None
        and last.tag == "Binary"
        and not any(one.attrib or one.tag == "Binary" for one in data)
    ):
        strings = "".join(str(one.text or "") + "\0" for one in data).encode("utf-16le")
        kind, binary = _binary(last)
        return Stored(_array_definition(), [(STRINGS, strings), (U32, struct.pack("<I", len(binary))), (kind, binary)])
    shape = tuple((str(one.tag), _attributes(one)) for one in children)
    values = [
        _binary(one) if one.tag == "Binary" else (STRING, str(one.text or "").encode("utf-16le")) for one in children
    ]
    return Stored(_shape_definition(_attributes(payload), shape), list(values))


def _attributes(element: etree._Element) -> Attributes:
    return tuple((str(name), str(value)) for name, value in element.attrib.items())


def _binary(element: etree._Element) -> tuple[int, bytes]:
    try:
        return (BINARY, bytes.fromhex(element.text)) if element.text else (NULL, b"")
    except ValueError as err:
        raise BinXmlError(f"Binary holds no hex digits ({err})", 0) from err


@cache
def _array_definition() -> Definition:
    made = _Slots()
    root = Node("EventData", [], [made.element("Data", 0, kind=STRINGS), made.element("Binary", 2, kind=BINARY)])
    return Definition(_guid(repr(root)), root, made.kinds)


@cache
def _shape_definition(own: Attributes, shape: tuple[tuple[str, Attributes], ...]) -> Definition:
    kinds = {number: BINARY if tag == "Binary" else STRING for number, (tag, _) in enumerate(shape)}
    parts = [Node(tag, _literal(said), [Slot(number, tag == "Binary")]) for number, (tag, said) in enumerate(shape)]
    root = Node("EventData", _literal(own), list(parts))
    return Definition(_guid(repr((root, kinds))), root, kinds)


def _literal(attributes: Attributes) -> list[tuple[str, list[str | Slot]]]:
    return [(name, [value]) for name, value in attributes]
