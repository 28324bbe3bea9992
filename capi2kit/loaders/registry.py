"""Loader `registry`: registry keys as a .reg file or as `reg query` prints them.

What there is in the same text of netsh is read as well (see `settings`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from capi2kit.loaders.evidence import Asked, EvidenceFile
from capi2kit.loaders.settings import extent
from capi2kit.loaders.settings.lines import read_settings
from capi2kit.winevent import Batch

NAME = "registry"
LOOKS_FOR = "a registry export (.reg) or output of reg query"


def own_lines(texts: Sequence[str]) -> list[range]:
    """The lines of settings, if those of the registry come first; else they are of netsh."""
    found = extent.own_lines(texts)
    return found if extent.is_registry(texts, found) else []


def read(file: EvidenceFile, *, asked: Asked) -> Iterator[Batch]:
    """Yield one batch: `settings`, and the `sources` row and `problems`."""
    yield from read_settings(file, asked=asked, engine=NAME)
