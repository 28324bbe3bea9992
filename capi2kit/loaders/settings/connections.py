"""Connections: the proxy settings that Windows keeps as bytes (WinHttpSettings, DefaultConnectionSettings, …).

Layout: size or version, counter, flags (4 bytes each, little-endian), then proxy, bypass list and, where it is
there, the address of a configuration script, each with its length before it. What follows is not known.
"""

from __future__ import annotations

import struct

_HEADER = struct.Struct("<III")
_LENGTH = struct.Struct("<I")
_DIRECT, _PROXY, _SCRIPT, _DETECT = 1, 2, 4, 8
_KNOWN = 0x1F  # bits seen in these flags
_FOLDER = "\\internet settings\\connections"
Decoded = list[tuple[str, str | None, dict[str, object]]]


def is_connections(path: str | None) -> bool:
    """Whether a registry key is one that holds such values."""
    return (path or "").casefold().endswith(_FOLDER)


def decoded(data: bytes) -> Decoded:
    """Name, value and what else is to be said about each setting in the bytes.

    `proxy` is ``direct`` where neither a proxy, a script nor a search for one is switched on; an address that is
    stored but switched off is not the value, but given as `stored`. Raises ValueError if the bytes are not such a value.
    """
    if len(data) < _HEADER.size:
        raise ValueError(f"{len(data)} bytes are too few")
    _, counter, flags = _HEADER.unpack_from(data)
    if flags & ~_KNOWN:
        raise ValueError(f"flags 0x{flags:X} do not fit such a value")
    texts = _texts(data)
    direct = "direct" if not flags & (_PROXY | _SCRIPT | _DETECT) else None
    found: Decoded = [
        ("flags", str(flags), {"counter": counter}),
        ("proxy", *_used(texts[0], flags & _PROXY, otherwise=direct)),
        ("bypass", *_used(texts[1], flags & _PROXY)),
    ]
    if len(texts) > 2:
        found.append(("auto-config url", *_used(texts[2], flags & _SCRIPT)))
    return [*found, ("auto-detect", "1" if flags & _DETECT else "0", {})]


def _used(text: str, on: int, *, otherwise: str | None = None) -> tuple[str | None, dict[str, object]]:
    if on:
        return text or None, {}
    return otherwise, {"stored": text} if text else {}


def _texts(data: bytes) -> list[str]:
    """Proxy, bypass list and script as far as they are there. Raises ValueError if a length leads beyond the end."""
    texts: list[str] = []
    at = _HEADER.size
    while len(texts) < 3 and at + _LENGTH.size <= len(data):
        (length,) = _LENGTH.unpack_from(data, at)
        at += _LENGTH.size
        if at + length > len(data):
            raise ValueError(f"a text of {length} bytes at offset {at} leads beyond its end")
        texts.append(data[at : at + length].decode("cp1252", errors="replace").rstrip("\0"))
        at += length
    if len(texts) < 2:
        raise ValueError(f"{len(data)} bytes hold no proxy and bypass list")
    return texts
