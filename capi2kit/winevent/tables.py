"""Tables: the rows that walks make → columns of the vocabulary."""

from __future__ import annotations

import json
from itertools import chain, repeat
from operator import itemgetter

import numpy as np
import pandas as pd
from lxml import etree

from capi2kit.columns.cells import instants, masked, missing, strings, typed
from capi2kit.knowledge import columns, flag_columns
from capi2kit.winevent.inferences import Texts, infer
from capi2kit.winevent.layouts import Layout
from capi2kit.winevent.places import HEADER, kinds
from capi2kit.winevent.skeletons import Skeletons

Batch = dict[str, pd.DataFrame]
Column = pd.api.extensions.ExtensionArray | np.ndarray
_TABLES = ("events", "steps", "chain", "certificates")


class EventRows:
    """Collects events until `batch` turns them into tables."""

    def __init__(self) -> None:
        self._skeletons = Skeletons()
        self._start()

    def _start(self) -> None:
        self._groups: dict[str, dict[Layout, _Group]] = {name: {} for name in _TABLES}
        self._owners: dict[str, list[int]] = {name: [] for name in _TABLES}
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
        events = self._events()
        tables = {"events": _table("events", events)}
        for name in _TABLES[1:]:
            owners = np.array(self._owners[name], dtype="int64")
            made = _columns(name, _texts(self._groups[name], count=len(owners)), count=len(owners))
            made["event"] = _owned(owners, dtype=columns(name)["event"])
            made["position"] = np.arange(len(owners)) - np.searchsorted(owners, owners)
            made["elements"] = np.bincount(owners)[owners] if len(owners) else owners
            for column in {"host", "process"} & columns(name).keys():
                made[column] = events[column].take(owners)
            if name == "chain":
                made |= _flags(made["info_status"])
            tables[name] = _table(name, made)
        self._start()
        return tables

    def _events(self) -> dict[str, Column]:
        count = len(self)
        texts = _texts(self._groups["events"], count=count)
        infer(texts, count=count)
        made = _columns("events", texts, count=count)
        made["event"] = np.arange(count)
        made["source"] = np.zeros(count, dtype="int64")
        made["offset"] = masked(np.array(self._offsets, dtype="int64"), np.zeros(count, bool), dtype="Int64")
        made["time_written"] = instants(np.array(self._written, dtype="int64"))
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


def _columns(table: str, texts: Texts, *, count: int) -> dict[str, Column]:
    """Every column of the vocabulary from the texts of its cells; those that no row fills are <NA>."""
    extras = texts.pop("extra")
    made: dict[str, Column] = {}
    for column, dtype in columns(table).items():
        values = texts.get(column)
        if values is None:
            made[column] = missing(count, dtype)
            continue
        made[column], bad = typed(values, kind=kinds().get((table, column), "text"), dtype=dtype)
        for i in bad:
            extra = json.loads(extras[i] or "{}") | {f"{column}?": values[i]}
            extras[i] = json.dumps(extra, ensure_ascii=False)
    made["extra"] = strings(extras)
    return made


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

    texts = {column: in_rows(parts) for column, parts in filled.items()}
    extras = (map(layout.tell_extra, group.values) for layout, group in groups.items())
    texts["extra"] = list(in_order(list(chain.from_iterable(extras))))[:count]
    if HEADER in texts:
        _split_headers(texts)
    return texts


def _split_headers(texts: Texts) -> None:
    """A header line is two cells: its name and its value; a first line has no name."""
    lines = texts.pop(HEADER)
    absent: list[str | None] = [None] * len(lines)
    names, values = texts.get("name", absent), texts.get("value", absent)
    parts = [line.partition(": ") if line is not None else None for line in lines]
    texts["name"] = [(part[0] if part[1] else None) if part else name for part, name in zip(parts, names, strict=True)]
    texts["value"] = [
        (part[2] if part[1] else part[0]) if part else value for part, value in zip(parts, values, strict=True)
    ]
