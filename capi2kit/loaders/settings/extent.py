"""Extent: which lines of a text are registry keys with their values, or what netsh prints of WinHTTP."""

from __future__ import annotations

import re
from collections.abc import Sequence

from capi2kit.loaders.settings.lines import ENTRY, KEY, PAIR, QUERIED_KEY, VERSION_4, VERSION_5, heading_of, queried
from capi2kit.loaders.text.labels import column_of, labelled

_LONGEST = 120  # characters of a line of netsh
_BLANKS = 3  # empty lines between a key and its values at most
_PROSE = re.compile(r"(?:\S{1,80}\s{1,8}){9}")


def own_lines(texts: Sequence[str]) -> list[range]:
    """The lines of settings, as ranges in their order."""
    found: list[range] = []
    begin = end = -1
    kind, blank, more = "", 0, False
    for at, text in enumerate(texts):
        short = text.strip()
        begins = _begins(text)
        if not short:
            blank += 1
        elif begins or (kind and blank <= _BLANKS and (more or _belongs(text, kind))):
            if begins:
                kind = begins
            begin = at if end < 0 else begin
            if end >= 0 and blank > _BLANKS:
                found.append(range(begin, end))
                begin = at
            more = kind == "key" and (short.endswith("\\") if more or ENTRY.fullmatch(short) else False)
            end, blank = at + 1, 0
        elif kind:
            found.append(range(begin, end))
            kind, end, blank, more = "", -1, 0, False
    return found + ([range(begin, end)] if end >= 0 else [])


def is_registry(texts: Sequence[str], lines: Sequence[range]) -> bool:
    """Whether the first of some own lines is one of the registry, not of netsh."""
    return bool(lines) and _begins(texts[lines[0].start]) == "key"


def _begins(text: str) -> str:
    """What begins with a line: ``key`` of the registry, ``netsh``, or nothing."""
    short = text.strip()
    if short in (VERSION_5, VERSION_4) or KEY.match(short) or QUERIED_KEY.fullmatch(short):
        return "key"
    return "netsh" if short[:1] not in "<#[" and heading_of(short) and not _PROSE.match(short) else ""


def _belongs(text: str, kind: str) -> bool:
    short = text.strip()
    if kind == "key":
        ends = column_of("registry", (labelled(short) or ("",))[0]) == "(end)"
        return bool(ENTRY.fullmatch(short) or queried(text) or short.startswith(";") or ends)
    if not short.strip("{}, -") or PAIR.search(short) or column_of("netsh", short) == "(direct)":
        return True
    if text[:1].isspace() and len(short) <= _LONGEST and not _PROSE.match(short):
        return True
    return bool(labelled(text)) and not _PROSE.match(short) and _is_netsh(short)


def _is_netsh(short: str) -> bool:
    pair = labelled(short)
    return pair is not None and column_of("netsh", pair[0]) is not None
