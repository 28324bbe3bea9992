"""Inferences: cells that follow from other cells of the same event, by tables of `data/`.

Input and output: the texts of a batch by column, coded. A cell that was logged is never
touched. What a message says is read by `sentences`; the channel follows from the
event id where only one log has it; `operation` and `phase` follow from who logged what; the code of an error
that was logged as a sentence, a number or a reason only, from texts.csv and nps_reasons.csv; an application pool, from the
command line that names it; the version of the .NET runtime, from that line or by
runtimes.csv from the folder of the program.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from capi2kit.columns.coded import Coded, absent, per_row, together
from capi2kit.knowledge import (
    code_of_text,
    codes,
    normal_code,
    operation,
    operations_marking,
    reason_codes,
    rows,
)
from capi2kit.knowledge.callers import CALLERS, caller_of
from capi2kit.knowledge.eventlabels import meaning_of
from capi2kit.knowledge.providers import channel_of, opcode_of, provider_of
from capi2kit.winevent.sentences import read_sentences

Texts = dict[str, Coded]
_PHASES = {"1": "start", "2": "stop"}
# certutil's and certsvc's way to write a code: 0x80092013 (-2146885613 CRYPT_E_REVOCATION_OFFLINE)
_WRITTEN = re.compile(r"\b0x([0-9A-Fa-f]{8}) \((?:[A-Za-z0-9]{1,20}: )?-?[0-9]{1,10}\b")
_SYSTEM_MESSAGE = re.compile(r"%%([0-9]{1,5})")
_NUMBER = re.compile(r"-?[0-9]{1,10}")
_SMALL, _WHOLE = 0xFFFF, 1 << 32
_OF_IKE = range(13_800, 14_000)  # numbers of Windows for IKE and its certificates
# how the process activation service starts a worker process: -ap "the pool" -v "v4.0"
_POOL = re.compile(r'\s-ap\s+(?:"([^"]*)"|(\S+))')
_CLR = re.compile(r'\s-v\s+"?(v\d{1,2}\.\d{1,2})"?(?=\s|$)')


def infer(texts: Texts, *, count: int) -> None:
    """Fill in what follows from other cells."""
    _read_words(texts, count=count)
    read_sentences(texts, count=count)
    _name_channels(texts, count=count)
    _name_providers(texts, count=count)
    _name_operations(texts, count=count)
    _look_up_codes(texts, count=count)
    _read_pools(texts, count=count)
    _read_lengths(texts, count=count)
    _name_callers(texts, count=count)


def _read_words(texts: Texts, *, count: int) -> None:
    """Level and opcode as numbers where a program wrote them as words; a task that is a word is the category."""
    for column in ("level", "opcode"):
        if column in texts and not all(map(str.isdigit, texts[column].used()[1])):
            texts[column] = texts[column].mapped(lambda cell, kind=column: _number_of(cell, kind=kind))  # type: ignore[misc]
    if "task" in texts and not all(task.strip().isdigit() for task in texts["task"].used()[1]):
        words = texts["task"].mapped(lambda task: None if task.strip().isdigit() else task)
        texts["category"] = texts.get("category", absent(count)).filled(words)
        texts["task"] = texts["task"].mapped(lambda task: task if task.strip().isdigit() else None)


def _number_of(cell: str, *, kind: str) -> str:
    return cell if cell.isdigit() else meaning_of(cell, kind=kind) or cell


def _by(texts: Texts, names: tuple[str, ...], *, count: int) -> tuple[np.ndarray, list[tuple[str | None, ...]]]:
    """For each row the number of what it has in these columns, and what that is."""
    return together([texts.get(name, absent(count)) for name in names])


def _name_channels(texts: Texts, *, count: int) -> None:
    """Fill `channel` where nothing names it and only one log of the provider has this event id."""
    channels = texts.setdefault("channel", absent(count))
    if (channels.codes < 0).any():
        number, keys = _by(texts, ("event_id", "provider"), count=count)
        names = [channel_of(event_id, provider=provider) if event_id else None for event_id, provider in keys]
        texts["channel"] = channels.filled(per_row(number, names))


def _name_providers(texts: Texts, *, count: int) -> None:
    """Fill `provider` where nothing names it and its log has only one."""
    providers = texts.setdefault("provider", absent(count))
    if (providers.codes < 0).any():
        texts["provider"] = providers.filled(texts["channel"].mapped(provider_of))


def _name_operations(texts: Texts, *, count: int) -> None:
    """Fill `operation` and `phase`: both follow from provider, channel, task, event id and opcode.

    A text that somebody copied may lack the opcode; then the event id says it.
    """
    number, keys = _by(texts, ("provider", "channel", "task", "event_id"), count=count)
    names = [operation(task, event_id, channel=log, provider=provider).name for provider, log, task, event_id in keys]
    texts["operation"] = per_row(number, names)
    number, keys = _by(texts, ("opcode", "event_id", "channel"), count=count)
    opcodes = [opcode or opcode_of(event_id or "", channel=log) for opcode, event_id, log in keys]
    texts["phase"] = per_row(number, [_PHASES.get(opcode or "", "point") for opcode in opcodes])


def _look_up_codes(texts: Texts, *, count: int) -> None:
    """Fill `result` from the text of the error, from its number, or from the reason of a network policy server."""
    readers: tuple[tuple[str, Callable[[str], int | None]], ...] = (
        ("result_text", _code_in),
        ("error_number", _code_of_number),
        ("reason_code", lambda reason: reason_codes().get(reason)),
    )
    for column, read in readers:
        if column in texts:
            found = texts[column].mapped(lambda cell, read=read: _hexadecimal(read(cell)))  # type: ignore[misc]
            texts["result"] = texts.get("result", absent(count)).filled(found)


def _hexadecimal(code: int | None) -> str | None:
    return None if code is None else f"{code:X}"


def _code_in(text: str) -> int | None:
    """The code of an error text: written in it, as a number of a system message, or by the sentence itself."""
    if written := _WRITTEN.search(text):
        return int(written[1], 16)
    if message := _SYSTEM_MESSAGE.fullmatch(text.strip()):
        return normal_code(int(message[1]))
    return code_of_text(text)


def _code_of_number(number: str) -> int | None:
    """A decimal number as a code, if it is one: small numbers are those of the program that gives them, but for those of IKE."""
    if not _NUMBER.fullmatch(number.strip()):
        return None
    code = int(number)
    if code in _OF_IKE and normal_code(code) in codes():
        return normal_code(code)
    return code % _WHOLE if code < 0 or code > _SMALL else None


def _read_pools(texts: Texts, *, count: int) -> None:
    """Fill `app_pool` from the command line that names it, and `clr_version` from that line or the folder in it."""
    lines = texts.get("command_line")
    if lines is None:
        return
    pools = texts.get("app_pool", absent(count))
    found = lines.mapped(_pool_in)
    named = (found.codes >= 0) & (pools.codes < 0)
    versions = texts.get("clr_version", absent(count)).filled(lines.mapped(_runtime_of), where=lines.codes >= 0)
    texts["app_pool"] = pools.filled(found, where=named)
    texts["clr_version"] = versions.filled(lines.mapped(_clr_in), where=named)


def _pool_in(line: str) -> str | None:
    found = _POOL.search(line)
    return (found[1] or found[2]) if found else None


def _clr_in(line: str) -> str | None:
    found = _CLR.search(line)
    return found[1] if found else None


def _runtime_of(line: str) -> str | None:
    return next((row["clr_version"] for row in rows("runtimes") if re.search(row["pattern"], line)), None)


def _name_callers(texts: Texts, *, count: int) -> None:
    """Fill `caller` and `fails` by callers.csv: who asks for such a check, and what happens to whom nobody can check."""
    number, keys = _by(texts, CALLERS, count=count)
    found = [caller_of(key) for key in keys]
    if any(found):
        texts["caller"] = per_row(number, [one[0] if one else None for one in found])
        texts["fails"] = per_row(number, [one[1] if one else None for one in found])


def _read_lengths(texts: Texts, *, count: int) -> None:
    """An entry that says how long a validation took is whole: it knows its own duration."""
    messages = texts.get("message")
    slow = set(operations_marking("slow validation"))
    if messages is None:
        return
    lengths = texts.get("duration_s", absent(count))
    codes, names = texts["operation"].used()
    is_slow = texts["operation"].looked_up(np.array([name in slow for name in names], bool), codes=codes, missing=False)
    says_how_long = is_slow & (messages.codes >= 0) & (lengths.codes < 0)
    if says_how_long.any():
        texts["duration_s"] = lengths.filled(messages, where=says_how_long)
        texts["phase"] = texts["phase"].filled(per_row(np.zeros(count, "int64"), ["whole"]), where=says_how_long)
