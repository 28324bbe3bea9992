"""Causes: the sections that say what is broken, what only looks broken, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from capi2kit import words
from capi2kit.analysis import Analysis
from capi2kit.columns.cells import numbers_in
from capi2kit.diagnosis.fixes import fixes_of
from capi2kit.diagnosis.rules import POSSIBLE
from capi2kit.questions.whatif import whatif
from capi2kit.render.parts import Column, Section, Table

_LOW, _BENIGN = "low", "benign"
_MOST = 20


def findings(analysis: Analysis) -> Section | None:
    """What was found, the worst first; None if no rule fired."""
    found = analysis.findings
    if found.empty:
        return None
    shown = found.head(_MOST)
    columns = [
        Column("severity"),
        Column("finding", whole=True, long=True),
        Column("cost", number=True),
        Column("of the start", number=True),
        Column("first remedy", long=True, folds=True),
    ]
    columns += [Column("seen and inferred", long=True, brief=False)]
    rows = [_row(row) for row in shown.to_dict("records")]
    cited = list(map(numbers_in, shown["evidence"]))
    more = f" {len(found) - len(shown)} more are not shown." if len(found) > len(shown) else ""
    prose = [
        _first_step(found),
        "Each line says what was seen and what it cost, waits of all threads added up; “of the start” is the part of the "
        f"start-up that it explains most of. The report cites the records behind each line.{more}",
    ]
    return Section("findings", "What was found", prose, Table(columns, rows, cited))


def _row(row: dict) -> list[str]:
    first = next((fix.title for fix in fixes_of(row["fixes"])), words.ABSENT)
    cost = words.seconds(row["cost_s"]) if not pd.isna(row["cost_s"]) and row["cost_s"] > 0 else words.ABSENT
    share = f"{row['share']:.0%}" if not pd.isna(row["share"]) and row["share"] >= 0.005 else words.ABSENT
    return [
        row["severity"],
        titled(row),
        cost,
        share,
        first,
        _said(row),
    ]


def _said(row: Mapping[Any, Any]) -> str:
    """What was seen, what follows from it, and how sure that is."""
    sure = f" {str(row['certainty']).capitalize()}: {words.visible(row['because'])}."
    return f"Seen: {words.visible(row['finding'])}.{words.inferred(row['inferred'])}{sure}"


def titled(row: Mapping[Any, Any]) -> str:
    """The title of a finding, and whether it is no more than possible."""
    return f"{row['title']} (possible)" if row["certainty"] == POSSIBLE else row["title"]


def _first_step(found: pd.DataFrame) -> str:
    """The one thing to do."""
    wrong = found[found["severity"] != _BENIGN]
    if wrong.empty:
        return "Nothing to fix: the records that look like errors are harmless."
    remedies = fixes_of(wrong["fixes"].iloc[0])
    what = remedies[0].title if remedies else wrong["title"].iloc[0]
    first = "First, if it is so" if wrong["certainty"].iloc[0] == POSSIBLE else "First"
    first = "Nothing urgent; the most that could be done" if wrong["severity"].iloc[0] == _LOW else first
    inferred = words.inferred(wrong["inferred"].iloc[0])
    certain = f"{wrong['certainty'].iloc[0]}: {words.visible(wrong['because'].iloc[0])}"
    return f"{first}: {what}. Seen: {words.visible(wrong['finding'].iloc[0])}.{inferred} How sure: {certain}."


def savings(analysis: Analysis) -> Section | None:
    """What each remedy would save in the start-up that waited longest; None if nothing can be calculated."""
    tables = {name: getattr(analysis, name) for name in ("spans", "waits", "startups")}
    effects = whatif(analysis.findings, **tables).dropna(subset=["startup"])
    if effects.empty:
        return None
    longest = effects.sort_values("waiting_s", ascending=False, kind="stable").iloc[0]
    chosen = effects[effects["startup"] == longest["startup"]].sort_values("saved_s", ascending=False, kind="stable")
    columns = [Column("remedy", long=True), *(Column(name, number=True) for name in ("saved", "at least", "at most"))]
    columns += [Column("start takes then", number=True), Column("retrievals left", number=True)]
    rows = [
        [
            row["title"], words.seconds(row["saved_s"]), words.saved_at_least(row["low_s"]), words.seconds(row["high_s"]),
            words.seconds(row["wall_after_s"]),
            str(row["waits_after"]),
        ]
        for row in chosen.to_dict("records")
    ]  # fmt: skip
    pid = "not logged" if pd.isna(longest["pid"]) else longest["pid"]
    who = f"{words.visible(longest['process'])} (PID {pid} on {words.visible(longest['host'])})"
    prose = [
        f"For {who}, whose start took {words.seconds(longest['wall_s'])}: its retrievals replayed with each remedy in place. "
        "Fetched objects stay cached. Time saved on one URL partly goes to the next URL of its chain, so savings do not add up."
    ]
    return Section("savings", "What each remedy would save", prose, Table(columns, rows))
