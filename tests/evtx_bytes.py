"""Bytes of small .evtx logs for tests: Binary XML, records, chunks and files as Windows lays them out.

An element is `El(name, attributes, parts)`; parts are texts and the classes below.
`log_of` makes a whole file of CAPI2 events, so that loaders are tested without real logs.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from uuid import UUID

from capi2kit.binxml import name_hash

CHUNK, HEADER, FIRST = 65536, 4096, 512
PROVIDER = "Microsoft-Windows-CAPI2"
CHANNEL = "Microsoft-Windows-CAPI2/Operational"
TASK = UUID("42694c95-0000-0000-0000-000000000001")
NINE_O_CLOCK = 131_000_000_000_000_000  # a FILETIME of 2016


@dataclass(frozen=True)
class Cdata:
    text: str


@dataclass(frozen=True)
class Entity:
    name: str


@dataclass(frozen=True)
class Char:
    code: int


@dataclass(frozen=True)
class Slot:
    number: int
    optional: bool = True


@dataclass(frozen=True)
class El:
    """An element; attribute values are a text or a list of parts."""

    name: str
    attributes: dict[str, object] = field(default_factory=dict)
    parts: tuple[object, ...] = ()


_GUID = UUID(int=1)


@dataclass(frozen=True)
class Instance:
    """A template, known by its GUID, with values (type, bytes); an El or Instance is a nested BinXML value."""

    root: El
    values: tuple[object, ...]
    guid: UUID = _GUID


class Writer:
    """Writes Binary XML behind what stands in `data`; names and templates are defined at first use."""

    def __init__(self, data: bytes = bytes(FIRST)) -> None:
        self.data = bytearray(data)
        self.names: dict[str, int] = {}
        self.templates: dict[UUID, int] = {}

    def put(self, form: str, *values: int) -> int:
        at = len(self.data)
        self.data += struct.pack(f"<{form}", *values)
        return at

    def patch(self, at: int, value: int) -> None:
        struct.pack_into("<I", self.data, at, value)

    def name(self, name: str) -> None:
        if name in self.names:
            self.put("I", self.names[name])
            return
        self.names[name] = self.put("I", len(self.data) + 4) + 4
        self.put("IHH", 0, name_hash(name), len(name.encode("utf-16le")) // 2)
        self.data += name.encode("utf-16le") + b"\0\0"

    def text(self, text: str) -> None:
        raw = text.encode("utf-16le", "surrogatepass")
        self.put("H", len(raw) // 2)
        self.data += raw

    def element(self, element: El, *, dependent: bool) -> None:
        """`dependent`: with the dependency id that elements of a template definition carry."""
        self.put("B", 0x41 if element.attributes else 0x01)
        if dependent:
            self.put("H", 0xFFFF)
        size = self.put("I", 0)
        self.name(element.name)
        if element.attributes:
            length = self.put("I", 0)
            for left, (name, value) in enumerate(element.attributes.items(), 1 - len(element.attributes)):
                self.put("B", 0x46 if left else 0x06)
                self.name(name)
                self.parts(value if isinstance(value, list | tuple) else [value], dependent=dependent)
            self.patch(length, len(self.data) - length - 4)
        if element.parts:
            self.put("B", 0x02)
            self.parts(element.parts, dependent=dependent)
            self.put("B", 0x04)
        else:
            self.put("B", 0x03)
        self.patch(size, len(self.data) - size - 4)

    def parts(self, parts: object, *, dependent: bool) -> None:
        for left, part in enumerate(parts, 1 - len(parts)):
            more = 0x40 if left else 0
            match part:
                case El():
                    self.element(part, dependent=dependent)
                case Instance():
                    self.instance(part)
                case Cdata(text):
                    self.put("B", 0x07 | more)
                    self.text(text)
                case Char(code):
                    self.put("BH", 0x08 | more, code)
                case Entity(name):
                    self.put("B", 0x09 | more)
                    self.name(name)
                case Slot(number, optional):
                    self.put("BHB", 0x0E if optional else 0x0D, number, 1)
                case str():
                    self.put("BB", 0x05 | more, 1)
                    self.text(part)

    def instance(self, instance: Instance) -> None:
        known = self.templates.get(instance.guid)
        definition = known or len(self.data) + 10
        self.templates[instance.guid] = definition
        self.put("BBII", 0x0C, 1, instance.guid.fields[0], definition)
        if known is None:
            self.put("I", 0)
            self.data += instance.guid.bytes_le
            size = self.put("I", 0)
            self.put("BBBB", 0x0F, 1, 1, 0)
            self.element(instance.root, dependent=True)
            self.put("B", 0)
            self.patch(size, len(self.data) - size - 4)
        self.put("I", len(instance.values))
        descriptors = len(self.data)
        self.data += bytes(4 * len(instance.values))
        for number, value in enumerate(instance.values):
            start = len(self.data)
            kind = 0x21 if isinstance(value, El | Instance) else value[0]
            if isinstance(value, El):
                self.element(value, dependent=False)
            elif isinstance(value, Instance):
                self.put("BBBB", 0x0F, 1, 1, 0)
                self.instance(value)
                self.put("B", 0)
            else:
                self.data += value[1]
            struct.pack_into("<HBB", self.data, descriptors + 4 * number, len(self.data) - start, kind, 0)

    def record(self, number: int, content: El | Instance, *, written: int = NINE_O_CLOCK) -> int:
        """A whole record; returns where it stands."""
        at = len(self.data)
        self.data += b"**\0\0"
        self.put("IQQ", 0, number, written)
        self.put("BBBB", 0x0F, 1, 1, 0)
        if isinstance(content, El):
            self.element(content, dependent=False)
        else:
            self.instance(content)
        self.put("B", 0)
        self.data += bytes(-(len(self.data) - at + 4) % 8)
        self.patch(at + 4, len(self.data) - at + 4)
        self.put("I", len(self.data) - at + 4)
        return at


def string(text: str) -> tuple[int, bytes]:
    return 0x01, text.encode("utf-16le")


def sid(text: str) -> tuple[int, bytes]:
    _, revision, authority, *subs = text.split("-")
    head = bytes([int(revision), len(subs)]) + int(authority).to_bytes(6, "big")
    return 0x13, head + struct.pack(f"<{len(subs)}I", *map(int, subs))


_SYSTEM = El(
    "System",
    parts=(
        El("Provider", {"Name": [Slot(13)], "Guid": [Slot(14)]}),
        El("EventID", {"Qualifiers": [Slot(4)]}, (Slot(3),)),
        El("Version", parts=(Slot(11),)),
        El("Level", parts=(Slot(0),)),
        El("Task", parts=(Slot(2),)),
        El("Opcode", parts=(Slot(1),)),
        El("Keywords", parts=(Slot(5),)),
        El("TimeCreated", {"SystemTime": [Slot(6)]}),
        El("EventRecordID", parts=(Slot(10),)),
        El("Correlation", {"ActivityID": [Slot(7)], "RelatedActivityID": [Slot(18)]}),
        El("Execution", {"ProcessID": [Slot(8)], "ThreadID": [Slot(9)]}),
        El("Channel", parts=(Slot(15),)),
        El("Computer", parts=(Slot(16),)),
        El("Security", {"UserID": [Slot(12)]}),
    ),
)
_NULL = (0x00, b"")


@dataclass(frozen=True)
class Event:
    """A CAPI2 event as the log has it; `payload` stands inline below UserData."""

    record: int
    payload: El
    event_id: int = 11
    task: int = 11
    opcode: int = 2
    ticks: int = 0
    written: int = 0
    provider: str = PROVIDER
    computer: str = "WEB01"

    def instance(self) -> Instance:
        wide = "<Q"
        time = struct.pack(wide, NINE_O_CLOCK + self.ticks)
        first = [(4, b"\4"), (4, bytes([self.opcode])), (6, struct.pack("<H", self.task))]
        first += [(6, struct.pack("<H", self.event_id)), _NULL, (0x15, struct.pack(wide, 0x4000000000000003))]
        first += [(0x11, time), _NULL, (8, struct.pack("<I", 2044)), (8, struct.pack("<I", 1000))]
        first += [(0x0A, struct.pack(wide, self.record)), (4, b"\0"), sid("S-1-5-18"), string(self.provider)]
        first += [(0x0F, UUID("5bbca4a8-b209-48dc-a8c7-b23d3e5216fb").bytes_le), string(CHANNEL)]
        first += [string(self.computer), _NULL, _NULL, self.payload]
        event = El("Event", {"xmlns": "http://schemas.microsoft.com/win/2004/08/events/event"}, (_SYSTEM, _USER_DATA))
        return Instance(event, tuple(first))


_USER_DATA = El("UserData", parts=(Slot(19),))


@dataclass(frozen=True)
class Foreign:
    """A record whose content is no event at all."""

    record: int
    content: Instance
    ticks: int = 0
    written: int = 0

    def instance(self) -> Instance:
        return self.content


def doubling(levels: int) -> Instance:
    """Templates that each show the one below them a hundred times: a few bytes that never end."""
    made = Instance(El("Leaf", parts=("x" * 50,)), (), UUID(int=100 << 96))
    for level in range(levels):
        inner = tuple(Slot(0) for _ in range(100))
        made = Instance(El("Many", parts=inner), (made,), UUID(int=(101 + level) << 96))
    return made


def payload(record: int, *, task: UUID = TASK, seq: int | None = None, inner: tuple[object, ...] = ()) -> El:
    """What a BuildChain stop record says, more or less; each record brings text of its own."""
    text = f"Subject {record} of a certificate"
    certificate = El("Certificate", {"fileRef": f"{record:040X}.cer", "subjectName": text})
    process = El("EventAuxInfo", {"ProcessName": "Setup.exe"})
    aux = El("CorrelationAuxInfo", {"TaskId": f"{{{str(task).upper()}}}", "SeqNumber": str(seq or record)})
    return El("CertGetCertificateChain", parts=(certificate, *inner, process, aux, El("Result", {"value": "0"})))


def event(record: int, **how: object) -> Event:
    return Event(record, payload(record), **how)


def chunk_of(events: list[Event | Foreign]) -> bytes:
    """One chunk with its header and checksums."""
    writer = Writer()
    last = 0
    for one in events:
        last = writer.record(one.record, one.instance(), written=NINE_O_CLOCK + (one.written or one.ticks))
    free = len(writer.data)
    data = writer.data.ljust(CHUNK, b"\0")
    ids = (events[0].record, events[-1].record) if events else (1, -1)
    data[:8] = b"ElfChnk\0"
    struct.pack_into("<qqqqIII", data, 8, *ids, *(ids if events else (-1, -1)), 128, last, free)
    for name, offset in writer.names.items():
        head = 128 + 4 * (name_hash(name) % 64)
        data[offset : offset + 4] = data[head : head + 4]
        struct.pack_into("<I", data, head, offset)
    struct.pack_into("<I", data, 120, 1)
    return seal_chunk(bytes(data))


def seal_chunk(data: bytes) -> bytes:
    """The chunk with its two checksums set right."""
    made = bytearray(data)
    struct.pack_into("<I", made, 52, zlib.crc32(made[FIRST : struct.unpack_from("<I", made, 48)[0]]))
    struct.pack_into("<I", made, 124, zlib.crc32(made[:120] + made[128:FIRST]))
    return bytes(made)


def file_of(chunks: list[bytes], *, next_record: int, used: int | None = None, flags: int = 0) -> bytes:
    """A file header with a right checksum, and the chunks behind it."""
    head = bytearray(HEADER)
    head[:8] = b"ElfFile\0"
    count = len(chunks) if used is None else used
    struct.pack_into("<QQQIHHHH", head, 8, 0, max(count - 1, 0), next_record, 128, 1, 3, HEADER, count)
    struct.pack_into("<II", head, 120, flags, zlib.crc32(head[:120]))
    return bytes(head) + b"".join(chunks)


def log_of(*chunks: list[Event | Foreign]) -> bytes:
    """A sound log: one list of events per chunk."""
    return file_of([chunk_of(events) for events in chunks], next_record=chunks[-1][-1].record + 1 if chunks else 1)


def plain_log(chunks: int = 3, *, records: int = 5) -> bytes:
    """A sound log of CAPI2 events with ids from 1."""
    numbers = range(1, 1 + chunks * records, records)
    return log_of(*([event(record) for record in range(first, first + records)] for first in numbers))
