"""Timesketch: events, waits and start-ups as lines that Timesketch imports: message, datetime, timestamp, timestamp_desc, data_type.

The names of attributes are those that Plaso gives to a Windows event, so that searches and analyzers find them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, BinaryIO, NamedTuple

import pandas as pd

from capi2kit import words
from capi2kit.analysis import Analysis
from capi2kit.columns.instants import nanoseconds
from capi2kit.render.exports import Part, tables_of
from capi2kit.render.exports.cells import json_text, plain_columns
from capi2kit.words import count


class _Kind(NamedTuple):
    """Rows of one table: their time, what it is, their data type, and Plaso's names of columns."""

    table: str
    time: str
    desc: str
    data_type: str
    names: dict[str, str]


_KINDS = (
    _Kind(
        "events",
        "time",
        "Event Logged",
        "windows:evtx:record",
        {
            "host": "computer_name",
            "provider": "source_name",
            "provider_guid": "provider_identifier",
            "event_id": "event_identifier",
            "record": "record_number",
            "level": "event_level",
        },
    ),
    _Kind("waits", "start", "Wait Started", "capi2kit:wait", {"host": "computer_name"}),
    _Kind("startups", "start", "Start-up Began", "capi2kit:startup", {"host": "computer_name"}),
)
_OTHER_LOG = "capi2kit:event"  # an entry that is no record of Windows
_FEW = 3


def parts(analysis: Analysis, *, tables: Sequence[str]) -> Iterator[Part]:
    """One part with the rows of events, waits and start-ups; those of other tables have no moment."""
    wanted = [kind for kind in _KINDS if not tables or kind.table in tables]
    found = tables_of(analysis, [kind.table for kind in wanted])
    timed = [(kind, found[kind.table][found[kind.table][kind.time].notna()]) for kind in wanted]
    written = ", ".join(
        count(len(rows), f"row of {kind.table}", plural=f"rows of {kind.table}") for kind, rows in timed
    )
    left = sum(len(found[kind.table]) - len(rows) for kind, rows in timed)
    why = f"{count(left, 'row')} left out: they have no time" if left else "none left out"
    said = f"{written}; {why}"
    total = sum(len(rows) for _, rows in timed)
    if total < _FEW:
        said += f"; some releases of Timesketch refuse files of fewer than {_FEW} lines"
    yield Part("timesketch", partial(_write, timed), said)


def _write(timed: list[tuple[_Kind, pd.DataFrame]], file: BinaryIO) -> None:
    for kind, rows in timed:
        if len(rows):
            file.writelines(f"{json_text(line)}\n".encode() for line in _lines(rows, kind))


def _lines(rows: pd.DataFrame, kind: _Kind) -> Iterator[dict[str, Any]]:
    names = [kind.names.get(str(name), str(name)) for name in rows.columns]
    stamps = (nanoseconds(rows[kind.time]) // 1000).tolist()
    for stamp, values in zip(stamps, zip(*plain_columns(rows), strict=True), strict=True):
        row = {name: value for name, value in zip(names, values, strict=True) if value is not None}
        yield {
            "message": _message(row, kind),
            "datetime": f"{pd.Timestamp(stamp, unit='us'):%Y-%m-%dT%H:%M:%S.%f}+00:00",
            "timestamp": stamp,
            "timestamp_desc": kind.desc,
            "data_type": kind.data_type if kind.table != "events" or "event_identifier" in row else _OTHER_LOG,
            **{
                (f"{name}_of_row" if name in ("message", "datetime", "timestamp") else name): value
                for name, value in row.items()
            },
        }


def _message(row: dict[str, Any], kind: _Kind) -> str:
    process = words.with_pid(row.get("process"), row.get("pid"))
    if kind.table == "waits":
        asked = words.visible(row.get("url", row.get("url_host")))
        lasted = words.duration(
            row.get("wait_s"), low=row.get("low_s"), high=row.get("high_s"), quality=row.get("quality")
        )
        return f"{process} waited {lasted} for {asked}: {words.visible(row.get('outcome'))}"
    if kind.table == "startups":
        return f"{process} starts: {words.seconds(row.get('wall_s'))}, {words.waited(row)} of it waiting"
    about = next((row[name] for name in ("url", "file_path", "subject", "message") if row.get(name)), "")
    what = " ".join(filter(None, [words.visible(row.get("operation")), row.get("phase"), words.visible(about or "")]))
    return f"{process}: {what}" + (f", {words.code(row['result'])}" if "result" in row else "")
