"""Leaks: whether any name of a case is left in some bytes, in the encodings that evidence and reports use."""

from __future__ import annotations

import re
from collections.abc import Iterable

from capi2kit.redaction.vocabulary import Vocabulary

_LEAST = 4  # letters; shorter ones are words of any language
_ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be")


def names_left(content: bytes, names: Iterable[str]) -> list[str]:
    """The names that are in the bytes as words of their own, whatever their case."""
    texts = [content.decode("utf-8", "replace").casefold()]
    if b"\0" in content:
        texts += [content[shift:].decode(code, "replace").casefold() for code in _ENCODINGS[1:] for shift in (0, 1)]
    return [
        name
        for name in names
        if any(name in text and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) for text in texts)
    ]


def secret_names(vocabulary: Vocabulary) -> list[str]:
    """The names of a vocabulary that must not be left anywhere."""
    hashes = vocabulary.public_hashes
    found = [name for name in vocabulary.words if len(name) >= _LEAST and name not in hashes]
    whole = [
        name
        for name, kind in vocabulary.whole.items()
        if kind != "public" and len(name) >= _LEAST and name not in hashes
    ]
    return sorted({*found, *whole})
