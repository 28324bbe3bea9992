"""Glossary: the terms of the field and of our reports in plain words, from `data/glossary.csv`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from capi2kit.knowledge import rows


class Term(NamedTuple):
    """A term, and what it means in a sentence or two."""

    term: str
    meaning: str


def terms_in(texts: Iterable[str]) -> list[Term]:
    """The terms that some text uses, in the order of the alphabet."""
    said = "\n".join(texts)
    return [
        Term(row["term"], row["meaning"])
        for row in sorted(rows("glossary"), key=lambda row: row["term"].casefold())
        if _used(row["words"], said)
    ]


def _used(words: str, said: str) -> bool:
    forms = "|".join(map(re.escape, words.split("|")))
    return re.search(rf"(?<![A-Za-z])(?:{forms})(?![a-z])", said, re.IGNORECASE) is not None
