"""Score: how accurate an analysis is, against the truth of a lab scenario: figures, each judged by a fixed limit.

Input: an Analysis of the files of a scenario, and its truth (truth.json), compared by `accuracy`. It proves that the analysis agrees
with our model of Windows; only real logs can prove the model.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from capi2kit.accuracy import Score, Truth, read_truth, score_analysis
from capi2kit.columns.instants import TICK_S

__all__ = ["Figure", "Score", "Truth", "judge", "read_truth", "score_analysis"]

_UNEXPLAINED = 2  # % of a start-up: by so much its unexplained time may be off
_FORECAST = 2  # % of a start-up: by so much the saving of a remedy may be off


class Figure(NamedTuple):
    """One measured figure and the limit it is judged by."""

    name: str
    value: float
    limit: str
    good: bool
    detail: str = ""


def judge(scores: list[Score]) -> list[Figure]:
    """The figures over all scores, each with its limit."""
    waits = _together([score.waits.assign(scenario=score.scenario) for score in scores])
    logged = waits[waits["logged"]]
    invented = sum(len(score.invented) for score in scores)
    missed = logged[~logged["found"]]
    startups = _together([score.startups.assign(scenario=score.scenario) for score in scores])
    return [
        Figure("waits invented", invented, "0", invented == 0),
        *_judge_beside(_together([score.beside.assign(scenario=score.scenario) for score in scores])),
        Figure("waits missed that left a record", len(missed), "0", missed.empty, _names(missed)),
        *_judge_exact(logged[logged["found"]]),
        *_judge_bounds(logged[logged["found"]]),
        *_judge_shares(logged),
        *_judge_startups(startups),
        *_judge_savings(_together([score.savings.assign(scenario=score.scenario) for score in scores])),
    ]


def _judge_beside(beside: pd.DataFrame) -> list[Figure]:
    """Records that nobody waited for must not be counted as waits."""
    ended = beside[beside["kind"] == "background"]
    echoes = beside[beside["kind"] != "background"]
    return [
        Figure("ends in the background counted as waits", len(ended), "0", ended.empty, _names(ended)),
        Figure("calls that sent nothing counted as waits", len(echoes), "0", echoes.empty, _names(echoes)),
    ]


def _together(tables: list[pd.DataFrame]) -> pd.DataFrame:
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else tables[0]


def _judge_exact(found: pd.DataFrame) -> list[Figure]:
    exact = found[found["quality"] == "exact"]
    error = (exact["wait_s"].astype(float) - exact["true_s"]).abs() * 1000
    middle, most = (float(error.quantile(share)) if len(error) else 0.0 for share in (0.5, 0.99))
    return [
        Figure("exact waits: median error (ms)", middle, "≤ 16", middle <= 16),
        Figure("exact waits: 99th percentile (ms)", most, "≤ 40", most <= 40),
    ]


def _judge_bounds(found: pd.DataFrame) -> list[Figure]:
    claimed = found[found["quality"].isin(["exact", "bounded"])]
    inside = claimed["true_s"].between(claimed["low_s"].astype(float), claimed["high_s"].astype(float))
    share = float(inside.mean()) * 100 if len(claimed) else 100.0
    bounded = found[found["quality"] == "bounded"]
    width = (bounded["high_s"] - bounded["low_s"]).astype(float)
    middle = float(width.median()) if len(width) else 0.0
    return [
        Figure("truth inside the bounds (%)", share, "100", bool(inside.all()), _names(claimed[~inside])),
        Figure("bounded waits: median width (s)", middle, "≤ 1", middle <= 1),
    ]


def _judge_shares(logged: pd.DataFrame) -> list[Figure]:
    shared = logged[logged["accumulative"].astype(bool)]
    exact = float((shared["quality"] == "exact").mean()) * 100 if len(shared) else 100.0
    unknown = logged[logged["quality"] == "unknown"]
    share = 100 * len(unknown) / len(logged) if len(logged) else 0.0
    return [
        Figure("accumulative retrievals that are exact (%)", exact, "≥ 90", exact >= 90),
        Figure("retrievals of unknown length (%)", share, "≤ 5", share <= 5, _names(unknown)),
    ]


def _judge_startups(startups: pd.DataFrame) -> list[Figure]:
    """A start-up is right within 1 % and a clock tick per wait; else the analysis must have said why it is not sure."""
    error = (startups["waiting_wall_s"].astype(float) - startups["true_waiting_s"]).abs().fillna(np.inf)
    allowed = np.maximum(0.01 * startups["true_waiting_s"], TICK_S * startups["waits"])
    doubted, off = startups["flag"] != "", error > allowed
    wrong, flagged, right = startups[off & ~doubted], startups[off & doubted], startups[~off]
    share = 100 * len(flagged) / len(startups) if len(startups) else 0.0
    strict = int((error[~off] > 0.01 * right["true_waiting_s"]).sum())
    total = float(right["true_waiting_s"].sum())
    apart = 100 * abs(float(right["waiting_wall_s"].sum()) - total) / total if total else 0.0
    wall = (right["wall_s"].astype(float) - right["true_wall_s"]).abs()
    reasons = ", ".join(f"{count} × {flag}" for flag, count in flagged["flag"].value_counts().items())
    unsaid = flagged[~flagged["rightly"].astype(bool)]
    ticks = (
        f"{strict} of {len(right)} right ones are off by more than 1 %, by less than a clock tick per wait"
        if strict
        else ""
    )
    return [
        Figure("start-ups whose waiting is wrong", len(wrong), "0", wrong.empty, _names(wrong) or ticks),
        Figure(
            "start-ups flagged for a reason that the truth does not confirm",
            len(unsaid),
            "0",
            unsaid.empty,
            _names(unsaid),
        ),
        Figure("start-ups flagged instead, rightly or not (%)", share, "–", True, reasons),
        Figure("waiting of the right ones together: off by (%)", apart, "≤ 1", apart <= 1),
        *_judge_nothing(startups, doubted=doubted, beyond=error > 0.01 * startups["true_waiting_s"]),
        *_judge_unexplained(startups[~doubted]),
        Figure("start-ups: median error of their wall time (s)", float(wall.median()) if len(wall) else 0.0, "–", True),
    ]


def _judge_unexplained(startups: pd.DataFrame) -> list[Figure]:
    """Unexplained is what no operation took, and the work that leaves no record, which has a line of its own.

    A start-up that begins with such work seems shorter by it. A clock tick is allowed for each check and each wait.
    """
    unrecorded = startups["unrecorded_s"].fillna(0.0)
    found = startups["unexplained_s"] + startups["true_wall_s"] - startups["wall_s"]
    ticks = TICK_S * (1 + startups["waits"] + startups["targets"])
    apart = (found - startups["true_unexplained_s"] - unrecorded).abs() - ticks
    error = 100 * apart.clip(lower=0) / startups["true_wall_s"].clip(lower=TICK_S)
    wrong = startups[error.fillna(0) > _UNEXPLAINED]
    most = float(unrecorded.max()) if len(startups) else 0.0
    return [
        Figure(
            "unexplained: off by at most (% of the start-up)",
            float(error.max()) if len(startups) else 0.0,
            f"≤ {_UNEXPLAINED}",
            wrong.empty,
            _names(wrong.assign(record=wrong["pid"])) if len(wrong) else "",
        ),
        Figure("work that leaves no record, counted as unexplained: at most (s)", most, "–", True),
    ]


def _judge_savings(savings: pd.DataFrame) -> list[Figure]:
    """What a remedy saves lies within its bounds, and is within 2 % of the start-up where the remedy's effect is determined."""
    if savings.empty:
        return []
    error = 100 * (savings["saved_s"] - savings["true_saved_s"]).abs() / savings["true_wall_s"]
    sure = savings["determined"].to_numpy(bool)
    wrong, true = savings[sure & ~(error <= _FORECAST)], savings["true_saved_s"]
    outside = savings[~((true >= savings["low_s"] - TICK_S) & (true <= savings["high_s"] + TICK_S))]
    most = float(error[sure].fillna(100.0).max()) if sure.any() else 0.0
    name = "seconds that remedies save: off by at most (% of the start-up)"
    return [
        Figure(name, most, "≤ 2", wrong.empty, _remedies(wrong) or f"{int(sure.sum())} start-ups after a remedy"),
        Figure(
            "remedies whose true saving is outside the bounds",
            len(outside),
            "0",
            outside.empty,
            _remedies(outside) or f"{len(savings)} start-ups after a remedy",
        ),
    ]


