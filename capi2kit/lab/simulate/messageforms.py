"""Message forms: the rows of messages.toml, the known records of the System and Application logs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from capi2kit.lab.scenario import tables

CHANNELS = ("Application", "Security", "System")
OLD_INTERFACE = "0x80000000000000"  # keywords of a record without a writing process


@dataclass(frozen=True)
class MessageForm:
    """A known record; see messages.toml."""

    channel: str
    provider: str
    id: int
    level: int
    keywords: str
    strings: list[str]
    text: str
    source: str
    guid: str = ""
    source_name: str = ""
    qualifiers: int | None = None
    version: int = 0
    task: int = 0
    opcode: int = 0
    named: bool = False
    data_name: str = ""
    binary: str | None = None
    writer: str = ""
    sid: str = ""
    at_least_ms: int = 0

    def message(self, strings: Sequence[str]) -> str:
        """What Windows says, with the strings of a record in their places."""
        return re.sub(r"%(\d)", lambda place: strings[int(place[1]) - 1], self.text)


@cache
def message_forms() -> dict[str, MessageForm]:
    """messages.toml by name."""
    return {name: MessageForm(**row) for name, row in tables("messages").items()}
