"""Given: what a user handed in → the table or the analysis that a question or a chart needs, or a sentence that says what to pass."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from capi2kit.errors import TableError
from capi2kit.knowledge import check
from capi2kit.knowledge.vocabulary import describe
from capi2kit.words import visible

if TYPE_CHECKING:
    from capi2kit.analysis import Analysis
    from capi2kit.case import Case

_WHOLE = "the analysis (what `analyse` returned)"
_PARTS = ("spans", "waits", "findings", "case")  # what an analysis has, and no table
_PATH = re.compile(r"[\\/.*]")  # a text with one of these is taken for the name of a file
_ENOUGH = 3  # columns of a table by which it is known


def table_of(given: Any, name: str, *, needs: Sequence[str] | None = None) -> pd.DataFrame:
    """The table with this name, of an analysis or as it was handed in, checked. Raises TableError for anything else."""
    table = given if isinstance(given, pd.DataFrame) else getattr(given, name, None)
    if table is None:
        table = getattr(getattr(given, "case", None), name, None)
    if not isinstance(table, pd.DataFrame):
        raise TableError(f"{_what(given)}; needed is {_WHOLE}, or its table {name!r}")
    try:
        check(table, name, **({"needs": needs} if needs else {}))
    except TableError as err:
        if (other := name_of(table)) in (None, name):
            raise
        raise TableError(f"this is table {other!r}; needed is {_WHOLE}, or its table {name!r}") from err
    return table


def analysis_of(given: Any) -> Analysis:
    """An analysis as it was handed in. Raises TableError for anything else, with what to pass instead."""
    if isinstance(given, pd.DataFrame):
        name = name_of(given)
        raise TableError(f"this is {f'table {name!r}' if name else 'a table'}; needed is {_WHOLE}, the whole of it")
    if not all(hasattr(given, part) for part in _PARTS):
        raise TableError(f"{_what(given)}; needed is {_WHOLE}")
    return given


def whole_of(given: Any) -> Any:
    """What has all tables that a chart of several needs, as it was handed in. Raises TableError for one table alone, or anything else."""
    return given if hasattr(given, "waits") and not isinstance(given, pd.DataFrame) else analysis_of(given)


def analyses_of(given: Any, *, call: str) -> dict[str, Analysis]:
    """Analyses by name as they were handed in. Raises TableError for anything else; `call`: how it is done."""
    if not isinstance(given, Mapping):
        raise TableError(f"{_what(given)}; needed are analyses by name: {call}({{'before': a, 'after': b}})")
    return {str(name): analysis_of(one) for name, one in given.items()}


def case_of(given: Any) -> Case:
    """A case as it was handed in. Raises TableError for anything else, with what to pass instead."""
    if isinstance(given, str | os.PathLike):
        path = visible(os.fspath(given))[:80]
        raise TableError(f"{path!r} is a name; pass c2.load({path!r})")
    if hasattr(given, "findings"):
        raise TableError("this is an analysis already; needed is a case (what `load` returned): analysis.case")
    if not all(hasattr(given, part) for part in ("sources", "events", "steps")):
        raise TableError(f"{_what(given)}; needed is a case (what `load` returned)")
    return given


def name_of(table: pd.DataFrame) -> str | None:
    """Which of the tables of an analysis this is, or a part of: the one that has all its columns, and the fewest others."""
    found = {str(name) for name in (*table.columns, *table.index.names) if name is not None}
    if len(found) < _ENOUGH:
        return None
    known = {str(name): set(part) for name, part in describe().groupby("table", sort=False)["column"]}
    fitting = [name for name, names in known.items() if found <= names]
    best = min(fitting, key=lambda name: len(known[name]), default=None)
    return best if len(fitting) == 1 or (best and 2 * len(found) >= len(known[best])) else None


def _what(given: Any) -> str:
    """What was handed in instead, and how to get from it to an analysis."""
    if isinstance(given, str | os.PathLike):
        path = visible(os.fspath(given))[:80]
        if not _PATH.search(path) and not os.path.exists(given):
            return f"{path!r} is a text; the analysis comes first"
        return f"{path!r} is a name; pass c2.analyse(c2.load({path!r}))"
    if hasattr(given, "sources") and hasattr(given, "events"):
        return "this is a case; pass c2.analyse(case)"
    if callable(given):
        return f"this is the function {getattr(given, '__name__', '')!r}, not what it returns"
    return f"this is of type {type(given).__name__}, and no table"
