"""CSV: a file per table, one line per row; no cell begins a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from functools import partial
from typing import IO, BinaryIO, cast

import pandas as pd

from capi2kit.analysis import Analysis
from capi2kit.render.exports import Part, tables_of
from capi2kit.render.exports.cells import plain_columns, without_formula
from capi2kit.words import count


def parts(analysis: Analysis, *, tables: Sequence[str]) -> Iterator[Part]:
    """A part per table."""
    for name, table in tables_of(analysis, tables).items():
        yield Part(name, partial(_write, table), f"table {name}, {count(len(table), 'row')}, none left out")


def _write(table: pd.DataFrame, file: BinaryIO) -> None:
    text = io.TextIOWrapper(cast(IO[bytes], file), encoding="utf-8", errors="backslashreplace", newline="")
    try:
        write_csv(table, text)
        text.flush()
    finally:
        text.detach()


def write_csv(table: pd.DataFrame, file: IO[str]) -> None:
    """The table as CSV: its columns in the first line."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows(zip(*plain_columns(table, text=without_formula), strict=True))
