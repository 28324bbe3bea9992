"""Inferences: cells that follow from other cells of the same event, by tables of `data/`.

Input and output: the texts of a batch by column. A cell that was logged is never
touched. What a message says is read by `sentences`; the channel follows from the
event id where only one log has it; `operation` and `phase` follow from who logged what; the code of an error
that was logged as a sentence only, from texts.csv; an application pool, from the
command line that names it; the version of the .NET runtime, from that line or by
runtimes.csv from the folder of the program.
"""

from __future__ import annotations

import re

from capi2kit.knowledge import channel_of, code_of_text, operation, operations_marking, rows
from capi2kit.winevent.sentences import read_sentences

Texts = dict[str, list[str | None]]
_PHASES = {"1": "start", "2": "stop"}
# how the process activation service starts a worker process: -ap "the pool" -v "v4.0"
_POOL = re.compile(r'\s-ap\s+(?:"([^"]*)"|(\S+))')
_CLR = re.compile(r'\s-v\s+"?(v\d{1,2}\.\d{1,2})"?(?=\s|$)')


def infer(texts: Texts, *, count: int) -> None:
    """Fill in what follows from other cells."""
    read_sentences(texts, count=count)
    _name_channels(texts, count=count)
    _name_operations(texts, count=count)
    _look_up_codes(texts, count=count)
    _read_pools(texts, count=count)
    _read_lengths(texts, count=count)


def _name_channels(texts: Texts, *, count: int) -> None:
    """Fill `channel` where nothing names it and only one log of the provider has this event id."""
    absent: list[str | None] = [None] * count
    ids, providers = (texts.get(name, absent) for name in ("event_id", "provider"))
    channels = texts.setdefault("channel", [None] * count)
    for i, channel in enumerate(channels):
        if channel is None and ids[i]:
            channels[i] = channel_of(ids[i] or "", provider=providers[i])


def _name_operations(texts: Texts, *, count: int) -> None:
    """Fill `operation` and `phase`: both follow from provider, channel, task, event id and opcode."""
    absent: list[str | None] = [None] * count
    provider, channel, task, event_id = (
        texts.get(name, absent) for name in ("provider", "channel", "task", "event_id")
    )
    keys = list(zip(provider, channel, task, event_id, strict=True))
    names = {key: operation(key[2], key[3], channel=key[1], provider=key[0]).name for key in set(keys)}
    texts["operation"] = list(map(names.__getitem__, keys))
    opcodes = texts.get("opcode", absent)
    phases = {opcode: _PHASES.get(opcode or "", "point") for opcode in set(opcodes)}
    texts["phase"] = list(map(phases.__getitem__, opcodes))


def _look_up_codes(texts: Texts, *, count: int) -> None:
    result_texts = texts.get("result_text")
    if result_texts is None:
        return
    results = texts.setdefault("result", [None] * count)
    found = {text: code_of_text(text) for text in set(result_texts) if text}
    for i, text in enumerate(result_texts):
        code = found.get(text or "")
        if results[i] is None and code is not None:
            results[i] = f"{code:X}"


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
