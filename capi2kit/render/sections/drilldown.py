"""Drill-down: a section to open step by step: each process, what it checked, and the waterfall of the slowest check of that."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pandas as pd

from capi2kit import words
from capi2kit.analysis import Analysis
from capi2kit.render.parts import Bar, Node, Section

_PROCESSES, _TARGETS, _ROWS = 6, 15, 24  # at most
_LEAST = 0.004  # of a bar, in parts of the whole
_SHOWN = ["span", "root", "depth", "start", "stop", "duration_s", "low_s", "high_s", "quality", "operation"]
_SHOWN += ["url", "subject", "target", "stop_event"]
_KEY = ["host", "process", "pid", "user_sid", "target"]


def drilldown(analysis: Analysis) -> Section | None:
    """Processes, their slowest targets, and the waterfall of the slowest check of each; None if nothing took time."""
    delays = analysis.delays[(analysis.delays["total_s"] > 0).to_numpy(bool, na_value=False)]
    if delays.empty:
        return None
    roots = _roots(analysis.spans)
    inner = _inner(analysis.spans, set(roots.values()))
    waits = {row["span"]: row for row in analysis.waits.to_dict("records")}
    order = (
        delays.groupby(["host", "process", "pid"], dropna=False, sort=False)["total_s"]
        .sum()
        .sort_values(ascending=False, kind="stable")
    )
    nodes = []
    for key, total in list(order.items())[:_PROCESSES]:
        host, process, pid = cast(tuple, key)
        mine = delays[_same(delays, {"host": host, "process": process, "pid": pid})]
        targets = [
            _target(row, roots=roots, inner=inner, waits=waits) for row in mine.head(_TARGETS).to_dict("records")
        ]
        more = f", the {_TARGETS} slowest of {len(mine)}" if len(mine) > _TARGETS else ""
        title = f"{words.with_pid(process, pid)} on {words.visible(host)}: {words.count(len(mine), 'target')}{more}"
        nodes.append(Node(title, words.seconds(float(total)), inner=targets))
    prose = [
        "Open a process, then what it checked: the bars are the operations of the slowest check of it, from its beginning to its end. "
        "Seconds of checks that overlap all count."
    ]
    return Section("drilldown", "Process by process", prose, nodes=nodes)


def _roots(spans: pd.DataFrame) -> dict[tuple, int]:
    """The slowest outermost operation on each target of a process."""
    outer = spans[(spans["depth"] == 0).to_numpy(bool)].sort_values("duration_s", ascending=False, kind="stable")
    outer = outer.drop_duplicates(_KEY)
    return dict(zip(_keys(outer), outer["span"].tolist(), strict=True))


def _inner(spans: pd.DataFrame, wanted: set[int]) -> dict[int, list[dict[Any, Any]]]:
    """The operations of each wanted outermost one, by their beginning, those inside another below it."""
    mine = spans.loc[spans["root"].isin(wanted) & spans["start"].notna() & spans["stop"].notna(), _SHOWN]
    found: dict[int, list[dict[Any, Any]]] = {}
    for row in mine.sort_values(["start", "depth", "span"], kind="stable").to_dict("records"):
        found.setdefault(row["root"], []).append(row)
    return found


def _keys(table: pd.DataFrame) -> list[tuple]:
    cells = (table[name].astype(object).where(table[name].notna(), None).tolist() for name in _KEY)
    return list(zip(*cells, strict=True))


def _same(table: pd.DataFrame, values: dict[str, Any]) -> np.ndarray:
    same = np.ones(len(table), bool)
    for name, value in values.items():
        equal = table[name].isna() if pd.isna(value) else table[name].eq(value)
        same &= equal.fillna(False).to_numpy(bool)
    return same


def _target(row: dict[Any, Any], *, roots: dict, inner: dict, waits: dict) -> Node:
    key = tuple(None if pd.isna(row[name]) else row[name] for name in _KEY)
    checks = f", {words.count(row['checks'], 'check')}" if row["checks"] > 1 else ""
    waited = (
        f", {words.seconds(row['network_s'])} waiting" if not pd.isna(row["network_s"]) and row["network_s"] > 0 else ""
    )
    task = inner.get(roots.get(key, -1), [])
    bars = _bars(task, waits=waits) if task else []
    return Node(f"{words.visible(row['target'])}{checks}", f"{words.seconds(row['total_s'])}{waited}", bars=bars)


def _kind(wait: dict[Any, Any]) -> str:
    """How a wait ended, as a word that has a colour."""
    if wait["outcome"] != "ok":
        return "wait" if wait["quality"] == "exact" else "bounded"
    return "searched" if not pd.isna(wait["wpad_failures"]) and wait["wpad_failures"] > 0 else "answered"


def _bars(task: list[dict[Any, Any]], *, waits: dict) -> list[Bar]:
    """The operations of one check, those inside another below it."""
    begin = task[0]["start"]
    total = max((max(row["stop"] for row in task) - begin).total_seconds(), 1e-9)
    bars = []
    for row in task[:_ROWS]:
        wait = waits.get(row["span"])
        kind = "check" if wait is None else _kind(wait)
        least, most, best = ((wait or row)[name] for name in ("low_s", "high_s", "wait_s" if wait else "duration_s"))
        figure = words.duration(best, low=least, high=most, quality=(wait or row)["quality"])
        about = next((row[name] for name in ("url", "subject", "target") if isinstance(row[name], str)), "")
        left = min((row["start"] - begin).total_seconds() / total, 1 - _LEAST)
        length = max((row["stop"] - row["start"]).total_seconds() / total, _LEAST)
        title = (
            f"{chr(0xA0) * 3 * int(row['depth'])}{row['operation']} {words.visible(about) if about else ''}".rstrip()
        )
        event = None if pd.isna(row["stop_event"]) else int(row["stop_event"])
        bars.append(Bar(title, figure, left, min(length, 1 - left), kind, event))
    return bars
