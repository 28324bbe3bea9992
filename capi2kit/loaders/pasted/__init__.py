"""Loader `pasted`: a text that somebody put together: a mail, a forum page, an article, the output of several commands.

It is cut into blocks, and each goes to the loader that knows it: events as XML, as lines of label and value, as a tree or a table
are read here; output of certutil, netsh, reg and appcmd, lines of trace logs and of IIS by their loaders. Each repair of the text is
a row in `problems`, and so are the lines that nobody understood. What the text does not give stays <NA>; what had to be inferred is
reported.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pandas as pd

from capi2kit.columns.cells import missing
from capi2kit.columns.zones import UNKNOWN
from capi2kit.errors import EvidenceError
from capi2kit.loaders import loader_named
from capi2kit.loaders.certutil.urlcache import cache_entries_in, cache_table
from capi2kit.loaders.evidence import Asked, EvidenceFile, Problems
from capi2kit.loaders.pasted.blocks import whole
from capi2kit.loaders.pasted.document import Document, divided, left_over, named
from capi2kit.loaders.pasted.events import pieces_in
from capi2kit.loaders.pasted.markup import Piece
from capi2kit.loaders.pasted.pages import text_of
from capi2kit.loaders.pasted.repairs import Repair, repaired
from capi2kit.loaders.pasted.tables import event_of_row
from capi2kit.loaders.text.codepages import in_unicode
from capi2kit.loaders.text.lines import head_of, in_utc, lines, source_of
from capi2kit.winevent import Batch, EventRows

NAME = "pasted"
LOOKS_FOR = (
    "text with events or output of commands in it: <Event>, a General tab (Log Name: … Event ID: …), a Friendly View, Format-List or "
    "Format-Table, certutil, netsh, reg query, lines of logs, also as Markdown, as a page saved from a browser, or as a mail"
)
LONGEST = 32 << 20  # characters: nobody pastes more
_HEAD = 1 << 18  # characters that are looked at to know a text
_NAT = -(1 << 63)


def sniff(head: bytes, name: str) -> bool:
    """True for text in whose beginning an event, a part of one, or output of a known command is pasted."""
    document = _document_of(head, name)
    return document is not None and _holds_anything(document)


def is_mixed(head: bytes, name: str, *, loader: str) -> bool:
    """Whether a text that a loader claims holds parts of another loader, too."""
    document = _document_of(head, name)
    if document is None:
        return False
    if loader not in _LOGS:
        return bool(document.parts.keys() - {loader})
    own = {at for one in document.parts.get(loader, []) for at in one}
    first = next((at for at, line in enumerate(document.lines) if line.strip("\0 \t")), 0)
    return bool(document.parts.keys() - {loader}) or document.has_events or (bool(own) and first not in own)


_LOGS = frozenset({"uls", "w3c"})  # in whose lines no event has a place, and whose first line is their own


def _document_of(head: bytes, name: str) -> Document | None:
    text = head_of(head, most=_HEAD)
    if not text:
        return None
    text = text_of(text, name=name)[0].replace("\r\n", "\n").replace("\r", "\n")
    return _divided(repaired(text)[0])


def _divided(text: str) -> Document:
    """A text with its lines divided; a short one is remembered, for it is looked at to know what it is, and then read."""
    return _remembered(text) if len(text) <= _HEAD else divided(text)


@lru_cache(maxsize=8)
def _remembered(text: str) -> Document:
    return divided(text)


def _holds_anything(document: Document) -> bool:
    if document.parts or document.has_events:
        return True
    pieces, _ = pieces_in(document.text, blocks=[], trees=[])
    return bool(pieces or cache_entries_in(document.text))


@dataclass
class _Reading:
    """What was read of a document so far: batches, lines understood, and the counts of the `sources` row."""

    file: EvidenceFile
    document: Document
    problems: Problems
    asked: Asked

    def __post_init__(self) -> None:
        self.batches: list[Batch] = []
        self.understood: list[range] = []
        self.names: list[str] = []
        self.zone_unknown = False  # said once of a text
        self.counts = {"promised": 0, "loaded": 0, "other": 0, "lost": 0}

    def take(self, batch: Batch, *, name: str) -> None:
        """Add a batch of a loader; its `sources` row is added to the sum."""
        batch = dict(batch)
        if "problems" in batch:
            rows = batch["problems"]
            again = (rows["error"] == UNKNOWN) & (self.zone_unknown or self.problems.says(UNKNOWN))
            self.zone_unknown |= bool((rows["error"] == UNKNOWN).any())
            batch["problems"] = rows[~again].reset_index(drop=True)
        if "sources" in batch:
            row = batch.pop("sources").iloc[0]
            for column in self.counts:
                self.counts[column] += int(row[column])
            self.names.append(name)
        self.batches.append(batch)


def read(file: EvidenceFile, *, asked: Asked) -> Iterator[Batch]:
    """Yield the batches of all parts of a text; the last one has the `sources` row of the whole."""
    problems = Problems()
    text, steps = text_of(_whole(in_unicode(file, problems), problems), name=file.name)
    for step in steps:
        problems.add("text", "text taken out", message=f"{file.name}: {step}")
    text, repairs = repaired(text)
    reading = _Reading(file, _divided(text), problems, asked)
    zone = _read_events(reading)
    if zone and asked.tz is None:
        reading.asked = replace(asked, tz=zone)
        message = f"local times in it are read in {zone}: the heading of an event and its XML tell the zone"
        problems.add("text", "time zone found", message=message)
    for name in reading.document.parts:
        _read_part(reading, name)
    yield from reading.batches
    yield _last(reading, repairs=repairs)


def _whole(file: EvidenceFile, problems: Problems) -> str:
    """All of the text. Raises EvidenceError if it is longer than anybody pastes."""
    text = io.StringIO()
    for line in lines(file, problems):
        text.write(line.text + "\n")
        if text.tell() > LONGEST:
            message = f"{file.name}: more than {LONGEST} characters of pasted text; cut out the part with the events"
            raise EvidenceError(message, source=file.name)
    return text.getvalue()


def _read_part(reading: _Reading, name: str) -> None:
    """Read the lines of one loader: alone in the text, so that numbers of lines stay right."""
    own = reading.document.parts[name]
    part = replace(reading.file, data=reading.document.only(own).encode("utf-8", "replace"))
    for batch in loader_named(name).read(part, asked=reading.asked):
        reading.take(batch, name=name)
    reading.understood += own


def _read_events(reading: _Reading) -> str | None:
    """Read the events, and entries of certutil's cache inside prose; the zone of the computer if they tell one."""
    document = reading.document
    others = [one for own in document.parts.values() for one in own]
    text = document.without(others)
    pieces, zones = pieces_in(text, blocks=whole(document.blocks, text), trees=document.trees)
    for table in document.tables:
        pieces += [Piece(row.begin, row.end, *event_of_row(row)) for row in table.rows]
        reading.understood += document.lines_of([table])
        for number, line in table.unread:
            message = f"line {number} is no row of the table that it is in: {line!r:.80}"
            reading.problems.add("record", "unreadable line", message=message, lost=1, record=number)
    zone = zones[0] if len(set(zones)) == 1 else None
    batch = _events(pieces, reading=reading, zone=zone)
    entries = cache_entries_in(text)
    if entries:
        batch["cache_entries"] = cache_table(entries, tz=reading.asked.tz or zone, problems=reading.problems)
        reading.understood += [range(int(one["line"] or 1) - 1, int(one["line"] or 1)) for one in entries]
    reading.batches.append(batch)
    if pieces or entries:
        reading.names.append(NAME)
    reading.counts["loaded"] += len(pieces) + len(entries)
    reading.counts["promised"] += len(pieces) + len(entries)
    return zone


