"""Store: the tables of many computers as one folder of Parquet files, and questions about all of them in SQL.

    DIR/store.json                    which schema its tables have
    DIR/manifest.json                 which files count: of each collection its evidence, its computers, its files
    DIR/tables/waits/machine=WEB01/…  a file per table, computer and collection

A collection is the evidence of one computer (or of some that share a file). Its files are written first; then the manifest is replaced in
one step. So whoever opens the store, at whatever moment, sees the old tables or the new ones; what a killed run left is swept up by the
next. Only one run writes at a time. DuckDB is imported when a question is asked.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from capi2kit.columns.cells import empty, shaped
from capi2kit.errors import Capi2kitError, StoreError
from capi2kit.knowledge import columns
from capi2kit.knowledge.queries import queries
from capi2kit.writer import safe_name, short_hash, written

if TYPE_CHECKING:
    from capi2kit.analysis import Analysis

SCHEMA_VERSION = 1  # of the tables in the store, and of its manifest
READ = (
    *("sources", "problems", "coverage", "events", "steps", "chain", "certificates", "cache_entries"),
    *("verifications", "settings", "trust_lists"),
)
DERIVED = ("spans", "waits", "delays", "startups", "ledger", "findings", "confirmations", "clocks")
TABLES = (*READ, *DERIVED)
MEMORY = "2GB"  # that a question may take
_ADDED = ("machine", "collection")  # columns of every table in a store
PathLike = str | os.PathLike[str]


class Evidence(NamedTuple):
    """One file of evidence as it was when it was read."""

    path: str
    bytes: int
    mtime_ns: int
    sha256: str


class Part(NamedTuple):
    """A file of the store: which rows it holds, and how many."""

    table: str
    machine: str
    path: str
    rows: int


class Unit(NamedTuple):
    """A collection, the evidence of one computer, as a store knows it: its files and tables. `error`: why it has none, or old ones."""

    name: str
    evidence: list[Evidence]
    machines: list[str]
    parts: list[Part]
    made: str
    error: str | None = None

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Unit:
        """A unit as the manifest has it."""
        evidence = [Evidence(*one) for one in found["evidence"]]
        return cls(**{**found, "evidence": evidence, "parts": [Part(*one) for one in found["parts"]]})


class Store:
    """A store that is open for reading. Its tables are attributes (``store.waits``), read when they are asked for."""

    def __init__(self, folder: PathLike) -> None:
        self.folder = os.fspath(folder)
        self._units = list(manifest_of(self.folder).values())
        parts = [part for unit in self._units for part in unit.parts]
        self._parts = [part for part in parts if os.path.exists(os.path.join(self.folder, part.path))]
        gone = {part.path for part in parts} - {part.path for part in self._parts}
        self.incomplete = sorted(unit.name for unit in self._units if any(part.path in gone for part in unit.parts))

    @cached_property
    def collections(self) -> pd.DataFrame:
        """One row per collection: collection, machines, evidence (files), bytes, rows, made, error."""
        rows = [
            {
                "collection": unit.name,
                "machines": ", ".join(unit.machines),
                "evidence": len(unit.evidence),
                "bytes": sum(one.bytes for one in unit.evidence),
                "rows": sum(part.rows for part in unit.parts),
                "made": unit.made,
                "error": unit.error or ("files are gone: ingest it again" if unit.name in self.incomplete else None),
            }
            for unit in self._units
        ]
        names = ["collection", "machines", "evidence", "bytes", "rows", "made", "error"]
        kinds = {"collection": "string", "machines": "string", "made": "string", "error": "string"}
        return pd.DataFrame(rows, columns=names).astype(kinds)

    def dataset(self, table: str) -> ds.Dataset:
        """The files of a table as an Arrow dataset; nothing is read yet. Raises StoreError for a table that there is not."""
        if table not in TABLES:
            raise StoreError(f"there is no table {table!r}; choose of {', '.join(TABLES)}")
        files = [os.path.join(self.folder, part.path) for part in self._parts if part.table == table]
        schema = schema_of(table)
        return ds.dataset(files, schema=schema, format="parquet") if files else ds.dataset(schema.empty_table())

    def __getattr__(self, name: str) -> pd.DataFrame:
        if name not in TABLES:
            raise AttributeError(f"a store has no table {name!r}; it has {', '.join(TABLES)}")
        found = self.dataset(name).to_table().to_pandas()
        table = shaped(found, name).assign(**{column: found[column].astype("string") for column in _ADDED})
        self.__dict__[name] = table
        return table

    def query(self, question: str, **parameters: object) -> pd.DataFrame:
        """Ask a named question, or one in SQL.

        Parameters
        ----------
        question : the name of one of `queries`, or a SELECT over the tables of the store.
        parameters : values for the ``$names`` in it.

        Returns
        -------
        DataFrame : the rows of the answer.

        Raises
        ------
        StoreError : it is no single SELECT, or DuckDB refuses it; the message says why.
        """
        named = queries().get(question)
        if named is None and " " not in question.strip():
            known = ", ".join(queries())
            raise StoreError(f"there is no question {question!r}; choose of {known}, or write a SELECT")
        sql = named.sql if named else question
        return _answered(self, sql, parameters=(named.parameters if named else {}) | parameters)

    def __repr__(self) -> str:
        failed = int(self.collections["error"].notna().sum())
        machines = len({part.machine for part in self._parts})
        return f"<store {self.folder}: {machines} computers, {len(self._units)} collections, {failed} with an error>"


def open_store(folder: PathLike) -> Store:
    """Open a store for reading.

    Parameters
    ----------
    folder : where `ingest` wrote it.

    Returns
    -------
    Store : its tables are attributes, such as ``store.waits``, in the columns of ``data/columns.csv`` with `machine` and `collection`;
        ``store.query("worst-servers")`` asks a question; ``store.collections`` says what it was made of.

    Raises
    ------
    StoreError : it is no store, or was written by a newer capi2kit.
    """
    return Store(folder)


@cache
def schema_of(table: str) -> pa.Schema:
    """The Arrow schema of a table in a store."""
    frame = empty(table)[list(columns(table))].assign(**{name: pd.Series(dtype="string") for name in _ADDED})
    return pa.Schema.from_pandas(frame, preserve_index=False).remove_metadata()


def write_unit(folder: PathLike, name: str, *, evidence: Sequence[Evidence], analysis: Analysis) -> Unit:
    """Write the tables of a unit. They do not count before the manifest says so: see `Writing.commit`."""
    machines = _machines(analysis, name)
    parts: list[Part] = []
    for table in TABLES:
        found = getattr(analysis if table in DERIVED else analysis.case, table)
        found = found.reset_index() if table == "events" else found
        if len(found):
            parts += _write_table(folder, name, table=table, found=found, machines=machines, mark=_mark(evidence))
    return Unit(name, list(evidence), machines, parts, now())


def manifest_of(folder: PathLike) -> dict[str, Unit]:
    """The units of a store, by name. Raises StoreError if it is no store, or one that this version does not know."""
    path = os.path.join(folder, "manifest.json")
    known = os.path.join(folder, "store.json")
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
        version = int(found["schema_version"])
        if version > SCHEMA_VERSION:
            message = (
                f"was written by a newer capi2kit (schema {version}, this one knows {SCHEMA_VERSION}); update capi2kit"
            )
            raise StoreError(f"{os.fspath(folder)}: {message}, or ingest the evidence into a new store")
        return {name: Unit.from_json(unit) for name, unit in found["units"].items()}
    except FileNotFoundError:
        if os.path.exists(known):  # made, but nothing is in it yet
            return {}
        raise StoreError(
            f"{os.fspath(folder)}: is no store; `capi2kit ingest EVIDENCE --store DIR` makes one"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as err:
        message = f"its manifest cannot be read ({err}); ingest the evidence into a new store"
        raise StoreError(f"{os.fspath(folder)}: {message}") from err


def failed_unit(folder: PathLike, name: str, *, evidence: Sequence[Evidence], error: str) -> Unit:
    """A unit of which nothing could be read: the reason is a row of `problems`."""
    row = {"source": 0, "stage": "file", "error": "not read", "message": error, "lost": 0}
    found = shaped(pd.DataFrame([row]), "problems")
    with suppress(Capi2kitError):  # the manifest has the reason, too
        mark = _mark(evidence, error)
        parts = list(_write_table(folder, name, table="problems", found=found, machines=[name], mark=mark))
        return Unit(name, list(evidence), [], parts, now(), error)
    return Unit(name, list(evidence), [], [], now(), error)


def _write_table(
    folder: PathLike, name: str, *, table: str, found: pd.DataFrame, machines: list[str], mark: str
) -> Iterator[Part]:
    """A file for each computer; what names none belongs to the first one."""
    named = found["host"] if "host" in found.columns else pd.Series(pd.NA, found.index, dtype="string")
    host = named.map({**{short_name(one): one for one in reversed(machines)}, **{one: one for one in machines}})
    host = host.fillna(machines[0])
    for machine in sorted(host.unique()):
        some = found[(host == machine).to_numpy(bool)]
        rows = pa.Table.from_pandas(
            shaped(some, table).assign(machine=machine, collection=name), schema=schema_of(table), preserve_index=False
        )
        file = f"{safe_name(name)}-{mark}.parquet"
        path = "/".join(["tables", table, f"machine={safe_name(machine)}", file])
        target = Path(folder, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with written(target, force=True) as opened:
            pq.write_table(rows, opened, compression="zstd")
        yield Part(table, machine, path, len(some))


def _machines(analysis: Analysis, name: str) -> list[str]:
    """The computers of an analysis, the one with the most events first; the name of the unit if it names none.

    A short name that is also there as a whole one, as programs write both, is no computer of its own.
    """
    found = analysis.case.events["host"].dropna().value_counts().index.astype(str).tolist() or [name]
    whole = {short_name(one) for one in found if "." in one}
    return [one for one in found if one not in whole]


def short_name(computer: str) -> str:
    """The name of a computer without its domain."""
    return computer.partition(".")[0]


def _answered(store: Store, sql: str, *, parameters: Mapping[str, object]) -> pd.DataFrame:
    """The answer to a SELECT. DuckDB sees the tables of the store, and nothing else: no file, no network, no other statement."""
    import duckdb

    try:
        with duckdb.connect(
            config={"memory_limit": MEMORY, "temp_directory": "", "autoinstall_known_extensions": False}
        ) as database:
            statements = database.extract_statements(sql)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                raise StoreError("a question is one SELECT: nothing in a store can be changed")
            for table in TABLES:
                database.register(f"_{table}", store.dataset(table))
                times = [name for name, dtype in columns(table).items() if dtype.startswith("datetime")]
                cast = ", ".join(f'CAST("{name}" AS TIMESTAMPTZ) AS "{name}"' for name in times)
                database.execute(f"CREATE VIEW {table} AS SELECT * {f'REPLACE ({cast})' if cast else ''} FROM _{table}")
            database.execute("SET enable_external_access=false; SET lock_configuration=true")
            return database.execute(statements[0], dict(parameters) or None).df()
    except duckdb.Error as err:
        raise StoreError(f"the question cannot be answered: {str(err).strip()}") from err


def _mark(evidence: Sequence[Evidence], more: str = "") -> str:
    """What names the files of one state of the evidence: the same for the same bytes."""
    return short_hash(" ".join([str(SCHEMA_VERSION), *sorted(one.sha256 for one in evidence), more]))


def now() -> str:
    """This moment, as a store writes it."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
