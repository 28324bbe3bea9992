"""Loader `pasted`: events as people paste them into mails, forums and articles.

XML from a browser's view, with typographic quotes or with tags lost; Event Viewer's General tab and Friendly
View; Format-List; entries of certutil's URL cache inside prose. Each repair is a row in `problems`. What the
text does not give stays <NA>; what had to be inferred is reported.
"""

from __future__ import annotations

import io
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

import pandas as pd
from lxml import etree

from capi2kit.columns.cells import missing
from capi2kit.errors import EvidenceError
from capi2kit.knowledge import code_of_text
from capi2kit.loaders import certutil
from capi2kit.loaders.certutil.urlcache import cache_entries_in, cache_table
from capi2kit.loaders.eventxml.forms import form_of
from capi2kit.loaders.evidence import Asked, EvidenceFile, Problems
from capi2kit.loaders.pasted.blocks import Block, blocks_in, event_of
from capi2kit.loaders.pasted.lost_tags import (
    TAG,
    Tag,
    add_attributes,
    names_of_payloads,
    payload_for,
    rebuild,
    tags_in,
    without_controls,
)
from capi2kit.loaders.pasted.repairs import ELISION, repaired
from capi2kit.loaders.pasted.trees import trees_in
from capi2kit.loaders.text.lines import head_of, in_utc, lines, source_of
from capi2kit.winevent import Batch, EventRows

NAME = "pasted"
LOOKS_FOR = "text with events pasted into it: <Event>, a General tab (Log Name: … Event ID: …), a Friendly View, or a certutil cache entry"
LONGEST = 32 << 20  # characters: nobody pastes more
_EVENT = re.compile(r"<Event(?=[\s>])(?:(?!<Event[\s>]).)*?</Event>|<Event(?=[\s>])(?:(?!<Event[\s>]).)*", re.DOTALL)
_HEADING = re.compile(r"(?i)\bevent[ ]?id[: ]+(\d{1,5})\b")
_APART = re.compile(r"\s*(?:<[^<>]*>\s*)*")
_NEAR = 400  # characters between an event's heading and its tags at most
_BELOW = 4000  # characters below loose tags in which their error may be, or of blanks above them
_SYSTEM = frozenset({"Security", "Execution", "TimeCreated", "Provider", "EventID", "Channel", "Computer"})
_NAT = -(1 << 63)
_STRICT = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
_LENIENT = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, recover=True)


class _Piece(NamedTuple):
    """What was found: where, the event in it, its local time if it has one, and what had to be done for it."""

    begin: int
    end: int
    event: etree._Element
    local: str | None
    notes: list[str]


def sniff(head: bytes, name: str) -> bool:
    """True for text in whose beginning an event, a part of one or a cache entry is pasted."""
    text = repaired(head_of(head, most=1 << 18))[0]
    if form_of(head) is not None or certutil.sniff(head, name):
        return False  # a whole export, or nothing but the output of certutil
    return bool(_pieces(text) or cache_entries_in(text))


def read(file: EvidenceFile, *, asked: Asked) -> Iterator[Batch]:
    """Yield one batch: the events and cache entries found, with `sources` and `problems`."""
    problems = Problems()
    text, made = repaired(_whole(file, problems))
    for repair in made:
        problems.add("text", "pasted text repaired", message=f"{file.name}: {repair}")
    pieces = _pieces(text)
    rows = EventRows()
    ends = [found.start() for found in re.finditer("\n", text)]
    for number, piece in enumerate(pieces, 1):
        rows.add(piece.event, offset=piece.begin, written=_NAT)
        for note in piece.notes:
            problems.add(
                "record", "pasted event", message=f"event {number}, line {bisect_left(ends, piece.begin) + 1}: {note}"
            )
    batch = rows.batch()
    batch["events"]["offset"] = missing(len(pieces), "Int64")  # what was repaired has no place in the file's bytes
    _put_local_times(batch["events"], pieces, asked=asked, problems=problems)
    entries = cache_entries_in(text)
    if entries:
        batch["cache_entries"] = cache_table(entries, tz=asked.tz, problems=problems)
    batch["problems"] = problems.table()
    batch["sources"] = source_of(problems, loaded=len(pieces) + len(entries))
    yield batch


