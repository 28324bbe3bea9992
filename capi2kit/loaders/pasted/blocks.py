"""Blocks: lines of label and value, as Event Viewer, `wevtutil /f:text`, Format-List, Splunk and the tools of NT 5 show an event.

The labels of each language are in `data/eventlabels.csv`; blanks, apostrophes and capitals in them do not matter, and labels that
run together on one line are taken apart. A description is its first paragraph, or the lines that are indented below it; it goes on
below empty lines only for the events of which `data/phrases.csv` says so. A value that means nothing, a placeholder or a date that
may mean two days is missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

import pandas as pd
from lxml import etree

from capi2kit.knowledge import rows
from capi2kit.knowledge.eventlabels import day_comes_first, label_key, meaning_of
from capi2kit.knowledge.providers import log_named, provider_named
from capi2kit.loaders.pasted.lost_tags import clean
from capi2kit.loaders.pasted.runtogether import edges_in
from capi2kit.loaders.text.dates import local_date, possible_dates

_LINE = re.compile(r"[ \t]*+([^\s:<>\"=\uff1a][^:<>\"=\uff1a\t\n]{0,40}?)(?:[ \t]*+[:\uff1a=]|[ ]*+\t)(.*)")
_PLACEHOLDER = re.compile(r"<[^<>]*>|\[[^\[\]]*\]|[YMDHS]{2,4}(?:[-/:. ][YMDHS]{2,4})+")
_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z", re.ASCII)
_SID = re.compile(r"S-1-\d+(?:-\d+)+", re.ASCII)
_BELOW = re.compile(r"(?>[ \t]*\r?\n)*+([^\r\n]*)")  # the first line that is not empty
_FEWEST = 3  # labels of a block, one of them the event id
_LONGEST = 8000  # characters of a description that goes on below empty lines
_MARKUP = re.compile(r"<Event[\s>]")
_APART = 3  # empty lines between two labels of one block at most
_ABOVE = 60  # characters of the line above a block that is its own
_CUT_URL = re.compile(r"<[^<>\s]+$")  # an address that goes on in the next line
_COUNTED = re.compile(r"Event\[\d{1,9}\]:?")
_GOES_ON = frozenset({"message"})  # labels of a description that has other labels below it
_PLACES = {
    "channel": ("System", "Channel", ""),
    "provider": ("System", "Provider", "Name"),
    "provider_guid": ("System", "Provider", "Guid"),
    "event_id": ("System", "EventID", ""),
    "level": ("System", "Level", ""),
    "qualifiers": ("System", "EventID", "Qualifiers"),
    "version": ("System", "Version", ""),
    "task": ("System", "Task", ""),
    "opcode": ("System", "Opcode", ""),
    "host": ("System", "Computer", ""),
    "sid": ("System", "Security", "UserID"),
    "pid": ("System", "Execution", "ProcessID"),
    "tid": ("System", "Execution", "ThreadID"),
    "record": ("System", "EventRecordID", ""),
    "time": ("System", "TimeCreated", "SystemTime"),
    "activity_id": ("System", "Correlation", "ActivityID"),
    "user": ("AsShown", "User", ""),
    "category": ("AsShown", "Category", ""),
    "keywords": ("AsShown", "Keywords", ""),
    "description": ("AsShown", "Description", ""),
}


class Block(NamedTuple):
    """What a block says by what it means, where it begins and ends, its labels as `label_key` makes them, what was inferred."""

    values: dict[str, str]
    begin: int
    end: int
    labels: frozenset[str] = frozenset()
    inferred: str = ""


class _Line(NamedTuple):
    """A line, or a part of one in which labels run together: where it begins and ends, its text, its label and value."""

    begin: int
    end: int
    text: str
    label: str  # as `label_key` makes it
    meaning: str
    value: str


@dataclass
class _Open:
    """The block that is being read."""

    values: dict[str, str] = field(default_factory=dict)
    labels: set[str] = field(default_factory=set)
    begin: int = 0
    end: int = 0
    blank: int = 0  # empty lines since its last line
    indent: int = -1  # of a description that goes on in lines that are indented more; -1 = none does

    def take(self, line: _Line) -> None:
        """Add a line with a label; of two labels with one meaning the first counts."""
        if not self.values:
            self.begin = line.begin
        if line.meaning not in self.values or not self.values[line.meaning]:
            self.values[line.meaning] = line.value
        self.labels.add(line.label)
        self.end, self.blank = line.end, 0
        goes_on = line.meaning == "description" and line.label in _GOES_ON
        self.indent = len(line.text) - len(line.text.lstrip()) if goes_on else -1

    def goes_on(self, line: _Line) -> bool:
        """Take a line that is part of a description with other labels below it; False if it is not."""
        if self.indent < 0 or len(line.text) - len(line.text.lstrip()) <= self.indent:
            return False
        first = self.values["description"]
        gap = "" if _CUT_URL.search(first) else " "
        self.values["description"] = f"{first}{gap}{line.text.strip()}".strip()
        self.end, self.blank = line.end, 0
        return True


def is_xml_label(line: str) -> bool:
    """Whether a line is the label above the XML of an event."""
    found = _LINE.fullmatch(line.strip())
    return bool(found) and meaning_of(found[1], kind="label") == "xml" and not found[2].strip()  # type: ignore[index]


def blocks_in(text: str) -> list[Block]:
    """The blocks of a text in their order, each with the first paragraph of its description."""
    found: list[Block] = []
    block = _Open()
    for line in _lines(text):
        if line.begin < block.end:
            continue  # the paragraph of a description
        if not line.text.strip() and line.begin < len(text):
            block.blank += 1
            continue
        if block.values and (line.label in block.labels or not line.meaning) and not block.goes_on(line):
            _close(found, block)
            block = _Open()
        if line.meaning and block.values and block.blank > _APART:
            _close(found, block)
            block = _Open()
        if line.meaning and line.label not in block.labels:
            block.take(line)
            if line.meaning in ("description", "xml") and line.label not in _GOES_ON:
                _take_paragraph(block, text)
                _close(found, block)
                block = _Open(end=block.end)
    _close(found, block)
    return [_dated(one, text) for one in found]


def _lines(text: str) -> Iterator[_Line]:
    """The lines of a text, those in which labels run together in parts, and an empty one at the end."""
    at = 0
    for whole in [*text.splitlines(keepends=True), ""]:
        line = whole.rstrip("\r\n")
        edges = edges_in(line)
        for begin, end in zip(edges, [*edges[1:], len(line)], strict=True):
            last = end == len(line)
            yield _line(line[begin:end], at + begin, end=at + (len(whole) if last else end))
        at += len(whole)


def _line(text: str, begin: int, *, end: int) -> _Line:
    found = _LINE.fullmatch(text)
    label = label_key(found[1]) if found else ""
    meaning = meaning_of(label, kind="label") or ""
    return _Line(begin, end, text, label, meaning, found[2].strip() if found and meaning else "")


def _take_paragraph(block: _Open, text: str) -> None:
    """A description may be behind its label or on the next lines, up to the first empty one."""
    if "description" in block.values and not block.values["description"]:
        below = _BELOW.match(text, block.end)
        if below and not meaning_of(_label_of(below[1]), kind="label"):
            block.values["description"] = " ".join(below[1].split())
            block.end = below.end()


def _label_of(line: str) -> str:
    found = _LINE.fullmatch(line)
    return found[1] if found else ""


def _close(found: list[Block], block: _Open) -> None:
    if block.values.get("event_id") and len(block.labels) >= _FEWEST:
        found.append(Block(dict(block.values), block.begin, block.end, frozenset(block.labels)))


def _dated(block: Block, text: str) -> Block:
    """A block with the line above it that is its own: the number of wevtutil, or the date alone, as Splunk writes it."""
    above = text[max(block.begin - _ABOVE, 0) : block.begin].rstrip("\r\n").rpartition("\n")[2].strip()
    if above and _COUNTED.fullmatch(above):
        return block._replace(begin=text.rindex(above, 0, block.begin))
    if "time" in block.values or local_date(above) is None:
        return block
    return block._replace(values=block.values | {"time": above}, begin=text.rindex(above, 0, block.begin))


def whole(blocks: list[Block], text: str) -> list[Block]:
    """The blocks with their whole descriptions: of events whose description goes on below empty lines."""
    begins = [block.begin for block in blocks[1:]]
    ends = [min(end, block.end + _LONGEST) for block, end in zip(blocks, [*begins, len(text)], strict=False)]
    return [_described(block, rest=text[block.end : end]) for block, end in zip(blocks, ends, strict=True)]


def _described(block: Block, *, rest: str) -> Block:
    first = block.values.get("description")
    if not first or _number(block.values["event_id"]) not in _long():
        return block
    markup = _MARKUP.search(rest)
    rest = rest[: markup.start()] if markup else rest
    below = "\n".join(line.strip() for line in rest.splitlines())
    end = block.end + len(rest.rstrip())
    return block._replace(values=block.values | {"description": f"{first}\n{below}".strip()}, end=end)


@cache
def _long() -> frozenset[str]:
    return frozenset(row["event_id"] for row in rows("phrases") if row["below"])


def event_of(block: Block) -> tuple[etree._Element, str | None, list[str]]:
    """The event a block shows, its local time as text if it has one, and notes of what could not be known."""
    event = etree.Element("Event")
    notes = add_block(event, block)
    return event, _time_of(block, notes), notes


def add_block(event: etree._Element, block: Block) -> list[str]:
    """Put the values of a block into an event where it has none; returns notes of what could not be known."""
    notes = [block.inferred] if block.inferred else []
    for meaning, value in block.values.items():
        has_text = value and (meaning_of(value, kind="nothing") is None or meaning == "description")
        if not has_text or meaning not in _PLACES or (meaning == "time" and not _UTC.fullmatch(value)):
            continue
        if _PLACEHOLDER.fullmatch(value):
            notes.append(f"{meaning}: {value!r} is a placeholder for a value that the text does not give")
            continue
        place = _PLACES["sid" if meaning == "user" and _SID.fullmatch(value) else meaning]
        held = _plain(meaning, value, block=block)
        if meaning == "channel" and held != value:
            notes.append(f"channel: {value!r} is not the name of a log that has this event; it is {held}")
        _put(event, place, value=held)
    return notes


def _plain(meaning: str, value: str, *, block: Block) -> str:
    """A value as an event holds it: ids are numbers there, a provider has its full name, and a log that of English Windows."""
    if meaning == "provider":
        return provider_named(value)
    if meaning == "channel":
        number, provider = _number(block.values["event_id"]), provider_named(block.values.get("provider", ""))
        return log_named(value, number, provider=provider)
    return _number(value) if meaning == "event_id" else value


def _number(text: str) -> str:
    return "".join(filter(str.isdigit, text))


def _put(event: etree._Element, place: tuple[str, str, str], *, value: str) -> None:
    parent, name, attribute = place
    above = event.find(f"{{*}}{parent}")
    above = etree.SubElement(event, parent) if above is None else above
    element = above.find(f"{{*}}{name}")
    element = etree.SubElement(above, name) if element is None else element
    if attribute:
        element.set(attribute, element.get(attribute) or clean(value))
    elif not (element.text or "").strip():
        element.text = clean(value)


def times_of(block: Block) -> list[pd.Timestamp]:
    """The local times that a block can mean; several if its date does not say which number is the month."""
    return possible_dates(_date_in(block))


def _date_in(block: Block) -> str:
    return f"{block.values.get('time', '')} {block.values.get('clock', '')}".strip()


def _time_of(block: Block, notes: list[str]) -> str | None:
    text = _date_in(block)
    if not text or _UTC.fullmatch(text):
        return None
    found = local_date(text)
    if found is None and possible_dates(text) and (language := day_comes_first(block.labels)):
        found = local_date(text, day_first=True)
        notes.append(f"time: {text!r} was read with the day first, for its labels are in the language {language!r}")
    if found is None:
        notes.append(f"time: {text!r} cannot be read as one date; the time is missing")
        return None
    return found.isoformat()
