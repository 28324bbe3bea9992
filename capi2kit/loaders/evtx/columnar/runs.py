"""Runs: texts that are more than one run of letters, such as `OU="(c) 2006"`: letters, an entity, letters, all of them in step.

45 01 03 00 O U =   49 <quot>   45 01 08 00 ( c )   2 0 0 6   09 <quot>          step 0: O U =   step 1: "   and so on
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from capi2kit.binxml.fragments import ENTITIES
from capi2kit.columns.coded import NONE
from capi2kit.loaders.evtx.columnar.block import Block
from capi2kit.loaders.evtx.columnar.names import UNKNOWN, NamesOfBlock
from capi2kit.loaders.evtx.columnar.words import Words

_MORE = 0xBF
_TEXT, _ENTITY = 0x05, 0x09
_IS_OTHER = np.isin(
    np.arange(256), (0x07, 0x08, 0x0A, 0x0B, 0x0C, 0x0D, 0x0E)
)  # what else may be in a text: left to the slow way
_STRING = 1
_MOST = 64  # pieces of a text


class ReadTexts(NamedTuple):
    """Texts as read: where each ends, -1 for one that is left to the slow way; and its code, NONE for an empty one."""

    end: np.ndarray
    code: np.ndarray


def read_texts(
    block: Block, at: np.ndarray, *, chunk: np.ndarray, stop: np.ndarray, names: NamesOfBlock, words: Words
) -> ReadTexts:
    """Read the texts that begin at these places and end before `stop`."""
    at, good = at.copy(), np.ones(len(at), bool)
    pieces = _Pieces()
    here = np.arange(len(at))
    for _ in range(_MOST):
        token = np.where(at[here] < stop[here], block.u1[at[here]] & _MORE, 0)
        good[here[_IS_OTHER[token]]] = False
        letters, entities = (token == one for one in (_TEXT, _ENTITY))
        pieces.letters.append(_next_letters(block, here[letters], at=at, stop=stop, good=good))
        pieces.entities.append(_next_entities(block, here[entities], at=at, chunk=chunk, good=good, names=names))
        here = here[(letters | entities) & good[here]]
        if not len(here):
            break
    good[here] = False
    code = pieces.joined(block, names.names.texts, good=good, words=words)
    return ReadTexts(np.where(good, at, NONE), code)


def _next_letters(
    block: Block, here: np.ndarray, *, at: np.ndarray, stop: np.ndarray, good: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Of texts whose next piece is a run of letters: the text, where the run begins, and how many letters it has."""
    start, letters = at[here] + 4, block.u2[at[here] + 2].astype("int64")
    fits = (start + 2 * letters <= stop[here]) & (block.u1[at[here] + 1] == _STRING)
    if not fits.all():
        good[here[~fits]] = False
        here, start, letters = here[fits], start[fits], letters[fits]
    at[here] = start + 2 * letters
    return here, start, letters


def _next_entities(
    block: Block, here: np.ndarray, *, at: np.ndarray, chunk: np.ndarray, good: np.ndarray, names: NamesOfBlock
) -> tuple[np.ndarray, ...]:
    """Of texts whose next piece is an entity: the text, and the number of its name."""
    if not len(here):
        return here, here
    place = chunk[here] + block.u4[at[here] + 1]
    number = names.numbers(place, chunk[here])
    good[here[number == UNKNOWN]] = False
    after = at[here] + 5
    written = np.flatnonzero(place == after)
    after[written] += 10 + 2 * block.u2[after[written] + 6].astype("int64")
    at[here] = after
    return here, number


class _Pieces:
    """The pieces of some texts, turn by turn; what they say is read when all of them are known."""

    def __init__(self) -> None:
        self.letters: list[tuple[np.ndarray, ...]] = []
        self.entities: list[tuple[np.ndarray, ...]] = []

    def joined(self, block: Block, names: list[str], *, good: np.ndarray, words: Words) -> np.ndarray:
        """The codes of the whole texts. `good` becomes false for those with an odd piece, or with an entity that nobody knows."""
        pieces, codes = Words(), np.full((len(self.letters), len(good)), NONE)
        turn, (text, start, letters) = _all(self.letters)
        some = letters > 0
        codes[turn[some], text[some]] = pieces.add_runs(block, start[some], letters=letters[some])
        turn, (text, number) = _all(self.entities)
        used = np.flatnonzero(np.bincount(number))
        known = pieces.add_texts([ENTITIES.get(names[one]) for one in used.tolist()])
        codes[turn, text] = known[np.searchsorted(used, number)]
        good[text[codes[turn, text] == NONE]] = False
        good &= ~pieces.is_odd()[codes].any(axis=0)
        found = pieces.all_words()
        parts = [found.take(pa.array(row, mask=row < 0)) for row in codes]
        options = {"null_handling": "replace", "null_replacement": ""}
        whole = pc.binary_join_element_wise(*parts, pa.scalar("", pa.large_string()), **options).dictionary_encode()
        code = words.add_texts(whole.dictionary.to_pylist())[whole.indices.to_numpy()]
        return np.where(good, code, NONE)


def _all(turns: list[tuple[np.ndarray, ...]]) -> tuple[np.ndarray, list[np.ndarray]]:
    """The pieces of all turns, and the turn of each."""
    number = np.repeat(np.arange(len(turns)), [len(texts) for texts, *_ in turns])
    return number, [np.concatenate(parts) for parts in zip(*turns, strict=True)]
