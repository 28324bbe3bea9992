"""Cells: text as evidence writes it → typed columns of the vocabulary.

One function per kind of value, so that a time or a code is read in one way
only. A text that does not fit its kind becomes <NA>, and its position is
returned so that the caller keeps the text elsewhere: nothing is lost.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from capi2kit.knowledge import columns

STRING = pd.StringDtype("pyarrow")
UTC = pd.DatetimeTZDtype("ns", "UTC")
_DURATION = re.compile(r"(-?)P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")
_FILE_REF = re.compile(r"([0-9A-Fa-f]{40})\.(?:cer|crl|bin)")


def seconds(text: str) -> float:
    """An ISO 8601 duration in seconds: ``PT9.976S``, ``P27DT5H13M43S``."""
    found = _DURATION.fullmatch(text)
    if not found or text.endswith(("P", "T")):
        raise ValueError(text)
    sign, days, hours, minutes, rest = found.groups(default="0")
    total = int(days) * 86400 + int(hours) * 3600 + int(minutes) * 60 + float(rest)
    return -total if sign == "-" else total


def _boolean(text: str) -> bool:
    return {"true": True, "false": False, "1": True, "0": False}[text.lower()]


def _code(text: str) -> int:
    value = int(text, 16)
    if not 0 <= value < 1 << 32:
        raise ValueError(text)
    return value


def _integer(text: str) -> int:
    value = int(text)
    if abs(value) >= 1 << 63:
        raise ValueError(text)
    return value


_PARSERS: dict[str, Callable[[str], object]] = {
    "int": _integer,
    "hex": _code,
    "bool": _boolean,
    "duration": seconds,
}
_NUMPY = {"Int64": "int64", "UInt32": "uint32", "boolean": "bool", "Float64": "float64"}


def plain(text: str, kind: str) -> str:
    """Text kinds that only need trimming: a GUID loses its braces, a fileRef its ending."""
    if kind == "guid":
        return text.strip("{}").upper()
    if kind == "file_ref":
        found = _FILE_REF.fullmatch(text)
        return found[1].upper() if found else text
    return text


def typed(values: Sequence[str | None], *, kind: str, dtype: str) -> tuple[pd.api.extensions.ExtensionArray, list[int]]:
    """The values as an array of `dtype`, and the positions of those that did not fit."""
    if kind == "time":
        return times(values)
    parser = _PARSERS.get(kind)
    if parser is None:
        return strings(values), []
    known: dict[str, object] = {}
    for value in set(values):
        if value is not None:
            try:
                known[value] = parser(value)
            except (ValueError, KeyError):
                continue
    missing = np.fromiter((value not in known for value in values), bool, len(values))
    filled = [0 if absent else known[value] for value, absent in zip(values, missing, strict=True)]  # type: ignore[index]
    array = masked(np.array(filled, dtype=_NUMPY[dtype]), missing, dtype)
    return array, [i for i in np.flatnonzero(missing).tolist() if values[i] is not None]


def masked(values: np.ndarray, missing: np.ndarray, dtype: str) -> pd.api.extensions.ExtensionArray:
    """A nullable array from plain values and a mask."""
    kind = {"boolean": pd.arrays.BooleanArray, "Float64": pd.arrays.FloatingArray}.get(dtype, pd.arrays.IntegerArray)
    return kind(values.astype(_NUMPY[dtype]), missing)


def strings(values: Sequence[str | None]) -> pd.api.extensions.ExtensionArray:
    """Texts as a nullable string array."""
    return pd.arrays.ArrowStringArray(pa.array(values, pa.large_string()))


def times(values: Sequence[str | None]) -> tuple[pd.api.extensions.ExtensionArray, list[int]]:
    """ISO 8601 texts as UTC nanoseconds, and the positions of those that do not fit (9999-12-31 is beyond)."""
    unique = sorted({value for value in values if value is not None})
    parsed = pd.to_datetime(unique, format="ISO8601", utc=True, errors="coerce")
    inside = (parsed > pd.Timestamp.min.tz_localize("UTC")) & (parsed < pd.Timestamp.max.tz_localize("UTC"))
    parsed = parsed.where(inside).as_unit("ns")
    known = dict(zip(unique, parsed.asi8.tolist(), strict=True))
    nat = pd.NaT.value if hasattr(pd.NaT, "value") else np.iinfo("int64").min
    stamps = np.array([nat if value is None else known[value] for value in values], dtype="int64")
    array = pd.DatetimeIndex(stamps.view("datetime64[ns]")).tz_localize("UTC").array
    return array, [i for i in np.flatnonzero(stamps == nat).tolist() if values[i] is not None]


def missing(count: int, dtype: str) -> pd.api.extensions.ExtensionArray | np.ndarray:
    """A column of <NA>."""
    if dtype == "string":
        return pd.arrays.ArrowStringArray(pa.nulls(count, pa.large_string()))
    if dtype.startswith("datetime"):
        return pd.array([pd.NaT] * count, dtype=UTC)
    if dtype in _NUMPY:
        return masked(np.zeros(count, _NUMPY[dtype]), np.ones(count, bool), dtype)
    return np.zeros(count, dtype)


def empty(table: str) -> pd.DataFrame:
    """A table without rows, in the columns and dtypes of the vocabulary."""
    return pd.DataFrame({column: missing(0, dtype) for column, dtype in columns(table).items()})


def shaped(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """`table` with exactly the columns, order and dtypes of the vocabulary; what it lacks is <NA>."""
    made = {
        column: _as(table[column], dtype) if column in table.columns else missing(len(table), dtype)
        for column, dtype in columns(name).items()
    }
    return pd.DataFrame(made, index=table.index, copy=False)


def _as(column: pd.Series, dtype: str) -> Any:
    if _dtype_name(column.dtype) == dtype:
        return column.array
    return column.astype(STRING if dtype == "string" else dtype).array  # type: ignore[call-overload]


@cache
def _dtype_name(dtype: object) -> str:
    return str(dtype)
