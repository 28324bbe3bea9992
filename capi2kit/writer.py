"""Writer: the one way in which capi2kit writes a file. It never touches evidence, and never leaves half a file.

The content goes to a temporary file beside its target, which replaces the target when it is complete: whatever happens
before that, a full disk or a kill, leaves the old file. A target that is not a regular file (``/dev/stdout``, a FIFO with
a reader) is written directly. A link at the target is not followed: it is replaced.
"""

from __future__ import annotations

import codecs
import errno
import hashlib
import os
import re
import secrets
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, BinaryIO
from urllib.parse import quote

from capi2kit.errors import OutputError

PathLike = str | os.PathLike[str]
PLAIN = "capi2kit.plain"  # a codec's error handler: signs that an encoding lacks become plain ones
_SIGNS = str.maketrans(  # each as wide as the sign it replaces
    "–—‐‑−…×→←·•‘’‚“”„«»│─┌┐└┘├┤┬┴┼█▌▐▏■▪▓▒░●○✓✗≈Σ∑µ\u00a0\u202f",
    '-----~x><.*\'\'\'"""""|-+++++++++######==.*ovx~SSu  ',
)
_WIDER = {
    "≥": ">=",
    "≤": "<=",
    "±": "+-",
    "≠": "!=",
    "°": " deg",
    "ä": "ae",
    "ö": "oe",
    "ü": "ue",
    "ß": "ss",
    "€": "EUR",
}
_DESCRIPTOR = re.compile(r"/(?:dev|proc/self)/fd/(\d+)")
_STREAMS = {"/dev/stdout": 1, "/dev/stderr": 2}
_MEMBER = "!"  # archive.zip!member, as `sources` names what is in an archive
_MOST_NUMBERS = 10_000
_LONGEST_NAME = 80  # letters of a name that becomes one of a file


