"""Rules: questions over the tables, one TOML file per root cause, and `diagnose`, which asks them.

A rule matches rows of a table in groups (**match**); **also** there must be rows like this, joined on named columns;
**unless** there are rows like this; without rows that make it **sure** it is a possible finding; **weakens** keeps the finding and
lists what speaks against it. Its **cost** is a column of the matched rows, or of rows joined to them. It also has the text of the
finding, the remedies that help, its source, and the scenarios on which it must fire or stay silent. It can only read: its conditions
are `expressions`, and its texts have placeholders for columns and nothing else: one that it groups by, or one of numbers, of which it
shows the range.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from capi2kit.columns.cells import A_LOG, empty, joined, shaped
from capi2kit.diagnosis.rulefiles import PLACE, SEVERITIES, Condition, Rule, read_rule, rules
from capi2kit.errors import KnowledgeError
from capi2kit.knowledge import code_text, columns

__all__ = ["SEVERITIES", "Condition", "Rule", "diagnose", "read_rule", "rules"]
_PLURAL = re.compile(r"(\{rows\} )((?:[a-z]+ )??[a-z]+?)s\b")  # the noun that is counted
_ONE = re.compile(r"\[([^\[\]|]*)\|([^\[\]|]*)\]")  # [says|say]: for one row, and for many
VERY_SURE, LIKELY, POSSIBLE = "very sure", "likely", "possible"
_LITTLE_S = 1.0  # what costs less is no reason to hurry
_ABSENT = "(not logged)"
_QUOTED_ABSENT = re.compile(
    r"[;,] [^;,]{0,40}\u201c\(not logged\)\u201d"
)  # "; the reason that is logged: …", where none is
_NAMED = 3  # texts of a column that a finding names
_UNNAMED = {
    "host": "an unnamed computer",
    "process": "an unnamed program",
    "subject": "an unnamed certificate",
}  # what a finding says where the records do not name it
_EVENT = {"spans": "stop_event", "startups": "start_event"}  # what a row cites; else its column `event`, if it has one
_PLACE_IN_FILE = ("source", "line")  # what a row cites that is no record


def diagnose(tables: Mapping[str, pd.DataFrame], *, asked: tuple[Rule, ...] | None = None) -> pd.DataFrame:
    """Ask all rules, or those `asked`.

    Returns
    -------
    findings : DataFrame
        One row per finding in the columns of table `findings`, the worst and most expensive first; each cites the events
        behind it. Raises KnowledgeError if a table lacks what a rule needs. Nothing is modified.
    """
    plain = _Plain(tables)
    found = [row for rule in (rules() if asked is None else asked) for row in _findings(rule, plain)]
    if not found:
        return empty("findings")
    table = shaped(pd.DataFrame(found), "findings")
    rank = table["severity"].map({name: place for place, name in enumerate(SEVERITIES)})
    unsure = table["certainty"] == POSSIBLE
    order = pd.DataFrame({"rank": rank, "unsure": unsure, "cost": -table["cost_s"].fillna(0.0)}).sort_values(
        ["rank", "unsure", "cost"], kind="stable"
    )
    return table.loc[order.index].reset_index(drop=True)


class _Plain:
    """The tables as rules read them: the few columns that each condition asks for, those of an index too."""

    def __init__(self, tables: Mapping[str, pd.DataFrame]) -> None:
        self._tables = tables
        self._held: dict[str, pd.DataFrame] = {}
        self._seen: dict[str, dict[Hashable, np.ndarray]] = {}

    def rows(self, condition: Condition, *more: str | None) -> pd.DataFrame:
        """The rows of a condition's table for which it holds: its columns, what they cite, and `more`."""
        cited = _EVENT.get(condition.table, "event")
        known = columns(condition.table)
        cites = [name for name in (cited, *_PLACE_IN_FILE) if name in known]
        wanted = [*condition.on, *filter(None, more), *cites]
        table = self._table(condition.table)
        if lacking := {*wanted, *condition.where.names} - set(table.columns):
            raise KnowledgeError(f"table {condition.table} lacks the column {min(lacking)!r}", file="rules")
        places = self.places(condition)
        return pd.DataFrame({name: table[name].array.take(places) for name in dict.fromkeys(wanted)}, index=places)

    def places(self, condition: Condition) -> np.ndarray:
        """The positions of the rows for which a condition holds. Results of earlier comparisons are used again."""
        table, seen = self._table(condition.table), self._seen.setdefault(condition.table, {})
        return np.flatnonzero(condition.where.holds(table, seen=seen))

    def few(self) -> set[object]:
        """The computers of which there are so few events that they are no log."""
        events = self._tables.get("events")
        if events is None:
            return set()
        counts = Counter(events["host"].astype(object).where(events["host"].notna(), None).tolist())
        return {host for host, count in counts.items() if count < A_LOG}

    def _table(self, name: str) -> pd.DataFrame:
        if name not in self._held:
            if name not in self._tables:
                raise KnowledgeError(f"rules cannot ask the table {name!r}", file="rules")
            table = self._tables[name]
            self._held[name] = table.reset_index(drop=table.index.names == [None])
        return self._held[name]


