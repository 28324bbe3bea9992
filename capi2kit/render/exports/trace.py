"""Trace: checks and waits as a Chrome trace, which Perfetto and speedscope open: a process per process, a lane per thread.

Every span lies at its true start, every wait of known place inside its span, and each start-up in a lane of its own. Intervals
of one lane are nested or apart, as the format demands: what overlaps otherwise gets a second lane of the same thread. Times are
microseconds after the first one; `otherData.begin` says when that was. A bar begins a nanosecond later than the one around it, and
ends one earlier: viewers that sort by time alone need that. What took no time is an instant.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import pandas as pd

from capi2kit import __version__, words
from capi2kit.analysis import Analysis
from capi2kit.columns.instants import nanoseconds
from capi2kit.knowledge.vocabulary import SCHEMA_VERSION
from capi2kit.render.exports import Part

_OWN = 1_000_000_000  # numbers from here on are ours: no process and no thread of Windows has them
_COLORS = {"ok": "good", "unknown": "grey"}
_FAILED = "terrible"
_NANOSECOND = 0.001  # in microseconds
_NAME = 120  # characters of a name; the arguments hold the whole


class _Interval(NamedTuple):
    """A bar: its lane's process and thread, microseconds, and what it is."""

    process: tuple[str, str, Any]  # computer, image, pid
    thread: str
    start: int
    stop: int
    name: str
    kind: str
    color: str
    args: dict[str, Any]


def parts(analysis: Analysis, *, tables: Sequence[str]) -> Iterator[Part]:
    """One part: the whole trace. `tables` does not matter."""
    waits = analysis.waits[
        _placed(analysis.waits) & (analysis.waits["quality"] != "unknown").to_numpy(bool, na_value=False)
    ]
    spans = analysis.spans[_placed(analysis.spans)]
    startups = analysis.startups[_placed(analysis.startups)]
    first = min((int(nanoseconds(table["start"]).min()) for table in (spans, waits, startups) if len(table)), default=0)
    bars = [*_spans(spans, first), *_waits(waits, first), *_startups(startups, first)]
    yield Part("trace", partial(_write, bars, first=first), _said(analysis, spans, waits=waits, startups=startups))


def _placed(table: pd.DataFrame) -> np.ndarray:
    """Which rows have a beginning and an end."""
    return (table["start"].notna() & table["stop"].notna()).to_numpy(bool)


def _said(analysis: Analysis, spans: pd.DataFrame, *, waits: pd.DataFrame, startups: pd.DataFrame) -> str:
    left = {
        "operation": (len(analysis.spans) - len(spans), "their record of start or stop is not in the log"),
        "wait": (len(analysis.waits) - len(waits), "the log does not show when they were"),
        "start-up": (len(analysis.startups) - len(startups), "they have no beginning or end"),
    }
    written = ", ".join(
        words.count(len(table), name) for name, table in (("operation", spans), ("wait", waits), ("start-up", startups))
    )
    why = "; ".join(
        f"{words.count(number, name)} left out: {reason}" for name, (number, reason) in left.items() if number
    )
    return f"{written}; {why or 'none left out'}"


