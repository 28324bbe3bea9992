"""Texts: the lines of a text log, whatever its encoding and line ends, and tables of what was read in them.

Nothing here knows a format. Bytes that are not text in the encoding of their file are read as Windows-1252
and noted; a line that is too long is cut and noted; a time without a zone is put into the zone asked for,
or into UTC, and that is noted, too.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO, NamedTuple, cast

import numpy as np
import pandas as pd

try:  # pandas 2 raises this one, and it is not a ValueError
    from pytz.exceptions import AmbiguousTimeError  # type: ignore[import-untyped]
except ImportError:
    AmbiguousTimeError = ValueError

from capi2kit.columns.cells import shaped, typed
from capi2kit.columns.zones import UNKNOWN
from capi2kit.errors import EvidenceError
from capi2kit.knowledge import columns
from capi2kit.loaders.evidence import EvidenceFile, Problems
from capi2kit.loaders.evidence.filebytes import Buffer

LONGEST = 1 << 20  # characters of a line
BATCH = 65_536  # rows of a batch at most
MOST_BLANK = 1000  # empty lines in one run that are given out: no format has a meaning for more
LARGEST = 64 << 20  # bytes of a text that is held in memory as a whole
_PIECE = 1 << 18
_BLANK = " \t\r\n"
_END = re.compile(r"\r\n?|\n")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_FALLBACK = "cp1252"
_BINARY = frozenset(map(chr, [*range(9), 11, *range(14, 27), *range(28, 32)]))  # no text log holds these


class Line(NamedTuple):
    """One line without its end: its number from 1, the offset of its first byte, and its text."""

    number: int
    offset: int
    text: str


class _Stream(io.RawIOBase):
    """The bytes of a file as a stream, taken as they are read."""

    def __init__(self, data: Buffer, start: int) -> None:
        self._data = data
        self._at = start

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill `buffer` with the next bytes; returns how many there were."""
        part = self._data[self._at : self._at + len(buffer)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)


def stream(file: EvidenceFile, *, start: int = 0) -> BinaryIO:
    """The bytes of a file from `start` on, as a stream that keeps no more of them in memory than it must."""
    reader = io.BufferedReader(_Stream(file.data, start), 1 << 20)
    return cast(BinaryIO, reader)


def encoding_of(head: bytes) -> tuple[str, int]:
    """The encoding of a text by its first bytes, and the length of its byte order mark."""
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name, len(mark)
    even, odd = head[:4096:2].count(0), head[1:4096:2].count(0)
    most = len(head[:4096]) // 6
    if odd > most and not even:
        return "utf-16-le", 0
    if even > most and not odd:
        return "utf-16-be", 0
    return "utf-8", 0


def head_of(head: bytes, *, most: int = 4096) -> str:
    """The beginning of a file as text, for `sniff`; empty if it is not text at all."""
    encoding, mark = encoding_of(head)
    text = head[mark : mark + most].decode(encoding, errors="replace")
    return "" if _BINARY.intersection(text) else text


def lines(file: EvidenceFile, problems: Problems) -> Iterator[Line]:
    """The lines of a text file one by one, empty ones, too, but no more than `MOST_BLANK` of a long run of these.

    Notes what had to be repaired.
    """
    encoding, mark = encoding_of(bytes(file.data[:4096]))
    errors = "surrogateescape" if encoding == "utf-8" else "replace"
    number, offset, foreign, cut, blank = 0, mark, 0, 0, 0
    with io.TextIOWrapper(stream(file, start=mark), encoding=encoding, errors=errors, newline="") as wrapper:
        text = _LineReader(wrapper)
        while line := text.readline(LONGEST):
            number += 1
            size = len(line.encode(encoding, errors))
            part = line
            while len(part) == LONGEST and not part.endswith(("\n", "\r")):
                part = text.readline(LONGEST)
                size += len(part.encode(encoding, errors))
            cut += part is not line
            line = line.rstrip("\r\n")
            if not line.isascii() and (repaired := _repaired(line, encoding)) is not line:
                foreign += 1
                line = repaired
            yield Line(number, offset, line)
            offset += size
            blank = 0 if line.strip(_BLANK) else blank + 1
            if blank == MOST_BLANK:
                skipped, ends = text.skip_blank()
                number += ends
                offset += skipped * len("\n".encode(encoding))
                blank = 0
    if foreign:
        message = f"{foreign} lines are not {encoding} throughout; read as {_FALLBACK}: check letters with accents"
        problems.add("text", "wrong encoding", message=message)
    if cut:
        message = f"{cut} lines are longer than {LONGEST} characters; the rest of them was left out"
        problems.add("text", "line too long", message=message)


