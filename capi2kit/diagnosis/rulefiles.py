"""Rule files: one root cause each, as TOML, read and checked. See `rules` for what a rule asks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from capi2kit.columns.cells import empty
from capi2kit.diagnosis.expressions import Expression, parse
from capi2kit.diagnosis.fixes import fixes
from capi2kit.diagnosis.steps import read_steps
from capi2kit.errors import KnowledgeError
from capi2kit.knowledge import DATA, columns
from capi2kit.knowledge.tomlfile import TomlFile, read_toml

SEVERITIES = ("high", "medium", "low", "benign")
PLACE = re.compile(r"\{([a-z_]+)(?::(\.\d)f|:(code))?\}")
_COUNTED = frozenset({"rows", "cost_s"})
_LEAST = {"id", "title", "severity", "match", "say", "proof"}
_MAY = {"cost", "basis", "costs_little", "aspect", "explains"}
_SAY = {"finding", "inferred", "plain", "fixes", "confirm", "source"}
BASES = ("named", "deduced")
ASPECTS = ("cause", "demand", "answer", "effect", "evidence")
_PARTS = {"also", "unless", "sure", "weakens"}
_JOINED = {"table", "where", "on"}
_OTHERWISE = "otherwise"
_COST = {*_JOINED, "column"}
_NUMBERS = {"Float64", "Int64", "int64", "UInt32", "float64"}
_TEXTS = tuple(
    "id title severity aspect basis table where column finding inferred plain source cost enough otherwise costs_little".split()
)
_LISTS = ("explains", "group_by", "on", "fixes", "confirm", "fires_on", "silent_on", "cases", *_PARTS)
_TABLES = ("match", "say", "proof", "min_distinct")
_KINDS: dict[str, type] = (
    dict.fromkeys(_TEXTS, str)
    | dict.fromkeys(_LISTS, list)
    | dict.fromkeys(_TABLES, dict)
    | {"min_rows": int, "at_least": int}
)
_WORDS: dict[type, str] = {str: "a text", list: "a list of texts", dict: "a table", int: "a whole number, 1 or more"}


@dataclass(frozen=True)
class Condition:
    """Rows of a table: which ones, and on which columns they are joined with the matched ones.

    `otherwise`: of rows that make a finding sure, what is not known without them.
    """

    table: str
    where: Expression
    on: tuple[str, ...]
    otherwise: str = ""


@dataclass(frozen=True)
class Rule:
    """One root cause; see the module. `cost` is the column of seconds of the matched rows, or of `cost_rows`.

    `finding` says what was seen, `inferred` what follows from it; empty if nothing more does. `plain`: the same for a person who is
    no expert, for a rule that explains waiting. `basis`: ``named`` if a record itself
    names the cause (a code, a header, a status), ``deduced`` if it follows from how records look.
    `cases`: texts of the tests on which it must fire, where no simulated log can show it.
    `costs_little`: the severity of a finding that cost less than a second.
    `aspect`: what it says something about, a word of ASPECTS: why something had to be fetched (``demand``), why no good answer came
    (``answer``), what failed because of that (``effect``), what the log lacks (``evidence``); ``cause``: none of these alone.
    `explains`: rules that this one is the reason for, where both look at the same retrievals.
    `enough`: what one row must be to make up for `min_rows`. Where a rule has it, fewer rows without such a one still make a
    finding, but a possible one only. `sure`: rows without which it is a possible one, too.
    """

    id: str
    title: str
    severity: str
    costs_little: str
    aspect: str
    explains: tuple[str, ...]
    basis: str
    match: Condition
    min_rows: int
    enough: Condition | None
    distinct: tuple[str, int] | None
    cost: str | None
    cost_rows: Condition | None
    also: tuple[Condition, ...]
    unless: tuple[Condition, ...]
    sure: tuple[Condition, ...]
    weakens: tuple[Condition, ...]
    finding: str
    inferred: str
    plain: str
    fixes: tuple[str, ...]
    confirm: tuple[str, ...]
    source: str
    fires_on: tuple[str, ...]
    silent_on: tuple[str, ...]
    cases: tuple[str, ...]


def rules(folder: str | Path | None = None) -> tuple[Rule, ...]:
    """The rules of capi2kit, or your own: ``c2.analyse(case, more_rules=c2.rules("my rules"))``.

    Parameters
    ----------
    folder : the ``*.toml`` files of this folder; capi2kit's own rules if not given.

    Returns
    -------
    tuple of Rule : by file name; a rule has an ``id``, a ``title``, what it matches, and what it says.

    Raises
    ------
    KnowledgeError : a file is no rule; the message has its name, the line and the reason.
    """
    return _own() if folder is None else tuple(map(read_rule, sorted(Path(folder).glob("*.toml"))))


@cache
def _own() -> tuple[Rule, ...]:
    return tuple(read_rule(path, is_proven=True) for path in sorted((DATA / "rules").glob("*.toml")))


def read_rule(path: Path, *, is_proven: bool = False) -> Rule:
    """One rule. Raises KnowledgeError, with file and line, for any fault in it: see `_rule`.

    `is_proven`: it came with capi2kit, whose tests and `doctor` look at everything in it; only its expressions are parsed here.
    """
    file = read_toml(path, is_proven=is_proven)
    try:
        return _rule(file, path.stem)
    except (KeyError, TypeError, ValueError, AttributeError) as err:
        raise KnowledgeError(f"{type(err).__name__}: {err}", file=path.name) from err


def _rule(file: TomlFile, stem: str) -> Rule:
    """The rule in a file. Raises KnowledgeError for an unknown key or column, a value of the wrong kind, a bad expression,
    a placeholder in the finding that cannot be filled, a missing proof."""
    said = file.said
    match, say, proof = _parts(file)
    if not file.is_proven:
        _chosen(file, stem)
    matched, enough = _condition(file, match, on=tuple(match["group_by"]), where="match"), match.get("enough")
    cost, cost_rows = _cost(file, matched)
    parts = {part: tuple(_joined_condition(file, one, where=part) for one in said.get(part, ())) for part in _PARTS}
    if not file.is_proven:
        _consistent(file, matched=matched)
    return Rule(
        id=said["id"],
        title=said["title"],
        severity=said["severity"],
        costs_little=said.get("costs_little", said["severity"]),
        aspect=said.get("aspect", ASPECTS[0]),
        explains=tuple(said.get("explains", ())),
        basis=said.get("basis", BASES[1]),
        match=matched,
        min_rows=match.get("min_rows", 1),
        enough=_condition(file, match | {"where": enough}, on=(), where="match") if enough else None,
        distinct=_distinct(file, match.get("min_distinct"), table=matched.table),
        cost=cost,
        cost_rows=cost_rows,
        **parts,
        finding=say["finding"],
        inferred=say.get("inferred", ""),
        plain=say.get("plain", ""),
        fixes=tuple(say["fixes"]),
        confirm=tuple(say["confirm"]),
        source=say["source"],
        fires_on=tuple(proof["fires_on"]),
        silent_on=tuple(proof["silent_on"]),
        cases=tuple(proof.get("cases", ())),
    )


def _parts(file: TomlFile) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """What a rule matches, what it says, and its proof. Raises KnowledgeError for a key that is unknown or missing."""
    said = file.said
    _known(file, said, names=_LEAST | _PARTS | _MAY, least=_LEAST)
    match, say, proof = said["match"], said["say"], said["proof"]
    names = {"table", "where", "group_by"}
    _known(file, match, names=names | {"min_rows", "enough", "min_distinct", "cost"}, least=names, where="match")
    _known(file, say, names=_SAY, least=_SAY - {"inferred", "plain"}, where="say")
    _known(file, proof, names={"fires_on", "silent_on", "cases"}, least={"fires_on", "silent_on"}, where="proof")
    return match, say, proof


def _distinct(file: TomlFile, said: Any, *, table: str) -> tuple[str, int] | None:
    """The column of which there must be several values, and how many. Raises KnowledgeError if the table has no such column."""
    if said is None:
        return None
    _known(file, said, names={"column", "at_least"}, least={"column", "at_least"}, where="match.min_distinct")
    if said["column"] not in columns(table):
        raise file.fault(f"table {table} has no column {said['column']!r}", "match.min_distinct")
    return said["column"], said["at_least"]


def _chosen(file: TomlFile, stem: str) -> None:
    """Raises KnowledgeError unless the id is the file's name, severities and basis are known, and a source and a proof are given."""
    said, say, proof = file.said, file.said["say"], file.said["proof"]
    if said["id"] != stem or said["severity"] not in SEVERITIES or not _proven(proof) or not say["source"]:
        why = f"needs the id {stem}, a severity (one of {', '.join(SEVERITIES)}), a source and a scenario to fire on"
        raise file.fault(why, "id" if said["id"] != stem else "severity")
    if said.get("basis", BASES[1]) not in BASES:
        raise file.fault(f"the basis is one of {', '.join(BASES)}", "basis")
    if said.get("aspect", ASPECTS[0]) not in ASPECTS:
        raise file.fault(f"the aspect is one of {', '.join(ASPECTS)}", "aspect")
    if said.get("costs_little", SEVERITIES[0]) not in SEVERITIES:
        raise file.fault(f"what costs little has a severity, too: one of {', '.join(SEVERITIES)}", "costs_little")


