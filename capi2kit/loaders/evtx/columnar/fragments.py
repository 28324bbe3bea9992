"""Fragments: the payloads of all records of a block, walked level by level, and on each level in step.

    level 0   CertGetCertificateChain of every record
    level 1   step 0: the first element in each of them; step 1: the second ...
    level 2   the same in all elements of level 1, whatever record they are in

An element says how long it is; so the next one is found without looking into it. That its content ends there is proven when its own
level is walked. So every byte is accounted for, or the record is `odd` and left to the slow way. A text that is more than one run of
letters, such as one with an entity, is read by `binxml`: this text alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from capi2kit.columns.keys import repeated
from capi2kit.loaders.evtx.columnar.block import Block
from capi2kit.loaders.evtx.columnar.found import Elements, Found
from capi2kit.loaders.evtx.columnar.names import UNKNOWN, NamesOfBlock
from capi2kit.loaders.evtx.recordids import CHUNK
from capi2kit.winevent.contexts import NOTHING, Contexts

_MORE = 0xBF  # a token without its mark for "more follows"
_ELEMENT, _ATTRIBUTE = 0x01, 0x06
_WITH_ATTRIBUTES = 0x41
_CLOSE_START, _CLOSE_EMPTY, _END = 0x02, 0x03, 0x04
_SIMPLE = 0x0105  # a text, its type (string) behind it
_HEADER = 0x0001010F
_DEEPEST = 48
_FEW, _PATIENCE = 32, 256  # so few elements with so many parts are left to the slow way
_BITS = 64


class Payloads(NamedTuple):
    """Where the payload of each record is: the record's number, its chunk, begin and end; and the context that it is in."""

    record: np.ndarray
    chunk: np.ndarray
    begin: np.ndarray
    end: np.ndarray
    context: np.ndarray


