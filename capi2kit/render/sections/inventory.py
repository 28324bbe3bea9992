"""Inventory: the sections on the evidence itself: what was read, whether it is whole, what it can support."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import pandas as pd

from capi2kit import __version__, words
from capi2kit.analysis import Analysis
from capi2kit.knowledge import operations_by_name
from capi2kit.render.parts import Column, Section, Table

_MOST = 200
_FEW = 4  # files whose whole paths are shown
_MANY = "url cache"  # files of this loader come last: there may be hundreds of them
_VERDICTS = {"no operations": "no checks in it"}  # in words that a reader of a report understands


def coverage(analysis: Analysis, *, tz: str = "UTC") -> Section:
    """The stretches of log that there are, and the verdict on each."""
    rows = [
        [
            _VERDICTS.get(row["verdict"], row["verdict"]),
            words.visible(row["host"]),
            words.visible(row["channel"]),
            words.moment(row["start"], tz),
            words.moment(row["stop"], tz),
            *(str(row[name]) for name in ("records", "gaps", "cut_tasks")),
        ]
        for row in analysis.case.coverage.to_dict("records")
    ]
    columns = [
        Column("verdict"),
        Column("host"),
        Column("channel", brief=False),
        Column("first event", whole=True),
        Column("last event", whole=True, spare=1),
    ]
    columns += [Column(name, number=True, spare=2 * (name != "records")) for name in ("records", "gaps", "cut tasks")]
    prose = [
        "The logs do not show what happened outside these stretches; a start-up may have begun before its log begins."
    ]
    return Section("coverage", "What the log can support", prose, Table(columns, rows))


def evidence(analysis: Analysis) -> Section:
    """The files: hashes, ids, and where every promised record went."""
    counts = ("promised", "loaded", "other", "duplicates", "lost")
    sources = analysis.case.sources
    root = _shared_folder(sources["path"].tolist())
    rows = [
        [
            words.visible(row["path"][len(root) :]),
            row["sha256"],
            str(row["bytes"]),
            row["loader"]
            if pd.isna(row["engine"]) or row["engine"] == row["loader"]
            else f"{row['loader']}: {row['engine']}",
            _understood(row),
            *(str(row[name]) for name in counts),
            _integrity(row),
        ]
        for row in sources.sort_values("loader", key=lambda name: name == _MANY, kind="stable").to_dict("records")
    ]
    columns = [Column("file", long=True), Column("SHA-256", long=True), Column("bytes", number=True, spare=2)]
    columns += [Column("read by", spare=3), Column("understood")]
    columns += [Column(name, number=True) for name in ("promised", "loaded")]
    columns += [Column(name, number=True, spare=4) for name in ("other", "duplicates")]
    columns += [Column("lost", number=True), Column("record ids, and is the log whole", long=True, spare=1)]
    prose = [
        "Records promised by a file = loaded + of other providers + duplicates + lost. The files were opened read-only. "
        "What was not understood of a file is listed under the problems of the evidence.",
    ]
    if root:
        prose.append(f"All files are below {words.visible(root)}")
    return Section("evidence", "Evidence", prose, Table(columns, rows))


def _shared_folder(paths: list[str]) -> str:
    """The folder or archive that all of several files are in, with the sign behind it; empty for a few, and where they share no folder."""
    if len(paths) < _FEW:
        return ""
    first, last = min(paths), max(paths)
    differs = (at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other)
    shared = first[: next(differs, len(first))]
    end = max(shared.rfind(sign) for sign in "/\\!")
    return shared[: end + 1] if end > 0 else ""


def _understood(row: dict) -> str:
    """How much of a file was understood, in what it consists of."""
    if pd.isna(row["units"]):
        return ""
    read, whole = int(row["understood"]), int(row["units"])
    return f"{read:,} of {words.count(whole, str(row['unit']).removesuffix('s'))}"


def _integrity(row: dict) -> str:
    """What the header of a log says about its records; other files have none."""
    if pd.isna(row["first_record"]):
        return ""
    gone = "older records are gone (wrapped, cleared, or exported in part)" if row["wrapped"] else "whole"
    closed = f"{'not ' if row['dirty'] else ''}closed properly"
    return f"{row['first_record']} to {row['last_record']}, {gone}, {closed}"


def problems(analysis: Analysis) -> Section | None:
    """What could not be read, or was repaired; None if nothing."""
    found = analysis.case.problems
    if found.empty:
        return None
    paths = dict(analysis.case.sources[["source", "path"]].itertuples(index=False, name=None))
    root = _shared_folder(list(paths.values()))
    rows = [
        [
            words.visible(row["error"]),
            str(row["lost"]),
            words.visible(row["message"]),
            row["stage"],
            _named(row, paths)[len(root) :],
        ]
        for row in found.head(_MOST).to_dict("records")
    ]
    shown = f" The first {_MOST} are shown." if len(found) > _MOST else ""
    prose = [f"{int(found['lost'].sum())} records lost, {len(found)} note{'s' * (len(found) != 1)}.{shown}"]
    columns = [
        Column("problem"),
        Column("lost", number=True),
        Column("what and where", long=True),
        Column("stage", brief=False),
        Column("file", long=True, brief=len(paths) > 1),
    ]
    return Section("problems", "Problems of the evidence", prose, Table(columns, rows))


def _named(problem: dict[Hashable, Any], paths: dict[int, str]) -> str:
    """The file of a problem, where several are there and its message does not name it."""
    path = paths.get(problem["source"], "") if len(paths) > 1 else ""
    return "" if words.file_name(path) in str(problem["message"]) else path


def operations(analysis: Analysis) -> Section:
    """How many events of which operation."""
    counts = (
        analysis.case.events.groupby(["channel", "operation"], dropna=False)
        .size()
        .sort_values(ascending=False, kind="stable")
    )
    known = operations_by_name()
    rows = [
        [words.visible(name), known[name].title if name in known else "", words.visible(channel), str(count)]
        for channel, name, count in counts.reset_index(name="count").itertuples(index=False)
    ]
    states = analysis.spans["state"].value_counts()
    sentence = f"{words.count(len(analysis.spans), 'operation')} with start and stop: " + ", ".join(
        f"{count} {state}" for state, count in states.items()
    )
    prose = [f"{sentence}." if len(analysis.spans) else "No operation with start and stop."]
    columns = [Column("operation"), Column("title"), Column("channel"), Column("events", number=True)]
    return Section("operations", "Operations", prose, Table(columns, rows))


def method(analysis: Analysis) -> Section:
    """How the times were recovered, and how sure they are."""
    hosts = analysis.spans[["host", "starts"]].drop_duplicates("host")
    judged = "; ".join(
        f"{words.visible(host)}: {verdict}" for host, verdict in zip(hosts["host"], hosts["starts"], strict=True)
    )
    prose = [
        f"capi2kit {__version__}. Start records, judged per computer by the log's own clocks: {judged or 'no operations to judge'}. "
        "Where they are late, stop minus start is zero, and the true start is recovered: the time limit that a retrieval was "
        "given shows how much of the chain's budget was used when it began.",
        "Exact means within one tick of the log's clock (0.016 s); bounded means between the two figures shown; unknown means "
        "that the log does not show it. Times are by the clock of the computer that logged; the column clock says how far it was off the "
        "clocks of the servers that sent their date.",
    ]
    return Section("method", "How the times were recovered", prose)
