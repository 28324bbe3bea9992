"""Listing: tables as people read them: by record id, which `show` opens, with the computer where there are several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from capi2kit.cli.options import Common
from capi2kit.cli.output import form_of, say_below, write_table

if TYPE_CHECKING:
    import pandas as pd

    from capi2kit.analysis import Analysis

_TASK = 8  # characters of a TaskId that are enough to name it


def with_records(table: pd.DataFrame, analysis: Analysis, *, event: str = "event") -> pd.DataFrame:
    """A table with `record`, the id of the record in column `event`, and `task`, the beginning of its TaskId."""
    events = analysis.case.events
    records = dict(zip(events["event"].tolist(), events["record"].tolist(), strict=True))
    tasks = table["task_id"].astype("string").str[:_TASK]
    return table.assign(record=table[event].map(records).astype("Int64"), task=tasks)


def list_rows(
    table: pd.DataFrame, *, common: Common, key: Sequence[str], spare: Sequence[str] = (), empty: str
) -> None:
    """Write a table; as text with the computer, if there are several, and with a sentence if it has no rows."""
    short = table["host"].str.split(".", n=1).str[0] if "host" in table else None
    several = short is not None and short.nunique() > 1
    shown = [key[0], "host", *key[1:]] if several and "host" not in key else list(key)
    if form_of(common) != "text":
        write_table(table, common=common, key=shown)
        return
    if several and short is not None and short.nunique() == table["host"].nunique():
        table = table.assign(host=short)
    write_table(table, common=common, key=shown, spare=spare, below=say_below(empty) if table.empty else None)
