"""Markup: events whose tags are in a text, all of them or some: XML as it was pasted, cut off, broken, or with tags lost.

What the text does not give stays missing; what is inferred from the names of the elements is reported.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import NamedTuple, Protocol

from lxml import etree

from capi2kit.knowledge import code_of_text
from capi2kit.loaders.pasted.lost_tags import (
    TAG,
    Payload,
    Tag,
    add_attributes,
    names_of_payloads,
    payload_for,
    payloads,
    rebuild,
    tags_in,
    without_controls,
)
from capi2kit.loaders.pasted.repairs import ELISION

NEAR = 400  # characters between an event's heading and its tags at most
BELOW = 4000  # characters below loose tags in which their error may be, or of blanks above them
_EVENT = re.compile(r"<Event(?=[\s>])(?:(?!<Event[\s>]).)*?</Event>|<Event(?=[\s>])(?:(?!<Event[\s>]).)*", re.DOTALL)
_HEADING = re.compile(r"(?i)\bevent[ ]?id[: ]+(\d{1,5})\b")
_APART = re.compile(rf"(?:\s|<[^<>]*>|{ELISION.pattern})*+", re.IGNORECASE)
_CLOSED = re.compile(r"(?:\s*+</[A-Za-z][\w.:-]*+>)*+")
_SYSTEM = frozenset({"Security", "Execution", "TimeCreated", "Provider", "EventID", "Channel", "Computer"})
_STRICT = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
_LENIENT = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, recover=True)


class Piece(NamedTuple):
    """An event that was found: where, its elements, its local time if it has one, and what had to be done for it."""

    begin: int
    end: int
    event: etree._Element
    local: str | None
    notes: list[str]


class Place(Protocol):
    """A part of the text."""

    @property
    def begin(self) -> int:
        """Its first character."""

    @property
    def end(self) -> int:
        """The first character behind it."""


def covered(taken: Iterable[Place]) -> Callable[[int], bool]:
    """Tells whether a place in the text lies in a part that is taken."""
    parts = sorted((part.begin, part.end) for part in taken)
    begins = [begin for begin, _ in parts]
    ends = [0, *accumulate((end for _, end in parts), max)]
    return lambda place: place < ends[bisect_right(begins, place)]


def events_in(text: str) -> list[Piece]:
    """The events of a text that have their tags around them, in their order."""
    return [piece for found in _EVENT.finditer(text) if (piece := _read(found)) is not None]


def _read(found: re.Match[str]) -> Piece | None:
    """An event whose tags are all there, or nearly; None if nothing but its name is there, as where prose speaks of it."""
    text = found[0]
    notes = []
    if ">" not in text:
        return None
    if not text.endswith("</Event>"):
        text = text[: text.rfind(">") + 1]
        notes.append("it is cut off; what is there was read")
    if ELISION.search(text):
        notes.append("its author left something out of it")
    text = without_controls(text)
    event = _parsed(text, ended=found[0].endswith("</Event>"), notes=notes)
    if event is not None and event.find("{*}System") is None:
        event = _with_system(event, notes)
    elif event is not None and event.find("{*}System/{*}Channel") is None:
        _complete(event, notes)
    if event is None:
        tags = tags_in(text)
        event = event_of_tags(tags, event_id=None, notes=notes)
        if event is None and not tags_in(text[1:]):
            return None
        event = etree.Element("Event") if event is None else event
    return Piece(found.start(), found.start() + len(text), event, None, notes)


def _parsed(text: str, *, ended: bool, notes: list[str]) -> etree._Element | None:
    """The elements of an event; of broken XML, what a forgiving parser makes of it, if that is anything."""
    try:
        return etree.fromstring(text, _STRICT)
    except etree.XMLSyntaxError as err:
        if ended:
            notes.append(f"its XML is broken ({err.msg}); read as far as it goes")
        else:
            notes.append("tags without an end were closed where it is cut off")
    try:
        return etree.fromstring(text, _LENIENT)
    except etree.XMLSyntaxError:
        return None


def _with_system(event: etree._Element, notes: list[str]) -> etree._Element | None:
    """An event without its system part, if its payload tells whose it is; None if that is not known."""
    payload = next((one for one in payloads() if one.root in _roots(event)), None)
    if payload is None:
        return None
    _name(event, payload, event_id=None, notes=notes)
    return event


def _complete(event: etree._Element, notes: list[str]) -> None:
    """Name the log of an event whose system part lacks it, if its payload tells which it is."""
    number = "".join(event.findtext("{*}System/{*}EventID", "").split())
    provider = event.find("{*}System/{*}Provider")
    payload = next((one for one in payloads() if one.root in _roots(event) and one.event_id == number), None)
    if payload is not None and (provider is None or provider.get("Name") in (None, payload.provider)):
        _name(event, payload, event_id=number, notes=notes)


def _roots(event: etree._Element) -> set[str]:
    """The names of the payload of an event."""
    return {etree.QName(child).localname for child in event.iterfind("{*}UserData/*") if isinstance(child.tag, str)}


def runs(text: str, *, taken: Iterable[Place]) -> list[tuple[int, int]]:
    """Stretches of tags that belong to payloads, outside of what is read already."""
    known = names_of_payloads() | _SYSTEM
    is_taken = covered(taken)
    tags = [found for found in TAG.finditer(text) if found[1] in known and not is_taken(found.start())]
    stretches: list[list[int]] = []
    for found in tags:
        if stretches and _APART.fullmatch(text, stretches[-1][1], found.start()):
            stretches[-1][1] = found.end()
        else:
            stretches.append([found.start(), found.end()])
    return [(begin, _CLOSED.match(text, end).end()) for begin, end in stretches]  # type: ignore[union-attr]


def event_of_run(text: str, begin: int, *, end: int) -> Piece | None:
    """An event from loose tags, if they tell whose payload they are; None if they do not."""
    tags = tags_in(text[begin:end])
    headings = list(_HEADING.finditer(text, max(0, begin - NEAR), begin))
    heading = headings[-1][1] if headings else None
    names = {tag.name for tag in tags}
    if heading is None and not names & {"CorrelationAuxInfo", "EventAuxInfo"}:
        return None
    notes = ["only a part of it is there"]
    event = event_of_tags(tags, event_id=heading, notes=notes)
    if event is None:
        return None
    behind = end
    line = text[end : end + BELOW].partition("\n\n")[0].strip().splitlines()
    said = next((part.strip() for part in reversed(line) if code_of_text(part.strip()) is not None), None)
    if said and event.find("UserData/*/Result") is None:
        put(event, "AsShown", name="ErrorText").text = said
        behind = text.index(said, end) + len(said)
    if ELISION.search(text[begin:end]):
        notes.append("its author left something out of it")
    return Piece(begin, behind, event, None, notes)


def event_of_tags(tags: list[Tag], *, event_id: str | None, notes: list[str]) -> etree._Element | None:
    """An event around loose tags; None if their payload is not known."""
    system = [tag for tag in tags if tag.name in _SYSTEM]
    inside = [tag for tag in tags if tag.name not in _SYSTEM]
    payload = payload_for(inside, event_id=event_id)
    if payload is None and not system:
        return None
    event = etree.Element("Event")
    for tag in system:
        add_attributes(put(event, "System", name=tag.name), tag.attributes)
    if payload is not None:
        _name(event, payload, event_id=event_id, notes=notes)
        etree.SubElement(event, "UserData").append(rebuild(payload, inside))
    return event


def _name(event: etree._Element, payload: Payload, *, event_id: str | None, notes: list[str]) -> None:
    """Put down whose event it is, by its payload."""
    if event_id is None:
        notes.append(f"no event id is given; {payload.event_id} inferred from its elements")
    put(event, "System", name="EventID").text = payload.event_id
    put(event, "System", name="Provider").set("Name", payload.provider)
    put(event, "System", name="Channel").text = payload.channel
    notes.append("provider and channel inferred from its elements")


def put(event: etree._Element, parent: str, *, name: str) -> etree._Element:
    """An element below a part of an event, made if it is not there."""
    above = event.find(f"{{*}}{parent}")
    above = etree.SubElement(event, parent) if above is None else above
    found = above.find(f"{{*}}{name}")
    return etree.SubElement(above, name) if found is None else found
