"""Loader `netsh`: the proxy of WinHTTP as `netsh winhttp show proxy` and `show advproxy` print it.

What follows in the same file of `reg query` or a .reg file is read as well (see `settings`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from capi2kit.loaders.evidence import Asked, EvidenceFile
from capi2kit.loaders.registry import begins_with_key
from capi2kit.loaders.settings.lines import heading_of, read_settings
from capi2kit.loaders.text.lines import head_of
from capi2kit.winevent import Batch

NAME = "netsh"
LOOKS_FOR = "output of netsh winhttp show proxy or show advproxy"
_OTHER = re.compile(r"[<#]|(?:\S{1,80}\s{1,8}){14}")  # markup, or prose
_LINES = 12  # prompts and banners above the heading


def sniff(head: bytes, name: str) -> bool:
    """True if the heading of netsh is among the first lines, and none of them is markup, prose or a registry key."""
    text = head_of(head)
    first = list(filter(None, map(str.strip, text.splitlines())))[:_LINES]
    if begins_with_key(text) or any(_OTHER.match(line) for line in first):
        return False
    return any(heading_of(line) for line in first)


def read(file: EvidenceFile, *, asked: Asked) -> Iterator[Batch]:
    """Yield one batch: `settings`, and the `sources` row and `problems`."""
    yield from read_settings(file, asked=asked, engine=NAME)
