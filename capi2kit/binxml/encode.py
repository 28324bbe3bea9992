"""Encoding Binary XML: Event elements → the bytes of their records in one chunk, as Windows lays them out.

The first use of a name or template in a chunk defines it there, later ones point
to it; so a record that does not fit takes its definitions back with it.
"""

from __future__ import annotations

import re
import struct
from functools import lru_cache
from typing import NamedTuple

from lxml import etree

from capi2kit.binxml.fragments import MAX_DEPTH, NOT_IN_XML, BinXmlError, Node, Slot
from capi2kit.binxml.layouts import Definition, Stored, lay_out
from capi2kit.binxml.names import BUCKETS, TEMPLATE_BUCKETS, name_hash

CHUNK, FIRST, LIMIT = 65536, 512, 65528  # a chunk's free-space offset never reaches its end
LONGEST_ATTRIBUTE = 31_673
_MORE = 0x40
_FRAGMENT = b"\x0f\x01\x01\x00"
_NO_SLOT = 0xFFFF
_DEEPEST = MAX_DEPTH - 4  # levels of a payload that a reader follows; Event and UserData are above it
_ENTITIES = {'"': "quot", "&": "amp", "<": "lt", ">": "gt"}
_SPECIAL = re.compile('(["&<>])')


class FullChunk(Exception):  # noqa: N818 - nothing is wrong
    """The record does not fit into what is left of the chunk."""


class _Mark(NamedTuple):
    """Where the chunk ended before a record, and what it knew."""

    size: int
    names: int
    templates: int


