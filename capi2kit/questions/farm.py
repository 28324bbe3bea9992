"""Farm: many computers side by side: what each waited for, which of them are unlike the others, and what they have in common.

Input: tables of several computers, from a store or of one case. `by` is the column that says which computer a row is of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from capi2kit.columns.cells import shaped
from capi2kit.diagnosis.rules import Rule, diagnose, rules

_SPREAD = 1.4826  # makes of the median deviation what a standard deviation is
_FAR = 3.0  # so many of them are far from the middle
_TWICE = 2.0
_ENOUGH = 3  # computers of which one can be unlike the others
_LEAST_S = 1.0
_ABOUT_EVIDENCE = "evidence"


def computers(
    waits: pd.DataFrame,
    findings: pd.DataFrame,
    *,
    startups: pd.DataFrame,
    by: str = "machine",
    known: Iterable[str] = (),
) -> pd.DataFrame:
    """Each computer: how long it waited, for whom most, its longest start-up, its most expensive cause, whether it is unlike the others.

    Parameters
    ----------
    waits, findings, startups : tables of several computers.
    by : the column that says which computer a row is of: ``machine`` in a store, ``host`` in an analysis.
    known : computers that are listed even if nothing is known of them but their names.

    Returns
    -------
    computers : DataFrame
        One row per computer, the one that waited longest first, in the columns of table `computers`. Sums of waits are of all threads, not
        of wall time. `outlier`: it waited more than twice the median, and by three median deviations more; only among three or more.
    """
    names = sorted(
        {*known, *(str(name) for table in (waits, findings, startups) for name in table[by].dropna().unique())}
    )
    table = pd.DataFrame({"computer": names}).set_index("computer")
    groups = waits.groupby(by)
    failed = waits["outcome"].ne("ok") & waits["outcome"].notna()
    table["waits"] = groups.size()
    table["wait_s"] = groups["wait_s"].sum()
    table["low_s"] = groups["low_s"].sum()
    table["high_s"] = groups["high_s"].sum()
    table["failed"] = failed.groupby(waits[by]).sum()
    table["servers"] = groups["url_host"].nunique()
    table["worst_server"] = _most(waits, by=by, of="url_host", weight="wait_s")
    table["startups"] = startups.groupby(by).size()
    table["longest_start_s"] = startups.groupby(by)["wall_s"].max()
    causes = findings[findings["aspect"].ne(_ABOUT_EVIDENCE).fillna(True)]
    table["cause"] = _most(causes, by=by, of="title", weight="cost_s")
    table["cause_s"] = causes.groupby(by)["cost_s"].max()
    counts = ["waits", "failed", "servers", "startups"]
    table[counts] = table[counts].fillna(0)
    seconds = ["wait_s", "low_s", "high_s"]
    table[seconds] = table[seconds].fillna(0.0)
    table["times_median"], table["outlier"] = _unlike(table["wait_s"].to_numpy("float64"))
    table = shaped(table.reset_index(), "computers")
    return table.sort_values(["wait_s", "computer"], ascending=[False, True], kind="stable").reset_index(drop=True)


def between_computers(tables: Mapping[str, pd.DataFrame], *, by: str = "machine") -> pd.DataFrame:
    """What shows only beside other computers: the findings of the rules that ask for rows of another one.

    Parameters
    ----------
    tables : by name, of several computers, those that rules ask: ``waits``, ``events``, ``spans`` and so on.
    by : the column that says which computer a row is of.

    Returns
    -------
    findings : DataFrame
        As `diagnose` gives them, with the computer in a column `by`, too. The events that they cite are numbered in their own collection.
    """
    asked = tuple(rule for rule in rules() if _asks_others(rule) and _tables_of(rule) <= tables.keys())
    named = {name: tables[name].assign(host=tables[name][by]) for rule in asked for name in _tables_of(rule)}
    found = diagnose(named, asked=asked)
    return found.assign(**{by: found["host"]})


def _asks_others(rule: Rule) -> bool:
    """Whether a rule finds something on one computer because of another one."""
    same = [condition for condition in rule.also if condition.table == rule.match.table]
    return "host" in rule.match.on and any("host" not in condition.on for condition in same)


def _tables_of(rule: Rule) -> set[str]:
    return {condition.table for condition in (rule.match, *rule.also, *rule.unless)}


def shared_causes(findings: pd.DataFrame, *, by: str = "machine") -> pd.DataFrame:
    """The causes that computers have, those of most computers first.

    Returns
    -------
    shared_causes : DataFrame
        One row per rule in the columns of table `shared_causes`: how many computers have it, what it costs them together, which they are,
        and the remedies of the rule. What a cause costs twice on one computer counts twice. `explained_by`: another rule that explains it
        and was found on all of its computers.
    """
    some = findings[findings["aspect"].ne(_ABOUT_EVIDENCE).fillna(True)]
    groups = some.groupby("rule")
    table = groups.agg(
        title=("title", "first"),
        severity=("severity", "first"),
        computers=(by, "nunique"),
        cost_s=("cost_s", lambda costs: costs.sum(min_count=1)),
        which=(by, lambda names: ", ".join(sorted(set(names.dropna().astype(str))))),
        fixes=("fixes", "first"),
    ).reset_index()
    table["explained_by"] = _explained(some, table, by=by)
    table = shaped(table, "shared_causes")
    order = table.assign(cost=table["cost_s"].fillna(-1.0))
    rows = order.sort_values(["computers", "cost", "rule"], ascending=[False, False, True], kind="stable").index
    return table.loc[rows].reset_index(drop=True)


def first_remedy(causes: pd.DataFrame) -> str | None:
    """The remedy to begin with on a farm: the first one of the cause to begin with; None if no cause costs anything.

    `causes`: what `shared_causes` returned.
    """
    cost = by_weight(causes)
    cost = cost[cost["cost_s"].gt(0).fillna(False) & cost["fixes"].notna() & cost["explained_by"].isna()]
    return None if cost.empty else str(cost["fixes"].iloc[0]).split()[0]


def by_weight(causes: pd.DataFrame) -> pd.DataFrame:
    """The causes in the order in which to look at them: what explains others first, then what costs most together."""
    rank = causes.assign(explained=causes["explained_by"].notna(), cost=-causes["cost_s"].fillna(-1.0))
    rows = rank.sort_values(["explained", "cost", "computers"], ascending=[True, True, False], kind="stable").index
    return causes.loc[rows].reset_index(drop=True)


def _explained(findings: pd.DataFrame, causes: pd.DataFrame, *, by: str) -> list[str | None]:
    """For each cause the rule that explains it on all of its computers."""
    where = {str(rule): set(names) for rule, names in findings.groupby("rule")[by]}
    texts = findings.drop_duplicates("rule").set_index("rule")["explains"].fillna("").to_dict()
    explains = {str(rule): set(str(text).split()) for rule, text in texts.items()}
    return [
        next((other for other in where if rule in explains[other] and where[rule] <= where[other]), None)
        for rule in causes["rule"].astype(str)
    ]


def _most(table: pd.DataFrame, *, by: str, of: str, weight: str) -> pd.Series:
    """For each computer the value of a column that weighs most."""
    sums = table.groupby([by, of])[weight].sum().reset_index()
    sums = sums.sort_values([weight, of], ascending=[False, True], kind="stable")
    return sums.drop_duplicates(by).set_index(by)[of]


def _unlike(wait_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many times the median each is, NaN without a median; and which are far above it. The median is that of those that waited."""
    waited = wait_s[wait_s > 0]
    median = float(np.median(waited)) if len(waited) else 0.0
    times = wait_s / median if median else np.full(len(wait_s), np.nan)
    if len(waited) < _ENOUGH:
        return times, np.zeros(len(wait_s), bool)
    spread = _SPREAD * float(np.median(np.abs(waited - median)))
    far = (wait_s > median + _FAR * spread) & (wait_s > _TWICE * median) & (wait_s > _LEAST_S)
    return times, far
