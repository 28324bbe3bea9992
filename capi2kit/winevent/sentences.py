"""Sentences: what the message of an event says, by `data/phrases.csv`, where its fields do not say it.

Input and output: the texts of a batch by column, coded. A pattern names the columns that its parts fill; `code` is a result code as a
decimal or hexadecimal number, and fills `result`. What was logged is never changed.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from capi2kit.columns.coded import Coded, absent, per_row, together
from capi2kit.knowledge import rows

Texts = dict[str, Coded]
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
    number, keys = together([messages, *(texts.get(name, absent(count)) for name in ("event_id", "provider"))])
    read = [_parts(key) for key in keys]
    for column in dict.fromkeys(name for parts in read for name in parts):
        found = per_row(number, [parts.get(column) for parts in read])
        texts[column] = texts.get(column, absent(count)).filled(found)


def _parts(entry: tuple[str | None, ...]) -> dict[str, str]:
    """What the sentence of an entry (message, event id, provider) says, by column."""
    message, event_id, provider = entry
    for phrase in phrases().get(event_id or "", ()) if message else ():
        found = phrase.pattern.search(message[:LONGEST]) if provider in (None, phrase.provider) else None  # type: ignore[index]
        if found:
            parts = found.groupdict() | {"channel": phrase.channel, "provider": phrase.provider}
            named = {name: value.strip() for name, value in parts.items() if value and value.strip()}
            return {"result": _hexadecimal(named.pop(_CODE))} | named if _CODE in named else named
    return {}


def _hexadecimal(code: str) -> str:
    """A code as `result` is written in an event; signed decimals too."""
    return f"{int(code, 16 if code.lower().startswith('0x') else 10) % _WHOLE:X}"
