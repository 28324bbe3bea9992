"""Lines in which labels run together, since line breaks were lost: where each part begins."""

from __future__ import annotations

import re
from functools import cache

from capi2kit.knowledge.eventlabels import label_key, labels

_ENDING = 2  # characters at the end of a label
_TOGETHER = 4  # labels on one line that show that line breaks were lost


def edges_in(line: str) -> list[int]:
    """Where the parts of a line begin: at its labels if there are enough of them, else only at its own beginning."""
    marks = list(_together().finditer(line)) if _may_run_together(line) else []
    return [mark.start() for mark in marks] if len({label_key(mark[1]) for mark in marks}) >= _TOGETHER else [0]


@cache
def _together() -> re.Pattern[str]:
    """Labels that run together on one line, each with its colon."""
    return re.compile(rf"(?<!\w)({'|'.join(map(re.escape, labels()))})[ \t]*[:\uff1a](?!//|\\)", re.IGNORECASE)


@cache
def _endings() -> frozenset[str]:
    """How labels end."""
    return frozenset(label[-_ENDING:].lower() for label in labels())


def _may_run_together(line: str) -> bool:
    """Whether enough colons of a line are behind something that ends like a label: a line of another log has many, and few such."""
    if line.count(":") < _TOGETHER:
        return False
    before = line.replace("\uff1a", ":").split(":")[:-1]
    ends = _endings()
    return sum(part.rstrip(" \t")[-_ENDING:].lower() in ends for part in before) >= _TOGETHER
