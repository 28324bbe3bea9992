"""Pasted blocks: lines of label and value, as Event Viewer's General tab, Format-List and Get-EventLog show an event.

The labels of each language are in `data/eventlabels.csv`. A description is its first paragraph; it goes on below empty lines
only for the events of which `data/phrases.csv` says so. A value that means nothing, a placeholder or a date that may mean two
days is missing.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from lxml import etree

from capi2kit.knowledge import rows
from capi2kit.knowledge.providers import provider_named
from capi2kit.loaders.pasted.lost_tags import clean
from capi2kit.loaders.text.dates import local_date

_LINE = re.compile(r"^[ \t]*([^\s:<>\"=][^:<>\"=\n]{0,40}?)[ \t]*[:\uff1a][ \t]*(.*)$")
_PLACEHOLDER = re.compile(r"<[^<>]*>|\[[^\[\]]*\]|[YMDHS]{2,4}(?:[-/:. ][YMDHS]{2,4})+")
_BELOW = re.compile(r"(?>[ \t]*\r?\n)*+([^\r\n]*)")  # the first line that is not empty
_FEWEST = 3  # labels of a block, one of them the event id
_LONGEST = 8000  # characters of a description that goes on below empty lines
_MARKUP = re.compile(r"<Event[\s>]")
_APART = 3  # empty lines between two labels of one block at most
_PLACES = {
    "channel": ("System", "Channel", ""),
    "provider": ("System", "Provider", "Name"),
    "provider_guid": ("System", "Provider", "Guid"),
    "event_id": ("System", "EventID", ""),
    "level": ("System", "Level", ""),
    "host": ("System", "Computer", ""),
    "sid": ("System", "Security", "UserID"),
    "pid": ("System", "Execution", "ProcessID"),
    "tid": ("System", "Execution", "ThreadID"),
    "record": ("System", "EventRecordID", ""),
    "activity_id": ("System", "Correlation", "ActivityID"),
    "user": ("AsShown", "User", ""),
    "category": ("AsShown", "Category", ""),
    "keywords": ("AsShown", "Keywords", ""),
    "opcode": ("AsShown", "Opcode", ""),
}


class Block(NamedTuple):
    """The values of a block by what they mean, where it begins and ends in the text, and its language."""

    values: dict[str, str]
    begin: int
    end: int
    language: str


@cache
def _known(kind: str) -> dict[str, tuple[str, str]]:
    """Meaning and language of every text of one kind."""
    return {
        row["text"].casefold(): (row["means"], row["language"]) for row in rows("eventlabels") if row["kind"] == kind
    }


def blocks_in(text: str) -> list[Block]:
    """The blocks of a text in their order."""
    found: list[Block] = []
    values: dict[str, str] = {}
    begin = end = blank = at = 0
    language = "en"
    for line in [*text.splitlines(keepends=True), ""]:
        match = _LINE.match(line.rstrip("\r\n"))
        meaning, spoken = _known("label").get(match[1].casefold(), ("", "")) if match else ("", "")
        ends = not line or meaning in values or (not meaning and (blank > _APART or bool(line.strip())))
        if values and ends and not (meaning and meaning not in values):
            _close(found, values, begin=begin, end=end, language=language)
            values, blank = {}, 0
        if match and meaning:
            begin = at if not values else begin
            language = spoken if not values or spoken != "en" else language
            values[meaning] = match[2].strip()
            end, blank = at + len(line), 0
            if meaning in ("description", "xml"):
                end = _close_described(
                    found, values, text=text, begin=begin, end=end, language=language, meaning=meaning
                )
                values = {}
        elif not line.strip():
            blank += 1
        at += len(line)
    return [_whole(block, rest=text[block.end : after]) for block, after in zip(found, _ends(found, text), strict=True)]


def _ends(found: list[Block], text: str) -> list[int]:
    """Where the text of each block ends at the latest: at the next block, or after as much as a description may hold."""
    begins = [block.begin for block in found[1:]]
    return [min(end, block.end + _LONGEST) for block, end in zip(found, [*begins, len(text)], strict=False)]


def _whole(block: Block, *, rest: str) -> Block:
    """A block with its whole description, if its event is one whose description goes on below empty lines."""
    first = block.values.get("description")
    if not first or block.values["event_id"] not in _long():
        return block
    markup = _MARKUP.search(rest)
    below = "\n".join(line.strip() for line in (rest[: markup.start()] if markup else rest).splitlines())
    return block._replace(values=block.values | {"description": f"{first}\n{below}".strip()})


@cache
def _long() -> frozenset[str]:
    return frozenset(row["event_id"] for row in rows("phrases") if row["below"])


def _close(found: list[Block], values: dict[str, str], *, begin: int, end: int, language: str) -> None:
    if "event_id" in values and len(values) >= _FEWEST:
        found.append(Block(dict(values), begin, end, language))


def _close_described(
    found: list[Block], values: dict[str, str], *, text: str, begin: int, end: int, language: str, meaning: str
) -> int:
    """A description may be behind its label or on the next lines, up to the first empty one."""
    if meaning == "description" and not values["description"]:
        rest = _BELOW.match(text, end)
        if rest:
            values["description"] = " ".join(rest[1].split())
            end = rest.end()
    _close(found, values, begin=begin, end=end, language=language)
    return end


def event_of(block: Block) -> tuple[etree._Element, str | None, list[str]]:
    """The event a block shows, its local time as text if it has one, and notes of what could not be known."""
    event = etree.Element("Event")
    notes: list[str] = []
    for meaning, value in block.values.items():
        has_text = value.casefold() not in _known("nothing") and value
        if not has_text or meaning not in _PLACES:
            continue
        if _PLACEHOLDER.fullmatch(value):
            notes.append(f"{meaning}: {value!r} is a placeholder for a value that the text does not give")
            continue
        _put(event, _PLACES[meaning], value=_plain(meaning, value))
    _put(event, ("AsShown", "Description", ""), value=block.values.get("description", ""))
    return event, _time_of(block, notes), notes


def _plain(meaning: str, value: str) -> str:
    """A value as an event holds it: levels and ids are numbers there, and a provider has its full name."""
    if meaning == "level":
        return _known("level").get(value.casefold(), (value if value.isdigit() else "", ""))[0]
    if meaning == "provider":
        return provider_named(value)
    return value.replace(",", "").replace(".", "") if meaning == "event_id" else value


def _put(event: etree._Element, place: tuple[str, str, str], *, value: str) -> None:
    if not value:
        return
    parent, name, attribute = place
    above = event.find(parent)
    above = etree.SubElement(event, parent) if above is None else above
    element = above.find(name)
    element = etree.SubElement(above, name) if element is None else element
    if attribute:
        element.set(attribute, clean(value))
    else:
        element.text = clean(value)


def _time_of(block: Block, notes: list[str]) -> str | None:
    text = block.values.get("time", "")
    if not text:
        return None
    found = local_date(text)
    if found is None:
        notes.append(f"time: {text!r} cannot be read as one date; the time is missing")
        return None
    return found.isoformat()
