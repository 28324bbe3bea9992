"""Explain: what a code, an event id or the value of a flag means, in plain words, from the data tables.

A text may mean several things (53 is an event and a code): all of them are listed, the most likely first. Codes are read as
people find them: hexadecimal (80092013, 0x80092013), decimal with or without sign (-2146885613, 2148081683, 12002), and as
certutil prints them (`0x80092013 (-2146885613 CRYPT_E_REVOCATION_OFFLINE)`, `dwErrorStatus=1000040`).
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

import pandas as pd

from capi2kit.knowledge import codes, normal_code, rows

_CODE = re.compile(r"(?:0x)?[0-9A-Fa-f]{1,8}")
_DECIMAL = re.compile(r"-?[0-9]{1,10}")
_FLAG = re.compile(r"([A-Za-z][\w@ .\[\]]{0,80}?)(?:@value)?\s{0,20}=\s{0,20}\"?((?:0x)?[0-9A-Fa-f]{1,8})\"?")
_EVENT = re.compile(r"[1-9][0-9]{0,4}")
# certutil: 0x80092013 (-2146885613 CRYPT_E_REVOCATION_OFFLINE), 0x80072ee2 (WinHttp: 12002 ERROR_WINHTTP_TIMEOUT)
_CERTUTIL_CODE = re.compile(r"(0x[0-9A-Fa-f]{1,8}) \((?:[A-Za-z0-9]{1,20}: )?-?[0-9]{1,10}(?: \w{1,60})?\)")
# certutil: dwErrorStatus = CERT_TRUST_IS_OFFLINE_REVOCATION (0x1000000)
_CERTUTIL_FLAG = re.compile(r"([A-Za-z][\w.\[\]]{0,80})\s{0,20}=\s{0,20}(\w{1,80}) \((0x[0-9A-Fa-f]{1,8})\)")
_CERTUTIL_WORDS = {"dwerrorstatus": "ErrorStatus", "dwinfostatus": "InfoStatus", "chainflags": "CERT_CHAIN_Flags"}
_SIGN, _WHOLE = 1 << 31, 1 << 32
_CLOSE, _GUESSES = 0.75, 3  # how alike two names must be, and how many are named


class Meaning(NamedTuple):
    """One meaning: its kind, its name, its explanation, and the source."""

    kind: str
    name: str
    text: str
    source: str


def explain(asked: str) -> list[Meaning]:
    """Everything known about a code, an event id, `FLAG=VALUE`, or the name of a code or flag; empty if nothing is known."""
    asked = " ".join(asked.split())
    if code := _CERTUTIL_CODE.fullmatch(asked):
        asked = code[1]
    if named := _CERTUTIL_FLAG.fullmatch(asked):
        return _names(named[2]) or _flags(_family(named[1]), int(named[3], 16))
    if flag := _FLAG.fullmatch(asked):
        return _flags(_family(flag[1]), int(flag[2], 16)) or _names(asked)
    found = _events(asked) if _EVENT.fullmatch(asked) else []
    if _CODE.fullmatch(asked):
        found += _codes(int(asked, 16))
    if _DECIMAL.fullmatch(asked) and -_SIGN <= int(asked) < _WHOLE:
        found += [one for one in _codes(int(asked) % _WHOLE) if one not in found]
    return found or _names(asked) or _words(asked)


def _words(asked: str) -> list[Meaning]:
    """The meanings of each word, where several codes were copied together."""
    words = asked.split()
    return [meaning for word in words for meaning in explain(word)] if len(words) > 1 else []


def similar(asked: str) -> list[str]:
    """Names of codes and flags that are written almost like `asked`, the most alike first; empty if there are none."""
    known = {row["name"].upper() for row in rows("flags")} | {row["symbol"].upper() for row in rows("codes")}
    return get_close_matches(asked.strip().upper()[:100], sorted(known), n=_GUESSES, cutoff=_CLOSE)


def _family(word: str) -> str:
    """The word by which flags.csv knows a flag, for the one that certutil prints (also behind `Element.` and the like)."""
    last = word.strip().rpartition(".")[2].strip()
    return _CERTUTIL_WORDS.get(last.lower(), last)


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
