"""Blocks: a log read once, some chunks at a time, into one buffer that is used again: hashed, framed and decoded from there.

Where every chunk is sound, no other framing is needed. Where one is not, `framing` looks at the whole file, and says what is damaged.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from capi2kit.loaders.evidence import Asked, EvidenceFile
from capi2kit.loaders.evidence.filebytes import Buffer, fill
from capi2kit.loaders.evtx.columnar import SLACK, Block, Columnar, Records, sound_chunks
from capi2kit.loaders.evtx.framing import HEADER, Framing, frame_file, frame_lightly
from capi2kit.loaders.evtx.recordids import CHUNK, Frame
from capi2kit.winevent import Batch

CHUNKS = 256  # in a block: more take more memory, and are no faster
RECORDS = 1 << 14  # so many are made into tables at a time


class Blocks:
    """One pass over a file: iterating gives the batches of its sound chunks. Then the rest says what they did not hold."""

    def __init__(self, file: EvidenceFile, *, asked: Asked) -> None:
        self.left: list[Frame] = []  # records of sound chunks for the slow way
        self.other = 0  # records that nobody asked for
        self.framing = Framing([], dirty=False, damage=[])
        self._file = file
        self._asked = asked
        self._ids: list[np.ndarray] = []

    def __iter__(self) -> Iterator[Batch]:
        data = self._file.data
        head = bytes(data[:HEADER])
        columnar, sound = Columnar(self._asked), [np.zeros(0, bool)]
        for block, is_sound, offset in _blocks(data):
            self._ids.append(columnar.add(block, is_sound, offset=offset))
            sound.append(is_sound)
            self._report(offset + block.size, len(data))
            if len(columnar) >= RECORDS:
                yield from self._made(columnar)
        if len(columnar):
            yield from self._made(columnar)
        self.framing = self._framed(head, np.concatenate(sound))

    def _report(self, done: int, size: int) -> None:
        """Report how many records were read, and how many there may be, by the bytes that are left."""
        if self._asked.progress:
            records = sum(map(len, self._ids))
            self._asked.progress(records, max(records, records * size // done))

    def _made(self, columnar: Columnar) -> Iterator[Batch]:
        made = columnar.made()
        self.other += made.other
        self.left += _frames(made.left)
        if made.batch is not None:
            yield made.batch

    def _framed(self, head: bytes, sound: np.ndarray) -> Framing:
        framing = frame_lightly(self._file.data, head, sound=sound)
        if framing is None:
            framing = frame_file(self._file.data)
            unsound = [chunk for chunk in framing.chunks if chunk.healthy and not sound[chunk.slot]]
            self.left += [frame for chunk in unsound for frame in chunk.frames]
        return framing

    @property
    def ids(self) -> np.ndarray | None:
        """The ids of all records, where no chunk is damaged; else the framing has them."""
        return None if self.framing.chunks else np.concatenate([np.empty(0, "int64"), *self._ids])


def _blocks(data: Buffer) -> Iterator[tuple[Block, np.ndarray, int]]:
    """The whole chunks of a file by block, which of them are sound, and where the block begins. The next one is read meanwhile."""
    whole = max(0, len(data) - HEADER) // CHUNK
    edges = _edges(whole)
    buffers = [np.zeros(max(np.diff(edges), default=0) * CHUNK + SLACK, "u1") for _ in edges[:2]]

    def read(number: int) -> tuple[Block, np.ndarray, int]:
        size, offset = (edges[number + 1] - edges[number]) * CHUNK, HEADER + edges[number] * CHUNK
        buffer = buffers[number % 2]
        fill(buffer.data, data, start=offset, count=size)
        block = Block(buffer.data, size)
        return block, sound_chunks(block), offset

    count = len(edges) - 1
    if count < 2:
        yield from map(read, range(count))
        return
    with ThreadPoolExecutor(1) as ahead:
        coming = ahead.submit(read, 0)
        for number in range(count):
            block = coming.result()
            if number + 1 < count:
                coming = ahead.submit(read, number + 1)
            yield block


def _edges(whole: int) -> list[int]:
    """Where the blocks of so many chunks begin, and where the last one ends. The first has a quarter: nobody works while it is read."""
    count = -(-whole // CHUNKS)
    if count < 2:
        return [0, whole] if whole else [0]
    return [0, *(round(whole * (number - 0.75) / (count - 0.75)) for number in range(1, count + 1))]


def _frames(records: Records) -> list[Frame]:
    """Records as frames of the file."""
    return [
        Frame((chunk - HEADER) // CHUNK, at, size, record, written, "")
        for at, chunk, size, record, written in zip(*(values.tolist() for values in records), strict=True)
    ]
