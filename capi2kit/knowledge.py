"""Knowledge: the tables in `data/`, and the check that a DataFrame speaks the vocabulary.

Everything capi2kit knows about Windows stands in these CSV files, each row with
its source. This module reads them; nothing here knows an event id.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from capi2kit.errors import KnowledgeError, TableError

if TYPE_CHECKING:
    import pandas as pd

DATA = Path(__file__).parent / "data"
UNKNOWN_OPERATION = "Task {task}"


class Operation(NamedTuple):
    """One row of operations.csv. `rank` is the nesting depth (1 outermost) or None."""

    name: str
    title: str
    rank: int | None
    wire: bool
    cache: bool
    accumulative_flag: str = ""
    cache_only_flag: str = ""
    meaning: str = ""


class Code(NamedTuple):
    """One row of codes.csv."""

    symbol: str
    text: str
    outcome: str
    meaning: str


@cache
def rows(name: str) -> tuple[dict[str, str], ...]:
    """The rows of `data/<name>.csv` as dicts. Raises KnowledgeError with file and line."""
    file = f"{name}.csv"
    try:
        with (DATA / file).open(encoding="utf-8", newline="") as lines:
            reader = csv.DictReader(lines)
            table = []
            for row in reader:
                if None in row or None in row.values() or not row.get("source"):
                    raise KnowledgeError("wrong number of cells, or no source", file=file, line=reader.line_num)
                table.append(row)
    except OSError as err:
        raise KnowledgeError(f"cannot be read ({err})", file=file) from err
    return tuple(table)


@cache
def columns(table: str) -> dict[str, str]:
    """The columns of one table and their dtypes, in order."""
    found = {row["column"]: row["dtype"] for row in rows("columns") if row["table"] == table}
    if not found:
        raise KnowledgeError(f"no table {table!r}", file="columns.csv")
    return found


@cache
def operation_rows() -> dict[tuple[str, str, str], Operation]:
    """operations.csv by (channel, task, event_id); an empty text matches anything."""
    found = {}
    for row in rows("operations"):
        rank = int(row["rank"]) if row["rank"] else None
        found[row["channel"], row["task"], row["event_id"]] = Operation(
            row["operation"],
            row["title"],
            rank,
            row["wire"] == "1",
            row["cache"] == "1",
            row["accumulative_flag"],
            row["cache_only_flag"],
            row["meaning"],
        )
    return found


def operation(channel: str | None, task: int | None, event_id: int | None) -> Operation:
    """The operation of an event, the most specific row of operations.csv; unknown ones are named for their task."""
    known = operation_rows()
    for key in ((channel, task, event_id), (channel, task, None), (None, task, event_id), (None, None, event_id)):
        found = known.get(("" if key[0] is None else key[0], *("" if k is None else str(k) for k in key[1:])))
        if found and any(k is not None for k in key):
            return found
    name = UNKNOWN_OPERATION.format(task="?" if task is None else task)
    return Operation(name, name, None, False, False)


@cache
def operations_by_name() -> dict[str, Operation]:
    """operations.csv by operation name."""
    return {found.name: found for found in operation_rows().values()}


def operations_where(**wanted: bool) -> list[str]:
    """Names of the operations with these properties, e.g. `wire=True`."""
    known = operations_by_name().values()
    return [op.name for op in known if all(getattr(op, key) == value for key, value in wanted.items())]


@cache
def providers() -> frozenset[str]:
    """Names of the event providers whose events are loaded without asking."""
    return frozenset(row["provider"] for row in rows("operations"))


@cache
def codes() -> dict[int, Code]:
    """codes.csv by result code."""
    return {
        int(row["code"], 16): Code(row["symbol"], row["text"], row["outcome"], row["meaning"]) for row in rows("codes")
    }


def normal_code(code: int) -> int:
    """A bare Win32 or WinHTTP code stands for 0x8007xxxx."""
    return code | 0x80070000 if 0 < code < 0x10000 else code


def code_text(code: int) -> str:
    """A code as people write it, with its symbol where known: ``0x80092013 CRYPT_E_REVOCATION_OFFLINE``."""
    known = codes().get(normal_code(code))
    return f"0x{normal_code(code):08X}" + (f" {known.symbol}" if known else "") if code else "0"


def outcome_of(code: int) -> str:
    """One word for a result code; `failed` for one that codes.csv does not know."""
    known = codes().get(normal_code(code))
    return known.outcome if known else ("ok" if code == 0 else "failed")


@cache
def flag(name: str) -> int:
    """The value of a flag by its name, e.g. CERT_CHAIN_REVOCATION_ACCUMULATIVE_TIMEOUT."""
    for row in rows("flags"):
        if row["name"] == name:
            return int(row["value"], 16)
    raise KnowledgeError(f"no flag {name!r}", file="flags.csv")


@cache
def trust_columns() -> dict[str, int]:
    """The boolean columns of `spans` for trust errors, and their bits."""
    return {row["column"]: int(row["value"], 16) for row in rows("flags") if row["column"] and row["value"]}


@cache
def account(sid: str | None) -> tuple[str, str]:
    """Kind and name of an account by its SID: exact, else the longest `…-*` prefix."""
    if not sid:
        return "unknown", ""
    matches = [row for row in rows("accounts") if row["sid"] == sid]
    matches += [row for row in rows("accounts") if row["sid"].endswith("*") and sid.startswith(row["sid"][:-1])]
    exact = [row for row in matches if row["sid"] == sid] or sorted(matches, key=lambda row: -len(row["sid"]))
    return (exact[0]["kind"], exact[0]["name"]) if exact else ("unknown", "")


@cache
def url_role(url: str | None) -> str | None:
    """What a URL is fetched for: CRL, OCSP, AIA, CTL or None."""
    for row in rows("url_roles"):
        if url and re.search(row["pattern"], url, re.IGNORECASE):
            return row["role"] or None
    return None


def check(table: pd.DataFrame, name: str, *, needs: Iterable[str] | None = None) -> None:
    """Raise TableError unless `table` has the columns (all, or those in `needs`) and dtypes of table `name`."""
    known = columns(name)
    found = dict(zip(table.columns, table.dtypes, strict=True))
    for column in needs or known:
        if column not in found:
            if column in table.index.names:
                continue
            raise TableError(f"{name!r} lacks the column {column!r}; hand in the table as capi2kit made it")
        dtype = _dtype_name(found[column])
        if dtype != known[column]:
            raise TableError(f"{name}.{column} is {dtype}, the vocabulary says {known[column]}")


@cache
def _dtype_name(dtype: object) -> str:
    return str(dtype)
