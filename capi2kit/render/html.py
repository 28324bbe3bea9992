"""HTML: a report → one self-contained page: a first page with the answer, then what it is based on, then all records cited.

No script, no network: a strict Content-Security-Policy allows the page's own
style sheet (by its hash) and nothing else. Everything from the log is escaped
by the template engine. Charts are inline SVG; every table row links to the
records it is based on, which are at the end of the page and link back.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from capi2kit.render.edition import Logo
from capi2kit.render.parts import Chart
from capi2kit.render.report import Report, left_out, numbers_in

_HERE = Path(__file__).parent
_MOST_LINKS = 4
_MENU = {  # what the navigation names, in order; the rest is below these
    "notes": "Notes",
    "findings": "Findings",
    "reach": "Servers",
    "causes": "Causes",
    "outliers": "Outliers",
    "computers": "Computers",
    "startups": "Timeline",
    "savings": "Savings",
    "waits": "Waits",
    "remedies": "Remedies",
    "evidence": "Evidence",
    "custody": "Custody",
    "method": "Method",
}
_FILL = {  # as in report.css, for programs that do not apply it to pictures
    "track": "#edf1f5",
    **dict.fromkeys(("waiting", "wait"), "#9c1c1c"),
    "searched": "#3a7ca5",
    "answered": "#d9962b",
    **dict.fromkeys(("checking", "check"), "#a9b8c5"),
    "rest": "#768491",
    "after": "#2a6f4b",
    "unsure": "#a9cdb9",
    "bounded": "#d79c9c",
}


def render(report: Report) -> bytes:
    """The page as UTF-8 bytes. Charts are drawn here."""
    return page(report).encode("utf-8")


def page(report: Report, *, more_style: str = "") -> str:
    """The page as text; `more_style`: rules of an output that is made from it."""
    style = (_HERE / "report.css").read_text(encoding="utf-8") + more_style
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    there = {section.name: section.title for section in report.sections}
    return environment.get_template("report.html.j2").render(
        report=report,
        front=report.front,
        edition=report.edition,
        sections=report.sections,
        menu={name: title for name, title in _MENU.items() if name in there},
        where=there.get("custody") or there["evidence"],
        style=Markup(style),  # our own file
        policy=f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'",
        picture=_picture,
        left_out=left_out,
        fill=_FILL,
        logo=_address(report.edition.logo),
        records=report.records,
        long=[place for place in report.places if len(place.events) > _MOST_LINKS],
        numbers=numbers_in(report.records),
        most=_MOST_LINKS,
        title=report.title,
    )


def _picture(chart: Chart) -> Markup:
    from capi2kit.charts import svg_text

    return Markup(svg_text(chart.draw(), salt=chart.name))  # drawn by us; the SVG writer escapes its texts


def _address(logo: Logo | None) -> str:
    """A picture as an address that holds it."""
    return f"data:image/{logo.kind};base64,{base64.b64encode(logo.content).decode()}" if logo else ""