@contextmanager
def written(path: PathLike, *, evidence: Iterable[PathLike] = (), force: bool = False) -> Iterator[BinaryIO]:
    """A binary file to write to; the file at `path` is replaced when the block ends without an error, else kept.

    Parameters
    ----------
    path : where to write. `evidence` : files, folders and archives that were or will be read: `path` must be none of
        them, by whatever name, and no file that is in one of those folders. `force` : replace a file that is there.

    Raises
    ------
    OutputError : `path` is evidence, is there and not `force`, or cannot be written.
    """
    target = os.fspath(path)
    check_target(target, evidence=evidence, force=force)
    direct = _opened_directly(target)
    if direct is not None:
        with _failing_as_output(target), direct:
            yield direct
        return
    part = _part_of(target)
    try:  # from before the file is there: a signal may come at any moment
        with _failing_as_output(target):
            temporary = _temporary(target, part)
        with _failing_as_output(target), temporary:
            yield temporary
            temporary.flush()
            os.fsync(temporary.fileno())
        with _failing_as_output(target):
            os.replace(part, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(part)
        raise


def check_target(path: PathLike, *, evidence: Iterable[PathLike] = (), force: bool = False) -> None:
    """Raises OutputError if `written` would refuse the name: it is evidence, a folder, or is there and not `force`."""
    target = os.fspath(path)
    if "\0" in target:
        raise OutputError(f"{target!r}: no file can have this name", path=target)
    refuse_evidence(target, evidence)
    there = _status(target)
    if there is not None and stat.S_ISDIR(there.st_mode):
        raise OutputError(f"{target}: is a folder; name a file in it", path=target)
    regular = _number_of(target) is None and (there is None or stat.S_ISREG(there.st_mode))
    if regular and os.path.lexists(target) and not force:
        raise OutputError(f"{target}: is there already; --force writes over it, or name another file", path=target)


def write_file(path: PathLike, content: bytes, *, evidence: Iterable[PathLike] = (), force: bool = False) -> None:
    """Write `content` to a file as `written` does."""
    with written(path, evidence=evidence, force=force) as file:
        file.write(content)


def unused(path: PathLike) -> str:
    """`path`, or with a number before its ending, ``x-2.html``, if something is there."""
    target = Path(path)
    names = (target.with_name(f"{target.stem}-{number}{target.suffix}") for number in range(2, _MOST_NUMBERS))
    return next((os.fspath(name) for name in (target, *names) if not os.path.lexists(name)), os.fspath(target))


def safe_name(name: str) -> str:
    """A name that can be one of a file everywhere, and of no other name: with a hash where letters had to change."""
    made = quote(name, safe=" ()+,=@")
    plain = made and made == name and len(made) <= _LONGEST_NAME and made == made.strip(" .")
    return made if plain else f"{made.strip(' .')[:_LONGEST_NAME]}-{short_hash(name)}"


def short_hash(text: str) -> str:
    """Twelve digits of the hash of a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:12]


def refuse_evidence(path: PathLike, evidence: Iterable[PathLike]) -> None:
    """Raises OutputError if `path` is, by whatever name, a file in `evidence`, or one that is there in a folder of it."""
    target = os.fspath(path)
    there = _status(target)
    above = [status for status in map(_status, _above(target)) if status is not None] if os.path.lexists(target) else []
    for name in _names(evidence):
        known = _status(name)
        if known is not None and stat.S_ISDIR(known.st_mode):
            if any(os.path.samestat(one, known) for one in above) or _holds(name, there):
                message = (
                    f"{target}: is in a folder of evidence ({name}); nothing was written. Name a file outside of it"
                )
                raise OutputError(message, path=target)
        elif target.startswith(f"{name}{_MEMBER}") or (known and there and os.path.samestat(there, known)):
            raise OutputError(f"{target}: is evidence ({name}); nothing was written. Name another file", path=target)


def refuse_stream(stream: IO[str] | None, evidence: Iterable[PathLike]) -> None:
    """Raises OutputError if a stream, such as standard output, leads into a file of the evidence."""
    try:
        there = os.fstat(stream.fileno()) if stream is not None else None
    except (OSError, ValueError):  # a stream in memory
        return
    if there is None or not stat.S_ISREG(there.st_mode):
        return
    for name in _names(evidence):
        known = _status(name)
        is_same = known is not None and os.path.samestat(there, known)
        if is_same or (known is not None and stat.S_ISDIR(known.st_mode) and _holds(name, there)):
            raise OutputError(f"standard output leads into the evidence ({name}); send it elsewhere", path=name)


def _names(evidence: Iterable[PathLike]) -> list[str]:
    return [os.fspath(name) for name in evidence]


def _holds(folder: str, there: os.stat_result | None) -> bool:
    """Whether a file of a folder is, by another name, the one that is there."""
    if there is None or not stat.S_ISREG(there.st_mode):
        return False
    files = (os.path.join(where, name) for where, _, names in os.walk(folder) for name in names)
    return any((one := _status(file)) is not None and os.path.samestat(one, there) for file in files)


def _status(path: str) -> os.stat_result | None:
    """What a path leads to, through links; None if nothing is there."""
    try:
        return os.stat(path)
    except (OSError, ValueError):
        return None


def _above(path: str) -> Iterator[str]:
    """The folders above a path, as it is spelled and where its folder really lies."""
    for start in (os.path.abspath(path), os.path.join(os.path.realpath(os.path.dirname(path) or "."), "x")):
        yield from map(os.fspath, Path(start).parents)


def _number_of(target: str) -> int | None:
    """The number of the open stream that a name such as /dev/stdout refers to."""
    found = _DESCRIPTOR.fullmatch(target)
    return int(found[1]) if found else _STREAMS.get(target)


def _opened_directly(target: str) -> BinaryIO | None:
    """A target that is not a regular file, opened for writing; None for a regular file, or if nothing is there."""
    number = _number_of(target)
    with _failing_as_output(target):
        if number is not None:
            for stream in filter(None, (sys.stdout, sys.stderr)):
                stream.flush()
            return os.fdopen(os.dup(number), "wb")
        there = _status(target)
        if there is None or stat.S_ISREG(there.st_mode):
            return None
        return open(target, "wb", opener=_without_waiting)


def _without_waiting(path: str, flags: int) -> int:
    """Open a FIFO or device: one without a reader is an error at once, instead of a wait without end."""
    waits = getattr(os, "O_NONBLOCK", 0)
    number = os.open(path, (flags & ~os.O_CREAT & ~os.O_TRUNC) | waits)
    if waits:
        os.set_blocking(number, True)
    return number


def _part_of(target: str) -> str:
    """The name of a temporary file beside the target."""
    folder, name = os.path.split(target)
    return os.path.join(folder, f".{name[:40]}.{secrets.token_hex(8)}.part")


def _temporary(target: str, path: str) -> BinaryIO:
    """A new file, with the rights that the target has, or those of any new file."""
    there = _status(target)
    if there is not None and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), target)
    file = open(path, "xb")  # noqa: SIM115 - the caller closes it
    if there is not None:
        with suppress(OSError):
            os.chmod(path, stat.S_IMODE(there.st_mode))
    return file


@contextmanager
def _failing_as_output(target: str) -> Iterator[None]:
    """Turns errors of the system into ours; a reader that left is not an error."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as err:
        raise OutputError(f"{target}: cannot be written ({_reason(err)})", path=target) from err


def _reason(err: OSError) -> str:
    """Why, in words, and what to do next where that is known."""
    cause = err.strerror or str(err)
    hints = {
        errno.ENXIO: "nobody reads from it: start the reader first",
        errno.ENOSPC: "make room, or choose another place",
        errno.ENOENT: "make the folder first, or choose another place",
        errno.EFBIG: "the file would be larger than is allowed here",
    }
    if isinstance(err, PermissionError):
        return f"{cause}; is it open in another program, or its folder read-only? Close it, or choose another place"
    hint = hints.get(err.errno or 0)
    return f"{cause}; {hint}" if hint else cause


# ---- Streams that lack signs.


def plain(text: str, encoding: str | None) -> str:
    """The text as a stream with this encoding shows it: with plain signs, else ``\\u4e2d``, for what the encoding lacks."""
    name = encoding or "utf-8"
    return text.encode(name, PLAIN).decode(name)


def _replaced(err: UnicodeError) -> tuple[str | bytes, int]:
    """The error handler."""
    if not isinstance(err, UnicodeEncodeError):
        raise err
    text = "".join(_WIDER.get(sign, sign) for sign in err.object[err.start : err.end].translate(_SIGNS))
    return text.encode("ascii", "backslashreplace").decode("ascii"), err.end


codecs.register_error(PLAIN, _replaced)
