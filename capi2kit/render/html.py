"""HTML: sections → one self-contained page: a first page with the answer, then what it is based on, then all records cited.

No script, no network: a strict Content-Security-Policy allows the page's own
style sheet (by its hash) and nothing else. Everything from the log is escaped
by the template engine. Charts are inline SVG; every table row links to the
records it is based on, which are at the end of the page and link back.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from capi2kit import words
from capi2kit.analysis import Analysis, answer_of
from capi2kit.questions.answer import Answer
from capi2kit.render.front import front
from capi2kit.render.parts import Chart, Section

_HERE = Path(__file__).parent
_MOST_LINKS = 4
_MENU = {  # what the navigation names, in order; the rest is below these
    "findings": "Findings",
    "startups": "Timeline",
    "savings": "Savings",
    "waits": "Waits",
    "remedies": "Remedies",
    "evidence": "Evidence",
    "method": "Method",
}


class _Place(NamedTuple):
    """A row that cites: the section's name and title, its row from 1 on, the events."""

    section: str
    title: str
    row: int
    events: list[int]


def render(sections: list[Section], *, analysis: Analysis, tz: str = "UTC", answer: Answer | None = None) -> bytes:
    """The page as UTF-8 bytes. Charts are drawn here. `answer`: that of the analysis, if it is there already."""
    style = (_HERE / "report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    sections = [section for section in sections if section.name != "answer"]
    places = _places(sections)
    cited = sorted({event for place in places for event in place.events})
    records = _records(analysis, cited, places=places, tz=tz)
    there = {section.name for section in sections}
    page = environment.get_template("report.html.j2").render(
        front=front(analysis, answer or answer_of(analysis), tz=tz),
        sections=sections,
        menu={name: title for name, title in _MENU.items() if name in there},
        style=Markup(style),  # our own file
        policy=f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'",
        picture=_picture,
        records=records,
        long=[place for place in places if len(place.events) > _MOST_LINKS],
        numbers={row["event"]: row["record"] for _, rows in records for row in rows},
        most=_MOST_LINKS,
        title=_title(analysis),
    )
    return page.encode("utf-8")


def _places(sections: list[Section]) -> list[_Place]:
    return [
        _Place(section.name, section.title, number, events)
        for section in sections
        if section.table
        for number, events in enumerate(section.table.events, 1)
        if events
    ]


def _title(analysis: Analysis) -> str:
    hosts = analysis.case.events["host"].dropna().unique()
    return (
        "capi2kit report: "
        + ", ".join(words.visible(host) for host in sorted(hosts)[:3])
        + (" …" if len(hosts) > 3 else "")
    )


def _picture(chart: Chart) -> Markup:
    from capi2kit.charts import svg_text

    return Markup(svg_text(chart.draw(), salt=chart.name))  # drawn by us; the SVG writer escapes its texts


def _records(
    analysis: Analysis, cited: list[int], *, places: list[_Place], tz: str
) -> list[tuple[str, list[dict[str, Any]]]]:
    """The cited events of each computer and file, one per line, with what identifies them, and the rows that cite them."""
    events = analysis.case.events.reset_index()
    paths = analysis.case.sources.set_index("source")["path"]
    back: dict[int, list[_Place]] = {}
    for place in places:
        for event in place.events:
            back.setdefault(event, []).append(place)
    found = events[events["event"].isin(cited)]
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in found.to_dict("records"):
        file = words.visible(paths[row["source"]].replace("\\", "/").rsplit("/", 1)[-1])
        about = (row[name] for name in ("url", "file_path", "member_path", "subject") if not pd.isna(row[name]))
        groups.setdefault(f"{words.visible(row['host'])}, {file}", []).append(
            {
                "event": int(row["event"]),
                "record": words.visible(row["record"]),
                "time": words.moment(row["time"], tz, digits=6),
                "process": _process(row),
                "operation": _operation(row),
                "task": words.visible(row["task_id"]),
                "result": words.code(row["result"]),
                "about": words.visible(next(about, None)),
                "back": back[int(row["event"])],
            }
        )
    return list(groups.items())


def _process(row: dict) -> str:
    """The process with its id and that of the thread, as far as they are logged."""
    ids = [str(row[name]) for name in ("pid", "tid") if not pd.isna(row[name])]
    name = words.visible(row["process"])
    return f"{name} ({'/'.join(ids)})" if ids else name


def _operation(row: dict) -> str:
    """The operation with the event's id and level, as far as it has them."""
    facts = [
        f"{name} {row[column]}" for name, column in (("id", "event_id"), ("level", "level")) if not pd.isna(row[column])
    ]
    name = f"{words.visible(row['operation'])} {row['phase']}"
    return f"{name} ({', '.join(facts)})" if facts else name
