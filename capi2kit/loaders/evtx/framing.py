"""Framing of .evtx files: which records a file promises, where they are, and what is damaged.

python-evtx reads the headers of chunks and their checksums, and is imported when the first one is to be read: a sound log needs none.
Records are walked here, so that a broken one does not take its neighbours with it. Input: the bytes of a file. Output: a `Framing` of
chunks and frames. No record is decoded here.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from capi2kit.loaders.evidence.filebytes import Buffer
from capi2kit.loaders.evtx.recordids import CHUNK, HIGHEST, MOST_RECORDS, SMALLEST, Frame, living, numbered

if TYPE_CHECKING:
    from Evtx.Evtx import ChunkHeader

HEADER = 4096
FIRST_RECORD = 512
SNIFFED = 16  # chunks in which a damaged file may still show that it is a log
_SIGNATURE = b"**\0\0"
_NO_RECORD = (1 << 64) - 1
_ZEROS = bytes(CHUNK)
_MAGIC = b"ElfFile\0"
_FILE_HEADER = struct.Struct("<8s16xQ10xH76xII")  # signature, next record number, count of chunks, flags, checksum
_CHECKED = 0x78  # bytes of it that the checksum is of
_DIRTY = 1  # flag: the log was open


class FileHeader(NamedTuple):
    """What the header of a file says: the next record number, how many chunks are used, whether the log was open."""

    next_record: int = 0
    used: int = 0
    dirty: bool = False


@dataclass
class Chunk:
    """One 64 KiB slot: what its header promises and the frames found in it."""

    slot: int
    first: int = 0
    last: int = -1
    damage: str = ""
    frames: list[Frame] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)

    @property
    def offset(self) -> int:
        """Where the chunk begins in the file."""
        return HEADER + self.slot * CHUNK

    @property
    def healthy(self) -> bool:
        """True if checksums hold and every promised record is framed."""
        return not self.damage and not self.missing

    @property
    def extent(self) -> tuple[int, int]:
        """First and last record id: those found, and those that its header promises."""
        ids = [frame.record for frame in self.frames] + self.missing
        return min(ids), max(ids)


@dataclass
class Framing:
    """A whole file. `missing` says how many records of lost chunks cannot be found at all, and where."""

    chunks: list[Chunk]
    dirty: bool
    damage: list[str]
    missing: list[tuple[str, int]] = field(default_factory=list)

    @property
    def promised(self) -> int:
        """Records promised: those framed, those missing in chunks, and those of lost chunks."""
        inside = sum(len(chunk.frames) + len(chunk.missing) for chunk in self.chunks)
        return inside + sum(count for _, count in self.missing)


def looks_like_evtx(data: Buffer) -> bool:
    """True for an .evtx file header, or for a chunk at one of the first places where one may be."""
    places = range(HEADER, min(len(data), HEADER + SNIFFED * CHUNK), CHUNK)
    return bytes(data[:8]) == _MAGIC or any(bytes(data[at : at + 8]) == b"ElfChnk\0" for at in places)


def chunk_bytes(data: Buffer, chunk: Chunk) -> bytes:
    """The 64 KiB of a chunk; one that is cut off is filled up with zeros."""
    return bytes(data[chunk.offset : chunk.offset + CHUNK]).ljust(CHUNK, b"\0")


def frame_lightly(data: Buffer, head: bytes, *, sound: np.ndarray) -> Framing | None:
    """The framing of a file without its chunks, if each of them is `sound`, or was never used; else None. `head`: its first bytes."""
    header, damage = _file_header(head)
    used = 0 if damage else header.used
    live = int(np.flatnonzero(sound).max(initial=-1)) + 1
    slots = max(0, -(-(len(data) - HEADER) // CHUNK))
    if not live or live < min(used, slots) or used > slots or not sound[:live].all():
        return None
    for slot in range(live, slots):
        if chunk_bytes(data, Chunk(slot)) != _ZEROS:
            return None
    if not damage and not header.dirty and live > used:
        damage.append(_too_many(used, live))
    return Framing([], header.dirty, damage)


def _too_many(used: int, live: int) -> str:
    return f"the file header speaks of {used} chunks, {live} are in use"


def frame_file(data: Buffer) -> Framing:
    """Walk all chunks and records. Never trusts a count; never raises for damage."""
    header, damage = _file_header(bytes(data[:HEADER]))
    slots = max(0, -(-(len(data) - HEADER) // CHUNK))
    used = 0 if damage else header.used
    chunks = [frame_chunk(data, slot) for slot in range(max(slots, used))]
    while len(chunks) > used and chunks and chunks[-1].damage == "zeroed":
        chunks.pop()  # preallocated, never used
    live = sum(chunk.damage != "zeroed" for chunk in chunks)
    if not damage and not header.dirty and live > used:
        damage.append(_too_many(used, live))
    framing = Framing(chunks, header.dirty, damage)
    _count_lost(framing, newest=header.next_record - 1 if used and not header.dirty else 0)
    return framing


def _file_header(head: bytes) -> tuple[FileHeader, list[str]]:
    """What the header says, and what is wrong with it."""
    if len(head) >= len(_MAGIC) and not head.startswith(_MAGIC):
        return FileHeader(), ["the file header is not that of an .evtx file"]
    if len(head) < _FILE_HEADER.size:
        return FileHeader(), ["the file header is cut off"]
    _, newest, used, flags, checksum = _FILE_HEADER.unpack_from(head)
    header = FileHeader(newest, used, dirty=bool(flags & _DIRTY))
    return header, [] if zlib.crc32(head[:_CHECKED]) == checksum else ["the checksum of the file header is wrong"]


def frame_chunk(data: Buffer, slot: int) -> Chunk:
    """Read the header of one chunk and walk its records."""
    from Evtx.Evtx import ChunkHeader

    chunk = Chunk(slot)
    available = len(data) - chunk.offset
    if slot < 0 or available <= 0:
        chunk.damage = "cut off"
        return chunk
    raw = chunk_bytes(data, chunk)
    if raw == _ZEROS:
        chunk.damage = "zeroed"
        return chunk
    end, count = _read_header(ChunkHeader(raw, 0), chunk, raw=raw)
    if available < CHUNK:
        chunk.damage, end = "cut off", min(end, available)
    chunk.frames = _walk(raw, chunk, end=end)
    if not chunk.damage and not all(_may_be(frame.record, chunk) for frame in chunk.frames):
        chunk.damage = "record numbers"
    if chunk.damage:
        chunk.frames = numbered(living(chunk.frames) if count < 0 else chunk.frames, first=chunk.first, last=chunk.last)
    if chunk.last < chunk.first and chunk.frames:
        chunk.first, chunk.last = chunk.extent
    if chunk.damage or len(chunk.frames) != count:
        found = {frame.record for frame in chunk.frames}
        promised = range(chunk.first, min(chunk.last + 1, chunk.first + MOST_RECORDS))
        chunk.missing = [record for record in promised if record not in found]
    return chunk


def _may_be(record: int, chunk: Chunk) -> bool:
    """Whether a record's number is one of those that the header of its chunk promises, if it does so."""
    return chunk.first <= record <= chunk.last if chunk.first <= chunk.last else record <= HIGHEST


