"""Loaders: evidence files → batches of vocabulary tables. Each has `sniff`, `read`, NAME and LOOKS_FOR.

A loader is imported when a file is first shown to it: most files are logs, which the first one claims.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

from capi2kit.loaders.evtx.framing import HEADER, SNIFFED
from capi2kit.loaders.evtx.recordids import CHUNK

NAMES = (
    "evtx",
    "eventxml",
    "pki",
    "w3c",
    "uls",
    "certutil",
    "netsh",
    "registry",
    "workers",
    "kit",
    "pasted",
)  # in this order
HEAD = HEADER + SNIFFED * CHUNK  # as much of a file as `sniff` is shown


def __getattr__(name: str) -> Any:
    """`LOADERS`: all of them, in the order in which files are shown to them."""
    if name == "LOADERS":
        return tuple(_loaders())
    raise AttributeError(f"module 'capi2kit.loaders' has no attribute {name!r}")


def _loaders() -> Iterator[ModuleType]:
    return map(loader_named, NAMES)


def loader_named(name: str) -> ModuleType:
    """The loader of this name."""
    return import_module(f"capi2kit.loaders.{name}")


def loader_for(head: bytes, name: str) -> ModuleType | None:
    """The first loader that claims a file by its first bytes."""
    return next((loader for loader in _loaders() if loader.sniff(head, name)), None)


def known_formats() -> str:
    """What each loader looks for, as a sentence part for messages."""
    return "; ".join(str(loader.LOOKS_FOR) for loader in _loaders())
