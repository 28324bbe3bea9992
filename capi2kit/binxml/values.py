"""Values of Binary XML as the text that Windows shows.

Every substitution has a type byte and raw little-endian bytes. Arrays carry
0x80 in their type. Times keep their seven digits. Source: MS-EVEN6 2.2.12.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import datetime, timedelta

STRING, ANSI, BINARY, FILETIME, BINXML, STRINGS = 0x01, 0x02, 0x0E, 0x11, 0x21, 0x81
ARRAY = 0x80  # the mark of a type of which there are several
_EPOCH = datetime(1601, 1, 1)


def value_text(kind: int, raw: bytes) -> str | None:
    """The value as text; None for a null. Raises ValueError for a type or size that does not exist."""
    if kind == 0x00 or not raw:
        return None
    if kind == STRING:
        return _wide(raw).rstrip("\0")
    if kind == ANSI:
        return raw.decode("cp1252", "replace").rstrip("\0")
    if kind == BINARY:
        return raw.hex().upper()
    if kind & 0x80:
        return ",".join(array_items(kind, raw))
    show = _SHOW.get(kind)
    if show is None:
        raise ValueError(f"value of unknown type {kind:#x}")
    return show(raw)


def _wide(raw: bytes) -> str:
    """UTF-16 as it is, a lone surrogate and half a character too: the decoder counts what it must replace."""
    return raw[: len(raw) & ~1].decode("utf-16le", "surrogatepass") + ("\ufffd" if len(raw) & 1 else "")


def array_items(kind: int, raw: bytes) -> list[str]:
    """The items of an array value, each as text."""
    if kind == STRINGS:
        items = _wide(raw).split("\0")
        return items[:-1] if items and not items[-1] else items
    width = WIDTHS.get(kind & 0x7F, 0)
    if not width or len(raw) % width:
        raise ValueError(f"array of type {kind:#x} with {len(raw)} bytes")
    return [value_text(kind & 0x7F, raw[i : i + width]) or "" for i in range(0, len(raw), width)]


def filetime_text(ticks: int) -> str:
    """A FILETIME as ISO 8601 with its seven digits."""
    try:
        second = _EPOCH + timedelta(seconds=ticks // 10_000_000)
    except OverflowError:
        return ""
    return f"{second:%Y-%m-%dT%H:%M:%S}.{ticks % 10_000_000:07d}Z"


def _systemtime_text(raw: bytes) -> str:
    year, month, _, day, hour, minute, second, milli = struct.unpack("<8H", raw)
    return f"{year:04d}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}.{milli:03d}Z"


def _guid_text(raw: bytes) -> str:
    a, b, c = struct.unpack_from("<IHH", raw)
    return f"{a:08X}-{b:04X}-{c:04X}-{raw[8:10].hex().upper()}-{raw[10:].hex().upper()}"


def _sid_text(raw: bytes) -> str:
    subs = struct.unpack_from(f"<{raw[1]}I", raw, 8)
    return f"S-{raw[0]}-{int.from_bytes(raw[2:8], 'big')}" + "".join(f"-{sub}" for sub in subs)


_FORMATS = {0x03: "<b", 0x04: "<B", 0x05: "<h", 0x06: "<H", 0x07: "<i", 0x08: "<I", 0x09: "<q", 0x0A: "<Q"}
WIDTHS = {  # bytes of the values that have a fixed size
    0x0B: 4,
    0x0C: 8,
    0x0D: 4,
    0x0F: 16,
    0x11: 8,
    0x12: 16,
    0x14: 4,
    0x15: 8,
} | {kind: struct.calcsize(fmt) for kind, fmt in _FORMATS.items()}
_SHOW: dict[int, Callable[[bytes], str]] = {
    0x0B: lambda raw: repr(struct.unpack("<f", raw)[0]),
    0x0C: lambda raw: repr(struct.unpack("<d", raw)[0]),
    0x0D: lambda raw: "true" if any(raw) else "false",
    0x0F: _guid_text,
    0x10: lambda raw: hex(int.from_bytes(raw, "little")),
    0x11: lambda raw: filetime_text(struct.unpack("<Q", raw)[0]),
    0x12: _systemtime_text,
    0x13: _sid_text,
    0x14: lambda raw: hex(int.from_bytes(raw, "little")),
    0x15: lambda raw: hex(int.from_bytes(raw, "little")),
} | {kind: (lambda raw, fmt=fmt: str(struct.unpack(fmt, raw)[0])) for kind, fmt in _FORMATS.items()}
KNOWN = frozenset(
    {0x00, STRING, ANSI, BINARY, BINXML, STRINGS, *_SHOW}
)  # types that are read; and arrays of some of them
