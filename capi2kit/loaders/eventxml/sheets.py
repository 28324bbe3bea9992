"""Sheets: events in the rows of a table, between commas, semicolons or tabs, under a line with the names of the columns.

A cell may go over several lines. A cell beyond the last name is the message: Event Viewer writes no name for it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any

from capi2kit.knowledge.eventlabels import meaning_of
from capi2kit.loaders.eventxml.cuts import LONGEST
from capi2kit.loaders.eventxml.rows import is_event_head
from capi2kit.loaders.evidence import EvidenceFile, Problems
from capi2kit.loaders.text.lines import lines

_SIGNS = ",;\t|"
_TYPE = "#TYPE"  # the line that Export-Csv of PowerShell 5 writes above the names
_WIDEST = 400  # columns of a table


def names_of(line: str) -> tuple[list[str], str]:
    """The names in the first line of a table, and the sign between them; none if the line is not one."""
    sign = max(_SIGNS, key=line.count)
    if not line.count(sign):
        return [], sign
    try:
        names = next(csv.reader([line], delimiter=sign), [])
    except csv.Error:
        return [], sign
    names = [name.strip().strip("\ufeff") for name in names]
    return (names if len(names) <= _WIDEST else []), sign


def sheet_in(text: str) -> bool:
    """Whether a text begins as a table of events does; one of Markdown, with a sign at its edge, is a text."""
    return not head_line(text).lstrip().startswith("|") and is_event_head(names_of(head_line(text))[0])


def head_line(text: str) -> str:
    """The line of a table with the names of its columns."""
    for line in text.lstrip("\ufeff").splitlines():
        if line.strip() and not line.startswith(_TYPE):
            return line
    return ""


def read_sheet(file: EvidenceFile, problems: Problems) -> Iterator[tuple[int, dict[str, Any] | None, str]]:
    """Offset and row of every line of a table, or what is wrong with it; rows of other kinds of evidence are left out."""
    at = [0]
    found = lines(file, problems)
    names: list[str] = []
    sign = ","
    for line in found:
        if line.text.strip() and not line.text.startswith(_TYPE):
            names, sign = names_of(line.text)
            break

    def texts() -> Iterator[str]:
        for line in found:
            at[0] = line.offset
            yield f"{line.text}\n"

    csv.field_size_limit(LONGEST)
    reader = csv.reader(texts(), delimiter=sign)
    number = 0
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as err:
            number += 1
            yield at[0], None, f"row {number} at offset {at[0]} is not a row of a table: {err}"
            continue
        if not any(cell.strip() for cell in cells):
            continue
        row: dict[str, Any] = dict(zip(names, cells, strict=False))
        if "xml_string" in row and "<Event" not in row["xml_string"]:
            continue  # a row of another kind of evidence
        number += 1
        more = cells[len(names) :]
        if more and not any(meaning_of(name, kind="label") == "description" for name in names):
            row["Message"] = sign.join(more)
        yield at[0], row, ""
