"""Containers: the objects in a cabinet, in a serialized certificate store (.sst) and in PEM text.

A cabinet says in its head what it unpacks to; one that says too much, or whose names point elsewhere, is
refused before anything is unpacked. Blocks that unpack to another size than they say are refused, too.
"""

from __future__ import annotations

import binascii
import re
import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from capi2kit.errors import EvidenceError
from capi2kit.loaders.evidence import Problems, is_outside
from capi2kit.loaders.pki.certificates import package
from capi2kit.loaders.text.lines import Line

CABINET = b"MSCF"
STORE = b"\0\0\0\0CERT"
MAX_UNPACKED = 64 << 20
MAX_BLOCKS = 65_536  # of a cabinet: folders may share blocks, so that a small file can ask for billions
_OBJECTS = (".stl", ".sst", ".cer", ".crt", ".der", ".crl", ".p7b", ".pem", ".cat")
_CABINET_HEAD = struct.Struct("<4sIIIIIBBHHHHH")
_FOLDER, _BLOCK, _MEMBER = struct.Struct("<IHH"), struct.Struct("<IHH"), struct.Struct("<IIHHHH")
_PROPERTY = struct.Struct("<III")
_FRIENDLY_NAME = 11
_STORED = range(32, 35)  # certificate, CRL, trust list
_BEGIN = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,60})-----\s*")
_PREFACE = re.compile(r"\s*|#.*|Bag Attributes.*|(?:subject|issuer)\b.*|\s+.*|-+BEGIN .*", re.ASCII)
_NOT_READ = ("KEY", "REQUEST", "PARAMETERS")


class Piece(NamedTuple):
    """One object: where it is, in words and as an offset in the file, its bytes, and the name that a store gives it."""

    where: str
    offset: int
    data: bytes
    friendly_name: str | None = None


def cabinet_names(head: bytes) -> list[str]:
    """The names in a cabinet as far as its head shows them; empty if it is not a cabinet."""
    if not head.startswith(CABINET) or len(head) < _CABINET_HEAD.size:
        return []
    return [name for name, _ in _members(head)]


def holds_objects(head: bytes) -> bool:
    """Whether a cabinet names a file that may be a list, a certificate or a CRL."""
    return any(name.lower().endswith(_OBJECTS) for name in cabinet_names(head))


def _members(data: bytes) -> Iterator[tuple[str, int]]:
    """Name and size of the files in a cabinet, as its head says."""
    at, count = (_CABINET_HEAD.unpack_from(data)[i] for i in (4, 9))
    for _ in range(count):
        end = data.find(b"\0", at + _MEMBER.size, at + _MEMBER.size + 256)
        if end < 0:
            return
        yield data[at + _MEMBER.size : end].decode("utf-8", "replace"), _MEMBER.unpack_from(data, at)[0]
        at = end + 1


def unpack_cabinet(data: bytes, *, name: str) -> list[Piece]:
    """The files in a cabinet. Raises EvidenceError if it is refused, damaged, or packed in an unknown way."""
    _refuse_bombs(data, name=name)
    package("cabarchive")
    archive, errors = package("cabarchive.archive"), package("cabarchive.errors")
    foreign = (errors.CorruptionError, errors.NotSupportedError, ValueError, IndexError, struct.error)
    try:
        members = archive.CabArchive(data)
    except foreign as err:
        message = f"{name}: the cabinet cannot be unpacked ({type(err).__name__}: {err}); copy it again, or unpack it \
with `expand` on Windows and load what was in it"
        raise EvidenceError(message, source=name) from err
    return [Piece(f"{member} in the cabinet", 0, bytes(file.buf)) for member, file in members.items()]


def _refuse_bombs(data: bytes, *, name: str) -> None:
    """Raises EvidenceError if the cabinet unpacks to too much, or names point outside."""
    try:
        unpacked = max(sum(size for _, size in _members(data)), _blocks_size(data), len(data))
    except struct.error as err:
        raise EvidenceError(f"{name}: the head of the cabinet is cut off; copy it again", source=name) from err
    if unpacked > MAX_UNPACKED:
        limit = f"it unpacks to more than {MAX_UNPACKED} bytes, or has more than {MAX_BLOCKS} blocks"
        raise EvidenceError(f"{name}: cabinet refused: {limit}; unpack it yourself and load the folder", source=name)
    for member, _ in _members(data):
        if is_outside(member):
            what = f"the name of a member points outside of it ({member})"
            raise EvidenceError(f"{name}: cabinet refused: {what}", source=name)


