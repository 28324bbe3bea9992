"""Labels: what certutil, netsh and reg call their values, in the languages of data/labels.csv.

Letters with accents are often damaged on the way from a console into a file, so a label is also known by
what is left of it: `Dateigröße` by `Dateigr?e`.
"""

from __future__ import annotations

import re
from functools import cache

from capi2kit.knowledge import rows

_FOREIGN = re.compile(r"[^\x20-\x7e]+")
_ENOUGH = 5  # plain letters that must stay of a label to know it by them
# `label:` or `label =`; neither an address such as http://… nor a drive such as C:\…
_LABEL = re.compile(r"([^\s:=][^:=]{0,120}?)\s{0,40}(?::(?![\\/])|\s=(?=\s|$))")
_LONGEST = 400  # characters in which a label must end


def column_of(tool: str, label: str) -> str | None:
    """The column that a label of a tool fills, or its part in the text such as ``(entry)``; None if unknown."""
    known = _columns(tool)
    plain = _plain(label)
    return known.get(plain) or known.get(_worn(plain))


def labelled(line: str) -> tuple[str, str] | None:
    """Label and value of a line such as ``NotAfter: 9/8/2027 10:34 AM`` or ``Provider = x``; None for other lines."""
    line = line.strip()
    found = _LABEL.match(line[:_LONGEST])
    return (found[1], line[found.end() :].strip()) if found else None


def add_line(more: dict[str, object], line: str) -> None:
    """Add a line to what has no column: under its label, or under ``lines`` if it has none."""
    pair = labelled(line)
    if pair:
        add_to(more, pair[0], value=pair[1])
    elif line.strip():
        add_to(more, "lines", value=line.strip())


def add_to(more: dict[str, object], label: str, *, value: str) -> None:
    """Add a value to what has no column; a label that comes again holds a list."""
    there = more.get(label)
    if isinstance(there, list):
        there.append(value)
    else:
        more[label] = value if label not in more else [there, value]


@cache
def pattern_of(tool: str, column: str) -> str:
    """A regular expression for all labels of a column, whole or damaged; the longest first."""
    found = [row["label"] for row in rows("labels") if (row["tool"], row["column"]) == (tool, column)]
    return "|".join(map(_loose, sorted(found, key=len, reverse=True)))


def _loose(label: str) -> str:
    parts = (r"\s+".join(map(re.escape, part.split(" "))) for part in _FOREIGN.split(label))
    return r"[^\x20-\x7e]{1,8}".join(parts)


@cache
def _columns(tool: str) -> dict[str, str]:
    found = {_plain(row["label"]): row["column"] for row in rows("labels") if row["tool"] == tool}
    worn = {_worn(label): column for label, column in found.items()}
    return {label: column for label, column in worn.items() if len(label) > _ENOUGH} | found


def _plain(label: str) -> str:
    return " ".join(label.split()).lower().rstrip(".")


def _worn(label: str) -> str:
    return _FOREIGN.sub("?", label)
