"""Salvage: the second engine. Records decoded one by one, on framing and `binxml`.

A record defines names and templates for the records behind it, so one damaged
record can silence its whole chunk. Here each record is decoded alone; a lost
definition is looked up in the nearest intact chunks. A name is restored only
if it fits the place (same parent, same bucket of the string table) and is the
only one that does; otherwise it stays unknown and only its cell is <NA>.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from lxml import etree

from capi2kit.binxml import BinXmlError, Decoder, Template, bucket_offsets, name_hash, read_name
from capi2kit.loaders.evidence import Problems
from capi2kit.loaders.evidence.filebytes import Buffer
from capi2kit.loaders.evtx.damage import add_chunk, add_record
from capi2kit.loaders.evtx.framing import Chunk, Framing, chunk_bytes, frame_file
from capi2kit.loaders.evtx.recordids import Frame

_NEIGHBOURS = 32  # intact chunks that are searched for lost definitions


def read_one_by_one(data: Buffer, frames: list[Frame], *, problems: Problems) -> Iterator[tuple[Frame, etree._Element]]:
    """The records of one intact chunk; one that cannot be decoded is a problem."""
    if frames:
        decoder = Decoder(chunk_bytes(data, Chunk(frames[0].chunk)))
        yield from _decoded(decoder, frames, problems=problems)
        _tell_replaced(decoder, Chunk(frames[0].chunk), problems=problems)
        _tell_misspelt(decoder, Chunk(frames[0].chunk), problems=problems)


def odd_records(data: Buffer, chunk: Chunk) -> set[int]:
    """The records of an intact chunk, by offset, that another engine may read otherwise than this one, and not say so."""
    decoder = Decoder(chunk_bytes(data, chunk))
    odd = set()
    for frame in chunk.frames:
        try:
            if decoder.is_odd(*_extent(frame)):
                odd.add(frame.offset)
        except BinXmlError:  # then it is the other engine that may be able to read it
            continue
    return odd


def salvage_chunk(
    data: Buffer, chunk: Chunk, *, framing: Framing, problems: Problems
) -> Iterator[tuple[Frame, etree._Element]]:
    """The records of a damaged chunk, with what was done to it noted as problems."""
    add_chunk(problems, chunk)
    if not chunk.frames:
        return
    names = _LostNames(chunk_bytes(data, chunk), Definitions(data, framing, slot=chunk.slot))
    decoder = names.decoder
    yield from _decoded(decoder, chunk.frames, problems=problems)
    where = {"chunk": chunk.slot, "offset": chunk.offset}
    if names.restored:
        listing = ", ".join(sorted(set(names.restored.values())))
        what = f"chunk {chunk.slot}: names restored from another chunk: {listing}"
        problems.add("names", "restored names", message=what, **where)
    for offset in names.unknown:
        what = f"chunk {chunk.slot}: the name at offset {offset} is lost and no other chunk has it"
        what += "; its cells are <NA>, their text is in `extra`"
        problems.add("names", "lost name", message=what, chunk=chunk.slot, offset=chunk.offset + offset)
    _tell_replaced(decoder, chunk, problems=problems)


def decode_alone(data: Buffer, chunk: Chunk, *, frame: Frame) -> etree._Element | None:
    """One record, restored as `salvage_chunk` would if its chunk is damaged; None if it cannot be decoded."""
    decoder = Decoder(chunk_bytes(data, chunk))
    if not chunk.healthy:
        decoder = _LostNames(decoder.chunk, Definitions(data, frame_file(data), slot=chunk.slot)).decoder
    try:
        return decode_frame(decoder, frame)
    except BinXmlError:
        return None


def _decoded(decoder: Decoder, frames: list[Frame], *, problems: Problems) -> Iterator[tuple[Frame, etree._Element]]:
    for frame in frames:
        try:
            event = decode_frame(decoder, frame)
        except BinXmlError as err:
            add_record(problems, frame, stage="decode", error="unreadable record", message=str(err), lost=1)
            continue
        yield frame, event


def _tell_replaced(decoder: Decoder, chunk: Chunk, *, problems: Problems) -> None:
    if decoder.replaced:
        what = f"chunk {chunk.slot}: {decoder.replaced} characters that no text can hold were replaced by U+FFFD"
        problems.add("text", "replaced characters", message=what, chunk=chunk.slot, offset=chunk.offset)


def _tell_misspelt(decoder: Decoder, chunk: Chunk, *, problems: Problems) -> None:
    for offset, name in sorted(decoder.fragments.misspelt.items()):
        what = (
            f"chunk {chunk.slot}: the name at offset {offset} does not fit its hash, though the chunk is intact: read as \
{name!r}; what it names may be in `extra`"
        )
        problems.add("names", "misspelt name", message=what, chunk=chunk.slot, offset=chunk.offset + offset)


def decode_frame(decoder: Decoder, frame: Frame) -> etree._Element:
    """Decode the BinXML of one framed record. Raises BinXmlError."""
    return decoder.decode(*_extent(frame))


def _extent(frame: Frame) -> tuple[int, int]:
    """Where the Binary XML of a record begins and ends in its chunk."""
    at = frame.offset - Chunk(frame.chunk).offset
    return at + 24, at + frame.size - 4


class Definitions:
    """Names by place and templates by GUID, as the intact chunks nearest to a slot have them.

    Chunks are learned one after the other, as far as an answer needs it.
    """

    def __init__(self, data: Buffer, framing: Framing, *, slot: int) -> None:
        self.data = data
        self._names: dict[str, set[str]] = {}
        self._templates: dict[bytes, list[Template]] = {}
        intact = sorted((chunk for chunk in framing.chunks if chunk.healthy), key=lambda chunk: abs(chunk.slot - slot))
        self._left = intact[:_NEIGHBOURS]

    def names(self, parent: str) -> set[str]:
        """All names seen below `parent`."""
        while self._left:
            self._learn(self._left.pop(0))
        return self._names.get(parent, set())

    def template(self, start: bytes) -> Template | None:
        """The template whose GUID starts so, if the intact chunks agree on it."""
        while self._left and start not in self._templates:
            self._learn(self._left.pop(0))
        versions = self._templates.get(start, [])
        return versions[0] if len(versions) == 1 else None

    def _learn(self, chunk: Chunk) -> None:
        decoder = Decoder(chunk_bytes(self.data, chunk))
        for frame in chunk.frames:
            try:
                decoder.scan(*_extent(frame))
            except BinXmlError:
                continue
        for parent, name in decoder.fragments.contexts:
            self._names.setdefault(parent, set()).add(name)
        for template in decoder.fragments.templates.values():
            versions = self._templates.setdefault(template.guid[:4], [])
            if template not in versions:
                versions.append(template)


class _LostNames:
    """A decoder for one damaged chunk, and the answers for the names it lost; `restored` has them by offset."""

    def __init__(self, raw: bytes, definitions: Definitions) -> None:
        self.raw = raw
        self.definitions = definitions
        self.restored: dict[int, str] = {}
        self._asked: set[tuple[int, str]] = set()
        self._buckets = bucket_offsets(raw)
        here = (read_name(raw, offset) for offset in self._buckets)
        self._present = {name for name in here if name}
        self.decoder = Decoder(raw, lost_name=self.find, lost_template=definitions.template)

    def find(self, offset: int, parent: str) -> str | None:
        """The name that was at `offset` as a child of `parent`, if only one can have been there."""
        if (offset, parent) in self._asked:
            return None
        fitting = self.definitions.names(parent) - self._present - set(self.decoder.fragments.names.values())
        bucket = self._buckets.get(offset)
        if bucket is not None:
            fitting = {name for name in fitting if name_hash(name) % 64 == bucket}
        if bucket is None or len(fitting) > 1:
            fitting = {name for name in fitting if _agrees(self.raw, offset, name=name)}
        if len(fitting) != 1:
            self._asked.add((offset, parent))
            return None
        name = fitting.pop()
        self.restored[offset] = name
        return name

    @property
    def unknown(self) -> list[int]:
        """Where the names were that could not be restored."""
        return sorted({offset for offset, _ in self._asked} - self.restored.keys())


def _agrees(raw: bytes, offset: int, *, name: str) -> bool:
    """True if what is left at `offset` speaks for `name`: its hash, or half of its letters."""
    if offset + 8 > len(raw):
        return False
    if struct.unpack_from("<H", raw, offset + 4)[0] == name_hash(name):
        return True
    left = raw[offset + 8 : offset + 8 + 2 * len(name)].decode("utf-16le", "replace")
    return 2 * sum(a == b for a, b in zip(left, name, strict=False)) >= len(name)