def _findings(rule: Rule, tables: _Plain) -> list[dict[str, Any]]:
    if not len(tables.places(rule.match)):
        return []
    texts = f"{rule.finding} {rule.inferred}"
    shown = [name for name, *_ in PLACE.findall(texts) if name in columns(rule.match.table)]
    rows = tables.rows(
        rule.match, None if rule.cost_rows else rule.cost, rule.distinct[0] if rule.distinct else None, *shown
    )
    members: dict[tuple, list[int]] = {}
    for place, key in enumerate(_keys(rows, rule.match.on)):
        members.setdefault(key, []).append(place)
    sure = set(tables.places(rule.enough).tolist()) if rule.enough else set()
    many = {
        key: len(places) >= rule.min_rows or not sure.isdisjoint(rows.index[places]) for key, places in members.items()
    }
    doubts = {key: [] if many[key] else [_few(len(places))] for key, places in members.items()}
    few = tables.few() if rule.min_rows > 1 and "host" in rule.match.on else set()
    at = rule.match.on.index("host") if few else 0
    kept = {key: places for key, places in members.items() if many[key] or rule.enough or (few and key[at] in few)}
    if rule.distinct:
        column, least = rule.distinct
        kept = {key: places for key, places in kept.items() if rows[column].iloc[places].nunique() >= least}
    for wanted, conditions in ((True, rule.also), (False, rule.unless)):
        for condition in conditions if kept else ():
            joins = _joins(rule, condition, tables=tables)
            kept = {key: places for key, places in kept.items() if joins(key) == wanted}
    for condition in rule.sure if kept else ():
        joins = _joins(rule, condition, tables=tables)
        for key in kept:
            doubts[key] += [] if joins(key) else [condition.otherwise]
    return [
        _said(rule, dict(zip(rule.match.on, key, strict=True)), rows=rows.iloc[places], tables=tables)
        | _certain(rule, doubts[key])
        for key, places in kept.items()
    ]


def _few(count: int) -> str:
    return "there is only one record of it" if count == 1 else f"there are only {count} records of it"


def _certain(rule: Rule, doubts: list[str]) -> dict[str, str]:
    """How certain a rule is by itself, and why; `certainty` then looks at the evidence around it."""
    if doubts:
        return {"certainty": POSSIBLE, "because": "; ".join(doubts)}
    return {"certainty": VERY_SURE if rule.basis == "named" else LIKELY, "because": ""}


def _joins(rule: Rule, condition: Condition, *, tables: _Plain) -> Callable[[tuple], bool]:
    """Whether there are rows of a condition for a group of a rule, by its key."""
    there = set(_keys(tables.rows(condition), condition.on))
    spots = [rule.match.on.index(name) for name in condition.on]
    return lambda key: tuple(key[i] for i in spots) in there


def _keys(rows: pd.DataFrame, on: tuple[str, ...]) -> list[tuple]:
    """The values of some columns, row by row; what is missing is None. Without columns all rows are alike."""
    if not on:
        return [()] * len(rows)
    return list(zip(*(_objects(rows[name]) for name in on), strict=True))


def _objects(column: pd.Series) -> list[Any]:
    """The values of a column, None where one is missing."""
    found = np.array(column, object)
    found[column.isna().to_numpy()] = None
    return found.tolist()


