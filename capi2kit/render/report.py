"""Report: everything that a report says, put together once; each output gives it a form."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import pandas as pd

from capi2kit import words
from capi2kit.analysis import Analysis, answer_of
from capi2kit.render.edition import Edition
from capi2kit.render.exports import tables_of
from capi2kit.render.front import Front, front
from capi2kit.render.parts import Chart, Column, Section, Table
from capi2kit.render.sections import tell
from capi2kit.render.sections.customer import customer_sections

_LOOKED_AT = {  # what the front page sends a reader to, in this order
    "startups": "the start-up second by second",
    "ledger": "the account of its seconds",
    "savings": "what each remedy saves",
    "waits": "the longest waits",
    "servers": "all servers that must be reached",
    "chains": "the chains with errors",
}
_BRIEF = 16  # characters of a file's name in such a row
_MOST = 3  # records of a row that a table without links names


class Place(NamedTuple):
    """A row that cites: the section's name and title, its row from 1 on, the events."""

    section: str
    title: str
    row: int
    events: list[int]


class Record(NamedTuple):
    """A cited record, in words; `back`: the rows that cite it."""

    event: int
    record: str
    time: str
    process: str
    operation: str
    task: str
    result: str
    about: str
    back: list[Place]


@dataclass(frozen=True)
class Report:
    """The content of a report, whatever its form. `records`: those cited, by computer and file; `look`: where the front page
    leads; `tables`: gives those behind it; `opening`: the answer in sentences, for outputs without a front page."""

    title: str
    opening: Section
    front: Front
    sections: list[Section]
    places: list[Place]
    records: list[tuple[str, list[Record]]]
    look: str
    edition: Edition
    tables: Callable[[], dict[str, pd.DataFrame]]
    tz: str

    @property
    def said(self) -> str:
        """What the report holds, in a few words."""
        tables = sum(bool(section.table and section.table.rows) for section in self.sections)
        charts = sum(len(section.charts) for section in self.sections)
        return f"{words.count(len(self.sections) + 1, 'section')}, {words.count(tables, 'table')}, {words.count(charts, 'exhibit')}"


def assemble(
    analysis: Analysis,
    *,
    tz: str = "UTC",
    edition: Edition | None = None,
    xml: Callable[[Iterable[int]], Mapping[int, str]] | None = None,
) -> Report:
    """The report on one analysis. `xml`: gives the records behind events, for the appendix of a customer's edition."""
    edition = edition or Edition()
    answer = answer_of(analysis)
    opening, *sections = tell(analysis, tz=tz, answer=answer)
    if edition.is_for_customers:
        sections = customer_sections(analysis, sections, edition=edition, xml=xml, tz=tz)
    sections = numbered(sections)
    places = _places(sections)
    records = _records(analysis, places=places, tz=tz)
    return Report(
        title=edition.title or _title(analysis),
        opening=opening,
        front=front(analysis, answer, tz=tz, plain=edition.is_for_customers, servers=_servers(sections)),
        sections=_explained(sections, records),
        places=places,
        records=records,
        look=look(sections),
        edition=edition,
        tables=partial(tables_of, analysis, ()),
        tz=tz,
    )


def numbered(sections: Iterable[Section]) -> list[Section]:
    """The sections with their charts numbered as exhibits, and their tables as tables, each from 1 on."""
    charts, tables = 0, 0
    done: list[Section] = []
    for section in sections:
        exhibits: list[Chart] = []
        for chart in section.charts:
            charts += 1
            exhibits.append(replace(chart, number=charts))
        table: Table | None = section.table
        if table and table.rows:
            tables += 1
            table = replace(table, number=tables)
        done.append(replace(section, charts=exhibits, table=table))
    return done


def numbers_in(records: Iterable[tuple[str, list[Record]]]) -> dict[int, str]:
    """How rows cite each event: by its record id, and by its file if that is not the one that most cited records are in."""
    groups = list(records)
    most = _main_file(groups)
    return {
        row.event: row.record if _file(place) == most else f"{row.record} {_brief(place)}"
        for place, rows in groups
        for row in rows
    }


def _main_file(records: Iterable[tuple[str, list[Record]]]) -> str:
    """The file that most cited records are in."""
    count: dict[str, int] = defaultdict(int)
    for place, rows in records:
        count[_file(place)] += len(rows)
    return max(count, key=lambda name: count[name], default="")


def _brief(place: str) -> str:
    """The name of a file of records, short."""
    name = _file(place)
    stem = name.rpartition(".")[0] or name
    return words.shorter(stem.rpartition("%4")[0].rpartition("-")[2] or stem, _BRIEF)


def _file(place: str) -> str:
    """The name of the file, without its archive, of a group of records."""
    return place.rpartition(", ")[2].rpartition("!")[2]


