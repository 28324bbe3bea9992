"""Case: everything that was read, and `load`, which reads it.

`load` finds the files, lets the loader that claims a file read it, removes
records that two exports share, and numbers the events. Evidence is opened
read-only. `record_xml` is the only thing that ever goes back to a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from html import escape

import numpy as np
import pandas as pd

from capi2kit import knowledge
from capi2kit.cells import empty, shaped
from capi2kit.coverage import measure_coverage
from capi2kit.errors import DamagedEvidence, EvidenceError, NoEvents, UnknownFormat
from capi2kit.loaders import HEAD, evtx, files, known_formats, loader_for
from capi2kit.winevent import Batch

_PARTS = ("steps", "chain", "certificates")
_HOW_TO_LOG = (
    "Enable the log with `wevtutil sl Microsoft-Windows-CAPI2/Operational /e:true`, repeat the slow start, "
    "then export it with `wevtutil epl Microsoft-Windows-CAPI2/Operational capi2.evtx`."
)


@dataclass(frozen=True)
class Case:
    """The tables as read. `events` is indexed by (task_id, process); all others cite its `event` column."""

    sources: pd.DataFrame
    problems: pd.DataFrame
    coverage: pd.DataFrame
    events: pd.DataFrame
    steps: pd.DataFrame
    chain: pd.DataFrame
    certificates: pd.DataFrame

    def _repr_html_(self) -> str:
        hosts = ", ".join(escape(host) for host in sorted(self.events["host"].dropna().unique()))
        facts = f"{len(self.events)} events of {hosts}; {int(self.sources['lost'].sum())} records lost"
        return f"<p><b>Case</b>: {facts}</p>{self.sources.to_html(index=False, escape=True)}"


def load(
    what: files.PathLike | Iterable[files.PathLike],
    *,
    engine: str = "auto",
    providers: str | Iterable[str] | None = None,
    strict: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
) -> Case:
    """Read evidence into a Case.

    Parameters
    ----------
    what : a file, a folder (read recursively), a glob, a .zip, or a list of them.
    engine : ``auto`` (fast, with salvage of what it loses), ``evtx`` or ``python-evtx``.
    providers : names of further event providers to keep, ``"*"`` for all; CAPI2 only if not given.
    strict : raise DamagedEvidence as soon as a record is lost.
    progress : called with (file name, records done, records promised).

    Returns
    -------
    Case : tables in the columns of ``data/columns.csv``; per source
        promised = loaded + other + duplicates + lost.

    Raises
    ------
    EvidenceError : a path is missing or unreadable, or a file is beyond reading.
    UnknownFormat : a file named itself is of no known format.
    NoEvents : nothing usable in all of it. DamagedEvidence : see `strict`.
    """
    wanted = _wanted(providers)
    batches: list[Batch] = []
    for number, found in enumerate(files.find(what)):
        with files.opened(found) as file:
            loader = loader_for(bytes(file.data[:HEAD]), file.name)
            facts = {"source": number, "path": file.name, "sha256": file.sha256, "bytes": len(file.data)}
            if loader is None:
                batches.append(_unknown(found, facts, len(file.data)))
                continue
            report = (lambda done, total, name=file.name: progress(name, done, total)) if progress else None
            for batch in loader.read(file, engine=engine, providers=wanted, progress=report):
                batches.append(_stamped(batch, {**facts, "loader": loader.NAME}))
    case = _joined(batches)
    if not len(case.events):
        raise NoEvents(_why_nothing(case))
    if strict and case.sources["lost"].sum():
        first = case.problems[case.problems["lost"] > 0].iloc[0]
        raise DamagedEvidence(f"{int(case.sources['lost'].sum())} records are lost; the first: {first['message']}")
    return case


def record_xml(case: Case, event: int) -> str:
    """The original record behind an event, decoded from the file again, as indented XML.

    Raises EvidenceError if the file is gone, or another record stands at its place now.
    """
    row = case.events[case.events["event"] == event]
    if row.empty:
        raise EvidenceError(f"there is no event {event} in this case; events are numbered 0 to {len(case.events) - 1}")
    source = case.sources.set_index("source").loc[row["source"].iloc[0]]
    path, _, member = str(source["path"]).partition(f".zip{files.MEMBER}")
    found = files.Found(f"{path}.zip", member, True) if member else files.Found(path, "", True)
    with files.opened(found) as file:
        return evtx.record_xml(file, offset=int(row["offset"].iloc[0]), record=int(row["record"].iloc[0]))


def _wanted(providers: str | Iterable[str] | None) -> frozenset[str] | None:
    if providers == "*":
        return None
    more = [providers] if isinstance(providers, str) else list(providers or [])
    return knowledge.providers() | frozenset(more)


def _unknown(found: files.Found, facts: dict, size: int) -> Batch:
    why = "is empty" if not size else "is none of the known formats"
    message = f"{found.name} {why}. Looked for: {known_formats()}."
    if found.named and size:
        raise UnknownFormat(message, source=found.name)
    if found.named:
        raise EvidenceError(f"{message} Export or copy the log again.", source=found.name)
    row = {"source": facts["source"], "stage": "file", "error": "not read", "message": message, "lost": 0}
    return {"problems": shaped(pd.DataFrame([row]), "problems")}


def _stamped(batch: Batch, facts: dict) -> Batch:
    """Write the number of the file into the rows that name it."""
    if "sources" in batch:
        batch["sources"] = batch["sources"].assign(**facts)
    for table in ("events", "problems"):
        if table in batch:
            batch[table]["source"] = facts["source"]
    return batch


def _joined(batches: list[Batch]) -> Case:
    """One set of tables: events sorted by file and record id, numbered, duplicates removed."""
    shift = 0
    for batch in batches:
        for table in _PARTS:
            if table in batch:
                batch[table]["event"] += shift
        if "events" in batch:
            batch["events"]["event"] = np.arange(shift, shift + len(batch["events"]))
            shift += len(batch["events"])
    events = _stack(batches, "events")
    sources = _stack(batches, "sources")
    twice = _duplicates(events)
    sources["duplicates"] = (
        events.loc[twice, "source"].value_counts().reindex(sources["source"]).fillna(0).to_numpy("int64")
    )
    sources["loaded"] -= sources["duplicates"]
    events = events[~twice].sort_values(["source", "record"], kind="stable", ignore_index=True)
    numbers = pd.Series(np.arange(len(events)), index=events["event"].to_numpy())
    events["event"] = np.arange(len(events))
    parts = {}
    for table in _PARTS:
        part = _stack(batches, table)
        part = part[part["event"].isin(numbers.index)]
        part["event"] = numbers.reindex(part["event"]).to_numpy("int64")
        parts[table] = part.sort_values(["event", "position"], kind="stable", ignore_index=True)
    indexed = events.set_index(["task_id", "process"])
    coverage = measure_coverage(indexed, sources) if len(indexed) else empty("coverage")
    return Case(sources, _stack(batches, "problems"), coverage, indexed, **parts)


def _stack(batches: list[Batch], table: str) -> pd.DataFrame:
    parts = [batch[table] for batch in batches if table in batch and len(batch[table])]
    if len(parts) == 1:
        return parts[0].reset_index(drop=True)
    return pd.concat(parts, ignore_index=True) if parts else empty(table)


def _duplicates(events: pd.DataFrame) -> pd.Series:
    """True for events that an earlier file of the case already holds: same computer, channel, record id and content."""
    none = pd.Series(False, index=events.index)
    if events["source"].nunique() < 2:
        return none
    key = ["host", "channel", "record"]
    shared = events[events.duplicated(key, keep=False)]
    if shared.empty:
        return none
    content = shared.drop(columns=["event", "source", "offset", "time_written"])
    content["time"] = content["time"].dt.floor("us")
    return none | content.duplicated(keep="first").reindex(events.index, fill_value=False)


def _why_nothing(case: Case) -> str:
    read = [
        f"{row.path}: {row.promised} records, {row.other} of other providers, {row.lost} lost"
        for row in case.sources.itertuples()
    ]
    read += case.problems.loc[case.problems["stage"] == "file", "message"].tolist()
    return f"no CAPI2 event in what was read ({'; '.join(read[:5])}). {_HOW_TO_LOG}"