def _blocks_size(data: bytes) -> int:
    """What all blocks of a cabinet unpack to, as they say; more than is allowed if there are too many of them."""
    head = _CABINET_HEAD.unpack_from(data)
    folders, flags = head[8], head[10]
    at, folder_extra, block_extra = _CABINET_HEAD.size, 0, 0
    if flags & 4:
        header_extra, folder_extra, block_extra = struct.unpack_from("<HBB", data, at)
        at += 4 + header_extra
    total, blocks = 0, 0
    for _ in range(folders):
        block, count, _ = _FOLDER.unpack_from(data, at)
        at += _FOLDER.size + folder_extra
        blocks += count
        if blocks > MAX_BLOCKS:
            return MAX_UNPACKED + 1
        for _ in range(count):
            _, packed, unpacked = _BLOCK.unpack_from(data, block)
            total += unpacked
            if total > MAX_UNPACKED:
                return total
            block += _BLOCK.size + block_extra + packed
    return total


def is_store(head: bytes) -> bool:
    """Whether bytes begin a serialized store: its mark, then a property in the encoding of X.509, or the end at once."""
    if not head.startswith(STORE) or len(head) < len(STORE) + _PROPERTY.size:
        return False
    kind, encoding, _ = _PROPERTY.unpack_from(head, len(STORE))
    return kind < 0x10000 and bool(encoding & 1) == (kind > 0)


def read_store(data: bytes, *, problems: Problems) -> Iterator[Piece]:
    """The objects of a serialized store; a store that is cut off loses what is at the cut."""
    at, count, name = len(STORE), 0, None
    while at < len(data):
        if at + _PROPERTY.size > len(data):
            _note_cut(problems, at)
            return
        kind, _, length = _PROPERTY.unpack_from(data, at)
        if kind == 0:
            return
        start = at + _PROPERTY.size
        if start + length > len(data):
            _note_cut(problems, at)
            return
        value = data[start : start + length]
        at = start + length
        if kind == _FRIENDLY_NAME:
            name = value.decode("utf-16-le", "replace").rstrip("\0") or None
        if kind in _STORED:
            count += 1
            yield Piece(f"object {count} of the store", start, value, name)
            name = None
    message = "the store does not say that it ends here: objects behind may be missing"
    problems.add("file", "cut off", message=message, offset=len(data))


def _note_cut(problems: Problems, at: int) -> None:
    message = f"the store is cut off at offset {at}: this object and those behind it are lost"
    problems.add("record", "cut off", message=message, lost=1, offset=at)


def pem_heads(text: str) -> Iterator[bytes]:
    """The decoded beginnings of the objects in PEM text; none if text that a PEM file does not have is before the first."""
    first = _BEGIN.search(text)
    if first is None:
        return
    preface = text[: first.start()]
    if not all(_PREFACE.fullmatch(line) for line in preface.splitlines()) or preface[-1:] not in ("", "\n", "\r"):
        return
    for begin in _BEGIN.finditer(text):
        code = re.sub(r"\s", "", text[begin.end() :].partition("-----")[0])
        try:
            yield binascii.a2b_base64(code[: len(code) // 4 * 4], strict_mode=True)
        except ValueError:
            continue


def read_pem(lines: Iterable[Line], *, problems: Problems) -> Iterator[Piece | None]:
    """The objects of PEM text; None for one that is of no concern here: a key, a request."""
    begun: Line | None = None
    label, code = "", [""]
    for line in lines:
        text = line.text.strip().lstrip("\ufeff")
        if found := _BEGIN.fullmatch(text):
            if begun:
                _note_open(problems, begun)
            begun, label, code = line, found[1], []
        elif begun and text.startswith("-----END "):
            yield _decoded(begun, code, label=label, problems=problems)
            begun = None
        elif begun:
            code.append(text)
    if begun:
        _note_open(problems, begun)


def _decoded(begun: Line, code: list[str], *, label: str, problems: Problems) -> Piece | None:
    if label.endswith(_NOT_READ):
        if "PRIVATE" in label:
            message = f"there is a private key at line {begun.number}; it is not read, and does not belong in evidence"
            problems.add("text", "private key", message=message, offset=begun.offset)
        return None
    where = f"{label} at line {begun.number}"
    try:
        return Piece(where, begun.offset, binascii.a2b_base64("".join(code), strict_mode=True))
    except ValueError as err:
        message = f"{where}: it is not base64 ({err}); the object is lost"
        problems.add("record", "damaged object", message=message, lost=1, offset=begun.offset)
        return Piece(where, begun.offset, b"")


def _note_open(problems: Problems, begun: Line) -> None:
    message = f"what begins at line {begun.number} does not end; the object is lost"
    problems.add("record", "cut off", message=message, lost=1, offset=begun.offset)
