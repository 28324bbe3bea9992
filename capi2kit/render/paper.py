"""Paper: a report as it is printed: words of no reasonable length are cut in their middle, for no page is wide enough for them.

A program that breaks lines needs very long for a word of 64 KB. The HTML, Excel and JSON files hold every text whole.
"""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass, replace
from typing import Any

from capi2kit.render.edition import Edition
from capi2kit.render.report import Report
from capi2kit.words import shorter

_MOST_WORD, _MOST_TEXT = 400, 20_000  # characters
_LONG = re.compile(rf"[^\s]{{{_MOST_WORD},}}")


def for_paper(report: Report) -> Report:
    """The same report with long words cut."""
    return replace(
        report,
        title=printable(report.title),
        front=_mapped(report.front),
        sections=_mapped(report.sections),
        edition=_edition(report.edition),
    )


def _edition(edition: Edition) -> Edition:
    title, client, case, examiner = map(printable, (edition.title, edition.client, edition.case, edition.examiner))
    return replace(edition, title=title, client=client, case=case, examiner=examiner)


def printable(text: str) -> str:
    """A text whose words fit on paper."""
    short = text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]}…"
    return _LONG.sub(lambda found: shorter(found[0], _MOST_WORD), short)


def _mapped(value: Any) -> Any:
    """The value with every text in it made printable."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, list):
        return [_mapped(one) for one in value]
    if isinstance(value, tuple):
        return tuple(_mapped(one) for one in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{one.name: _mapped(getattr(value, one.name)) for one in fields(value)})
    return value
