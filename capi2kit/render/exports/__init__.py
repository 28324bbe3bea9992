"""Exports: the tables of an analysis as files for other programs; the ending of the name decides.

Each format is a module with ``parts(analysis, *, tables) -> Iterator[Part]``: a part is one file, with what it says of itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, BinaryIO

from capi2kit.errors import Capi2kitError
from capi2kit.writer import check_target, written

if TYPE_CHECKING:
    import pandas as pd

    from capi2kit.analysis import Analysis

EXPORTS = {  # longer endings first
    ".timesketch.jsonl": "timesketch",
    ".trace.json": "trace",
    ".csv": "csvfile",
    ".jsonl": "jsonlines",
    ".parquet": "parquet",
}
FIRST = "events"  # the table that a file of several tables is named for
_READ = (
    *("sources", "problems", "coverage", "events", "steps", "chain", "certificates", "cache_entries"),
    *("verifications", "settings", "trust_lists"),
)
_DERIVED = ("spans", "waits", "delays", "startups", "ledger", "findings", "confirmations", "clocks")
TABLES = (*_DERIVED, *_READ)
PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class Part:
    """One file of an export: the table in it, what writes it, and what is to be said of it."""

    table: str
    write: Callable[[BinaryIO], None]
    said: str


def ending_of(path: PathLike) -> str:
    """Which of the known endings a name has; empty if none."""
    name = os.fspath(path).lower()
    return next((ending for ending in EXPORTS if name.endswith(ending)), "")


def export(
    analysis: Analysis,
    path: PathLike,
    *,
    tables: Sequence[str] = (),
    evidence: Iterable[PathLike] = (),
    force: bool = False,
) -> list[str]:
    """Write tables to `path`, and to files beside it where the format holds one table a file.

    Parameters
    ----------
    tables : which; all that are not empty if none is named. Of several, `path` holds the events, and ``x.waits.csv`` the waits.
    evidence : files that must not be written to. `force` : overwrite files that are there.

    Returns
    -------
    list of str : a sentence for each file: how many rows it holds, which were left out, and why.

    Raises
    ------
    Capi2kitError : a table that does not exist. OutputError : a file cannot be written.
    """
    ending = ending_of(path)
    if unknown := [name for name in tables if name not in TABLES]:
        raise Capi2kitError(f"there is no table {unknown[0]!r}; choose of {', '.join(TABLES)}")
    parts = list(import_module(f"capi2kit.render.exports.{EXPORTS[ending]}").parts(analysis, tables=tables))
    names = names_of(path, [part.table for part in parts], ending=ending)
    protected = list(evidence)
    for name in names:
        check_target(name, evidence=protected, force=force)
    said = []
    for part, name in zip(parts, names, strict=True):
        with written(name, evidence=protected, force=force) as file:
            part.write(file)
        said.append(f"{name}: {part.said}")
    return said


def names_of(path: PathLike, tables: Sequence[str], *, ending: str) -> list[str]:
    """The file of each table: `path` itself for a single one and for the events, else with the table before its ending."""
    name = os.fspath(path)
    stem = name[: -len(ending)]
    whole = FIRST if FIRST in tables else tables[0] if tables else ""
    return [name if table == whole else f"{stem}.{table}{name[-len(ending) :]}" for table in tables]


def tables_of(analysis: Analysis, names: Sequence[str]) -> dict[str, pd.DataFrame]:
    """The tables by name, with their indexes as columns; those that are not empty if none is named."""
    from capi2kit.knowledge import columns

    found = {name: getattr(analysis if name in _DERIVED else analysis.case, name) for name in (names or TABLES)}
    if FIRST in found:
        found[FIRST] = found[FIRST].reset_index()[list(columns(FIRST))]
    return {name: table for name, table in found.items() if names or len(table)}
