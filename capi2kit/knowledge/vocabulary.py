"""Vocabulary: the columns of every table, for people."""

from __future__ import annotations

import pandas as pd

from capi2kit.errors import KnowledgeError
from capi2kit.knowledge import rows

SCHEMA_VERSION = 1  # of the tables: a column that is renamed, removed or given another dtype makes it another one


def describe(table: str | None = None) -> pd.DataFrame:
    """Say what the columns of a table hold.

    Parameters
    ----------
    table : name of a table, such as ``waits``; all tables if it is not given.

    Returns
    -------
    DataFrame : one row per column, in their order: table, column, dtype, unit (s, bytes, or empty), meaning, and origin:
        the field of the event, or the function, that the value comes from. All are strings.

    Raises
    ------
    KnowledgeError : there is no table of that name; the message lists those that there are.

    Notes
    -----
    Source: ``data/columns.csv``.

    >>> describe("waits").set_index("column").loc["wait_s", "unit"]
    's'
    """
    found = pd.DataFrame(rows("columns"), dtype="string")
    if table is None:
        return found
    known = found["table"].unique().tolist()
    if table not in known:
        raise KnowledgeError(f"no table {table!r}; there are {', '.join(known)}", file="columns.csv")
    return found[found["table"] == table].reset_index(drop=True)
