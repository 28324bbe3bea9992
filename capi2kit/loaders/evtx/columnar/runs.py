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
from capi2kit.loaders.evtx.columnar.names import NamesOfBlock
from capi2kit.loaders.evtx.columnar.words import Words

_MORE = 0xBF
_TEXT, _ENTITY = 0x05, 0x09
_OTHERS = (0x07, 0x08, 0x0A, 0x0B, 0x0C, 0x0D, 0x0E)  # what else may be in a text: left to the slow way
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
    pieces = Words()
    codes: list[np.ndarray] = []
    here = np.arange(len(at))
    for _ in range(_MOST):
        token = np.where(at[here] < stop[here], block.u1[at[here]] & _MORE, 0)
        good[here[np.isin(token, _OTHERS)]] = False
        code = np.full(len(at), NONE, "int32")
        _take_letters(block, here[token == _TEXT], at=at, stop=stop, good=good, code=code, pieces=pieces)
        _take_entities(block, here[token == _ENTITY], at=at, chunk=chunk, good=good, code=code, found=(names, pieces))
        here = here[((token == _TEXT) | (token == _ENTITY)) & good[here]]
        if not len(here):
            break
        codes.append(code)
    good[here] = False
    odd = pieces.is_odd()
    for code in codes:
        good &= ~odd[code]
    return ReadTexts(np.where(good, at, NONE), _joined(codes, pieces, good=good, words=words))


def _take_letters(
    block: Block,
    here: np.ndarray,
    *,
    at: np.ndarray,
    stop: np.ndarray,
    good: np.ndarray,
    code: np.ndarray,
    pieces: Words,
) -> None:
    """The next piece of some texts is a run of letters."""
    start, letters = at[here] + 4, block.u2[at[here] + 2].astype("int64")
    fits = (start + 2 * letters <= stop[here]) & (block.u1[at[here] + 1] == _STRING)
    good[here[~fits]] = False
    some = fits & (letters > 0)
    code[here[some]] = pieces.add_runs(block, start[some], letters=letters[some])
    at[here[fits]] = start[fits] + 2 * letters[fits]


def _take_entities(
    block: Block,
    here: np.ndarray,
    *,
    at: np.ndarray,
    chunk: np.ndarray,
    good: np.ndarray,
    code: np.ndarray,
    found: tuple[NamesOfBlock, Words],
) -> None:
    """The next piece of some texts is an entity."""
    if not len(here):
        return
    names, pieces = found
    place = chunk[here] + block.u4[at[here] + 1]
    number = names.numbers(place, chunk[here])
    used, which = np.unique(number, return_inverse=True)
    texts = [ENTITIES.get(names.names.texts[one]) for one in used.tolist()]
    code[here] = pieces.add_texts(texts)[which]
    good[here[code[here] == NONE]] = False
    after = at[here] + 5
    written = place == after
    after[written] += 10 + 2 * block.u2[after[written] + 6].astype("int64")
    at[here] = after


def _joined(codes: list[np.ndarray], pieces: Words, *, good: np.ndarray, words: Words) -> np.ndarray:
    """The codes of the whole texts."""
    if not codes:
        return np.full(len(good), NONE, "int32")
    found = pieces.all_words()
    parts = [found.take(pa.array(code, mask=code < 0)) for code in codes]
    separator = pa.scalar("", pa.large_string())
    options = {"null_handling": "replace", "null_replacement": ""}
    whole = pc.binary_join_element_wise(*parts, separator, **options).dictionary_encode()
    code = words.add_texts(whole.dictionary.to_pylist())[whole.indices.to_numpy()]
    return np.where(good, code, NONE)
