"""EVTX files: records → a log that any reader of Windows event logs opens.

A log may have a largest size; then whole chunks are overwritten, the oldest
first, and the file's chunks are no longer in order. Source: real logs.
"""

from __future__ import annotations

import struct
import zlib
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from lxml import etree

from capi2kit.binxml import CHUNK, FIRST, BinXmlError, Encoder, FullChunk

HEADER = 4096
_HEADER_SIZE = 128  # of the part that says something
_MINOR, _MAJOR = 1, 3
_DIRTY = 1


class LogRecord(NamedTuple):
    """A record: the number in its header, when it was written (FILETIME ticks), and its Event element."""

    number: int
    written: int
    event: etree._Element


class Log(NamedTuple):
    """A log file, and the first and last record number that are in it (None if it is empty)."""

    data: bytes
    first: int | None
    last: int | None


@dataclass
class _Chunk:
    """A chunk while it is filled: which records it has, and where the last one is."""

    encoder: Encoder = field(default_factory=Encoder)
    first: int | None = None
    last: int = 0
    at: int = 0

    def add(self, record: LogRecord) -> None:
        """Append a record. Raises FullChunk."""
        if self.last and record.number != self.last + 1:
            raise BinXmlError(f"record {record.number} after {self.last}: the numbers of a log count up by one", 0)
        self.at = self.encoder.write(record.event, number=record.number, written=record.written)
        self.first = record.number if self.first is None else self.first
        self.last = record.number


def build_log(
    records: Iterable[LogRecord], *, max_bytes: int | None = None, dirty: bool = False, slack: Sequence[LogRecord] = ()
) -> Log:
    """The bytes of a log.

    Parameters
    ----------
    records : their numbers count up by one.
    max_bytes : the largest size, rounded up to whole chunks as Windows does; at least two are kept.
    dirty : set the flag of a log that was copied while the service had it open; its header is up to date
        all the same, which that of a real one often is not.
    slack : old records behind the free-space offset of the last chunk, as an overwritten chunk has them;
        they are not part of the log.

    Raises BinXmlError for an event that no record can hold, numbers that do not count up, slack that does not fit.
    """
    slots = max(-(-(max_bytes - HEADER) // CHUNK), 2) if max_bytes else None
    kept: deque[bytes] = deque(maxlen=slots)
    firsts: deque[int | None] = deque(maxlen=slots)
    count, chunk = 0, _Chunk()
    for record in records:
        try:
            chunk.add(record)
        except FullChunk:
            kept.append(_seal(chunk))
            firsts.append(chunk.first)
            count, chunk = count + 1, _Chunk(last=chunk.last)
            chunk.add(record)
    last = chunk.last
    kept.append(_seal(chunk, slack=slack))
    firsts.append(chunk.first)
    count += 1
    return Log(_assemble(kept, count=count, following=last + 1, dirty=dirty), firsts[0], last if firsts[0] else None)


def _seal(chunk: _Chunk, *, slack: Sequence[LogRecord] = ()) -> bytes:
    """A chunk with its header, tables and checksums."""
    encoder = chunk.encoder
    free = len(encoder.data)
    names, templates = list(encoder.name_heads), list(encoder.template_heads)
    try:
        for record in slack:
            encoder.write(record.event, number=record.number, written=record.written)
    except FullChunk as err:
        raise BinXmlError("the slack does not fit behind the last chunk's records", 0) from err
    data = encoder.data.ljust(CHUNK, b"\0")
    ids = (1, -1, -1, -1) if chunk.first is None else (chunk.first, chunk.last) * 2
    struct.pack_into("<8s4q3I", data, 0, b"ElfChnk\0", *ids, _HEADER_SIZE, chunk.at, free)
    struct.pack_into("<I", data, 52, zlib.crc32(data[FIRST:free]))
    struct.pack_into("<I", data, 120, 1)
    struct.pack_into("<64I", data, 128, *names)
    struct.pack_into("<32I", data, 384, *templates)
    struct.pack_into("<I", data, 124, zlib.crc32(data[:120] + data[128:FIRST]))
    return bytes(data)


def _assemble(chunks: deque[bytes], *, count: int, following: int, dirty: bool) -> bytes:
    """The file header, and the chunks in their slots: chunk n of a circular log lies in slot n modulo their number."""
    slots = len(chunks)
    shift = (count - slots) % slots
    placed = [chunks[(slot - shift) % slots] for slot in range(slots)]
    head = bytearray(HEADER)
    newest, kind = (shift - 1) % slots, (_HEADER_SIZE, _MINOR, _MAJOR, HEADER)
    struct.pack_into("<8sQQQI4H", head, 0, b"ElfFile\0", shift, newest, following, *kind, slots)
    struct.pack_into("<I", head, 120, _DIRTY if dirty else 0)
    struct.pack_into("<I", head, 124, zlib.crc32(head[:120]))
    return bytes(head) + b"".join(placed)
