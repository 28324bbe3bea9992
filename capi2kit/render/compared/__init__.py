"""Compared: a comparison of two states as a report: the same outputs, other sections."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from capi2kit import words
from capi2kit.analysis import Analysis
from capi2kit.render.compared import sections, sentences
from capi2kit.render.edition import Edition
from capi2kit.render.front import Front, Stretch, Tile
from capi2kit.render.parts import Section
from capi2kit.render.report import Report, numbered
from capi2kit.render.sections.customer import glossary

_BARS = 4  # pairs on the first page
_PARTS = {"waiting": "waiting", "checking": "checking", "unexplained": "rest"}
_NAMES = {"waiting": "waiting for the network", "checking": "checking", "rest": "the program itself (unexplained)"}


def assemble_comparison(
    comparison: pd.DataFrame,
    *,
    before: Sequence[Analysis],
    after: Sequence[Analysis],
    tz: str = "UTC",
    edition: Edition | None = None,
) -> Report:
    """The report on a comparison: what `compare` returned, and the analyses that it is from."""
    edition = edition or Edition()
    shown = sections.tell(comparison, before=before, after=after, tz=tz)
    notes = [Section("notes", "Notes of the examiner", blocks=edition.notes)] if edition.notes else []
    shown = [*notes, *shown, *(glossary(shown) if edition.is_for_customers else [])]
    lines = list(sentences.sentences(comparison))
    return Report(
        title=edition.title or "capi2kit report: before and after",
        opening=Section("answer", "The answer", lines),
        front=_front(comparison, lines, about=sentences.about(before, after, tz=tz)),
        sections=numbered(shown),
        places=[],
        records=[],
        look="",
        edition=edition,
        tables=lambda: {"comparison": comparison},
        tz=tz,
    )


def _front(comparison: pd.DataFrame, lines: list[str], *, about: str) -> Front:
    pairs = sentences.of_kind(comparison, "start-up").to_dict("records")
    worse = any(row["change"] == "slower" for row in pairs)
    return Front(
        about=about,
        headline=lines[0],
        severity="high" if worse else "low" if pairs else "none",
        lead=lines[1:],
        tiles=_tiles(comparison),
        stretches=[bar for row in pairs[:_BARS] for bar in _bars(row, comparison, most=_longest(pairs))],
        key=[(kind, text) for kind, text in _NAMES.items() if pairs],
        bars_note="",
        findings=[],
        note="",
        step_title="",
        step="",
        step_id="",
    )


def _longest(pairs: list[dict]) -> float:
    return max(max(row["before_s"], row["after_s"]) for row in pairs) or 1.0


def _tiles(comparison: pd.DataFrame) -> list[Tile]:
    tiles = []
    pairs = sentences.of_kind(comparison, "start-up").to_dict("records")
    if pairs:
        row = pairs[0]
        text = f"the start of {words.visible(row['process'])}"
        tiles.append(Tile(f"{words.seconds(row['before_s'])} → {words.seconds(row['after_s'])}", text))
        tiles.append(
            Tile(sentences.part_saved(row), "of its start saved" if row["saved_s"] >= 0 else "of its start added")
        )
    causes = sentences.of_kind(comparison, "cause")
    counts = causes.loc[~causes["severity"].eq("benign").fillna(False).to_numpy(bool), "change"].value_counts()
    text = ", ".join(f"{counts.get(name, 0)} {name}" for name in ("gone", "new", "stayed"))
    tiles.append(Tile(str(int(counts.sum())), f"causes: {text}"))
    if (best := sentences.best_prediction(comparison)) is not None:
        tiles.append(
            Tile("came true" if best["fits"] else "did not come true", "the prediction of the remedy that fits best")
        )
    return tiles


def _bars(row: dict, comparison: pd.DataFrame, *, most: float) -> list[Stretch]:
    parts = sentences.of_kind(comparison, "part")
    mine = parts[parts["group"].eq(row["group"]).to_numpy(bool, na_value=False)]
    bars = []
    for side in ("before", "after"):
        seconds = dict(zip(mine["name"], mine[f"{side}_s"].astype(float), strict=True))
        drawn = [
            (kind, 100 * seconds[name] / most, f"{_NAMES[kind]} {words.seconds(seconds[name])}")
            for name, kind in _PARTS.items()
            if seconds.get(name, 0) > 0
        ]
        bars.append(Stretch(f"{words.visible(row['process'])}, {side}", drawn, words.seconds(row[f"{side}_s"])))
    return bars
