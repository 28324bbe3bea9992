"""Datasets: scenarios as folders of files that anyone may share, and the check that they are what the lab makes.

A folder holds a card, the evidence (packed into one archive where it is large or
several files), and the truth. What is packed is compared unpacked: how well it was
packed may differ between machines, what it holds may not.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from pathlib import Path

from capi2kit.errors import OutputError, ScenarioError
from capi2kit.lab.cards import write_card
from capi2kit.lab.cases import case_of
from capi2kit.lab.reading import names, read_scenario
from capi2kit.lab.recording import Recording, record_scenario
from capi2kit.lab.scenario import Scenario, windows
from capi2kit.writer import write_file

CARD, TRUTH, ARCHIVE = "README.md", "truth.json", "evidence.zip"
LARGE = 400_000  # bytes of evidence that are packed
_LONG_AGO = (1980, 1, 1, 0, 0, 0)


def make_files(scenario: Scenario) -> dict[str, bytes]:
    """All files of a scenario's folder: card, evidence, truth."""
    recording = record_scenario(scenario)
    evidence = evidence_of(recording)
    packed = ARCHIVE if ARCHIVE in evidence else ""
    card = write_card(scenario, json.loads(recording.truth), files=_listed(recording), packed=packed)
    return {CARD: card.encode(), **evidence, TRUTH: recording.truth.encode()}


def evidence_of(recording: Recording) -> dict[str, bytes]:
    """The evidence as it is handed on: a log, or an archive where it is large or several files."""
    large = len(recording.files) > 1 or sum(map(len, recording.files.values())) > LARGE
    return {ARCHIVE: _packed(recording)} if large else recording.files


def _listed(recording: Recording) -> list[tuple[str, int, str]]:
    return [(name, len(data), hashlib.sha256(data).hexdigest()) for name, data in sorted(recording.files.items())]


def _packed(recording: Recording) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in sorted(recording.files.items()):
            archive.writestr(zipfile.ZipInfo(name, _LONG_AGO), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def make_dataset(name: str, folder: Path, *, force: bool = False, again: bool = False) -> list[Path]:
    """Write a scenario's files into `folder`/`its id`.

    Raises ScenarioError if files are there already; with `again` only if one has other bytes than it would get, with
    `force` never. Raises OutputError if one cannot be written.
    """
    scenario = read_scenario(name)
    place = folder / scenario.id
    files = {place / file: data for file, data in make_files(scenario).items()}
    changed = {path: data for path, data in files.items() if not _is_there(path, data)}
    there = [path for path in changed if os.path.lexists(path)] if again else _list(place)
    if there and not force:
        raise ScenarioError(f"{there[0]}: is there already; --force writes over it, -o names another folder")
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        message = f"{place}: cannot be made ({err.strerror}); -o names another folder"
        raise OutputError(message, path=str(place)) from err
    for path, data in changed.items():
        write_file(path, data, force=force)
    return list(files)


def _list(place: Path) -> list[Path]:
    return sorted(place.iterdir()) if place.is_dir() else []


def _is_there(path: Path, data: bytes) -> bool:
    """Whether a file has these bytes."""
    try:
        return path.is_file() and not path.is_symlink() and path.read_bytes() == data
    except OSError:
        return False


def check_dataset(name: str, folder: Path) -> list[str]:
    """What differs between a scenario's folder and what the lab makes of it now; nothing if they are alike."""
    place, wanted = folder / name, make_files(read_scenario(name))
    if not place.is_dir():
        return [f"{place}: missing; `capi2kit lab make {name} -o {folder}` makes it"]
    there = {path.name for path in place.iterdir()}
    wrong = [f"{place / file}: nothing that the lab makes" for file in sorted(there - wanted.keys())]
    for file, data in wanted.items():
        path = place / file
        if file not in there:
            wrong.append(f"{path}: missing")
        elif not _alike(path.read_bytes(), data, packed=file == ARCHIVE):
            wrong.append(f"{path}: differs from what the lab makes")
    return wrong


def _alike(one: bytes, other: bytes, *, packed: bool) -> bool:
    return _unpacked(one) == _unpacked(other) if packed else one == other


def _unpacked(data: bytes) -> dict[str, bytes] | None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    except (zipfile.BadZipFile, ValueError, OSError):
        return None


def write_index(folder: Path) -> str:
    """Two tables of a folder of datasets: what each case is for, and its files with their sizes and SHA-256."""
    courses = [
        "| scenario | case | topic | level | minutes | Windows | what happened |",
        "|---|---|---|---|---|---|---|",
    ]
    rows = ["| file | bytes | SHA-256 |", "|---|---|---|"]
    for name in names():
        scenario, case = read_scenario(name), case_of(name)
        versions = ", ".join(
            dict.fromkeys(windows()[host.windows].title.removeprefix("Windows ") for host in scenario.host)
        )
        about = (
            f"[{name}]({name}/{CARD})",
            case.name,
            case.topic,
            case.level,
            str(case.minutes),
            versions,
            scenario.title,
        )
        courses.append(f"| {' | '.join(about)} |")
        for path in sorted((folder / name).glob("*")):
            if path.name != CARD:
                data = path.read_bytes()
                rows.append(f"| `{name}/{path.name}` | {len(data)} | `{hashlib.sha256(data).hexdigest()}` |")
    return "\n".join([*courses, "", *rows]) + "\n"
