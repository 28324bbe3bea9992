"""Inferences: cells that follow from other cells of the same event, by tables of `data/`.

Input and output: the texts of a batch by column. A cell that was logged is never
touched. What a message says is read by `sentences`; the channel follows from the
event id where only one log has it; `operation` and `phase` follow from who logged what; the code of an error
that was logged as a sentence, a number or a reason only, from texts.csv and nps_reasons.csv; an application pool, from the
command line that names it; the version of the .NET runtime, from that line or by
runtimes.csv from the folder of the program.
"""

from __future__ import annotations

import re
from collections.abc import Callable

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

Texts = dict[str, list[str | None]]
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
        cells = texts.get(column, [])
        known = {cell: meaning_of(cell, kind=column) for cell in set(cells) if cell and not cell.isdigit()}
        if known:
            texts[column] = [known.get(cell or "") or cell for cell in cells]
    tasks = texts.get("task", [])
    if any(task and not task.strip().isdigit() for task in tasks):
        categories = texts.setdefault("category", [None] * count)
        for i, task in enumerate(tasks):
            if task and not task.strip().isdigit():
                categories[i], tasks[i] = categories[i] or task, None


def _name_channels(texts: Texts, *, count: int) -> None:
    """Fill `channel` where nothing names it and only one log of the provider has this event id."""
    absent: list[str | None] = [None] * count
    ids, providers = (texts.get(name, absent) for name in ("event_id", "provider"))
    channels = texts.setdefault("channel", [None] * count)
    for i, channel in enumerate(channels):
        if channel is None and ids[i]:
            channels[i] = channel_of(ids[i] or "", provider=providers[i])


def _name_providers(texts: Texts, *, count: int) -> None:
    """Fill `provider` where nothing names it and its log has only one."""
    channels = texts.get("channel", [None] * count)
    providers = texts.setdefault("provider", [None] * count)
    if None in providers:
        known = {channel: provider_of(channel) for channel in set(channels) if channel}
        texts["provider"] = [
            provider or known.get(channel or "") for provider, channel in zip(providers, channels, strict=True)
        ]


def _name_operations(texts: Texts, *, count: int) -> None:
    """Fill `operation` and `phase`: both follow from provider, channel, task, event id and opcode.

    A text that somebody copied may lack the opcode; then the event id says it.
    """
    absent: list[str | None] = [None] * count
    provider, channel, task, event_id = (
        texts.get(name, absent) for name in ("provider", "channel", "task", "event_id")
    )
    keys = list(zip(provider, channel, task, event_id, strict=True))
    names = {key: operation(key[2], key[3], channel=key[1], provider=key[0]).name for key in set(keys)}
    texts["operation"] = list(map(names.__getitem__, keys))
    opcodes = texts.get("opcode", absent)
    if None in opcodes:
        opcodes = [
            opcode or opcode_of(number or "", channel=log)
            for opcode, number, log in zip(opcodes, event_id, channel, strict=True)
        ]
    phases = {opcode: _PHASES.get(opcode or "", "point") for opcode in set(opcodes)}
    texts["phase"] = list(map(phases.__getitem__, opcodes))


def _look_up_codes(texts: Texts, *, count: int) -> None:
    """Fill `result` from the text of the error, from its number, or from the reason of a network policy server."""
    readers: tuple[tuple[str, Callable[[str], int | None]], ...] = (
        ("result_text", _code_in),
        ("error_number", _code_of_number),
        ("reason_code", lambda reason: reason_codes().get(reason)),
    )
    for column, read in readers:
        cells = texts.get(column)
        if cells is None:
            continue
        results = texts.setdefault("result", [None] * count)
        found = {cell: read(cell) for cell in set(cells) if cell}
        for i, cell in enumerate(cells):
            code = found.get(cell or "")
            if results[i] is None and code is not None:
                results[i] = f"{code:X}"


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
    lines = texts.get("command_line")
    if lines is None:
        return
    pools, versions = (texts.setdefault(name, [None] * count) for name in ("app_pool", "clr_version"))
    for i, line in enumerate(lines):
        found = _POOL.search(line) if line and pools[i] is None else None
        if found and line:
            pools[i] = found[1] or found[2]
            version = _CLR.search(line)
            versions[i] = version[1] if version else None
        elif line:
            versions[i] = next(
                (row["clr_version"] for row in rows("runtimes") if re.search(row["pattern"], line)), None
            )


def _name_callers(texts: Texts, *, count: int) -> None:
    """Fill `caller` and `fails` by callers.csv: who asks for such a check, and what happens to whom nobody can check."""
    absent: list[str | None] = [None] * count
    cells = [texts.get(name, absent) for name in CALLERS]
    keys = list(zip(*cells, strict=True))
    known = {key: caller_of(key) for key in set(keys)}
    found = [known[key] for key in keys]
    if any(found):
        texts["caller"] = [one[0] if one else None for one in found]
        texts["fails"] = [one[1] if one else None for one in found]


def _read_lengths(texts: Texts, *, count: int) -> None:
    """An entry that says how long a validation took is whole: it knows its own duration."""
    messages = texts.get("message")
    slow = operations_marking("slow validation")
    if messages is None or not set(slow) & set(texts["operation"]):
        return
    lengths = texts.setdefault("duration_s", [None] * count)
    for i, name in enumerate(texts["operation"]):
        if name in slow and messages[i] and lengths[i] is None:
            lengths[i] = messages[i]
            texts["phase"][i] = "whole"
