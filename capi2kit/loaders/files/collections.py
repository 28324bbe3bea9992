"""Collections: the files of a farm by computer. Each log says in its newest record whose it is; only that record is read here.

farm/WEB01/…      what was collected on WEB01                 → WEB01
farm/WEB02.evtx   a log of WEB02, and its Application log     → WEB02
farm/WEB02-Application.evtx
farm/notes.txt    what names no computer                      → itself; or to the only computer that there is
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from typing import NamedTuple

from capi2kit.binxml import BinXmlError, Decoder
from capi2kit.errors import EvidenceError
from capi2kit.loaders import files
from capi2kit.loaders.evidence import EvidenceFile
from capi2kit.loaders.evidence.filebytes import Buffer, open_regular, sha256_of
from capi2kit.loaders.evidence.filebytes import FileBytes as _FileBytes
from capi2kit.loaders.evtx.framing import HEADER, Chunk, chunk_bytes, frame_chunk, looks_like_evtx
from capi2kit.loaders.evtx.recordids import CHUNK

_ENDING = ".evtx"
_LOOKED_AT = 8  # logs of a folder or archive, to find out whose it is


class Collection(NamedTuple):
    """Evidence that belongs together: its name, the paths to load, and the files on disk behind them."""

    name: str
    paths: tuple[str, ...]
    files: tuple[str, ...]


def collections_in(what: files.PathLike | Iterable[files.PathLike]) -> list[Collection]:
    """The evidence behind some paths by computer, in the order in which it was named. Raises EvidenceError if a path is missing."""
    given = [os.fspath(path) for path in ([what] if isinstance(what, str | os.PathLike) else what)]
    found: dict[str, dict[str, None]] = {}
    for path in given:
        whose = {piece: _computer_of(piece) for piece in _pieces(path)}
        computers = list(dict.fromkeys(filter(None, whose.values())))
        for piece, computer in whose.items():
            name = computer or (computers[0] if len(computers) == 1 else None)
            if name is None:  # a folder is a collection of its own; single files of a folder are one together
                name = files.shown(piece if computers and os.path.isdir(piece) else path)
            found.setdefault(name, {})[piece] = None
    return [Collection(name, tuple(some), tuple(_files_behind(list(some)))) for name, some in found.items()]


def fingerprint(path: str) -> tuple[int, int]:
    """Size of a file, and when it was changed; zeros for one that is not there."""
    try:
        status = os.stat(path)
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns


def sha256_of_file(path: str) -> str:
    """The hash of a file; none for one that cannot be read, which its loading will say."""
    try:
        with open_regular(path) as file:
            return sha256_of(_FileBytes(file, name=path))
    except (OSError, EvidenceError):
        return ""


def _pieces(path: str) -> list[str]:
    """A folder in pieces: what is directly in it. Anything else is a piece itself, or the files that a pattern matches."""
    if os.path.isdir(path):
        inside = sorted(os.path.join(path, name) for name in os.listdir(path))
        return inside or files.places(path)
    found = files.places(path)
    files.find(found)  # says what is missing
    return found


def _files_behind(paths: list[str]) -> list[str]:
    return list(dict.fromkeys(found.path for found in files.find(paths)))


def _computer_of(piece: str) -> str | None:
    """The computer that the logs of a piece name most often."""
    logs = [found for found in files.find(piece) if found.name.lower().endswith(_ENDING)]
    named: list[str] = []
    with files.Reader() as reader:
        for log in logs[:_LOOKED_AT]:
            try:
                with reader.open(log) as file:
                    named += filter(None, [_newest_computer(file)])
            except (EvidenceError, OSError):
                continue
    return max(named, key=named.count, default=None)


def _newest_computer(file: EvidenceFile) -> str | None:
    """The computer of the newest record of a log, upper case; None if it cannot be read."""
    data: Buffer = file.data
    if not looks_like_evtx(data) or len(data) < HEADER + CHUNK:
        return None
    newest = struct.unpack_from("<Q", bytes(data[:HEADER]), 16)[0]
    for slot in dict.fromkeys((min(newest, (len(data) - HEADER) // CHUNK - 1), 0)):
        chunk = frame_chunk(data, slot)
        decoder = Decoder(chunk_bytes(data, Chunk(slot)))
        for frame in reversed(chunk.frames[-3:]):
            at = frame.offset - chunk.offset
            try:
                name = decoder.decode(at + 24, at + frame.size - 4).findtext("System/Computer")
            except BinXmlError:
                continue
            if name:
                return name.upper()
    return None
