"""Slots: the values of a group of records, slot by slot: numbers and times as such, all else as coded texts."""

from __future__ import annotations

import struct

import numpy as np
import pyarrow as pa

from capi2kit.binxml.fragments import EARLIEST
from capi2kit.binxml.values import ARRAY, BINXML, FILETIME, STRING, value_text
from capi2kit.columns.coded import NONE
from capi2kit.loaders.evtx.columnar.block import Block
from capi2kit.loaders.evtx.columnar.templates import Group
from capi2kit.loaders.evtx.columnar.words import Words

_WHOLE_NUMBERS = {0x08: "<u4", 0x0A: "<u8"}  # of a type that has too many values to make texts of them
_TICK = 100  # nanoseconds


def is_present(group: Group, slot: int) -> np.ndarray:
    """Which records have a value in a slot, other than a fragment."""
    if slot >= len(group.kind):
        return np.zeros(len(group.form), bool)
    kind = group.kind[slot]
    return (kind != 0) & (kind != BINXML) & (group.size[slot] > 0)


def _different(small: np.ndarray) -> list[int]:
    """The different values of an array of types or sizes."""
    if len(small) and (small == small[0]).all():
        return [int(small[0])]
    return np.flatnonzero(np.bincount(small)).tolist()


def numbers_of(block: Block, group: Group, *, slot: int, kind: str) -> np.ndarray | None:
    """The values of a slot as whole numbers, of a time as nanoseconds since 1970; None if it holds anything else."""
    present = np.flatnonzero(is_present(group, slot))
    kinds = _different(group.kind[slot, present]) if len(present) else []
    if kind == "time" and kinds == [FILETIME]:
        return (block.u8[group.start[slot, present]].astype("int64") - EARLIEST) * _TICK
    if kind == "int" and len(kinds) == 1 and kinds[0] in _WHOLE_NUMBERS:
        values = (block.u4 if kinds[0] == 0x08 else block.u8)[group.start[slot, present]]
        return None if (values >= 1 << 63).any() else values.astype("int64")
    return None


def codes_of(block: Block, group: Group, *, slot: int, words: Words, odd: np.ndarray) -> np.ndarray:
    """The codes of the texts of a slot, NONE where there is no value. An array is left to the slow way."""
    present = is_present(group, slot)
    codes = np.full(len(present), NONE, "int32")
    if not present.any():
        return codes
    kind, size, start = group.kind[slot], group.size[slot], group.start[slot]
    for one in _different(kind[present]):
        here = np.flatnonzero(present & (kind == one))
        if one & ARRAY:
            odd[group.instances.record[here]] = True
        elif one == STRING:
            codes[here] = words.add_runs(block, start[here], letters=size[here] // 2)
        else:
            for width in _different(size[here]):
                some = here[size[here] == width]
                codes[some], bad = _codes_of_pieces(block.pieces(start[some], width=width), kind=one, words=words)
                odd[group.instances.record[some[bad]]] = True
    return codes


def _codes_of_pieces(pieces: np.ndarray, *, kind: int, words: Words) -> tuple[np.ndarray, np.ndarray]:
    """The codes of values that have the same type and size; and which of them are no values of that type."""
    width = pieces.dtype.itemsize
    if (pieces == pieces[0]).all():
        texts, which = [_text(kind, pieces[0].tobytes())], np.zeros(len(pieces), "int64")
    else:
        raw = pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), len(pieces), [None, pa.py_buffer(pieces)])
        found = raw.dictionary_encode()
        texts = [_text(kind, one) for one in found.dictionary.to_pylist()]
        which = found.indices.to_numpy()
    bad = np.array([text is None for text in texts], bool)
    return words.add_texts(texts)[which], bad[which]


def _text(kind: int, raw: bytes) -> str | None:
    try:
        return value_text(kind, raw)
    except (ValueError, IndexError, struct.error):
        return None
