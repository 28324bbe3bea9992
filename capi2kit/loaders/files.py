"""Files: what a path, folder, glob or archive holds, opened read-only and hashed."""

from __future__ import annotations

import glob
import hashlib
import mmap
import os
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from capi2kit.errors import EvidenceError
from capi2kit.loaders.evidence import EvidenceFile
from capi2kit.loaders.framing import Buffer

MEMBER = "!"  # archive.zip!member.evtx
MAX_MEMBERS = 10_000
MAX_UNPACKED = 4 << 30
MAX_RATIO = 500
PathLike = str | os.PathLike[str]


class Found(NamedTuple):
    """A file to try: as named by the user, and whether it was named itself (or only stood in a folder)."""

    path: str
    member: str
    named: bool

    @property
    def name(self) -> str:
        """The name shown in tables: ``archive.zip!member`` for a member."""
        return f"{self.path}{MEMBER}{self.member}" if self.member else self.path


def find(what: PathLike | Iterable[PathLike]) -> list[Found]:
    """All files behind a path, folder (recursive), glob, archive, or a list of them; sorted, each once."""
    paths = [what] if isinstance(what, str | os.PathLike) else list(what)
    found: list[Found] = []
    for path in paths:
        found += _behind(os.fspath(path))
    if not found:
        raise EvidenceError("an empty list of paths; name a log, a folder, a pattern or a .zip")
    return list(dict.fromkeys(found))


def _behind(path: str) -> list[Found]:
    outer, _, member = path.partition(f".zip{MEMBER}")
    if member:
        return [Found(f"{outer}.zip", member, True)]
    if os.path.isdir(path):
        files = sorted(str(file) for file in Path(path).rglob("*") if file.is_file())
        if not files:
            raise EvidenceError(
                f"{path}: the folder holds no file; name the folder with the exported logs", source=path
            )
        return [hit for file in files for hit in _members(file, named=False)]
    if os.path.exists(path):
        return _members(path, named=True)
    hits = sorted(hit for hit in glob.glob(path, recursive=True) if os.path.isfile(hit))
    if hits:
        return [found for hit in hits for found in _members(hit, named=False)]
    kind = "nothing matches this pattern" if glob.has_magic(path) else "there is no such file or folder"
    raise EvidenceError(f"{path}: {kind}; check the spelling, and that it was not moved or deleted", source=path)


def _members(path: str, *, named: bool) -> list[Found]:
    try:
        if not zipfile.is_zipfile(path):
            return [Found(path, "", named)]
        with zipfile.ZipFile(path) as archive:
            members = [info for info in archive.infolist() if not info.is_dir()]
    except (OSError, zipfile.BadZipFile) as err:
        raise EvidenceError(f"{path}: cannot be opened ({err})", source=path) from err
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
    elif unpacked > 1 << 20 and unpacked / packed > MAX_RATIO:
        reason = f"it unpacks to {unpacked // packed} times its size, more than {MAX_RATIO}"
    elif any(info.flag_bits & 1 for info in members):
        reason = "it is encrypted"
    elif any(info.filename.startswith("/") or ".." in info.filename.split("/") for info in members):
        reason = "a member's name points outside of it"
    if reason:
        raise EvidenceError(f"{path}: archive refused: {reason}; unpack it yourself and load the folder", source=path)


@contextmanager
def opened(found: Found) -> Iterator[EvidenceFile]:
    """The file's bytes, mapped read-only (unpacked in memory for a member), with their SHA-256."""
    try:
        if found.member:
            with zipfile.ZipFile(found.path) as archive:
                data: Buffer = archive.read(found.member)
            yield EvidenceFile(found.name, "", data, hashlib.sha256(data).hexdigest())
            return
        with open(found.path, "rb") as file:
            if not os.fstat(file.fileno()).st_size:
                yield EvidenceFile(found.name, found.path, b"", hashlib.sha256(b"").hexdigest())
                return
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                yield EvidenceFile(found.name, found.path, mapped, hashlib.sha256(mapped).hexdigest())  # type: ignore[arg-type]
    except (OSError, KeyError, zipfile.BadZipFile, RuntimeError) as err:
        if isinstance(err, RuntimeError) and not found.member:
            raise
        raise EvidenceError(f"{found.name}: cannot be read ({err})", source=found.name) from err
