"""Fixes: the remedies that rules cite, one TOML file each in `data/fixes/`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from capi2kit.diagnosis.steps import Step, read_steps
from capi2kit.errors import KnowledgeError
from capi2kit.knowledge import DATA
from capi2kit.knowledge.tomlfile import read_toml

KINDS = ("cure", "workaround", "never")  # in the order in which to try them
TEAMS = ("firewall", "proxy", "pki", "server", "security")  # who carries it out
BECOMES = (
    "answered",
    "refused",
    "kept",
    "found",
    "not asked",
    "limited",
    "asked again",
)  # of the waits that a finding cites


@dataclass(frozen=True)
class Fix:
    """One remedy: what to do, for whom, what it does and does not, how to check and how to undo it.

    `team`: who carries it out, a word of TEAMS. `versions`: on which Windows or .NET.

    `becomes`: what happens to the waits that a finding cites, a word of BECOMES; empty: it saves no waiting, or none that can
    be calculated. `limit_s`: for `limited`, the seconds that each URL gets. `roles`: of which URLs alone that is true (as in `url_role`);
    `not_for`: of which outcomes of a wait it is not (as in `outcome`).
    """

    id: str
    title: str
    kind: str
    team: str
    account: str
    effect: str
    risk: str
    does_not: str
    versions: str
    source: str
    commands: tuple[Step, ...]
    check: tuple[Step, ...]
    undo: tuple[Step, ...]
    becomes: str
    limit_s: float
    roles: tuple[str, ...]
    not_for: tuple[str, ...]


@cache
def fixes(folder: Path = DATA / "fixes") -> dict[str, Fix]:
    """All remedies by id. Raises KnowledgeError with file and reason."""
    return {path.stem: read_fix(path) for path in sorted(folder.glob("*.toml"))}


@cache
def fix_of(name: str) -> Fix:
    """The remedy of this id; no other is read. Raises KnowledgeError with file and reason, also for an id that nothing has."""
    if name not in _files():
        raise KnowledgeError(f"there is no remedy {name!r}", file="fixes")
    return read_fix(_files()[name])


@cache
def _files() -> dict[str, Path]:
    return {path.stem: path for path in (DATA / "fixes").glob("*.toml")}


def read_fix(path: Path) -> Fix:
    """One remedy. Raises KnowledgeError for an unknown or missing key, or a line without a kind: each must have an undo."""
    said = read_toml(path).said
    more = {"becomes", "limit_s", "roles", "not_for"}
    names = [field.name for field in fields(Fix) if field.name not in more]
    lists = {"commands", "check", "undo"}
    for name in names:
        value = said.get(name)
        good = isinstance(value, list) and value and all(map(_is_line, value)) if name in lists else _is_line(value)
        if not good:
            raise KnowledgeError(f"{name!r} is missing or empty", file=path.name)
    if strange := set(said) - set(names) - more:
        raise KnowledgeError(f"unknown key {min(strange)!r}", file=path.name)
    if said["id"] != path.stem or said["kind"] not in KINDS or said["team"] not in TEAMS:
        wanted = f"a kind: one of {', '.join(KINDS)}; and a team: one of {', '.join(TEAMS)}"
        raise KnowledgeError(f"needs the id {path.stem} and {wanted}", file=path.name)
    becomes, limit_s = said.get("becomes", ""), said.get("limit_s", 0.0)
    if becomes not in ("", *BECOMES) or (becomes == "limited") != (isinstance(limit_s, int | float) and limit_s > 0):
        raise KnowledgeError(
            f"`becomes` must be one of {', '.join(BECOMES)}; `limited`, and only that, needs a `limit_s`",
            file=path.name,
        )
    try:
        values: dict[str, Any] = {name: read_steps(said[name]) if name in lists else said[name] for name in names}
    except ValueError as err:
        raise KnowledgeError(str(err), file=path.name) from err
    some = {name: said.get(name, []) for name in ("roles", "not_for")}
    for name, texts in some.items():
        if not isinstance(texts, list) or not all(map(_is_line, texts)):
            raise KnowledgeError(f"`{name}` must be a list of texts", file=path.name)
    lists_of = {name: tuple(texts) for name, texts in some.items()}
    return Fix(**values, becomes=becomes, limit_s=float(limit_s), roles=lists_of["roles"], not_for=lists_of["not_for"])


def fixes_of(ids: object) -> list[Fix]:
    """Remedies by their ids, in the order of the rule, what nobody should do last; none for a value that is not a string."""
    known = [fix_of(name) for name in (ids.split() if isinstance(ids, str) else ()) if name in _files()]
    return sorted(known, key=lambda fix: fix.kind == KINDS[-1])


def _is_line(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())
