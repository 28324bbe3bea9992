"""Collected: what the files of one collection say of each other: whose computer a log is from, and the kit's own hashes."""

from __future__ import annotations

import re
from collections import Counter

import pandas as pd

from capi2kit.columns.cells import shaped
from capi2kit.loaders.evidence import KIT_MANIFEST
from capi2kit.winevent import Batch

_MANIFEST = "manifest.csv"


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


def note(number: int, message: str, *, error: str) -> Batch:
    """A row of `problems` about a whole file, without loss."""
    row = {"source": number, "stage": "file", "error": error, "message": message, "lost": 0}
    return {"problems": shaped(pd.DataFrame([row]), "problems")}
