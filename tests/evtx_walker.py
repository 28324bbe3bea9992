"""A walker through whole .evtx files that knows the rules of the format and shares no code with the package.

`walk(data)` follows every structure from the file header down to the last token
of every record and collects each broken rule as a line ``family: what``. The
rules are those that all real logs of this project keep; see the families below.

==============  ====================================================================
family          rules
==============  ====================================================================
file header     signature, sizes, version, checksum, flags, chunks used
order           slots from the oldest to the newest hold consecutive records, and the
                next record id follows; the header of a dirty log may lag behind
chunk header    signature, sizes, first and last record, last record's offset,
                free offset at most 65,528
checksum        CRC32 of the chunk header and of the used part
record          signature, both sizes, numbers that count up, padding below 8 bytes
token           Binary XML: tokens, sizes, "more" bits, dependency ids
value           descriptors add up, sizes suit the types, types suit the template
name            hash, terminator, defined once and before it is referred to
template        the same, and the GUID's beginning in each instance
string table    every name in the bucket of its hash, newest first, nothing else
template table  the same for the templates; their buckets in format 3.1 only, since
                those of 3.2 follow another hash
==============  ====================================================================
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

HEADER, CHUNK, FIRST, FREE_LIMIT = 4096, 65536, 512, 65528
DIRTY, FULL = 1, 2
FRAGMENT = b"\x0f\x01\x01\x00"
MORE = 0x40
NO_SLOT = 0xFFFF
NULL, STRING, BINXML, STRINGS = 0x00, 0x01, 0x21, 0x81
WIDTHS = {0x04: 1, 0x06: 2, 0x07: 4, 0x08: 4, 0x09: 8, 0x0A: 8, 0x0D: 4, 0x0F: 16, 0x11: 8, 0x12: 16, 0x14: 4, 0x15: 8}


class Found(NamedTuple):
    """A live record: where it stands in the file, its number and the FILETIME of its writing."""

    slot: int
    offset: int
    size: int
    number: int
    written: int


@dataclass
class Walk:
    """What a walk found: the live records in the order of their numbers, the slots from oldest to newest, the faults."""

    records: list[Found] = field(default_factory=list)
    slots: list[int] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    dirty: bool = False
    minor: int = 1


class Broken(Exception):  # noqa: N818 - the file is, not the walk
    """A rule is broken so that nothing behind it in the record can be believed."""


def u16(data: bytes, at: int) -> int:
    return struct.unpack_from("<H", data, at)[0]


def u32(data: bytes, at: int) -> int:
    return struct.unpack_from("<I", data, at)[0]


def hash_of(units: tuple[int, ...]) -> int:
    value = 0
    for unit in units:
        value = (value * 65599 + unit) % (1 << 32)
    return value % (1 << 16)


def walk(data: bytes) -> Walk:
    """Walk a whole file."""
    found = Walk()
    used, body = _file_header(data, found), data[HEADER:]
    if len(body) % CHUNK:
        found.faults.append(f"file header: {len(body) % CHUNK} bytes behind the last whole chunk")
    chunks = {}
    for slot in range(len(body) // CHUNK):
        raw = body[slot * CHUNK : (slot + 1) * CHUNK]
        if raw.strip(b"\0"):
            chunks[slot] = ChunkWalk(slot, raw, found).run()
    if list(chunks) != list(range(len(chunks))):
        found.faults.append("order: an unused chunk between used ones")
    if len(chunks) != used and not (found.dirty and used < len(chunks)):
        found.faults.append(f"file header: {used} chunks used, there are {len(chunks)}")
    _order(data, chunks, found)
    return found


def _file_header(data: bytes, found: Walk) -> int:
    """Check the file header; returns how many chunks it says are used."""
    if len(data) < HEADER or data[:8] != b"ElfFile\0":
        found.faults.append("file header: no signature")
        return 0
    size, minor, major, block, used = struct.unpack_from("<I4H", data, 32)
    flags, checksum = struct.unpack_from("<II", data, 120)
    found.dirty, found.minor = bool(flags & DIRTY), minor
    if (size, major, block) != (128, 3, HEADER) or minor not in (1, 2):
        found.faults.append(f"file header: sizes and version {size, minor, major, block}")
    if flags & ~(DIRTY | FULL):
        found.faults.append(f"file header: flags {flags:#x}")
    if checksum != zlib.crc32(data[:120]):
        found.faults.append("file header: checksum")
    if data[44:120].strip(b"\0") or data[128:HEADER].strip(b"\0"):
        found.faults.append("file header: something stands where nothing belongs")
    return used


def _order(data: bytes, chunks: dict[int, ChunkWalk], found: Walk) -> None:
    """From the oldest slot to the newest the records count up by one; the file header names both and what follows."""
    oldest, newest, following = struct.unpack_from("<QQQ", data.ljust(HEADER, b"\0"), 8)
    filled = {slot: chunk for slot, chunk in chunks.items() if chunk.records}
    found.slots = sorted(filled, key=lambda slot: filled[slot].records[0].number)
    found.records = [record for slot in found.slots for record in filled[slot].records]
    for one, other in pairwise(found.records):
        if other.number != one.number + 1:
            found.faults.append(f"order: record {one.number} is followed by {other.number}")
    ring = [*range(len(chunks))]
    start = found.slots[0] if found.slots else 0
    if found.slots != (ring[start:] + ring[:start])[: len(found.slots)]:
        found.faults.append(f"order: the chunks lie in the slots {found.slots}")
    expected = (start, found.slots[-1], found.records[-1].number + 1) if found.slots else (0, 0, 1)
    if found.dirty:
        if newest not in ring or following > expected[2]:
            found.faults.append(f"order: a dirty header ahead of its chunks, {oldest, newest, following}")
    elif (oldest, newest, following) != expected:
        found.faults.append(f"order: the header says {oldest, newest, following}, the chunks {expected}")


@dataclass
class Template:
    """A definition as walked: its GUID, and the type of each slot."""

    guid: bytes
    kinds: dict[int, int]


@dataclass
class ChunkWalk:
    """The walk through one chunk."""

    slot: int
    raw: bytes
    found: Walk
    records: list[Found] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)
    templates: dict[int, Template] = field(default_factory=dict)

    def fault(self, family: str, what: str) -> None:
        self.found.faults.append(f"{family}: {what} (chunk {self.slot})")

    def run(self) -> ChunkWalk:
        raw = self.raw
        if raw[:8] != b"ElfChnk\0":
            self.fault("chunk header", "no signature")
            return self
        first, last, first_id, last_id, size, last_at, free = struct.unpack_from("<qqqqIII", raw, 8)
        if size != 128 or u32(raw, 120) != 1 or raw[56:120].strip(b"\0"):
            self.fault("chunk header", "size, flags or reserved bytes")
        if u32(raw, 124) != zlib.crc32(raw[:120] + raw[128:FIRST]):
            self.fault("checksum", "of the chunk header")
        if not FIRST <= free <= FREE_LIMIT:
            self.fault("chunk header", f"free offset {free}")
            return self
        if u32(raw, 52) != zlib.crc32(raw[FIRST:free]):
            self.fault("checksum", "of the used part")
        self._records(free)
        numbers = [record.number for record in self.records]
        said = (first, last, first_id, last_id, last_at)
        where = self.records[-1].offset - HEADER - self.slot * CHUNK if numbers else 0
        if said != ((numbers[0], numbers[-1], numbers[0], numbers[-1], where) if numbers else (1, -1, -1, -1, 0)):
            self.fault("chunk header", f"says {said} of records {numbers[:1]} to {numbers[-1:]} at {where}")
        table = {at: hash_of(struct.unpack(f"<{len(name)}H", _wide(name))) for at, name in self.names.items()}
        self._table("string table", 128, buckets=64, members=table, hashed=True)
        guids = {at: hash_of(struct.unpack("<8H", one.guid)) for at, one in self.templates.items()}
        self._table("template table", 384, buckets=32, members=guids, hashed=self.found.minor == 1)
        return self

    def _records(self, free: int) -> None:
        at = FIRST
        while at < free:
            if self.raw[at : at + 4] != b"**\0\0" or free - at < 32:
                return self.fault("record", f"no signature at {at:#x}, or no room for a record")
            size, number, written = struct.unpack_from("<IQQ", self.raw, at + 4)
            if size % 8 or not 32 <= size <= free - at or u32(self.raw, at + size - 4) != size:
                return self.fault("record", f"sizes of record {number}")
            if self.records and number != self.records[-1].number + 1:
                self.fault("record", f"{self.records[-1].number} is followed by {number}")
            self.records.append(Found(self.slot, HEADER + self.slot * CHUNK + at, size, number, written))
            try:
                end = self._fragment(at + 24, at + size - 4, kinds=None)
                if at + size - 4 - end >= 8:
                    self.fault("record", f"{at + size - 4 - end} bytes of padding in record {number}")
            except (Broken, struct.error, IndexError) as err:
                self.fault(*(err.args if isinstance(err, Broken) else ("token", f"cut off: {err}")))
            at += size
        return None

    def _table(self, family: str, start: int, *, buckets: int, members: dict[int, int], hashed: bool) -> None:
        """Follow the chains from their heads: everything is in its bucket, newest first, and nothing else is."""
        reached = set()
        for bucket in range(buckets):
            at, before = u32(self.raw, start + 4 * bucket), CHUNK
            while at:
                if at not in members or (hashed and members[at] % buckets != bucket) or at >= before:
                    self.fault(family, f"bucket {bucket} leads to {at:#x}")
                    break
                reached.add(at)
                at, before = u32(self.raw, at), at
        if reached != set(members):
            self.fault(family, f"{len(set(members) - reached)} entries cannot be reached")

    # Binary XML. `kinds` is None outside of definitions; inside it collects the types of the slots.

    def _fragment(self, at: int, end: int, *, kinds: dict[int, int] | None, nested: bool = False) -> int:
        """A fragment up to its end token. Of those in values some have no header."""
        headed = self.raw[at : at + 4] == FRAGMENT
        self._expect(headed or nested, f"no fragment header at {at:#x}")
        at += 4 if headed else 0
        at = self._instance(at, end) if self.raw[at] == 0x0C else self._element(at, end, kinds=kinds)
        self._expect(self.raw[at] == 0x00 and at < end, f"the fragment does not end at {at:#x}")
        return at + 1

    @staticmethod
    def _expect(holds: bool, what: str, family: str = "token") -> None:
        if not holds:
            raise Broken(family, what)

    def _instance(self, at: int, end: int) -> int:
        raw, definition = self.raw, u32(self.raw, at + 6)
        self._expect(raw[at + 1] == 1, f"template instance at {at:#x}")
        start, at = raw[at + 2 : at + 6], at + 10
        if definition == at:
            at = self._definition(at)
        self._expect(definition in self.templates, f"{definition:#x} is not defined before", "template")
        template = self.templates[definition]
        self._expect(template.guid[:4] == start, f"the GUID at {definition:#x} begins differently", "template")
        count = u32(raw, at)
        self._expect(count >= len(template.kinds), f"{count} values for slots {sorted(template.kinds)}", "value")
        descriptors = [struct.unpack_from("<HBB", raw, at + 4 + 4 * number) for number in range(count)]
        at += 4 + 4 * count
        for number, (size, kind, zero) in enumerate(descriptors):
            self._expect(at + size <= end and not zero, f"value {number} at {at:#x} is too long", "value")
            declared = template.kinds.get(number)
            suits = declared is None or kind in (NULL, declared)
            self._expect(suits, f"value {number} at {at:#x} has type {kind:#x} for {declared or 0:#x}", "value")
            self._value(at, size, kind=kind)
            at += size
        return at

    def _definition(self, at: int) -> int:
        guid, size, kinds = self.raw[at + 4 : at + 20], u32(self.raw, at + 20), {}
        known = any(template.guid == guid for template in self.templates.values())
        self._expect(not known, f"defined again at {at:#x}", "template")
        end = self._fragment(at + 24, at + 24 + size, kinds=kinds)
        self._expect(end == at + 24 + size, f"definition at {at:#x} says size {size}", "template")
        self.templates[at] = Template(guid, kinds)
        return end

    def _value(self, at: int, size: int, *, kind: int) -> None:
        raw, end = self.raw[at : at + size], at + size
        if kind == BINXML:
            stop = self._fragment(at, end, kinds=None, nested=True)
            self._expect(stop == end, f"nested fragment at {at:#x} ends before its value", "value")
        elif kind == STRINGS:
            self._expect(size % 2 == 0 and (raw[-2:] == b"\0\0" or not raw), f"array of strings at {at:#x}", "value")
        elif kind == STRING:
            self._expect(size % 2 == 0, f"string of {size} bytes at {at:#x}", "value")
        elif kind == 0x13:
            self._expect(size >= 8 and size == 8 + 4 * raw[1], f"SID of {size} bytes at {at:#x}", "value")
        elif kind in WIDTHS:  # a null may have any size: Windows leaves bytes in some
            self._expect(size == WIDTHS[kind], f"{size} bytes of type {kind:#x} at {at:#x}", "value")

    def _element(self, at: int, end: int, *, kinds: dict[int, int] | None) -> int:
        raw, start, token = self.raw, at, self.raw[at]
        self._expect(token in (0x01, 0x41), f"{token:#04x} at {at:#x} instead of an element")
        at += 1
        dependency = NO_SLOT if kinds is None else u16(raw, at)
        at += 0 if kinds is None else 2
        stop = at + 4 + u32(raw, at)
        self._expect(stop <= end, f"element at {start:#x} is larger than what holds it")
        at = self._name(at + 4)
        if token & MORE:
            at = self._attributes(at, stop, kinds=kinds)
        slots: list[int] = []
        if raw[at] == 0x02:
            at, slots = self._content(at + 1, stop, kinds=kinds)
        else:
            self._expect(raw[at] == 0x03, f"{raw[at]:#04x} at {at:#x} behind a name")
        self._expect(at + 1 == stop, f"element at {start:#x} says another size")
        self._expect(
            dependency == (slots[0] if slots else NO_SLOT), f"element at {start:#x} depends on {dependency:#x}"
        )
        return stop

    def _attributes(self, at: int, end: int, *, kinds: dict[int, int] | None) -> int:
        stop, more = at + 4 + u32(self.raw, at), True
        self._expect(stop <= end, f"attributes at {at:#x} are larger than their element")
        at += 4
        while at < stop:
            self._expect(more and self.raw[at] in (0x06, 0x46), f"{self.raw[at]:#04x} at {at:#x} among attributes")
            more = bool(self.raw[at] & MORE)
            at, parts = self._text(self._name(at + 1), stop, kinds=kinds)
            entity = not parts or parts[-1] == 0x09
            self._expect(not entity, f"an attribute before {at:#x} ends with an entity or without a value")
        self._expect(at == stop and not more, f"attributes before {at:#x} say another size or number")
        return at

    def _content(self, at: int, end: int, *, kinds: dict[int, int] | None) -> tuple[int, list[int]]:
        """What stands in an element, up to its end tag; returns the optional slots directly in it."""
        slots: list[int] = []
        while self.raw[at] != 0x04:
            self._expect(at < end, f"element before {at:#x} does not end")
            token = self.raw[at]
            if token in (0x0D, 0x0E) and kinds is not None:
                slots += [u16(self.raw, at + 1)] if token == 0x0E else []
                at = self._hole(at, kinds)
            elif token & ~MORE == 0x01:
                at = self._element(at, end, kinds=kinds)
            else:
                at, parts = self._text(at, end, kinds=None)
                self._expect(bool(parts), f"{token:#04x} at {at:#x} in an element")
        return at, slots

    def _hole(self, at: int, kinds: dict[int, int]) -> int:
        number, kind = struct.unpack_from("<HB", self.raw, at + 1)
        self._expect(kinds.setdefault(number, kind) == kind, f"slot {number} has two types", "template")
        return at + 4

    def _text(self, at: int, end: int, *, kinds: dict[int, int] | None) -> tuple[int, list[int]]:
        """A run of text, entity references and (in attributes) slots; all but the last say that more follows."""
        parts: list[int] = []
        more = True
        while more:
            token, kind = self.raw[at], self.raw[at] & ~MORE
            more = bool(token & MORE)
            if kind == 0x05:
                self._expect(self.raw[at + 1] == STRING, f"text of another type at {at:#x}")
                at += 4 + 2 * u16(self.raw, at + 2)
                self._expect(at <= end, f"text before {at:#x} is too long")
            elif kind == 0x09:
                at = self._name(at + 1)
            elif token in (0x0D, 0x0E) and kinds is not None and not parts:
                at = self._hole(at, kinds)
            else:
                self._expect(not parts, f"{token:#04x} at {at:#x} where more text was promised")
                return at, parts
            parts.append(kind)
        return at, parts

    def _name(self, at: int) -> int:
        """A reference to a name, and its definition if it stands here."""
        raw, offset = self.raw, u32(self.raw, at)
        at += 4
        if offset != at:
            self._expect(offset in self.names, f"{offset:#x} is not defined before {at:#x}", "name")
            return at
        stored, length = struct.unpack_from("<HH", raw, at + 4)
        end = at + 8 + 2 * length
        units = struct.unpack_from(f"<{length}H", raw, at + 8)
        name = "".join(map(chr, units))
        self._expect(bool(length) and hash_of(units) == stored, f"hash of the name at {at:#x}", "name")
        self._expect(raw[end : end + 2] == b"\0\0", f"terminator of the name at {at:#x}", "name")
        self._expect(name not in self.names.values(), f"{name} is defined again at {at:#x}", "name")
        self.names[at] = name
        return end + 2


def _wide(name: str) -> bytes:
    return struct.pack(f"<{len(name)}H", *map(ord, name))
