"""Loader `client`: client_info.json of a Velociraptor collection: which computer was collected."""

from __future__ import annotations

import json
from collections.abc import Iterator

from capi2kit.loaders.evidence import Asked, EvidenceFile, Problems
from capi2kit.loaders.text.lines import head_of, source_of, table_of
from capi2kit.winevent import Batch

NAME = "client"
LOOKS_FOR = "client_info.json of a Velociraptor collection"
ORIGIN = "collection"
_FACTS = ("Hostname", "Fqdn", "OS", "Platform", "PlatformVersion", "KernelVersion", "Architecture", "BootTime")
_LARGEST = 1 << 20


def sniff(head: bytes, name: str) -> bool:
    """True for a JSON object with the name and the system of a computer."""
    return len(head) < _LARGEST and _info(head) is not None


def _info(data: bytes) -> dict[str, object] | None:
    text = head_of(data, most=_LARGEST)
    if not text.lstrip().startswith("{") or '"hostname"' not in text.lower():
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    system = found.get("os_info")  # as the server exports it
    if isinstance(system, dict) and "client_id" in found:
        found = {name: system.get(name.lower()) for name in _FACTS} | {"OS": system.get("system")}
    return found if {"Hostname", "Fqdn"} <= found.keys() else None


def read(file: EvidenceFile, *, asked: Asked) -> Iterator[Batch]:
    """Yield one batch: `settings`, with `sources` and `problems`."""
    problems = Problems()
    info = _info(bytes(file.data[:_LARGEST])) or {}
    found = {name: info[name] for name in _FACTS if isinstance(info.get(name), (str, int, float)) and info[name] != ""}
    cells: dict[str, list[str | None]] = {"name": list(found), "value": [str(value) for value in found.values()]}
    cells |= {"origin": [ORIGIN] * len(found)}
    yield {
        "settings": table_of("settings", cells, kinds={}),
        "sources": source_of(problems, loaded=len(found)),
        "problems": problems.table(),
    }
