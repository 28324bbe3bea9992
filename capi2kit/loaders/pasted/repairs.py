"""Pasted text: what browsers, mail programs and word processors made of evidence, and how it is undone.

Each repair has a name; the loader says which of them a text needed. None of them adds or takes away a line, so that the numbers of
lines stay right. Nothing is guessed: what a repair cannot bring back stays missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import groupby, pairwise
from typing import NamedTuple

from capi2kit.loaders.pasted.lost_tags import unescaped

_QUOTES = str.maketrans(
    {
        "\u201c": '"',
        "\u201d": '"',
        "\u201e": '"',
        "\u2033": '"',
        "\u00ab": '"',
        "\u00bb": '"',
        "\u2019": "'",
        "\u2018": "'",
    }
)
_SPACES = {0xA0: " ", 0x202F: " ", 0x2007: " ", 0x2009: " ", 0x200B: None, 0x200C: None, 0x2060: None, 0xFEFF: None}
_MARKER = re.compile(r"(?m)(^|>)[ \t]*(?:\*[-+]\*|[-+\u2013])[ \t]+(?=<)")
_EMPHASIS = re.compile(r'(?<=")\*([^"<>]*)\*(?=")|(?<=>)\*([^<>]*)\*(?=<)')
_QUOTE_SIGNS = re.compile(r"^[ \t]{0,3}(?:(?:>[ \t]?)+|\|[ \t](?!.*\|\s*$))")
_NUMBERED = re.compile(r"[ \t]*+(\d{1,6})(?:[ \t]*[.:|)][ \t]?|\t|[ \t]{1,4})(?=\S|$)")
_RISING = 3  # lines whose numbers follow each other
_BBCODE = re.compile(r"\[(/?)([A-Za-z]{1,10})(=[^\[\]\n]{0,200})?\]")
_BBNAMES = frozenset(
    "code quote noparse xml html php plain pre tt mono b i u s url color colour size font center left right indent spoiler hide "
    "list img email table tr td".split()
)
_FENCE = re.compile(r"(?m)^[ \t]{0,8}(?:`{3,}|~{3,})[ \t]*[\w+.-]*[ \t]*$")
_TICKS = re.compile(r"(?m)^([ \t]*)`([^`\n]+)`([ \t]*\\?)$")
_ROW = re.compile(r"[ \t]*+\|(.*)\|[ \t]*")
_GRID = re.compile(r"[ \t]*\+(?:[-=]+\+)+[ \t]*")
_RULE = re.compile(r"[ \t]*+\|?(?:[ \t]*+:?-{2,}+:?[ \t]*+\|)++(?:[ \t]*+:?-{2,}+:?)?[ \t]*+")
_TYPOGRAPHIC_TAG = re.compile("<[A-Za-z][^<>\u201c\u201d\u201e\u2033]*[\u201c\u201d\u201e\u2033][^<>]*>")
_TOOL_LINE = re.compile(
    '[ \t]*(?:[\u201c\u201e"].{1,200}[\u201d\u201c"][ \t]*[=:]|WP [\u201c\u201e]\\d|.{1,60}: [\u201c\u201e]\\S+://|'
    "\\S.{0,40} [\u201c\u201e].{0,200}[\u201d\u201c][ \t]+[^\\s:]{2,20}:[ \t]*\\d)"
)
_DASHED = re.compile("(?m)^[ \t]*[\u2013\u2014\u2500]{2,}.*$|(?<=\\s)\u2013(?=[A-Za-z])")
_ESCAPED = re.compile(r"&lt;/?(?:Event|System|UserData|EventData|EventAuxInfo|CorrelationAuxInfo)\b")
ELISION = re.compile(
    r"\[(?=[^\[\]<>\"]*\])[^\[\]<>\"]*?(?:\.\.\.|\u2026|MORE|STUFF|REMOVED|REDACTED|SNIP)[^\[\]<>\"]*\]|\u2026|\.\.\.",
    re.IGNORECASE,
)


def _unquoted(text: str) -> str:
    """Signs of a quotation, where at least two lines below each other have them."""
    return _by_runs(text, _QUOTE_SIGNS, repair=lambda lines: [_QUOTE_SIGNS.sub("", line, count=1) for line in lines])


def _unnumbered(text: str) -> str:
    """Numbers in front of lines, where each is one more than the one above it."""

    def without(lines: list[str]) -> list[str]:
        numbers = [int(found[1]) for line in lines if (found := _NUMBERED.match(line))]
        rises = [later - earlier for earlier, later in pairwise(numbers)]
        if len(numbers) < _RISING or any(rise != 1 for rise in rises):
            return lines
        return [_NUMBERED.sub("", line, count=1) for line in lines]

    return _by_runs(text, _NUMBERED, repair=without)


def _by_runs(text: str, sign: re.Pattern[str], *, repair: Callable[[list[str]], list[str]]) -> str:
    """A text in which runs of at least two lines with a sign in front are repaired."""
    lines: list[str] = []
    for has, run in groupby(text.split("\n"), key=lambda line: bool(sign.match(line))):
        group = list(run)
        lines += repair(group) if has and len(group) > 1 else group
    return "\n".join(lines)


def _without_bbcode(text: str) -> str:
    """Tags of a forum, of which at least one is closed: `[url]` alone may be an attribute in a Friendly View."""
    closed = {found[2].lower() for found in _BBCODE.finditer(text) if found[1]} & _BBNAMES
    return _BBCODE.sub(lambda found: "" if found[2].lower() in closed else found[0], text) if closed else text


def _unescaped(text: str) -> str:
    if not _ESCAPED.search(text):
        return text
    return "\n".join(unescaped(line).replace("\n", " ") for line in text.split("\n"))


def _emphasised(text: str) -> str:
    return _EMPHASIS.sub(lambda found: found[1] if found[1] is not None else found[2], text)


def _straight(text: str) -> str:
    text = _TYPOGRAPHIC_TAG.sub(lambda found: found[0].translate(_QUOTES), text)
    if not any(sign in text for sign in "\u201c\u201d\u201e"):
        return text
    return "\n".join(line.translate(_QUOTES) if _TOOL_LINE.match(line) else line for line in text.split("\n"))


def _dashed(text: str) -> str:
    return _DASHED.sub(lambda found: re.sub("[\u2013\u2014\u2500]", "-", found[0]), text)


def _unfenced(text: str) -> str:
    return _TICKS.sub(r"\1\2", _FENCE.sub("", text))


def _untabled(text: str) -> str:
    """Rows of a Markdown table: two cells are label and value, more of them are set apart by tabs."""
    if "|" not in text:
        return text
    return "\n".join(_row(line) for line in text.split("\n"))


def _row(line: str) -> str:
    if _RULE.fullmatch(line) or _GRID.fullmatch(line):
        return ""
    found = _ROW.fullmatch(line)
    if not found:
        return line
    cells = [cell.strip().strip("*`").strip() for cell in found[1].split("|")]
    if len(cells) == 2 and cells[0]:
        return f"{cells[0].rstrip(':')}: {cells[1]}"
    return "\t".join(cells)


def _steps() -> Iterator[tuple[str, Callable[[str], str]]]:
    yield "spaces that do not break made plain", lambda text: text.translate(_SPACES)
    yield "marks of a quoted mail taken off", _unquoted
    yield "numbers in front of lines taken off", _unnumbered
    yield "tags of a forum ([code], [quote], …) taken out", _without_bbcode
    yield "fences and ticks of Markdown taken off", _unfenced
    yield "rows of a table made lines", _untabled
    yield "escaped angle brackets turned back", _unescaped
    yield "markers of a browser's view taken out", lambda text: _MARKER.sub(r"\1", text)
    yield "asterisks of emphasis taken off", _emphasised
    yield "typographic quotes straightened", _straight
    yield "typographic dashes made plain", _dashed


REPAIRS = tuple(_steps())


class Repair(NamedTuple):
    """A repair that changed something: its name, and the numbers of the lines that it changed, from 0."""

    name: str
    lines: frozenset[int]


def repaired(text: str) -> tuple[str, list[Repair]]:
    """The text as it was before somebody pasted it, as far as that can be known, and the repairs that it took."""
    made = []
    for name, repair in REPAIRS:
        after = repair(text)
        if after != text:
            pairs = zip(text.split("\n"), after.split("\n"), strict=True)
            made.append(Repair(name, frozenset(i for i, (old, new) in enumerate(pairs) if old != new)))
        text = after
    return text, made
