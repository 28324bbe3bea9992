"""Rows: an event in a row of JSON or of a table, as other programs write it → the element of an event.

What each program calls the parts of an event is in `data/exports.csv`; what Windows itself calls them, in `data/eventlabels.csv`.
A row that holds the XML of its event is read from that. Of a payload, what the program kept is there and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

from lxml import etree

from capi2kit.binxml import NOT_IN_XML
from capi2kit.columns.cells import times
from capi2kit.knowledge import rows
from capi2kit.knowledge.eventlabels import is_label, meaning_of
from capi2kit.knowledge.providers import channel_named
from capi2kit.loaders.eventxml.json_events import Json, fill, text_of
from capi2kit.loaders.eventxml.row_payloads import add_other, add_payload

_CONTAINER = ("row", "rows")
_NET_DATE = re.compile(r"/Date\((-?\d{1,15})(?:[+-]\d{4})?\)/")  # milliseconds since 1970
_ZONED = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?) ?(Z|UTC|[+-]\d\d:?\d\d)")
_BARE = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?")
_ENTRY_TYPES = {"1": "2", "2": "3", "4": "4", "8": "0", "16": "0"}  # of Get-EventLog and LogParser → levels
_TELLING = ("provider", "channel", "time")  # one of these is in a row of an event, beside its id
_TIMES = ("time", "utc", "epoch")  # with or without a zone; UTC without saying so; seconds since 1970
_DEEPEST = 6  # levels of objects in which fields are looked for


class Row(NamedTuple):
    """An event of a row: its element or its XML, and its local time if that is all it gives."""

    event: etree._Element | str
    local: str | None = None


@cache
def _programs() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for row in rows("exports"):
        found.setdefault(row["program"], {})[row["field"]] = row["means"]
    return found


@cache
def _marks() -> dict[str, frozenset[str]]:
    marks: dict[str, set[str]] = {}
    for row in rows("exports"):
        if row["mark"]:
            marks.setdefault(row["program"], set()).add(row["field"])
    return {program: frozenset(fields) for program, fields in marks.items()}


@cache
def _holders(means: str) -> tuple[str, ...]:
    return tuple(row["field"] for row in rows("exports") if row["means"] == means)


def rows_in(value: Any, *, depth: int = 0) -> Iterator[Any]:
    """The rows of a JSON value: of a list, of an answer of a search engine, or the value itself."""
    if isinstance(value, list) and depth < _DEEPEST:
        for part in value:
            yield from rows_in(part, depth=depth + 1)
        return
    inside = _inside(value) if isinstance(value, dict) and depth < _DEEPEST and not _is_event(value) else None
    if inside is None:
        yield value
    else:
        yield from rows_in(inside, depth=depth + 1)


def _inside(row: Json) -> Any:
    """What is in a row that only wraps others; None if it does not."""
    for kind in _CONTAINER:
        for field in _holders(kind):
            found = _at(row, field)
            if isinstance(found, (list, dict)) and found:
                return found
    return None


def _at(row: Any, field: str) -> Any:
    if isinstance(row, dict) and field in row:
        return row[field]
    for part in field.split("."):
        row = row.get(part) if isinstance(row, dict) else None
    return row


def _is_event(row: Json) -> bool:
    return isinstance(row.get("Event"), dict) or _xml_in(row) is not None or _program_of(flat(row)) is not None


def is_event(row: Any) -> bool:
    """Whether a value of JSON holds an event, or rows that do."""
    if isinstance(row, str):
        return "<Event" in row
    return any(
        (isinstance(part, str) and "<Event" in part)
        or (isinstance(part, dict) and (_is_event(part) or bool(_labelled(flat(part)))))
        for part in rows_in(row)
    )


def is_event_head(names: list[str]) -> bool:
    """Whether the names of the columns of a table are those of events."""
    cells = dict.fromkeys(names, "")
    whole = any(field in cells for field in _holders("xml"))
    return len(names) > 1 and (whole or _program_of(cells) is not None or bool(_labelled(cells)))


def row_of(row: Any) -> Row | None:
    """The event in a row; None if it holds no event. Raises ValueError if what is in it cannot be an event."""
    if isinstance(row, str):
        return Row(event_text(row))
    xml = _xml_in(row)
    if xml is not None:
        return Row(event_text(xml))
    if isinstance(row.get("Event"), dict):
        event = etree.Element("Event")
        fill(event, row["Event"])
        return Row(event) if event.find("System") is not None else None
    cells = flat(row)
    program = _program_of(cells)
    fields = _programs()[program] if program else _labelled(cells)
    return _made(cells, fields, row=row, named=program is not None) if fields else None


def event_text(text: str) -> str:
    """The event in a cell that holds XML, without what is before it. Raises ValueError if it holds no XML."""
    begin = text.find("<Event")
    if begin < 0:
        raise ValueError("there is no event in its XML")
    return NOT_IN_XML.sub("\ufffd", text[begin:]).strip()


def _xml_in(row: Json) -> str | None:
    """The whole event as XML that a row holds beside other things."""
    for field in _holders("xml"):
        found = _at(row, field)
        found = found[0] if isinstance(found, list) and found else found
        if isinstance(found, str) and "<Event" in found:
            return found
    return None


def flat(row: Mapping[str, Any], *, above: str = "", depth: int = 0) -> dict[str, Any]:
    """The fields of a row under their names with dots; a list of one value is that value."""
    cells: dict[str, Any] = {}
    for name, found in row.items():
        value = found[0] if isinstance(found, list) and len(found) == 1 else found
        cells[f"{above}{name}"] = value
        if isinstance(value, dict) and depth < _DEEPEST:
            cells |= flat(value, above=f"{above}{name}.", depth=depth + 1)
    return cells


def _program_of(cells: Mapping[str, Any]) -> str | None:
    return next((program for program, marks in _marks().items() if marks <= cells.keys()), None)


def _labelled(cells: Mapping[str, Any]) -> dict[str, str]:
    """The fields of a row whose names are those of Windows; none if they do not show that it is an event."""
    found = {name: meaning for name in cells if is_label(name) and (meaning := meaning_of(name, kind="label"))}
    means = set(found.values())
    telling = [name for name, meaning in found.items() if meaning == "event_id" or meaning in _TELLING]
    return found if "event_id" in means and len(telling) > 1 and means & set(_TELLING) else {}


def _made(cells: Mapping[str, Any], fields: Mapping[str, str], *, row: Json, named: bool) -> Row:
    """The event of the fields of a row, by what they mean."""
    from capi2kit.loaders.pasted.blocks import Block, event_of

    values: dict[str, str] = {}
    for name, meaning in fields.items():
        value = cells.get(name)
        if value in (None, "", [], {}) or meaning in ("ignored", "xml", "row", "rows") or "/" in meaning:
            continue
        text = _plain(value, meaning, name=name)
        if text:
            values.setdefault("time" if meaning in _TIMES else meaning, text)
    event, local, _ = event_of(Block(values, 0, 0))
    add_payload(event, cells, fields=fields)
    if named:
        add_other(event, row, fields=fields)
    return Row(event, local)


def _plain(value: Any, meaning: str, *, name: str) -> str:
    """A value as text; a time that says its zone in UTC."""
    if meaning == "sid" and isinstance(value, dict):
        value = value.get("Value")
    if isinstance(value, list):
        value = ", ".join(text_of(part) for part in value)
    text = "" if value is None or isinstance(value, dict) else NOT_IN_XML.sub("\ufffd", text_of(value)).strip("\0 ")
    if meaning == "level" and name == "EntryType":
        text = _ENTRY_TYPES.get(text, text)
    if meaning == "channel":
        text = channel_named(text)
    return _utc(text, meaning) if meaning in _TIMES else text


def _utc(text: str, meaning: str) -> str:
    """A time as ISO 8601 with a Z, if it says its zone; else as it is."""
    if found := _NET_DATE.fullmatch(text):
        return _from_epoch(int(found[1]) / 1000)
    if meaning == "epoch":
        try:
            return _from_epoch(float(text))
        except ValueError:
            return text
    found = _ZONED.fullmatch(text)
    if not found:
        return f"{text.replace(' ', 'T')}Z" if meaning == "utc" and _BARE.fullmatch(text) else text
    stamp = times([found[1].replace(",", ".") + found[2].replace("UTC", "Z")])[0][0]
    return text if stamp is None or str(stamp) == "NaT" else f"{stamp.tz_localize(None).isoformat()}Z"


def _from_epoch(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    except (OverflowError, OSError, ValueError):
        return ""