class _LineReader:
    """Lines of a text stream, and a quick way over many empty ones."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._held = ""  # read already, but not given out

    def readline(self, most: int) -> str:
        """The next line with its end, `most` characters of it; empty at the end of the text."""
        if not self._held:
            return self._text.readline(most)
        found = _END.search(self._held)
        if not found:
            line, self._held = self._held + self._text.readline(most - len(self._held)), ""
            return line
        line, self._held = self._held[: found.end()], self._held[found.end() :]
        return line

    def skip_blank(self) -> tuple[int, int]:
        """Go on to the next line that is not empty; how many characters and ends of lines that took."""
        characters = ends = 0
        while piece := self._held + self._text.read(_PIECE):
            more = piece != self._held
            while piece.endswith("\r") and (following := self._text.read(1)):  # it may be its line feed
                piece += following
            rest = piece.lstrip(_BLANK)
            begin = len(piece) - len(rest)
            line = max(piece.rfind("\n", 0, begin), piece.rfind("\r", 0, begin)) + 1  # blanks of its own stay with it
            if not more or len(piece) - line > LONGEST:
                line = begin
            passed = piece[:line]
            characters += len(passed)
            ends += passed.count("\n") + passed.count("\r") - passed.count("\r\n")
            self._held = piece[line:]
            if rest or not more:
                break
        return characters, ends


def check_size(file: EvidenceFile) -> None:
    """Raises EvidenceError for a text that is too long for a loader that needs all of it at once."""
    if len(file.data) > LARGEST:
        message = (
            f"{file.name}: {len(file.data)} bytes, more than {LARGEST} of such a text; cut out the part that matters"
        )
        raise EvidenceError(message, source=file.name)


def _repaired(line: str, encoding: str) -> str:
    """The line itself, or what it says in Windows-1252 if bytes of it were no UTF-8."""
    try:
        line.encode("utf-8")
    except UnicodeEncodeError:
        return line.encode(encoding, "surrogateescape").decode(_FALLBACK, errors="replace")
    return line


def table_of(name: str, cells: Mapping[str, Sequence[str | None]], *, kinds: Mapping[str, str]) -> pd.DataFrame:
    """Texts by column as a table of the vocabulary, the rest of its columns <NA>; `kinds` as in `cells.typed`.

    What does not fit its kind is <NA>: the caller keeps such texts elsewhere or notes them.
    """
    known = columns(name)
    made = {
        column: typed(values, kind=kinds.get(column, "text"), dtype=known[column])[0]
        for column, values in cells.items()
    }
    return shaped(pd.DataFrame(made), name)


def in_utc(times: pd.Series, *, tz: str | None, problems: Problems) -> pd.Series:
    """Local times (datetime64[ns] without a zone) as UTC, and a note of what that rests on.

    In the hour that a clock shows twice, the order of the times decides, else the second one is taken; a
    time that a clock skipped is moved forward. Without `tz` they are taken for UTC.
    """
    if not times.notna().any():
        return times.dt.tz_localize("UTC")
    if tz is None:
        message = "its times are local and it does not say of which zone; read as UTC. Give the zone with --tz"
        if not problems.says(UNKNOWN):
            problems.add("text", UNKNOWN, message=message)
        return times.dt.tz_localize("UTC")
    try:
        local = times.dt.tz_localize(tz, ambiguous="infer", nonexistent="shift_forward")
    except (ValueError, AmbiguousTimeError):
        second = np.zeros(len(times), bool)
        local = times.dt.tz_localize(tz, ambiguous=second, nonexistent="shift_forward")
        message = f"times in the hour that clocks in {tz} show twice were taken for the second one"
        problems.add("text", "time shown twice", message=message)
    return local.dt.tz_convert("UTC").astype("datetime64[ns, UTC]")


def source_of(problems: Problems, *, loaded: int, other: int = 0, **facts: object) -> pd.DataFrame:
    """The one-row `sources` table of a text: what is lost is what `problems` says."""
    row = {"promised": loaded + other + problems.lost, "loaded": loaded, "other": other, "lost": problems.lost}
    return shaped(pd.DataFrame([row | facts]), "sources")
