"""Loader `uls`: the trace log of SharePoint (ULS), as a file or with its lines pasted into an article.

Times are local and cut to hundredths of a second. A message that was cut goes on in lines with ``*`` behind
their time: they are joined, the first time counts. A line that says how long something took ends then.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from capi2kit.columns.cells import masked, shaped, strings, typed
from capi2kit.knowledge import operation
from capi2kit.loaders.evidence import Asked, EvidenceFile, Problems
from capi2kit.loaders.text import lines as text_lines
from capi2kit.loaders.text.localtimes import LocalTimes
from capi2kit.loaders.uls.lines import (
    BEGINS,
    CUT,
    GUID,
    HEADER,
    SEEN,
    Entry,
    certificate_in,
    entry_of,
    is_log,
    length_of,
    words,
)
from capi2kit.winevent import Batch

NAME = "uls"
LOOKS_FOR = "a SharePoint trace log (ULS), or a text with lines of one"
PROVIDER = "SharePoint ULS"
_RESOLUTION_S = 0.01
_HELD = 1000  # so many lines a message that was cut waits for its rest when a batch is full
_NO_ACTIVITY = "00000000-0000-0000-0000-000000000000"
_ID = re.compile(r"0x[0-9A-Fa-f]{1,8}")
_HOST = re.compile(r"(?:.*[\\/!])?([^\\/!]+)-\d{8}-\d{4}\.log", re.IGNORECASE | re.ASCII | re.DOTALL)


def sniff(head: bytes, name: str) -> bool:
    """True for a text that begins as a trace log does."""
    text = text_lines.head_of(head, most=len(head)) or text_lines.head_of(head)
    return is_log(text.replace("\r\n", "\n").replace("\r", "\n")[: 1 << 16])


def own_lines(texts: Sequence[str]) -> list[range]:
    """The lines of trace logs in a text."""
    return [range(at, at + 1) for at, text in enumerate(texts) if HEADER.match(text) or _is_entry(text.lstrip(" \t>"))]


def _is_entry(text: str) -> bool:
    return bool(SEEN.match(text)) and entry_of(text_lines.Line(1, 0, text), text) is not None


def read(file: EvidenceFile, *, asked: Asked) -> Iterator[Batch]:
    """Yield the messages of a trace log as `events` in batches; the last batch has `sources` and `problems`.

    `record` is the number of the line. In a log a line that is not one of ULS is lost and reported; in an article
    such lines are only counted, and not promised.
    """
    problems = Problems()
    trace = _Trace(file, problems=problems)
    tables = _Tables(file, tz=asked.tz)
    times = LocalTimes(tz=asked.tz, problems=problems)
    wanted = asked.wants(PROVIDER, None)
    read = 0
    for line in text_lines.lines(file, problems):
        if len(trace.entries) >= text_lines.BATCH:
            entries = trace.finished()
            read += len(entries)
            if wanted:
                yield {"events": tables.events(entries, times=times)}
            if asked.progress:
                asked.progress(line.offset, len(file.data))
        trace.take(line)
    read += len(trace.entries)
    batch = {"events": tables.events(trace.entries if wanted else [], times=times)}
    trace.note(untimed=tables.untimed)
    loaded, other = (read, 0) if wanted else (0, read)
    yield batch | {"problems": problems.table(), "sources": text_lines.source_of(problems, loaded=loaded, other=other)}


class _Trace:
    """Joins lines into messages, and counts the lines that belong to no message."""

    def __init__(self, file: EvidenceFile, *, problems: Problems) -> None:
        self.entries: list[Entry] = []
        self._problems = problems
        self._open: dict[tuple[str | None, ...], Entry] = {}  # cut messages, by process, thread and kind
        self._article = not is_log(text_lines.head_of(bytes(file.data[: 1 << 16]), most=1 << 16))
        self._others = 0

    def take(self, line: text_lines.Line) -> None:
        """Take one line of the file."""
        text = line.text.strip("\0")
        if self._article:
            text = text.lstrip(" \t>")
        if not text.strip() or HEADER.match(text):
            return
        if entry := entry_of(line, text):
            self._add(entry)
        elif BEGINS.match(text):
            self._lose(line, "it begins with a time, but the columns of a trace log do not follow")
        elif self._article:
            self._others += 1
        elif self.entries and not self.entries[-1].ended:
            self.entries[-1].go_on(text)
        else:
            self._lose(line, "it is not a line of a trace log")

    def _add(self, entry: Entry) -> None:
        first = self._open.pop(entry.key, None)
        if entry.continues and first:
            first.join(entry)
            entry = first
        else:
            if entry.continues:
                message = f"line {entry.number} continues a message whose beginning is not there; kept as it is"
                where = {"record": entry.number, "offset": entry.offset}
                self._problems.add("record", "no beginning", message=message, **where)
            self.entries.append(entry)
        if entry.parts[-1].endswith(CUT):
            self._open[entry.key] = entry

    def finished(self) -> list[Entry]:
        """The messages so far without late ones that may still go on: those stay for the next batch."""
        late = [entry for entry in self.entries[-_HELD:] if self._open.get(entry.key) is entry]
        late += [entry for entry in self.entries[-1:] if not entry.ended and entry not in late]
        done = self.entries[:-_HELD] + [entry for entry in self.entries[-_HELD:] if entry not in late]
        self._open = {entry.key: entry for entry in late if self._open.get(entry.key) is entry}
        self.entries = late
        return done

    def _lose(self, line: text_lines.Line, why: str) -> None:
        message = f"line {line.number} at offset {line.offset} was left out: {why}"
        where = {"record": line.number, "offset": line.offset}
        self._problems.add("record", "unreadable line", message=message, lost=1, **where)

    def note(self, *, untimed: int) -> None:
        """Say once per file what was left out, and what has no time."""
        if self._others:
            message = f"{self._others} lines of text around the lines of the trace log were left out"
            self._problems.add("text", "other lines", message=message)
        if untimed:
            message = f"{untimed} messages have no time that can be read; they cannot be placed in time"
            self._problems.add("value", "no time", message=message)


class _Tables:
    """Messages → the `events` table, batch by batch."""

    def __init__(self, file: EvidenceFile, *, tz: str | None) -> None:
        named = _HOST.fullmatch(file.name)
        self._host = named[1] if named else None
        self._zone = tz or "UTC"
        self.untimed = 0

    def events(self, entries: list[Entry], *, times: LocalTimes) -> pd.DataFrame:
        """The `events` table of some messages."""
        count = len(entries)
        present = np.zeros(count, bool)
        cells = {name: [entry.cells[name] for entry in entries] for name in ("process", "category", "tag", "level")}
        messages = ["".join(entry.parts) for entry in entries]
        said = [length_of(message) for message in messages]
        refused = [certificate_in(message) for message in messages]
        lengths = [length for length, _ in said]
        whole = np.array([length is not None for length in lengths], bool)
        local = pd.Series(typed([_iso(entry.time) for entry in entries], kind="time", dtype="")[0])
        timed = local.notna().tolist()
        self.untimed += timed.count(False)
        levels = [words("level").get(level or "") or None for level in cells["level"]]
        made: dict[str, object] = {
            "event": np.arange(count),
            "record": masked(np.array([entry.number for entry in entries], "int64"), present, dtype="Int64"),
            "offset": masked(np.array([entry.offset for entry in entries], "int64"), present, dtype="Int64"),
            "time": times.in_utc(local, where=np.ones(count, bool)).array,
            "host": strings([entry.cells["host"] or self._host for entry in entries]),
            "level": typed(levels, kind="int", dtype="Int64")[0],
            "duration_s": masked(np.array([length or 0.0 for length in lengths]), ~whole, dtype="Float64"),
            "phase": strings(np.where(whole, "whole", "point").tolist()),
            "message": strings([message or None for message in messages]),
            "activity_id": strings([_activity(entry.correlation) for entry in entries]),
            "extra": strings([_extra(entry, timed=known) for entry, known in zip(entries, timed, strict=True)]),
        }
        for name in ("pid", "tid"):
            made[name] = typed([_number(entry.cells[name]) for entry in entries], kind="pid", dtype="Int64")[0]
        made |= {name: strings(cells[name]) for name in ("process", "category", "tag")}
        made |= {name: strings([PROVIDER] * count) for name in ("provider", "channel")}
        what = [kind or ("certificate" if bad else None) for (_, kind), bad in zip(said, refused, strict=True)]
        made["operation"] = strings([operation(kind, provider=PROVIDER).name for kind in what])
        made |= {name: strings([bad.get(name) for bad in refused]) for name in ("subject", "issuer", "result_text")}
        made["zone"] = strings([self._zone] * count)
        made["resolution_s"] = masked(np.full(count, _RESOLUTION_S), present, dtype="Float64")
        return shaped(pd.DataFrame(made), "events")


def _iso(time: str) -> str | None:
    """``03/05/2012 07:57:38.30`` → ``2012-03-05T07:57:38.30``; None for a word in its place."""
    return f"{time[6:10]}-{time[:2]}-{time[3:5]}T{time[11:]}" if time[0].isdigit() else None


def _number(text: str | None) -> str | None:
    """A process or thread id that is one; it is 0 where somebody took it out."""
    return text if text and _ID.fullmatch(text) and text.strip("0x") else None


def _activity(correlation: str | None) -> str | None:
    """A correlation that is one, in capitals."""
    found = GUID.fullmatch(correlation or "")
    return found[1].upper() if found and found[1] != _NO_ACTIVITY else None


def _extra(entry: Entry, *, timed: bool) -> str | None:
    """What has no column, or does not fit it, as JSON."""
    extra: dict[str, str | None] = {"Level": entry.cells["level"]}
    if entry.correlation and not GUID.fullmatch(entry.correlation):
        extra["Correlation"] = entry.correlation
    if not timed:
        extra["time?"] = entry.time
    if entry.cells["tid"] and not _ID.fullmatch(entry.cells["tid"]):
        extra["tid?"] = entry.cells["tid"]
    extra = {name: text for name, text in extra.items() if text}
    return json.dumps(extra, ensure_ascii=False) if extra else None
