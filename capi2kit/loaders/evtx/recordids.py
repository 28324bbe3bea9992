"""Record ids: which of the records framed in a damaged chunk are its own, and what their numbers are."""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import NamedTuple

CHUNK = 65536
SMALLEST = 32  # bytes of a record
MOST_RECORDS = CHUNK // SMALLEST  # of a chunk
HIGHEST = (1 << 63) - 1  # no log has that many records: a number beyond it is not an id


class Frame(NamedTuple):
    """One record as framed: where it is, its header id and write time. `damage` names what was corrected."""

    chunk: int
    offset: int
    size: int
    record: int
    written: int
    damage: str


def living(frames: list[Frame]) -> list[Frame]:
    """The records of a chunk whose end is not known: behind its used part lie those of an older log.

    Their ids do not go on from the ones before. A chunk in which not one record is whole holds none, but other bytes.
    """
    sound = [i for i, frame in enumerate(frames) if not frame.damage]
    if not sound:
        return []
    last = sound[0]
    for place, i in enumerate(sound[1:], 1):
        if _follows(frames[last], frames[i]) or (place == 1 and _is_first_odd(frames[last], frames[i])):
            last = i
        elif not any(_follows(frames[last], frames[later]) for later in sound[place + 1 : place + 4]):
            break
    else:
        return frames
    own = frames[:i]
    while own[-1].damage == "frame":  # half a record of the older log
        own.pop()
    return own


def _is_first_odd(first: Frame, second: Frame) -> bool:
    """Whether one byte of the first record's id was altered: then the second one is not a record of an older log."""
    expected = max(second.record - 1, 0)
    altered = sum(a != b for a, b in zip(struct.pack("<Q", first.record), struct.pack("<Q", expected), strict=True))
    return altered == 1 and first.written <= second.written


def _follows(one: Frame, other: Frame) -> bool:
    """Whether the id of a record may come behind that of another one in the same chunk."""
    room = 1 + (other.offset - one.offset - one.size) // SMALLEST
    return 0 < other.record - one.record <= room


def numbered(framed: list[Frame], *, first: int, last: int) -> list[Frame]:
    """The frames of a damaged chunk with ids that count up: one that does not fit its neighbours is worked out.

    `first`, `last`: the ids that its header promises; `last` is less than `first` if it promises none. All ids of a chunk
    are as near to each other as its size allows.
    """
    ids = [frame.record for frame in framed]
    believed = last >= first
    pairs = [i for i, (a, b) in enumerate(pairwise(ids)) if a + 1 == b <= HIGHEST]
    base = first if believed else ids[pairs[0]] - pairs[0] if pairs else ids[0] if ids and ids[0] <= HIGHEST else 0
    top = last if believed else base + MOST_RECORDS - 1
    sure = {j for i in pairs for j in (i, i + 1) if base <= ids[j] <= top}
    frames: list[Frame] = []
    for i, frame in enumerate(framed):
        after = next((j for j in range(i + 1, len(ids)) if j in sure), None)
        low = frames[-1].record + 1 if frames else base
        if after is not None and not frames and not believed:
            low = ids[after] - after + i
        high = top if after is None else ids[after] - 1
        fits = low <= frame.record and (i in sure or frame.record <= high)
        frames.append(frame if fits else frame._replace(record=low, damage=frame.damage or "record id"))
    return frames
