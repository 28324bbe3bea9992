"""Loader `eventxml`: events as other programs export them.

XML of Event Viewer, `wevtutil` and evtx_dump; `Get-WinEvent | Export-Clixml`; rows of JSON and of tables, as evtx_dump, EvtxECmd,
Chainsaw, Hayabusa, Winlogbeat, NXLog, Splunk, Velociraptor, plaso, PowerShell and Event Viewer write them. All become the XML of one
event, which is read as an event of a log is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pandas as pd
from lxml import etree

from capi2kit.errors import EvidenceError
from capi2kit.loaders.eventxml.cuts import Cut
from capi2kit.loaders.eventxml.extent import own_lines
from capi2kit.loaders.eventxml.forms import FORMS, form_of
from capi2kit.loaders.evidence import Asked, EvidenceFile, Problems
from capi2kit.loaders.text.lines import source_of
from capi2kit.loaders.text.localtimes import LocalTimes
from capi2kit.winevent import Batch, EventRows
from capi2kit.winevent.skeletons import parse
from capi2kit.winevent.walk import local_name

__all__ = ["LOOKS_FOR", "NAME", "own_lines", "read", "record_xml", "sniff"]

NAME = "eventxml"
LOOKS_FOR = (
    "an export of events: XML of Event Viewer or wevtutil, Export-Clixml; JSON or CSV of evtx_dump, EvtxECmd, Chainsaw, Hayabusa, "
    "Winlogbeat or Elasticsearch, NXLog, Splunk, Velociraptor, plaso, PowerShell or Event Viewer"
)
_FLUSH = 4096
_REPORT_EVERY = 500
_UNREAD = "\ufffd"
_NAT = -(1 << 63)
_LAID_OUT = re.compile(r">\r?\n[ \t]*<(?=/)")  # an empty element whose end tag is on a line of its own


def sniff(head: bytes, name: str) -> bool:
    """True for the beginning of an export of events in one of the forms known."""
    return form_of(head) is not None


def read(file: EvidenceFile, *, asked: Asked) -> Iterator[Batch]:
    """Yield the events of an export in batches; the last batch has the `sources` row and the `problems`.

    An event that cannot be read is reported, and only it is lost. Nothing outside an event is read, so an entity
    that a document declares means nothing here.
    """
    form = form_of(bytes(file.data[: 1 << 16])) or "xml"
    rows, problems = EventRows(), Problems()
    times = LocalTimes(tz=asked.tz, problems=problems)
    local: list[str | None] = []
    loaded = other = unread = 0
    for cut in FORMS[form](file, problems):
        fault = cut.fault
        try:
            wanted = not fault and _take(rows, cut, asked=asked)
        except etree.XMLSyntaxError as err:
            fault = f"event {cut.number} at offset {cut.offset} is not XML: {err.msg}"
        if fault:
            problems.add("record", "unreadable event", message=fault, lost=1, offset=cut.offset)
            continue
        unread += _UNREAD in cut.text
        if cut.note:
            problems.add("record", "without payload", message=cut.note)
        loaded += wanted
        local += [cut.local] if wanted else []
        other += not wanted
        if asked.progress and (loaded + other) % _REPORT_EVERY == 0:
            asked.progress(cut.offset, len(file.data))
        if len(rows) >= _FLUSH:
            yield _batch(rows, local, times=times)
            local = []
    if unread:
        message = f"{unread} events hold signs that are not valid in the encoding of the file; each shows as {_UNREAD}"
        problems.add("text", "wrong encoding", message=message)
    batch = _batch(rows, local, times=times)
    batch["problems"] = problems.table()
    batch["sources"] = source_of(problems, loaded=loaded, other=other, engine=form)
    yield batch


def _batch(rows: EventRows, local: list[str | None], *, times: LocalTimes) -> Batch:
    """The events so far as tables; times that are local are put into UTC."""
    batch = rows.batch()
    stamps = pd.Series(local, dtype="datetime64[ns]")
    if stamps.notna().any():
        events, where = batch["events"], stamps.notna().to_numpy()
        known = events["time"].where(~where, stamps.dt.tz_localize("UTC"))
        events["time"] = times.in_utc(known, where=where).array
        events["zone"] = events["zone"].mask(where, times.zone)
    return batch


def _take(rows: EventRows, cut: Cut, *, asked: Asked) -> bool:
    """Add an event if it is wanted. Raises etree.XMLSyntaxError."""
    if not asked.wants_text(cut.text):
        return False
    event: etree._Element | str = _LAID_OUT.sub("><", cut.text)
    if not cut.text.startswith(("<Event ", "<Event>")):
        found = [child for child in parse(cut.text).iter(etree.Element) if local_name(child) == "Event"]
        if not found:
            raise etree.XMLSyntaxError("there is no event in it", 0, 0, 0)
        event = found[0]
    rows.add(event, offset=cut.offset, written=_NAT)
    return True


def record_xml(file: EvidenceFile, *, offset: int, record: int | None) -> str:
    """One event of an export as indented XML. Raises EvidenceError if another one, or none, is at `offset`."""
    form = form_of(bytes(file.data[: 1 << 16])) or "xml"
    found = next((cut.text for cut in FORMS[form](file, Problems()) if cut.offset == offset and not cut.fault), "")
    try:
        event = next(child for child in parse(found).iter() if local_name(child) == "Event")
        there = event.findtext("{*}System/{*}EventRecordID")
    except (etree.XMLSyntaxError, StopIteration):
        event, there = None, None
    if event is None or (record is not None and there != str(record)):
        message = (
            f"{file.name}: event {record} at offset {offset} is not there any more: the file was changed; load it again"
        )
        raise EvidenceError(message, source=file.name, record=record, offset=offset)
    etree.indent(event)
    return etree.tostring(event, encoding="unicode")
