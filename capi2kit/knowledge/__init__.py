"""Knowledge: the tables in `data/`, and the check that a DataFrame has the columns of the vocabulary.

Everything capi2kit knows about Windows is in these CSV files, each row with
its source. This module reads them; nothing here knows an event id.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Hashable, Iterable
from functools import cache
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from capi2kit.errors import KnowledgeError, TableError

if TYPE_CHECKING:
    import pandas as pd

DATA = Path(__file__).parents[1] / "data"
_HTTP = 0x8019  # the upper half of the codes that hold an HTTP status
UNKNOWN_OPERATION = "Task {task}"
Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Operation(NamedTuple):
    """One row of operations.csv. `rank` is the nesting depth (1 outermost) or None."""

    name: str
    title: str
    rank: int | None
    wire: bool
    cache: bool
    accumulative_flag: str = ""
    cache_only_flag: str = ""
    marks: str = ""
    meaning: str = ""


class Code(NamedTuple):
    """One row of codes.csv."""

    symbol: str
    text: str
    outcome: str
    meaning: str


@cache
def _numbered(name: str) -> tuple[tuple[int, dict[str, str]], ...]:
    """Line number and cells of every row of `data/<name>.csv`."""
    file = f"{name}.csv"
    table = []
    line = 1
    try:
        with (DATA / file).open(encoding="utf-8", newline="") as lines:
            reader = csv.DictReader(lines, strict=True)
            for row in reader:
                line = reader.line_num
                if None in row or None in row.values() or not [*row.values()][-1]:
                    raise KnowledgeError("wrong number of cells, or no source in the last one", file=file, line=line)
                table.append((line, row))
    except OSError as err:
        raise KnowledgeError(f"cannot be read ({err})", file=file) from err
    except (csv.Error, UnicodeDecodeError) as err:
        raise KnowledgeError(f"not a table of comma-separated values ({err})", file=file, line=line + 1) from err
    return tuple(table)


@cache
def rows(name: str) -> tuple[dict[str, str], ...]:
    """The rows of `data/<name>.csv` as dicts. Raises KnowledgeError with file and line."""
    return tuple(row for _, row in _numbered(name))


def _keyed(name: str, *, read: Callable[[dict[str, str]], tuple[Key, Value]]) -> dict[Key, Value]:
    """What `read` makes of every row: key and value. Raises KnowledgeError with file and line."""
    found: dict[Key, Value] = {}
    for line, row in _numbered(name):
        try:
            key, value = read(row)
        except (KeyError, ValueError) as err:
            raise KnowledgeError(f"{type(err).__name__}: {err}", file=f"{name}.csv", line=line) from err
        if key in found:
            raise KnowledgeError(f"{key} appears twice", file=f"{name}.csv", line=line)
        found[key] = value
    return found


@cache
def columns(table: str) -> dict[str, str]:
    """The columns of one table and their dtypes, in order."""
    found = {row["column"]: row["dtype"] for row in rows("columns") if row["table"] == table}
    if not found:
        raise KnowledgeError(f"no table {table!r}", file="columns.csv")
    return found


def _read_operation(row: dict[str, str]) -> tuple[tuple[str, ...], Operation]:
    found = Operation(
        row["operation"],
        row["title"],
        int(row["rank"]) if row["rank"] else None,
        row["wire"] == "1",
        row["cache"] == "1",
        row["accumulative_flag"],
        row["cache_only_flag"],
        row["marks"],
        row["meaning"],
    )
    return (row["provider"], row["channel"], row["task"], row["event_id"]), found


@cache
def operation_rows() -> dict[tuple[str, ...], Operation]:
    """operations.csv by (provider, channel, task, event_id); an empty text matches anything."""
    return _keyed("operations", read=_read_operation)


def operation(
    task: int | str | None,
    event_id: int | str | None = None,
    *,
    channel: str | None = None,
    provider: str | None = None,
) -> Operation:
    """The operation of an event, the most specific row of operations.csv; unknown ones are named after their task."""
    event = tuple("" if part is None else str(part) for part in (provider, channel, task, event_id))
    known = operation_rows()
    for chosen in sorted(product((True, False), repeat=4), key=sum, reverse=True):
        key = tuple(part if given else "" for part, given in zip(event, chosen, strict=True))
        if any(key) and key in known:
            return known[key]
    if task is None and (found := _operations_without_task().get((event[0], event[1], event[3]))):
        return found
    name = UNKNOWN_OPERATION.format(task="?" if task is None else task)
    return Operation(name, name, None, False, False)


@cache
def _operations_without_task() -> dict[tuple[str, str, str], Operation]:
    """operations.csv by (provider, channel, event_id): an excerpt of an event may lack its task."""
    return {(key[0], key[1], key[3]): found for key, found in operation_rows().items() if key[0] and key[1]}


@cache
def operations_by_name() -> dict[str, Operation]:
    """operations.csv by operation name."""
    return {found.name: found for found in operation_rows().values()}


def operations_where(**wanted: bool) -> list[str]:
    """Names of the operations with these properties, e.g. `wire=True`."""
    known = operations_by_name().values()
    return [op.name for op in known if all(getattr(op, key) == value for key, value in wanted.items())]


def operations_marking(mark: str) -> list[str]:
    """Names of the operations that mark something, e.g. `process created`."""
    return [op.name for op in operations_by_name().values() if op.marks == mark]


@cache
def codes() -> dict[int, Code]:
    """codes.csv by result code."""
    return _keyed(
        "codes",
        read=lambda row: (int(row["code"], 16), Code(row["symbol"], row["text"], row["outcome"], row["meaning"])),
    )


@cache
def reason_codes() -> dict[str, int]:
    """The result code that a reason of a network policy server stands for, by its number; only those that have one."""
    return {row["reason_code"]: int(row["code"], 16) for row in rows("nps_reasons") if row["code"]}


def normal_code(code: int) -> int:
    """A bare Win32 or WinHTTP code is short for 0x8007xxxx."""
    return code | 0x80070000 if 0 < code < 0x10000 else code


def http_status(code: int) -> int | None:
    """The status of a web server that a result code holds (0x80190197 is 407); None for other codes."""
    return code & 0xFFFF if code >> 16 == _HTTP and code & 0xFFFF else None


def code_text(code: int) -> str:
    """A code as people write it, with its symbol where known: ``0x80092013 CRYPT_E_REVOCATION_OFFLINE``."""
    known = codes().get(normal_code(code))
    return f"0x{normal_code(code):08X}" + (f" {known.symbol}" if known else "") if code else "0"


def outcome_of(code: int) -> str:
    """One word for a result code; `failed` for one that codes.csv does not know."""
    known = codes().get(normal_code(code))
    return known.outcome if known else ("ok" if code == 0 else "failed")


@cache
def _codes_of_texts() -> dict[str, int]:
    """The code of every text; of two codes with one text the first in codes.csv counts."""
    texts = {_bare(row["text"]): int(row["code"], 16) for row in rows("texts")}
    return {_bare(code.text): number for number, code in reversed(codes().items()) if code.text} | texts


def _bare(text: str) -> str:
    return " ".join(text.replace("\u2019", "'").split()).rstrip(".。 ").casefold()


def code_of_text(text: str) -> int | None:
    """The code of an error text of Windows, in the languages of texts.csv; None if it is not known."""
    return _codes_of_texts().get(_bare(text))


@cache
def _flags() -> dict[tuple[str, str], tuple[int | None, str]]:
    """Value (None where it is no number) and column of every flag, by family and name."""
    return _keyed(
        "flags",
        read=lambda row: (
            (row["family"], row["name"]),
            (int(row["value"], 0) if row["kind"] in ("bit", "enum") and row["value"] else None, row["column"]),
        ),
    )


@cache
def flag(name: str) -> int:
    """The value of a flag by its name, e.g. CERT_CHAIN_REVOCATION_ACCUMULATIVE_TIMEOUT."""
    for (_, known), (value, _) in _flags().items():
        if known == name and value is not None:
            return value
    raise KnowledgeError(f"no flag {name!r}", file="flags.csv")


@cache
def reason_name(number: int) -> str:
    """Why a certificate was revoked, in words: ``key compromise``; its number if there is no such reason."""
    reasons = {int(row["value"]): row["name"] for row in rows("flags") if row["family"] == "RevocationStatus@reason"}
    return reasons[number].removeprefix("CRL_REASON_").replace("_", " ").lower() if number in reasons else str(number)


@cache
def flag_columns(family: str) -> dict[str, int]:
    """The boolean columns for flags of a family, by the beginning of its name, and their bits."""
    found: dict[str, int] = {}
    for (name, _), (value, column) in _flags().items():
        if name.startswith(family) and column and value is not None:
            found[column] = found.get(column, 0) | value
    return found


@cache
def trust_columns() -> dict[str, int]:
    """The boolean columns of `spans` for trust errors, and their bits."""
    return flag_columns("CERT_TRUST_ErrorStatus")


@cache
def account(sid: str | None) -> tuple[str, str]:
    """Kind and name of an account by its SID: exact, else the longest `…-*` prefix."""
    if not sid:
        return "unknown", ""
    matches = [row for row in rows("accounts") if row["sid"] == sid]
    matches += [row for row in rows("accounts") if row["sid"].endswith("*") and sid.startswith(row["sid"][:-1])]
    exact = [row for row in matches if row["sid"] == sid] or sorted(matches, key=lambda row: -len(row["sid"]))
    return (exact[0]["kind"], exact[0]["name"]) if exact else ("unknown", "")


def check(table: pd.DataFrame, name: str, *, needs: Iterable[str] | None = None) -> None:
    """Raise TableError unless `table` is a DataFrame with the columns (all, or those in `needs`) and dtypes of table `name`."""
    known = columns(name)
    if not hasattr(table, "dtypes"):
        raise TableError(f"a {type(table).__name__} is no table; hand in an analysis, or its table {name!r}")
    found = dict(zip(table.columns, table.dtypes, strict=True))
    for column in needs or known:
        if column not in found:
            if column in table.index.names:
                continue
            raise TableError(f"{name!r} lacks the column {column!r}; pass the table as capi2kit made it")
        dtype = str(found[column])
        if dtype != known[column]:
            raise TableError(f"{name}.{column} is {dtype}, it must be {known[column]}")
