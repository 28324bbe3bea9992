"""XML texts: the records of intact chunks as the `evtx` library (Rust) renders them. The engine `evtx`, and a second opinion."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any

from capi2kit.binxml import has_loop
from capi2kit.loaders.evidence import EvidenceFile
from capi2kit.loaders.evtx.framing import HEADER, Chunk, chunk_bytes
from capi2kit.loaders.evtx.recordids import Frame

_LONGEST_XML = 1 << 21  # 64 KiB of record make no more, unless its templates repeat themselves
_SPLICED = 256  # chunks handed to the library at once: a copy, so that it reads what was hashed
_PANIC = "PanicException"  # of the Rust library; Python does not count it among the exceptions


def rendered(file: EvidenceFile, chunks: list[Chunk], *, left: list[Frame]) -> Iterator[tuple[Frame, str]]:
    """The records of intact chunks as XML. Those that the library does not give, or may give otherwise, are added to `left`."""
    endless = {chunk.slot for chunk in chunks if has_loop(chunk_bytes(file.data, chunk))}
    left += [frame for chunk in chunks if chunk.slot in endless for frame in chunk.frames]
    safe = [chunk for chunk in chunks if chunk.slot not in endless]
    for i in range(0, len(safe), _SPLICED):
        yield from _some(file, safe[i : i + _SPLICED], left=left)


def _some(file: EvidenceFile, chunks: list[Chunk], *, left: list[Frame]) -> Iterator[tuple[Frame, str]]:
    from capi2kit.loaders.evtx.salvage import odd_records

    frames = [frame for chunk in chunks for frame in chunk.frames]
    odd = {offset for chunk in chunks for offset in odd_records(file.data, chunk)}
    at = 0
    for record in _rust_records(_spliced(file, chunks), most_failures=len(frames)):
        behind = at
        while at < len(frames) and frames[at].record != record["event_record_id"]:
            at += 1
        if at == len(frames):
            at = behind  # a record that framing does not know: cannot be, in an intact chunk
            continue
        left += frames[behind:at]
        frame = frames[at]
        at += 1
        if frame.offset in odd or len(record["data"]) > _LONGEST_XML:
            left.append(frame)
        else:
            yield frame, record["data"]
    left += frames[at:]


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
