"""Collected: the tables of all files together, and what these say of each other: records that two of them hold, whose computer
a log is from, and the kit's own hashes.
"""

from __future__ import annotations

import ctypes
import re
from collections import Counter
from contextlib import suppress

import numpy as np
import pandas as pd

from capi2kit.columns.cells import empty, integers, shaped
from capi2kit.errors import EvidenceError, UnknownFormat
from capi2kit.loaders.evidence import KIT_MANIFEST, LOAD_THE_FOLDER
from capi2kit.winevent import Batch

_KEYS = ("task_id", "process")
_MANIFEST = "manifest.csv"
_MANY = 10_000  # events, from which on it is worth while to give memory back
_NAMED = 12  # files of no known format that are named one by one; kinds of them that are counted
_SHOW_TWICE = (
    "pasted",
    "eventxml",
)  # loaders of texts: an answer quotes what it answers, a tool lists a record per rule
_HOW_TO_COPY = (
    "What was lost is damaged or cut off: export the log again with "
    "`wevtutil epl Microsoft-Windows-CAPI2/Operational capi2.evtx`, or copy it again."
)
_HOW_TO_LOG = (
    "Enable the log with `wevtutil sl Microsoft-Windows-CAPI2/Operational /e:true`, repeat the slow start, "
    "then export it with `wevtutil epl Microsoft-Windows-CAPI2/Operational capi2.evtx`."
)


def stack(batches: list[Batch], table: str) -> pd.DataFrame:
    """One table of all batches, which lose it: a column is there twice only while it is put together."""
    found = [batch.pop(table) for batch in batches if table in batch]
    parts = [part for part in found if len(part)]
    if not parts:
        return empty(table)
    if len(parts) == 1:
        is_numbered = parts[0].index.equals(pd.RangeIndex(len(parts[0])))
        return parts[0] if is_numbered else parts[0].reset_index(drop=True)  # which copies it
    columns = list(dict.fromkeys(column for part in parts for column in part.columns))
    if any(list(part.columns) != columns for part in parts):
        return pd.concat(parts, ignore_index=True)
    held = [dict(part.items()) for part in parts]
    del found, parts
    _give_back()  # what reading needed: whole columns do not fit into its holes
    whole = {column: pd.concat([part.pop(column) for part in held], ignore_index=True) for column in columns}
    return pd.DataFrame(whole, copy=False)


def renumbered(part: pd.DataFrame, number: np.ndarray) -> pd.DataFrame:
    """The rows of events that stay, under their new numbers and in their order; then those of no event."""
    owner = integers(part["event"])
    event = np.append(number, len(number))[owner]
    order = np.lexsort((part["position"].to_numpy(), event))
    order = order[event[order] >= 0]
    if len(order) < len(part) or (order != np.arange(len(order))).any():
        part = part.take(order).reset_index(drop=True)
    known = owner[order] >= 0
    part.loc[known, "event"] = event[order][known]
    return part


def indexed(events: pd.DataFrame) -> pd.DataFrame:
    """The events by task and process: as `set_index`, which would copy all columns."""
    index = pd.MultiIndex.from_arrays([events[name].array for name in _KEYS], names=_KEYS)
    events = events.drop(columns=list(_KEYS))
    events.index = index
    if len(events) > _MANY:
        _give_back()
    return events


def _give_back() -> None:
    """Let the free memory of this process go back to the system, where its C library can do that. It stays free if it cannot."""
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def _duplicates(events: pd.DataFrame) -> np.ndarray:
    """True for events that an earlier file of the case already holds: same computer, channel, record id and content."""
    twice = np.zeros(len(events), bool)
    if events["source"].nunique() > 1:
        shared = events[events.duplicated(["host", "channel", "record"], keep=False)]
        content = shared.drop(columns=["event", "source", "offset", "time_written"])
        content["time"] = content["time"].dt.floor("us")  # one engine cuts there
        twice[shared.index[content.duplicated(keep="first")]] = True
    return twice


def shown_twice(events: pd.DataFrame, sources: pd.DataFrame) -> np.ndarray:
    """True for events that the case holds already: in an earlier file, or further up in the same text or export.

    There it is the same record id of the same log at the same time.
    """
    twice = _duplicates(events)
    texts = sources.loc[sources["loader"].isin(_SHOW_TWICE), "source"]
    if texts.empty:
        return twice
    of_texts = events["source"].isin(texts)
    shown = events.loc[of_texts, ["source", "host", "channel", "record", "event_id", "time"]].dropna()
    twice[shown.index[shown.duplicated(keep="first")]] = True
    return twice


