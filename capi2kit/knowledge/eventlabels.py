"""Event labels: what Windows calls the parts of an event on screen, in each language, by `data/eventlabels.csv`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cache

from capi2kit.knowledge import rows

_APOSTROPHES = str.maketrans("\u2019\u2018\u00b4`", "''''")


def label_key(text: str) -> str:
    """A text without what differs between two copies of it: blanks, capitals, and the kind of apostrophe."""
    return "".join(text.translate(_APOSTROPHES).split()).casefold()


@cache
def _meanings(kind: str) -> dict[str, str]:
    return {label_key(row["text"]): row["means"] for row in rows("eventlabels") if row["kind"] == kind}


def meaning_of(text: str, *, kind: str) -> str | None:
    """What a text means: of a label the column, of a level or opcode its number; None if it is not known.

    `kind`: ``label``, ``level``, ``opcode``, or ``nothing`` for a word that stands where there is no value (it means "").
    """
    return _meanings(kind).get(label_key(text))


@cache
def _languages() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for row in rows("eventlabels"):
        if row["kind"] == "label":
            found.setdefault(label_key(row["text"]), set()).add(row["language"])
    return {key: frozenset(languages) for key, languages in found.items()}


def day_comes_first(keys: Iterable[str]) -> str | None:
    """The language of some labels, if a date with slashes has its day first there; None in English, which is used everywhere."""
    counts = Counter(language for key in keys for language in _languages().get(key, ()))
    most = max(counts.values(), default=0)
    likely = sorted(language for language, count in counts.items() if count == most)
    if not likely or "en" in likely:
        return None
    from babel import Locale

    patterns = [Locale.parse(language, sep="-").date_formats["short"].pattern for language in likely]
    return likely[0] if all(pattern.lower().startswith("d") for pattern in patterns) else None


@cache
def _exact() -> frozenset[str]:
    return frozenset(row["text"] for row in rows("eventlabels") if row["kind"] == "label")


def is_label(text: str) -> bool:
    """Whether a text is a label to the letter."""
    return text.strip() in _exact()


@cache
def labels() -> tuple[str, ...]:
    """All labels, the longest first."""
    found = {row["text"] for row in rows("eventlabels") if row["kind"] == "label"}
    return tuple(sorted(found, key=lambda text: (-len(text), text)))
