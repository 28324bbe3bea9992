"""Tables: the rows that walks make → columns of the vocabulary."""

from __future__ import annotations

import json
from itertools import chain, repeat
from operator import itemgetter
from typing import NamedTuple

import numpy as np
import pandas as pd
from lxml import etree

from capi2kit.columns.cells import empty, instants, masked, missing, strings
from capi2kit.columns.coded import Coded, absent, coded, typed
from capi2kit.knowledge import columns, flag_columns
from capi2kit.winevent.inferences import Texts, infer
from capi2kit.winevent.layouts import Layout
from capi2kit.winevent.places import HEADER, kinds
from capi2kit.winevent.skeletons import Skeletons

Batch = dict[str, pd.DataFrame]
Column = pd.api.extensions.ExtensionArray | np.ndarray
TABLES = ("events", "steps", "chain", "certificates")


class Rows(NamedTuple):
    """The rows of one table before they are columns of the vocabulary: texts by column, `extra` among them, and the event of each.

    `ready` has columns that are typed already, as far as they are: a row that is missing there may have a text.
    """

    texts: Texts
    owners: np.ndarray
    ready: dict[str, Column] = {}  # noqa: RUF012 - never changed


class EventRows:
    """Collects events until `batch` turns them into tables."""

    def __init__(self) -> None:
        self._skeletons = Skeletons()
        self._start()

    def _start(self) -> None:
        self._groups: dict[str, dict[Layout, _Group]] = {name: {} for name in TABLES}
        self._owners: dict[str, list[int]] = {name: [] for name in TABLES}
        self._offsets: list[int] = []
        self._written: list[int] = []

    def __len__(self) -> int:
        return len(self._offsets)

    def add(self, event: etree._Element | str, *, offset: int, written: int) -> None:
        """Read one event, an element or its XML. `written`: nanoseconds since 1970, or NaT as an integer.

        Raises etree.XMLSyntaxError if a text is not XML; nothing is added then.
        """
        rows = self._skeletons.read(event) if isinstance(event, str) else self._skeletons.walk(event)
        number = len(self._offsets)
        for layout, values in rows:
            owners = self._owners[layout.table]
            groups = self._groups[layout.table]
            group = groups.get(layout)
            if group is None:
                group = groups[layout] = _Group()
            group.numbers.append(len(owners))
            group.values.append(values)
            owners.append(number)
        self._offsets.append(offset)
        self._written.append(written)

    def batch(self) -> Batch:
        """The tables of what was collected, in vocabulary columns; collecting starts anew."""
        if not self._offsets:
            return {name: empty(name) for name in TABLES}
        tables = {
            name: Rows(
                _texts(self._groups[name], count=len(self._owners[name])), np.array(self._owners[name], dtype="int64")
            )
            for name in TABLES
        }
        made = as_batch(tables, offsets=np.array(self._offsets, "int64"), written=np.array(self._written, "int64"))
        self._start()
        return made


def as_batch(rows: dict[str, Rows], *, offsets: np.ndarray, written: np.ndarray) -> Batch:
    """Tables in vocabulary columns: `events`, and those of the other tables that are given."""
    events = _events(rows["events"], offsets=offsets, written=written)
    tables = {"events": _table("events", events)}
    for name in TABLES[1:]:
        if name not in rows:
            continue
        owners = rows[name].owners
        made = _columns(name, rows[name], count=len(owners))
        made["event"] = _owned(owners, dtype=columns(name)["event"])
        made["position"] = np.arange(len(owners)) - np.searchsorted(owners, owners)
        made["elements"] = np.bincount(owners)[owners] if len(owners) else owners
        for column in {"host", "process"} & columns(name).keys():
            made[column] = events[column].take(owners)
        if name == "chain":
            made |= _flags(made["info_status"])
        tables[name] = _table(name, made)
    return tables


def _events(rows: Rows, *, offsets: np.ndarray, written: np.ndarray) -> dict[str, Column]:
    count = len(offsets)
    infer(rows.texts, count=count)
    made = _columns("events", rows, count=count)
    made["event"] = np.arange(count)
    made["source"] = np.zeros(count, dtype="int64")
    made["offset"] = masked(offsets, np.zeros(count, bool), dtype="Int64")
    made["time_written"] = instants(written)
    return made


