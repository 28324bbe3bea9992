"""W3C fields: which log a `#Fields` line belongs to, and its columns of cells → columns of the vocabulary.

What the fields mean is in `data/w3c.csv`. A field without a column goes into `extra` under its own name,
a cell that does not fit its column as `column?`. A single hyphen means that there is nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from capi2kit.columns.cells import masked, shaped, strings, typed
from capi2kit.knowledge import columns, operation, rows
from capi2kit.loaders.evidence import Problems
from capi2kit.loaders.text.localtimes import LocalTimes

Cells = list[str | None]
NOTHING = "-"
LOCAL = "local time"  # the kind of a time that is not in UTC
_RESOLUTION_S = 1.0  # all three logs write whole seconds
_SOFTWARE = "#Software: "
_READ_AS = {"ms": "int", LOCAL: "time"}


class Place(NamedTuple):
    """Where a field goes: a column, what joins it to the field before it in the same column, and its kind."""

    column: str
    joined_by: str
    kind: str


class Layout(NamedTuple):
    """What the directives above a line say about it: whose log, which fields, local time or UTC, the day if no field has it."""

    log: str
    fields: tuple[str, ...]
    local: bool
    day: str | None


class Row(NamedTuple):
    """One line: its number, the offset of its first byte, and its cells."""

    number: int
    offset: int
    cells: Sequence[str]


@cache
def places(log: str) -> dict[str, Place]:
    """Where the fields of a log go, by field; the first part of a column comes before what is joined to it."""
    mine = [row for row in rows("w3c") if row["log"] == log and row["column"]]
    return {row["field"]: Place(row["column"], row["joined_by"], row["kind"]) for row in mine}


@cache
def _tells() -> tuple[tuple[str, str], ...]:
    return tuple((row["field"], row["log"]) for row in rows("w3c") if row["tells"] == "1")


def log_of(fields: Sequence[str], *, software: str = "") -> str | None:
    """The log that has a field only it has, or was written by this software; None if neither says so."""
    named = {field.casefold() for field in fields}
    for field, log in _tells():
        if field in named:
            return log
    written_by = f"{_SOFTWARE}{software}"
    return next((log for field, log in _tells() if field[0] == "#" and written_by.startswith(field)), None)


class Lines:
    """Collects the lines of a log until `events` makes a table of them."""

    def __init__(self, *, tz: str | None, problems: Problems) -> None:
        self._stretches: list[tuple[Layout, list[Row]]] = []
        self._count = 0
        self._times = LocalTimes(tz=tz, problems=problems)
        self.unread: dict[str, int] = {}  # cells that did not fit, by column

    def __len__(self) -> int:
        return self._count

    def add(self, row: Row, layout: Layout) -> None:
        """Take one line."""
        if not self._stretches or self._stretches[-1][0] is not layout:
            self._stretches.append((layout, []))
        self._stretches[-1][1].append(row)
        self._count += 1

    def events(self) -> pd.DataFrame:
        """The `events` table of what was collected; collecting starts anew."""
        stretches, count = self._stretches, self._count
        self._stretches, self._count = [], 0
        texts: dict[str, Cells] = {}
        kinds: dict[str, str] = {}
        done = 0
        for layout, lines in stretches:
            for column, cells in _cells(layout, lines).items():
                texts.setdefault(column, [None] * done).extend(cells)
            done += len(lines)
            for cells in texts.values():
                cells.extend([None] * (done - len(cells)))
            kinds |= {place.column: place.kind for place in places(layout.log).values()}
        return self._shaped(texts, kinds, stretches=stretches, count=count)

    def _shaped(
        self, texts: dict[str, Cells], kinds: dict[str, str], *, stretches: list[tuple[Layout, list[Row]]], count: int
    ) -> pd.DataFrame:
        known = columns("events")
        extras = texts.pop("extra", [None] * count)
        made: dict[str, object] = {}
        for column, cells in texts.items():
            kind = kinds[column]
            dtype = "Int64" if kind == "ms" else known[column]
            made[column], bad = typed(cells, kind=_READ_AS.get(kind, kind), dtype=dtype)
            for i in bad:
                extra = json.loads(extras[i] or "{}") | {f"{column}?": cells[i]}
                extras[i] = json.dumps(extra, ensure_ascii=False)
            self.unread[column] = self.unread.get(column, 0) + len(bad)
        table = pd.DataFrame(made | _layout_columns(stretches, zone=self._times.zone, count=count))
        table["extra"] = strings(extras)
        if "duration_s" in table:
            table["duration_s"] = table["duration_s"].astype("Float64") / 1000
            table["phase"] = strings(np.where(table["duration_s"].notna(), "whole", "point").tolist())
        if "time" in table:
            table["time"] = self._times.in_utc(table["time"], where=table["zone"].notna().to_numpy())
        return shaped(table, "events")


def _layout_columns(stretches: list[tuple[Layout, list[Row]]], *, zone: str, count: int) -> dict[str, object]:
    """The columns that a layout gives all its lines, and where the lines are."""
    sizes = [len(lines) for _, lines in stretches]
    logs = strings(np.repeat([layout.log for layout, _ in stretches], sizes).tolist())
    names = [operation(None, provider=layout.log).name for layout, _ in stretches]
    zones = np.repeat(np.array([zone if layout.local else None for layout, _ in stretches], object), sizes)
    where = np.array([row[:2] for _, lines in stretches for row in lines], "int64").reshape(-1, 2)
    known = np.zeros(count, bool)
    return {
        "event": np.arange(count),
        "record": masked(where[:, 0], known, dtype="Int64"),
        "offset": masked(where[:, 1], known, dtype="Int64"),
        "provider": logs,
        "channel": logs,
        "operation": strings(np.repeat(names, sizes).tolist()),
        "phase": strings(["point"] * count),
        "resolution_s": masked(np.full(count, _RESOLUTION_S), known, dtype="Float64"),
        "zone": strings(zones.tolist()),
    }


def _cells(layout: Layout, lines: list[Row]) -> dict[str, Cells]:
    """The cells of lines of one layout by column; `extra` as JSON."""
    known = places(layout.log)
    by_field = zip(layout.fields, zip(*(row.cells for row in lines), strict=True), strict=True)
    logged = {field: [None if cell == NOTHING else cell for cell in cells] for field, cells in by_field}
    found: dict[str, Cells] = {}
    if layout.day:
        found["time"] = [layout.day] * len(lines)
    for field, place in known.items():
        cells = next((logged.pop(name) for name in list(logged) if name.casefold() == field), None)
        if cells is None:
            continue
        if not place.joined_by:
            found[place.column] = cells
            continue
        heads = found.get(place.column, [None] * len(lines))
        found[place.column] = [_joined(head, tail, by=place.joined_by) for head, tail in zip(heads, cells, strict=True)]
        alone = [tail if head is None else None for head, tail in zip(heads, cells, strict=True)]
        if any(cell is not None for cell in alone):
            logged[field] = alone
    found["extra"] = list(_extras(logged, count=len(lines)))
    return found


def _joined(head: str | None, tail: str | None, *, by: str) -> str | None:
    """``10.0.0.1`` and ``80`` → ``10.0.0.1:80``; an address with colons of its own gets brackets."""
    if head is None or tail is None:
        return head
    return f"[{head}]{by}{tail}" if by == ":" and by in head else f"{head}{by}{tail}"


def _extras(logged: dict[str, Cells], *, count: int) -> Iterator[str | None]:
    """The cells without a column as JSON, each under the name of its field."""
    known: dict[tuple[str | None, ...], str | None] = {}
    for cells in zip(*logged.values(), strict=True) if logged else [()] * count:
        if cells not in known:
            extra = {field: cell for field, cell in zip(logged, cells, strict=True) if cell is not None}
            known[cells] = json.dumps(extra, ensure_ascii=False) if extra else None
        yield known[cells]
