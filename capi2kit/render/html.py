"""HTML: sections → one self-contained page.

No script, no network: a strict Content-Security-Policy allows the page's own
style sheet (by its hash) and nothing else. Everything from the log is escaped
by the template engine. Charts are inline SVG; every table row links to the
records it is based on, which are at the end of the page.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from capi2kit import words
from capi2kit.analysis import Analysis
from capi2kit.render.parts import Chart, Section

_HERE = Path(__file__).parent
_MOST_LINKS = 6


def render(sections: list[Section], *, analysis: Analysis, tz: str = "UTC") -> bytes:
    """The page as UTF-8 bytes. Charts are drawn here."""
    style = (_HERE / "report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    cited = sorted({event for section in sections if section.table for row in section.table.events for event in row})
    records = _records(analysis, cited, tz=tz)
    page = environment.get_template("report.html.j2").render(
        sections=sections,
        style=Markup(style),  # our own file
        policy=f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'",
        picture=_picture,
        records=records,
        numbers={int(row["event"]): row["record"] for row in records},
        most=_MOST_LINKS,
        title=_title(analysis),
    )
    return page.encode("utf-8")


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


def _records(analysis: Analysis, cited: list[int], *, tz: str) -> list[dict[str, str]]:
    """The cited events, one per line, with what identifies them in the file."""
    events = analysis.case.events.reset_index()
    paths = analysis.case.sources.set_index("source")["path"]
    found = events[events["event"].isin(cited)]
    return [
        {
            "event": str(row["event"]),
            "record": words.visible(row["record"]),
            "file": words.visible(paths[row["source"]].replace("\\", "/").rsplit("/", 1)[-1]),
            "time": words.moment(row["time"], tz, digits=6),
            "host": words.visible(row["host"]),
            "process": f"{words.visible(row['process'])} ({words.visible(row['pid'])}/{words.visible(row['tid'])})",
            "operation": f"{words.visible(row['operation'])} {row['phase']} (id {row['event_id']}, level {row['level']})",
            "task": words.visible(row["task_id"]),
            "result": words.code(row["result"]),
            "about": words.visible(
                next(
                    (row[name] for name in ("url", "file_path", "member_path", "subject") if not pd.isna(row[name])),
                    None,
                )
            ),
        }
        for row in found.to_dict("records")
    ]