def _explained(sections: list[Section], records: list[tuple[str, list[Record]]]) -> list[Section]:
    """The sections, the findings with a sentence that says which file a record id without a name is of, if they are of several."""
    if len({_file(place) for place, _ in records}) < 2:
        return sections
    said = f"Records are cited by their ids; one without the name of a file is of {_main_file(records)}."
    return [replace(one, prose=[*one.prose, said]) if one.name == "findings" else one for one in sections]


def with_records(section: Section, records: Iterable[tuple[str, list[Record]]]) -> tuple[list[Column], list[list[str]]]:
    """The columns and rows of a section's table, with the ids of the records that each row cites in a last column."""
    table = section.table
    if table is None or not table.rows:
        return [], []
    if not any(table.events):
        return table.columns, table.rows
    numbers = numbers_in(records)
    cited = [", ".join(numbers[event] for event in events[:_MOST]) for events in table.events]
    more = [f" and {len(events) - _MOST} more" if len(events) > _MOST else "" for events in table.events]
    rows = [[*row, ids + rest] for row, ids, rest in zip(table.rows, cited, more, strict=True)]
    return [*table.columns, Column("records")], rows


def left_out(section: Section) -> str:
    """What paper says in the place of a section that is not printed."""
    return f"{section.title}{numbers_of(section)}: not printed; the HTML file of this report has it."


def numbers_of(section: Section) -> str:
    """The numbers of what a section shows, in brackets; empty if it shows nothing with a number."""
    cited = cited_as(section)
    return f" ({cited})" if cited else ""


def cited_as(section: Section) -> str:
    """How a text refers to what a section shows: ``Exhibit 1, Table 2``."""
    parts = [f"Exhibit {chart.number}" for chart in section.charts if chart.number]
    if section.table and section.table.number:
        parts.append(f"Table {section.table.number}")
    return ", ".join(parts)


def look(sections: list[Section]) -> str:
    """A sentence that sends the reader of the first page to the exhibits and tables behind it."""
    there = {section.name: cited_as(section) for section in sections}
    parts = [f"{what}: {there[name]}" for name, what in _LOOKED_AT.items() if there.get(name)]
    terms = (
        " The terms are explained in the glossary at the end."
        if any(one.name == "glossary" for one in sections)
        else ""
    )
    return f"Where to look: {'; '.join(parts)}.{terms}" if parts else ""


def _servers(sections: list[Section]) -> str:
    """Where all servers are listed; empty if nowhere."""
    return next((cited_as(section) for section in sections if section.name == "servers"), "")


def _places(sections: list[Section]) -> list[Place]:
    return [
        Place(section.name, section.title, number, events)
        for section in sections
        if section.table
        for number, events in enumerate(section.table.events, 1)
        if events
    ]


def _title(analysis: Analysis) -> str:
    hosts = sorted(analysis.case.events["host"].dropna().unique())
    named = ", ".join(words.visible(host) for host in hosts[:3])
    return f"capi2kit report: {named}{' …' if len(hosts) > 3 else ''}"


def _records(analysis: Analysis, *, places: list[Place], tz: str) -> list[tuple[str, list[Record]]]:
    """The cited events of each computer and file, one per line, with what identifies them, and the rows that cite them."""
    events = analysis.case.events.reset_index()
    paths = analysis.case.sources.set_index("source")["path"]
    back: dict[int, list[Place]] = defaultdict(list)
    for place in places:
        for event in place.events:
            back[event].append(place)
    groups: dict[str, list[Record]] = defaultdict(list)
    for row in events[events["event"].isin(list(back))].to_dict("records"):
        file = words.visible(paths[row["source"]].replace("\\", "/").rsplit("/", 1)[-1])
        about = (row[name] for name in ("url", "file_path", "member_path", "subject") if not pd.isna(row[name]))
        groups[f"{words.visible(row['host'])}, {file}"].append(
            Record(
                event=int(row["event"]),
                record=words.visible(row["record"]),
                time=words.moment(row["time"], tz, digits=6),
                process=_process(row),
                operation=_operation(row),
                task=words.visible(row["task_id"]),
                result=words.code(row["result"]),
                about=words.visible(next(about, None)),
                back=back[int(row["event"])],
            )
        )
    return list(groups.items())


def _process(row: dict[Any, Any]) -> str:
    """The process with its id and that of the thread, as far as they are logged."""
    ids = [str(row[name]) for name in ("pid", "tid") if not pd.isna(row[name])]
    name = words.visible(row["process"])
    return f"{name} ({'/'.join(ids)})" if ids else name


def _operation(row: dict[Any, Any]) -> str:
    """The operation with the event's id and level, as far as it has them."""
    facts = [
        f"{name} {row[column]}" for name, column in (("id", "event_id"), ("level", "level")) if not pd.isna(row[column])
    ]
    name = f"{words.visible(row['operation'])} {row['phase']}"
    return f"{name} ({', '.join(facts)})" if facts else name
