"""Foreign readers of .evtx files: what we write, four programs that we did not write must read alike.

`assert_readers_agree(path, expected)` takes a log and the records that are live
in it. It fails if a reader sees other records, other times or another content,
and returns what is known to be a fault of a reader: by reader, the number of
each record concerned, with the reason. Nothing is skipped that is not in it.

================  =====================================================================
reader            compared
================  =====================================================================
evtx              chunk checksums, numbers, write times and whole events (its times end
                  with the microsecond)
libevtx           numbers, write times to 100 ns, whole events, records it calls
                  recovered (slack, and nothing else), `is_corrupted()` (it calls every
                  log that wrapped corrupted)
python-evtx       verify() of the file header and of every chunk and record, numbers,
                  write times ± 10 µs; it cannot show UserData without a template
dissect.eventlog  number of records, every text and attribute; it does not know checksums
================  =====================================================================
"""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol
from uuid import UUID

import pyevtx
from dissect.eventlog.evtx import Evtx as DissectEvtx
from evtx import PyEvtxParser
from Evtx.Evtx import Evtx
from lxml import etree

ENTITY = "an entity reference in an attribute is not understood"
BROKEN = "an attribute without a text, or with a quote in a template, comes out as broken XML"
LEFT_OUT = "an attribute with an empty text is left out"
DIFFERS = "it has another content"
MIXED = "text beside elements is lost"
SLACK = "a record behind the used part of its chunk is taken for live"

Faults = dict[str, dict[int, str]]
Shape = tuple[str, tuple[tuple[str, str], ...], str, tuple["Shape", ...]]
EPOCH = datetime(1601, 1, 1, tzinfo=UTC)


class Record(Protocol):
    """What is expected of a record; the records of `capi2kit.binxml.evtxfile` are such."""

    number: int
    written: int
    event: etree._Element


def assert_readers_agree(path: Path, expected: Sequence[Record], *, slack: Sequence[Record] = ()) -> Faults:
    """Compare what four readers see in a file with the records that are live in it.

    `slack`: the old records that lie whole behind the used part of the newest chunk.
    """
    live = sorted(expected, key=lambda record: record.number)
    order, evtx_faults = _by_evtx(path, live)
    return {
        "evtx": evtx_faults,
        "libevtx": _by_libevtx(path, order, slack=slack),
        "python-evtx": _by_python_evtx(path, order),
        "dissect.eventlog": _by_dissect(path, order, slack=slack),
    }


# The readers


def _by_evtx(path: Path, live: Sequence[Record]) -> tuple[list[Record], dict[int, str]]:
    """Also returns the records in the order in which they lie in the file, which is that of all readers."""
    found = list(PyEvtxParser(str(path), validate_checksums=True).records())
    numbers = [record["event_record_id"] for record in found]
    turn = numbers.index(min(numbers)) if numbers else 0
    assert numbers[turn:] + numbers[:turn] == [record.number for record in live], f"evtx: numbers {numbers}"
    order = [*live[len(live) - turn :], *live[: len(live) - turn]]
    faults = {}
    for record, one in zip(order, found, strict=True):
        written = datetime.fromisoformat(one["timestamp"].removesuffix(" UTC"))
        assert written == _moment(record.written), f"evtx: record {record.number} written {written}"
        event = etree.fromstring(one["data"].encode())
        if shape(event) != shape(record.event):
            assert shape(event) == shape(record.event, empty_attributes=False), f"evtx: record {record.number}"
            faults[record.number] = LEFT_OUT
    return order, faults


def _by_libevtx(path: Path, order: Sequence[Record], *, slack: Sequence[Record]) -> dict[int, str]:
    faults = {}
    file = pyevtx.file()
    file.open(str(path))
    try:
        assert file.number_of_records == len(order), f"libevtx: {file.number_of_records} records"
        for index, record in enumerate(order):
            fault = _shown_by_libevtx(file, index, record=record)
            known = _libevtx_fault(record.event)
            if fault:
                expected = fault == known or (fault == DIFFERS and known == MIXED)
                assert expected, f"libevtx: record {record.number}: {fault}"
                faults[record.number] = known
        assert file.number_of_recovered_records == len(slack), f"libevtx: recovered {file.number_of_recovered_records}"
        for index, record in enumerate(slack):
            assert _recovered(file, index) in (None, record.number), f"libevtx: recovered record {index}"
        wrapped = [record.number for record in order] != sorted(record.number for record in order)
        assert file.is_corrupted() == wrapped, f"libevtx: corrupted {file.is_corrupted()}, wrapped {wrapped}"
    finally:
        file.close()
    return faults


def _shown_by_libevtx(file: pyevtx.file, index: int, *, record: Record) -> str:
    """What is wrong with a record as libevtx shows it; one of the known faults, if it looks like one."""
    try:
        one = file.get_record(index)
    except OSError as err:
        return ENTITY if "unsupported type: 0x49" in str(err) else str(err)
    assert (one.identifier, one.get_written_time_as_integer()) == (record.number, record.written), (
        "libevtx: number, time"
    )
    try:
        event = etree.fromstring(one.xml_string.rstrip("\0").encode())
    except etree.XMLSyntaxError:
        return BROKEN
    return "" if shape(event, binary=False) == shape(record.event, binary=False) else DIFFERS


def _recovered(file: pyevtx.file, index: int) -> int | None:
    """The number of a recovered record; None if what it refers to has been overwritten."""
    try:
        return file.get_recovered_record(index).identifier
    except OSError:
        return None