def _read_header(header: ChunkHeader, chunk: Chunk, *, raw: bytes) -> tuple[int, int]:
    """Damage and range of a chunk by its header; returns where its used part ends and how many records it counts.

    If the header itself is damaged, nothing in it is believed: its chunk counts as used up to the end, and
    the count is -1.
    """
    if not header.check_magic():
        chunk.damage = "no chunk header"
        return CHUNK, -1
    if header.calculate_header_checksum() != header.header_checksum():
        chunk.damage = "header checksum"
        return CHUNK, -1
    chunk.first, chunk.last = header.log_first_record_number(), header.log_last_record_number()
    empty = chunk.first == chunk.last == _NO_RECORD
    if not 0 <= chunk.last - chunk.first < MOST_RECORDS or chunk.last > HIGHEST:
        chunk.damage = "" if empty else "record numbers"
        chunk.first, chunk.last = 0, -1
    free = header.next_record_offset()
    if not FIRST_RECORD <= free <= CHUNK:
        chunk.damage = "free-space offset"
    elif header.calculate_data_checksum() != header.data_checksum():
        chunk.damage = "checksum"
    end = _used_end(raw, free, last=header.last_record_offset())
    return end, max(header.file_last_record_number() - header.file_first_record_number() + 1, 0)


def _used_end(raw: bytes, free: int, *, last: int) -> int:
    """Where the used part ends: at the free-space offset, else behind the last record, else at the chunk's end."""
    if FIRST_RECORD <= free <= CHUNK:
        return free
    return last + _sound(raw, last, end=CHUNK) if FIRST_RECORD <= last <= CHUNK - SMALLEST else CHUNK


