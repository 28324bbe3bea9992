"""Loader `evtx`: Windows event logs as Windows writes them.

Two engines behind one door. `evtx` (Rust) renders intact chunks as XML, fast.
Damaged chunks never reach it: python-evtx's framing finds their records and our
`binxml` decodes them one by one, so that only the broken record itself is lost.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pandas as pd
from lxml import etree

from capi2kit.binxml import has_loop
from capi2kit.columns.cells import shaped
from capi2kit.errors import EvidenceError
from capi2kit.loaders.evidence import Asked, EvidenceFile, Problems
from capi2kit.loaders.evtx.framing import HEADER, Chunk, Framing, chunk_bytes, frame_chunk, frame_file, looks_like_evtx
from capi2kit.loaders.evtx.recordids import CHUNK, Frame
from capi2kit.winevent import Batch, EventRows

NAME = "evtx"
LOOKS_FOR = "a Windows event log (.evtx): ElfFile at the start"
ENGINES = ("auto", "evtx", "python-evtx")
_FLUSH = 4096
_REPORT_EVERY = 500
_LONGEST_XML = 1 << 21  # 64 KiB of record make no more, unless its templates repeat themselves
_SPLICED = 256  # chunks handed to the fast engine at once: a copy, so that it reads what was hashed
_FILETIME_EPOCH = 116444736000000000
_NAT = -(1 << 63)
_PANIC = "PanicException"  # of the Rust engine; Python does not count it among the exceptions


def sniff(head: bytes, name: str) -> bool:
    """True for the first bytes of an .evtx file."""
    return looks_like_evtx(head)


def read(file: EvidenceFile, *, asked: Asked) -> Iterator[Batch]:
    """Yield the events of a log in batches; the last batch has the `sources` row and the `problems`.

    Raises EvidenceError only if not one chunk can be found, or if there is no such engine.
    """
    if asked.engine not in ENGINES:
        message = f"there is no engine {asked.engine!r}; choose one of {', '.join(ENGINES)}"
        raise EvidenceError(message, source=file.name)
    framing = frame_file(file.data)
    if not any(chunk.frames or chunk.missing for chunk in framing.chunks) and framing.damage:
        found = f"{framing.damage[0]}, and no chunk of records follows"
        raise EvidenceError(f"{file.name}: {found}; export or copy the log again", source=file.name)
    reading = _Reading(file, framing, asked=asked)
    for done in reading.run(asked.engine):
        if asked.progress and done % _REPORT_EVERY == 0:
            asked.progress(done, framing.promised)
        if len(reading.rows) >= _FLUSH:
            yield reading.rows.batch()
    batch = reading.rows.batch()
    batch["problems"] = reading.problems.table()
    batch["sources"] = shaped(reading.summary(), "sources")
    yield batch


class _Reading:
    """One pass over one file: who decodes which chunk, and what is counted."""

    def __init__(self, file: EvidenceFile, framing: Framing, *, asked: Asked) -> None:
        self.file = file
        self.framing = framing
        self.asked = asked
        self.rows = EventRows()
        self.problems = Problems()
        self.loaded = self.other = 0
        self.engines: set[str] = set()
        for message in framing.damage:
            self.problems.add("file", "damaged header", message=f"{message}; the chunks behind it were read anyway")
        self._ids = [frame.record for chunk in framing.chunks for frame in chunk.frames]
        for record in sorted(number for number, count in Counter(self._ids).items() if count > 1):
            message = f"record {record} is there more than once; each of them was read"
            self.problems.add("record", "record id twice", message=message, record=record)
        for message, count in framing.missing:
            self.problems.add("chunk", "lost chunk", message=message, lost=count)

    def run(self, engine: str) -> Iterator[int]:
        """Take every record that can be read; yields how many there were. What cannot be read becomes a problem."""
        intact = [chunk for chunk in self.framing.chunks if chunk.healthy]
        left = [frame for chunk in intact for frame in chunk.frames]
        if engine != "python-evtx":
            endless = {chunk.slot for chunk in intact if has_loop(chunk_bytes(self.file.data, chunk))}
            left = [frame for chunk in intact if chunk.slot in endless for frame in chunk.frames]
            safe = [chunk for chunk in intact if chunk.slot not in endless]
            for i in range(0, len(safe), _SPLICED):
                yield from self._fast(safe[i : i + _SPLICED], left)
        for record in self._slow(left):
            yield self._take_element(*record)

    def _fast(self, chunks: list[Chunk], left: list[Frame]) -> Iterator[int]:
        """The Rust reader over intact chunks; records that it does not give are added to `left`."""
        from capi2kit.loaders.evtx.salvage import odd_records

        frames = [frame for chunk in chunks for frame in chunk.frames]
        odd = {offset for chunk in chunks for offset in odd_records(self.file.data, chunk)}
        if len(odd) < len(frames):
            self.engines.add("evtx")
        at = 0
        for record in _rust_records(_spliced(self.file, chunks), most_failures=len(frames)):
            behind = at
            while at < len(frames) and frames[at].record != record["event_record_id"]:
                at += 1
            if at == len(frames):
                at = behind  # a record that framing does not know: cannot be, in an intact chunk
                continue
            left += frames[behind : at + 1]
            at += 1
            if left[-1].offset not in odd and len(record["data"]) <= _LONGEST_XML:
                try:
                    done = self._take_text(left[-1], record["data"])
                except etree.XMLSyntaxError:
                    continue
                left.pop()
                yield done
        left += frames[at:]

    def _slow(self, left: list[Frame]) -> Iterator[tuple[Frame, etree._Element]]:
        """The second engine: frames of intact chunks that are left, and all damaged chunks."""
        damaged = [chunk for chunk in self.framing.chunks if not chunk.healthy]
        if not left and not damaged:
            return
        from capi2kit.loaders.evtx.salvage import read_one_by_one, salvage_chunk

        if left or any(chunk.frames for chunk in damaged):
            self.engines.add("python-evtx")
        by_chunk: dict[int, list[Frame]] = {}
        for frame in left:
            by_chunk.setdefault(frame.chunk, []).append(frame)
        for frames in by_chunk.values():
            yield from read_one_by_one(self.file.data, frames, problems=self.problems)
        for chunk in damaged:
            yield from salvage_chunk(self.file.data, chunk, framing=self.framing, problems=self.problems)

    def _take_text(self, frame: Frame, xml: str) -> int:
        return self._take(frame, xml, wanted=self.asked.wants_text(xml))

    def _take_element(self, frame: Frame, event: etree._Element) -> int:
        provider = event.find("System/Provider")
        name = None if provider is None else provider.get("Name")
        return self._take(frame, event, wanted=self.asked.wants(name, event.findtext("System/EventID")))

    def _take(self, frame: Frame, event: etree._Element | str, *, wanted: bool) -> int:
        """Count a record, and keep it if it is wanted."""
        if wanted:
            written = (frame.written - _FILETIME_EPOCH) * 100
            self.rows.add(event, offset=frame.offset, written=written if 0 < written < 1 << 62 else _NAT)
            self.loaded += 1
        else:
            self.other += 1
        return self.loaded + self.other

    def summary(self) -> pd.DataFrame:
        """The one-row `sources` table of this file, as far as a loader knows it."""
        ids = self._ids
        row = {
            "engine": " + ".join(sorted(self.engines)) or None,
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


def _rust_records(log: bytes, *, most_failures: int) -> Iterator[dict[str, Any]]:
    import evtx

    try:
        records: Iterator[Any] = iter(evtx.PyEvtxParser(io.BytesIO(log), indent=False).records())
    except (RuntimeError, OSError, ValueError):
        return
    failures = 0
    while failures <= most_failures:
        try:
            yield next(records)
        except StopIteration:
            return
        except BaseException as err:
            if not isinstance(err, RuntimeError | OSError | ValueError) and type(err).__name__ != _PANIC:
                raise
            failures += 1  # its records are missed by the caller, who hands them to the second engine


def _spliced(file: EvidenceFile, chunks: list[Chunk]) -> bytes:
    """A log in memory that holds these chunks only, under a sound header."""
    header = bytearray(HEADER)
    header[:8] = b"ElfFile\0"
    struct.pack_into("<QQQIHHHH", header, 8, 0, max(len(chunks) - 1, 0), 1, 128, 1, 3, HEADER, len(chunks))
    struct.pack_into("<I", header, 124, zlib.crc32(bytes(header[:120])))
    return bytes(header) + b"".join(chunk_bytes(file.data, chunk) for chunk in chunks)


def record_xml(file: EvidenceFile, *, offset: int, record: int | None) -> str:
    """One record as indented XML. Raises EvidenceError if another record, or none, is at `offset`."""
    from capi2kit.loaders.evtx.salvage import decode_alone

    where = f"{file.name}: record {record} at offset {offset}"
    chunk = frame_chunk(file.data, (offset - HEADER) // CHUNK)
    frame = next((frame for frame in chunk.frames if frame.offset == offset), None)
    event = decode_alone(file.data, chunk, frame=frame) if frame else None
    if event is None or (record is not None and event.findtext("System/EventRecordID") != str(record)):
        message = f"{where} is not there any more: the file was changed since it was loaded; load it again"
        raise EvidenceError(message, source=file.name, record=record, offset=offset)
    etree.indent(event)
    return etree.tostring(event, encoding="unicode")
