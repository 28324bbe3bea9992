"""Parquet: a file per table with the dtypes of the vocabulary; table, program and version of the schema are in its metadata."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import BinaryIO

import pandas as pd

from capi2kit import __version__
from capi2kit.analysis import Analysis
from capi2kit.knowledge.vocabulary import SCHEMA_VERSION
from capi2kit.render.exports import Part, tables_of
from capi2kit.words import count


def parts(analysis: Analysis, *, tables: Sequence[str]) -> Iterator[Part]:
    """A part per table."""
    for name, table in tables_of(analysis, tables).items():
        said = f"table {name}, {count(len(table), 'row')}, none left out; schema {SCHEMA_VERSION}"
        yield Part(name, partial(_write, table, name=name), said)


def _write(table: pd.DataFrame, file: BinaryIO, *, name: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    made = pa.Table.from_pandas(table, preserve_index=False)
    facts = {
        "capi2kit.table": name,
        "capi2kit.schema_version": str(SCHEMA_VERSION),
        "capi2kit.version": __version__,
    }
    pq.write_table(made.replace_schema_metadata({**(made.schema.metadata or {}), **facts}), file)
