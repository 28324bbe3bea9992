"""Certificates: what `certutil -store` and the chains of `certutil -verify` print of a certificate or a CRL."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from capi2kit.loaders.text.labels import add_line, add_to, column_of, labelled
from capi2kit.loaders.text.lines import Line, table_of

Cells = dict[str, str | None]
TIMES = ("not_before", "not_after", "this_update", "next_update")
COLUMNS = ("serial", "issuer", "subject", *TIMES, "thumbprint")
KINDS = {"(certificate)": "certificate", "(crl)": "crl", "(ctl)": "ctl"}
_PART_OF_NAME = re.compile(r"\s+(?:[A-Za-z]{1,10}|[\d.]+)=\S")  # CN=…, 2.5.4.15=…
_CRL_NUMBER = re.compile(r"\s*CRL [^=]{1,20}=([0-9A-Fa-f]{1,40})\s*")  # certutil -dump
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}[ :]?)+")


def read_object(lines: Sequence[Line], *, kind: str | None, store: str | None) -> Cells:
    """One object of a store as texts by column of `certificates`; `line` is where it begins.

    What comes first under a label counts; a name on several lines is put on one, in their order.
    """
    cells: Cells = {"kind": kind, "store": store, "line": str(lines[0].number)}
    more: dict[str, object] = {}
    name = ""  # the label whose value is on the lines below it
    for line in lines[1:]:
        if name and _PART_OF_NAME.match(line.text):
            cells[name] = ", ".join(filter(None, [cells.get(name), line.text.strip()]))
            continue
        name = take_line(cells, more, text=line.text)
    return finished(cells, more)


def kind_of_dump(lines: Sequence[Line]) -> str:
    """What `certutil -dump` shows: only a CRL says when the next one comes."""
    labels = (pair[0] for line in lines if (pair := labelled(line.text)))
    return "crl" if any(column_of("certutil", label) == "next_update" for label in labels) else "certificate"


def take_line(cells: Cells, more: dict[str, object], *, text: str) -> str:
    """Put a line where it belongs; returns the column of a label whose value is to follow on lines of its own."""
    pair = labelled(text)
    column = column_of("certutil", pair[0]) if pair else None
    if number := _CRL_NUMBER.fullmatch(text):
        cells.setdefault("crl_number", number[1].upper())
    if column == "serial" and cells.get("kind") == "crl":
        column = None  # of a certificate on the list
    if not pair or column not in COLUMNS or cells.get(column):
        add_line(more, text)
        return ""
    value = pair[1]
    if column in ("serial", "thumbprint"):
        if not _HEX.fullmatch(value):
            add_to(more, pair[0], value=value)
            return ""
        value = re.sub("[ :]", "", value).upper()
    cells[column] = value or None
    return "" if value or column not in ("issuer", "subject") else column


def finished(cells: Cells, more: Mapping[str, object]) -> Cells:
    """The cells with what has no column as JSON."""
    return cells | {"extra": json.dumps(more, ensure_ascii=False) if more else None}


def certificate_table(
    found: Sequence[Cells], *, stamps: Mapping[str, pd.Series], wrong: Mapping[str, Sequence[int]]
) -> pd.DataFrame:
    """Texts by column as a `certificates` table in the order of the file, of no event.

    `stamps` holds the times in UTC; texts at the positions in `wrong` were no time and go to `extra`.
    """
    for column, positions in wrong.items():
        for position in positions:
            _put_aside(found[position], column)
    names = ("kind", "store", "serial", "issuer", "subject", "thumbprint", "crl_number", "extra")
    cells = {name: [one.get(name) for one in found] for name in names}
    table = table_of("certificates", cells, kinds={})
    for column in TIMES:
        table[column] = stamps[column].array
    table["position"] = np.arange(len(table), dtype="int64")
    table["source"] = pd.array([0] * len(table), dtype="Int64")
    return table


def _put_aside(cells: Cells, column: str) -> None:
    more = json.loads(cells.get("extra") or "{}")
    cells["extra"] = json.dumps(more | {column: cells[column]}, ensure_ascii=False)
