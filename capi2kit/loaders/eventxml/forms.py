"""Forms: in which of the known forms a file holds events, and each form's way to their XML."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from lxml import etree

from capi2kit.loaders.eventxml.clixml import read_clixml
from capi2kit.loaders.eventxml.cuts import LONGEST, Cut, cut_events, declared_encoding
from capi2kit.loaders.eventxml.rows import is_event, row_of, rows_in
from capi2kit.loaders.eventxml.sheets import read_sheet, sheet_in
from capi2kit.loaders.evidence import EvidenceFile, Problems
from capi2kit.loaders.text.lines import encoding_of, lines

_PROLOGUE = r"(?><\?[^>]*\?>\s*|<!--.*?-->\s*|<!DOCTYPE[^>\[]*(?:\[.*?\]\s*)?>\s*)*+"
_ENDS = re.compile(r"</(?:\w{1,20}:)?Event\s*>")
_XML = re.compile(
    rf"\s*(?:Record \d+\s*)?{_PROLOGUE}"
    r"<(?:[A-Za-z_][\w.-]*:)?Events?(?=[\s>])",
    re.DOTALL,
)
_CLIXML = re.compile(rf"\s*(?:#< CLIXML\s*)?{_PROLOGUE}<Objs\b[^>]*powershell", re.DOTALL)
_BETWEEN = re.compile(r"[\s,\[\]]*")  # what is between the rows of a list
_QUOTED = re.compile(r'(?s)"(?:[^"\\]|\\.)*+\\?(?:"|\Z)')  # one without an end, too: no text of JSON goes over a line
_SYSLOG = re.compile(r"<\d{1,3}>[^{]{0,200}(?={\s*\")")  # the head that a relay puts before a row


def form_of(head: bytes) -> str | None:
    """The form that the beginning of a file has: xml, clixml, json, table; None if it has none of these."""
    text = head[encoding_of(head)[1] : 1 << 16].decode(declared_encoding(head), errors="replace")
    if _XML.match(text):
        cut_off = len(head) < 1 << 16 and "<Event" in text and "</" in text and not _ENDS.search(text)
        return None if cut_off else "xml"  # the only event of a text lacks its end: what is there is read as pasted
    if _CLIXML.match(text):
        return "clixml" if "EventLogRecord" in text or len(text) > 4096 else None
    first = _SYSLOG.sub("", text.lstrip().partition("\n")[0])
    if first.startswith(("{", "[", '"<')):
        return "json" if _is_event_json(first, text.lstrip()) else None
    return "table" if sheet_in(text) else None


def _is_event_json(first: str, text: str) -> bool:
    """Whether JSON begins with an event: on its first line, or laid out over several."""
    for part in (first.strip().rstrip(","), first.strip().strip("[],"), text):
        try:
            return is_event(json.JSONDecoder().raw_decode(part)[0])
        except RecursionError:
            return False
        except ValueError:
            continue
    return ('"Event":' in text[:4096] and '"System":' in text[:4096]) or _is_event_row(text)


def _is_event_row(text: str) -> bool:
    """Whether the first object of a list that goes on beyond what is seen is an event."""
    begin = text.find("{")
    try:
        return begin >= 0 and is_event(json.JSONDecoder().raw_decode(text, begin)[0])
    except (ValueError, RecursionError):
        return False


def _read_json(file: EvidenceFile, problems: Problems) -> Iterator[Cut]:
    """Rows of JSON, a line each, or one after the other however they are laid out."""
    number = 0
    for offset, fault, value in _rows(file, problems):
        for row in [None] if fault else rows_in(value):
            number += 1
            where = f"event {number} at offset {offset}"
            if not isinstance(row, (dict, str)):
                yield Cut(number, offset, "", f"{where} is not a JSON object{f': {fault}' if fault else ''}")
            else:
                yield _cut_of(row, number=number, offset=offset)


def _cut_of(row: Any, *, number: int, offset: int) -> Cut:
    where = f"event {number} at offset {offset}"
    try:
        found = row_of(row)
        if found is None:
            return Cut(number, offset, "", f"{where} has no event in it")
        event = found.event
        text = event if isinstance(event, str) else etree.tostring(event, encoding="unicode")
    except (ValueError, TypeError, AttributeError, RecursionError) as err:
        return Cut(number, offset, "", f"{where} cannot be read: {type(err).__name__}: {str(err)[:200]}")
    return Cut(number, offset, text, local=found.local)


def _rows(file: EvidenceFile, problems: Problems) -> Iterator[tuple[int, str, object]]:
    """Offset, what is wrong, and value of every JSON value; a value may go over several lines."""
    held: list[str] = []
    begin = opened = size = 0
    for line in lines(file, problems):
        if held and _begins_anew(line.text, held):
            yield begin, "it is cut off", None
            held, opened, size = [], 0, 0
        begin = begin if held else line.offset
        text = line.text if held else _SYSLOG.sub("", line.text)
        held.append(text)
        size += len(text)
        bare = _QUOTED.sub("", text)
        opened += bare.count("{") - bare.count("}")
        if opened <= 0 or size >= LONGEST:
            yield from ((begin, fault, value) for fault, value in _values("\n".join(held)))
            held, opened, size = [], 0, 0
    if held:
        yield begin, "it is cut off", None


def _begins_anew(text: str, held: list[str]) -> bool:
    """Whether a line begins another row although the one before it has no end: it is not deeper, but lines between were."""
    bare = text.lstrip()
    if not bare.startswith("{"):
        return False
    depth = len(text) - len(bare)
    first = len(held[0]) - len(held[0].lstrip())
    if depth <= first and any(line[: depth + 1].isspace() and len(line) > depth for line in held[1:2]):
        return True
    return bare.startswith('{"') and _is_event_json(bare.rstrip().rstrip(","), "")


def _values(text: str) -> Iterator[tuple[str, object]]:
    """What is wrong with, and the value of, every row in a text; one that is not JSON ends it."""
    at, decoder = 0, json.JSONDecoder()
    while (at := _BETWEEN.match(text, at).end()) < len(text):  # type: ignore[union-attr]
        try:
            value, at = decoder.raw_decode(text, at)
        except RecursionError:
            yield "nested too deep", None
            return
        except ValueError as err:
            yield str(err)[:200], None
            return
        yield "", value


def _read_table(file: EvidenceFile, problems: Problems) -> Iterator[Cut]:
    """Rows of a table, as psort, EvtxECmd, Hayabusa, PowerShell and Event Viewer write them."""
    for number, (offset, row, fault) in enumerate(read_sheet(file, problems), 1):
        yield Cut(number, offset, "", fault) if row is None else _cut_of(row, number=number, offset=offset)


def _read_clixml(file: EvidenceFile) -> Iterator[Cut]:
    number = 0
    try:
        for event, whole in read_clixml(file):
            number += 1
            note = (
                ""
                if whole
                else f"event {number} was exported without its values: use Export-Clixml -Depth 4, or wevtutil"
            )
            yield Cut(number, 0, etree.tostring(event, encoding="unicode"), note=note)
    except etree.XMLSyntaxError as err:
        yield Cut(number + 1, 0, "", f"the export ends or is damaged behind event {number}: {err.msg}")


FORMS: dict[str, Callable[[EvidenceFile, Problems], Iterator[Cut]]] = {
    "xml": cut_events,
    "json": _read_json,
    "table": _read_table,
    "clixml": lambda file, problems: _read_clixml(file),
}
