"""Blocks: a log read once, some chunks at a time, into one buffer that is used again: hashed, framed and decoded from there.

Where every chunk is sound, no other framing is needed. Where one is not, `framing` looks at the whole file, and says what is damaged.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from capi2kit.loaders.evidence import Asked, EvidenceFile
from capi2kit.loaders.evidence.filebytes import fill
from capi2kit.loaders.evtx.columnar import SLACK, Block, Records, read_block
from capi2kit.loaders.evtx.framing import HEADER, Framing, frame_file, frame_lightly
from capi2kit.loaders.evtx.recordids import CHUNK, Frame
from capi2kit.winevent import Batch

CHUNKS = 256  # in a block


class Blocks:
    """One pass over a file: iterating gives the batches of its sound chunks. Then the rest says what they did not hold."""

    def __init__(self, file: EvidenceFile, *, asked: Asked) -> None:
        self.left: list[Frame] = []  # records of sound chunks for the slow way
        self.other = 0  # records that nobody asked for
        self.done = 0
        self.framing = Framing([], dirty=False, damage=[])
        self._file = file
        self._asked = asked
        self._ids: list[np.ndarray] = []

    def __iter__(self) -> Iterator[Batch]:
        data, whole = self._file.data, max(0, len(self._file.data) - HEADER) // CHUNK
        sound = np.zeros(whole, bool)
        size = min(CHUNKS, whole) * CHUNK
        buffer = bytearray(size + SLACK)
        head = bytes(data[:HEADER])
        for first in range(0, whole, CHUNKS):
            here = slice(first, min(first + CHUNKS, whole))
            part = (here.stop - here.start) * CHUNK
            fill(buffer, data, start=HEADER + first * CHUNK, count=part)
            found = read_block(Block(buffer, part), asked=self._asked, offset=HEADER + first * CHUNK)
            sound[here] = found.sound
            self._ids.append(found.records.record)
            self.other += found.other
            self.done += len(found.records.at)
            self.left += _frames(found.records.some(found.left), first=first)
            if found.batch is not None:
                yield found.batch
        framing = frame_lightly(data, head, sound=sound)
        if framing is None:
            framing = frame_file(data)
            unsound = [chunk for chunk in framing.chunks if chunk.healthy and not sound[chunk.slot]]
            self.left += [frame for chunk in unsound for frame in chunk.frames]
        self.framing = framing

    @property
    def ids(self) -> np.ndarray | None:
        """The ids of all records, where no chunk is damaged; else the framing has them."""
        return None if self.framing.chunks else np.concatenate([np.empty(0, "int64"), *self._ids])


def _frames(records: Records, *, first: int) -> list[Frame]:
    """Records of a block as frames of the file. `first`: the number of its first chunk."""
    shift = HEADER + first * CHUNK
    return [
        Frame(first + chunk // CHUNK, shift + at, size, record, written, "")
        for at, chunk, size, record, written in zip(*(values.tolist() for values in records), strict=True)
    ]
