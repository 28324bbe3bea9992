"""Loader `registry`: registry keys as a .reg file or as `reg query` prints them.

What follows in the same file of netsh is read as well (see `settings`).
"""

from __future__ import annotations

from collections.abc import Iterator

from capi2kit.loaders.evidence import Asked, EvidenceFile
from capi2kit.loaders.settings.lines import KEY, PROMPT, QUERIED_KEY, VERSION_4, VERSION_5, read_settings
from capi2kit.loaders.text.lines import head_of
from capi2kit.winevent import Batch

NAME = "registry"
LOOKS_FOR = "a registry export (.reg) or output of reg query"


def begins_with_key(text: str) -> bool:
    """Whether a text begins, after prompts and remarks, with a registry key or the heading of a .reg file."""
    lines = filter(None, map(str.strip, text.splitlines()))
    first = next((line for line in lines if not (PROMPT.match(line) or line.startswith(";"))), "")
    return first in (VERSION_5, VERSION_4) or bool(KEY.match(first) or QUERIED_KEY.match(first))


def sniff(head: bytes, name: str) -> bool:
    """True for text that begins with a registry key."""
    return begins_with_key(head_of(head))


def read(file: EvidenceFile, *, asked: Asked) -> Iterator[Batch]:
    """Yield one batch: `settings`, and the `sources` row and `problems`."""
    yield from read_settings(file, asked=asked, engine=NAME)
