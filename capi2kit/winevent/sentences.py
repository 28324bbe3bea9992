"""Sentences: what the message of an event says, by `data/phrases.csv`, where its fields do not say it.

Input and output: the texts of a batch by column. A pattern names the columns that its parts fill; `code` is a result code as a
decimal or hexadecimal number, and fills `result`. What was logged is never changed.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from capi2kit.knowledge import rows

Texts = dict[str, list[str | None]]
LONGEST = 8000  # characters of a message that are searched
_CODE = "code"
_WHOLE = 1 << 32


class Phrase(NamedTuple):
    """One row of phrases.csv: who says the sentence, in which log, and its pattern."""

    provider: str
    channel: str
    pattern: re.Pattern[str]


@cache
def phrases() -> dict[str, tuple[Phrase, ...]]:
    """The sentences of every event id, in the order of phrases.csv."""
    found: dict[str, list[Phrase]] = {}
    for row in rows("phrases"):
        phrase = Phrase(row["provider"], row["channel"], re.compile(row["pattern"]))
        found.setdefault(row["event_id"], []).append(phrase)
    return {event_id: tuple(known) for event_id, known in found.items()}


def read_sentences(texts: Texts, *, count: int) -> None:
    """Fill the columns that the messages of a batch name, and provider and channel where only the sentence tells them."""
    messages = texts.get("message")
    if messages is None:
        return
    absent: list[str | None] = [None] * count
    ids, providers = (texts.get(name, absent) for name in ("event_id", "provider"))
    known = phrases()
    for i, message in enumerate(messages):
        if not message or ids[i] not in known:
            continue
        for phrase in known[ids[i] or ""]:
            found = phrase.pattern.search(message[:LONGEST]) if providers[i] in (None, phrase.provider) else None
            if found:
                whose = {"channel": phrase.channel, "provider": phrase.provider}
                _fill(texts, i, parts=found.groupdict() | whose, count=count)
                break


def _fill(texts: Texts, row: int, *, parts: dict[str, str | None], count: int) -> None:
    for name, value in parts.items():
        column = "result" if name == _CODE else name
        cells = texts.setdefault(column, [None] * count)
        if cells[row] is None and value and value.strip():
            cells[row] = _hexadecimal(value.strip()) if name == _CODE else value.strip()


def _hexadecimal(code: str) -> str:
    """A code as `result` is written in an event; signed decimals too."""
    return f"{int(code, 16 if code.lower().startswith('0x') else 10) % _WHOLE:X}"
