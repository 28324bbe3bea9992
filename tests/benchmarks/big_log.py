"""Make a big, valid log out of a small real one: every copy later by some days, with ids and tasks of its own.

    python tests/benchmarks/big_log.py SOURCE.evtx BIG.evtx --mb 64

Record ids, times (header, TimeCreated, and the clock texts of the payload), TaskIds and chainRefs
change; checksums are put right. Waits stay what they were, so the results can be compared.
"""

from __future__ import annotations

import argparse
import re
import struct
import zlib
from datetime import datetime, timedelta
from pathlib import Path

CHUNK, HEADER = 65536, 4096
GUID = re.compile(rb"\{\0(?:[0-9A-F]\0|-\0){36}\}\0")
CLOCK = re.compile(rb"(?:\d\0){4}-\0(?:\d\0){2}-\0(?:\d\0){2}(?=T\0)")
DAY = 864_000_000_000  # in units of a FILETIME
EPOCH = datetime(1601, 1, 1)
LATEST = (
    (datetime(2200, 1, 1) - EPOCH) // timedelta(days=1) * DAY
)  # later times are not counted in 64 bits of nanoseconds everywhere


def make(source: Path, big: Path, *, megabytes: float) -> int:
    """Write `big` and return its number of records."""
    data = source.read_bytes()
    chunks = [data[at : at + CHUNK] for at in range(HEADER, len(data) - CHUNK + 1, CHUNK)]
    chunks = sorted((raw for raw in chunks if raw.startswith(b"ElfChnk\0")), key=lambda raw: raw[24:32][::-1])
    copies = max(1, int(megabytes * 2**20 // (len(chunks) * CHUNK)))
    first, last = _first_time(chunks), _last_time(chunks)
    days = max(1, min(1 + (last - first) // DAY, (LATEST - last) // DAY // copies))  # many copies of a long log overlap
    record = 1
    with big.open("wb") as file:
        file.write(bytes(HEADER))
        for copy in range(copies):
            for raw in chunks:
                changed, record = _copied(bytearray(raw), record, copy=copy, days=copy * days)
                file.write(changed)
        count = copies * len(chunks)
        head = bytearray(HEADER)
        head[:8] = b"ElfFile\0"
        struct.pack_into("<QQQIHHHH", head, 8, 0, count - 1, record, 128, 1, 3, HEADER, count)
        struct.pack_into("<I", head, 124, zlib.crc32(bytes(head[:120])))
        file.seek(0)
        file.write(head)
    return record - 1


def _records(raw: bytes | bytearray) -> list[tuple[int, int]]:
    end = struct.unpack_from("<I", raw, 48)[0]
    found, at = [], 512
    while at < end:
        size = struct.unpack_from("<I", raw, at + 4)[0]
        found.append((at, size))
        at += size
    return found


def _first_time(chunks: list[bytes]) -> int:
    return min(struct.unpack_from("<Q", raw, at + 16)[0] for raw in chunks for at, _ in _records(raw))


def _last_time(chunks: list[bytes]) -> int:
    return max(struct.unpack_from("<Q", raw, at + 16)[0] for raw in chunks for at, _ in _records(raw))


def _copied(raw: bytearray, record: int, *, copy: int, days: int) -> tuple[bytearray, int]:
    first = record
    for at, size in _records(raw):
        day = struct.unpack_from("<Q", raw, at + 16)[0] // DAY
        for place in (at + 16, *_values(raw, at, kind=0x11)):
            struct.pack_into("<Q", raw, place, struct.unpack_from("<Q", raw, place)[0] + days * DAY)
        for place in (at + 8, *_values(raw, at, kind=0x0A)):
            struct.pack_into("<Q", raw, place, record)
        _shift_clocks(raw, at, at + size, day=day, days=days)
        record += 1
    tag = f"{copy:08X}".encode("utf-16le")
    for found in GUID.finditer(bytes(raw), 512):
        raw[found.end() - 2 - len(tag) : found.end() - 2] = tag
    struct.pack_into("<QQQQ", raw, 8, first, record - 1, first, record - 1)
    end = struct.unpack_from("<I", raw, 48)[0]
    struct.pack_into("<I", raw, 52, zlib.crc32(bytes(raw[512:end])))
    struct.pack_into("<I", raw, 124, zlib.crc32(bytes(raw[:120]) + bytes(raw[128:512])))
    return raw, record


def _values(raw: bytearray, at: int, *, kind: int) -> list[int]:
    """Where the first template value of this type stands: TimeCreated (0x11) or EventRecordID (0x0a)."""
    place = at + 24 + 4
    definition = struct.unpack_from("<I", raw, place + 6)[0]
    place += 10
    if definition == place:
        place += 24 + struct.unpack_from("<I", raw, definition + 20)[0]
    count = struct.unpack_from("<I", raw, place)[0]
    value = place + 4 + 4 * count
    for index in range(count):
        size, found = struct.unpack_from("<HB", raw, place + 4 + 4 * index)
        if found == kind:
            return [value]
        value += size
    return []


def _shift_clocks(raw: bytearray, begin: int, end: int, *, day: int, days: int) -> None:
    """Move the dates of the record's own day; those of certificates and lists stay."""
    for found in list(CLOCK.finditer(raw, begin, end)):
        date = datetime.strptime(found.group().decode("utf-16le"), "%Y-%m-%d")
        if abs((date - EPOCH).days - day) <= 1:
            raw[found.start() : found.end()] = f"{date + timedelta(days=days):%Y-%m-%d}".encode("utf-16le")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("big", type=Path)
    parser.add_argument("--mb", type=float, default=64)
    given = parser.parse_args()
    print(make(given.source, given.big, megabytes=given.mb), "records")
