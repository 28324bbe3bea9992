"""Loader `evtx`: Windows event logs as Windows writes them.

Three engines behind one door. `columnar` (the usual one, with `auto`) makes columns of intact chunks without making text of a record.
`evtx` (Rust) renders them as XML. What either leaves, and damaged chunks, are for the third: python-evtx's framing finds their records and
our `binxml` decodes them one by one, so that only the broken record itself is lost.
"""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from capi2kit.columns.cells import shaped
from capi2kit.errors import EvidenceError
from capi2kit.loaders.evidence import Asked, EvidenceFile
from capi2kit.loaders.evtx.framing import HEADER, frame_chunk, looks_like_evtx
from capi2kit.loaders.evtx.recordids import CHUNK
from capi2kit.winevent import Batch

NAME = "evtx"
LOOKS_FOR = "a Windows event log (.evtx): ElfFile at the start"
ENGINES = ("auto", "evtx", "python-evtx")


def sniff(head: bytes, name: str) -> bool:
    """True for the first bytes of an .evtx file."""
    return looks_like_evtx(head)


def read(file: EvidenceFile, *, asked: Asked) -> Iterator[Batch]:
    """Yield the events of a log in batches; the last batch has the `sources` row and the `problems`.

    Raises EvidenceError only if not one chunk can be found, or if there is no such engine.
    """
    from capi2kit.loaders.evtx.reading import Reading

    if asked.engine not in ENGINES:
        message = f"there is no engine {asked.engine!r}; choose one of {', '.join(ENGINES)}"
        raise EvidenceError(message, source=file.name)
    reading = Reading(file, asked=asked)
    yield from reading.batches()
    batch = reading.rows.batch()
    batch["problems"] = reading.problems.table()
    batch["sources"] = shaped(reading.summary(), "sources")
    yield batch


def record_xml(file: EvidenceFile, *, offset: int, record: int | None) -> str:
    """One record as indented XML. Raises EvidenceError if another record, or none, is at `offset`."""
    from capi2kit.loaders.evtx.salvage import decode_alone

    where = f"{file.name}: record {record} at offset {offset}"
    chunk = frame_chunk(file.data, (offset - HEADER) // CHUNK)
    frame = next((frame for frame in chunk.frames if frame.offset == offset), None)
    event = decode_alone(file.data, chunk, frame=frame) if frame else None
    if event is None or (record is not None and event.findtext("System/EventRecordID") != str(record)):
        message = f"{where} is not there any more: the file was changed since it was loaded; load it again"
        raise EvidenceError(message, source=file.name, record=record, offset=offset)
    etree.indent(event)
    return etree.tostring(event, encoding="unicode")
