"""Truths: an analysis of a lab's incident beside what really happened there, as truth.json says.

It shows that the analysis agrees with our model of Windows; that the model is right, only real logs can show.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from capi2kit.accuracy import Score, read_causes, read_truth, score_analysis
from capi2kit.given import analysis_of
from capi2kit.render.notebook.cards import Card
from capi2kit.render.notebook.markup import box, grid, text
from capi2kit.render.parts import Column, Table
from capi2kit.render.tables import table_lines
from capi2kit.words import count, with_pid

if TYPE_CHECKING:
    from capi2kit.analysis import Analysis

_NONE = "There is no truth.json beside this log: it is no incident of the lab. What really happened, nobody wrote down."
_WIDTH = 110


def truth(analysis: Analysis, log: str | os.PathLike[str]) -> Card:
    """Was it true? The waits, start-ups, causes and savings of an incident of the lab, beside what really happened.

    Parameters
    ----------
    analysis : what `analyse` returned.
    log : the incident's folder, a file in it, or its truth.json.

    Returns
    -------
    Card : a table of what was found beside what was true; one sentence if there is no truth.json.

    Raises
    ------
    TableError : `analysis` is no analysis; the message says what to pass.
    EvidenceError : the truth.json that is there is not the truth of an incident.
    """
    whole, path = analysis_of(analysis), _beside(Path(log))
    if path is None:
        return Card(text("p", _NONE), _NONE)
    score = score_analysis(whole, read_truth(path))
    causes, not_causes = read_causes(path)
    fired = set(whole.findings["rule"])
    table = Table([Column("what"), Column("found", number=True), Column("true", number=True)], [*_rows(score)])
    said = [
        *_bounds(score),
        f"Causes missed: {_listed(set(causes) - fired)}. Found, but wrong: {_listed(set(not_causes) & fired)}.",
    ]
    html = box("div", [grid(table), *(text("p", one, style="margin:.2em 0") for one in said)])
    return Card(html, "\n".join([*table_lines(table, width=_WIDTH), "", *said]))


def _beside(path: Path) -> Path | None:
    """The truth.json of a folder, or of the folder that a file is in."""
    folder = path if path.is_dir() else path.parent
    found = path if path.name == "truth.json" else folder / "truth.json"
    return found if found.is_file() else None


def _rows(score: Score) -> Iterator[list[str]]:
    waits = score.waits[score.waits["logged"]]
    both = waits[waits["found"] & waits["wait_s"].notna()]
    yield ["retrievals that somebody waited for", str(int(waits["found"].sum()) + len(score.invented)), str(len(waits))]
    yield ["their seconds, all together", _seconds(both["wait_s"].sum()), _seconds(both["true_s"].sum())]
    for row in score.startups[score.startups["startup"].notna()].to_dict("records"):
        name = with_pid(row["process"], row["pid"])
        yield [f"{name}: from its first check to its last", _seconds(row["wall_s"]), _seconds(row["true_wall_s"])]
        yield [f"{name}: of it waiting", _seconds(row["waiting_wall_s"]), _seconds(row["true_waiting_s"])]
    for row in score.savings.to_dict("records"):
        yield [f"{row['fix']}, PID {row['pid']}: would save", _seconds(row["saved_s"]), _seconds(row["true_saved_s"])]


def _seconds(value: Any) -> str:
    return "?" if pd.isna(value) else f"{float(value):,.2f} s"


def _bounds(score: Score) -> Iterator[str]:
    waits = score.waits[score.waits["found"] & score.waits["low_s"].notna()]
    if len(waits):
        upper = waits["high_s"].astype("float64").fillna(float("inf"))
        inside = int((waits["true_s"].ge(waits["low_s"].astype("float64")) & waits["true_s"].le(upper)).sum())
        yield f"Inside their bounds: {inside:,} of {count(len(waits), 'wait')}."


def _listed(rules: set[str]) -> str:
    return ", ".join(sorted(rules)) or "none"