def take_hosts_from_folders(events: pd.DataFrame, sources: pd.DataFrame) -> list[Batch]:
    """Name the computer of logs that name none by the folder they lie in, where it is called as one of the case is."""
    hosts = sorted(map(str, events["host"].dropna().unique()), key=len)
    known = {host.partition(".")[0].lower(): host for host in hosts}  # the longest name of each
    full = Counter({host.lower() for host in hosts if "." in host})
    for name, count in Counter(host.partition(".")[0] for host in full).items():
        if count > 1:
            del known[name]  # it may be one or the other
    known |= {host.lower(): host for host in hosts if "." in host}
    notes = []
    for number, path in zip(sources["source"], sources["path"], strict=True):
        folders = [part.lower() for part in re.split(r"[/\\\\!]", path)[:-1]]
        host = next((known[folder] for folder in reversed(folders) if folder in known), None)
        if host is not None and (lacks := (events["source"] == number) & events["host"].isna()).any():
            events.loc[lacks, "host"] = host
            notes.append(
                note(
                    number,
                    f"{path} names no computer; taken for {host}, as its folder is called",
                    error="computer inferred",
                )
            )
    return notes


def check_manifest(settings: pd.DataFrame, sources: pd.DataFrame) -> list[Batch]:
    """Compare the files with the hashes that the collection kit wrote down; each difference is reported."""
    if settings.empty:
        return []
    promised = settings[(settings["origin"] == KIT_MANIFEST) & (settings["name"] == "sha256")]
    promised = promised[promised["value"].notna()]
    notes = []
    manifests = dict(zip(sources["source"], sources["path"], strict=True))
    there = dict(zip(sources["path"], sources["sha256"], strict=True))
    for number, file, digest in zip(promised["source"], promised["path"], promised["value"], strict=True):
        found = there.get(f"{manifests[number][: -len(_MANIFEST)]}{file}")
        if found is not None and str(digest).lower() != found:
            notes.append(
                note(number, f"{file} is not what the kit's manifest says: its SHA-256 differs", error="altered")
            )
    return notes


def notes_of(left_out: list[tuple[int, str, EvidenceError]]) -> list[Batch]:
    """A row of `problems` for each file that was not read; one for all those of no known format, if there are many of them.

    Each is given as the number of the file, its name, and why.
    """
    unknown = [one for one in left_out if isinstance(one[2], UnknownFormat)]
    many = unknown if len(unknown) > _NAMED else []
    notes = [
        note(number, str(fault), error="not read")
        for number, name, fault in left_out
        if (number, name, fault) not in many
    ]
    if many:
        endings = Counter(_ending(name) for _, name, _ in many)
        kinds = ", ".join(f"{count:,} × {ending}" for ending, count in endings.most_common(_NAMED))
        message = f"{len(many):,} files are of no known format and were not read ({kinds}); the first: {many[0][1]}"
        notes.append(note(many[0][0], message, error="not read"))
    return notes


def _ending(name: str) -> str:
    found = re.search(r"\.[A-Za-z0-9_-]{1,12}$", name)
    return found[0].lower() if found else "without an ending"


def why_nothing(sources: pd.DataFrame, problems: pd.DataFrame) -> str:
    """Why nothing usable was found in files that could be read, and what to do next."""
    facts = [sources[column] for column in ("path", "promised", "other", "lost")]
    read = [
        f"{path}: {promised} records, {other} of other providers, {lost} lost"
        for path, promised, other, lost in zip(*facts, strict=True)
    ]
    why = problems.loc[problems["stage"] == "file", "message"].tolist()
    read += why
    more = f"; and {len(read) - 5} more" if len(read) > 5 else ""
    next_step = _HOW_TO_COPY if sources["lost"].sum() else _HOW_TO_LOG
    if any(LOAD_THE_FOLDER in text for text in why):
        next_step = f"Unpack or mount what holds files, and {LOAD_THE_FOLDER}."
    return f"no CAPI2 event in what was read ({'; '.join(read[:5])}{more}). {next_step}"


def note(number: int, message: str, *, error: str) -> Batch:
    """A row of `problems` about a whole file, without loss."""
    row = {"source": number, "stage": "file", "error": error, "message": message, "lost": 0}
    return {"problems": shaped(pd.DataFrame([row]), "problems")}
