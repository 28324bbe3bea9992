"""Salvage: the records of a damaged chunk, decoded one by one.

A record defines names and templates for the records behind it, so one damaged
record can silence its whole chunk. Here each record is decoded alone; a lost
definition is looked up in the nearest intact chunks. A name is restored only
if it fits the place (same parent, same bucket of the string table) and is the
only one that does; otherwise it stays unknown and only its cell is <NA>.
"""

from __future__ import annotations

import struct

from lxml import etree

from capi2kit.binxml import BinXmlError, Decoder, Node, bucket_offsets, name_hash, read_name
from capi2kit.loaders.framing import Buffer, Chunk, Frame, Framing, chunk_bytes

_NEIGHBOURS = 32  # intact chunks that are searched for lost definitions


class Definitions:
    """Names by place and templates by GUID, as the intact chunks nearest to a slot have them.

    Chunks are learned one after the other, as far as an answer needs it.
    """

    def __init__(self, data: Buffer, framing: Framing, slot: int) -> None:
        self.data = data
        self._names: dict[str, set[str]] = {}
        self._templates: dict[bytes, list[list[Node]]] = {}
        intact = sorted((chunk for chunk in framing.chunks if chunk.healthy), key=lambda chunk: abs(chunk.slot - slot))
        self._left = intact[:_NEIGHBOURS]

    def names(self, parent: str) -> set[str]:
        """All names seen below `parent`."""
        while self._left:
            self._learn(self._left.pop(0))
        return self._names.get(parent, set())

    def template(self, start: bytes) -> list[Node] | None:
        """The template whose GUID starts so, if the intact chunks agree on it."""
        while self._left and start not in self._templates:
            self._learn(self._left.pop(0))
        versions = self._templates.get(start, [])
        return versions[0] if len(versions) == 1 else None

    def _learn(self, chunk: Chunk) -> None:
        decoder = Decoder(chunk_bytes(self.data, chunk.offset))
        for frame in chunk.frames:
            try:
                decode_frame(decoder, frame, chunk)
            except BinXmlError:
                continue
        for parent, name in decoder.fragments.contexts:
            self._names.setdefault(parent, set()).add(name)
        for guid, roots in decoder.fragments.templates.values():
            versions = self._templates.setdefault(guid[:4], [])
            if roots not in versions:
                versions.append(roots)


class Salvage:
    """Decodes the frames of one damaged chunk. `restored` and `unknown` list the names that were lost."""

    def __init__(self, data: Buffer, framing: Framing, chunk: Chunk) -> None:
        self.raw = chunk_bytes(data, chunk.offset)
        self.chunk = chunk
        self.definitions = Definitions(data, framing, chunk.slot)
        self.decoder = Decoder(self.raw, lost_name=self._name, lost_template=self.definitions.template)
        self.restored: list[str] = []
        self.unknown: list[int] = []
        self._buckets = bucket_offsets(self.raw)
        here = (read_name(self.raw, offset) for offset in self._buckets)
        self._present = {name for name in here if name}

    def decode(self, frame: Frame) -> etree._Element:
        """The element tree of one record; BinXmlError if nothing can be made of it."""
        return decode_frame(self.decoder, frame, self.chunk)

    def _name(self, offset: int, parent: str) -> str | None:
        fitting = self.definitions.names(parent) - self._present
        bucket = self._buckets.get(offset)
        if bucket is not None:
            fitting = {name for name in fitting if name_hash(name) % 64 == bucket}
        if bucket is None or len(fitting) > 1:
            fitting = {name for name in fitting if _agrees(self.raw, offset, name)}
        if len(fitting) == 1:
            name = fitting.pop()
            self.restored.append(name)
            self._present.add(name)
            return name
        self.unknown.append(offset)
        return None


def decode_frame(decoder: Decoder, frame: Frame, chunk: Chunk) -> etree._Element:
    """Decode the BinXML of one framed record."""
    at = frame.offset - chunk.offset
    return decoder.decode(at + 24, at + frame.size - 4)


def _agrees(raw: bytes, offset: int, name: str) -> bool:
    """True if what is left at `offset` speaks for `name`: its hash, or most of its letters."""
    if offset + 8 > len(raw):
        return False
    if struct.unpack_from("<H", raw, offset + 4)[0] == name_hash(name):
        return True
    expected = name.encode("utf-16le")
    left = raw[offset + 8 : offset + 8 + len(expected)]
    return sum(a == b for a, b in zip(left, expected, strict=False)) > 0.75 * len(expected)
