"""The columnar engine: intact chunks of a log → tables, without making text of a record first.

    frames      where the records are                        all chunks in step
    templates   which form each record has, where its values are
    plans       what the slots of a form mean (data/fields.csv)
    forms       the System values, slot by slot
    fragments   the payloads, level by level                 all records in step
    lists       attributes, while they are read
    runs        texts with entities
    words       each different text once
    columns     values → columns of the vocabulary

A record in which anything is unusual is left to the slow way, which reads it alone. docs/columnar.md follows one record through it.
"""

from __future__ import annotations

import threading
from typing import NamedTuple

import numpy as np

from capi2kit.loaders.evidence import Asked
from capi2kit.loaders.evtx.columnar.block import SLACK, Block
from capi2kit.loaders.evtx.columnar.forms import Shapes
from capi2kit.loaders.evtx.columnar.frames import Records, find_records, sound_chunks
from capi2kit.loaders.evtx.columnar.names import Cells
from capi2kit.loaders.evtx.columnar.records import Collected
from capi2kit.winevent import Batch

__all__ = ["SLACK", "Block", "Columnar", "Made", "Records", "sound_chunks"]

_learned = threading.local()  # the shapes that this thread met in the blocks before, in any log


class Made(NamedTuple):
    """Tables of some events (None if nobody asked for any); the records left to the slow way; and how many nobody asked for."""

    batch: Batch | None
    left: Records
    other: int


class Columnar:
    """Reads blocks, one after the other, and makes tables of some of them at a time."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._cells = Cells()
        self._begin()

    def _begin(self) -> None:
        self._collected = Collected(_shapes(), asked=self._asked, cells=self._cells)

    def add(self, block: Block, sound: np.ndarray, *, offset: int) -> np.ndarray:
        """Read the records of the sound chunks of a block, which begins at `offset` of its file; returns their ids.

        `sound` becomes false for chunks whose records are broken.
        """
        records = find_records(block, sound)
        if len(records.at):
            self._collected.add(block, records, offset=offset)
        return records.record

    def __len__(self) -> int:
        return len(self._collected)

    def made(self) -> Made:
        """The tables of what was added; then it starts anew."""
        batch, left, other = self._collected.tables()
        self._begin()
        return Made(batch, left, other)


def _shapes() -> Shapes:
    """What this thread learned; it begins anew when a log has ever new names."""
    if not hasattr(_learned, "shapes") or _learned.shapes.is_full():
        _learned.shapes = Shapes()
    return _learned.shapes
