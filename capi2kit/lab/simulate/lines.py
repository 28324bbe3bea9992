"""Lines: text files as Windows writes them, which no name in a scenario can break."""

from __future__ import annotations

import re
from collections.abc import Iterable

_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")  # whatever a reader may take for an end


def plain(text: str) -> str:
    """A text for one field of a line: no tab, no line break, nothing that cannot be encoded."""
    return _BREAKS.sub(" ", text)


def join_lines(lines: Iterable[str]) -> bytes:
    """Lines as UTF-8, each with CR and LF behind it."""
    return "".join(f"{line}\r\n" for line in lines).encode("utf-8")
