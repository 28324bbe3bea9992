"""Files: what a path, folder, glob or archive holds, opened read-only and hashed."""

from __future__ import annotations

import glob
import hashlib
import lzma
import mmap
import os
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from capi2kit.errors import EvidenceError
from capi2kit.loaders.evidence import EvidenceFile
from capi2kit.loaders.framing import Buffer

MEMBER = "!"  # archive.zip!member.evtx
MAX_MEMBERS = 10_000
MAX_UNPACKED = 4 << 30
MAX_RATIO = 500
_SMALL = 256 << 20  # an archive that unpacks to less is no bomb: a log that is mostly empty packs very well
PathLike = str | os.PathLike[str]
_UNREADABLE = (OSError, EOFError, KeyError, ValueError, RuntimeError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)


class Found(NamedTuple):
    """A file to try: as named by the user, and whether it was named itself (or only stood in a folder).

    `fault` says why an archive that stood in a folder was left alone.
    """

    path: str
    member: str
    named: bool
    fault: str = ""

    @property
    def name(self) -> str:
        """The name shown in tables: ``archive.zip!member`` for a member."""
        return f"{self.path}{MEMBER}{self.member}" if self.member else self.path


def find(what: PathLike | Iterable[PathLike]) -> list[Found]:
    """All files behind a path, folder (recursive), glob, archive, or a list of them; sorted, each once."""
    paths = [what] if isinstance(what, str | os.PathLike) else list(what)
    found: dict[tuple[str, str], Found] = {}
    for path in paths:
        for hit in _behind(os.fspath(path)):
            found.setdefault((os.path.realpath(hit.path), hit.member), hit)
    if not found:
        raise EvidenceError("an empty list of paths; name a log, a folder, a pattern or a .zip")
    return list(found.values())


def named(path: str) -> Found:
    """The file that a name in `sources` stands for: a path, or archive!member."""
    if not os.path.exists(path):
        for mark in re.finditer(re.escape(MEMBER), path):
            if os.path.isfile(path[: mark.start()]):
                return Found(path[: mark.start()], path[mark.end() :], True)
    return Found(path, "", True)


def _behind(path: str) -> list[Found]:
    if os.path.isdir(path):
        found = _below(path)
        if not found:
            message = f"{path}: the folder holds no file; name the folder with the exported logs"
            raise EvidenceError(message, source=path)
        return found
    if os.path.exists(path):
        return _members(path)
    if named(path).member:
        return [named(path)]
    pattern = glob.has_magic(path) and "\0" not in path
    hits = sorted(glob.iglob(path, recursive=True)) if pattern else []
    found = [found for hit in hits for found in (_below(hit) if os.path.isdir(hit) else _unnamed(hit))]
    if found:
        return found
    kind = "nothing matches this pattern" if pattern else "there is no such file or folder"
    raise EvidenceError(f"{path}: {kind}; check the spelling, and that it was not moved or deleted", source=path)


def _below(folder: str) -> list[Found]:
    """Every file below a folder; a folder that cannot be listed stands for itself, so that somebody hears of it."""
    closed: list[str] = []
    files = [
        os.path.join(where, name)
        for where, _, names in os.walk(folder, onerror=lambda err: closed.append(str(err.filename)))
        for name in names
    ]
    return [found for file in sorted(files + closed) for found in _unnamed(file)]


def _unnamed(path: str) -> list[Found]:
    """A file that stood in a folder: only there a .zip must end so, for many documents are archives too."""
    if not path.lower().endswith(".zip"):
        return [Found(path, "", False)]
    try:
        return [found._replace(named=False) for found in _members(path)]
    except EvidenceError as err:
        return [Found(path, "", False, str(err))]


def _members(path: str) -> list[Found]:
    """The file itself, or what is in it if it is an archive. Raises EvidenceError for an archive that is refused."""
    if not os.path.isfile(path):
        return [Found(path, "", True)]
    try:
        with open(path, "rb") as file:
            if file.read(2) != b"PK" or not zipfile.is_zipfile(file):
                return [Found(path, "", True)]
        with zipfile.ZipFile(path) as archive:
            members = [info for info in archive.infolist() if not info.is_dir()]
    except _UNREADABLE as err:
        raise EvidenceError(f"{path}: cannot be opened ({err}); copy it again", source=path) from err
    if not members:
        raise EvidenceError(f"{path}: the archive holds no file; pack the exported logs again", source=path)
    _refuse_bombs(path, members)
    return [Found(path, info.filename, False) for info in members]


def _refuse_bombs(path: str, members: list[zipfile.ZipInfo]) -> None:
    unpacked = sum(info.file_size for info in members)
    packed = sum(info.compress_size for info in members) or 1
    reason = None
    if len(members) > MAX_MEMBERS:
        reason = f"more than {MAX_MEMBERS} files"
    elif unpacked > MAX_UNPACKED:
        reason = f"{unpacked} bytes unpacked, more than {MAX_UNPACKED}"
    elif unpacked > _SMALL and unpacked / packed > MAX_RATIO:
        reason = f"it unpacks to {unpacked // packed} times its size, more than {MAX_RATIO}"
    elif len({info.filename for info in members}) < len(members):
        reason = "two of its files have one name"
    elif any(info.flag_bits & 1 for info in members):
        reason = "it is encrypted"
    elif any(re.match(r"[/\\]|[A-Za-z]:", info.filename) for info in members):
        reason = "the name of a member begins at the root"
    elif any(".." in re.split(r"[/\\]", info.filename) for info in members):
        reason = "the name of a member points outside of it"
    if reason:
        raise EvidenceError(f"{path}: archive refused: {reason}; unpack it yourself and load the folder", source=path)


@contextmanager
def opened(found: Found) -> Iterator[EvidenceFile]:
    """The file's bytes, mapped read-only (unpacked in memory for a member), with their SHA-256.

    Raises EvidenceError if it cannot be read.
    """
    if found.fault:
        raise EvidenceError(found.fault, source=found.name)
    with ExitStack() as stack:
        try:
            data = _bytes_of(found, stack)
        except _UNREADABLE as err:
            message = f"{found.name}: cannot be read ({err}); check that it is there and that you may read it"
            raise EvidenceError(message, source=found.name) from err
        path = "" if found.member else found.path
        yield EvidenceFile(found.name, path, data, _digest(data, path))


def _digest(data: Buffer, path: str) -> str:
    """SHA-256; of a file on disk read anew, since a mapping that is read whole counts as memory used."""
    if not path:
        return hashlib.sha256(data).hexdigest()
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _bytes_of(found: Found, stack: ExitStack) -> Buffer:
    if found.member:
        with zipfile.ZipFile(found.path) as archive:
            return archive.read(found.member)
    if not os.path.isfile(found.path):
        raise OSError("it is no regular file" if os.path.exists(found.path) else "there is no such file")
    file = stack.enter_context(open(found.path, "rb"))  # noqa: SIM115 - the stack closes it
    if not os.fstat(file.fileno()).st_size:
        return b""
    mapped = stack.enter_context(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    return stack.enter_context(memoryview(mapped))
