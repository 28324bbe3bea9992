"""Case: everything that was read, and `load`, which reads it.

`load` finds the files, lets the loader that claims a file read it, removes
records that two exports share, and numbers the events. Evidence is opened
read-only. `record_xml` is the only thing that ever goes back to a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from capi2kit.columns.cells import empty, integers, shaped
from capi2kit.columns.instants import LATEST, is_zone
from capi2kit.coverage import measure_coverage
from capi2kit.errors import DamagedEvidence, EvidenceError, NoEvents, UnknownFormat
from capi2kit.knowledge import columns
from capi2kit.knowledge.providers import providers as providers_known
from capi2kit.loaders import HEAD, files, known_formats, loader_for, loader_named
from capi2kit.loaders.evidence import Asked, EvidenceFile, Providers
from capi2kit.loaders.evidence.filebytes import FileBytes
from capi2kit.loaders.triage.collected import (
    check_manifest,
    indexed,
    note,
    notes_of,
    renumbered,
    shown_twice,
    stack,
    take_hosts_from_folders,
    why_nothing,
)
from capi2kit.loaders.triage.computers import name_computers
from capi2kit.loaders.triage.copies import leave_out_older, leave_out_repeated
from capi2kit.loaders.triage.localzones import read_in, zones_to_read_in
from capi2kit.winevent import Batch

Progress = Callable[[str, int, int], None]
_PARTS = ("steps", "chain", "certificates")
# what evidence without events holds
_BESIDE = ("certificates", "cache_entries", "verifications", "settings", "trust_lists")
_FORMATS = (
    "Windows event logs and exports of them, events pasted as text, trust lists, certificates and CRLs, and the logs and settings "
    "around them (all of them: `capi2kit --formats`)"
)


@dataclass(frozen=True, repr=False)
class Case:
    """The tables as read. `events` is indexed by (task_id, process); all others cite its `event` column."""

    sources: pd.DataFrame
    problems: pd.DataFrame
    coverage: pd.DataFrame
    events: pd.DataFrame
    steps: pd.DataFrame
    chain: pd.DataFrame
    certificates: pd.DataFrame
    cache_entries: pd.DataFrame
    verifications: pd.DataFrame
    settings: pd.DataFrame
    trust_lists: pd.DataFrame

    def _repr_html_(self) -> str:
        from capi2kit.render.notebook.cards import card

        return card(self)._repr_html_()

    def __repr__(self) -> str:
        from capi2kit.render.notebook.cards import card

        return repr(card(self))


def load(
    what: files.PathLike | Iterable[files.PathLike],
    *,
    engine: str = "auto",
    providers: str | Iterable[str] | None = None,
    tz: str | None = None,
    strict: bool = False,
    follow: bool = False,
    progress: Progress | None = None,
) -> Case:
    """Read evidence into a Case.

    Parameters
    ----------
    what : a file, a folder (read recursively), a glob, a .zip, or a list of them.
    engine : ``auto`` (fast, with salvage of what it loses), ``evtx`` or ``python-evtx``.
    providers : names of further event providers to keep, ``"*"`` for all; if not given, CAPI2 and what
        surrounds an incident: restarts, services, application pools, process creation (``data/providers.csv``).
    tz : time zone of logs in local time, such as SharePoint's ULS or certutil's output, e.g. Europe/Berlin; if not given,
        the one that the evidence of the same computer names, else UTC; `problems` says which.
    strict : raise DamagedEvidence as soon as a record is lost.
    follow : also read what links inside a folder lead to outside of it.
    progress : called with (file name, records done, records promised).

    Returns
    -------
    Case : tables in the columns of ``data/columns.csv``; per source
        promised = loaded + other + duplicates + lost.

    Raises
    ------
    EvidenceError : a path is missing. A file that cannot be read is a row of `problems`; it is an error only if it was
        named itself and nothing else could be read either.
    UnknownFormat : the same, for a file of no known format.
    NoEvents : nothing usable in all of it.
    DamagedEvidence : a record is lost, and `strict` was asked for.
    """
    asked = Asked(engine, _wanted(providers), checked_zone(tz))
    read: dict[int, list[Batch]] = {}
    left_out: list[tuple[int, str, EvidenceError]] = []
    every = files.find(what, follow=follow)
    with files.Reader() as reader:

        def take(number: int, tz: str | None) -> bool:
            try:
                with reader.open(every[number]) as file:
                    read[number] = _read(file, number, asked=replace(asked, tz=tz), progress=progress)
            except Exception as err:
                fault = err if isinstance(err, EvidenceError) else _unexpected(every[number].name, err)
                left_out.append((number, every[number].name, fault))
                return False
            return True

        for number in range(len(every)):
            take(number, asked.tz)
        for number, zone in () if tz else zones_to_read_in(read).items():
            if take(number, zone):
                read[number].append(read_in(number, zone))
    case = _joined([batch for batches in (*read.values(), notes_of(left_out)) for batch in batches])
    if not any(len(getattr(case, table)) for table in ("events", *_BESIDE)):
        refused = next((fault for number, _, fault in left_out if every[number].named), None)
        raise _with_formats(refused) if refused else NoEvents(why_nothing(case.sources, case.problems))
    lost = int(case.sources["lost"].sum())
    if strict and lost:
        first = case.problems.loc[case.problems["lost"] > 0, "message"].iloc[0]
        raise DamagedEvidence(f"{lost} records are lost; the first: {first}. Load without `strict` to use the rest")
    return case


def evidence_behind(what: files.PathLike | Iterable[files.PathLike]) -> list[str]:
    """The files, folders and archives that `load(what)` would read, by their paths; nothing is opened."""
    return files.places(what)


def record_xml(case: Case, event: int) -> str:
    """The original record behind an event, decoded from the file again, as indented XML.

    Parameters
    ----------
    case : what `load` returned, or an analysis of it.
    event : number of an event of the case, column `event` of every table.

    Returns
    -------
    str : the record as XML, indented.

    Raises
    ------
    EvidenceError : there is no such event, the file is gone, another record is at its place now, or the event is from a
        text, which has no record: its line is in `events.record`.
    """
    case = getattr(case, "case", case)
    row = case.events[case.events["event"] == event]
    if row.empty:
        raise EvidenceError(f"there is no event {event} in this case; events are numbered 0 to {len(case.events) - 1}")
    source = case.sources.set_index("source").loc[row["source"].iloc[0]]
    record, offset = row["record"].iloc[0], row["offset"].iloc[0]
    loader = loader_named(str(source["loader"]))
    if not hasattr(loader, "record_xml") or offset is pd.NA:
        message = f"event {event} is from {source['path']}, a text: only logs and exports of events hold records as XML"
        raise EvidenceError(message, source=str(source["path"]))
    with files.Reader() as reader, reader.open(files.named(str(source["path"]))) as file:
        return str(loader.record_xml(file, offset=int(offset), record=None if record is pd.NA else int(record)))


def records_xml(case: Case, wanted: Iterable[int]) -> dict[int, str]:
    """The records behind several events as XML, by event: each file is opened once. Those from a text have none.

    Raises EvidenceError as `record_xml` does for a file that is gone.
    """
    rows = case.events[case.events["event"].isin(list(wanted)) & case.events["offset"].notna()]
    found: dict[int, str] = {}
    for number, some in rows.groupby("source"):
        source = case.sources.set_index("source").loc[number]
        loader = loader_named(str(source["loader"]))
        if not hasattr(loader, "record_xml"):
            continue
        with files.Reader() as reader, reader.open(files.named(str(source["path"]))) as file:
            for event, offset, record in zip(some["event"], some["offset"], some["record"], strict=True):
                asked = {"offset": int(offset), "record": None if record is pd.NA else int(record)}
                found[int(event)] = str(loader.record_xml(file, **asked))
    return found


def _wanted(providers: str | Iterable[str] | None) -> Providers | None:
    if providers == "*":
        return None
    more = [providers] if isinstance(providers, str) else list(providers or [])
    return providers_known() | dict.fromkeys(more)


def checked_zone(tz: str | None) -> str | None:
    """The zone asked for. Raises EvidenceError if no zone has that name."""
    if tz is not None and not is_zone(tz):
        raise EvidenceError(f"there is no time zone {tz!r}; write one such as UTC, Europe/Berlin or UTC+02:00")
    return tz


def formats() -> list[str]:
    """The kinds of files that can be read, one text each."""
    return known_formats().split("; ")


def _with_formats(err: EvidenceError) -> EvidenceError:
    """The error that ends the loading; one about the format also names the known ones."""
    if not isinstance(err, UnknownFormat):
        return err
    return UnknownFormat(f"{err}. Looked for: {_FORMATS}. Export or copy the log again", source=err.source)


def _read(file: EvidenceFile, number: int, *, asked: Asked, progress: Progress | None) -> list[Batch]:
    """The batches of one file, stamped with its number. Raises EvidenceError if nothing can be made of it."""
    loader = loader_for(bytes(file.data[:HEAD]), file.name)
    if loader is None:
        from capi2kit.loaders.eventxml.unknown import refusal

        raise refusal(bytes(file.data[:HEAD]), name=file.name)
    if progress:
        asked = replace(asked, progress=lambda done, total: progress(file.name, done, total))
    batches: list[Batch] = list(loader.read(file, asked=asked))
    facts = {"path": file.name, "sha256": file.sha256, "bytes": len(file.data), "loader": loader.NAME}
    if isinstance(file.data, FileBytes) and file.data.is_changed():
        message = f"{file.name}: was written to while it was read; copy it, then load the copy"
        batches.append(note(number, message, error="changed"))
    for batch in batches:
        if "sources" in batch:
            batch["sources"] = _counted(batch["sources"], facts=facts)
        for table in {"sources", "events", "problems", *_BESIDE} & batch.keys():
            if table != "certificates" or "events" not in batch:
                batch[table]["source"] = pd.Series(number, index=batch[table].index, dtype=columns(table)["source"])
    return batches


def _counted(sources: pd.DataFrame, *, facts: dict[str, object]) -> pd.DataFrame:
    """The row with these facts, unless its loader named itself, and how much of the file was understood: records, if nothing else."""
    row = sources.iloc[0].to_dict()
    row |= facts | ({"loader": row["loader"]} if pd.notna(row["loader"]) else {})
    if pd.isna(row["unit"]):
        row |= {"unit": "records", "units": row["promised"], "understood": row["loaded"] + row["other"]}
    return shaped(pd.DataFrame([row]), "sources")


def _unexpected(name: str, err: Exception) -> EvidenceError:
    """An error of the system, or an unexpected one, as an error of the file in which it occurred."""
    what, then = f"{type(err).__name__}: {err}", "copy it again, and report it if that does not help"
    if isinstance(err, OSError):
        what, then = str(err.strerror or err), "check the disk that it lies on, or copy it elsewhere and load the copy"
    fault = EvidenceError(f"{name}: cannot be read ({what}); {then}", source=name)
    fault.__cause__ = err
    return fault


def _joined(batches: list[Batch]) -> Case:
    """One set of tables: events sorted by file and record id, numbered, duplicates removed."""
    shift = 0
    for batch in batches:
        for table in _PARTS:
            if shift and len(batch.get(table, ())):
                batch[table]["event"] += shift
        shift += len(batch.get("events", ()))
    events = stack(batches, "events")
    sources = stack(batches, "sources")
    beside = {table: stack(batches, table) for table in _BESIDE if table not in _PARTS}
    notes = [*take_hosts_from_folders(events, sources), *leave_out_older(sources, beside)]
    name_computers(events, sources, beside=beside)
    twice = shown_twice(events, sources)
    source = events["source"].to_numpy()
    sources["duplicates"] = [int(twice[source == number].sum()) for number in sources["source"]]
    sources["loaded"] -= sources["duplicates"]
    notes += leave_out_repeated(sources, beside)
    record = integers(events["record"], missing=LATEST)
    order = np.lexsort((integers(events["offset"]), record, source))
    order = order[~twice[order]]
    if len(order) < len(events) or (order != np.arange(len(order))).any():
        events = events.take(order).reset_index(drop=True)
    events["event"] = np.arange(len(events))
    number = np.full(shift, -1)
    number[order] = np.arange(len(order))
    parts = {table: renumbered(stack(batches, table), number) for table in _PARTS}
    coverage = measure_coverage(events, sources) if len(events) else empty("coverage")
    notes += check_manifest(beside["settings"], sources)
    problems = stack([*batches, *notes], "problems")
    return Case(sources, problems, coverage, indexed(events), **parts, **beside)