class Walk:
    """One walk through the payloads of a block. What is found goes to `found`; `odd[record]` becomes true for what is not plain."""

    def __init__(self, block: Block, contexts: Contexts, *, names: NamesOfBlock, found: Found, odd: np.ndarray) -> None:
        self._block = block
        self._contexts = contexts
        self._names = names
        self._found = found
        self._odd = odd

    def through(self, payloads: Payloads) -> None:
        """Walk them all."""
        level = self._roots(payloads)
        for _ in range(_DEEPEST):
            if not len(level.at):
                return
            level, content = self._read_attributes(level)
            level, content = self._read_texts(level, content)
            level = self._children(level, content)
        self._odd[level.record] = True

    def _roots(self, payloads: Payloads) -> Elements:
        block, at = self._block, payloads.begin
        at = np.where(block.u4[at] == _HEADER, at + 4, at)
        stop = at + 5 + block.u4[at + 1]
        sound = (block.u1[at] & _MORE == _ELEMENT) & (stop <= payloads.end)
        sound &= (stop == payloads.end) | (block.u1[np.where(sound, stop, at)] == 0)
        self._odd[payloads.record[~sound]] = True
        record, chunk, _, _, context = (values[sound] for values in payloads)
        roots = Elements(record, chunk, context, record, at[sound], stop[sound])
        return self._entered(roots, parent=np.arange(len(record)))

    def _entered(self, level: Elements, *, parent: np.ndarray) -> Elements:
        """The elements with their own contexts and rows, where `level` has those of their parents."""
        number = self._names.numbers(level.chunk + self._block.u4[level.at + 5], level.chunk)
        self._contexts.make_room()
        known = number != UNKNOWN
        if not known.all():
            self._odd[level.record[~known]] = True
            level, number, parent = level.some(known), number[known], parent[known]
        context = self._contexts.children(level.context, number)
        if (context == NOTHING).any():
            known = context != NOTHING
            self._odd[level.record[~known]] = True
            level, number, parent, context = level.some(known), number[known], parent[known], context[known]
        second = repeated(parent * len(self._contexts) + context)
        if second.any():
            context = np.where(second, self._contexts.again(context), context)
        tag = self._contexts.tags(context)
        self._found.add_names(tag, level, number=number)
        self._odd[level.record[self._contexts.is_unclear(context)]] = True
        return self._found.with_rows(level._replace(context=context))

    def _read_attributes(self, level: Elements) -> tuple[Elements, np.ndarray]:
        """Take the attributes of all elements; returns the elements that are sound so far, and where their content begins."""
        block = self._block
        content, broken = self._behind_name(level.chunk + block.u4[level.at + 5], level.at + 9, stop=level.stop)
        here = np.flatnonzero((block.u1[level.at] == _WITH_ATTRIBUTES) & ~broken)
        end = content[here] + 4 + block.u4[content[here]]
        fits = end < level.stop[here]
        broken[here[~fits]] = True
        here, end = here[fits], end[fits]
        at, content[here] = content[here] + 4, end
        met = np.zeros(len(level.at), "u8")
        suspected, numbers = [np.empty(0, "int64")], [(here[:0], here[:0])]
        for turn in range(CHUNK):
            goes_on = at < end
            here, at, end = here[goes_on], at[goes_on], end[goes_on]
            if not len(here) or (turn > _PATIENCE and len(here) < _FEW):
                break
            chunk = level.chunk[here]
            name = chunk + block.u4[at + 1]
            number = self._names.numbers(name, chunk)
            value, bad = self._behind_name(name, at + 5, stop=end + 1)
            bad |= (number == UNKNOWN) | (block.u1[at] & _MORE != _ATTRIBUTE)
            if bad.any():
                broken[here[bad]] = True
                here, value, end, number = here[~bad], value[~bad], end[~bad], number[~bad]
            bit = np.uint64(1) << (number % _BITS).astype("u8")
            suspected.append(here[(met[here] & bit) != 0])
            met[here] |= bit
            numbers.append((here, number))
            at = self._read_value(level, here, value, end=end, number=number, broken=broken)
        broken[here] = True  # those that were left in the end
        broken[_twice(np.concatenate(suspected), numbers)] = True
        return self._sound(level, content, broken)

    def _read_value(
        self,
        level: Elements,
        here: np.ndarray,
        at: np.ndarray,
        *,
        end: np.ndarray,
        number: np.ndarray,
        broken: np.ndarray,
    ) -> np.ndarray:
        """Take the value of one attribute of each element; returns where the next one begins."""
        block = self._block
        self._contexts.make_room()
        target = self._contexts.attributes(level.context[here], number)
        letters = block.u2[at + 2].astype("int64")
        after = at + 4 + 2 * letters
        simple = (block.u2[at] == _SIMPLE) & (after <= end)
        token = block.u1[np.where(simple, after, at)] & _MORE
        simple &= (after == end) | (token == _ATTRIBUTE)
        if not simple.all():
            odd = np.flatnonzero(~simple)
            read = self._found.add_read(level.some(here[odd]), at[odd], target=target[odd])
            after[odd] = np.where(read < 0, end[odd], read)
            broken[here[odd[(read < 0) | (after[odd] > end[odd])]]] = True
        self._found.add_runs(level, here, at + 4, letters=letters, target=target, which=simple)
        return after

    def _read_texts(self, level: Elements, content: np.ndarray) -> tuple[Elements, np.ndarray]:
        """Take the text of each element that holds nothing else; returns the elements that may hold elements, and where these begin."""
        block = self._block
        closing = block.u1[content]
        empty = closing == _CLOSE_EMPTY
        broken = (empty & (content + 1 != level.stop)) | (~empty & (closing != _CLOSE_START))
        broken |= ~empty & (content + 2 > level.stop)
        begin = np.where(broken, content, content + 1)
        token = block.u1[begin]
        holds = ~empty & ~broken & ((token & _MORE == _ELEMENT) | (token == _END))
        here = np.flatnonzero(~empty & ~broken & ~holds)
        at, stop = begin[here], level.stop[here]
        letters = block.u2[at + 2].astype("int64")
        after = at + 4 + 2 * letters
        simple = (block.u2[at] == _SIMPLE) & (after + 1 == stop)
        simple &= block.u1[np.where(simple, after, at)] == _END
        target = self._contexts.texts(level.context[here])
        odd = np.flatnonzero(~simple)
        if len(odd):
            read = self._found.add_read(level.some(here[odd]), at[odd], target=target[odd])
            ends = (read >= 0) & (read + 1 == stop[odd])
            ends &= block.u1[np.where(ends, read, at[odd])] == _END
            broken[here[odd[~ends]]] = True
        self._found.add_runs(level, here, at + 4, letters=letters, target=target, which=simple)
        if broken.any():
            self._odd[level.record[broken]] = True
        return level.some(holds), begin[holds]

    def _children(self, level: Elements, at: np.ndarray) -> Elements:
        """The elements in all elements of a level, in the order of each."""
        block, broken = self._block, np.zeros(len(level.at), bool)
        here, stop = np.arange(len(level.at)), level.stop
        places, parents = [at[:0]], [here[:0]]
        for turn in range(CHUNK):
            token = block.u1[at]
            ends = token == _END
            broken[here[ends & (at + 1 != stop)]] = True
            is_element = token & _MORE == _ELEMENT
            after = at + 5 + block.u4[at + 1]
            fits = is_element & (after < stop)
            broken[here[~ends & ~fits]] = True
            here, at, after, stop = here[fits], at[fits], after[fits], stop[fits]
            if not len(here) or (turn > _PATIENCE and len(here) < _FEW):
                break
            places.append(at)
            parents.append(here)
            at = after
        broken[here] = True
        self._odd[level.record[broken]] = True
        parent, at = np.concatenate(parents), np.concatenate(places)
        if broken.any():
            sound = ~broken[parent]
            parent, at = parent[sound], at[sound]
        record, chunk, context, row, _, _ = level.some(parent)
        stop = at + 5 + block.u4[at + 1]
        return self._entered(Elements(record, chunk, context, row, at, stop), parent=parent)

    def _behind_name(self, name: np.ndarray, at: np.ndarray, *, stop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where it goes on behind a pointer to a name: at once, or behind the name, if it is written here. Not before `stop`: broken."""
        written = name == at
        length = self._block.u2[np.where(written, name, at) + 6].astype("int64")
        at = np.where(written, at + 10 + 2 * length, at)
        broken = at >= stop
        return np.where(broken, stop - 1, at), broken

    def _sound(self, level: Elements, content: np.ndarray, broken: np.ndarray) -> tuple[Elements, np.ndarray]:
        if not broken.any():
            return level, content
        self._odd[level.record[broken]] = True
        return level.some(~broken), content[~broken]


def _twice(suspected: np.ndarray, numbers: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Which of the suspected elements have two attributes of one name."""
    if not len(suspected):
        return suspected
    elements, names = map(np.concatenate, zip(*numbers, strict=True))
    which = np.isin(elements, suspected)
    elements, names = elements[which], names[which]
    return elements[repeated(elements * (int(names.max()) + 1) + names)]
