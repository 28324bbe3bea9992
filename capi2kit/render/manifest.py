"""Manifest: what a report was made from, and how, so that somebody else can make it again: files with hashes, options, program, result."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import pandas as pd

from capi2kit import __version__
from capi2kit.case import Case
from capi2kit.errors import EvidenceError
from capi2kit.render.edition import Packed
from capi2kit.words import file_name, visible

_MEMBER = "!"  # behind it, in a path, the name of a file in an archive
SCHEMA = "capi2kit-manifest/1"
ENDING = ".manifest.json"
PROGRAM = f"capi2kit {__version__}"
_COUNTS = ("bytes", "promised", "loaded", "other", "duplicates", "lost")
_PACKAGES = ("evtx", "lxml", "matplotlib", "numpy", "pandas", "pyarrow", "python-docx", "weasyprint", "xlsxwriter")
_MOST_BYTES = 50_000_000


def manifest_of(
    case: Case,
    content: bytes,
    *,
    name: str,
    options: Mapping[str, Any],
    edition: Mapping[str, str | None],
    own: Mapping[str, str],
    archives: Iterable[Packed] = (),
) -> bytes:
    """The manifest of a report as JSON.

    Parameters
    ----------
    case : what was read. `content` : the report. `name` : its file name.
    options : what was chosen, by the names of the command line. `edition` : title, client and so on.
    own : SHA-256 of the user's own files that went into it, by path: logo, notes, template, rules.
    archives : those that the files came in.
    """
    facts = {
        "schema": SCHEMA,
        "program": PROGRAM,
        "report": {"name": name, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)},
        "inputs": [_input(row) for row in case.sources.to_dict("records")],
        "options": {key: value for key, value in options.items() if value not in (None, False, [])},
        "edition": {key: value for key, value in edition.items() if value},
        "own_files": dict(own),
        "archives": [asdict(one) for one in archives],
        "packages": packages(),
    }
    return (json.dumps(facts, indent=1, sort_keys=True, ensure_ascii=True) + "\n").encode("utf-8")


def _input(row: Mapping[Any, Any]) -> dict[str, Any]:
    counts = {name: int(row[name]) for name in _COUNTS}
    return {"path": str(row["path"]), "sha256": str(row["sha256"]), "loader": str(row["loader"]), **counts}


def archives_of(case: Case) -> list[Packed]:
    """The archives that files of a case came in, hashed now; those that are no longer at their place are left out."""
    paths = dict.fromkeys(str(path).partition(_MEMBER)[0] for path in case.sources["path"] if _MEMBER in str(path))
    found = []
    for path in paths:
        with suppress(EvidenceError, OSError):
            found.append(Packed(path, os.path.getsize(path), sha256_of(path)))
    return found


def archives_in(manifest: Mapping[str, Any]) -> list[Packed]:
    """The archives that a manifest names."""
    return [Packed(one["path"], one["bytes"], one["sha256"]) for one in manifest.get("archives", [])]


def packages() -> dict[str, str]:
    """The packages that decide what a report looks like, with their versions."""
    found = {}
    for name in _PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def sha256_of(path: str | os.PathLike[str]) -> str:
    """The SHA-256 of a file. Raises EvidenceError if it cannot be read."""
    digest = hashlib.sha256()
    name = os.fspath(path)
    try:
        with open(name, "rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
    except OSError as err:
        raise EvidenceError(f"{visible(name)}: cannot be read ({err.strerror})", source=name) from err
    return digest.hexdigest()


def read_manifest(path: str | os.PathLike[str]) -> dict[str, Any]:
    """A manifest. Raises EvidenceError if there is none, or it is not one of ours."""
    name = os.fspath(path)
    try:
        with open(name, "rb") as file:
            found = json.loads(file.read(_MOST_BYTES))
    except OSError as err:
        message = (
            f"{visible(name)}: there is no manifest ({err.strerror}); `capi2kit report` writes one beside each report"
        )
        raise EvidenceError(message, source=name) from err
    except (ValueError, RecursionError) as err:
        raise EvidenceError(f"{visible(name)}: is not a manifest ({visible(err)[:100]})", source=name) from err
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        schema = found.get("schema") if isinstance(found, dict) else type(found).__name__
        message = f"{visible(name)}: is not a manifest that this version reads ({visible(schema)}; it reads {SCHEMA})"
        raise EvidenceError(message, source=name)
    _check(found, name)
    return found


def _check(found: dict[str, Any], name: str) -> None:
    """Raises EvidenceError unless everything is there in its form."""
    texts = ("program",)
    maps = ("report", "options", "edition", "own_files", "packages")
    good = all(isinstance(found.get(key), str) for key in texts) and all(
        isinstance(found.get(key), dict) for key in maps
    )
    inputs = found.get("inputs")
    good = good and isinstance(inputs, list) and all(isinstance(one, dict) and _is_input(one) for one in inputs)
    archives = found.get("archives", [])
    good = good and isinstance(archives, list) and all(isinstance(one, dict) and _is_archive(one) for one in archives)
    good = good and isinstance(found["report"].get("sha256"), str)
    good = good and all(isinstance(value, str) for key in ("edition", "own_files") for value in found[key].values())
    if not good:
        raise EvidenceError(f"{visible(name)}: is not a whole manifest; make the report again", source=name)


def _is_archive(one: dict[str, Any]) -> bool:
    return _is_input(one) and isinstance(one.get("bytes"), int)


def _is_input(one: dict[str, Any]) -> bool:
    return all(isinstance(one.get(key), str) for key in ("path", "sha256"))


def changed_inputs(manifest: Mapping[str, Any], sources: pd.DataFrame) -> list[str]:
    """What differs between the files that a report was made from and those at hand, a sentence each."""
    now = dict(zip(sources["path"].astype(str), sources["sha256"].astype(str), strict=True))
    named: dict[str, list[str]] = {}
    for path in now:
        named.setdefault(_last(path), []).append(path)
    known, said = {one["sha256"] for one in manifest["inputs"]}, []
    there = set(now.values())
    answered = set()
    for one in manifest["inputs"]:
        if one["sha256"] in there:
            continue
        other = next((path for path in named.get(_last(one["path"]), []) if now[path] not in known), None)
        if other is None:
            said.append(f"{visible(one['path'])}: is not among the files at hand")
            continue
        answered.add(other)
        said.append(
            f"{visible(other)}: its bytes differ: SHA-256 {one['sha256']} when the report was made, {now[other]} now"
        )
    more = [path for path, digest in now.items() if digest not in known and path not in answered]
    return [*said, *(f"{visible(path)}: was not there when the report was made" for path in more)]


def _last(path: str) -> str:
    """The name of a file, in its archive or folder."""
    return file_name(path.rpartition("!")[2])


def as_given(case: Case, manifest: Mapping[str, Any]) -> Case:
    """The case with its files named as they were when the report was made, by their hashes, else by their names."""
    by_hash: dict[str, list[str]] = {}
    for one in manifest["inputs"]:
        by_hash.setdefault(one["sha256"], []).append(one["path"])
    by_name = {_last(one["path"]): one["path"] for one in manifest["inputs"]}
    names = {}
    for path, digest in zip(case.sources["path"].astype(str), case.sources["sha256"].astype(str), strict=True):
        same = by_hash.get(digest, [])
        names[path] = same.pop(0) if same else by_name.get(_last(path), path)
    sources = case.sources.assign(path=case.sources["path"].map(names).astype(case.sources["path"].dtype))
    problems = case.problems.assign(message=_renamed(case.problems["message"], names))
    return replace(case, sources=sources, problems=problems)


def _renamed(messages: pd.Series, names: Mapping[str, str]) -> pd.Series:
    made = messages
    for path in sorted(names, key=len, reverse=True):
        if names[path] != path:
            made = made.str.replace(path, names[path], regex=False)
    return made
