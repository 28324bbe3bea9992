"""Framing of .evtx files: which records a file promises, where they stand, and what is damaged.

python-evtx reads the file and chunk headers and their checksums; records are
walked here, so that a broken one does not take its neighbours with it. Input:
the bytes of a file. Output: a `Framing` of chunks and frames. No record is
decoded here.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import NamedTuple

from Evtx.BinaryParser import BinaryParserException
from Evtx.Evtx import ChunkHeader, FileHeader

CHUNK = 65536
HEADER = 4096
FIRST_RECORD = 512
_SIGNATURE = b"**\0\0"
_SMALLEST = 32

Buffer = bytes | memoryview


class Frame(NamedTuple):
    """One record as framed: where it stands, its header id and write time. `damage` names what was mended."""

    chunk: int
    offset: int
    size: int
    record: int
    written: int
    damage: str


@dataclass
class Chunk:
    """One 64 KiB slot: what its header promises and the frames found in it."""

    slot: int
    offset: int
    first: int = 0
    last: int = -1
    damage: str = ""
    frames: list[Frame] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)

    @property
    def healthy(self) -> bool:
        """True if checksums hold and every promised record is framed."""
        return not self.damage and not self.missing


@dataclass
class Framing:
    """A whole file. `missing` counts records of chunks that cannot be found at all."""

    chunks: list[Chunk]
    dirty: bool
    damage: list[str]
    missing: list[tuple[str, int]]

    @property
    def promised(self) -> int:
        """Records promised: those framed, those missing in chunks, and those of lost chunks."""
        inside = sum(len(chunk.frames) + len(chunk.missing) for chunk in self.chunks)
        return inside + sum(count for _, count in self.missing)


def looks_like_evtx(data: Buffer) -> bool:
    """True for an .evtx file header, or for a chunk where the first one should stand."""
    return bytes(data[:7]) == b"ElfFile" or bytes(data[HEADER : HEADER + 7]) == b"ElfChnk"


def chunk_bytes(data: Buffer, offset: int) -> bytes:
    """The 64 KiB at `offset`; a cut-off chunk is filled up with zeros."""
    return bytes(data[offset : offset + CHUNK]).ljust(CHUNK, b"\0")


def frame_file(data: Buffer) -> Framing:
    """Walk all chunks and records. Never trusts a count; never raises for damage."""
    header, damage = _file_header(data)
    used = header.chunk_count() if header else 0
    chunks, lost = [], []
    for slot in range(max(0, (len(data) - HEADER + CHUNK - 1) // CHUNK)):
        offset = HEADER + slot * CHUNK
        raw = chunk_bytes(data, offset)
        if not raw.strip(b"\0") and slot >= used:
            continue  # preallocated, never used
        chunk = _frame_chunk(raw, slot, offset, len(data) - offset)
        if chunk.frames or chunk.missing or slot < used:
            chunks.append(chunk)
    for slot in range((len(data) - HEADER + CHUNK - 1) // CHUNK if len(data) > HEADER else 0, used):
        chunks.append(Chunk(slot, HEADER + slot * CHUNK, damage="cut off"))
    framing = Framing(chunks, bool(header and header.is_dirty()), damage, lost)
    _count_lost_chunks(framing, header)
    return framing


def _file_header(data: Buffer) -> tuple[FileHeader | None, list[str]]:
    try:
        header = FileHeader(bytes(data[:HEADER]), 0)
        if not header.check_magic():
            return None, ["the file header is not that of an .evtx file"]
        good = header.calculate_checksum() == header.checksum()
        return header, [] if good else ["the checksum of the file header is wrong"]
    except (BinaryParserException, struct.error, IndexError):
        return None, ["the file header is cut off"]


def _frame_chunk(raw: bytes, slot: int, offset: int, available: int) -> Chunk:
    chunk = Chunk(slot, offset)
    header = ChunkHeader(raw, 0)
    if not header.check_magic():
        chunk.damage = "zeroed" if not raw.strip(b"\0") else "no chunk header"
        end = CHUNK
    else:
        end = header.next_record_offset()
        if header.calculate_header_checksum() != header.header_checksum():
            chunk.damage = "header checksum"
        if not FIRST_RECORD <= end <= CHUNK:
            chunk.damage, end = "free-space offset", CHUNK
        elif header.calculate_data_checksum() != header.data_checksum():
            chunk.damage = chunk.damage or "checksum"
        chunk.first, chunk.last = header.log_first_record_number(), header.log_last_record_number()
        if not 0 <= chunk.last - chunk.first < CHUNK // _SMALLEST:
            chunk.first, chunk.last = 0, -1  # an empty chunk says -1 to -1
    if available < CHUNK:
        chunk.damage = "cut off"
        end = min(end, available)
    chunk.frames = _walk(raw, end, chunk)
    if chunk.damage == "header checksum" and sum(bool(frame.damage) for frame in chunk.frames) > 1:
        chunk.first, chunk.last = 0, -1  # the header's range is part of the damage: believe the records
        chunk.frames = _walk(raw, end, chunk)
    found = {frame.record for frame in chunk.frames}
    chunk.missing = [record for record in range(chunk.first, chunk.last + 1) if record not in found]
    return chunk


def _walk(raw: bytes, end: int, chunk: Chunk) -> list[Frame]:
    frames: list[Frame] = []
    at = FIRST_RECORD
    while at + _SMALLEST <= end:
        size = _sound(raw, at, end)
        damage = ""
        if not size:
            size, damage = _mend(raw, at, end)
            if not size:
                break
        record, written = struct.unpack_from("<QQ", raw, at + 8)
        expected = frames[-1].record + 1 if frames else chunk.first
        if chunk.damage and chunk.last >= chunk.first and not expected <= record <= chunk.last:
            record, damage = expected, damage or "record id"
        frames.append(Frame(chunk.slot, chunk.offset + at, size, record, written, damage))
        at += size
    return frames


def _sound(raw: bytes, at: int, end: int) -> int:
    """The size of the record at `at` if signature and both sizes hold, else 0."""
    size = struct.unpack_from("<I", raw, at + 4)[0]
    if raw[at : at + 4] != _SIGNATURE or not _SMALLEST <= size <= end - at or size % 8:
        return 0
    return size if struct.unpack_from("<I", raw, at + size - 4)[0] == size else 0


def _mend(raw: bytes, at: int, end: int) -> tuple[int, str]:
    """Size of a record whose frame is damaged: by its own two sizes, else up to the next sound record."""
    size = struct.unpack_from("<I", raw, at + 4)[0]
    if _SMALLEST <= size <= end - at - 4 and size % 8 == 0:
        closed = struct.unpack_from("<I", raw, at + size - 4)[0] == size
        if closed or at + size == end or _sound(raw, at + size, end):
            return size, "signature" if closed else "size"
    following = raw.find(_SIGNATURE, at + 8, end)
    while following >= 0 and not _sound(raw, following, end):
        following = raw.find(_SIGNATURE, following + 8, end)
    if following < 0:
        following = end if raw[at:end].strip(b"\0") else at
    return following - at, "frame"


def _count_lost_chunks(framing: Framing, header: FileHeader | None) -> None:
    """How many records stood in chunks of which nothing is left, by the ids of their neighbours."""
    known = sorted((frames_or_range(chunk), chunk.slot) for chunk in framing.chunks if chunk.frames or chunk.missing)
    gone = [chunk for chunk in framing.chunks if not chunk.frames and not chunk.missing]
    if not gone:
        return
    newest = header.next_record_number() - 1 if header else 0
    ranges = [span for span, _ in known]
    holes = [
        (before[1] + 1, after[0] - 1)
        for before, after in zip(ranges, [*ranges[1:], (newest + 1, newest)], strict=True)
        if after[0] > before[1] + 1
    ]
    slots = ", ".join(str(chunk.slot) for chunk in gone)
    count = sum(last - first + 1 for first, last in holes)
    where = ", ".join(f"{first} to {last}" for first, last in holes) or "ids unknown"
    framing.missing.append((f"chunk {slots}: nothing is left of it (records {where})", count))


def frames_or_range(chunk: Chunk) -> tuple[int, int]:
    """First and last record id of a chunk: as its header says, widened by what was found."""
    ids = [frame.record for frame in chunk.frames] + chunk.missing
    return min(ids), max(ids)
