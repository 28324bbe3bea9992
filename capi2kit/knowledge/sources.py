"""Sources: what the ids in the column `source` of tables, rules and remedies mean, and where to look them up."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from capi2kit.errors import KnowledgeError
from capi2kit.knowledge import rows


class Source(NamedTuple):
    """One row of sources.csv: what it is, and its public address or how to get it."""

    what: str
    address: str


@cache
def sources() -> dict[str, Source]:
    """All sources by their id."""
    return {row["id"]: Source(row["what"], row["address"]) for row in rows("sources")}


def ids_in(cell: str) -> list[str]:
    """The ids in a cell such as ``headers; own``."""
    return [part.strip() for part in cell.split(";")]


def sources_of(cell: str) -> list[Source]:
    """The sources that a cell names. Raises KnowledgeError for an id that sources.csv does not have."""
    if unknown := [name for name in ids_in(cell) if name not in sources()]:
        raise KnowledgeError(f"no source has the id {unknown[0]!r}", file="sources.csv")
    return [sources()[name] for name in ids_in(cell)]
