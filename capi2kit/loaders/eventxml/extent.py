"""Extent: which lines of a text are events as rows of JSON or of a table. Those as XML are found by their tags, by `pasted`."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import accumulate

from capi2kit.loaders.eventxml.rows import is_event, is_event_head
from capi2kit.loaders.eventxml.sheets import names_of

_BEGINS = ("{", "[", '"<')
_JSON = re.compile(r'\s*+(?:\{\s*+"|\[\s*+[{"]|"<)')
_TRIED = 1000  # beginnings of JSON that are none, before no more are looked for


def own_lines(texts: Sequence[str]) -> list[range]:
    """The lines of rows, as ranges in their order."""
    begins = [0, *accumulate(len(text) + 1 for text in texts)]
    whole = "\n".join(texts)
    found: list[range] = []
    at = tried = 0
    while at < len(texts):
        end = at
        if tried < _TRIED and texts[at].lstrip().startswith(_BEGINS) and _JSON.match(whole, begins[at]):
            end = _json_end(whole, begins, at=at)
            tried += end == at
        elif is_event_head(names_of(texts[at])[0]):
            end = at + 1
            while end < len(texts) and texts[end].strip():
                end += 1
        if end > at:
            found.append(range(at, end))
        at = max(end, at + 1)
    return found


def _json_end(whole: str, begins: Sequence[int], *, at: int) -> int:
    """The line behind a row of JSON that begins on a line; the line itself if none does, or if it is no event."""
    place = begins[at]
    while whole[place].isspace():
        place += 1
    try:
        value, end = json.JSONDecoder().raw_decode(whole, place)
        holds = is_event(value)
    except (ValueError, RecursionError):
        return at
    if not holds:
        return at
    while at + 1 < len(begins) and begins[at] < end:
        at += 1
    return at
