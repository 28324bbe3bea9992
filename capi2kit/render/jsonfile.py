"""JSON: a report for programs: the answer, the sections as a person reads them, and the tables behind them with their types.

The form is `docs/report.schema.json`; `schema` names its version. Missing values are null, times ISO 8601, durations seconds.
"""

from __future__ import annotations

from typing import Any

from capi2kit import __version__
from capi2kit.knowledge import columns
from capi2kit.knowledge.vocabulary import SCHEMA_VERSION
from capi2kit.render.exports.cells import json_text, plain_columns
from capi2kit.render.parts import Section
from capi2kit.render.report import Report

SCHEMA = "capi2kit-report/1"
_SHOWN = (
    "findings",
    "startups",
    "ledger",
    "waits",
    "delays",
    "confirmations",
    "clocks",
    "sources",
    "problems",
    "coverage",
)


def render(report: Report) -> bytes:
    """The report as a JSON object, one section and one row a line."""
    edition, front = report.edition, report.front
    facts = {"title": report.title, "client": edition.client, "case": edition.case, "examiner": edition.examiner}
    head = {
        "schema": SCHEMA,
        "program": f"capi2kit {__version__}",
        "tables_schema_version": SCHEMA_VERSION,
        "edition": {**facts, "date": edition.day, "options": edition.options, "tz": report.tz},
        "answer": {
            "headline": front.headline,
            "severity": front.severity,
            "about": front.about,
            "lead": front.lead,
            "figures": [{"value": tile.value, "text": tile.text} for tile in front.tiles],
            "findings": [
                {"severity": one.severity, "title": one.title, "cost": one.cost, "who": one.who, "certainty": one.sure}
                for one in front.findings
            ],
            "first_step": {"title": front.step_title, "text": front.step, "remedy": front.step_id},
            "cautions": front.cautions,
        },
    }
    parts = [f"{json_text(name)}: {json_text(value)}" for name, value in head.items()]
    parts.append('"sections": [\n' + ",\n".join(json_text(_section(one)) for one in report.sections) + "\n]")
    parts.append('"records": [\n' + ",\n".join(_records(report)) + "\n]")
    parts.append('"tables": {\n' + ",\n".join(_tables(report)) + "\n}")
    return ("{\n" + ",\n".join(parts) + "\n}\n").encode("utf-8")


def _section(section: Section) -> dict[str, Any]:
    table = section.table
    return {
        "name": section.name,
        "title": section.title,
        "text": [*section.prose, *(block.text for block in section.blocks)],
        "exhibits": [{"number": chart.number, "caption": chart.caption} for chart in section.charts],
        "table": None
        if table is None
        else {
            "number": table.number or None,
            "columns": [column.heading for column in table.columns],
            "rows": table.rows,
            "events": table.events,
        },
        "cards": [
            {
                "title": card.title,
                "mark": card.mark,
                "aspects": [
                    {"title": title, "lines": [{"text": line.text, "command": line.command} for line in lines]}
                    for title, lines in card.aspects
                ],
            }
            for card in section.cards
        ],
    }


def _records(report: Report) -> list[str]:
    """What identifies each cited record."""
    return [
        json_text(
            {"event": row.event, "record": row.record, "place": place, "time": row.time, "operation": row.operation}
        )
        for place, rows in report.records
        for row in rows
    ]


def _tables(report: Report) -> list[str]:
    made = []
    found = report.tables()
    for name, table in ((name, found[name]) for name in _SHOWN if name in found):
        types = columns(name)
        heads = json_text([{"name": column, "dtype": types.get(column, "")} for column in table.columns])
        rows = ",\n".join(json_text(list(row)) for row in zip(*plain_columns(table), strict=True))
        made.append(f'{json_text(name)}: {{"columns": {heads}, "rows": [\n{rows}\n]}}')
    return made