def _flags(info: Column) -> dict[str, Column]:
    """The boolean columns that bits of a chain element's information say."""
    known = ~pd.isna(info)
    bits = pd.Series(info).to_numpy("int64", na_value=0)
    return {
        column: masked((bits & bit) != 0, ~known, dtype="boolean")
        for column, bit in flag_columns("CERT_TRUST_InfoStatus").items()
    }


def _owned(owners: np.ndarray, *, dtype: str) -> Column | np.ndarray:
    return owners if dtype == "int64" else masked(owners, np.zeros(len(owners), bool), dtype=dtype)


def _table(name: str, made: dict[str, Column]) -> pd.DataFrame:
    return pd.DataFrame({column: made[column] for column in columns(name)}, copy=False)


class _Group:
    """The rows of one layout: their numbers in the table, and their values."""

    __slots__ = ("numbers", "values")

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.values: list[tuple[str, ...]] = []


def _columns(table: str, rows: Rows, *, count: int) -> dict[str, Column]:
    """Every column of the vocabulary from the texts of its cells; those that no row fills are <NA>."""
    made: dict[str, Column] = {}
    misfits: dict[int, dict[str, str | None]] = {}
    for column, dtype in columns(table).items():
        if column not in rows.texts:
            made[column] = rows.ready[column] if column in rows.ready else missing(count, dtype)
        else:
            found = rows.texts[column]
            made[column], bad = typed(found, kind=kinds().get((table, column), "text"), dtype=dtype)
            for row in bad:
                misfits.setdefault(row, {})[f"{column}?"] = found.words[int(found.codes[row])].as_py()
            if column in rows.ready:
                ready = pd.Series(rows.ready[column])
                made[column] = ready.where(ready.notna(), pd.Series(made[column])).array
    if misfits:
        made["extra"] = _with_misfits(rows.texts.get("extra", absent(count)), misfits)
    return made


def _with_misfits(extra: Coded, misfits: dict[int, dict[str, str | None]]) -> Column:
    """The JSON texts with what did not fit its column, under the column's name and a question mark."""
    texts = extra.texts()
    for row, more in misfits.items():
        texts[row] = json.dumps(json.loads(texts[row] or "{}") | more, ensure_ascii=False)
    return strings(texts)


def _texts(groups: dict[Layout, _Group], *, count: int) -> Texts:
    """The text of every cell by column, rows in the order in which they were met; `extra` as JSON."""
    filled: dict[str, dict[Layout, tuple[str, ...]]] = {}
    for layout, group in groups.items():
        for column, values in zip(layout.columns, zip(*group.values, strict=True), strict=False):
            filled.setdefault(column, {})[layout] = values
    spots = np.empty(count, dtype="int64")
    spots[list(chain.from_iterable(group.numbers for group in groups.values()))] = np.arange(count)
    # One call picks all cells in order. The place 0 at the end is dropped again: itemgetter gives no tuple for one place.
    in_order = itemgetter(*spots.tolist(), 0) if count else list

    def in_rows(parts: dict[Layout, tuple[str, ...]]) -> list[str | None]:
        absent = {layout: repeat(None, len(group.numbers)) for layout, group in groups.items()}
        flat = list(chain.from_iterable(parts.get(layout, absent[layout]) for layout in groups))
        return list(in_order(flat))[:count]

    texts = {column: coded(in_rows(parts)) for column, parts in filled.items()}
    extras = (map(layout.tell_extra, group.values) for layout, group in groups.items())
    texts["extra"] = coded(list(in_order(list(chain.from_iterable(extras))))[:count])
    if HEADER in texts:
        split_headers(texts, count=count)
    return texts


def split_headers(texts: Texts, *, count: int) -> None:
    """A header line is two cells: its name and its value; a first line has no name."""
    lines = texts.pop(HEADER)
    names, values = (texts.get(name, absent(count)) for name in ("name", "value"))
    texts["name"] = names.filled(lines.mapped(_name_of_header), where=lines.codes >= 0)
    texts["value"] = values.filled(lines.mapped(_value_of_header), where=lines.codes >= 0)


def _name_of_header(line: str) -> str | None:
    name, mark, _ = line.partition(": ")
    return name if mark else None


def _value_of_header(line: str) -> str:
    name, mark, value = line.partition(": ")
    return value if mark else name
