"""Fragments: the payloads of all records of a block, walked level by level, and on each level in step.

    level 0   CertGetCertificateChain of every record
    level 1   step 0: the first element in each of them; step 1: the second ...
    level 2   the same in all elements of level 1, whatever record they are in

An element says how long it is; so the next one is found without looking into it. That its content ends there is proven when its own
level is walked. So every byte is accounted for, or the record is `odd` and left to the slow way. A text that is more than one run of
letters, such as one with an entity, is read by `runs`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from capi2kit.columns.keys import repeated
from capi2kit.loaders.evtx.columnar.block import Block
from capi2kit.loaders.evtx.columnar.found import Elements, Found
from capi2kit.loaders.evtx.columnar.lists import AttributeValues, Lists, Twice, behind_name
from capi2kit.loaders.evtx.columnar.names import UNKNOWN, NamesOfBlock
from capi2kit.loaders.evtx.recordids import CHUNK
from capi2kit.winevent.contexts import NOTHING, Contexts

_MORE = 0xBF  # a token without its mark for "more follows"
_ELEMENT, _ATTRIBUTE = 0x01, 0x06
_WITH_ATTRIBUTES = 0x41
_CLOSE_START, _CLOSE_EMPTY, _END = 0x02, 0x03, 0x04
_LOW = np.uint64(0xFFFFFFFF)  # four bytes of eight
_SIMPLE = 0x0105  # a text, its type (string) behind it
_HEADER = 0x0001010F
_DEEPEST = 48
_FEW, _PATIENCE = 32, 256  # so few elements with so many parts are left to the slow way
_ONE, _BITS = np.uint64(1), 63  # of the 64 bits of a number


class Payloads(NamedTuple):
    """Where the payload of each record is: the record's number, its chunk, begin and end; and the context that it is in."""

    record: np.ndarray
    chunk: np.ndarray
    begin: np.ndarray
    end: np.ndarray
    context: np.ndarray

    def some(self, which: np.ndarray) -> Payloads:
        """Some of them."""
        return Payloads(*(values[which] for values in self))


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
        at, stop, row = at[sound], stop[sound], record + self._found.base
        name, has_attributes = chunk + block.u4[at + 5], block.u1[at] == _WITH_ATTRIBUTES
        roots = Elements(record, chunk, context, row, at, stop, name, has_attributes)
        return self._entered(roots, parent=np.arange(len(record)), turns=[len(record)])

    def _entered(self, level: Elements, *, parent: np.ndarray, turns: list[int]) -> Elements:
        """The elements with their own contexts and rows, where `level` has those of their parents.

        `turns`: how many of them are first children, how many second ones, and so on.
        """
        contexts = self._contexts
        number = self._names.numbers(level.name, level.chunk)
        contexts.make_room()
        context = contexts.children(level.context, number)
        second = self._second_ones(parent, context, turns=turns)
        context[second] = contexts.again(context[second])
        known = (number != UNKNOWN) & (context != NOTHING)
        if not known.all():
            self._odd[level.record[~known]] = True
            level, number, context = level.some(known), number[known], context[known]
        met = np.flatnonzero(np.bincount(context, minlength=1))
        if (contexts.tags(met) != NOTHING).any():
            self._found.add_names(contexts.tags(context), level, number=number)
        if contexts.is_unclear(met).any():
            self._odd[level.record[contexts.is_unclear(context)]] = True
        return self._found.with_rows(level._replace(context=context), met=met)

    def _second_ones(self, parent: np.ndarray, context: np.ndarray, *, turns: list[int]) -> np.ndarray:
        """Which elements are not the first of their context in the element that they are in."""
        bits = self._contexts.bits(context)
        met = np.zeros(int(parent.max(initial=-1)) + 1, "u8")
        suspected = np.zeros(len(met), bool)
        begin = 0
        for count in turns:
            turn = slice(begin, begin + count)
            begin += count
            before = met[parent[turn]]
            clash = before & bits[turn]
            if clash.any():
                suspected[parent[turn][clash != 0]] = True
            met[parent[turn]] = before | bits[turn]
        some = np.flatnonzero(suspected[parent])
        return some[repeated(parent[some] * len(self._contexts) + context[some])]

    def _read_attributes(self, level: Elements) -> tuple[Elements, np.ndarray]:
        """Take the attributes of all elements; returns the elements that are sound so far, and where their content begins."""
        block = self._block
        content, broken = behind_name(block, level.name, at=level.at + 9, stop=level.stop)
        here = np.flatnonzero(level.has_attributes & ~broken)
        at = content[here]
        head = block.u8[at]  # the length of the list, and its first token
        end = at + 4 + (head & _LOW).astype("int64")
        fits = end < level.stop[here]
        if not fits.all():
            broken[here[~fits]] = True
            here, at, end, head = here[fits], at[fits], end[fits], head[fits]
        content[here], at = end, at + 4
        lists = Lists(here, level.chunk[here], level.context[here], level.row[here], at, end)
        lists = lists.without((head >> 32) & _MORE != _ATTRIBUTE, broken, only=at < end)
        met, twice = np.zeros(len(level.at), "u8"), Twice()
        for turn in range(CHUNK):
            lists = lists.unfinished()
            if not len(lists.at) or (turn > _PATIENCE and len(lists.at) < _FEW):
                break
            head = block.u8[
                lists.at + 1
            ]  # where its name is and, unless the name itself follows, the head of its value
            name, head = lists.chunk + (head & _LOW).astype("int64"), head >> 32
            number = self._names.numbers(name, lists.chunk)
            value, bad = behind_name(block, name, at=lists.at + 5, stop=lists.end + 1)
            moved = np.flatnonzero(value != lists.at + 5)
            head[moved] = block.u4[value[moved]]
            bad |= number == UNKNOWN
            if bad.any():
                lists, number, value, head = lists.without(bad, broken), number[~bad], value[~bad], head[~bad]
            self._contexts.make_room()
            target = self._contexts.attributes(lists.context, number)
            twice.note(lists.here, number, bit=_ONE << (target & _BITS).astype("u8"), met=met)
            values = AttributeValues(target, value, head)
            lists = lists._replace(at=self._read_values(lists, level, values=values, broken=broken))
        broken[np.concatenate([lists.here, twice.elements()])] = True  # those that are left have too many
        if broken.any():
            self._odd[level.record[broken]] = True
            level, content = level.some(~broken), content[~broken]
        return level, content

    def _read_values(self, lists: Lists, level: Elements, *, values: AttributeValues, broken: np.ndarray) -> np.ndarray:
        """Take the value of one attribute of each element; returns where the next one begins."""
        block, (target, at, head) = self._block, values
        letters = (head >> 16).astype("int64")
        after = at + 4 + 2 * letters
        token = block.u1[np.minimum(after, lists.end)] & _MORE
        simple = (head & 0xFFFF == _SIMPLE) & (((token == _ATTRIBUTE) & (after < lists.end)) | (after == lists.end))
        if not simple.all():
            odd = np.flatnonzero(~simple)
            here, end = lists.here[odd], lists.end[odd]
            read = self._found.add_read(level.some(here), at[odd], target=target[odd], names=self._names)
            wrong = (read < 0) | (read > end)
            after[odd] = np.where(wrong, end, read)
            wrong |= (after[odd] < end) & (block.u1[after[odd]] & _MORE != _ATTRIBUTE)
            broken[here[wrong]] = True
            after[odd[wrong]] = end[wrong]
        self._found.add_runs(target, lists.row, start=at + 4, letters=letters, simple=simple)
        return after

    def _read_texts(self, level: Elements, content: np.ndarray) -> tuple[Elements, np.ndarray]:
        """Take the text of each element that holds nothing else; returns the elements that may hold elements, and where these begin."""
        block = self._block
        head = block.u8[content]
        closing, token = head & 0xFF, (head >> 8) & 0xFF
        empty = closing == _CLOSE_EMPTY
        broken = empty & (content + 1 != level.stop)
        broken |= ~empty & ((closing != _CLOSE_START) | (content + 2 > level.stop))
        opened = ~empty & ~broken
        holds = opened & ((token & _MORE == _ELEMENT) | (token == _END))
        here = np.flatnonzero(opened & ~holds)
        at, stop = content[here] + 1, level.stop[here]
        target = self._contexts.texts(level.context[here])
        head = (head[here] >> 8) & _LOW
        letters = (head >> 16).astype("int64")
        simple = (head & 0xFFFF == _SIMPLE) & (at + 5 + 2 * letters == stop) & (block.u1[stop - 1] == _END)
        odd = np.flatnonzero(~simple)
        if len(odd):
            read = self._found.add_read(level.some(here[odd]), at[odd], target=target[odd], names=self._names)
            ends = (read >= 0) & (read + 1 == stop[odd]) & (block.u1[stop[odd] - 1] == _END)
            broken[here[odd[~ends]]] = True
        self._found.add_runs(target, level.row[here], start=at + 4, letters=letters, simple=simple)
        if broken.any():
            self._odd[level.record[broken]] = True
        holds = np.flatnonzero(holds)
        return level.some(holds), content[holds] + 1

    def _children(self, level: Elements, at: np.ndarray) -> Elements:
        """The elements in all elements of a level, in the order of each."""
        block, broken = self._block, np.zeros(len(level.at), bool)
        here, stop = np.arange(len(level.at)), level.stop
        places, parents, stops, heads = [at[:0]], [here[:0]], [at[:0]], [block.u8[:0]]
        for turn in range(CHUNK):
            token, head = block.u1[at], block.u8[at + 1]  # its length, and where its name is
            after = at + 5 + (head & _LOW).astype("int64")
            fits = (token & _MORE == _ELEMENT) & (after < stop)
            if not fits.all():
                ends = ~fits & (token == _END) & (at + 1 == stop)
                broken[here[~fits & ~ends]] = True
                goes_on = np.flatnonzero(fits)
                here, at, after, stop, head = (values[goes_on] for values in (here, at, after, stop, head))
            if not len(here) or (turn > _PATIENCE and len(here) < _FEW):
                break
            places.append(at)
            parents.append(here)
            stops.append(after)
            heads.append(head)
            at = after
        broken[here] = True
        parent, at, stop = np.concatenate(parents), np.concatenate(places), np.concatenate(stops)
        if broken.any():  # what was found in them does no harm
            self._odd[level.record[broken]] = True
        above = [level.record, level.chunk, level.context, level.row]
        record, chunk, context, row = (values[parent] for values in above)
        name, has_attributes = chunk + (np.concatenate(heads) >> 32).astype("int64"), block.u1[at] == _WITH_ATTRIBUTES
        elements = Elements(record, chunk, context, row, at, stop, name, has_attributes)
        return self._entered(elements, parent=parent, turns=list(map(len, parents)))
