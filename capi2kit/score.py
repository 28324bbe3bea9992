"""Score: how accurate an analysis is, against the truth of a lab scenario.

Input: an Analysis of the files of a scenario, and its truth (truth.json). Output:
tables of compared waits and start-ups, and the figures judged by fixed limits.
It proves that the analysis agrees with our model of Windows; only real logs can
prove the model. Nothing here knows how the lab makes its files.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from capi2kit.analysis import Analysis
from capi2kit.columns.cells import integers
from capi2kit.columns.instants import TICK_S
from capi2kit.errors import EvidenceError
from capi2kit.questions.whatif import whatif

Truth = dict[str, Any]
_KEY = ["host", "record"]
_SAVED = ["saved_s", "low_s", "high_s"]
_NO_OPERATIONS: dict[str, list] = {"columns": ["host", "tid", "start", "stop", "record"], "rows": []}
_UNBOUNDED = "a wait of unknown length in it"
_GAP = "a wait in it that only the gap before it bounds"


class Score(NamedTuple):
    """One scenario compared. `waits`, `startups`, `savings`: truth and finding side by side; `invented`: findings
    without truth; `beside`: those of them that are records of something that nobody waited for.
    """

    scenario: str
    waits: pd.DataFrame
    startups: pd.DataFrame
    invented: pd.DataFrame
    savings: pd.DataFrame
    beside: pd.DataFrame


def read_truth(path: str | os.PathLike[str]) -> Truth:
    """The truth.json of a scenario. Raises EvidenceError."""
    try:
        truth = json.loads(Path(path).read_text(encoding="utf-8"))
        return {key: truth[key] for key in ("scenario", "waits", "startups", "hosts")} | {
            "after": truth.get("after", []),
            "beside": truth.get("beside", []),
            "operations": truth.get("operations", _NO_OPERATIONS),
        }
    except (OSError, ValueError, KeyError, TypeError) as err:
        message = f"{path}: is not the truth of a scenario ({err!r}); make it again with `capi2kit lab make`"
        raise EvidenceError(message, source=str(path)) from err


def score_analysis(analysis: Analysis, truth: Truth) -> Score:
    """Compare an analysis with the truth.

    Returns
    -------
    score : Score
        `waits` has one row per true retrieval: host, pid, url, accumulative, logged (it left a record), found,
        true_s, and of the finding wait_s, low_s, high_s, quality, basis. `startups` has one row per true
        start-up: host, process, pid, true_wall_s, true_waiting_s, waits, in_log, and of the finding wall_s,
        waiting_wall_s, flag (why it claims less than the whole; empty if it claims it), rightly (the truth confirms why).
        `invented`: rows of `analysis.waits` without a true retrieval. `savings` has one row per remedy that
        the truth tried and start-up that it changed: fix, host, pid, true_saved_s, and of `whatif` saved_s, low_s, high_s.
    """
    record = analysis.case.events.reset_index(drop=True).set_index("event")["record"]
    found = analysis.waits.assign(record=record.reindex(analysis.waits["event"]).to_numpy())
    columns = [*_KEY, "wait_s", "low_s", "high_s", "quality", "basis", "outcome"]
    true = pd.DataFrame(truth["waits"], columns=["host", "pid", "url", "accumulative", "record", "wait_s", "result"])
    true = true.rename(columns={"wait_s": "true_s"}).assign(logged=true["record"].notna())
    true["record"] = true["record"].astype("Int64")
    waits = true.merge(found[columns].assign(found=True), on=_KEY, how="left")
    waits["found"] = waits["found"].notna()
    known = pd.MultiIndex.from_frame(true.loc[true["logged"], _KEY])
    invented = found[~pd.MultiIndex.from_frame(found[_KEY]).isin(known)]
    beside = pd.DataFrame(truth.get("beside", []), columns=["host", "kind", "url", "record"]).astype(
        {"record": "Int64"}
    )
    return Score(
        truth["scenario"],
        waits,
        _compare_startups(analysis, truth),
        invented,
        _compare_savings(analysis, truth),
        invented[_KEY].merge(beside, on=_KEY),
    )


def _compare_savings(analysis: Analysis, truth: Truth) -> pd.DataFrame:
    """What each remedy really saved, beside what was calculated."""
    before = {(one["host"], one["pid"]): one["wall_s"] for one in truth["startups"]}
    tables = {name: getattr(analysis, name) for name in ("spans", "waits", "startups")}
    rows = []
    for after in truth.get("after", []):
        effects = whatif(analysis.findings, servers=tuple(after["only"]), **tables)
        effects = effects[effects["fix"] == after["fix"]].dropna(subset=["startup"]).set_index(["host", "pid"])
        for one in after["startups"]:
            key = (one["host"], one["pid"])
            saved = before[key] - one["wall_s"]
            if key in effects.index or abs(saved) > TICK_S:
                row = effects.loc[[key]].iloc[0] if key in effects.index else {}
                rows.append((after["fix"], *key, saved, *(float(row.get(name, 0.0)) for name in _SAVED)))
    return pd.DataFrame(rows, columns=["fix", "host", "pid", "true_saved_s", *_SAVED])


def _compare_startups(analysis: Analysis, truth: Truth) -> pd.DataFrame:
    columns = ["host", "process", "pid", "wall_s", "waiting_s", "waits", "in_log"]
    true = pd.DataFrame(truth["startups"], columns=columns)
    true = true.rename(columns={"wall_s": "true_wall_s", "waiting_s": "true_waiting_s"})
    found = analysis.startups[["host", "process", "pid", "waiting_wall_s", "start_from", "startup"]]
    inner = analysis.startups["last_operation"] - analysis.startups["first_operation"]
    found = found.assign(wall_s=inner.dt.total_seconds())
    unknown, open_s = _doubts(analysis)
    found = found.assign(unknown=unknown, open_s=open_s, pid=found["pid"].astype("Int64"))
    both = true.merge(found, on=["host", "process", "pid"], how="left")
    both["flag"] = np.select(
        [
            both["startup"].isna(),
            both["start_from"].eq("log begins").fillna(False).to_numpy(bool),
            both["unknown"].fillna(0).gt(0).to_numpy(bool),
            (both["open_s"].fillna(0) > 0.01 * both["waiting_wall_s"].fillna(0) + TICK_S).to_numpy(bool),
        ],
        [
            "no start-up found",
            "the log begins inside it",
            _UNBOUNDED,
            _GAP,
        ],
        "",
    )
    loose = _loose(truth)
    both["rightly"] = [
        (host, pid) in loose if flag in (_UNBOUNDED, _GAP) else not in_log
        for host, pid, flag, in_log in zip(both["host"], both["pid"], both["flag"], both["in_log"], strict=True)
    ]
    return both


def _loose(truth: Truth) -> set[tuple[str, int]]:
    """The processes with a wait whose begin no budget gives, and no record of its thread right before it."""
    known = pd.DataFrame(truth["operations"]["rows"], columns=truth["operations"]["columns"])
    known = known[known["record"].notna()]
    stops = {key: sorted(some) for key, some in known.groupby(["host", "tid"])["stop"]}
    found = set()
    for wait in truth["waits"]:
        before = [stop for stop in stops.get((wait["host"], wait.get("tid")), []) if stop <= wait["start"]]
        if not wait["accumulative"] and (not before or _gap_s(before[-1], wait["start"]) > TICK_S):
            found.add((wait["host"], wait["pid"]))
    return found


def _gap_s(one: str, other: str) -> float:
    return (pd.Timestamp(other) - pd.Timestamp(one)).total_seconds()


def _doubts(analysis: Analysis) -> tuple[np.ndarray, np.ndarray]:
    """Per start-up: how many of its waits are of unknown length, and by how many seconds it may be less than claimed.

    A gap that only the records around it bound may be the program's own pause as well as a wait.
    """
    waits = analysis.waits
    startup = integers(analysis.spans.set_index("span")["startup"].reindex(waits["span"]))
    count = len(analysis.startups)
    inside = startup >= 0
    unknown = (waits["quality"] == "unknown").to_numpy(bool)
    gap = (waits["basis"] == "previous record").to_numpy(bool)
    width = (waits["high_s"] - waits["low_s"]).to_numpy("float64")
    counted = np.bincount(startup[inside & unknown], minlength=count)
    open_s = np.bincount(startup[inside & gap], weights=width[inside & gap], minlength=count)
    order = analysis.startups["startup"].to_numpy()
    return counted[order], open_s[order]


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
        Figure("start-ups: median error of their wall time (s)", float(wall.median()) if len(wall) else 0.0, "–", True),
    ]


def _judge_savings(savings: pd.DataFrame) -> list[Figure]:
    """What a remedy saves is calculated within 2 %; nothing is judged where the truth tried no remedy."""
    if savings.empty:
        return []
    error = 100 * (savings["saved_s"] - savings["true_saved_s"]).abs() / savings["true_saved_s"].abs()
    wrong = savings[error > 2]
    names = ", ".join(f"{one} {fix}" for one, fix in zip(wrong["scenario"], wrong["fix"], strict=True))
    detail = f"{len(savings)} start-ups after a remedy"
    return [
        Figure(
            "seconds that remedies save: off by at most (%)", float(error.max()), "≤ 2", wrong.empty, names or detail
        )
    ]


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
