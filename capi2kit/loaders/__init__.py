"""Loaders: evidence files → batches of vocabulary tables. Each has `sniff`, `read`, NAME and LOOKS_FOR."""

from __future__ import annotations

from types import ModuleType

from capi2kit.loaders import certutil, eventxml, evtx, kit, netsh, pasted, pki, registry, uls, w3c, workers
from capi2kit.loaders.framing import CHUNK, HEADER, SNIFFED

LOADERS: tuple[ModuleType, ...] = (evtx, eventxml, pki, w3c, uls, certutil, netsh, registry, workers, kit, pasted)
HEAD = HEADER + SNIFFED * CHUNK  # as much of a file as `sniff` is shown


def loader_for(head: bytes, name: str) -> ModuleType | None:
    """The first loader that claims a file by its first bytes."""
    return next((loader for loader in LOADERS if loader.sniff(head, name)), None)


def known_formats() -> str:
    """What each loader looks for, as a sentence part for messages."""
    return "; ".join(str(loader.LOOKS_FOR) for loader in LOADERS)
