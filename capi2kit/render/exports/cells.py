"""Cells: the columns of a table as plain values, whole columns at once; text from a log made harmless where a program would obey it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pandas as pd

from capi2kit.words import HIDDEN, visible

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def plain_columns(table: pd.DataFrame, *, text: Callable[[str], str] | None = None) -> list[list[Any]]:
    """The values of each column: None for what is missing, times as ISO 8601, numbers as they are, texts through `text`."""
    return [_plain(table[name], text=text) for name in table.columns]


def _plain(column: pd.Series, *, text: Callable[[str], str] | None) -> list[Any]:
    values = column.astype(object)
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        values = values.map({time: time.isoformat() for time in column.dropna().unique()})
    elif not (pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype)):
        made = {value: _of(value, text) for value in column.dropna().unique()}
        values = values.map(made)
    return [None if missing else value for value, missing in zip(values.tolist(), column.isna().tolist(), strict=True)]


def _of(value: Any, text: Callable[[str], str] | None) -> Any:
    return text(value) if text and isinstance(value, str) else value


def without_formula(value: str) -> str:
    """Text that no spreadsheet takes for a formula, on one line, with what is hidden shown."""
    shown = visible(value) if value else value
    return f"'{shown}" if shown.lstrip(" ").startswith(_FORMULA) else shown


def json_text(value: Any, *, ascii_only: bool = False) -> str:
    r"""A value as JSON; what would act on a terminal as ``\u202e``: the data stay the same."""
    text = json.dumps(value, ensure_ascii=ascii_only, allow_nan=False)
    return HIDDEN.sub(lambda found: json.dumps(found[0])[1:-1], text)
