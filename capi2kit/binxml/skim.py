"""Skimming: whether a fragment holds nothing over which readers differ, without making anything of it.

Only what is sure is said: whatever is not a plain element with texts is left to `Fragments`, which knows all of the format.
"""

from __future__ import annotations

import struct
from codecs import utf_16_le_decode

from capi2kit.binxml.names import read_name

_MORE, _HEADER, _ELEMENT, _ATTRIBUTE, _TEXT = 0x40, 0x0F, 0x01, 0x06, 0x05
_CLOSE_START, _CLOSE_EMPTY, _END, _END_OF_FRAGMENT = 0x02, 0x03, 0x04, 0x00
_DEEPEST = 64
_u16 = struct.Struct("<H").unpack_from
_u32 = struct.Struct("<I").unpack_from


class _NotPlainError(Exception):
    """Something that is left to the whole reader."""


def is_plain(chunk: bytes, at: int, *, end: int, names: set[int]) -> bool:
    """Whether the fragment in [at, end) is one element, of elements, attributes and printable texts only.

    `names`: offsets of names that are proven by their hashes; those that are met are added.
    """
    try:
        return _skimmed(chunk, at, end=end, names=names)
    except (_NotPlainError, IndexError, struct.error, UnicodeDecodeError):
        return False


def _skimmed(chunk: bytes, at: int, *, end: int, names: set[int]) -> bool:
    depth = roots = 0
    while at < end:
        token = chunk[at]
        if token & ~_MORE == _ELEMENT:
            roots += depth == 0
            if depth > _DEEPEST:
                return False
            at = _name(chunk, at + 5, names=names)
            if token & _MORE:
                at = _attributes(chunk, at, names=names)
            depth += chunk[at] == _CLOSE_START
            if chunk[at] not in (_CLOSE_START, _CLOSE_EMPTY):
                return False
            at += 1
        elif token == _END:
            depth -= 1
            if depth < 0:
                return False
            at += 1
        elif token & ~_MORE == _TEXT and depth:
            at = _text(chunk, at)
        elif token == _HEADER and not depth:
            at += 4
        elif token == _END_OF_FRAGMENT and not depth:
            break
        else:
            return False
    return roots == 1 and depth == 0 and at <= end


def _name(chunk: bytes, at: int, *, names: set[int]) -> int:
    """Where it goes on behind a reference to a name, or behind the name itself."""
    (offset,) = _u32(chunk, at)
    if offset not in names:
        if read_name(chunk, offset) is None:
            raise _NotPlainError
        names.add(offset)
    at += 4
    return at + 10 + 2 * _u16(chunk, offset + 6)[0] if offset == at else at


def _attributes(chunk: bytes, at: int, *, names: set[int]) -> int:
    stop = at + 4 + _u32(chunk, at)[0]
    at += 4
    while chunk[at] & ~_MORE == _ATTRIBUTE:
        at = _name(chunk, at + 1, names=names)
        while chunk[at] & ~_MORE == _TEXT:
            at = _text(chunk, at)
    if at != stop:
        raise _NotPlainError
    return at


def _text(chunk: bytes, at: int) -> int:
    stop = at + 4 + 2 * _u16(chunk, at + 2)[0]
    text = utf_16_le_decode(chunk[at + 4 : stop])[0]
    if stop > len(chunk) or not (text.isprintable() or text.rstrip("\0").isprintable()):
        raise _NotPlainError
    return stop
