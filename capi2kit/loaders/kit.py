"""Loader `kit`: what the collection script writes beside the logs: its manifest, its log, and facts of the computer.

Its list of processes gives the creation of each, and the application pool of a worker process: these are events.
All else becomes `settings`: the manifest, against which the case checks the files; services, pools, the time zone.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator

import numpy as np
import pandas as pd

from capi2kit.columns.cells import shaped, typed
from capi2kit.columns.coded import coded
from capi2kit.knowledge import operation, rows
from capi2kit.loaders.evidence import KIT_MANIFEST, Asked, EvidenceFile, Problems
from capi2kit.loaders.text.lines import Line, check_size, head_of, lines, source_of, table_of
from capi2kit.winevent import Batch
from capi2kit.winevent.inferences import infer

NAME = "kit"
LOOKS_FOR = "a file of the collection kit: manifest.csv, collect.log, machine/…"
PROVIDER = "Process list"
PROCESSES = ("name", "pid", "parent", "started_utc", "command_line")
_TABLES = {
    ("file", "bytes", "sha256", "command", "utc"): KIT_MANIFEST,
    PROCESSES: "kit processes",
    ("Name", "State", "StartMode", "StartName", "ProcessId"): "kit services",
    ("pool", "field", "value"): "kit application pools",
    ("key", "version", "release"): "kit .NET versions",
    ("account", "folder", "file", "bytes", "created_utc", "modified_utc"): "kit URL cache files",
    ("LogName", "IsEnabled", "LogMode", "MaximumSizeInBytes", "FileSize", "RecordCount"): "kit event logs",
}
_LOG = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z (?:note|problem): ")
_FACT = re.compile(r"\s*([A-Za-z][^:]{0,90}?)\s*:\s*((?:.*\S)?)\s*")
_FACTS = re.compile(r"(?:^|[/\\!])machine[/\\]([a-z0-9-]+)\.txt$")
_HOSTS = re.compile(r"(?:^|[/\\!])(?:machine[/\\])?hosts(?:\.txt)?$")
_ENTRY = re.compile(r"\s*([0-9A-Fa-f.:%]+)\s+([^#]*)")


def sniff(head: bytes, name: str) -> bool:
    """True for a table with the columns of one of the kit's, its log, or its facts of the computer."""
    text = head_of(head)
    first = next(iter(text.lstrip("\ufeff").splitlines()), "")
    return bool(text) and bool(
        _columns(first) in _TABLES or _LOG.match(first) or _FACTS.search(name) or _is_hosts(text, name)
    )


def read(file: EvidenceFile, *, asked: Asked) -> Iterator[Batch]:
    """Yield one batch: `events` or `settings`, with `sources` and `problems`."""
    check_size(file)
    problems = Problems()
    all_lines = list(lines(file, problems))
    table = _columns(all_lines[0].text) if all_lines else ()
    if table not in _TABLES:
        hosts = _HOSTS.search(file.name)
        batch = _hosts(all_lines) if hosts else _facts(all_lines, file=file.name)
        loaded = sum(bool(line.text.strip()) for line in all_lines)
    else:
        cells = list(_cells(all_lines[1:], width=len(table), problems=problems))
        batch = _processes(cells, problems=problems) if table == PROCESSES else _settings(cells, table=table)
        loaded = len(cells)
    batch["problems"] = problems.table()
    batch["sources"] = source_of(problems, loaded=loaded)
    yield batch


def _columns(first: str) -> tuple[str, ...]:
    try:
        return tuple(next(csv.reader([first.lstrip("\ufeff").strip()]), ()))
    except csv.Error:  # it is too long for the head of a table
        return ()


def _cells(table_lines: list[Line], *, width: int, problems: Problems) -> Iterator[tuple[Line, list[str]]]:
    """The rows of a table; a cell may go over several lines."""
    at = [table_lines[0] if table_lines else Line(1, 0, "")]

    def texts() -> Iterator[str]:
        for line in table_lines:
            at[0] = line
            yield f"{line.text}\n"

    reader = csv.reader(texts())
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as err:
            problems.add("record", "unreadable row", message=f"line {at[0].number}: {err}", lost=1)
            continue
        if len(row) == width:
            yield at[0], row
        elif row:
            message = f"line {at[0].number} has {len(row)} cells, its table {width}; it was left out"
            problems.add("record", "unreadable row", message=message, lost=1)


