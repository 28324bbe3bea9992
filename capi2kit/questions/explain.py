"""Explain: what a code, an event id or the value of a flag means, in plain words, from the data tables.

A text may mean several things (53 is an event and a code): all of them are listed, the most likely first.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple

import pandas as pd

from capi2kit.knowledge import codes, normal_code, rows

_CODE = re.compile(r"(?:0x)?[0-9A-Fa-f]{1,8}")
_FLAG = re.compile(r"([A-Za-z][\w@ ]{0,80}?)(?:@value)?\s{0,20}=\s{0,20}\"?((?:0x)?[0-9A-Fa-f]{1,8})\"?")
_EVENT = re.compile(r"[1-9][0-9]{0,4}")


class Meaning(NamedTuple):
    """One meaning: its kind, its name, its explanation, and the source."""

    kind: str
    name: str
    text: str
    source: str


def explain(asked: str) -> list[Meaning]:
    """Everything known about a code, an event id, `FLAG=VALUE`, or the name of a code or flag; empty if nothing is known."""
    asked = asked.strip()
    flag = _FLAG.fullmatch(asked)
    if flag:
        return _flags(flag[1], int(flag[2], 16)) or _names(asked)
    found = _events(asked) if _EVENT.fullmatch(asked) else []
    if _CODE.fullmatch(asked):
        found += _codes(int(asked, 16))
    return found or _names(asked)


def explain_event(row: Mapping[Hashable, Any]) -> list[Meaning]:
    """What a row of table `events` says: the event, its results, and the bits of its chain's error."""
    number, result = row["event_id"], row["result"]
    provider, channel = (None if pd.isna(row[name]) else row[name] for name in ("provider", "channel"))
    found = [] if pd.isna(number) else _events(str(number), provider=provider, channel=channel)
    if not pd.isna(result):
        found += _codes(int(result)) if result else [Meaning("result code 0", "S_OK", "It succeeded.", "winerror")]
    if not pd.isna(row["trust_error"]) and row["trust_error"]:
        found += _flags("CERT_TRUST_ErrorStatus", int(row["trust_error"]))
    return found


def _codes(number: int) -> list[Meaning]:
    """A result code: an HRESULT, or a bare Win32 or WinHTTP code, which is a short form of one."""
    wanted = {number, normal_code(number)}
    return [
        Meaning(
            f"result code 0x{int(row['code'], 16):08X}",
            row["symbol"],
            _sentences(row["text"], row["meaning"], _benign(row)),
            row["source"],
        )
        for row in rows("codes")
        if int(row["code"], 16) in wanted
    ]


def _benign(row: dict[str, str]) -> str:
    return {"yes": "No fault.", "sometimes": "Often harmless: look at the result of the chain around it."}.get(
        row["benign"], ""
    )


def _events(number: str, *, provider: str | None = None, channel: str | None = None) -> list[Meaning]:
    """Operations of this id, of all providers and channels or of one."""
    return [
        Meaning(
            f"event {number} of {row['provider']}, {row['channel'] or 'any channel'}",
            row["title"],
            row["meaning"],
            row["source"],
        )
        for row in rows("operations")
        if row["event_id"] == number
        and provider in (None, row["provider"])
        and (channel is None or row["channel"] in ("", channel))
    ]


def _flags(family: str, value: int) -> list[Meaning]:
    """The bits of a value in every family whose name contains the word, and the bits without a name."""
    word = family.strip().lower()
    families = dict.fromkeys(row["family"] for row in rows("flags") if word in row["family"].lower())
    found: list[Meaning] = []
    for name in families:
        mine = [row for row in rows("flags") if row["family"] == name and row["value"]]
        bits = [
            row
            for row in mine
            if row["kind"] == "bit" and int(row["value"], 0) & value and int(row["value"], 0).bit_count() == 1
        ]
        equal = [row for row in mine if int(row["value"], 0) == value and row not in bits]
        found += [
            Meaning(name, f"{row['value']} {row['name']}", row["meaning"], row["source"]) for row in [*equal, *bits]
        ]
        rest = value & ~sum(int(row["value"], 0) for row in bits)
        if bits and rest:
            found.append(Meaning(name, f"0x{rest:08X}", "no name is known for these bits", "capi2kit"))
    return found


def _names(name: str) -> list[Meaning]:
    """A symbol of a code, or the name of a flag."""
    wanted = name.upper()
    flags = [
        Meaning(row["family"], f"{row['value']} {row['name']}", row["meaning"], row["source"])
        for row in rows("flags")
        if row["name"].upper() == wanted
    ]
    return [
        found for number, code in codes().items() if code.symbol.upper() == wanted for found in _codes(number)
    ] + flags


def _sentences(*parts: str) -> str:
    return " ".join(part if part.endswith((".", "!", "?")) else f"{part}." for part in parts if part)