def _whole(file: EvidenceFile, problems: Problems) -> str:
    """All of the text. Raises EvidenceError if it is longer than anybody pastes."""
    text = io.StringIO()
    for line in lines(file, problems):
        text.write(line.text + "\n")
        if text.tell() > LONGEST:
            message = f"{file.name}: more than {LONGEST} characters of pasted text; cut out the part with the events"
            raise EvidenceError(message, source=file.name)
    return text.getvalue()


def _pieces(text: str) -> list[_Piece]:
    """The events of a text in their order."""
    pieces = [piece for found in _EVENT.finditer(text) if (piece := _read_xml(found)) is not None]
    pieces += [
        _Piece(tree.begin, tree.end, tree.event, None, ["nesting worked out from the order of its lines"])
        for tree in trees_in(text)
    ]
    pieces.sort(key=lambda piece: piece.begin)
    covered = _covered(pieces)
    blocks = [block for block in blocks_in(text) if not covered(block.begin)]
    runs = _runs(text, taken=[*pieces, *blocks])
    begins, used = [piece.begin for piece in pieces], set[tuple[int, int]]()
    for block in blocks:
        at = bisect_left(begins, block.end)
        if at < len(begins) and _is_same(block, pieces[at], text=text):
            continue  # the same event once more, as its XML
        pieces.append(_read_block(text, block, runs=runs, used=used))
    left = [run for run in runs if run not in used]
    pieces += [piece for begin, end in left if (piece := _read_run(text, begin, end=end)) is not None]
    return sorted(pieces, key=lambda piece: piece.begin)


def _is_same(block: Block, below: _Piece, *, text: str) -> bool:
    """Whether a block and the XML right below it, with nothing but blanks between them, are one event."""
    xml_id = "".join(below.event.findtext("{*}System/{*}EventID", "").split())
    block_id = "".join(filter(str.isdigit, block.values["event_id"]))
    near = below.begin - block.end <= _BELOW
    return near and not text[block.end : below.begin].strip() and xml_id in ("", block_id)


def _covered(taken: Sequence[_Piece | Block]) -> Callable[[int], bool]:
    """Tells whether a place in the text lies in a part that is taken."""
    parts = sorted((part.begin, part.end) for part in taken)
    begins = [begin for begin, _ in parts]
    ends = [0, *accumulate((end for _, end in parts), max)]
    return lambda place: place < ends[bisect_right(begins, place)]


def _read_xml(found: re.Match[str]) -> _Piece | None:
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
    event: etree._Element | None
    try:
        event = etree.fromstring(text, _STRICT)
    except etree.XMLSyntaxError as err:
        event = _read_leniently(text)
        if not found[0].endswith("</Event>"):
            notes.append("tags without an end were closed where it is cut off")
        else:
            notes.append(f"its XML is broken ({err.msg}); read as far as it goes")
    if event is None or event.find("{*}System") is None:
        tags = tags_in(text)
        event = _event_of_tags(tags, event_id=None, notes=notes)
        if event is None and not tags_in(text[1:]):
            return None
        event = etree.Element("Event") if event is None else event
    return _Piece(found.start(), found.start() + len(text), event, None, notes)


def _read_leniently(text: str) -> etree._Element | None:
    """What a forgiving parser makes of broken XML; None if that is nothing."""
    try:
        return etree.fromstring(text, _LENIENT)
    except etree.XMLSyntaxError:
        return None


def _runs(text: str, *, taken: Sequence[_Piece | Block]) -> list[tuple[int, int]]:
    """Stretches of tags that belong to payloads, outside of what is read already."""
    known = names_of_payloads() | _SYSTEM
    covered = _covered(taken)
    tags = [found for found in TAG.finditer(text) if found[1] in known and not covered(found.start())]
    runs: list[list[int]] = []
    for found in tags:
        if runs and _APART.fullmatch(text, runs[-1][1], found.start()):
            runs[-1][1] = found.end()
        else:
            runs.append([found.start(), found.end()])
    return [(begin, end) for begin, end in runs]


