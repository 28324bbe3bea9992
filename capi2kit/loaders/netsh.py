"""Loader `netsh`: the proxy of WinHTTP as `netsh winhttp show proxy` and `show advproxy` print it.

What there is in the same text of `reg query` or a .reg file is read as well (see `settings`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from capi2kit.loaders.evidence import Asked, EvidenceFile
from capi2kit.loaders.settings import extent
from capi2kit.loaders.settings.lines import read_settings
from capi2kit.winevent import Batch

NAME = "netsh"
LOOKS_FOR = "output of netsh winhttp show proxy or show advproxy"


def own_lines(texts: Sequence[str]) -> list[range]:
    """The lines of settings, if those of netsh come first; else they are of the registry."""
    found = extent.own_lines(texts)
    return [] if extent.is_registry(texts, found) else found


def read(file: EvidenceFile, *, asked: Asked) -> Iterator[Batch]:
    """Yield one batch: `settings`, and the `sources` row and `problems`."""
    yield from read_settings(file, asked=asked, engine=NAME)
