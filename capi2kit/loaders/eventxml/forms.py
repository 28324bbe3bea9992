"""Forms: in which of the known forms a file holds events, and each form's way to their XML."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator

from lxml import etree

from capi2kit.loaders.eventxml.clixml import read_clixml
from capi2kit.loaders.eventxml.cuts import LONGEST, Cut, cut_events, declared_encoding
from capi2kit.loaders.eventxml.json_lines import element_of
from capi2kit.loaders.evidence import EvidenceFile, Problems
from capi2kit.loaders.text.lines import encoding_of, lines

_PROLOGUE = r"(?><\?[^>]*\?>\s*|<!--.*?-->\s*|<!DOCTYPE[^>\[]*(?:\[.*?\]\s*)?>\s*)*+"
_XML = re.compile(
    rf"\s*(?:Record \d+\s*)?{_PROLOGUE}"
    r"<(?:[A-Za-z_][\w.-]*:)?Events?(?=[\s>])",
    re.DOTALL,
)
_CLIXML = re.compile(rf"\s*(?:#< CLIXML\s*)?{_PROLOGUE}<Objs\b[^>]*powershell", re.DOTALL)
_BETWEEN = re.compile(r"[\s,\[\]]*")  # what is between the rows of a list
_QUOTED = re.compile(r'(?s)"(?:[^"\\]|\\.)*+\\?(?:"|\Z)')  # one without an end, too: no text of JSON goes over a line
_EVENT_KEYS = ({"Event"}, {"xml_string"}, {"EventId", "Payload"}, {"EventId", "Channel"})


def form_of(head: bytes) -> str | None:
    """The form that the beginning of a file has: xml, clixml, json, plaso; None if it has none of these."""
    text = head[encoding_of(head)[1] : 1 << 16].decode(declared_encoding(head), errors="replace")
    if _XML.match(text):
        return "xml"
    if _CLIXML.match(text):
        return "clixml" if "EventLogRecord" in text or len(text) > 4096 else None
    first = text.lstrip().partition("\n")[0]
    if first.startswith(("{", "[")):
        return "json" if _is_event_json(first, text) else None
    return "plaso" if "xml_string" in first and "," in first else None


def _is_event_json(first: str, text: str) -> bool:
    try:
        row = json.loads(first.strip().strip("[],"))
    except RecursionError:
        return False
    except ValueError:
        return '"Event":' in text[:4096] and '"System":' in text[:4096]
    return isinstance(row, dict) and any(keys <= row.keys() for keys in _EVENT_KEYS)


def _read_json(file: EvidenceFile, problems: Problems) -> Iterator[Cut]:
    """Rows of JSON, a line each, or one after the other however they are laid out."""
    number = 0
    for offset, text, row in _rows(file, problems):
        number += 1
        where = f"event {number} at offset {offset}"
        if not isinstance(row, dict):
            yield Cut(number, offset, "", f"{where} is not a JSON object{f': {text}' if text else ''}")
            continue
        yield _cut_of(row, number=number, offset=offset)


def _cut_of(row: dict[str, object], *, number: int, offset: int) -> Cut:
    where = f"event {number} at offset {offset}"
    try:
        event = element_of(row)
        if event is None:
            return Cut(number, offset, "", f"{where} has no event in it")
        text = event if isinstance(event, str) else etree.tostring(event, encoding="unicode")
    except (ValueError, TypeError, AttributeError, RecursionError) as err:
        return Cut(number, offset, "", f"{where} cannot be read: {type(err).__name__}: {str(err)[:200]}")
    return Cut(number, offset, text)


def _rows(file: EvidenceFile, problems: Problems) -> Iterator[tuple[int, str, object]]:
    """Offset, what is wrong, and value of every JSON value; a value may go over several lines."""
    held: list[str] = []
    begin = opened = size = 0
    for line in lines(file, problems):
        if held and _begins_anew(line.text, held):
            yield begin, "it is cut off", None
            held, opened, size = [], 0, 0
        begin = begin if held else line.offset
        held.append(line.text)
        size += len(line.text)
        bare = _QUOTED.sub("", line.text)
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


def _read_plaso(file: EvidenceFile, problems: Problems) -> Iterator[Cut]:
    """Rows of a table with a column xml_string, as psort writes them."""
    at = [0]

    def texts() -> Iterator[str]:
        for line in lines(file, problems):
            at[0] = line.offset
            yield f"{line.text}\n"

    csv.field_size_limit(LONGEST)
    reader = csv.DictReader(texts(), strict=False)
    number = 0
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as err:
            number += 1
            yield Cut(number, at[0], "", f"row {number} at offset {at[0]} is not a row of a table: {err}")
            continue
        text = row.get("xml_string") or ""
        if not text.strip():
            continue  # a row of another kind of evidence
        number += 1
        yield _cut_of({"xml_string": text}, number=number, offset=at[0])


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
    "xml": lambda file, problems: cut_events(file),
    "json": _read_json,
    "plaso": _read_plaso,
    "clixml": lambda file, problems: _read_clixml(file),
}
