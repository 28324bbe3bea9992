"""Windows events: element trees → batches of vocabulary columns, by `data/fields.csv`.

Input: `Event` elements (namespaces do not matter) and what the reader knows of
each record. Output: the tables `events`, `steps`, `chain` and `certificates`.
Every attribute and text of the payload ends in exactly one cell, or in the
`extra` column as JSON under its path. No event id stands here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache

import pandas as pd
from lxml import etree

from capi2kit.cells import missing, plain, strings, typed
from capi2kit.knowledge import columns, operation, rows

Row = dict[str, object]
Batch = dict[str, pd.DataFrame]
_PHASES = {1: "start", 2: "stop"}
_TABLES = ("events", "steps", "chain", "certificates")
_PARSED = ("int", "hex", "bool", "duration", "time")


class _Place:
    """What fields.csv says about one element: its attributes, text, children, and the row it opens."""

    __slots__ = ("attributes", "children", "constants", "indexed", "names", "table", "tag", "text")

    def __init__(self) -> None:
        self.children: dict[str, _Place] = {}
        self.attributes: dict[str, tuple[str, str]] = {}
        self.names: str | None = None
        self.text: tuple[str, str] | None = None
        self.tag: str | None = None
        self.table: str | None = None
        self.constants: dict[str, str] = {}
        self.indexed = False

    def at(self, path: str) -> _Place:
        place = self
        for step in filter(None, path.split("/")):
            place.indexed |= step.endswith("]")
            place = place.children.setdefault(step, _Place())
        return place

    def learn(self, column: str, path: str, kind: str) -> None:
        """Add one line of fields.csv below this place."""
        where, _, attribute = path.partition("@")
        place = self.at("" if where == "." else where)
        if kind.startswith("="):
            place.constants[column] = kind[1:]
        elif kind == "names":
            place.names = column
        elif kind == "element":
            place.tag = column
        elif attribute:
            place.attributes[attribute] = (column, kind)
        else:
            place.text = (column, kind)

    def inherit(self) -> None:
        """Let an element named in fields.csv also know what is said about `*`."""
        for name, child in self.children.items():
            star = self.children.get("*")
            if star is not None and name != "*":
                for step, below in star.children.items():
                    child.children.setdefault(step, below)
                child.tag = child.tag or star.tag
            child.inherit()


@cache
def _places(channel: str, event_id: str) -> _Place:
    root = _Place()
    known = {(row["channel"], row["event_id"]) for row in rows("fields")}
    wanted = {("", "")} | ({(channel, event_id)} & known)
    for row in rows("fields"):
        if (row["channel"], row["event_id"]) in wanted:
            place = root.at(row["row"])
            if row["row"]:
                place.table = row["table"]
            place.learn(row["column"], row["path"], row["kind"])
    root.inherit()
    return root


@cache
def _kinds() -> dict[tuple[str, str], str]:
    return {(row["table"], row["column"]): row["kind"] for row in rows("fields") if row["kind"] in _PARSED}


@cache
def _specific() -> frozenset[tuple[str, str]]:
    return frozenset((row["channel"], row["event_id"]) for row in rows("fields"))


class EventRows:
    """Collects events until `batch` turns them into tables."""

    def __init__(self) -> None:
        self.tables: dict[str, list[Row]] = {name: [] for name in _TABLES}
        self._new: list[tuple[str, Row]] = []

    def __len__(self) -> int:
        return len(self.tables["events"])

    def add(self, event: etree._Element, facts: Mapping[str, object]) -> None:
        """Read one event. `facts`: cells that the reader knows, such as `offset` and `time_written`."""
        channel = event_id = ""
        for element in event.iterfind("{*}System/*"):
            name = _local(element)
            channel, event_id = (
                (element.text or "", event_id)
                if name == "Channel"
                else (channel, element.text or "")
                if name == "EventID"
                else (channel, event_id)
            )
        key = (channel, event_id) if (channel, event_id) in _specific() else ("", "")
        row: Row = dict(facts)
        number = len(self.tables["events"])
        self._new = []
        self._walk(event, _places(*key), "", row)
        self.tables["events"].append(row)
        counts: dict[str, int] = {}
        for table, part in self._new:
            position = counts.get(table, 0)
            counts[table] = position + 1
            part.update(event=number, position=position, host=row.get("host"), process=row.get("process"))
            self.tables[table].append(part)
        for table, part in self._new:
            part["elements"] = counts[table]

    def _walk(self, element: etree._Element, place: _Place, path: str, row: Row) -> None:
        if place.table:
            row = dict(place.constants)
            self._new.append((place.table, row))
            path = ""
        for name, value in element.items():
            name = name.rpartition("}")[2]
            target = place.attributes.get(name)
            if target:
                _put(row, target, value, f"{path}@{name}")
            elif place.names and value == "true":
                row[place.names] = f"{row[place.names]} {name}" if place.names in row else name
            else:
                _keep(row, f"{path}@{name}", value)
        text = element.text
        if text and not (len(element) and text.isspace()):
            if place.text:
                _put(row, place.text, text, path)
            else:
                _keep(row, path, text)
        if len(element):
            self._children(element, place, path, row)

    def _children(self, element: etree._Element, place: _Place, path: str, row: Row) -> None:
        counts: dict[str, int] = {}
        for child in element.iterchildren(tag=etree.Element):
            name = _local(child)
            step = name
            if place.indexed:
                counts[name] = counts.get(name, 0) + 1
                step = f"{name}[{counts[name]}]"
            below = place.children.get(step) or place.children.get(name) or place.children.get("*") or _NOWHERE
            if below.tag and below.tag not in row:
                row[below.tag] = name
            self._walk(child, below, f"{path}/{step}" if path else step, row)
            if child.tail and not child.tail.isspace():
                _keep(row, f"{path}/{step}~", child.tail)

    def batch(self) -> Batch:
        """The tables of what was collected, in vocabulary columns; collecting starts anew."""
        tables = {name: _frame(name, collected) for name, collected in self.tables.items()}
        self.tables = {name: [] for name in _TABLES}
        return tables


_NOWHERE = _Place()


def _local(element: etree._Element) -> str:
    return element.tag.rpartition("}")[2]  # type: ignore[union-attr]


def _put(row: Row, target: tuple[str, str], value: str, path: str) -> None:
    column, kind = target
    if column in row:
        _keep(row, path, value)  # a repeated element: the first one has the cell
    elif kind == "header":
        name, colon, rest = value.partition(": ")
        row[column] = rest if colon else value
        if colon:
            row["name"] = name
    else:
        row[column] = plain(value, kind)


def _keep(row: Row, path: str, value: str) -> None:
    extra: dict = row.setdefault("extra", {})  # type: ignore[assignment]
    if path not in extra:
        extra[path] = value
    elif isinstance(extra[path], list):
        extra[path].append(value)
    else:
        extra[path] = [extra[path], value]


def _frame(table: str, collected: list[Row]) -> pd.DataFrame:
    kinds = _kinds()
    seen = set().union(*(row.keys() for row in collected)) if collected else set()
    made: dict[str, object] = {}
    for column, dtype in columns(table).items():
        if column == "extra":
            continue
        if column not in seen:
            made[column] = missing(len(collected), dtype)
            continue
        values = [row.get(column) for row in collected]
        kind = kinds.get((table, column), "text")
        if dtype == "string" or kind != "text":
            made[column], bad = typed(values, kind=kind, dtype=dtype)  # type: ignore[arg-type]
            for i in bad:
                _keep(collected[i], f"{column}?", str(values[i]))
        else:
            made[column] = pd.array(values, dtype=dtype)  # type: ignore[call-overload]
    if table == "events":
        _name_operations(made)
    kept = (row.get("extra") for row in collected)
    made["extra"] = strings([json.dumps(extra, ensure_ascii=False) if extra else None for extra in kept])
    return pd.DataFrame(made)[list(columns(table))]


def _name_operations(made: dict) -> None:
    """Fill `operation` and `phase`: both follow from channel, task, event id and opcode."""
    keys = list(zip(made["channel"].tolist(), made["task"].tolist(), made["event_id"].tolist(), strict=True))
    names = {key: operation(*(None if part is pd.NA else part for part in key)).name for key in set(keys)}
    made["operation"] = strings([names[key] for key in keys])
    made["phase"] = strings([_PHASES.get(code, "point") for code in made["opcode"].tolist()])
