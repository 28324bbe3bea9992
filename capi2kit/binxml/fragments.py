"""Fragments of Binary XML: bytes → nodes with slots, before any value is filled in.

Names and template definitions are in the chunk at their first use and are
referred to by offset, so a fragment is read with its whole chunk at hand.

The one thing other readers miss: elements of a template *definition* carry a
dependency id, elements of an inline fragment (CAPI2's UserData) do not.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from capi2kit.binxml.names import read_name, written_name
from capi2kit.binxml.values import ANSI, FILETIME, STRING, WIDTHS, value_text

ENTITIES = {"quot": '"', "amp": "&", "lt": "<", "gt": ">", "apos": "'"}
UNKNOWN_NAME = "UnknownName"  # in place of a name that nothing could restore
MAX_DEPTH = 64
NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # what XML cannot hold
_MORE = 0x40
EARLIEST, LATEST = 116444736000000000, 189025920000000000  # 1970 and 2200, in ticks since 1601
_TOKEN = 16  # units of work; a byte of text is one
_RECORD_WORK = 1 << 20  # several times what the largest record can need: templates may repeat each other for ever
_CHUNK_WORK = 1 << 23

_u16 = struct.Struct("<H").unpack_from
_u32 = struct.Struct("<I").unpack_from


class BinXmlError(ValueError):
    """The bytes are not BinXML; `offset` is where in the chunk that showed."""

    def __init__(self, message: str, offset: int):
        super().__init__(f"{message} at chunk offset {offset:#x}")
        self.offset = offset


class Slot(NamedTuple):
    """A place that a template leaves for a value."""

    number: int
    optional: bool


class Value(NamedTuple):
    """A value of a template instance: its type, and where its bytes are in the chunk."""

    kind: int
    offset: int
    size: int


@dataclass(slots=True)
class Node:
    """An element as written: name, attributes, and parts (text, Slot, Node or Instance)."""

    name: str
    attributes: list[tuple[str, list[str | Slot]]] = field(default_factory=list)
    parts: list[str | Slot | Node | Instance] = field(default_factory=list)


class Template(NamedTuple):
    """A template definition: its GUID, what it says, how many values it needs, and whether readers differ over its texts."""

    guid: bytes
    roots: list[Node]
    slots: int
    odd: bool = False


class Instance(NamedTuple):
    """A template with its values: what nearly every record consists of."""

    roots: list[Node]
    values: list[Value]


LostName = Callable[[int, str], str | None]
LostTemplate = Callable[[bytes], Template | None]


class Fragments:
    """Reads the fragments of one chunk, remembering its names and templates.

    For damaged chunks: `lost_name(offset, parent)` is asked for a name whose hash
    does not verify (parent: the element above, with ``@`` for attributes); without
    an answer it becomes `UNKNOWN_NAME`. `lost_template(guid_start)` is asked before
    a template of this chunk is believed. `contexts` collects (parent, name).

    For intact chunks, where no `lost_name` is given: a name whose hash does not verify is read as it is written, and
    collected in `misspelt`. `odd` becomes true where readers differ: a text with a character that XML cannot hold, such
    as a NUL inside, or half a character; such a name; a value of
    another size than its type has; a time long before or after there was a Windows to write it;
    no element at all, or several.
    """

    def __init__(self, chunk: bytes, *, lost_name: LostName | None, lost_template: LostTemplate | None) -> None:
        self.chunk = chunk
        self.lost_name = lost_name
        self.lost_template = lost_template
        self.names: dict[int, str] = {}
        self.templates: dict[int, Template] = {}
        self.contexts: set[tuple[str, str]] = set()
        self.misspelt: dict[int, str] = {}
        self.odd = False
        self._chunk_work = _CHUNK_WORK
        self._work = 0

    def begin_record(self) -> None:
        """Allow the work of one more record."""
        self._chunk_work += self._work
        self._work = min(_RECORD_WORK, self._chunk_work)
        self._chunk_work -= self._work

    def spend(self, size: int, *, at: int) -> None:
        """Count work: tokens and bytes. Raises BinXmlError for a record that repeats itself without end."""
        self._work -= _TOKEN + size
        if self._work < 0:
            raise BinXmlError("the record repeats itself without end", at)

    def read(self, at: int, end: int, *, in_definition: bool, depth: int) -> list[Node | Instance]:
        """The elements and template instances in [at, end)."""
        roots: list[Node | Instance] = []
        while at < end:
            self.spend(0, at=at)
            token = self.chunk[at]
            if token == 0x0F:
                at += 4
            elif token == 0x0C:
                instance, at = self._instance(at, end, depth=depth)
                roots.append(instance)
            elif token & ~_MORE == 0x01:
                node, at = self._element(at, end, in_definition=in_definition, depth=depth)
                roots.append(node)
            elif token == 0x00:
                break
            else:
                raise BinXmlError(f"unexpected token {token:#04x}", at)
        return roots

    def _instance(self, at: int, end: int, *, depth: int) -> tuple[Instance, int]:
        start, definition = self.chunk[at + 2 : at + 6], _u32(self.chunk, at + 6)[0]
        at += 10
        inline = definition == at
        template = self.template(definition, start, depth=depth)
        if inline:
            at += 24 + _u32(self.chunk, definition + 20)[0]
        count = _u32(self.chunk, at)[0]
        if at + 4 + 4 * count > end or count < template.slots:
            raise BinXmlError(f"{count} values do not fit", at)
        self.spend(_TOKEN * count, at=at)
        offset, values = at + 4 + 4 * count, []
        for number in range(count):
            size, kind = struct.unpack_from("<HB", self.chunk, at + 4 + 4 * number)
            values.append(Value(kind, offset, size))
            if WIDTHS.get(kind, size) != size and size:
                self.odd = True
            elif kind == FILETIME and size:
                self.odd |= not EARLIEST <= struct.unpack_from("<Q", self.chunk, offset)[0] < LATEST
            elif kind in (STRING, ANSI) and not self.odd:
                self._note_odd(value_text(kind, self.chunk[offset : offset + size]) or "")
            offset += size
        if offset > end:
            raise BinXmlError("values reach beyond the record", at)
        return Instance(template.roots, values), offset

    def template(self, definition: int, start: bytes, *, depth: int) -> Template:
        """The template at an offset, whose GUID begins with `start`."""
        known = self.templates.get(definition)
        if known and known.guid[:4] == start:
            self.odd |= known.odd
            return known
        if depth > MAX_DEPTH:
            raise BinXmlError("templates inside templates without end", definition)
        template = self.lost_template(start) if self.lost_template else None
        if template is None:
            guid = self.chunk[definition + 4 : definition + 20]
            if guid[:4] != start or len(guid) < 16:
                raise BinXmlError("a template definition is lost: it is not where the record says", definition)
            first, before, self.odd = definition + 24, self.odd, False
            stop = min(first + _u32(self.chunk, definition + 20)[0], len(self.chunk))
            found = self.read(first, stop, in_definition=True, depth=depth + 1)
            roots = [root for root in found if isinstance(root, Node)]
            template = Template(guid, roots, max(map(_slots, roots), default=0), self.odd)
            self.odd |= before
        self.templates[definition] = template
        return template

    def _element(self, at: int, end: int, *, in_definition: bool, depth: int, parent: str = "") -> tuple[Node, int]:
        if depth > MAX_DEPTH:
            raise BinXmlError("nested too deeply", at)
        self.spend(0, at=at)
        chunk, more = self.chunk, self.chunk[at] & _MORE
        at += 3 if in_definition else 1
        name, at = self._name(at + 4, parent)
        node = Node(name)
        if more:
            at = self._attributes(at, end, node=node)
        if chunk[at] == 0x03:
            return node, at + 1
        if chunk[at] != 0x02:
            raise BinXmlError(f"unexpected token {chunk[at]:#04x} in element", at)
        at += 1
        while chunk[at] != 0x04:
            if at >= end:
                raise BinXmlError("element does not end", at)
            kind = chunk[at] & ~_MORE
            if kind == 0x01:
                child, at = self._element(at, end, in_definition=in_definition, depth=depth + 1, parent=name)
                node.parts.append(child)
            elif kind == 0x0C:
                instance, at = self._instance(at, end, depth=depth + 1)
                node.parts.append(instance)
            else:
                before = at
                text, at = self._text(at, end)
                if at == before:
                    raise BinXmlError(f"unexpected token {chunk[at]:#04x} in content", at)
                node.parts.extend(text)
        return node, at + 1

    def _attributes(self, at: int, end: int, *, node: Node) -> int:
        stop = at + 4 + _u32(self.chunk, at)[0]
        at += 4
        while self.chunk[at] & ~_MORE == 0x06:
            name, at = self._name(at + 1, f"{node.name}@")
            value, at = self._text(at, end)
            node.attributes.append((name, value))
        if at != stop:
            raise BinXmlError("attribute list has another length than it says", at)
        return at

    def _text(self, at: int, end: int) -> tuple[list[str | Slot], int]:
        """A run of text, CDATA, character and entity references and substitutions."""
        parts: list[str | Slot] = []
        chunk = self.chunk
        while at < end:
            token = chunk[at] & ~_MORE
            if token in (0x05, 0x07):
                at += 2 if token == 0x05 else 1  # a value text says its type (string) first
                stop = at + 2 + 2 * _u16(chunk, at)[0]
                if stop > end:
                    raise BinXmlError("text reaches beyond the record", at)
                text = chunk[at + 2 : stop].decode("utf-16le", "surrogatepass").rstrip("\0")
                self._note_odd(text)
                parts.append(text)
                at = stop
            elif token == 0x08:
                parts.append(chr(_u16(chunk, at + 1)[0]))
                self._note_odd(parts[-1])  # type: ignore[arg-type]
                at += 3
            elif token == 0x09:
                entity, at = self._name(at + 1, "&")
                parts.append(ENTITIES.get(entity, f"&{entity};"))
            elif token in (0x0D, 0x0E):
                parts.append(Slot(_u16(chunk, at + 1)[0], token == 0x0E))
                at += 4
            elif token in (0x0A, 0x0B):  # processing instruction: skipped, an event never has one
                at = self._name(at + 1, "?")[1] if token == 0x0A else at + 3 + 2 * _u16(chunk, at + 1)[0]
            else:
                break
            self.spend(0, at=at)
        return parts, at

    def _note_odd(self, text: str) -> None:
        if not text.isprintable() and NOT_IN_XML.search(text):
            self.odd = True

    def _name(self, at: int, parent: str) -> tuple[str, int]:
        offset = _u32(self.chunk, at)[0]
        at += 4
        name = self.names.get(offset) or read_name(self.chunk, offset)
        if name is None and self.lost_name:
            name = self.lost_name(offset, parent)
        elif name is None:
            name = self.misspelt[offset] = written_name(self.chunk, offset) or UNKNOWN_NAME
        self.odd |= offset in self.misspelt
        if name is None:
            name = UNKNOWN_NAME  # and asked for again: another parent may tell
        elif name != UNKNOWN_NAME:
            self.names[offset] = name
        self.contexts.add((parent, name))
        if offset == at:
            at += 10 + 2 * _u16(self.chunk, offset + 6)[0]
        return name, at


def _slots(node: Node) -> int:
    """How many values an element needs: one more than the highest number of its slots."""
    parts = [part for _, value in node.attributes for part in value] + node.parts
    inner = (
        _slots(part) if isinstance(part, Node) else part.number + 1 if isinstance(part, Slot) else 0 for part in parts
    )
    return max(inner, default=0)
