"""The columnar engine: intact chunks of a log → tables, without making text of a record first.

    frames      where the records are                        all chunks in step
    templates   which form each record has, where its values are
    plans       what the slots of a form mean (data/fields.csv)
    slots       the System values
    fragments   the payloads, level by level                 all records in step
    words       each different text once
    columns     values → columns of the vocabulary

A record in which anything is unusual is `left` to the slow way, which reads it alone. docs/columnar.md follows one record through it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from capi2kit.loaders.evidence import Asked
from capi2kit.loaders.evtx.columnar.block import SLACK, Block
from capi2kit.loaders.evtx.columnar.frames import Records, find_records
from capi2kit.loaders.evtx.columnar.records import Reading, Shapes
from capi2kit.winevent import Batch

__all__ = ["SLACK", "Block", "ReadBlock", "Records", "read_block"]

_SHAPES: list[Shapes] = [Shapes()]  # what was learned from the blocks before, in any log


class ReadBlock(NamedTuple):
    """What a block gave: the tables of the events that were asked for, all records of sound chunks, which of them are `left` to the
    slow way, how many nobody asked for, and which chunks are sound."""

    batch: Batch | None
    records: Records
    left: np.ndarray
    other: int
    sound: np.ndarray


def read_block(block: Block, *, asked: Asked, offset: int) -> ReadBlock:
    """Read the sound chunks of a block, which begins at `offset` of its file."""
    if _SHAPES[0].is_full():
        _SHAPES[0] = Shapes()
    records, sound = find_records(block)
    if not len(records.at):
        return ReadBlock(None, records, np.zeros(0, bool), 0, sound)
    reading = Reading(block, records, shapes=_SHAPES[0], asked=asked)
    batch = reading.tables(offset=offset)
    other = int((~reading.wanted & ~reading.odd).sum())
    return ReadBlock(batch, records, reading.odd, other, sound)
