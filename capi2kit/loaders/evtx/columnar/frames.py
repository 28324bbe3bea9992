"""Frames: where the records of intact chunks are, all chunks of a block in step.

    chunk 0   record  record      record            step 0: the first record of every chunk
    chunk 1   record    record  record              step 1: the second, and so on

Only what is wholly sound is taken: checksums, both sizes of each record, and as many records as the header of the chunk promises,
with ids that it allows. Every other chunk is left to `framing`, which knows all of the damage.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

import numpy as np

from capi2kit.loaders.evtx.columnar.block import Block
from capi2kit.loaders.evtx.framing import FIRST_RECORD
from capi2kit.loaders.evtx.recordids import CHUNK, HIGHEST, MOST_RECORDS, SMALLEST

_MAGIC = int.from_bytes(b"ElfChnk\0", "little")
_SIGNATURE = int.from_bytes(b"**\0\0", "little")
_LOW = np.uint64(0xFFFFFFFF)  # four bytes of eight
_HEAD = 128  # bytes of a chunk's header; the checksum covers the tables behind it, too
_SUMMED = 120


class Records(NamedTuple):
    """Records of a block: where they and their chunks begin, how long they are, their ids and times of writing."""

    at: np.ndarray
    chunk: np.ndarray
    size: np.ndarray
    record: np.ndarray
    written: np.ndarray

    def some(self, which: np.ndarray) -> Records:
        """Some of the records."""
        return Records(*(values[which] for values in self))


def sound_chunks(block: Block) -> np.ndarray:
    """Which chunks of a block have a header that can be believed, and checksums that hold."""
    chunks = np.arange(0, block.size, CHUNK)
    is_sound = np.array([_is_sound(block, at) for at in chunks.tolist()], bool)
    first, last = block.u8[chunks + 8], block.u8[chunks + 16]
    return is_sound & (first <= last) & (last <= HIGHEST) & (last - first < MOST_RECORDS)


def find_records(block: Block, is_sound: np.ndarray) -> Records:
    """The records of all sound chunks, in the order of the file. `is_sound` becomes false where records are broken or missing."""
    chunks = np.arange(0, block.size, CHUNK)
    chunk_of, at = _in_step(block, chunks, is_sound=is_sound)
    size, record = block.u4[at + 4].astype("int64"), block.u8[at + 8]
    fits = (block.u8[chunks + 8][chunk_of] <= record) & (record <= block.u8[chunks + 16][chunk_of])
    is_sound[chunk_of[~fits]] = False
    promised = (block.u8[chunks + 32] - block.u8[chunks + 24]).astype("int64") + 1
    is_sound &= np.bincount(chunk_of, minlength=len(chunks)) == promised
    found = Records(at, chunks[chunk_of], size, record.astype("int64"), block.u8[at + 16])
    return found if is_sound.all() else found.some(is_sound[chunk_of])


def _is_sound(block: Block, at: int) -> bool:
    """Whether the header of a chunk is one, and both checksums hold."""
    if block.u8[at] != _MAGIC:
        return False
    raw, free = memoryview(block.raw)[at : at + CHUNK], int(block.u4[at + 48])
    head = zlib.crc32(raw[_HEAD:FIRST_RECORD], zlib.crc32(raw[:_SUMMED]))
    if head != block.u4[at + _SUMMED + 4] or not FIRST_RECORD <= free <= CHUNK:
        return False
    return zlib.crc32(raw[FIRST_RECORD:free]) == int(block.u4[at + 52])


def _in_step(block: Block, chunks: np.ndarray, *, is_sound: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The number of its chunk and the place of every record; a chunk in which one is broken is not sound any more."""
    chunk = np.flatnonzero(is_sound)
    at, end = chunks[chunk] + FIRST_RECORD, chunks[chunk] + block.u4[chunks[chunk] + 48].astype("int64")
    found_chunk, found_at = [chunk[:0]], [at[:0]]
    while True:
        goes_on = at + SMALLEST <= end
        if not goes_on.all():
            chunk, at, end = chunk[goes_on], at[goes_on], end[goes_on]
        if not len(at):
            break
        head = block.u8[at]  # its signature, and its size
        size = (head >> 32).astype("int64")
        after = at + size
        whole = (head & _LOW == _SIGNATURE) & (size >= SMALLEST) & (after <= end) & (size % 8 == 0)
        whole &= block.u4[np.where(whole, after, end) - 4] == size
        if not whole.all():
            is_sound[chunk[~whole]] = False
            chunk, at, end, after = chunk[whole], at[whole], end[whole], after[whole]
        found_chunk.append(chunk)
        found_at.append(at)
        at = after
    chunk, at = np.concatenate(found_chunk), np.concatenate(found_at)
    order = np.argsort(at)
    return chunk[order], at[order]