def _by_python_evtx(path: Path, order: Sequence[Record]) -> dict[int, str]:
    with Evtx(str(path)) as file:
        assert file.get_file_header().verify(), "python-evtx: file header"
        chunks = list(file.chunks())
        assert all(chunk.verify() for chunk in chunks), "python-evtx: chunk"
        found = [record for chunk in chunks for record in chunk.records()]
        assert all(record.verify() for record in found), "python-evtx: record"
        assert [record.record_num() for record in found] == [record.number for record in order], "python-evtx: numbers"
        for record, one in zip(order, found, strict=True):
            apart = one.timestamp().replace(tzinfo=UTC) - _moment(record.written)
            assert abs(apart) <= timedelta(microseconds=10), f"python-evtx: record {record.number} is {apart} apart"
    return {}


def _by_dissect(path: Path, order: Sequence[Record], *, slack: Sequence[Record]) -> dict[int, str]:
    with path.open("rb") as file:
        # its values belong to the template and change with the next record: take their texts at once
        found = [{name: list(_texts(value)) for name, value in one.items()} for one in DissectEvtx(file)]
    behind = 1 + max(range(len(order)), key=lambda index: order[index].number) if order else 0  # the newest one
    faults = {record.number: SLACK for record in slack} if len(found) > len(order) else {}
    taken = [*order[:behind], *(slack if faults else ()), *order[behind:]]
    assert len(found) == len(taken), f"dissect.eventlog: {len(found)} records instead of {len(order)}"
    for record, one in zip(taken, found, strict=True):
        system, body = record.event
        time = datetime.fromisoformat(*one.pop("TimeCreated_SystemTime"))
        apart = time - datetime.fromisoformat(system.find("TimeCreated").get("SystemTime"))
        assert abs(apart) <= timedelta(microseconds=10), (
            f"dissect.eventlog: {record.number} created {time}, {apart} apart"
        )
        read = html.unescape if body.tag == "UserData" else str  # it escapes what was an entity reference
        values = Counter(read(text) for texts in one.values() for text in texts)
        assert values == _leaves(record.event), f"dissect.eventlog: record {record.number}"
    return faults


def _texts(value: object) -> Iterator[str]:
    """What dissect.eventlog says of a field; a field without a value says nothing."""
    if isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, bytes):
        yield value.decode().upper()
    elif str(value) not in ("", "None"):
        yield str(value)


def _leaves(event: etree._Element) -> Counter[str]:
    """Every text and attribute but the time; a name of EventData is no value, and GUIDs come with their bytes turned."""
    found: Counter[str] = Counter()
    for element in event.iter():
        for name, text in element.items():
            if element.tag == "Correlation":
                found[f"{{{UUID(bytes=UUID(text).bytes_le)}}}".upper()] += 1
            elif text and (element.tag, name) not in (("TimeCreated", "SystemTime"), ("Data", "Name")):
                found[text] += 1
        texts = [element.text or ""] if not len(element) else _between(element)
        found.update(text for text in texts if text)
    return found


# What is expected of an event


def shape(element: etree._Element, *, empty_attributes: bool = True, binary: bool = True) -> Shape:
    """An element in a form that does not depend on prefixes, indentation, or the digits of times and keywords.

    `empty_attributes`, `binary`: whether attributes without a text, and Binary without a text, count.
    """
    name = etree.QName(element).localname
    attributes = {
        etree.QName(key).localname: _comparable(name, text) for key, text in element.items() if text or empty_attributes
    }
    children = [child for child in element if binary or len(child) or child.text or not child.tag.endswith("Binary")]
    text = "|".join(filter(None, _between(element))) if len(element) else _line_breaks(element.text or "")
    if text.isspace() and "\n" in text:
        text = ""  # the indentation inside an empty element
    if name == "Keywords" and text:
        text = hex(int(text, 16))  # libevtx pads it
    inner = (shape(child, empty_attributes=empty_attributes, binary=binary) for child in children)
    return name, tuple(attributes.items()), text, tuple(inner)


def _comparable(name: str, text: str) -> str:
    if name == "TimeCreated":
        second, _, fraction = text.removesuffix("Z").partition(".")
        return f"{second}.{fraction[:6].ljust(6, '0')}"
    return text.strip("{}").upper() if name == "Correlation" else _line_breaks(text)


def _line_breaks(text: str) -> str:
    """As any XML parser hands them over."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _between(element: etree._Element) -> list[str]:
    """The texts beside the children, without indentation."""
    return [_line_breaks(text or "").strip() for text in (element.text, *(child.tail for child in element))]


def _libevtx_fault(event: etree._Element) -> str:
    """Why libevtx cannot show an event, if it cannot. UserData stands inline, the rest goes through templates."""
    texts: dict[bool, list[str]] = {True: [], False: []}  # of attributes: inline, and in templates
    for part in event:
        texts[part.tag == "UserData"] += [text for element in part.iter() for text in element.attrib.values()]
    if any(mark in text for text in texts[True] for mark in '"&<>'):
        return ENTITY
    if not all(texts[True] + texts[False]) or any('"' in text for text in texts[False]):
        return BROKEN
    return MIXED if any(len(element) and any(_between(element)) for element in event[1].iter()) else ""


def _moment(ticks: int) -> datetime:
    """A FILETIME to the microsecond below."""
    return EPOCH + timedelta(microseconds=ticks // 10)
