"""ULS lines: a line of SharePoint's trace log → its columns, between tabs as in the file or between blanks as pasted.

Between blanks nothing tells area from category but the areas of `data/uls.csv`, and nothing tells the category
from tag and level but the words for levels there.
"""

from __future__ import annotations

import re
from functools import cache
from math import isfinite

from capi2kit.knowledge import rows
from capi2kit.loaders.text.lines import Line

CUT = "..."
NAMES = ("process", "host", "pid", "tid", "category", "tag", "level")
_STAMP = r"\d\d/\d\d/\d{4} \d\d:\d\d:\d\d\.\d\d"
_TIME = rf"(?P<time>{_STAMP}|DateTime) ?(?P<more>\*?)"
_HEX = r"0x[0-9A-Fa-f]{1,8}"
_PROCESS = rf"(?P<process>\S[^\t]{{0,259}}?)(?<!\s)\s{{0,99}}\((?:(?P<host>[^():\t]{{1,64}}):)?(?P<pid>{_HEX})\)"
HEADER = re.compile(r"^[ \t>]*Timestamp\s+Process\s+TID\s+Area\s+Category\b", re.MULTILINE)
SEEN = re.compile(
    rf"^[ \t>]*{_TIME}[ \t]{{1,99}}[^\t\n]{{1,330}}?\([^()\t\n]{{0,64}}{_HEX}\)[ \t]{{1,99}}0x", re.M | re.A
)
BEGINS = re.compile(rf"{_STAMP}[ \t*]", re.ASCII)
GUID = re.compile(r"\{?([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})\}?")
_WHEN = re.compile(rf"{_TIME}\s*", re.ASCII)
_PLACE = re.compile(_PROCESS)
_PASTED = re.compile(rf"{_TIME}\s{{1,99}}{_PROCESS}\s{{1,99}}(?P<tid>{_HEX})\s{{1,99}}", re.ASCII)
_NUMBER = r"\d+(?:[.,]\d+)?(?:E[+-]?\d+)?"


class Entry:
    """One message and where it is.

    `cells`: what NAMES says, without padding. `parts`: the message, piece by piece. `continues`: it is the rest
    of a message that was cut. `ended` is False while its correlation is missing: it may go on in the next line.
    """

    __slots__ = ("cells", "continues", "correlation", "ended", "key", "number", "offset", "parts", "time")

    def __init__(self, line: Line, cells: tuple[str | None, ...], *, time: str, continues: bool) -> None:
        self.number, self.offset, self.time, self.continues = line.number, line.offset, time, continues
        self.key = cells
        self.cells = {name: cell or None for name, cell in zip(NAMES, cells, strict=True)}
        self.parts: list[str] = []
        self.correlation: str | None = None
        self.ended = True

    def say(self, cells: list[str]) -> None:
        """Fill in message and correlation from the last columns; a message may hold tabs."""
        last = cells[-1].strip()
        if len(cells) == 2 or (len(cells) > 2 and (not last or GUID.fullmatch(last))):
            self.correlation = last
            cells = cells[:-1]
        self.ended = self.correlation is not None
        self.parts.append("\t".join(cells))

    def join(self, rest: Entry) -> None:
        """Add the rest of a message that was cut."""
        self.parts[-1] = self.parts[-1].removesuffix(CUT)
        self.parts.append(rest.parts[0].removeprefix(CUT))
        self.correlation = self.correlation or rest.correlation
        self.ended = rest.ended

    def go_on(self, text: str) -> None:
        """Add the next line of a message with a line break in it; its correlation ends it."""
        message, tab, last = text.rpartition("\t")
        if tab and (not last.strip() or GUID.fullmatch(last.strip())):
            self.correlation, self.ended = last.strip(), True
            text = message
        self.parts.append(f"\n{text}")


def is_log(head: str) -> bool:
    """True if the first line is the head line or one with tabs: then every line should be one of ULS."""
    first = next((line for line in head.splitlines() if line.strip("\0 \t")), "")
    return bool(HEADER.match(first) or (BEGINS.match(first) and "\t" in first))


def entry_of(line: Line, text: str) -> Entry | None:
    """A line of a trace log, its columns between tabs or between blanks; None if it is not one."""
    found: tuple[str | None, ...]
    cells = text.split("\t")
    when = _WHEN.fullmatch(cells[0]) if len(cells) >= 8 else None
    if when:
        place = _PLACE.fullmatch(cells[1].strip())
        process, host, pid = place.group("process", "host", "pid") if place else (cells[1].strip(), None, None)
        category = " / ".join(filter(None, map(str.strip, cells[3:5])))
        found = (process, host, pid, cells[2].strip(), category, cells[5].strip(), cells[6].strip())
        entry = Entry(line, found, time=when["time"], continues=bool(when["more"]))
        entry.say(cells[7:])
        return entry
    pasted = _PASTED.match(text)
    said = _said().match(text, pasted.end()) if pasted else None
    if not pasted or not said:
        return None
    found = (*pasted.group("process", "host", "pid", "tid"), _split_area(said["where"]), said["tag"], said["level"])
    entry = Entry(line, found, time=pasted["time"], continues=bool(pasted["more"]))
    message = said["message"].rstrip()
    front, _, last = message.rpartition(" ")
    entry.say([front.rstrip(), last] if GUID.fullmatch(last) else [message])
    return entry


@cache
def words(kind: str) -> dict[str, str]:
    """The words of a kind in `data/uls.csv`, each with its value."""
    return {row["text"]: row["value"] for row in rows("uls") if row["kind"] == kind}


@cache
def _said() -> re.Pattern[str]:
    """Category, tag, level and message of a line without tabs: the first level behind something like a tag."""
    levels = "|".join(sorted(words("level"), key=len, reverse=True))
    where, tag = r"(?P<where>.{1,200}?)(?<!\s)\s{1,99}", r"(?P<tag>[0-9a-z]{1,8})\s{1,99}"
    return re.compile(rf"{where}{tag}(?P<level>{levels})\b\s*(?P<message>.*)", re.DOTALL)


def _split_area(where: str) -> str:
    """Area and category of a line without tabs, as far as more than one blank or a known area tells them apart."""
    parts = re.split(r"\s{2,}", where)
    area = next((area for area in words("area") if where.startswith(f"{area} ")), None)
    if len(parts) == 1 and area:
        parts = [area, where[len(area) :].strip()]
    return " / ".join(parts)


@cache
def _lengths() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Messages that say how many milliseconds something took, and what that was; NUMBER means a number of any language."""
    said = words("milliseconds")
    return tuple((re.compile(text.replace("NUMBER", _NUMBER), re.DOTALL), what) for text, what in said.items())


def certificate_in(message: str) -> dict[str, str]:
    """What a message says of a certificate that SharePoint refuses: `subject`, `issuer`, `result_text`; empty if nothing."""
    found = next((hit for text in words("certificate") if (hit := re.match(text, message, re.DOTALL))), None)
    return (
        {name: " ".join(text.split()).removesuffix("..") for name, text in found.groupdict().items()} if found else {}
    )


def length_of(message: str) -> tuple[float | None, str | None]:
    """How many seconds a message says that something took, and what that was; None if it says nothing of the kind."""
    for pattern, what in _lengths():
        if (found := pattern.match(message)) and isfinite(float(found["ms"].replace(",", "."))):
            return float(found["ms"].replace(",", ".")) / 1000, what or None
    return None, None