def _walk(raw: bytes, chunk: Chunk, *, end: int) -> list[Frame]:
    """The records one behind the other."""
    frames: list[Frame] = []
    at = FIRST_RECORD
    while at + SMALLEST <= end:
        size, damage = _sound(raw, at, end=end), ""
        if not size:
            size, damage = _repair(raw, at, end=end)
            if not size:
                break
        record, written = struct.unpack_from("<QQ", raw, at + 8)
        frames.append(Frame(chunk.slot, chunk.offset + at, size, record, written, damage))
        at += size
    return frames


def _sound(raw: bytes, at: int, *, end: int) -> int:
    """The size of the record at `at` if signature and both sizes hold, else 0."""
    if at + SMALLEST > end or raw[at : at + 4] != _SIGNATURE:
        return 0
    size = struct.unpack_from("<I", raw, at + 4)[0]
    if not SMALLEST <= size <= end - at or size % 8:
        return 0
    return size if struct.unpack_from("<I", raw, at + size - 4)[0] == size else 0


def _repair(raw: bytes, at: int, *, end: int) -> tuple[int, str]:
    """Size of a record whose frame is damaged: by its own two sizes, else up to the next sound record."""
    size = struct.unpack_from("<I", raw, at + 4)[0]
    if SMALLEST <= size <= end - at and size % 8 == 0:
        closed = struct.unpack_from("<I", raw, at + size - 4)[0] == size
        if closed or at + size == end or _sound(raw, at + size, end=end):
            return size, "signature" if closed else "size"
    following = raw.find(_SIGNATURE, at + 8, end)
    while following >= 0 and not _sound(raw, following, end=end):
        following = raw.find(_SIGNATURE, following + 4, end)
    if following < 0:
        following = end if raw[at:end].strip(b"\0") else at
    return following - at, "frame"


def _count_lost(framing: Framing, *, newest: int) -> None:
    """How many records were in chunks of which nothing is left, by the ids of their neighbours."""
    gone = [chunk for chunk in framing.chunks if chunk.damage and not chunk.frames and not chunk.missing]
    harmed = sum(bool(chunk.damage) for chunk in framing.chunks)
    extents = sorted(chunk.extent for chunk in framing.chunks if (chunk.frames or chunk.missing) and chunk.extent[0])
    if extents and gone:
        extents.append((newest + 1, newest + 1))
    holes = [(before[1] + 1, after[0] - 1) for before, after in pairwise(extents) if after[0] > before[1] + 1]
    holes = [(first, last) for first, last in holes if last - first < harmed * MOST_RECORDS]
    if not gone and not holes:
        return
    where = ", ".join(f"{first} to {last}" for first, last in holes)
    where = f"records {where}" if where else "how many it held is not known"
    what = f"nothing is left of chunk {_ranges([chunk.slot for chunk in gone])}" if gone else "records are left out"
    framing.missing.append((f"{what} ({where})", sum(last - first + 1 for first, last in holes)))


def _ranges(numbers: list[int]) -> str:
    """``1, 4-9`` for 1, 4, 5, 6, 7, 8, 9."""
    starts = [n for i, n in enumerate(numbers) if not i or n != numbers[i - 1] + 1]
    stops = [n for i, n in enumerate(numbers) if i + 1 == len(numbers) or n != numbers[i + 1] - 1]
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in zip(starts, stops, strict=True))
