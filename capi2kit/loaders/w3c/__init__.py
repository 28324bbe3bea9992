"""Loader `w3c`: what IIS, HTTP.sys (httperr*.log) and Windows Firewall (pfirewall.log) write, one line per event.

A `#Fields` line says what the lines below it hold; it may change in mid-file. Times are UTC, those of the
firewall local. `time` is as logged: of a request the moment when it was done, `duration_s` says for how long.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from capi2kit.loaders.evidence import Asked, EvidenceFile, Problems
from capi2kit.loaders.text import lines as text_lines
from capi2kit.loaders.w3c.fields import LOCAL, Layout, Lines, Row, log_of, places
from capi2kit.winevent import Batch

NAME = "w3c"
LOOKS_FOR = "a W3C log of IIS, HTTP.sys (httperr) or Windows Firewall: its #Fields line"
_DIRECTIVE = re.compile(r"#(?:Software|Version|Date|Start-Date|End-Date|Remark|Fields|Time Format)\s*:", re.IGNORECASE)
_DATA = re.compile(r"(?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d ", re.ASCII)
_FIELDS = re.compile(r"^#Fields\s*:(.*)$", re.IGNORECASE | re.MULTILINE)
_SOFTWARE = re.compile(r"^#Software\s*:\s*(.*)$", re.IGNORECASE | re.MULTILINE)
_DAY = re.compile(r"\s*(\d{4}-\d\d-\d\d)\b", re.ASCII)
_BLANKS = re.compile(r"[ \t]+")
_QUOTED = re.compile(r'(?:[^ \t"]|"[^"]*")+')
_PADDING = "\0"  # a file that was not closed in order ends in these


def sniff(head: bytes, name: str) -> bool:
    """True for a text that begins as a W3C log does and has a #Fields line of one of the three logs."""
    text = text_lines.head_of(head, most=len(head)) or text_lines.head_of(head)  # padding may follow further down
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    begins = [line for line in text[:4096].splitlines() if line.strip()][:2]  # the first one may be cut
    if not any(_DIRECTIVE.match(line) or _DATA.match(line) for line in begins):
        return False
    software = _SOFTWARE.search(text)
    names = (found[1].split() for found in _FIELDS.finditer(text))
    return any("time" in fields and log_of(fields, software=software[1] if software else "") for fields in names)


def own_lines(texts: Sequence[str]) -> list[range]:
    """The lines of such logs in a text: a #Fields line with its directives above it, and the lines below it."""
    found: list[range] = []
    for at, text in enumerate(texts):
        fields = _FIELDS.match(text)
        if fields and "time" in (names := fields[1].split()) and log_of(names, software=""):
            begin, end = at, at + 1
            while begin and _DIRECTIVE.match(texts[begin - 1]):
                begin -= 1
            while end < len(texts) and (_DIRECTIVE.match(texts[end]) or _DATA.match(texts[end])):
                end += 1
            if not found or found[-1].stop <= begin:
                found.append(range(begin, end))
    return found


def read(file: EvidenceFile, *, asked: Asked) -> Iterator[Batch]:
    """Yield the lines of a log as `events` in batches; the last batch has the `sources` row and the `problems`.

    `record` is the number of the line. A line that does not have as many cells as #Fields has names is lost
    and reported; so is one above any #Fields.
    """
    problems = Problems()
    header = _Header()
    lines = Lines(tz=asked.tz, problems=problems)
    loaded = other = undated = 0
    for line in text_lines.lines(file, problems):
        text = line.text.strip(_PADDING)
        if not text.strip():
            continue
        if text.startswith("#"):
            header.take(text)
            continue
        layout = header.layout()
        cells = _split(text, len(layout.fields)) if layout else None
        if layout is None or cells is None:
            message = f"line {line.number} at offset {line.offset}: {header.fault(text)}; it was left out"
            problems.add("record", "unreadable line", message=message, lost=1, record=line.number, offset=line.offset)
        elif not asked.wants(layout.log, None):
            other += 1
        else:
            lines.add(Row(line.number, line.offset, cells), layout)
            undated += not header.dated
        if len(lines) >= text_lines.BATCH:
            loaded += len(lines)
            yield {"events": lines.events()}
            if asked.progress:
                asked.progress(line.offset, len(file.data))
    loaded += len(lines)
    batch = {"events": lines.events()}
    _note(problems, lines=lines, undated=undated)
    yield batch | {"problems": problems.table(), "sources": text_lines.source_of(problems, loaded=loaded, other=other)}


class _Header:
    """What the directives read so far say about the lines below them."""

    def __init__(self) -> None:
        self._fields: tuple[str, ...] = ()
        self._software = self._time_format = ""
        self._day: str | None = None
        self._layout: Layout | None = None
        self._fresh = True
        self.dated = True

    def take(self, text: str) -> None:
        """Take one line that begins with ``#``; a remark means nothing here."""
        name, colon, value = text[1:].partition(":")
        match name.strip().casefold() if colon else "":
            case "software":
                self._software = value.strip()
            case "fields":
                self._fields = _unique(value.split())
            case "date":
                day = _DAY.match(value)
                self._day = day[1] if day else None
            case "time format":
                self._time_format = value.strip().casefold()
        self._fresh = False

    def layout(self) -> Layout | None:
        """The layout of the lines below, the same object until it changes; None if there is none yet."""
        if self._fresh:
            return self._layout
        self._fresh = True
        log = log_of(self._fields, software=self._software)
        names = {field.casefold() for field in self._fields}
        local = log is not None and places(log)["time"].kind == LOCAL and self._time_format != "utc"
        day = None if "date" in names else self._day
        self.dated = "time" in names and ("date" in names or day is not None)
        found = Layout(log, self._fields, local, day) if log and self._fields else None
        if found != self._layout:
            self._layout = found
        return self._layout

    def fault(self, text: str) -> str:
        """Why a line cannot be read."""
        if not self._fields:
            return "there is no #Fields line above it, so nothing says what its cells are"
        if self._layout is None:
            return "the #Fields line above it is not one of IIS, HTTP.sys or Windows Firewall"
        return f"{len(_BLANKS.split(text.strip()))} cells where #Fields has {len(self._fields)} names"


def _unique(fields: list[str]) -> tuple[str, ...]:
    """Names of fields; one that is there twice gets a number, so that the second cell is kept, too."""
    names: list[str] = []
    counts: dict[str, int] = {}
    for field in fields:
        counts[field] = counts.get(field, 0) + 1
        names.append(f"{field}#{counts[field]}" if counts[field] > 1 else field)
    return tuple(names)


def _split(text: str, count: int) -> list[str] | None:
    """The cells of a line: between single blanks, else between any, else with blanks inside of quotes."""
    cells = text.split(" ")
    if len(cells) == count and "" not in cells:
        return cells
    cells = _BLANKS.split(text.strip())
    if len(cells) > count and text.count('"') % 2 == 0:
        cells = _QUOTED.findall(text)
    return cells if len(cells) == count else None


def _note(problems: Problems, *, lines: Lines, undated: int) -> None:
    """Say once per file what could not be put into a column."""
    if undated:
        message = (
            f"{undated} lines have no time: neither #Fields nor #Date tells the day; they cannot be placed in time"
        )
        problems.add("value", "no time", message=message)
    for column, count in lines.unread.items():
        if count:
            message = f"{count} cells do not fit `{column}`; they are kept in `extra` as `{column}?`"
            problems.add("value", "unreadable value", message=message)
