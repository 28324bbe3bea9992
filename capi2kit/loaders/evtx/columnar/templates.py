"""Templates: what nearly every record consists of: a form with numbered slots, and the values for them.

A definition is parsed by `binxml`, once for all chunks that have it byte by byte at the same place. Records with the same form are one
group, whatever their chunk; in a group each slot is one array of values.

    record    0f 01 01 00   0c 01 <guid> <definition>   [definition]   20   <size type 00> x 20   values …   00
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from capi2kit.binxml import BinXmlError, Decoder, Template
from capi2kit.binxml.fragments import EARLIEST, LATEST
from capi2kit.binxml.values import ANSI, ARRAY, FILETIME, KNOWN, STRING, STRINGS, WIDTHS
from capi2kit.loaders.evtx.columnar.block import Block
from capi2kit.loaders.evtx.recordids import CHUNK

_HEADER = 0x0001010F
_INSTANCE = 0x0C
_HEAD = 24  # bytes of a definition before its fragment
_FIRST = 512
_MOST = 512  # definitions remembered
_SID = 0x13
_KNOWN = np.zeros(256, bool)
_KNOWN[[*KNOWN]] = True
_WIDTHS = np.zeros(256, "int64")
_WIDTHS[list(WIDTHS)] = list(WIDTHS.values())


class Instances(NamedTuple):
    """Where template instances are: the number of the record, its chunk, and where the fragment begins and must end."""

    record: np.ndarray
    chunk: np.ndarray
    begin: np.ndarray
    end: np.ndarray

    def some(self, which: np.ndarray) -> Instances:
        """Some of the instances."""
        return Instances(*(values[which] for values in self))


class Group(NamedTuple):
    """Instances with as many slots: the number of the form of each, and for each slot where its value begins, its size and its type
    (in rows: one row is one slot)."""

    form: np.ndarray
    instances: Instances
    start: np.ndarray
    size: np.ndarray
    kind: np.ndarray

    def some(self, which: np.ndarray) -> Group:
        """Some of the instances."""
        return Group(
            self.form[which],
            self.instances.some(which),
            self.start[:, which],
            self.size[:, which],
            self.kind[:, which],
        )


class _Definition(NamedTuple):
    """A definition as parsed: the number of its form, and the names that are written elsewhere in its chunk."""

    form: int
    elsewhere: tuple[tuple[int, bytes], ...]


class Templates:
    """The definitions and forms met so far, in any block. `forms[number]` is a form."""

    def __init__(self) -> None:
        self._definitions: dict[tuple[int, bytes], _Definition | None] = {}
        self.forms: list[Template] = []
        self._numbers: dict[str, int] = {}

    def groups(self, block: Block, instances: Instances, *, odd: np.ndarray) -> Iterator[Group]:
        """The instances by form; `odd` becomes true for records in which there is no form, or whose values do not fit it."""
        record_of, chunk, at, end = instances
        definition = chunk + block.u4[at + 10]
        sound = (block.u4[at] == _HEADER) & (block.u1[at + 4] == _INSTANCE) & (at + 14 < end)
        sound &= (definition <= chunk + CHUNK - _HEAD) & (definition >= chunk + _FIRST)
        safe = np.where(sound, definition, at)
        sound &= block.u4[safe + 4] == block.u4[at + 6]
        values = at + 14
        length = block.u4[safe + 20].astype("int64")
        values = np.where(safe == values, values + _HEAD + length, values)
        sound &= values + 4 <= end
        values = np.where(sound, values, at)
        count = block.u4[values].astype("int64")
        sound &= values + 4 + 4 * count <= end
        odd[record_of[~sound]] = True
        places, which = np.unique(safe[sound], return_inverse=True)
        known = [self._at(block, place) for place in places.tolist()]
        form = np.array([one.form if one else -1 for one in known], "int64")[which] if known else which
        here = np.flatnonzero(sound)
        odd[record_of[here[form < 0]]] = True
        here, form = here[form >= 0], form[form >= 0]
        needed = np.array([template.slots for template in self.forms], "int64")
        enough = needed[form] <= count[here]
        odd[record_of[here[~enough]]] = True
        here, form = here[enough], form[enough]
        for slots in np.unique(count[here]).tolist():
            mine = count[here] == slots
            some = here[mine]
            yield _group(block, instances.some(some), values=values[some], form=form[mine], slots=slots, odd=odd)

    def _at(self, block: Block, place: int) -> _Definition | None:
        """The definition at a place of the block; None if it is left to the slow way."""
        begin = place // CHUNK * CHUNK
        raw = memoryview(block.raw)[begin : begin + CHUNK]
        offset = place - begin
        stop = offset + _HEAD + struct.unpack_from("<I", raw, offset + 20)[0]
        if stop > CHUNK:
            return None
        key = (offset, bytes(raw[offset + 4 : stop]))
        known = self._definitions.get(key)
        if known is None and key not in self._definitions:
            if len(self._definitions) >= _MOST:
                self._definitions.clear()
            known = self._definitions[key] = self._parsed(bytes(raw), offset, stop=stop)
        if known and all(raw[at : at + len(name)] == name for at, name in known.elsewhere):
            return known
        return self._parsed(bytes(raw), offset, stop=stop) if known else None

    def _parsed(self, chunk: bytes, offset: int, *, stop: int) -> _Definition | None:
        decoder = Decoder(chunk)
        try:
            template = decoder.template(offset)
        except BinXmlError:
            return None
        if template.odd or decoder.fragments.misspelt:
            return None
        form = self._numbers.setdefault(repr(template), len(self.forms))
        if form == len(self.forms):
            self.forms.append(template)
        outside = [at for at in decoder.fragments.names if not offset <= at < stop]
        elsewhere = tuple((at + 4, chunk[at + 4 : at + 10 + 2 * _length(chunk, at)]) for at in outside)
        return _Definition(form, elsewhere)


def _length(chunk: bytes, at: int) -> int:
    return int(struct.unpack_from("<H", chunk, at + 6)[0])


def _group(
    block: Block, instances: Instances, *, values: np.ndarray, form: np.ndarray, slots: int, odd: np.ndarray
) -> Group:
    """The group of these instances, whose values are announced at `values`."""
    at = values
    descriptor = block.rows(at + 4, count=slots).T
    size, kind = (descriptor & 0xFFFF).astype("int64", order="C"), (descriptor >> 16).astype("u1", order="C")
    start, after = np.empty(size.shape, "int64"), at + 4 + 4 * slots
    for slot in range(slots):
        start[slot] = after
        after = after + size[slot]
    fits = after <= instances.end
    fits &= (after == instances.end) | (block.u1[np.where(fits, after, at)] == 0)
    fits &= ~_are_odd(block, start, size=size, kind=kind, fits=fits)
    odd[instances.record[~fits]] = True
    group = Group(form, instances, start, size, kind)
    return group if fits.all() else group.some(fits)


def _are_odd(block: Block, start: np.ndarray, *, size: np.ndarray, kind: np.ndarray, fits: np.ndarray) -> np.ndarray:
    """In which records readers differ over a value: see `binxml.Fragments.odd`. Texts are judged when they are read."""
    odd = np.zeros(size.shape[1], bool)
    if not len(odd):
        return odd
    alike = (size == size[:, :1]).all(axis=1) & (kind == kind[:, :1]).all(axis=1)
    odd |= _is_odd_size(size[alike, 0], kind[alike, 0]).any()  # of most slots one value is like the other
    for slot in np.flatnonzero(~alike).tolist():
        odd |= _is_odd_size(size[slot], kind[slot])
    for slot in np.flatnonzero((kind == FILETIME).any(axis=1)).tolist():
        here = np.flatnonzero((kind[slot] == FILETIME) & (size[slot] > 0) & fits & ~odd)
        ticks = block.u8[start[slot, here]]
        odd[here] |= (ticks < EARLIEST) | (ticks >= LATEST)
    for slot in np.flatnonzero((kind == _SID).any(axis=1)).tolist():
        here = np.flatnonzero((kind[slot] == _SID) & (size[slot] > 0) & fits)
        odd[here] |= size[slot, here] < 8 + 4 * block.u1[start[slot, here] + 1].astype("int64")
    return odd


def _is_odd_size(size: np.ndarray, kind: np.ndarray) -> np.ndarray:
    """Values of a type that nobody knows, or of another size than their type has."""
    width = _WIDTHS[kind]
    odd = (width > 0) & (size != width) | (kind == ANSI) | (kind == STRING) & (size % 2 == 1)
    odd |= (kind & ARRAY > 0) & (kind != STRINGS) | ~_KNOWN[kind]
    return odd & (size > 0)
