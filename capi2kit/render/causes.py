"""Causes: the sections that say what is broken, what only looks so, and what to do about it."""

from __future__ import annotations

import pandas as pd

from capi2kit.analysis import Analysis
from capi2kit.fixes import fixes_of
from capi2kit.render import words
from capi2kit.render.parts import Column, Section, Table

_BENIGN = "benign"
_MOST = 20


def findings(analysis: Analysis) -> Section | None:
    """What was found, the worst first; None if no rule fired."""
    found = analysis.findings
    if found.empty:
        return None
    shown = found.head(_MOST)
    columns = [
        Column("severity"),
        Column("finding", whole=True),
        Column("cost", number=True),
        Column("first remedy", long=True),
    ]
    columns += [Column("what was seen", long=True, brief=False), Column("other remedies", long=True, brief=False)]
    rows = [_row(row) for row in shown.to_dict("records")]
    cited = [[int(event) for event in str(row).split()] if isinstance(row, str) else [] for row in shown["evidence"]]
    more = f" {len(found) - len(shown)} more are not shown." if len(found) > len(shown) else ""
    prose = [
        _first_step(found),
        f"A rule says what it saw and what it cost; the records behind each line are cited.{more}",
    ]
    return Section("findings", "What was found", prose, Table(columns, rows, cited))


def _row(row: dict) -> list[str]:
    first, *others = [fix.title for fix in fixes_of(row["fixes"])] or [words.ABSENT]
    cost = words.seconds(row["cost_s"]) if not pd.isna(row["cost_s"]) and row["cost_s"] > 0 else words.ABSENT
    return [
        row["severity"],
        row["title"],
        cost,
        first,
        words.visible(row["finding"]),
        "; ".join(others) or words.ABSENT,
    ]


def _first_step(found: pd.DataFrame) -> str:
    """The one thing to do."""
    wrong = found[found["severity"] != _BENIGN]
    if wrong.empty:
        return "Nothing to mend: what looks like an error is none."
    remedies = fixes_of(wrong["fixes"].iloc[0])
    return f"First: {remedies[0].title}." if remedies else f"First: {wrong['title'].iloc[0]}."


def remedies(analysis: Analysis) -> Section | None:
    """The cards of all remedies that the findings name, each once."""
    cited = dict.fromkeys(fix for ids in analysis.findings["fixes"].dropna() for fix in fixes_of(ids))
    if not cited:
        return None
    columns = [Column("remedy", long=True), Column("kind"), Column("for", long=True), Column("what to do", long=True)]
    columns += [
        Column(name, long=True, brief=False)
        for name in ("effect", "risk", "what it does not do", "how to check", "how to undo")
    ]
    rows = [
        [
            fix.title, fix.kind, fix.account, " · ".join(fix.commands), fix.effect, fix.risk, fix.does_not,
            " · ".join(fix.check), " · ".join(fix.undo),
        ]
        for fix in cited
    ]  # fmt: skip
    return Section(
        "remedies",
        "Remedies",
        ["Cures before workarounds. Names in angle brackets are yours to fill in."],
        Table(columns, rows),
    )