def _remedies(savings: pd.DataFrame) -> str:
    return ", ".join(f"{one} {fix}" for one, fix in zip(savings["scenario"], savings["fix"], strict=True))


def _judge_nothing(startups: pd.DataFrame, *, doubted: pd.Series, beyond: pd.Series) -> list[Figure]:
    """The same start-ups by the strictest rule, for those who want it: no tick, every doubt counts."""
    count = max(len(startups), 1)
    long = startups["true_waiting_s"] >= 100 * TICK_S
    quiet = beyond & ~doubted
    detail = f"{int(quiet.sum())} of them without a doubt, {int((quiet & long).sum())} of those waited 1.6 s or more"
    doubts = ", ".join(f"{number} × {flag}" for flag, number in startups.loc[doubted, "flag"].value_counts().items())
    return [
        Figure(
            "strictly: start-ups off by more than 1 %, whatever the clock (%)",
            100 * int(beyond.sum()) / count,
            "–",
            True,
            detail,
        ),
        Figure(
            "strictly: start-ups with any doubt, right or not (%)", 100 * int(doubted.sum()) / count, "–", True, doubts
        ),
    ]


def _names(rows: pd.DataFrame, *, most: int = 8) -> str:
    """Where to look: scenario and record or pid of some rows."""
    what = "record" if "record" in rows else "pid"
    named = [f"{scenario} {what} {number}" for scenario, number in zip(rows["scenario"], rows[what], strict=True)]
    return ", ".join(named[:most]) + (f" and {len(named) - most} more" if len(named) > most else "")
