"""Loader `evtx`: Windows event logs as Windows writes them.

Two engines behind one door. `evtx` (Rust) renders intact chunks as XML, fast.
Damaged chunks never reach it: python-evtx's framing finds their records and our
`binxml` decodes them one by one, so that a broken record costs itself only.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from lxml import etree

from capi2kit.binxml import BinXmlError, Decoder
from capi2kit.cells import shaped
from capi2kit.errors import EvidenceError
from capi2kit.loaders.evidence import EvidenceFile, Problems, note_frame
from capi2kit.loaders.framing import (
    CHUNK,
    HEADER,
    Chunk,
    Frame,
    Framing,
    chunk_bytes,
    frame_file,
    looks_like_evtx,
)
from capi2kit.loaders.salvage import Salvage, decode_frame
from capi2kit.winevent import Batch, EventRows

NAME = "evtx"
LOOKS_FOR = "a Windows event log (.evtx): ElfFile at the start"
ENGINES = ("auto", "evtx", "python-evtx")
_FLUSH = 8192
_PROVIDER = re.compile(r"<Provider\b[^>]*?\bName=(?:\"([^\"]*)\"|'([^']*)')")
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, remove_comments=True)
_FILETIME_EPOCH = 116444736000000000

Progress = Callable[[int, int], None]


def sniff(head: bytes, name: str) -> bool:
    """True for the first bytes of an .evtx file."""
    return looks_like_evtx(head)


def read(
    file: EvidenceFile, *, engine: str = "auto", providers: frozenset[str] | None, progress: Progress | None = None
) -> Iterator[Batch]:
    """Yield the events of a log in batches; the last batch has the `sources` row and the `problems`.

    `providers`: names to load, None for all. Raises EvidenceError only if not one chunk can be found.
    """
    if engine not in ENGINES:
        raise EvidenceError(f"there is no engine {engine!r}; choose one of {', '.join(ENGINES)}", source=file.name)
    framing = frame_file(file.data)
    if not any(chunk.frames or chunk.missing for chunk in framing.chunks) and framing.damage:
        raise EvidenceError(f"{file.name}: {framing.damage[0]}, and no chunk of records follows", source=file.name)
    reading = _Reading(file, framing, engine, providers)
    for done, (frame, event) in enumerate(reading.events(), 1):
        reading.take(frame, event)
        if progress and done % 500 == 0:
            progress(done, framing.promised)
        if len(reading.rows) >= _FLUSH:
            yield reading.rows.batch()
    batch = reading.rows.batch()
    batch["problems"] = reading.problems.table()
    batch["sources"] = shaped(reading.summary(), "sources")
    yield batch


class _Reading:
    """One pass over one file: who decodes which chunk, and what is counted."""

    def __init__(self, file: EvidenceFile, framing: Framing, engine: str, providers: frozenset[str] | None) -> None:
        self.file = file
        self.framing = framing
        self.engine = engine
        self.providers = providers
        self.rows = EventRows()
        self.problems = Problems()
        self.loaded = self.other = 0
        self.engines: set[str] = set()
        for message in framing.damage:
            self.problems.add("file", "damaged header", f"{message}; the chunks behind it were read anyway")
        for message, count in framing.missing:
            self.problems.add("chunk", "lost chunk", message, lost=count)

    def events(self) -> Iterator[tuple[Frame, etree._Element | None]]:
        """Frames with their elements, or with None if the record is of no interest; lost ones become problems."""
        intact = [chunk for chunk in self.framing.chunks if chunk.healthy]
        broken = [chunk for chunk in self.framing.chunks if not chunk.healthy]
        if self.engine == "python-evtx":
            for chunk in intact:
                decoder = Decoder(chunk_bytes(self.file.data, chunk.offset))
                yield from self._one_by_one(lambda frame, d=decoder, c=chunk: decode_frame(d, frame, c), chunk.frames)
        else:
            yield from self._fast(intact)
        for chunk in broken:
            yield from self._salvage(chunk)

    def _fast(self, chunks: list[Chunk]) -> Iterator[tuple[Frame, etree._Element | None]]:
        """The Rust reader over intact chunks; a record it cannot give goes to the second engine."""
        frames = [frame for chunk in chunks for frame in chunk.frames]
        skipped: list[Frame] = []
        at = 0
        if frames:
            self.engines.add("evtx")
        for record in _rust_records(self.file, self.framing, chunks):
            behind = at
            while at < len(frames) and frames[at].record != record["event_record_id"]:
                at += 1
            if at == len(frames):
                at = behind  # a record that framing does not know: cannot be, in an intact chunk
                continue
            skipped += frames[behind:at]
            frame = frames[at]
            at += 1
            try:
                yield frame, self._parse(record["data"])
            except etree.XMLSyntaxError:
                skipped.append(frame)
        skipped += frames[at:]
        by_slot = {chunk.slot: chunk for chunk in chunks}
        for slot in dict.fromkeys(frame.chunk for frame in skipped):
            chunk = by_slot[slot]
            decoder = Decoder(chunk_bytes(self.file.data, chunk.offset))
            left = [frame for frame in skipped if frame.chunk == slot]
            yield from self._one_by_one(lambda frame, d=decoder, c=chunk: decode_frame(d, frame, c), left)

    def _parse(self, xml: str) -> etree._Element | None:
        found = _PROVIDER.search(xml)
        if self.providers is not None and found and (found[1] or found[2]) not in self.providers:
            return None
        start = xml.find("<Event")
        return etree.fromstring(xml[max(start, 0) :].replace("\r", "&#13;"), _PARSER)

    def _one_by_one(
        self, decode: Callable[[Frame], etree._Element], frames: list[Frame]
    ) -> Iterator[tuple[Frame, etree._Element | None]]:
        self.engines.add("python-evtx")
        for frame in frames:
            try:
                event = decode(frame)
            except BinXmlError as err:
                note_frame(self.problems, frame, "decode", "unreadable record", str(err), lost=1)
                continue
            provider = event.find("System/Provider")
            name = None if provider is None else provider.get("Name")
            wanted = self.providers is None or name is None or name in self.providers
            yield frame, event if wanted else None

    def _salvage(self, chunk: Chunk) -> Iterator[tuple[Frame, etree._Element | None]]:
        if chunk.frames:
            salvage = Salvage(self.file.data, self.framing, chunk)
            yield from self._one_by_one(salvage.decode, chunk.frames)
            self.problems.add_salvage(salvage)
        self.problems.add_chunk(chunk)

    def take(self, frame: Frame, event: etree._Element | None) -> None:
        """Count a record, and keep it if it is wanted."""
        if event is None:
            self.other += 1
            return
        nanoseconds = (frame.written - _FILETIME_EPOCH) * 100
        sane = 0 < nanoseconds < 1 << 62
        self.rows.add(event, {"offset": frame.offset, "time_written": nanoseconds if sane else None})
        self.loaded += 1

    def summary(self) -> Any:
        """The one-row `sources` table of this file, as far as a loader knows it."""
        import pandas as pd

        ids = [frame.record for chunk in self.framing.chunks for frame in chunk.frames]
        row = {
            "engine": " + ".join(sorted(self.engines)) or self.engine,
            "promised": self.framing.promised,
            "loaded": self.loaded,
            "other": self.other,
            "lost": self.problems.lost,
            "first_record": min(ids, default=None),
            "last_record": max(ids, default=None),
            "wrapped": bool(ids) and min(ids) > 1,
            "dirty": self.framing.dirty,
        }
        return pd.DataFrame([row])


def _rust_records(file: EvidenceFile, framing: Framing, chunks: list[Chunk]) -> Iterator[dict[str, Any]]:
    import evtx

    whole = len(chunks) == len(framing.chunks) and not framing.damage
    source: Any = (
        file.path if whole and file.path else io.BytesIO(bytes(file.data) if whole else _spliced(file, chunks))
    )
    records = evtx.PyEvtxParser(source, indent=False).records()
    failures = 0
    while failures < len(chunks) * 1000:
        try:
            yield next(records)
        except StopIteration:
            return
        except (RuntimeError, OSError, ValueError):
            failures += 1  # its records are missed by the caller, who hands them to the second engine


def _spliced(file: EvidenceFile, chunks: list[Chunk]) -> bytes:
    """A log in memory that holds the intact chunks only, under a sound header."""
    header = bytearray(HEADER)
    header[:8] = b"ElfFile\0"
    struct.pack_into("<QQQIHHHH", header, 8, 0, max(len(chunks) - 1, 0), 1, 128, 1, 3, HEADER, len(chunks))
    struct.pack_into("<I", header, 124, zlib.crc32(bytes(header[:120])))
    return bytes(header) + b"".join(bytes(file.data[chunk.offset : chunk.offset + CHUNK]) for chunk in chunks)


def record_xml(file: EvidenceFile, *, offset: int, record: int) -> str:
    """One record as indented XML. Raises EvidenceError if another record, or none, stands at `offset`."""
    slot = (offset - HEADER) // CHUNK
    chunk = Chunk(slot, HEADER + slot * CHUNK)
    raw = chunk_bytes(file.data, chunk.offset)
    size = struct.unpack_from("<I", raw, offset - chunk.offset + 4)[0]
    try:
        event = decode_frame(Decoder(raw), Frame(slot, offset, size, record, 0, ""), chunk)
    except BinXmlError as err:
        raise EvidenceError(
            f"{file.name}: record {record} cannot be decoded ({err})", record=record, offset=offset
        ) from err
    if event.findtext("System/EventRecordID") != str(record):
        message = (
            f"{file.name}: record {record} is not at offset {offset} any more; the file was changed since it was loaded"
        )
        raise EvidenceError(message, source=file.name, record=record, offset=offset)
    etree.indent(event)
    return etree.tostring(event, encoding="unicode")
