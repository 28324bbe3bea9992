"""`capi2kit doctor`: check the installation, the data tables and the user's own rules."""

from __future__ import annotations

import argparse
import platform
import re
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from capi2kit.errors import KnowledgeError

_NAME = re.compile(r"[\w.-]+")
_EXTRA = re.compile(r"extra == ['\"]([\w-]+)['\"]")
_OURS = ("pki", "triage")  # extras that a verb uses


def add_options(verb: argparse.ArgumentParser) -> None:
    """The folder with the user's own rules."""
    verb.add_argument("--rules", metavar="DIR", help="also check the rules (*.toml) in this folder")


def run(given: argparse.Namespace) -> int:
    """Print what is installed; exit code 3 if a needed package is missing, or a data table or a rule is wrong."""
    from capi2kit.words import visible

    lines, missing = _packages()
    print("\n".join([f"Python {platform.python_version()} on {platform.system()}", *lines]))
    faults = [f"package {name} is missing: install capi2kit again" for name in missing]
    for what, check in (("tables", _tables), ("remedies", _remedies), ("rules", _rules)):
        faults += check(what)
    if given.rules:
        faults += _rules("rules of your own", Path(given.rules))
    print("\n".join(f"FAULT {visible(fault)}" for fault in faults) or "all is well")
    return 3 if faults else 0


def _packages() -> tuple[list[str], list[str]]:
    """A line for each package, and the needed ones that are missing."""
    lines, missing = [], []
    for asked in metadata.requires("capi2kit") or []:
        name, extra = _NAME.match(asked), _EXTRA.search(asked)
        if name is None or (extra and extra[1] not in _OURS):
            continue
        try:
            found = metadata.version(name[0])
        except metadata.PackageNotFoundError:
            found = f"missing; pip install 'capi2kit[{extra[1]}]' installs it" if extra else "missing"
            missing += [] if extra else [name[0]]
        lines.append(f"  {name[0]} {found}")
    return lines, missing


def _tables(what: str) -> list[str]:
    from capi2kit.knowledge import DATA, rows

    names = sorted(path.stem for path in DATA.glob("*.csv"))
    faults = _faults(*((rows, name) for name in names))
    print(f"{len(names)} {what} of knowledge")
    return faults


def _remedies(what: str) -> list[str]:
    from capi2kit.diagnosis.fixes import read_fix
    from capi2kit.knowledge import DATA

    return _files(DATA / "fixes", read_fix, what=what)


def _rules(what: str, folder: Path | None = None) -> list[str]:
    from capi2kit.diagnosis.rules import read_rule
    from capi2kit.knowledge import DATA

    return _files(folder or DATA / "rules", read_rule, what=what)


def _files(folder: Path, read: Callable[[Path], object], *, what: str) -> list[str]:
    paths = sorted(folder.glob("*.toml"))
    print(f"{len(paths)} {what}")
    return _faults(*((read, path) for path in paths)) if paths else [f"{folder}: holds no file *.toml"]


def _faults(*checks: tuple[Callable[[Any], object], Any]) -> list[str]:
    found = []
    for check, what in checks:
        try:
            check(what)
        except KnowledgeError as err:
            found.append(str(err))
    return found
