"""File bytes: a file on disk as its readers see it, read in pieces, when they are asked for.

Nothing is mapped into memory: a file that becomes shorter while it is read is an error, not the end of the program.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from capi2kit.errors import EvidenceError

LARGEST = 64 << 30  # no log is that large: the limit of the format is 4 GiB
_PIECE = 1 << 20


class Buffer(Protocol):
    """Bytes of which parts can be taken: `bytes`, or a file on disk."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> bytes | bytearray | memoryview: ...


class FileBytes:
    """The bytes of an open file, as many as it had when it was opened."""

    def __init__(self, file: io.RawIOBase, *, name: str) -> None:
        status = os.fstat(file.fileno())
        self._file = file
        self._name = name
        self._size = status.st_size
        self._time = status.st_mtime_ns
        self._digest = hashlib.sha256()
        self._hashed = 0  # bytes from the beginning on

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, part: slice) -> bytes:
        start, stop, _ = part.indices(self._size)
        left = max(stop - start, 0)
        pieces = []
        self._file.seek(start)
        while left:
            piece = self._file.read(left)
            if not piece:
                self._raise_shorter()
            pieces.append(piece)
            left -= len(piece)
        found = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self._hash(found, start)
        return found

    def read_into(self, buffer: memoryview, start: int) -> None:
        """Fill a buffer with the bytes from `start` on."""
        self._file.seek(start)
        left = buffer
        while len(left):
            count = self._file.readinto(left)
            if not count:
                self._raise_shorter()
            left = left[count:]
        self._hash(buffer, start)

    def _hash(self, part: bytes | memoryview, start: int) -> None:
        """Add what was read to the hash, as far as it goes on where that ends."""
        if start <= self._hashed < start + len(part):
            self._digest.update(part[self._hashed - start :])
            self._hashed = start + len(part)

    def sha256(self) -> str:
        """The hash of all bytes; only those are read for it that nobody read in their order."""
        while self._hashed < self._size:
            self[self._hashed : self._hashed + _PIECE]
        return self._digest.hexdigest()

    def _raise_shorter(self) -> None:
        message = (
            f"{self._name}: became shorter while it was read, from {self._size} bytes; copy it, then load the copy"
        )
        raise EvidenceError(message, source=self._name)

    def is_changed(self) -> bool:
        """Whether the file was written to since it was opened."""
        status = os.fstat(self._file.fileno())
        return (status.st_size, status.st_mtime_ns) != (self._size, self._time)


def fill(buffer: memoryview, data: Buffer, *, start: int, count: int) -> None:
    """Copy `count` bytes of the data, from `start` on, to the beginning of a buffer."""
    if isinstance(data, FileBytes):
        data.read_into(buffer[:count], start)
    else:
        buffer[:count] = data[start : start + count]


def sha256_of(data: Buffer) -> str:
    """The SHA-256 of some bytes, taken piece by piece."""
    if isinstance(data, FileBytes):
        return data.sha256()
    digest = hashlib.sha256()
    for at in range(0, len(data), _PIECE):
        digest.update(data[at : at + _PIECE])
    return digest.hexdigest()


@contextmanager
def open_regular(path: str) -> Iterator[io.FileIO]:
    """A regular file, opened for reading without ever waiting for a writer. Raises OSError for anything else."""
    with io.FileIO(path, "r", opener=_without_waiting) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError("it is not a regular file")
        if status.st_size > LARGEST:
            raise OSError(f"{status.st_size} bytes, more than {LARGEST}")
        yield file


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0))