def _events(pieces: list[Piece], *, reading: _Reading, zone: str | None) -> Batch:
    """The events of a text as tables."""
    rows, document = EventRows(), reading.document
    pieces = sorted(pieces, key=lambda piece: piece.begin)
    for number, (piece, where) in enumerate(zip(pieces, document.lines_of(pieces), strict=True), 1):
        rows.add(piece.event, offset=piece.begin, written=_NAT)
        for note in piece.notes:
            reading.problems.add("record", "pasted event", message=f"event {number}, line {where.start + 1}: {note}")
        reading.understood.append(where)
    batch = rows.batch()
    events = batch["events"]
    events["offset"] = missing(len(pieces), "Int64")  # what was repaired has no place in the file's bytes
    local = pd.Series([piece.local for piece in pieces], dtype="datetime64[ns]")
    if local.notna().any():
        tz = reading.asked.tz or zone
        events["time"] = events["time"].fillna(in_utc(local, tz=tz, problems=reading.problems))
        events["zone"] = events["zone"].mask(local.notna().to_numpy(), tz or "UTC")
    return batch


def _last(reading: _Reading, *, repairs: list[Repair]) -> Batch:
    """What there is to say of the whole: repairs of lines that were read, lines that nobody understood, the sum of all parts."""
    problems, document = reading.problems, reading.document
    known = np.zeros(len(document.lines) + 1, bool)
    for one in reading.understood:
        known[one.start : one.stop] = True
    for repair in repairs:
        if known[sorted(repair.lines)].any():
            problems.add("text", "pasted text repaired", message=f"{reading.file.name}: {repair.name}")
    for one in left_over(document, reading.understood):
        problems.add("text", "not understood", message=named(one, document), record=one.start + 1)
    filled = np.array([bool(line.strip()) for line in [*document.lines, ""]])
    counts = reading.counts | {"promised": reading.counts["promised"] + problems.lost}
    facts = {
        "loader": reading.names[0] if len(set(reading.names)) == 1 else NAME,
        "unit": "lines",
        "units": int(filled.sum()),
        "understood": int((filled & known).sum()),
    }
    source = source_of(problems, loaded=counts["loaded"], other=counts["other"], **facts)
    source = source.assign(lost=counts["lost"] + problems.lost, promised=counts["promised"])
    return {"problems": problems.table(), "sources": source}
