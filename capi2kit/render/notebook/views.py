"""Views: a table with its few telling columns, in words: what `views.csv` names, in the forms that it names.

A DataFrame shows all its columns, with microseconds and codes as numbers; this is for reading.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import pandas as pd

from capi2kit import words
from capi2kit.columns.cells import numbers_in
from capi2kit.columns.instants import is_zone
from capi2kit.errors import TableError
from capi2kit.given import name_of, table_of
from capi2kit.knowledge import rows
from capi2kit.knowledge.vocabulary import describe
from capi2kit.render.notebook.cards import Card
from capi2kit.render.notebook.markup import box, grid, text
from capi2kit.render.parts import Column, Table
from capi2kit.render.tables import table_lines

if TYPE_CHECKING:
    from capi2kit.analysis import Analysis
    from capi2kit.case import Case

ROWS = 20
_WIDTH = 110  # cells on a terminal
_TASK = 8  # characters of a TaskId that are enough to name it
_DESCRIBED = "columns"  # what `describe` returns
_ASKED = (
    "whatif",
    "prefetch",
    "accounts",
    "error_records",
    "side_by_side",
    "list_verdicts",
    "compare",
    "records_behind",
)
_FEW = 3  # records of a finding that are named
_KEPT = 3  # columns that are never left out
_OTHERS = 8  # columns of a table for which nothing is named
_NUMBERS = {"seconds", "bounded", "duration", "number", "record"}
_ALIKE = {"account", "code", "process", "moment", "task"}  # forms that a column has in every table
_WHOLE = {"process", "moment", "account", "task"}


def view(
    given: Analysis | Case | pd.DataFrame,
    table: str | None = None,
    *,
    rows: int | None = ROWS,
    columns: list[str] | None = None,
    tz: str = "UTC",
) -> Card:
    """Show a table for reading: few columns, times and durations in words, codes with their names.

    Parameters
    ----------
    given : a table of capi2kit, whole or a part of its rows, or an analysis or a case together with `table`.
    table : name of the table, such as ``waits``; needed with an analysis or a case, which give the record ids, too.
    rows : how many rows are shown, from the first one on; None for all.
    columns : columns to show instead of the usual ones.
    tz : zone in which times are shown.

    Returns
    -------
    Card : HTML in a notebook, text elsewhere. The table is not changed.

    Raises
    ------
    TableError : there is no such table or column; the message lists those that there are.
    """
    if not is_zone(tz):
        raise TableError(f"tz={tz!r}: there is no such time zone; write it as Europe/Berlin or UTC+02:00")
    found, name, records = _found(given, table)
    chosen = _chosen(found, name=name, columns=columns)
    shown = found.head(len(found) if rows is None else max(rows, 0)).reset_index()
    cells = [_cells(row, chosen, tz=tz, records=records) for row in shown.to_dict("records")]
    made = Table([_column(one, place) for place, one in enumerate(chosen)], cells)
    more = (
        f"{len(shown):,} of {words.count(len(found), 'row')}"
        if len(found) > len(shown)
        else words.count(len(found), "row")
    )
    title = f"{name or 'table'}: {more}"
    html = box("div", [text("p", title, style="margin:.2em 0;opacity:.8"), grid(made, brief=False)])
    return Card(html, "\n".join([title, *table_lines(made, width=_WIDTH)]))


def _found(given: Any, table: str | None) -> tuple[pd.DataFrame, str | None, Mapping[int, str]]:
    """The table, its name, and the ids of the records behind events, as far as these are known."""
    if isinstance(given, pd.DataFrame):
        return given, table or (_DESCRIBED if list(given) == list(describe().columns) else name_of(given)), {}
    case = getattr(given, "case", given)
    there = [name for part in (given, case) for name, value in vars(part).items() if isinstance(value, pd.DataFrame)]
    if table is None or table not in there:
        if table in _ASKED:
            raise TableError(f"{table!r} is a question, not a table of an analysis: c2.view(c2.{table}(a))")
        asked = "name one of its tables" if table is None else f"there is no table {table!r}"
        raise TableError(f"{asked}: c2.view(a, 'waits'); there are {', '.join(dict.fromkeys(there)) or 'none'}")
    events = case.events
    ids = {event: words.visible(record) for event, record in zip(events["event"], events["record"], strict=True)}
    return table_of(given, table), table, ids


@cache
def _usual() -> dict[str, list[dict[str, str]]]:
    """The rows of views.csv by table."""
    found: dict[str, list[dict[str, str]]] = {}
    for row in rows("views"):
        found.setdefault(row["table"], []).append(row)
    return found


def _chosen(table: pd.DataFrame, *, name: str | None, columns: list[str] | None) -> list[dict[str, str]]:
    """The columns to show: those that were asked for, else the usual ones that are there and not empty, else the first ones."""
    there = [str(one) for one in (*table.index.names, *table.columns) if one is not None]
    usual = {row["column"]: row for row in _usual().get(name or "", [])}
    if columns is not None:
        if strange := [one for one in columns if one not in there]:
            raise TableError(f"there is no column {strange[0]!r}; there are {', '.join(there)}")
        return [usual.get(one, _plain(table, one)) for one in columns]
    if name in _known() and not _known()[name] <= {*there}:  # somebody chose columns
        return [usual.get(one, _plain(table, one)) for one in there]
    flat = table.reset_index()
    kept = [row for column, row in usual.items() if column in there and (flat[column].notna().any() or flat.empty)]
    return kept or [_plain(table, one) for one in there[:_OTHERS]]


@cache
def _known() -> dict[str, frozenset[str]]:
    """The columns of all tables of the vocabulary."""
    return {str(name): frozenset(map(str, part)) for name, part in describe().groupby("table", sort=False)["column"]}


def _plain(table: pd.DataFrame, column: str) -> dict[str, str]:
    """A column without a form of its own: as other tables show it, else by its name and what it holds."""
    elsewhere = next((row for part in _usual().values() for row in part if row["column"] == column), None)
    if elsewhere and elsewhere["form"] in _ALIKE:
        return elsewhere
    values = table.reset_index()[column]
    number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    form = (
        "seconds"
        if column.endswith("_s")
        else "moment"
        if str(values.dtype).startswith("datetime")
        else "number"
        if number
        else "text"
    )
    return {"column": column, "heading": column, "form": form}


def _column(row: dict[str, str], place: int) -> Column:
    """How a column is shown; a narrow terminal leaves the last ones out first."""
    form, spare = row["form"], max(place - _KEPT, 0)
    long = form in ("text", "file")
    return Column(
        row["heading"], number=form in _NUMBERS, whole=form in _WHOLE, long=long, badge=form == "badge", spare=spare
    )


def _cells(row: dict[Any, Any], chosen: list[dict[str, str]], *, tz: str, records: Mapping[int, str]) -> list[str]:
    made = []
    for one in chosen:
        value, form = row[one["column"]], one["form"]
        if form == "moment":
            made.append(words.moment(value, tz))
        elif form == "record":
            made.append(words.ABSENT if words.is_missing(value) else records.get(int(value), f"event {value}"))
        elif form == "records":
            made.append(_records(value, records))
        elif form in _OF_ROWS and all(name in row for name in _OF_ROWS[form][0]):
            made.append(_OF_ROWS[form][1](row))
        else:
            made.append(_FORMS.get(form, words.visible)(value))
    return made


def _records(value: Any, records: Mapping[int, str]) -> str:
    """The first records that a finding cites."""
    cited = [records.get(event, f"event {event}") for event in numbers_in(value)]
    more = f" and {len(cited) - _FEW:,} more" if len(cited) > _FEW else ""
    return f"{', '.join(cited[:_FEW])}{more}" if cited else words.ABSENT


def _number(value: Any) -> str:
    return words.ABSENT if words.is_missing(value) else str(value)


def _bounded(row: dict[Any, Any]) -> str:
    return words.duration(row["wait_s"], low=row["low_s"], high=row["high_s"], quality=row.get("quality", "bounded"))


_FORMS: dict[str, Callable[[Any], str]] = {
    "seconds": words.seconds,
    "bounded": words.seconds,
    "duration": words.seconds,
    "code": words.code,
    "account": words.brief_account,
    "number": _number,
    "file": lambda value: words.ABSENT if words.is_missing(value) else words.visible(words.file_name(value)),
    "task": lambda value: words.ABSENT if words.is_missing(value) else words.visible(value)[:_TASK],
}
_OF_ROWS: dict[str, tuple[tuple[str, ...], Callable[[dict[Any, Any]], str]]] = {
    "process": (("process", "pid"), lambda row: words.with_pid(row["process"], row["pid"])),
    "bounded": (("wait_s", "low_s", "high_s"), _bounded),
    "duration": (
        ("duration_s", "low_s", "high_s", "quality"),
        lambda row: words.duration(row["duration_s"], low=row["low_s"], high=row["high_s"], quality=row["quality"]),
    ),
}