def _is_hosts(text: str, name: str) -> bool:
    """Whether it is a hosts file: by its name, and by its first line that is no remark."""
    said = (line.strip() for line in text.splitlines())
    first = next((line for line in said if line and not line.startswith("#")), "")
    return bool(_HOSTS.search(name)) and (not first or bool(_ENTRY.match(first)))


def _hosts(host_lines: list[Line]) -> Batch:
    """Each name of a hosts file and its address; remarks say nothing."""
    cells: dict[str, list[str | None]] = {"line": [], "name": [], "value": []}
    for line in host_lines:
        if entry := _ENTRY.match(line.text.split("#")[0]):
            for name in entry[2].split():
                for column, cell in zip(cells, (str(line.number), name, entry[1]), strict=True):
                    cells[column].append(cell)
    cells |= {"origin": ["hosts file"] * len(cells["line"]), "path": ["hosts"] * len(cells["line"])}
    return {"settings": table_of("settings", cells, kinds={"line": "int"})}


def _facts(fact_lines: list[Line], *, file: str) -> Batch:
    """Lines of name and value; one that is neither is a value alone, as those of the kit's log are."""
    cells: dict[str, list[str | None]] = {"line": [], "name": [], "value": []}
    for line in fact_lines:
        if line.text.strip():
            fact = None if _LOG.match(line.text) else _FACT.fullmatch(line.text)
            cells["line"].append(str(line.number))
            cells["name"].append(fact[1] if fact else None)
            cells["value"].append((fact[2] if fact else line.text.strip()) or None)
    part = _FACTS.search(file)
    origin = f"kit {part[1]}" if part and not part[1].startswith("w32tm") else "kit machine"
    origin = "kit log" if fact_lines and _LOG.match(fact_lines[0].text) else origin
    cells["origin"] = [origin] * len(cells["line"])
    return {"settings": table_of("settings", cells, kinds={"line": "int"})}


def _settings(found: list[tuple[Line, list[str]]], *, table: tuple[str, ...]) -> Batch:
    """Each cell behind the first of its row is a setting of what the first one names."""
    cells: dict[str, list[str | None]] = {name: [] for name in ("line", "path", "name", "value", "origin")}
    for line, row in found:
        for name, value in zip(table[1:], row[1:], strict=True):
            for column, text in zip(
                cells, (str(line.number), row[0], name, value or None, _TABLES[table]), strict=True
            ):
                cells[column].append(text)
    return {"settings": table_of("settings", cells, kinds={"line": "int"})}


def _processes(found: list[tuple[Line, list[str]]], *, problems: Problems) -> Batch:
    """The creation of every process that was alive, as an event; the pool follows from the command line."""
    count = len(found)
    name, pid, _, started, command = (
        (list(cell) for cell in zip(*(row for _, row in found), strict=True)) if found else [[]] * 5
    )
    texts: dict[str, list[str | None]] = {"new_process": name, "new_pid": pid, "time": started, "command_line": command}
    texts = {column: [value or None for value in values] for column, values in texts.items()}
    texts |= {column: [PROVIDER] * count for column in ("provider", "channel")}
    columns_known = {column: coded(values) for column, values in texts.items()}
    infer(columns_known, count=count)
    texts = {column: values.texts() for column, values in columns_known.items()}
    known = {row["column"]: row["kind"] for row in rows("fields") if row["table"] == "events"}
    made = table_of("events", texts, kinds=known)
    for column in ("time", "new_pid"):
        unread = sum(text is not None for text in texts[column]) - int(made[column].notna().sum())
        if unread:
            message = f"{unread} cells do not fit `{column}` and are missing there"
            problems.add("value", "unreadable value", message=message)
    made["operation"] = [operation(None, provider=PROVIDER).name] * count
    made["record"] = typed([str(line.number) for line, _ in found], kind="int", dtype="Int64")[0]
    made["resolution_s"] = pd.array(np.full(count, 0.001), dtype="Float64")
    made["event"] = np.arange(count)
    return {"events": shaped(made, "events")}