def _said(rule: Rule, group: dict[Any, Any], *, rows: pd.DataFrame, tables: _Plain) -> dict[str, Any]:
    """One finding in words, with its cost, its events, and those of the rows with the cost (`waits`; see `weigh`)."""
    costly = _joined(rule.cost_rows, group, rows=tables.rows(rule.cost_rows, rule.cost)) if rule.cost_rows else rows
    cost = float(costly[rule.cost].astype("Float64").fillna(0.0).sum()) if rule.cost else None
    values = {"cost_s": cost, "rows": len(rows)} | group
    waits = _events(costly, (rule.cost_rows or rule.match).table) if rule.cost else []
    against: list[int] = []
    for condition in rule.weakens:
        against += _events(_joined(condition, group, rows=tables.rows(condition)), condition.table)
    return {
        "rule": rule.id,
        "severity": rule.costs_little if cost is not None and cost < _LITTLE_S else rule.severity,
        "aspect": rule.aspect,
        "explains": " ".join(rule.explains),
        "title": rule.title,
        "host": values.get("host"),
        "cost_s": cost,
        "finding": _text(rule.finding, values=values, rows=rows),
        "inferred": _text(rule.inferred, values=values, rows=rows) or None,
        "fixes": " ".join(rule.fixes),
        "confirm": "\n".join(rule.confirm) or None,
        "evidence": joined(_events(rows, rule.match.table)),
        "evidence_lines": " ".join(_lines(rows)) or None,
        "waits": joined(waits),
        "weakened_by": joined(against),
        "names": json.dumps({"url": [group["url"]]}) if isinstance(group.get("url"), str) else None,
    }


def _text(template: str, *, values: Mapping[Any, Any], rows: pd.DataFrame) -> str:
    """A text of a rule with its placeholders filled, in the grammar of one or of many."""
    one = len(rows) == 1
    template = _ONE.sub(r"\1" if one else r"\2", _PLURAL.sub(r"\1\2", template) if one else template)
    text = PLACE.sub(lambda place: _shown(place[1], place[2], values=values, rows=rows, code=bool(place[3])), template)
    text = _QUOTED_ABSENT.sub("", text)
    for absent in (_ABSENT, *_UNNAMED.values()):
        text = text.replace(f" ({absent})", "")
    return text


def _joined(condition: Condition, group: dict[Any, Any], *, rows: pd.DataFrame) -> pd.DataFrame:
    """Those rows of a condition that belong to a group."""
    for name in condition.on:
        rows = rows[rows[name].isna()] if pd.isna(group[name]) else rows[rows[name] == group[name]]
    return rows


def _shown(name: str, digits: str | None, *, values: Mapping[Any, Any], rows: pd.DataFrame, code: bool) -> str:
    """What a placeholder shows: the value of the group, the codes of its rows, else the texts or the range of the column."""
    if name in values and not code:
        return _word(values[name], digits, absent=_UNNAMED.get(name, _ABSENT))
    if code:
        numbers = [values[name]] if name in values else rows[name].dropna().unique().tolist()
        return ", ".join(code_text(int(number)) for number in numbers[:3] if not pd.isna(number)) or _ABSENT
    if not pd.api.types.is_numeric_dtype(rows[name]):
        words = [str(value) for value in rows[name].dropna().unique()]
        more = f" and {len(words) - _NAMED} more" if len(words) > _NAMED else ""
        return ", ".join(words[:_NAMED]) + more or _ABSENT
    return " to ".join(dict.fromkeys(_word(value, digits) for value in (rows[name].min(), rows[name].max())))


def _word(value: Any, digits: str | None, *, absent: str = _ABSENT) -> str:
    if pd.isna(value):
        return absent
    return format(float(value), f"{digits}f") if digits else str(value)


def _events(rows: pd.DataFrame, table: str) -> list[int]:
    column = _EVENT.get(table, "event")
    return sorted({int(event) for event in rows[column].dropna()}) if column in rows else []


def _lines(rows: pd.DataFrame) -> list[str]:
    """The lines of files that rows are from, each as ``source:line``; none where rows are records."""
    if not {"source", "line"} <= set(rows):
        return []
    places = rows[["source", "line"]].dropna().drop_duplicates().sort_values(["source", "line"])
    return (places["source"].astype("string") + ":" + places["line"].astype("string")).tolist()
