"""Names of Binary XML: one structure per name and chunk, found by offset, proven by its hash."""

from __future__ import annotations

import re
import struct

STRING_TABLE = 128  # offset of the 64 bucket heads in a chunk
BUCKETS = 64
TEMPLATE_BUCKETS = 32  # their heads follow those of the names
_NAME = re.compile(r"[A-Za-z_][\w.:-]*")


def name_hash(name: str) -> int:
    """The 16-bit hash that is before every name."""
    value = 0
    for unit in struct.unpack(f"<{len(name.encode('utf-16le')) // 2}H", name.encode("utf-16le")):
        value = (value * 65599 + unit) & 0xFFFFFFFF
    return value & 0xFFFF


def read_name(chunk: bytes, offset: int) -> str | None:
    """The name whose structure is at `offset`, or None if its hash does not verify."""
    name = _name_at(chunk, offset)
    return name if name is not None and name_hash(name) == struct.unpack_from("<H", chunk, offset + 4)[0] else None


def written_name(chunk: bytes, offset: int) -> str | None:
    """The name as it is written at `offset`, whatever its hash; None if that is not a name of an element."""
    name = _name_at(chunk, offset)
    return name if name is not None and _NAME.fullmatch(name) else None


def _name_at(chunk: bytes, offset: int) -> str | None:
    if not 512 <= offset <= len(chunk) - 10:
        return None
    length = struct.unpack_from("<H", chunk, offset + 6)[0]
    raw = chunk[offset + 8 : offset + 8 + 2 * length]
    if not 0 < length <= 512 or len(raw) < 2 * length:
        return None
    return raw.decode("utf-16le", "replace")


def has_loop(chunk: bytes) -> bool:
    """Whether a chain of the chunk's tables, of names or of templates, comes back to where it was.

    Windows never writes that, and a reader that follows such a chain never ends.
    """
    heads = struct.unpack_from(f"<{BUCKETS + TEMPLATE_BUCKETS}I", chunk, STRING_TABLE)
    for head in heads:
        offset, seen = head, set[int]()
        while 0 < offset <= len(chunk) - 4:
            if offset in seen:
                return True
            seen.add(offset)
            offset = struct.unpack_from("<I", chunk, offset)[0]
    return False


def bucket_offsets(chunk: bytes) -> dict[int, int]:
    """Bucket number by name offset, as far as the chains of the chunk's string table can be followed."""
    buckets: dict[int, int] = {}
    for bucket in range(BUCKETS):
        offset = struct.unpack_from("<I", chunk, STRING_TABLE + 4 * bucket)[0]
        while 512 <= offset <= len(chunk) - 10 and offset not in buckets:
            buckets[offset] = bucket
            offset = struct.unpack_from("<I", chunk, offset)[0]
    return buckets
