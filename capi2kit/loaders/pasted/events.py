"""Events in a text: as XML, with tags lost, as lines of label and value, or as a tree; a heading and its XML are one event.

Event Viewer copies an event as lines of label and value, in local time, and as XML below them, in UTC: what is in both is taken
from the XML, and the two times tell the zone of the computer.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import NamedTuple

import pandas as pd
from lxml import etree

from capi2kit.columns.cells import times
from capi2kit.loaders.pasted.blocks import Block, add_block, event_of, is_xml_label, times_of
from capi2kit.loaders.pasted.lost_tags import payload_for, rebuild, tags_in
from capi2kit.loaders.pasted.markup import (
    BELOW,
    NEAR,
    Piece,
    covered,
    event_of_run,
    events_in,
    put,
    runs,
)
from capi2kit.loaders.pasted.trees import Tree

_QUARTER = 15 * 60  # seconds: all zones differ from UTC by quarters of an hour
_FARTHEST = 14 * 3600  # seconds
_EXACT = 2  # seconds: a heading is cut to whole ones
_FENCE = re.compile(r"[`~]{3,}\w*")


class Heading(NamedTuple):
    """How an event and the heading above it fit: the same event or not, and the zone of the computer if its times tell it."""

    same: bool
    zone: str | None = None


def pieces_in(text: str, *, blocks: list[Block], trees: list[Tree]) -> tuple[list[Piece], list[str]]:
    """The events of a text in their order, and the zones that headings and their XML tell, one per pair."""
    pieces = events_in(text)
    pieces += [
        Piece(tree.begin, tree.end, tree.event, None, ["nesting worked out from the order of its lines", *tree.notes])
        for tree in trees
    ]
    pieces.sort(key=lambda piece: piece.begin)
    is_taken = covered(pieces)
    blocks = [block for block in blocks if not is_taken(block.begin)]
    loose = runs(text, taken=[*pieces, *blocks])
    begins, used, zones = [piece.begin for piece in pieces], set[tuple[int, int]](), list[str]()
    alone = []
    for block in blocks:
        at = bisect_left(begins, block.end)
        heading = _fits(block, pieces[at], text=text) if at < len(begins) else Heading(False)
        if heading.same:
            pieces[at] = _merged(block, pieces[at], zone=heading.zone)
            zones += [heading.zone] if heading.zone else []
        else:
            alone.append(_read_block(text, block, loose=loose, used=used))
    pieces += alone
    left = [run for run in loose if run not in used]
    pieces += [piece for begin, end in left if (piece := event_of_run(text, begin, end=end)) is not None]
    return sorted(pieces, key=lambda piece: piece.begin), zones


def _fits(block: Block, below: Piece, *, text: str) -> Heading:
    """Whether a block and the event below it are one: nothing but a label between them, or the same id, computer and minute."""
    xml_id = "".join(below.event.findtext("{*}System/{*}EventID", "").split())
    block_id = "".join(filter(str.isdigit, block.values["event_id"]))
    if xml_id not in ("", block_id):
        return Heading(False)
    zone = _zone_between(block, below.event)
    between = _FENCE.sub("", text[block.end : below.begin]).rstrip()
    labelled = is_xml_label(between.rpartition("\n")[2])
    near = below.begin - block.end <= BELOW
    if near and (not between.strip() or labelled or not xml_id):
        return Heading(True, zone)
    shown, logged = block.values.get("host", ""), below.event.findtext("{*}System/{*}Computer", "").strip()
    return Heading(near and zone is not None and shown.casefold() == logged.casefold(), zone)


def _zone_between(block: Block, event: etree._Element) -> str | None:
    """How far the local time of a heading is from the UTC time of its XML, if that is a zone: ``UTC+02:00``."""
    found = event.find("{*}System/{*}TimeCreated")
    logged = times([found.get("SystemTime") if found is not None else None])[0][0]
    zones = [] if pd.isna(logged) else [zone for local in times_of(block) if (zone := _zone(local, logged))]
    return zones[0] if len(zones) == 1 else None


def _zone(local: pd.Timestamp, logged: pd.Timestamp) -> str | None:
    ahead = (local.tz_localize("UTC").floor("s") - logged.floor("s")).total_seconds()
    quarters = round(ahead / _QUARTER)
    if abs(ahead) > _FARTHEST or abs(ahead - quarters * _QUARTER) > _EXACT:
        return None
    hours, quarter = divmod(abs(quarters), 4)
    return f"UTC{'-' if quarters < 0 else '+'}{hours:02d}:{quarter * 15:02d}"


def _merged(block: Block, below: Piece, *, zone: str | None) -> Piece:
    """The event of a heading and its XML: what the XML does not say is taken from the heading."""
    notes = [note for note in below.notes if not note.startswith("no event id")]
    add_block(below.event, block)
    local = None
    if below.event.find("{*}System/{*}TimeCreated") is None:
        local = event_of(block)[1]
    if zone:
        notes.append(f"the local time of its heading and the UTC time of its XML tell the zone of the computer: {zone}")
        minutes = int(zone[4:6]) * 60 + int(zone[7:])
        named = put(below.event, "AsShown", name="Zone")
        named.text = f"{-minutes if zone[3] == '+' else minutes} {zone}"
    return Piece(block.begin, below.end, below.event, local, notes)


def _read_block(text: str, block: Block, *, loose: list[tuple[int, int]], used: set[tuple[int, int]]) -> Piece:
    """An event from lines of label and value, with the tags that are below them; these are `used` then."""
    event, local, notes = event_of(block)
    at = bisect_left(loose, (block.end, 0))
    run = loose[at] if at < len(loose) and loose[at] not in used else None
    end = block.end
    if run is not None and run[0] - block.end <= BELOW:
        tags = tags_in(text[slice(*run)]) if len(" ".join(text[block.end : run[0]].split())) <= NEAR else []
        payload = payload_for(tags, event_id=block.values["event_id"]) if tags else None
        if payload is not None and payload.knows(tags):
            etree.SubElement(event, "UserData").append(rebuild(payload, tags))
            notes.append("tags were lost; the rest put into its places by the order in which Windows writes them")
            used.add(run)
            end = run[1]
    return Piece(block.begin, end, event, local, notes)
