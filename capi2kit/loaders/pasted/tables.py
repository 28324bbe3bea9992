"""Tables: what `Get-WinEvent | Format-Table` and `Get-EventLog` print: a heading, a rule, and an event per line.

Columns are known by what they hold, for copying changes the blanks between them. A message is cut at the width of the
window that it was printed in, or goes on below its column (`-Wrap`).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from lxml import etree

from capi2kit.knowledge.eventlabels import meaning_of
from capi2kit.knowledge.providers import provider_named
from capi2kit.loaders.pasted.blocks import Block, event_of
from capi2kit.loaders.pasted.lost_tags import clean

_RULE = re.compile(r"[ \t]*-{2,}(?:[ \t]+-{2,})+[ \t]*")
_GROUP = re.compile(r"[ \t]*(?:ProviderName|LogName):[ \t]*(\S.*?)[ \t]*")
_LOG_ASKED = re.compile(
    r"-LogName\s{1,3}['\"]?([\w-]{1,60}(?:/\w{1,30})?)['\"]?(?=\s|$)"
)  # in the command above a table
_ASKED = 4  # lines above it
_TIME = r"\d[\d./-]{5,9}\d,?\s+\d{1,2}:\d\d(?::\d\d)?(?:\s*[AaPp]\.?[Mm]\.?)?|[A-Z]\w{2} \d\d \d\d:\d\d"
_FORMS = {
    "time": rf"(?:{_TIME})", "event_id": r"\d{1,10}", "level": r"\S+", "record": r"\d+", "pid": r"\d*", "tid": r"\d*",
    "provider": r"\S+(?: \S+)*?", "channel": r"\S+", "host": r"\S+", "description": r".*", "opcode": r"\S*", "task": r"\d*",
}  # fmt: skip
_BLANKS = 2  # empty lines inside a table at most
_FEWEST = 2  # known columns, one of them the event id


class Table(NamedTuple):
    """A table in a text: where it begins and ends, its events as blocks, and lines that did not fit."""

    begin: int
    end: int
    rows: list[Block]
    unread: list[tuple[int, str]]


def tables_in(text: str) -> list[Table]:
    """The tables of a text in their order."""
    lines = text.split("\n")
    places, at = [], 0
    for line in lines:
        places.append(at)
        at += len(line) + 1
    found: list[Table] = []
    for number, line in enumerate(lines):
        if number and _RULE.fullmatch(line) and (not found or places[number] >= found[-1].end):
            columns = [meaning_of(word, kind="label") for word in lines[number - 1].split()]
            if "event_id" in columns and len([one for one in columns if one]) >= _FEWEST:
                found.append(_table(lines, number, places=places, columns=columns))
    return [table for table in found if table.rows]


def _table(lines: list[str], rule: int, *, places: list[int], columns: list[str | None]) -> Table:
    shared, begin = _group(lines, rule - 1)
    form = _form(columns)
    last = len(lines[rule].rstrip()) - len(lines[rule].split()[-1]) if columns[-1] == "description" else 0
    rows: list[Block] = []
    unread: list[tuple[int, str]] = []
    end, blank = rule, 0
    for number in range(rule + 1, len(lines)):
        line = lines[number]
        fits = form.fullmatch(line.strip()) if line.strip() else None
        if blank > _BLANKS or _GROUP.fullmatch(line) or (line.strip() and not fits and blank):
            break
        if fits:
            values = {name: value.strip() for name, value in fits.groupdict().items() if value and value.strip()}
            rows.append(Block(shared | values, places[number], places[number] + len(line)))
        elif rows and last and line[:last].strip() == "" and line.strip():
            rows[-1] = _longer(rows[-1], line.strip(), end=places[number] + len(line))
        elif line.strip():
            unread.append((number + 1, line.strip()))
        blank, end = (0, number) if line.strip() else (blank + 1, end)
    return Table(places[begin], places[end] + len(lines[end]), rows, unread)


def _longer(row: Block, line: str, *, end: int) -> Block:
    """A row whose message goes on in one more line."""
    description = f"{row.values.get('description', '')} {line}".strip()
    return row._replace(values=row.values | {"description": description}, end=end)


def _group(lines: list[str], heading: int) -> tuple[dict[str, str], int]:
    """What the line above a heading says of all rows, and where the table begins."""
    above = heading - 1
    while above >= 0 and not lines[above].strip() and heading - above <= _BLANKS:
        above -= 1
    found = _GROUP.fullmatch(lines[above]) if above >= 0 else None
    if not found:
        asked = next(
            (hit for line in lines[max(heading - _ASKED, 0) : heading] if (hit := _LOG_ASKED.search(line))), None
        )
        return ({"channel": asked[1]} if asked else {}), heading
    column = meaning_of(lines[above].split(":")[0], kind="label") or "provider"
    return {column: found[1]}, above


def _form(columns: list[str | None]) -> re.Pattern[str]:
    """The form of a row; what a column without a known name holds is not read."""
    parts, seen = [], set[str]()
    for column in columns:
        form = _FORMS.get(column or "", r"\S+")
        parts.append(f"(?P<{column}>{form})" if column in _FORMS and column not in seen else f"(?:{form})")
        seen.add(column or "")
    return re.compile(r"\s+".join(parts) if parts else "x(?!x)x")


def event_of_row(row: Block) -> tuple[etree._Element, str | None, list[str]]:
    """The event of a row, its local time, and notes."""
    values = {name: clean(value) for name, value in row.values.items()}
    if "provider" in values:
        values["provider"] = provider_named(values["provider"])
    return event_of(row._replace(values=values))
