"""Cells: text as evidence writes it → typed columns of the vocabulary.

One function per kind of value, so that a time or a code is read in one way
only. A text that does not fit its kind becomes <NA>, and its position is
returned so that the caller keeps the text elsewhere: nothing is lost.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache, lru_cache
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from capi2kit.columns.instants import NAT, SECOND
from capi2kit.knowledge import columns

STRING = pd.StringDtype("pyarrow")
UTC = pd.DatetimeTZDtype("ns", "UTC")
_DURATION = re.compile(
    r"(-?)P(?:(\d{1,9})D)?(?:T(?:(\d{1,12})H)?(?:(\d{1,12})M)?(?:(\d{1,12}(?:\.\d{1,20})?)S)?)?", re.ASCII
)
A_LOG = 20  # records: fewer of one computer are parts that somebody pasted, no log
LONGEST_WAIT_S = ((1 << 32) - 1) / 1000  # what Windows can wait: it counts in 32 bits of milliseconds
_CENTURIES_S = 9e9  # no list is valid for longer
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d(?:\.\d{1,9})?)(?:Z| UTC|([+-])(\d\d):?(\d\d))?", re.ASCII)
_FIRST, _LAST = "1677-09-23", "2262-04-10"  # what 64 bits of nanoseconds hold, less a day for time zones
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,18}")
_NUMBER = re.compile(r"\d{1,20}(?:[.,]\d{1,20})?(?!\d)")
_HEX = re.compile(r"(?:0x)?[0-9A-Fa-f]{1,8}")
_GUID = re.compile(r"\{?([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})\}?")
_FILE_REF = re.compile(r"([0-9A-Fa-f]{40})\.(?:cer|crl|bin)")

Column = pd.api.extensions.ExtensionArray


def seconds(text: str) -> float:
    """An ISO 8601 duration in seconds: ``PT9.976S``, ``P27DT5H13M43S``. Raises ValueError."""
    found = _DURATION.fullmatch(text)
    if not found or text.endswith(("P", "T")):
        raise ValueError(text)
    sign, days, hours, minutes, rest = found.groups(default="0")
    total = int(days) * 86400 + int(hours) * 3600 + int(minutes) * 60 + float(rest)
    if total > _CENTURIES_S:
        raise ValueError(text)
    return -total if sign == "-" else total


def _boolean(text: str) -> bool:
    return {"true": True, "false": False, "1": True, "0": False}[text.lower()]


def _code(text: str) -> int:
    if not _HEX.fullmatch(text):
        raise ValueError(text)
    return int(text, 16)


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text) or abs(int(text)) >= 1 << 63:
        raise ValueError(text)
    return int(text)


def guid(text: str) -> str:
    """A GUID in upper case without braces; any other text as it stands."""
    found = _GUID.fullmatch(text)
    return found[1].upper() if found else text


def _file_ref(text: str) -> str:
    found = _FILE_REF.fullmatch(text)
    return found[1].upper() if found else text


def _file_name(text: str) -> str:
    return text.rpartition("\\")[2] or text


def _pid(text: str) -> int:
    return int(text, 16) if text.startswith("0x") and _HEX.fullmatch(text) else _integer(text)


def _milliseconds(text: str) -> float:
    found = _NUMBER.search(text)
    if not found:
        raise ValueError(text)
    number = float(found[0].replace(",", ".")) / 1000
    if number > LONGEST_WAIT_S:
        raise ValueError(text)
    return number


TRIMMED: dict[str, Callable[[str], str]] = {"guid": guid, "file_ref": _file_ref, "file name": _file_name}
_PARSED: dict[str, Callable[[str], float]] = {
    "int": _integer,
    "hex": _code,
    "bool": _boolean,
    "duration": seconds,
    "pid": _pid,
    "milliseconds": _milliseconds,
}
KINDS = frozenset({"time", *TRIMMED, *_PARSED})  # of values; all others are text as it is
_NUMPY = {"Int64": "int64", "UInt32": "uint32", "boolean": "bool", "Float64": "float64"}


def typed(values: Sequence[str | None], *, kind: str, dtype: str) -> tuple[Column, list[int]]:
    """The values as an array of `dtype`, and the positions of those that did not fit.

    Kinds: ``time``, ``int``, ``hex``, ``bool``, ``duration``, ``pid`` (decimal, or hexadecimal with 0x),
    ``milliseconds`` (the first number of a text; becomes seconds);
    ``guid`` loses its braces and ``file_ref`` its ending where they have that form, ``file name`` its
    folders; all others are text as it stands.
    """
    if kind == "time":
        return times(values)
    if kind in TRIMMED:
        trimmed = {value: None if value is None else TRIMMED[kind](value) for value in set(values)}
        return strings(list(map(trimmed.__getitem__, values))), []
    if kind not in _PARSED:
        return strings(values), []
    filled, absent, bad = parsed(values, kind=kind, dtype=dtype)
    return masked(filled, absent, dtype=dtype), bad


def parsed(values: Sequence[str | None], *, kind: str, dtype: str) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """The values of a kind of number as a plain array; which are missing; and the positions of those that did not fit."""
    unique = set(values)
    known: dict[str | None, float] = {}
    for value in unique - {None}:
        try:
            known[value] = _PARSED[kind](value)  # type: ignore[arg-type]
        except (ValueError, KeyError, OverflowError):
            continue
    unknown = dict.fromkeys(unique - known.keys(), 0)
    absent = (
        np.fromiter(map(unknown.__contains__, values), bool, len(values)) if unknown else np.zeros(len(values), bool)
    )
    filled = np.array(list(map((known | unknown).__getitem__, values)), dtype=_NUMPY[dtype])
    bad = [] if unknown.keys() <= {None} else [i for i in np.flatnonzero(absent).tolist() if values[i] is not None]
    return filled, absent, bad


def masked(values: np.ndarray, absent: np.ndarray, *kinds: str, dtype: str = "") -> Column:
    """A nullable array from plain values and a mask that is True where there is none."""
    dtype = dtype or kinds[0]
    kind = {"boolean": pd.arrays.BooleanArray, "Float64": pd.arrays.FloatingArray}.get(dtype, pd.arrays.IntegerArray)
    return kind(values.astype(_NUMPY[dtype]), absent)


def integers(column: pd.Series | pd.api.extensions.ExtensionArray, *, missing: int = -1) -> np.ndarray:
    """A column of whole numbers as a plain array, with `missing` where there is none."""
    return column.to_numpy("int64", na_value=missing)


def strings(values: Sequence[str | None]) -> Column:
    """Texts as a nullable string array."""
    return pd.arrays.ArrowStringArray(pa.array(values, pa.large_string()))


def times(values: Sequence[str | None]) -> tuple[Column, list[int]]:
    """ISO 8601 texts as UTC times, and the positions of those that do not fit (9999-12-31 is beyond)."""
    found, bad = stamps(values)
    return instants(found), bad


def stamps(values: Sequence[str | None]) -> tuple[np.ndarray, list[int]]:
    """The same as nanoseconds since 1970, NaT as the least integer."""
    found = set(values)
    matches = [match for match in map(_TIME.fullmatch, found - {None}) if match and _FIRST <= match.string < _LAST]  # type: ignore[arg-type]
    known = dict.fromkeys(found, NAT) | dict(zip((match[0] for match in matches), _nanoseconds(matches), strict=True))
    made = np.array(list(map(known.__getitem__, values)), dtype="int64")
    return made, [i for i in np.flatnonzero(made == NAT).tolist() if values[i] is not None]


def is_within_nanoseconds(first: str, last: str) -> bool:
    """Whether the times from one text to another can be counted in 64 bits of nanoseconds."""
    return first >= _FIRST and last < _LAST


def _nanoseconds(matches: list[re.Match[str]]) -> list[int]:
    """Nanoseconds since 1970 of texts that look like times; the least integer for a 13th month and its like."""
    try:
        local = np.array([f"{match[1]}T{match[2]}" for match in matches], dtype="datetime64[ns]").view("int64")
    except ValueError:
        if len(matches) == 1:
            return [NAT]
        return [stamp for match in matches for stamp in _nanoseconds([match])]
    shifts = [(60 * int(match[4]) + int(match[5])) * int(f"{match[3]}1") if match[3] else 0 for match in matches]
    return (local - np.array(shifts, "int64") * 60 * SECOND).tolist()


def instants(nanoseconds: np.ndarray) -> Column:
    """Nanoseconds since 1970 as UTC times; the least integer is NaT."""
    return pd.DatetimeIndex(nanoseconds.view("datetime64[ns]")).tz_localize("UTC").array


def missing(count: int, dtype: str) -> Column | np.ndarray:
    """A column of <NA>; of zeros for a dtype that has no <NA>."""
    if dtype == "string":
        return pd.arrays.ArrowStringArray(_nulls(count))
    if dtype.startswith("datetime"):
        return instants(np.full(count, NAT))
    if dtype in _NUMPY:
        return masked(np.zeros(count, _NUMPY[dtype]), np.ones(count, bool), dtype=dtype)
    return np.zeros(count, dtype)


@lru_cache(maxsize=4)
def _nulls(count: int) -> pa.ChunkedArray:
    """Missing texts; Arrow never changes them, so all columns of nothing share one piece of memory."""
    return pa.chunked_array([pa.nulls(count, pa.large_string())])


def empty(table: str) -> pd.DataFrame:
    """A table without rows, in the columns and dtypes of the vocabulary."""
    return _empty(table).copy(deep=False)


@cache
def _empty(table: str) -> pd.DataFrame:
    return pd.DataFrame({column: missing(0, dtype) for column, dtype in columns(table).items()})


def shaped(table: pd.DataFrame, name: str, **cells: Any) -> pd.DataFrame:
    """`table` with exactly the columns, order and dtypes of the vocabulary; what it lacks is <NA>.

    `cells`: columns in place of those of `table`, row by row, or one value for all rows. Raises KeyError for one that `name` has not.
    """
    known = columns(name)
    found = dict(zip(table.columns, map(str, table.dtypes), strict=True))
    if not cells and found == known:
        return table[list(known)]
    if strange := set(cells) - set(known):
        raise KeyError(min(strange))
    made = {}
    for column, dtype in known.items():
        if column in cells:
            made[column] = _as(cells[column], dtype, count=len(table))
        else:
            made[column] = _as(table[column], dtype) if column in found else missing(len(table), dtype)
    return pd.DataFrame(made, index=table.index, copy=False)


def _as(column: Any, dtype: str, *, count: int = 0) -> Column | np.ndarray:
    """A column as an array of a dtype; one value `count` times."""
    if column is None or isinstance(column, str | int | float):
        column = pd.Series(column, range(count), dtype=dtype)
    elif isinstance(column, list):
        column = pd.Series(column)
    if str(column.dtype) != dtype:
        column = pd.Series(column).astype(STRING if dtype == "string" else pd.api.types.pandas_dtype(dtype))
    return column.array if isinstance(column, pd.Series) else column


def rows_in(table: pd.DataFrame) -> list[dict[Any, Any]]:
    """The rows as ``to_dict("records")`` of pandas gives them, in a tenth of its time for a few rows of many columns."""
    names = list(table.columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*(table[name].tolist() for name in names), strict=True)]


def joined(numbers: Iterable[int]) -> str | None:
    """Numbers of records as the text of one cell, such as "12 15 80"; None if there are none."""
    return " ".join(map(str, numbers)) or None


def numbers_in(cell: object) -> list[int]:
    """The numbers of records in a cell that `joined` wrote; none in a missing one."""
    return list(map(int, cell.split())) if isinstance(cell, str) else []