def _proven(proof: dict[str, Any]) -> bool:
    """Whether a rule names something on which it must fire."""
    return bool(proof["fires_on"] or proof.get("cases"))


def _consistent(file: TomlFile, *, matched: Condition) -> None:
    """Raises KnowledgeError unless its texts and joins name what it groups by, in a form that fits, and its lines and fixes are sound."""
    said, grouped = file.said, set(matched.on)
    for key in ("finding", "inferred"):
        _fits(file, said["say"].get(key, ""), matched=matched, key=f"say.{key}")
    try:
        read_steps(said["say"]["confirm"])
    except ValueError as err:
        raise file.fault(str(err), "say.confirm") from err
    joined = [*(one for part in _PARTS for one in said.get(part, ())), *([said["cost"]] if "cost" in said else [])]
    apart = {name for one in joined for name in one["on"]} - grouped
    if apart:
        raise file.fault(f"rows are joined on {min(apart)!r}, but they are not grouped by it", "on")
    if strange := set(said["say"]["fixes"]) - set(fixes()):
        raise file.fault(f"there is no fix {min(strange)!r}", "say.fixes")


def _fits(file: TomlFile, text: str, *, matched: Condition, key: str) -> None:
    """Raises KnowledgeError unless each placeholder of a text can be filled."""
    if stray := re.search(r"\{[a-z_]+:[^{}<>]*\}", PLACE.sub("", text)):
        message = f"{stray[0]!r} is not a valid placeholder; write {{column}}, {{column:.1f}} for a number, or {{column:code}}"
        raise file.fault(message, key)
    dtypes = columns(matched.table) | dict.fromkeys(_COUNTED, "Float64")
    for name, digits, code in PLACE.findall(text):
        number = dtypes.get(name) in _NUMBERS
        is_shown = (number and (digits or code)) or dtypes.get(name) == "string"
        if name not in {*matched.on, *_COUNTED} and not is_shown:
            raise file.fault(f"the finding names {name!r}, which is neither grouped by, nor a number, nor a text", key)
        if (digits or code) and not number:
            raise file.fault(f"the finding shows {name!r} as a number, but it is {dtypes[name]}", key)


