"""Files: what a path, folder, glob or archive holds, opened read-only."""

from __future__ import annotations

import glob
import os
import re
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from capi2kit.errors import EvidenceError
from capi2kit.loaders.evidence import EvidenceFile
from capi2kit.loaders.evidence.filebytes import FileBytes, open_regular
from capi2kit.loaders.files.archives import UNREADABLE, Archive

MEMBER = "!"  # archive.zip!member.evtx
PathLike = str | os.PathLike[str]
_ESCAPED = re.compile(rb"\\x([0-9a-f]{2})")


class Found(NamedTuple):
    """A file to try: as named by the user, and whether it was named itself (or only lay in a folder).

    `fault` says why it is left alone: an archive or a member that is refused, a link that leads out of its folder.
    """

    path: str
    member: str
    named: bool
    fault: str = ""

    @property
    def name(self) -> str:
        """The name shown in tables: ``archive.zip!member`` for a member."""
        return shown(f"{self.path}{MEMBER}{self.member}" if self.member else self.path)


def shown(path: str) -> str:
    """A path as text that any table can hold: bytes of a name that are not UTF-8 as ``\\xff``."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def find(what: PathLike | Iterable[PathLike], *, follow: bool = False) -> list[Found]:
    """All files behind a path, folder (recursive), glob, archive, or a list of them; sorted, each once.

    `follow`: also what links in a folder lead to outside of it.
    """
    found: dict[tuple[str, str], Found] = {}
    real: dict[str, str] = {}
    for path in _paths(what):
        for hit in _behind(path, follow=follow):
            place = real.get(hit.path) or real.setdefault(hit.path, os.path.realpath(hit.path))
            found.setdefault((place, hit.member), hit)
    if not found:
        raise EvidenceError("an empty list of paths; name a log, a folder, a pattern or a .zip")
    return list(found.values())


def places(what: PathLike | Iterable[PathLike]) -> list[str]:
    """The files, folders and archives that are behind paths and patterns, not looked into."""
    return [part for path in _paths(what) for hit in (_hits(path) or [path]) for part in of(hit)]


def of(name: str) -> list[str]:
    """The file on disk that a name in `sources` means: a path, or the archive of archive!member."""
    return [named(name).path]


def named(name: str) -> Found:
    """The file that a name in `sources` means: a path, or archive!member."""
    path = name
    if not _is_there(path) and _is_there(unescaped := _unescaped(path)):
        path = unescaped
    if not _is_there(path):
        for mark in re.finditer(re.escape(MEMBER), path):
            for archive in (path[: mark.start()], _unescaped(path[: mark.start()])):
                if _is_there(archive) and not os.path.isdir(archive):
                    return Found(archive, path[mark.end() :], True)
    return Found(path, "", True)


def _is_there(path: str) -> bool:
    try:
        return os.path.lexists(path)
    except ValueError:  # a NUL in it
        return False


def _unescaped(name: str) -> str:
    """A path as the system knows it, from what `shown` made of it."""
    raw = name.encode("utf-8", "surrogateescape")
    return os.fsdecode(_ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), raw))


def _paths(what: PathLike | Iterable[PathLike]) -> list[str]:
    return [os.fspath(path) for path in ([what] if isinstance(what, str | os.PathLike) else what)]


def _hits(path: str) -> list[str]:
    """What a pattern matches; nothing if it is not a pattern, or is a file itself."""
    is_pattern = glob.has_magic(path) and "\0" not in path and not os.path.exists(path)
    return sorted(glob.iglob(path, recursive=True)) if is_pattern else []


def _behind(path: str, *, follow: bool) -> list[Found]:
    if os.path.isdir(path):
        found = _below(path, follow=follow)
        if not found:
            message = f"{path}: the folder holds no file; name the folder with the exported logs"
            raise EvidenceError(message, source=path)
        return found
    if os.path.exists(path):
        return _members(path)
    if named(path).member:
        return [named(path)]
    found = [
        found for hit in _hits(path) for found in (_below(hit, follow=follow) if os.path.isdir(hit) else _unnamed(hit))
    ]
    if found:
        return found
    pattern = glob.has_magic(path) and "\0" not in path
    kind = "nothing matches this pattern" if pattern else "there is no such file or folder"
    raise EvidenceError(f"{path}: {kind}; check the spelling, and that it was not moved or deleted", source=path)


def _below(folder: str, *, follow: bool) -> list[Found]:
    """Every file below a folder; what cannot be listed or leads out of it is given as it is, so that it is reported."""
    closed, outside, files = list[str](), list[str](), list[str]()
    top = os.path.realpath(folder)
    seen = {top}
    for where, folders, names in os.walk(
        folder, onerror=lambda err: closed.append(str(err.filename)), followlinks=follow
    ):
        for name in list(folders):
            path = os.path.join(where, name)
            real = os.path.realpath(path)
            leads_out = not follow and not _lies_in(real, top)
            outside += [path] if leads_out else []
            if leads_out or real in seen or (os.path.islink(path) and not follow):
                folders.remove(name)
            seen.add(real)
        for name in names:
            path = os.path.join(where, name)
            leads_out = not follow and os.path.islink(path) and not _lies_in(os.path.realpath(path), top)
            (outside if leads_out else files).append(path)
    found = {path: _unnamed(path) for path in [*files, *closed]}
    found |= {path: [Found(path, "", False, _leading_out(path))] for path in outside}
    return [one for path in sorted(found) for one in found[path]]


def _leading_out(path: str) -> str:
    return (
        f"{shown(path)}: is a link that leads out of its folder; it was not followed. --follow (follow=True) reads it"
    )


def _lies_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _unnamed(path: str) -> list[Found]:
    """A file that lay in a folder: only there must an archive be named .zip, for many documents are archives too."""
    if not path.lower().endswith(".zip"):
        return [Found(path, "", False)]
    return [found._replace(named=False) for found in _members(path)]


def _members(path: str) -> list[Found]:
    """The file itself, or what is in it if it is an archive; one that is refused is given as it is, with the reason."""
    if not os.path.isfile(path):
        return [Found(path, "", True)]
    try:
        with open_regular(path) as file:
            if file.read(2) != b"PK" or not zipfile.is_zipfile(file):
                return [Found(path, "", True)]
            archive = Archive(file, name=shown(path))
    except EvidenceError as err:
        return [Found(path, "", True, str(err))]
    except Exception as err:  # whatever is wrong with it, the other files are read
        return [Found(path, "", True, _unreadable(path, err))]
    found = []
    for info in archive.members:
        fault = archive.fault_of(info)
        member = Found(path, info.filename, False)
        text = f"{member.name}: refused: {fault}; unpack it yourself and load the folder"
        found.append(member._replace(fault=text) if fault else member)
    return found


def _unreadable(path: str, err: Exception) -> str:
    return f"{shown(path)}: cannot be read ({err}); check that it is there and that you may read it"


class Reader:
    """Opens files one after the other; an archive stays open as long as its members come."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._path = ""
        self._archive: Archive | None = None

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @contextmanager
    def open(self, found: Found) -> Iterator[EvidenceFile]:
        """A file, to be read in pieces, or a member, unpacked in memory as far as it is read. Raises EvidenceError if it cannot be read."""
        if found.fault:
            raise EvidenceError(found.fault, source=found.name)
        if found.member:
            yield EvidenceFile(found.name, self._archive_at(found.path).member(found.member))
            return
        with ExitStack() as stack:
            try:
                if not os.path.exists(found.path):
                    raise OSError("there is no such file")
                file = stack.enter_context(open_regular(found.path))
            except UNREADABLE as err:
                raise EvidenceError(_unreadable(found.path, err), source=found.name) from err
            yield EvidenceFile(found.name, FileBytes(file, name=found.name))

    def _archive_at(self, path: str) -> Archive:
        if self._archive is None or self._path != path:
            self._stack.close()
            try:
                file = self._stack.enter_context(open_regular(path))
                self._path, self._archive = path, Archive(file, name=shown(path))
            except UNREADABLE as err:
                raise EvidenceError(_unreadable(path, err), source=path) from err
        return self._archive