def _read_block(text: str, block: Block, *, runs: list[tuple[int, int]], used: set[tuple[int, int]]) -> _Piece:
    """An event from lines of label and value, with the tags that are below them; these are `used` then."""
    event, local, notes = event_of(block)
    at = bisect_left(runs, (block.end, 0))
    run = runs[at] if at < len(runs) and runs[at] not in used else None
    if run is not None and run[0] - block.end <= _BELOW:
        tags = tags_in(text[slice(*run)]) if len(" ".join(text[block.end : run[0]].split())) <= _NEAR else []
        payload = payload_for(tags, event_id=block.values["event_id"]) if tags else None
        if payload is not None and payload.knows(tags):
            etree.SubElement(event, "UserData").append(rebuild(payload, tags))
            notes.append("tags were lost; the rest put into its places by the order in which Windows writes them")
            used.add(run)
    return _Piece(block.begin, block.end, event, local, notes)


def _read_run(text: str, begin: int, *, end: int) -> _Piece | None:
    """An event from loose tags, if they tell whose payload they are; None if they do not."""
    tags = tags_in(text[begin:end])
    headings = list(_HEADING.finditer(text, max(0, begin - _NEAR), begin))
    heading = headings[-1][1] if headings else None
    names = {tag.name for tag in tags}
    if heading is None and not names & {"CorrelationAuxInfo", "EventAuxInfo"}:
        return None
    notes = ["only a part of it is there"]
    event = _event_of_tags(tags, event_id=heading, notes=notes)
    if event is None:
        return None
    line = text[end : end + _BELOW].partition("\n\n")[0].strip().splitlines()
    said = next((part.strip() for part in reversed(line) if code_of_text(part.strip()) is not None), None)
    if said and event.find("UserData/*/Result") is None:
        _put(event, "AsShown", name="ErrorText").text = said
    if ELISION.search(text[begin:end]):
        notes.append("its author left something out of it")
    return _Piece(begin, end, event, None, notes)


def _event_of_tags(tags: list[Tag], *, event_id: str | None, notes: list[str]) -> etree._Element | None:
    """An event around loose tags; None if their payload is not known."""
    system = [tag for tag in tags if tag.name in _SYSTEM]
    inside = [tag for tag in tags if tag.name not in _SYSTEM]
    payload = payload_for(inside, event_id=event_id)
    if payload is None and not system:
        return None
    event = etree.Element("Event")
    for tag in system:
        add_attributes(_put(event, "System", name=tag.name), tag.attributes)
    if payload is None:
        return event
    if event_id is None:
        notes.append(f"no event id is given; {payload.event_id} inferred from its elements")
    _put(event, "System", name="EventID").text = payload.event_id
    _put(event, "System", name="Provider").set("Name", payload.provider)
    _put(event, "System", name="Channel").text = payload.channel
    notes.append("provider and channel inferred from its elements")
    etree.SubElement(event, "UserData").append(rebuild(payload, inside))
    return event


def _put(event: etree._Element, parent: str, *, name: str) -> etree._Element:
    above = event.find(parent)
    above = etree.SubElement(event, parent) if above is None else above
    found = above.find(name)
    return etree.SubElement(above, name) if found is None else found


def _put_local_times(events: pd.DataFrame, pieces: list[_Piece], *, asked: Asked, problems: Problems) -> None:
    """Fill in the times that were given in local time."""
    local = pd.Series([piece.local for piece in pieces], dtype="datetime64[ns]")
    if local.notna().any():
        events["time"] = events["time"].fillna(in_utc(local, tz=asked.tz, problems=problems))
        events["zone"] = events["zone"].mask(local.notna().to_numpy(), asked.tz or "UTC")
