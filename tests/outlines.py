"""Outlines: what happened, indented so that a reader can check it by eye → tables of the vocabulary.

A line is an operation, its true start and stop in seconds, and what else is known of it; a line with
one time is a point event. What is indented lies inside.

    VerifyTrust                       0.0  15.2  target=C:\\app\\Slow.dll  pid=7  tid=1
      BuildChain                      0.0  15.1  budget=20
        VerifyRevocation              0.0  15.0
          RetrieveObjectFromNetwork   0.0  15.0  url=http://crl.test/a.crl  result=80072EE2

`host`, `process`, `pid`, `tid`, `user` and `task` (none: no TaskId) hold for what is inside, too.
`budget=20`: an accumulative chain of 20 s; `each=15`: a chain that gives every URL 15 s. Clock, budget
left and Timeout follow from them; `clock`, `left`, `timeout` and `sync` (seconds, or none) say otherwise.
`lost=start`, `stop` or `both`: that record is not in the log. Any other word is a column of `events`,
written into the stop record. `target` is the file of a VerifyTrust, the subject of a BuildChain.

`events` writes the log of it as Windows would; `spans` and `waits` are the tables that tell the truth.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields

import numpy as np
import pandas as pd

from capi2kit.analysis import Analysis, analyse
from capi2kit.case import Case
from capi2kit.columns.cells import empty, shaped
from capi2kit.columns.urls import url_columns
from capi2kit.knowledge import columns, flag, operations_where, outcome_of
from capi2kit.knowledge.urls import url_role

EPOCH = pd.Timestamp("2026-03-02T08:00:00Z")
WINDOWS_7_TICK = 0.0156
SYSTEM = "S-1-5-18"
_CONTEXT = {
    "host": "WEB01",
    "process": "w3wp.exe",
    "pid": "1000",
    "tid": "1",
    "user": SYSTEM,
    "task": "",
    "source": "0",
}
_FLAGS = {
    "BuildChain": "CERT_CHAIN_REVOCATION_ACCUMULATIVE_TIMEOUT",
    "VerifyRevocation": "CERT_VERIFY_REV_ACCUMULATIVE_TIMEOUT_FLAG",
}


@dataclass
class Call:
    """One operation, or (stop is None) one point event."""

    operation: str
    start: float
    stop: float | None = None
    said: dict[str, str] = field(default_factory=dict)
    inner: list[Call] = field(default_factory=list)
    around: Call | None = None

    def word(self, name: str) -> str | None:
        """What this call or one around it says under a name."""
        return self.said[name] if name in self.said else self.around.word(name) if self.around else None

    def chain(self) -> Call | None:
        """The chain this call belongs to: the nearest one that says its budget."""
        if {"budget", "each"} & self.said.keys():
            return self
        return self.around.chain() if self.around else None

    def walk(self) -> Iterator[Call]:
        """This call and all inside it, outer ones first."""
        yield self
        for call in self.inner:
            yield from call.walk()


def parse(text: str) -> list[Call]:
    """The outermost calls of an outline."""
    roots: list[Call] = []
    open_calls: list[tuple[int, Call]] = []
    for line in filter(str.strip, text.splitlines()):
        indent = len(line) - len(line.lstrip())
        head, *words = re.split(r"\s+(?=\w+=)", line.strip())
        operation, *times = head.split()
        said = dict(word.split("=", 1) for word in words)
        call = Call(operation, float(times[0]), float(times[1]) if len(times) > 1 else None, said)
        while open_calls and open_calls[-1][0] >= indent:
            open_calls.pop()
        if open_calls:
            call.around = open_calls[-1][1]
            call.around.inner.append(call)
        else:
            roots.append(call)
        open_calls.append((indent, call))
    return roots


def join(*inner: Call, operation: str, start: float, stop: float, **said: object) -> Call:
    """A call around others."""
    call = Call(operation, start, stop, {name: str(value) for name, value in said.items()}, list(inner))
    for child in inner:
        child.around = call
    return call


# --- the log, as Windows writes it


@dataclass
class Stamp:
    """How a computer tells time: a clock that may be set, read in ticks."""

    tick: float = 0.0
    clock: Callable[[float], float] = lambda true: true

    def floor(self, true: float) -> float:
        """A true moment at the last tick."""
        return math.floor(true / self.tick + 1e-9) * self.tick if self.tick else true

    def at(self, true: float) -> pd.Timestamp:
        """What the clock shows at a true moment, to the microsecond."""
        return EPOCH + pd.Timedelta(round(self.clock(self.floor(true)) * 1e6), "us")


def events(
    outline: str | Iterable[Call],
    *,
    starts: str = "late",
    tick: float = 0.0,
    clock: Callable[[float], float] | None = None,
) -> pd.DataFrame:
    """The log of an outline, indexed like `Case.events`.

    `starts`: ``late``, as Windows 7 writes start records: with the first other record inside; or ``on time``.
    `tick`: stamps are cut to it. `clock`: what the clock shows at a true second, for clocks that are set.
    """
    stamp = Stamp(tick, clock) if clock else Stamp(tick)
    roots = parse(outline) if isinstance(outline, str) else list(outline)
    rows = [
        row for number, root in enumerate(roots) for row in _records(root, number, late=starts == "late", stamp=stamp)
    ]
    rows.sort(key=lambda row: (row["source"], row["written"], row["root"], row["order"]))
    for record, row in enumerate(rows, start=1):
        row |= {"event": record - 1, "record": record, "time": stamp.at(row["written"])}
    kept = [row for row in rows if not row["lost"]]
    table = pd.DataFrame(kept, columns=list(dict.fromkeys(name for row in kept for name in row)))
    return shaped(table, "events").set_index(["task_id", "process"])


def _records(root: Call, number: int, *, late: bool, stamp: Stamp) -> Iterator[dict]:
    """The records of one task in order; a late start is written with the next record that is not one."""
    found = list(_in_order(root))
    stamps = [when if phase != "start" or not late else None for when, phase, _ in found]
    for place in range(len(stamps) - 2, -1, -1):
        stamps[place] = stamps[place + 1] if stamps[place] is None else stamps[place]
    for place, (written, (_, phase, call)) in enumerate(zip(stamps, found, strict=True)):
        if written is not None:  # else the call hangs, and its start was never written
            yield {
                **_row(call, phase, number=number, stamp=stamp),
                "written": written,
                "root": number,
                "order": place,
            } | ({} if call.word("task") == "none" else {"seq": place + 1})


def _in_order(call: Call) -> Iterator[tuple[float, str, Call]]:
    if call.stop is None:
        yield call.start, "point", call
        return
    yield call.start, "start", call
    for inner in call.inner:
        yield from _in_order(inner)
    yield call.stop, "stop", call


def _row(call: Call, phase: str, *, number: int, stamp: Stamp) -> dict:
    known = {name: call.word(name) or default for name, default in _CONTEXT.items()}
    row = {name: _typed(name, known[name]) for name in ("host", "process", "pid", "tid", "source")}
    row |= {"user_sid": known["user"], "operation": call.operation, "phase": phase}
    row["task_id"] = None if known["task"] == "none" else known["task"] or f"TASK-{number}"
    row["lost"] = call.said.get("lost") in (phase, "both")
    if phase == "start":
        return row
    row |= {"result": 0} | _payload(call, stamp)
    for name, value in call.said.items():
        column = {"target": "subject" if call.operation == "BuildChain" else "file_path"}.get(name, name)
        if column in columns("events") and name not in _CONTEXT:
            row[column] = None if value == "none" else _typed(column, value)
    return row


def _payload(call: Call, stamp: Stamp) -> dict:
    """Flags, clock, budget left, Timeout and completion time, as the chain around a call determines them."""
    chain = call.chain()
    if chain is None or call.stop is None:
        return {"timeout_s": _number(call.said.get("timeout"))} if "timeout" in call.said else {}
    shared = "budget" in chain.said
    total = float(chain.said["budget"] if shared else chain.said["each"])
    used = stamp.floor(call.start) - stamp.floor(chain.start) if shared else 0.0
    row: dict = {}
    if call.operation in _FLAGS:
        row["flags"] = flag(_FLAGS[call.operation]) if shared else 0
    if call.operation == "VerifyRevocation":
        row["chain_start"] = (
            _moment(call.said.get("clock"), stamp) if "clock" in call.said else stamp.at(chain.start).floor("ms")
        )
        row["budget_s"] = _number(call.said["left"]) if "left" in call.said else _milliseconds(total - used)
    elif call.operation == "RetrieveObjectFromNetwork":
        row["timeout_s"] = _milliseconds((total - used) / 2 if shared else total)
        if "timeout" in call.said:
            row["timeout_s"] = _number(call.said["timeout"])
        if "sync" in call.said:
            row["last_sync"] = _moment(call.said["sync"], stamp)
        elif "result" not in call.said:
            row["last_sync"] = stamp.at(call.stop).floor("ms")
    return row


def _milliseconds(value: float) -> float:
    return math.floor(max(value, 0.0) * 1000 + 1e-6) / 1000


def _number(text: str | None) -> float | None:
    return None if text in (None, "none") else float(text)


def _moment(text: str | None, stamp: Stamp) -> pd.Timestamp | None:
    return None if text in (None, "none") else EPOCH + pd.Timedelta(round(float(text) * 1e6), "us")


def _typed(column: str, text: str) -> object:
    if text == "none":
        return None
    dtype = columns("events")[column]
    return int(text, 16) if dtype == "UInt32" else int(text) if "nt64" in dtype else text


# --- the tables that tell the truth


def spans(outline: str | Iterable[Call]) -> pd.DataFrame:
    """The spans of an outline as `correct_spans` would make them of a perfect log."""
    roots = parse(outline) if isinstance(outline, str) else outline
    calls = [call for root in roots for call in root.walk() if call.stop is not None]
    number = {id(call): place for place, call in enumerate(calls)}
    wire = operations_where(wire=True)
    rows = []
    for place, call in enumerate(calls):
        root, depth = call, 0
        while root.around:
            root, depth = root.around, depth + 1
        rows.append(_truth(call) | {
            "span": place, "parent": number[id(call.around)] if call.around else None, "root": number[id(root)],
            "depth": depth, "state": "closed", "quality": "exact",
            "target": root.said.get("target"), "target_kind": "file" if "target" in root.said else None,
            "duration_s": call.stop - call.start,
            "wait_s": sum(one.stop - one.start for one in call.walk() if one.operation in wire),
            "own_s": call.stop - call.start - sum(one.stop - one.start for one in call.inner if one.stop is not None),
        })  # fmt: skip
    return shaped(pd.DataFrame(rows), "spans") if rows else empty("spans")


def waits(outline: str | Iterable[Call]) -> pd.DataFrame:
    """The waits of an outline, exact unless it says ``quality=``; unknown ones have no length."""
    table = spans(outline)
    wires = table[table["operation"].isin(operations_where(wire=True)).to_numpy(bool)]
    roots = parse(outline) if isinstance(outline, str) else outline
    said = [call.said for root in roots for call in root.walk() if call.operation in operations_where(wire=True)]
    quality = [words.get("quality", "exact") for words in said]
    unknown = np.array([word == "unknown" for word in quality], bool)
    return shaped(wires.assign(
        event=wires["span"], quality=quality, starts="late", **url_columns(wires["url"]),
        url_role=[url_role(words.get("url")) for words in said], start=wires["start"].mask(unknown, wires["stop"]),
        wait_s=wires["duration_s"].mask(unknown), low_s=0.0, high_s=wires["duration_s"],
    ).reset_index(drop=True), "waits")  # fmt: skip


def _truth(call: Call) -> dict:
    known = {name: call.word(name) or default for name, default in _CONTEXT.items()}
    result = int(call.said.get("result", "0"), 16)
    return {name: _typed(name, known[name]) for name in ("host", "process", "pid", "tid")} | {
        "user_sid": known["user"], "operation": call.operation, "result": result,
        "outcome": call.said.get("outcome", outcome_of(result)), "url": call.said.get("url"),
        "subject": call.said.get("subject"), "start": EPOCH + pd.Timedelta(round(call.start * 1e9), "ns"),
        "stop": EPOCH + pd.Timedelta(round(call.stop * 1e9), "ns"),
    }  # fmt: skip


def case(table: pd.DataFrame, *, steps: pd.DataFrame | None = None) -> Case:
    """A Case that holds these events."""
    parts = {field.name: empty(field.name) for field in fields(Case)}
    return Case(**parts | {"events": table} | ({} if steps is None else {"steps": steps}))


def analysed(what: str | Iterable[Call] | pd.DataFrame, **how: object) -> Analysis:
    """The whole analysis of an outline (`how`: as for `events`), or of its events."""
    return analyse(case(what if isinstance(what, pd.DataFrame) else events(what, **how)))  # type: ignore[arg-type]


def steps(event: int, *lines: str) -> pd.DataFrame:
    """The steps of one event, a line each: ``action NAME [value] [error]``, ``response header NAME: value``, or a status line."""
    rows = []
    for place, line in enumerate(lines):
        action = re.fullmatch(r"action (\S+)(?: (?!error=)(\S+))?(?: error=(\w+))?", line)
        header = re.fullmatch(r"(request|response) (?:([\w-]+): )?(.*)", line)
        assert action or header, line
        kind, name, value = (
            ("action", action[1], action[2]) if action else (f"{header[1]} header", header[2], header[3])
        )
        error = int(action[3], 16) if action and action[3] else None
        rows.append({"event": event, "position": place, "kind": kind, "name": name, "value": value, "error": error})
    return shaped(pd.DataFrame(rows), "steps")


def seconds(times: pd.Series) -> list[float]:
    """Times as seconds of the outline, to the microsecond."""
    return [round(value, 6) for value in ((times - EPOCH) / pd.Timedelta("1s")).tolist()]
