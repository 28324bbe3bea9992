"""Damage: what was wrong with a chunk or a record of a log, as rows of `problems`."""

from __future__ import annotations

from capi2kit.loaders.evidence import Problems
from capi2kit.loaders.evtx.framing import Chunk
from capi2kit.loaders.evtx.recordids import Frame


def add_record(problems: Problems, frame: Frame, *, stage: str, error: str, message: str, lost: int = 0) -> None:
    """Note a problem of one record."""
    text = f"record {frame.record} in chunk {frame.chunk} at offset {frame.offset}: {message}"
    where = {"chunk": frame.chunk, "record": frame.record, "offset": frame.offset}
    problems.add(stage, error, message=text, lost=lost, **where)


def add_chunk(problems: Problems, chunk: Chunk) -> None:
    """Note a damaged chunk: one row for the damage, one for each record that is not in it."""
    where = {"chunk": chunk.slot, "offset": chunk.offset}
    if chunk.damage and chunk.frames:
        message = f"chunk {chunk.slot} at offset {chunk.offset}: {chunk.damage}"
        message += f"; its {len(chunk.frames)} records were read one by one and may hold altered bytes"
        problems.add("chunk", chunk.damage, message=message, **where)
    for frame in chunk.frames:
        if frame.damage:
            message = f"its {frame.damage} was damaged and worked out from its neighbours"
            add_record(problems, frame, stage="record", error=f"damaged {frame.damage}", message=message)
    for record in chunk.missing:
        why = chunk.damage or "whose checksum holds, so it was taken out on purpose"
        message = f"record {record} is promised by the header of chunk {chunk.slot} ({why}) but is not in it"
        problems.add("record", "missing record", message=message, lost=1, record=record, **where)
