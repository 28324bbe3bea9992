"""Reading: a TOML file → a checked Scenario.

A key that is not known, a time below zero, a name that refers to nothing, or
a wait that its caller would not have allowed is a ScenarioError with file, key
and reason.
"""

from __future__ import annotations

import tomllib
from dataclasses import MISSING, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from capi2kit.errors import ScenarioError
from capi2kit.lab.contradictions import find_contradiction
from capi2kit.lab.scenario import LAB, Scenario, tables

SCENARIOS = LAB / "scenarios"
Made = TypeVar("Made")


def names() -> list[str]:
    """The ids of all scenarios that come with capi2kit."""
    return sorted(path.stem for path in SCENARIOS.glob("*.toml"))


def read_scenario(what: str | Path) -> Scenario:
    """Read a scenario by its id or path. Raises ScenarioError."""
    path = SCENARIOS / f"{what}.toml" if isinstance(what, str) and what in names() else Path(what)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as err:
        raise ScenarioError(f"{what}: there is no such scenario; `capi2kit lab list` names them all") from err
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as err:
        raise ScenarioError(f"{path.name}: cannot be read as TOML ({err})") from err
    return make_scenario({"id": path.stem, **table}, file=path.name)


def make_scenario(table: dict[str, Any], *, file: str) -> Scenario:
    """A scenario from the tables of a TOML file, checked. Raises ScenarioError."""
    scenario = _make(Scenario, {**_with_cast(table, file), "file": file}, where="", file=file)
    wrong = find_contradiction(scenario)
    if wrong:
        raise ScenarioError(f"{file}: {wrong}")
    return scenario


def _with_cast(table: dict[str, Any], file: str) -> dict[str, Any]:
    """The tables with what they take from characters.toml: accounts, signers (with their time stamps), lists of files."""
    cast = tables("characters")
    made = dict(table)
    for key in ("account", "signer"):
        wanted = [{"like": one} if isinstance(one, str) else one for one in _listed(table, key)]
        made[key] = [_like(one, cast[key], where=key, file=file) for one in wanted]
    known = {signer.get("id") for signer in made["signer"]}
    for name in {signer.get("timestamp") for signer in made["signer"]} - known - {None, ""}:
        if name in cast["signer"]:
            made["signer"].append({"id": name, **cast["signer"][name]})
    for process in _listed(table, "process"):
        for work in _listed(process, "work"):
            if isinstance(work.get("files"), list):
                work["files"] = [one for name in work["files"] for one in _files(name, cast["files"], file=file)]
    return made


def _listed(table: dict[str, Any], key: str) -> list[Any]:
    found = table.get(key, [])
    return found if isinstance(found, list) else []


def _like(one: Any, known: dict[str, Any], *, where: str, file: str) -> Any:
    if not isinstance(one, dict) or "like" not in one:
        return one
    if one["like"] not in known:
        raise ScenarioError(f"{file}: {where}.like: {one['like']!r} is not among {', '.join(sorted(known))}")
    return {"id": one["like"], **known[one["like"]], **{key: value for key, value in one.items() if key != "like"}}


def _files(name: Any, known: dict[str, list[str]], *, file: str) -> list[Any]:
    """``@portal`` means a list of files, ``@portal:6`` for its first six."""
    listed, _, count = str(name).removeprefix("@").partition(":")
    if not str(name).startswith("@"):
        return [name]
    if listed not in known:
        raise ScenarioError(f"{file}: files: {name!r} is not among {', '.join(f'@{one}' for one in sorted(known))}")
    return known[listed][: int(count)] if count.isdecimal() else known[listed]


def _make(kind: type[Made], table: dict[str, Any], *, where: str, file: str) -> Made:
    """A dataclass from a TOML table: every key known, every value of its type."""
    hints = get_type_hints(kind)
    known = {one.name: one for one in fields(kind)}  # type: ignore[arg-type]
    for key in table:
        if key not in known:
            raise ScenarioError(f"{file}: {where}{key}: no such key; known are {', '.join(sorted(known))}")
    missing = [n for n, one in known.items() if n not in table and one.default is MISSING]
    if missing:
        raise ScenarioError(f"{file}: {where}{missing[0]}: missing")
    made = {key: _value(value, hints[key], where=f"{where}{key}", file=file) for key, value in table.items()}
    return kind(**made)


def _value(value: Any, wanted: Any, *, where: str, file: str) -> Any:
    if get_origin(wanted) is tuple:
        inner = get_args(wanted)[0]
        if not isinstance(value, list):
            raise ScenarioError(f"{file}: {where}: must be a list, is {value!r}")
        return tuple(_value(one, inner, where=f"{where}[{n}]", file=file) for n, one in enumerate(value, 1))
    if isinstance(value, dict) and hasattr(wanted, "__dataclass_fields__"):
        return _make(wanted, value, where=f"{where}.", file=file)
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        raise ScenarioError(f"{file}: {where}: must be {wanted.__name__}, is {value!r}")
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return value
