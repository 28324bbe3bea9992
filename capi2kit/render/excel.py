"""Excel: a summary, then a sheet per table with its types, filters and a fixed first row. No text becomes a formula or a link.

Times are UTC without a zone, as Excel knows none. A text of more than 32,767 characters and rows beyond 1,048,576 are cut, and the sheet
`About` says which.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from io import BytesIO
from typing import Any

import pandas as pd

from capi2kit import __version__
from capi2kit.knowledge.vocabulary import describe
from capi2kit.render.extras import needed
from capi2kit.render.report import Report
from capi2kit.words import visible

_MOST_ROWS, _MOST_CHARS = 1_048_575, 32_767
_NO_DAY = datetime(2000, 1, 1)
_WIDTHS = (6, 60)
_LOOKED_AT = 200  # rows that decide how wide a column is
_NO_XML = re.compile("[\ufffe\uffff]")
_ORDER = ("findings", "startups", "ledger", "waits", "delays")


def render(report: Report) -> bytes:
    """The report as an .xlsx file."""
    xlsxwriter = needed("xlsxwriter", package="xlsxwriter", ending=".xlsx")
    made = BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = xlsxwriter.Workbook(made, {**options, "nan_inf_to_errors": False, "remove_timezone": True})
    day = datetime.fromisoformat(report.edition.day) if report.edition.day else _NO_DAY
    book.set_properties({"title": text_of(report.title)[:255], "author": "capi2kit", "created": day})
    forms = _Forms(book)
    _summary(book.add_worksheet("Summary"), report, forms=forms)
    about = book.add_worksheet("About")
    cuts: list[str] = []
    tables = dict(_tables(report))
    for name, table in tables.items():
        cuts += _sheet(book.add_worksheet(name), name, table=table, forms=forms)
    _about(about, tables, cuts=cuts, forms=forms)
    book.close()
    return made.getvalue()


class _Forms:
    """The formats of cells."""

    def __init__(self, book: Any) -> None:
        self.head = book.add_format({"bold": True, "bg_color": "#EDF1F5", "bottom": 1})
        self.title = book.add_format({"bold": True, "font_size": 14, "text_wrap": True})
        self.wrapped = book.add_format({"text_wrap": True, "valign": "top"})
        self.time = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss.000"})
        self.seconds = book.add_format({"num_format": "0.000"})


def _tables(report: Report) -> Iterator[tuple[str, pd.DataFrame]]:
    found = report.tables()
    for name in sorted(found, key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER)):
        yield name, found[name][[column for column in found[name].columns if found[name][column].notna().any()]]


def text_of(text: str) -> str:
    """Text that a cell can hold: on one line, what is hidden shown, not too long."""
    shown = _NO_XML.sub("\ufffd", visible(text))
    return shown if len(shown) <= _MOST_CHARS else shown[: _MOST_CHARS - 1] + "…"


def _summary(sheet: Any, report: Report, *, forms: _Forms) -> None:
    front, edition = report.front, report.edition
    sheet.set_column(0, 0, 28)
    sheet.set_column(1, 1, 100)
    sheet.write_string(0, 0, text_of(report.title), forms.title)
    facts = [("Client", edition.client), ("Case", edition.case), ("Examiner", edition.examiner), ("Date", edition.day)]
    facts += [("Evidence", front.about), ("Answer", front.headline), *(("", text) for text in front.lead)]
    facts += [(tile.value, tile.text) for tile in front.tiles]
    facts += [(f"{one.severity} finding", f"{one.title}: {one.cost}, {one.who}; {one.sure}") for one in front.findings]
    facts += [("Note", text) for text in front.cautions]
    facts += [(front.step_title, front.step)] if front.step else []
    for line, (name, value) in enumerate(((name, value) for name, value in facts if value), 2):
        sheet.write_string(line, 0, text_of(name), forms.wrapped)
        sheet.write_string(line, 1, text_of(value), forms.wrapped)


def _about(sheet: Any, tables: dict[str, pd.DataFrame], *, cuts: list[str], forms: _Forms) -> None:
    """What the sheets are, what their columns mean, and what did not fit."""
    sheet.set_column(0, 1, 22)
    sheet.set_column(2, 3, 60)
    notes = [
        f"capi2kit {__version__}. A sheet per table; times are UTC, durations seconds. Empty columns are left out."
    ]
    notes += cuts or ["All rows of all tables are here; no text was cut."]
    for line, note in enumerate(notes):
        sheet.write_string(line, 0, text_of(note))
    words = describe()
    shown = words[words["table"].isin(list(tables))][["table", "column", "unit", "meaning"]].fillna("")
    first = len(notes) + 1
    for place, name in enumerate(shown.columns):
        sheet.write_string(first, place, name, forms.head)
    for line, row in enumerate(shown.itertuples(index=False), first + 1):
        for place, value in enumerate(row):
            sheet.write_string(line, place, text_of(str(value)))


def _sheet(sheet: Any, name: str, *, table: pd.DataFrame, forms: _Forms) -> list[str]:
    """Write a table; says what was cut."""
    cuts = []
    if len(table) > _MOST_ROWS:
        cuts.append(
            f"Sheet {name}: {len(table) - _MOST_ROWS:,} rows do not fit into a sheet of Excel and were left out."
        )
        table = table.head(_MOST_ROWS)
    long = 0
    for place, column in enumerate(table.columns):
        values = table[column]
        sheet.write_string(0, place, str(column), forms.head)
        long += _column(sheet, place, values=values, forms=forms)
        shown = values.head(_LOOKED_AT).dropna().astype(str).str.len().max()
        widest = max(len(str(column)) + 2, 0 if pd.isna(shown) else int(shown))
        sheet.set_column(place, place, min(max(widest, _WIDTHS[0]), _WIDTHS[1]))
    if long:
        cuts.append(f"Sheet {name}: {long:,} texts of more than {_MOST_CHARS:,} characters were cut.")
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, len(table), max(len(table.columns) - 1, 0))
    return cuts


def _column(sheet: Any, place: int, *, values: pd.Series, forms: _Forms) -> int:
    """Write the cells of a column by its type; how many texts were too long."""
    missing = values.isna().tolist()
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        for line, (value, gone) in enumerate(zip(values.dt.tz_convert("UTC"), missing, strict=True), 1):
            if not gone:
                _write_time(sheet, line, place=place, value=value, forms=forms)
        return 0
    if pd.api.types.is_bool_dtype(values.dtype):
        for line, (value, gone) in enumerate(zip(values.tolist(), missing, strict=True), 1):
            if not gone:
                sheet.write_boolean(line, place, bool(value))
        return 0
    if pd.api.types.is_numeric_dtype(values.dtype):
        form = forms.seconds if str(values.name).endswith("_s") else None
        for line, (value, gone) in enumerate(zip(values.tolist(), missing, strict=True), 1):
            if not gone:
                sheet.write_number(line, place, value, form)
        return 0
    long = 0
    for line, (value, gone) in enumerate(zip(values.tolist(), missing, strict=True), 1):
        if not gone:
            long += len(str(value)) > _MOST_CHARS
            sheet.write_string(line, place, text_of(str(value)))
    return long


def _write_time(sheet: Any, line: int, *, place: int, value: pd.Timestamp, forms: _Forms) -> None:
    """A time as Excel counts it; one that it cannot count as text."""
    if 1900 < value.year < 10_000:
        sheet.write_datetime(line, place, value.tz_localize(None).to_pydatetime(warn=False), forms.time)
    else:
        sheet.write_string(line, place, value.isoformat())
