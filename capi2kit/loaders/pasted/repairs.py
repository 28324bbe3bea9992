"""Pasted text: what browsers, mail programs and word processors made of events, and how it is undone.

Each repair has a name; the loader tells which of them an event needed. Nothing is guessed: what a repair
cannot bring back stays missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from capi2kit.loaders.pasted.lost_tags import unescaped

_QUOTES = str.maketrans({"\u201c": '"', "\u201d": '"', "\u201e": '"', "\u2033": '"', "\u2019": "'", "\u2018": "'"})
_SPACES = {0xA0: " ", 0x202F: " ", 0x200B: None, 0xFEFF: None}
_MARKER = re.compile(r"(?m)(^|>)[ \t]*(?:\*[-+]\*|[-+\u2013])[ \t]+(?=<)")
_EMPHASIS = re.compile(r'(?<=")\*([^"<>]*)\*(?=")|(?<=>)\*([^<>]*)\*(?=<)')
_QUOTED_LINE = re.compile(r"(?m)^(?:> ?)+")
_TYPOGRAPHIC_TAG = re.compile("<[A-Za-z][^<>\u201c\u201d\u201e\u2033]*[\u201c\u201d\u201e\u2033][^<>]*>")
_ESCAPED = re.compile(r"&lt;/?(?:Event|System|UserData|EventData|EventAuxInfo|CorrelationAuxInfo)\b")
ELISION = re.compile(
    r"\[(?=[^\[\]<>\"]*\])[^\[\]<>\"]*?(?:\.\.\.|\u2026|MORE|STUFF|REMOVED|REDACTED|SNIP)[^\[\]<>\"]*\]|\u2026|\.\.\.",
    re.IGNORECASE,
)


def _unquoted(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    quoted = sum(line.lstrip().startswith("> ") or line.strip() == ">" for line in lines)
    return _QUOTED_LINE.sub("", text) if lines and quoted > len(lines) // 2 else text


def _unescaped(text: str) -> str:
    return unescaped(text) if _ESCAPED.search(text) else text


def _emphasised(text: str) -> str:
    return _EMPHASIS.sub(lambda found: found[1] if found[1] is not None else found[2], text)


def _straight(text: str) -> str:
    return _TYPOGRAPHIC_TAG.sub(lambda found: found[0].translate(_QUOTES), text)


REPAIRS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("marks of a quoted mail taken off", _unquoted),
    ("escaped angle brackets turned back", _unescaped),
    ("spaces that do not break made plain", lambda text: text.translate(_SPACES)),
    ("markers of a browser's view taken out", lambda text: _MARKER.sub(r"\1", text)),
    ("asterisks of emphasis taken off", _emphasised),
    ("typographic quotes straightened", _straight),
)


def repaired(text: str) -> tuple[str, list[str]]:
    """The text as it was before somebody pasted it, as far as that can be known, and the repairs that it took."""
    made = []
    for name, repair in REPAIRS:
        after = repair(text)
        if after != text:
            made.append(name)
        text = after
    return text, made