def _cost(file: TomlFile, matched: Condition) -> tuple[str | None, Condition | None]:
    """The column of seconds, and the rows that hold it if the matched ones do not."""
    said, where = file.said, "match.cost"
    column, cost_rows = said["match"].get("cost"), None
    if "cost" in said:
        _known(file, said["cost"], names=_COST, least=_COST, where="cost")
        column, where = said["cost"]["column"], "cost.column"
        cost_rows = _condition(file, said["cost"], on=tuple(said["cost"]["on"]), where="cost")
    table = (cost_rows or matched).table
    if column is not None and columns(table).get(column) not in _NUMBERS:
        kind = f"is {columns(table)[column]}, not a number" if column in columns(table) else "does not exist"
        raise file.fault(f"the cost cannot be taken from column {column!r} of table {table}: it {kind}", where)
    return column, cost_rows


def _known(file: TomlFile, said: Any, *, names: set[str], least: set[str], where: str = "") -> None:
    """Raises KnowledgeError for an unknown or missing key, or a value of another kind than its key has."""
    if not isinstance(said, dict):
        raise file.fault(f"{where} is not a table of keys and values", where)
    if strange := set(said) - names:
        raise file.fault(f"unknown key {min(strange)!r}", f"{where}.{min(strange)}")
    if lacking := least - set(said):
        raise file.fault(f"lacks the key {min(lacking)!r}", f"{where}.")
    for name, value in said.items():
        kind = dict if where == "" and name == "cost" else _KINDS[name]
        inner = str if kind is list and name not in _PARTS else dict
        good = isinstance(value, kind) and not isinstance(value, bool) and (not isinstance(value, int) or value >= 1)
        if not good or (kind is list and not all(isinstance(one, inner) for one in value)):
            raise file.fault(f"{name!r} must be {_WORDS[kind]}, but is {str(value)[:60]!r}", f"{where}.{name}")


def _joined_condition(file: TomlFile, said: dict[str, Any], *, where: str) -> Condition:
    sure = {_OTHERWISE} if where == "sure" else set()
    _known(file, said, names=_JOINED | sure, least=_JOINED | sure, where=where)
    return _condition(file, said, on=tuple(said["on"]), where=where)


def _condition(file: TomlFile, said: dict[str, Any], *, on: tuple[str, ...], where: str) -> Condition:
    try:
        known = columns(said["table"])
    except KnowledgeError as err:
        raise file.fault(f"there is no table {said['table']!r}", f"{where}.table") from err
    if strange := set(on) - set(known):
        raise file.fault(f"table {said['table']} has no column {min(strange)!r}", f"{where}.table")
    rows = parse(said["where"], known=known, file=file.name)
    if not file.is_proven:
        rows.holds(empty(said["table"]))  # raises for what cannot be compared
    return Condition(said["table"], rows, on, said.get(_OTHERWISE, ""))
