"""JSON lines: a file per table, one object per row, in the columns of the vocabulary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import BinaryIO

import pandas as pd

from capi2kit.analysis import Analysis
from capi2kit.render.exports import Part, tables_of
from capi2kit.render.exports.cells import json_text, plain_columns
from capi2kit.words import count


def parts(analysis: Analysis, *, tables: Sequence[str]) -> Iterator[Part]:
    """A part per table."""
    for name, table in tables_of(analysis, tables).items():
        yield Part(name, partial(_write, table), f"table {name}, {count(len(table), 'row')}, none left out")


def _write(table: pd.DataFrame, file: BinaryIO) -> None:
    file.writelines(f"{line}\n".encode() for line in json_rows(table))


def json_rows(table: pd.DataFrame, *, ascii_only: bool = False) -> Iterator[str]:
    """Each row as an object; what is missing is null."""
    names = [str(name) for name in table.columns]
    for values in zip(*plain_columns(table), strict=True):
        yield json_text(dict(zip(names, values, strict=True)), ascii_only=ascii_only)
