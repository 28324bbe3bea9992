"""Loaders: evidence files → batches of vocabulary tables. Each has `read`, NAME and LOOKS_FOR; and `sniff`, if it reads whole
files, or `own_lines`, if it reads parts of a text, or both.

A loader is imported when a file is first shown to it: most files are logs, which the first one claims.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

from capi2kit.loaders.evtx.framing import HEADER, SNIFFED
from capi2kit.loaders.evtx.recordids import CHUNK

_TRIAGE = ("triage.hives", "triage.urlcaches", "triage.clients", "triage.iispools")
NAMES = ("evtx", "eventxml", "pki", *_TRIAGE, "w3c", "uls", "kit", "pasted")  # in this order
PARTS = (
    "eventxml",
    "uls",
    "w3c",
    "registry",
    "netsh",
    "certutil",
    "workers",
)  # in this order; `pasted` asks them for their lines
_PASTED = 1 << 18  # bytes of a text in which parts of several kinds are looked for
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
    """The first loader that claims a file by its first bytes; `pasted` if that is a whole text with parts of others in it."""
    loader = next((loader for loader in _loaders() if loader.sniff(head, name)), None)
    if loader is not None and loader.NAME in ("eventxml", "w3c", "uls") and len(head) < _PASTED:
        pasted = loader_named("pasted")
        return pasted if pasted.is_mixed(head, name, loader=loader.NAME) else loader
    return loader


def known_formats() -> str:
    """What each loader looks for, as a sentence part for messages."""
    names = dict.fromkeys([*NAMES[:-1], *PARTS, NAMES[-1]])
    return "; ".join(str(loader_named(name).LOOKS_FOR) for name in names)
