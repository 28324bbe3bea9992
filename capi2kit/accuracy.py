"""Accuracy: an analysis and the truth of a scenario, side by side; `score` judges what comes of it.

Nothing here knows how the lab makes its files.
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
_KEY, _PROCESS = ["host", "record"], ["host", "process", "pid"]
_DETERMINED = ("answered", "found", "kept", "not asked", "limited")  # how long a refusal takes, nobody knows before
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


def read_causes(path: str | os.PathLike[str]) -> tuple[list[str], list[str]]:
    """The causes that a truth.json says must be found, and those that must not. Raises EvidenceError."""
    try:
        truth = json.loads(Path(path).read_text(encoding="utf-8"))
        return list(truth["causes"]), list(truth["not_causes"])
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
        start-up: host, process, pid, true_wall_s, true_waiting_s, true_unexplained_s, unrecorded_s, waits, targets, in_log, and of the
        finding wall_s, waiting_wall_s, unexplained_s, flag (why it claims less than the whole; empty if it claims it), rightly
        (the truth confirms why).
        `invented`: rows of `analysis.waits` without a true retrieval. `savings` has one row per remedy that
        the truth tried and start-up that it changed: fix, host, pid, true_wall_s (before), determined
        (what becomes of the waits is certain), true_saved_s, and of `whatif` saved_s, low_s, high_s.
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
                determined = row.get("becomes") in _DETERMINED
                rows.append(
                    (
                        after["fix"],
                        *key,
                        before[key],
                        determined,
                        saved,
                        *(float(row.get(name, 0.0)) for name in _SAVED),
                    )
                )
    return pd.DataFrame(rows, columns=["fix", "host", "pid", "true_wall_s", "determined", "true_saved_s", *_SAVED])


def _compare_startups(analysis: Analysis, truth: Truth) -> pd.DataFrame:
    columns = [*_PROCESS, "wall_s", "waiting_s", "waits", "targets", "in_log", "unexplained_s", "unrecorded_s"]
    true = pd.DataFrame(truth["startups"], columns=columns)
    true = true.rename(columns={name: f"true_{name}" for name in ("wall_s", "waiting_s", "unexplained_s")})
    found = analysis.startups[[*_PROCESS, "waiting_wall_s", "start_from", "startup"]]
    found = found.assign(**_inside(analysis.startups))
    unknown, open_s = _doubts(analysis)
    found = found.assign(unknown=unknown, open_s=open_s, pid=found["pid"].astype("Int64"))
    both = true.merge(found, on=_PROCESS, how="left")
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


def _inside(startups: pd.DataFrame) -> dict[str, Any]:
    """What start-ups took from their first operation to their last, and what of that is unexplained."""
    inner = (startups["last_operation"] - startups["first_operation"]).dt.total_seconds()
    outer = (startups["wall_s"] - inner).to_numpy("float64", na_value=0.0)
    return {"wall_s": inner, "unexplained_s": startups["unexplained_s"] - outer}


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
