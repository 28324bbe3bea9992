"""Shapes of events: which elements and attributes there are, how often under their parent, and in which forms.

What real logs show stands in `real_shapes.csv` (facts about their form, nothing of their content), so
that the lab can be compared with them on any machine; with the real logs at hand a test proves the table.
"""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from lxml import etree

TABLE = Path(__file__).parent / "real_shapes.csv"
SYSTEM = "System"  # the row of an event's Level, Task, Opcode and Keywords

# the most telling first
FORMS = {
    "nothing": r"",
    "bool": r"true|false",
    "guid": r"\{[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}\}",
    "file reference": r"[0-9A-F]{40}\.(cer|crl|bin)",
    "digest": r"[0-9A-F]{40}",
    "time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
    "time in ms": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
    "duration": r"P(\d+D)?T(\d+H)?(\d+M)?\d+S",
    "duration in ms": r"PT\d+\.\d{3}S",
    "oid": r"\d+(\.\d+){3,}",
    "number": r"-?\d+",
    "hex": r"[0-9A-F]+",
    "url": r"https?://\S+",
    "header": r"[A-Za-z0-9-]+: .*|GET \S+ HTTP/1\.1|HTTP/1\.1 \d{3} .*",
    "sid": r"S-1-\d+(-\d+)+",
    "path": r"([A-Z]:)?\\.*",
    "text": r".*",
}
_MATCH = [(name, re.compile(pattern, re.DOTALL)) for name, pattern in FORMS.items()]


class Shape(NamedTuple):
    """One path of one kind of event: how often it and its parent occur, and the forms of its values."""

    count: int
    parents: int
    forms: frozenset[str]

    @property
    def always(self) -> bool:
        """Whether it stands under every parent."""
        return self.count >= self.parents


Shapes = dict[tuple[str, str], Shape]  # by event id and path; paths of attributes end in @name


def form_of(value: str) -> str:
    """The most telling form that a value fits."""
    return next(name for name, pattern in _MATCH if pattern.fullmatch(value))


def read_shapes(events: Iterable[etree._Element]) -> Shapes:
    """The shapes of some events."""
    holders: Counter[tuple[str, str]] = Counter()  # elements with this path that hold it at least once
    elements: Counter[tuple[str, str]] = Counter()
    forms: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for event in events:
        number = event.findtext("System/EventID") or "?"
        said = " ".join(event.findtext(f"System/{name}") or "-" for name in ("Level", "Task", "Opcode", "Keywords"))
        holders[number, SYSTEM] += 1
        forms[number, SYSTEM].add(said)
        elements[number, ""] += 1
        for payload in event:
            if payload.tag != "System":
                _walk(payload[0] if payload.tag == "UserData" else payload, "", number, (holders, elements, forms))
    return {
        key: Shape(count, elements[key[0], _parent(key[1])], frozenset(forms[key])) for key, count in holders.items()
    }


def _walk(element: etree._Element, above: str, number: str, tables: tuple) -> None:
    holders, elements, forms = tables
    path = f"{above}/{element.tag}"
    elements[number, path] += 1
    forms[number, path].add(form_of((element.text or "").strip()))
    if not above:
        holders[number, path] += 1
    for name, value in element.attrib.items():
        holders[number, f"{path}@{name}"] += 1
        forms[number, f"{path}@{name}"].add(form_of(value))
    for tag in {child.tag for child in element}:
        holders[number, f"{path}/{tag}"] += 1
    for child in element:
        _walk(child, path, number, tables)


def _parent(path: str) -> str:
    if path == SYSTEM:
        return ""
    return path.rpartition("@")[0] if "@" in path else path.rpartition("/")[0]


def write_table(shapes: Shapes) -> str:
    """The shapes as the text of `real_shapes.csv`."""
    rows = ["event_id,path,count,parents,forms"]
    for (number, path), shape in sorted(shapes.items(), key=lambda item: (int(item[0][0]), item[0][1])):
        rows.append(f"{number},{path},{shape.count},{shape.parents},{'|'.join(sorted(shape.forms))}")
    return "\n".join(rows) + "\n"


def read_table() -> Shapes:
    """The shapes of the real logs."""
    with TABLE.open(encoding="utf-8", newline="") as lines:
        return {
            (row["event_id"], row["path"]): Shape(
                int(row["count"]), int(row["parents"]), frozenset(row["forms"].split("|"))
            )
            for row in csv.DictReader(lines)
        }