class Encoder:
    """Writes records into one chunk. `data` begins with the place of the chunk's header."""

    def __init__(self) -> None:
        self.data = bytearray(FIRST)
        self.name_heads = [0] * BUCKETS
        self.template_heads = [0] * TEMPLATE_BUCKETS
        self._names: dict[str, int] = {}
        self._templates: dict[bytes, int] = {}
        self._new_names: list[tuple[str, int, int]] = []  # with bucket, and what was at its head
        self._new_templates: list[tuple[bytes, int, int]] = []

    def write(self, event: etree._Element, *, number: int, written: int) -> int:
        """Append a record with its header; returns where it is.

        Raises FullChunk, and then nothing has changed; BinXmlError for what no record can hold.
        """
        mark = _Mark(len(self.data), len(self._new_names), len(self._new_templates))
        try:
            self.data += struct.pack("<4sIQQ", b"**\0\0", 0, number, written) + _FRAGMENT
            self._instance(lay_out(event))
            self.data.append(0)
            self._close(mark.size)
            if len(self.data) > LIMIT:
                raise BinXmlError("the record is larger than a chunk", 0) if mark.size == FIRST else FullChunk
        except (BinXmlError, FullChunk):
            self._take_back(mark)
            raise
        return mark.size

    def _close(self, start: int) -> None:
        size = len(self.data) - start + 4
        self.data += bytes(-size % 8)
        size += -size % 8
        self.data += struct.pack("<I", size)
        struct.pack_into("<I", self.data, start + 4, size)

    def _take_back(self, mark: _Mark) -> None:
        """Forget a record, and the names and templates that it defined."""
        del self.data[mark.size :]
        while len(self._new_names) > mark.names:
            name, bucket, head = self._new_names.pop()
            del self._names[name]
            self.name_heads[bucket] = head
        while len(self._new_templates) > mark.templates:
            guid, bucket, head = self._new_templates.pop()
            del self._templates[guid]
            self.template_heads[bucket] = head

    def _patch(self, at: int) -> None:
        """Write the number of bytes behind a length field into it."""
        struct.pack_into("<I", self.data, at, len(self.data) - at - 4)

    def _put_length(self) -> int:
        self.data += b"\0\0\0\0"
        return len(self.data) - 4

    def _name(self, name: str) -> None:
        known = self._names.get(name)
        if known is not None:
            self.data += struct.pack("<I", known)
            return
        at = len(self.data) + 4
        hashed, raw = _name_bytes(name)
        bucket = hashed % BUCKETS
        self.data += struct.pack("<IIHH", at, self.name_heads[bucket], hashed, len(raw) // 2) + raw + b"\0\0"
        self._new_names.append((name, bucket, self.name_heads[bucket]))
        self._names[name] = self.name_heads[bucket] = at

    def _instance(self, stored: Stored) -> None:
        """A template instance: a pointer to its definition (or the definition), descriptors, values."""
        guid = stored.definition.guid
        known = self._templates.get(guid)
        self.data += b"\x0c\x01" + guid[:4] + struct.pack("<I", known or len(self.data) + 10)
        if known is None:
            self._define(stored.definition)
        self.data += struct.pack("<I", len(stored.values))
        descriptors = len(self.data)
        self.data += bytes(4 * len(stored.values))
        for number, (kind, value) in enumerate(stored.values):
            start = len(self.data)
            if isinstance(value, bytes):
                self.data += value
            elif isinstance(value, Stored):
                self.data += _FRAGMENT
                self._instance(value)
                self.data.append(0)
            else:
                self._element(value)
                self.data.append(0)
            length = len(self.data) - start
            if length > 0xFFFF:
                raise BinXmlError("a value is larger than a record", start)
            struct.pack_into("<HBB", self.data, descriptors + 4 * number, length, kind, 0)

    def _define(self, definition: Definition) -> None:
        at, guid = len(self.data), definition.guid
        bucket = _fold(struct.unpack("<8H", guid)) % TEMPLATE_BUCKETS
        self.data += struct.pack("<I", self.template_heads[bucket]) + guid
        self._new_templates.append((guid, bucket, self.template_heads[bucket]))
        self._templates[guid] = self.template_heads[bucket] = at
        length = self._put_length()
        self.data += _FRAGMENT
        self._node(definition.root, definition.kinds)
        self.data.append(0)
        self._patch(length)

    def _node(self, node: Node, kinds: dict[int, int]) -> None:
        """An element of a definition. It depends on the slot that it holds, if it holds one that may be empty."""
        slots = [part.number for part in node.parts if isinstance(part, Slot) and part.optional]
        self.data += struct.pack("<BH", 0x41 if node.attributes else 0x01, slots[0] if slots else _NO_SLOT)
        length = self._put_length()
        self._name(node.name)
        if node.attributes:
            attributes = self._put_length()
            for left, (name, parts) in enumerate(node.attributes, 1 - len(node.attributes)):
                self.data.append(0x46 if left else 0x06)
                self._name(name)
                self._node_parts(parts, kinds)
            self._patch(attributes)
        if node.parts:
            self.data.append(0x02)
            self._node_parts(node.parts, kinds)
            self.data.append(0x04)
        else:
            self.data.append(0x03)
        self._patch(length)

    def _node_parts(self, parts: list, kinds: dict[int, int]) -> None:
        for part in parts:
            if isinstance(part, Node):
                self._node(part, kinds)
            elif isinstance(part, Slot):
                self.data += struct.pack("<BHB", 0x0E if part.optional else 0x0D, part.number, kinds[part.number])
            else:
                self.data += _value(part)

    def _element(self, element: etree._Element, *, depth: int = 0) -> None:
        """An element of an inline fragment: no dependency id."""
        if not isinstance(element.tag, str) or "{" in element.tag:
            raise BinXmlError(f"{etree.tostring(element)[:40]!r} is not a plain element", 0)
        if depth > _DEEPEST:
            raise BinXmlError(f"more than {_DEEPEST} elements inside each other", 0)
        attributes = element.attrib
        self.data.append(0x41 if attributes else 0x01)
        length = self._put_length()
        self._name(str(element.tag))
        if attributes:
            listed = self._put_length()
            for left, (name, value) in enumerate(attributes.items(), 1 - len(attributes)):
                self.data.append(0x46 if left else 0x06)
                self._name(str(name))
                self._text(_checked(str(value)), closing=True)
            self._patch(listed)
        if element.text or len(element):
            self.data.append(0x02)
            self._text(element.text or "", closing=False)
            for child in element:
                self._element(child, depth=depth + 1)
                self._text(child.tail or "", closing=False)
            self.data.append(0x04)
        else:
            self.data.append(0x03)
        self._patch(length)

    def _text(self, text: str, *, closing: bool) -> None:
        """Text with its special characters as entity references.

        `closing`: of an attribute, where an empty text follows an entity that ends it.
        """
        if not text and not closing:
            return
        if not _SPECIAL.search(text):
            self.data += _value(text)
            return
        parts = [part for part in _SPECIAL.split(text) if part]
        if closing and parts[-1] in _ENTITIES:
            parts.append("")
        for left, part in enumerate(parts, 1 - len(parts)):
            more = _MORE if left else 0
            if part in _ENTITIES:
                self.data.append(0x09 | more)
                self._name(_ENTITIES[part])
            else:
                self.data += _value(part, more=more)


def _checked(value: str) -> str:
    """An attribute's value, if one can hold it."""
    if len(value) > LONGEST_ATTRIBUTE:
        raise BinXmlError(f"an attribute of {len(value)} characters; at most {LONGEST_ATTRIBUTE} fit", 0)
    if re.search("[\t\r\n]", value):
        raise BinXmlError(f"a tab or line break in the attribute {value[:40]!r}", 0)
    return value


@lru_cache(4096)
def _value(text: str, *, more: int = 0) -> bytes:
    found = NOT_IN_XML.search(text)
    if found:
        raise BinXmlError(f"the character {found[0]!r} cannot be in XML", 0)
    raw = text.encode("utf-16le")
    if len(raw) > 0x1FFFE:
        raise BinXmlError("a text is larger than a record", 0)
    return struct.pack("<BBH", 0x05 | more, 1, len(raw) // 2) + raw


@lru_cache(4096)
def _name_bytes(name: str) -> tuple[int, bytes]:
    return name_hash(name), name.encode("utf-16le")


def _fold(units: tuple[int, ...]) -> int:
    value = 0
    for unit in units:
        value = (value * 65599 + unit) & 0xFFFFFFFF
    return value & 0xFFFF