def _microseconds(table: pd.DataFrame, first: int) -> Iterator[tuple[int, int]]:
    starts, stops = ((nanoseconds(table[name]) - first) // 1000 for name in ("start", "stop"))
    yield from zip(starts.tolist(), stops.tolist(), strict=True)


def _spans(spans: pd.DataFrame, first: int) -> Iterator[_Interval]:
    shown = spans[["host", "process", "pid", "tid", "operation", "target", "url", "subject", "task_id", "quality"]]
    numbers = spans[["start_event", "stop_event", "duration_s", "wait_s", "own_s", "result"]]
    rows = shown.join(numbers).astype(object).to_dict("records")
    for row, (start, stop) in zip(rows, _microseconds(spans, first), strict=True):
        about = next(
            (words.file_name(row[name]) for name in ("url", "target", "subject") if isinstance(row[name], str)), ""
        )
        name = f"{row['operation']} {about}".rstrip()
        yield _Interval(
            _process(row), _thread(row), start, stop, name, "check", "", _args(row, shown.columns[5:], numbers=numbers)
        )


def _waits(waits: pd.DataFrame, first: int) -> Iterator[_Interval]:
    shown = waits[
        ["host", "process", "pid", "tid", "outcome", "url", "url_role", "target", "user_sid", "quality", "proxy"]
    ]
    numbers = waits[["event", "wait_s", "low_s", "high_s", "result"]]
    rows = shown.join(numbers).join(waits["url_host"]).astype(object).to_dict("records")
    for row, (start, stop) in zip(rows, _microseconds(waits, first), strict=True):
        color = _COLORS.get(str(row["outcome"]), _FAILED)
        name = f"wait for {words.visible(row['url_host'])}: {words.visible(row['outcome'])}"
        yield _Interval(
            _process(row),
            _thread(row),
            start,
            stop,
            name,
            "wait",
            color,
            _args(row, shown.columns[4:], numbers=numbers),
        )


def _startups(startups: pd.DataFrame, first: int) -> Iterator[_Interval]:
    shown = startups[["host", "process", "pid", "app_pool", "start_from"]]
    numbers = startups[["startup", "wall_s", "waiting_wall_s", "unexplained_s"]]
    rows = shown.join(numbers).astype(object).to_dict("records")
    for row, (start, stop) in zip(rows, _microseconds(startups, first), strict=True):
        name = f"start-up of {words.with_pid(row['process'], row['pid'])}"
        args = _args(row, shown.columns[3:], numbers=numbers)
        yield _Interval(_process(row), "start-ups", start, stop, name, "start-up", "", args)


def _args(row: dict[Any, Any], texts: pd.Index, *, numbers: pd.DataFrame) -> dict[str, Any]:
    """What is known of a bar; nothing that is missing."""
    found = {str(name): row[name] for name in (*texts, *numbers.columns) if not words.is_missing(row[name])}
    return {name: words.visible(value) if isinstance(value, str) else value for name, value in found.items()}


def _process(row: dict[Any, Any]) -> tuple[str, str, Any]:
    return words.visible(row["host"]), words.visible(row["process"]), row["pid"]


def _thread(row: dict[Any, Any]) -> str:
    return "thread not logged" if words.is_missing(row["tid"]) else f"thread {row['tid']}"


def _write(bars: list[_Interval], file: BinaryIO, *, first: int) -> None:
    facts = {
        "program": f"capi2kit {__version__}",
        "schema_version": SCHEMA_VERSION,
        "begin": pd.Timestamp(first, tz="UTC").isoformat(),
    }
    events = list(_events(bars))
    head = json.dumps({"displayTimeUnit": "ms", "otherData": facts})
    lines = ",\n".join(json.dumps(event, allow_nan=False) for event in events)
    file.write(f'{head[:-1]}, "traceEvents": [\n{lines}\n]}}\n'.encode())


def _events(bars: list[_Interval]) -> Iterator[dict[str, Any]]:
    """The events of the trace: the names of processes and lanes, then the bars."""
    numbers = _process_numbers(bars)
    threads: dict[tuple[int, str], list[_Interval]] = defaultdict(list)
    for bar in bars:
        threads[numbers[bar.process], bar.thread].append(bar)
    for (host, process, pid), number in numbers.items():
        yield _name("process_name", f"{words.with_pid(process, pid)} on {host}", pid=number)
    own = _OWN
    for (number, thread), some in threads.items():
        for place, lane in enumerate(_lanes(some)):
            if thread.rpartition(" ")[2].isdigit() and not place:
                tid = int(thread.rpartition(" ")[2])
            else:
                own, tid = own + 1, own
            yield _name("thread_name", f"{thread}, at the same time" if place else thread, pid=number, tid=tid)
            yield from (_bar(bar, depth, pid=number, tid=tid) for bar, depth in lane)


def _process_numbers(bars: list[_Interval]) -> dict[tuple[str, str, Any], int]:
    """A number for each process: its own id, unless another computer or process has that one."""
    numbers: dict[tuple[str, str, Any], int] = {}
    for process in dict.fromkeys(bar.process for bar in bars):
        pid = process[2]
        free = not words.is_missing(pid) and int(pid) not in numbers.values()
        numbers[process] = int(pid) if free else _OWN + len(numbers)
    return numbers


def _lanes(bars: list[_Interval]) -> list[list[tuple[_Interval, int]]]:
    """The bars of a thread in lanes in which each is inside or beside every other; parents first, each with how many are around it."""
    lanes: list[list[tuple[_Interval, int]]] = []
    open_bars: list[list[_Interval]] = []  # of each lane, those not over yet
    rank = {"start-up": 0, "check": 1, "wait": 2}
    for bar in sorted(bars, key=lambda bar: (bar.start, -bar.stop, rank[bar.kind])):
        place = next((place for place, stack in enumerate(open_bars) if _fits(bar, stack)), len(lanes))
        if place == len(lanes):
            lanes.append([])
            open_bars.append([])
        lanes[place].append((bar, len(open_bars[place])))
        if bar.stop > bar.start:
            open_bars[place].append(bar)
    return lanes


def _fits(bar: _Interval, stack: list[_Interval]) -> bool:
    """Whether a bar is inside the innermost one of a lane that is not over, or beside all of them; those that are over go."""
    while stack and stack[-1].stop <= bar.start:
        stack.pop()
    return not stack or stack[-1].stop >= bar.stop


def _name(kind: str, name: str, *, pid: int, tid: int | None = None) -> dict[str, Any]:
    thread = {} if tid is None else {"tid": tid}
    return {"ph": "M", "name": kind, "pid": pid, **thread, "args": {"name": words.shorter(words.visible(name), _NAME)}}


def _bar(bar: _Interval, depth: int, *, pid: int, tid: int) -> dict[str, Any]:
    color = {"cname": bar.color} if bar.color else {}
    common = {"name": words.shorter(words.visible(bar.name), _NAME), "cat": bar.kind, "pid": pid, "tid": tid}
    if bar.stop == bar.start:
        return {"ph": "i", "s": "t", **common, "ts": bar.start, "args": bar.args}
    inset = depth * _NANOSECOND
    times = {"ts": round(bar.start + inset, 3), "dur": round(bar.stop - bar.start - 2 * inset, 3)}
    return {"ph": "X", **common, **times, **color, "args": bar.args}
