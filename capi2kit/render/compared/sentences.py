"""Sentences: a comparison in words: what takes how long now, which causes are gone, and whether a prediction came true."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from capi2kit import words
from capi2kit.analysis import Analysis
from capi2kit.questions.whatif import TOGETHER

_MOST = 3  # causes and pairs that a sentence names


def of_kind(comparison: pd.DataFrame, kind: str) -> pd.DataFrame:
    """The rows of one kind."""
    return comparison[comparison["kind"].eq(kind).to_numpy(bool, na_value=False)]


def about(before: Sequence[Analysis], after: Sequence[Analysis], *, tz: str) -> str:
    """The times of both sides."""
    return " · ".join(f"{name}: {_extent(side, tz=tz)}" for name, side in (("before", before), ("after", after)))


def _extent(side: Sequence[Analysis], *, tz: str) -> str:
    times = pd.concat([one.case.events["time"].dropna() for one in side])
    files = words.count(sum(len(one.case.sources) for one in side), "file")
    if not len(times):
        return files
    return f"{words.moment(times.min(), tz, digits=0)} to {words.moment(times.max(), tz, digits=0)}, {files}"


def sentences(comparison: pd.DataFrame) -> Iterator[str]:
    """The answer, the most important sentence first."""
    pairs = of_kind(comparison, "start-up").to_dict("records")
    if not pairs:
        yield "No start-up is in both logs: only the causes can be compared."
    for row in pairs[:_MOST]:
        yield _pair(row)
    if len(pairs) > _MOST:
        yield f"{words.count(len(pairs) - _MOST, 'more pair')} of start-ups below."
    yield from _causes(of_kind(comparison, "cause"))
    if said := _prediction(comparison):
        yield said
    if pairs and all(row["before_startups"] == row["after_startups"] == 1 for row in pairs):
        yield (
            "One start-up of each side was compared: how much two start-ups differ by themselves is not known. "
            "Give several logs of each side to see it."
        )


def _pair(row: dict[Any, Any]) -> str:
    pool = "" if pd.isna(row["app_pool"]) else f" ({words.visible(row['app_pool'])})"
    host = "" if pd.isna(row["host"]) else f" on {words.visible(row['host'])}"
    who = f"{words.visible(row['process'])}{pool}{host}"
    old, new = words.seconds(row["before_s"]), words.seconds(row["after_s"])
    several = max(row["before_startups"], row["after_startups"]) > 1
    mean = f" (means of {row['before_startups']} and {row['after_startups']} start-ups)" if several else ""
    if row["change"] == "inside the spread":
        why = (
            "no more than two start-ups differ by themselves"
            if several
            else "no difference that the log's clock can show"
        )
        return f"{who} started in {old} before and in {new} after{mean}: {why}."
    saved = words.seconds(abs(row["saved_s"]))
    if row["change"] == "faster":
        return f"{who} starts in {new} instead of {old}{mean}: {saved} less ({part_saved(row)})."
    return f"{who} starts in {new} instead of {old}{mean}: {saved} more ({part_saved(row)})."


def part_saved(row: dict[Any, Any]) -> str:
    """The difference as a part of what it took before; where it takes much longer, how many times as long."""
    if not row["before_s"] > 0:
        return words.ABSENT
    part, times = abs(row["saved_s"]) / row["before_s"], row["after_s"] / row["before_s"]
    if times >= 2:
        return f"{times:.0f} times as long"
    return "more than 99%" if 0.995 <= part < 1 else f"{part:.0%}"


def _causes(causes: pd.DataFrame) -> Iterator[str]:
    real = causes[~causes["severity"].eq("benign").fillna(False).to_numpy(bool)]
    for change, lead in (
        ("gone", "Gone"),
        ("new", "New"),
        ("stayed", "Still there"),
        ("not seen again", "Not seen again, but the log from after shows no operation of these programs"),
    ):
        titles = real.loc[real["change"].eq(change).to_numpy(bool), "name"].tolist()
        if titles:
            more = f" and {len(titles) - _MOST} more" if len(titles) > _MOST else ""
            yield f"{lead}: {'; '.join(words.visible(title) for title in titles[:_MOST])}{more}."


def best_prediction(comparison: pd.DataFrame) -> dict[Any, Any] | None:
    """Of the longest pair: the single remedy whose prediction is nearest to what was measured."""
    rows = of_longest(comparison)
    if rows.empty:
        return None
    nearest = int(np.argmin(rows["off_s"].abs().to_numpy("float64")))
    return dict(rows.iloc[nearest].to_dict())


def of_longest(comparison: pd.DataFrame) -> pd.DataFrame:
    """The predictions for the longest pair, of the single remedies, with a best estimate."""
    rows = of_kind(comparison, "remedy")
    rows = rows[(rows["predicted_s"].notna() & rows["id"].ne(TOGETHER)).to_numpy(bool, na_value=False)]
    return rows[rows["group"].eq(rows["group"].min()).to_numpy(bool, na_value=False)] if len(rows) else rows


def _prediction(comparison: pd.DataFrame) -> str:
    """What was predicted for the remedy that fits best, what was measured, and how many other remedies would fit as well."""
    rows, row = of_longest(comparison), best_prediction(comparison)
    if row is None:
        return ""
    least, most = (max(row["before_s"] - row[f"predicted_{side}_s"], 0.0) for side in ("high", "low"))
    came = "inside" if row["fits"] else "outside of"
    said = (
        f"Predicted for “{words.visible(row['name'])}”: {words.seconds(row['before_s'] - row['predicted_s'])} less, at least "
        f"{words.seconds(least)}, at most {words.seconds(most)}; measured: {words.seconds(row['saved_s'])} less, {came} these bounds."
    )
    fitting = int(rows["fits"].fillna(False).sum())
    if len(rows) == 1:
        return said
    return (
        f"{said} The logs do not say what was changed: {fitting} of {len(rows)} remedies predicted what was measured."
    )
