"""Archives: what is in a .zip, unpacked in memory, and bounded by what comes out, whatever the archive says about itself.

Of a member, the beginning is unpacked first: the rest only if somebody reads on, for most files of a collection are no evidence.
Only members that are stored or deflated are unpacked: the other methods cannot be stopped in the middle of a block.
"""

from __future__ import annotations

import io
import lzma
import struct
import zipfile
import zlib

from capi2kit.errors import EvidenceError
from capi2kit.loaders.evidence import is_outside

MAX_MEMBERS = 100_000
MAX_CLAIMED = 64 << 30  # what one archive says that it unpacks to
MAX_UNPACKED = 4 << 30  # what is unpacked of one archive
MAX_MEMBER = 1 << 30
MAX_RATIO = 500
MAX_DIRECTORY = 16 << 20  # bytes of the list of members
UNREADABLE = (OSError, EOFError, KeyError, ValueError, RuntimeError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)
_SMALL = 256 << 20  # an archive that unpacks to less is not a bomb: a log that is mostly empty packs very well
_PIECE = 1 << 20
PEEKED = 2 << 20  # bytes of the beginning of a member that are unpacked first: more than `sniff` is shown
_END = b"PK\5\6"  # of the list of members; its size follows
_ZIP64 = 0xFFFFFFFF
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_NAMES = {9: "deflate64", zipfile.ZIP_BZIP2: "bzip2", zipfile.ZIP_LZMA: "lzma", 93: "zstd", 95: "xz", 98: "ppmd"}
_ENCRYPTED = 1


class Archive:
    """An open .zip. Raises EvidenceError if it is refused or cannot be opened."""

    def __init__(self, file: io.FileIO, *, name: str) -> None:
        self.name = name
        self._left = MAX_UNPACKED
        try:
            _check_directory(file)
            self._zip = zipfile.ZipFile(file)
        except _Refused as err:
            raise self._refusal(str(err)) from err
        except UNREADABLE as err:
            raise EvidenceError(f"{name}: cannot be opened ({err}); copy it again", source=name) from err
        self.members = [info for info in self._zip.infolist() if not info.filename.endswith("/")]
        self._check()

    def _refusal(self, reason: str) -> EvidenceError:
        message = f"{self.name}: archive refused: {reason}; unpack it yourself and load the folder"
        return EvidenceError(message, source=self.name)

    def _check(self) -> None:
        """Raises EvidenceError for what may not be unpacked at all."""
        members = self.members
        if not members:
            message = f"{self.name}: the archive holds no file; pack the exported logs again"
            raise EvidenceError(message, source=self.name)
        unpacked = sum(info.file_size for info in members)
        packed = sum(info.compress_size for info in members) or 1
        names = {info.filename for info in members}
        reason = None
        if len(members) > MAX_MEMBERS:
            reason = f"more than {MAX_MEMBERS} files"
        elif unpacked > MAX_CLAIMED:
            reason = f"{unpacked} bytes unpacked, more than {MAX_CLAIMED}"
        elif unpacked > _SMALL and unpacked / packed > MAX_RATIO:
            reason = f"it unpacks to {unpacked // packed} times its size, more than {MAX_RATIO}"
        elif "" in names:
            reason = "one of its files has no name"
        elif len(names) < len(members):
            reason = "two of its files have one name"
        elif any(map(is_outside, names)):
            reason = "the name of a member points outside of it"
        if reason:
            raise self._refusal(reason)

    @staticmethod
    def fault_of(info: zipfile.ZipInfo) -> str:
        """Why a member is not unpacked; empty if it may be."""
        if info.flag_bits & _ENCRYPTED:
            return "it is encrypted"
        if info.compress_type not in _METHODS:
            kind = _NAMES.get(info.compress_type, str(info.compress_type))
            return f"it is packed by method {kind}; only stored and deflated files are unpacked here"
        if info.file_size > MAX_MEMBER:
            return f"{info.file_size} bytes unpacked, more than {MAX_MEMBER}"
        return ""

    def member(self, name: str) -> Member:
        """The bytes of a member, to be unpacked when they are asked for. Raises EvidenceError if it is refused."""
        return Member(self, name)

    def unpack(self, member: str, *, most: int | None = None) -> bytearray:
        """The bytes of a member, once in memory, or the first of them. Raises EvidenceError: refused, damaged, longer than it says."""
        name = f"{self.name}!{member}"
        data = bytearray()
        try:
            info = self._zip.getinfo(member)
            if fault := self.fault_of(info):
                raise _Refused(fault)
            limit = min(info.file_size, self._left)
            with self._zip.open(info) as file:
                while piece := file.read(_PIECE):
                    data += piece
                    if len(data) > limit:
                        raise _Refused("more comes out of it than it says, or than is allowed")
                    if most is not None and len(data) >= most:
                        break
        except _Refused as err:
            message = f"{name}: refused: {err}; unpack it yourself and load the folder"
            raise EvidenceError(message, source=name) from err
        except UNREADABLE as err:
            message = f"{name}: cannot be read ({err}); copy the archive again"
            raise EvidenceError(message, source=name) from err
        if most is None or len(data) < most:  # a beginning alone does not count
            self._left -= len(data)
        return data


class Member:
    """The bytes of a member of an archive; all of them are unpacked when one beyond the beginning is asked for."""

    def __init__(self, archive: Archive, name: str) -> None:
        self._archive, self._name = archive, name
        self._data = archive.unpack(name, most=PEEKED)
        self._whole = len(self._data) < PEEKED

    def _all(self) -> bytearray:
        if not self._whole:
            self._data, self._whole = self._archive.unpack(self._name), True
        return self._data

    def __len__(self) -> int:
        return len(self._all())

    def __getitem__(self, part: slice) -> bytearray:
        begins = part.stop is not None and 0 <= part.stop <= len(self._data)
        return (self._data if begins else self._all())[part]


class _Refused(Exception):  # noqa: N818 - no error of the file: we do not want it
    """Why."""


def _check_directory(file: io.FileIO) -> None:
    """Raises _Refused if the list of members alone would be too much to read."""
    size = file.seek(0, io.SEEK_END)
    tail = min(size, 65_557)
    file.seek(size - tail)
    end = file.read(tail) or b""
    at = end.rfind(_END)
    if at < 0 or at + 16 > len(end):
        return
    directory = struct.unpack_from("<I", end, at + 12)[0]
    if directory == _ZIP64 or directory > MAX_DIRECTORY:
        raise _Refused(f"the list of its files is longer than {MAX_DIRECTORY} bytes")
