"""Leading: which finding is the answer, and which one beside it says why.

Input: table `findings`. Findings of one rule on several computers are one cause here. One that another explains gives way to it;
what costs nearly nothing and is only deduced gives way to what a record names. Where the retrievals of a finding are also those of
one with another aspect (why they failed, why they were needed, what failed because of them), both are named.
"""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from capi2kit.columns.cells import numbers_in
from capi2kit.diagnosis.rules import POSSIBLE, SEVERITIES, VERY_SURE

HIGH, MEDIUM, LOW, BENIGN = SEVERITIES
CAUSE, DEMAND, ANSWER, EFFECT, EVIDENCE = "cause", "demand", "answer", "effect", "evidence"
_OF_RETRIEVALS = {DEMAND, ANSWER, EFFECT}
_SURENESS = (VERY_SURE, "likely", POSSIBLE)
_SMALL_S = 5.0  # what is deduced and costs less is no answer while a record names something else
_LARGE_S = 10.0  # what costs this much, and many times as much as a finding of a higher severity, comes before it
_TIMES = 5


class Cause(NamedTuple):
    """The findings of one rule: `rows` are their places in the table, `waits` and `evidence` the events behind them all.

    `certainty` and `because` are those of the surest one. Seconds are added up: all computers, processes and threads.
    """

    rule: str
    title: str
    severity: str
    certainty: str
    because: str
    aspect: str
    explains: frozenset[str]
    hosts: tuple[str, ...]
    rows: tuple[int, ...]
    waits: frozenset[int]
    evidence: tuple[int, ...]
    fixes: str
    cost_s: float
    low_s: float
    high_s: float


def causes_in(findings: pd.DataFrame) -> list[Cause]:
    """The findings, those of one rule together, in the order of the table."""
    members: dict[str, list[int]] = {}
    for place, rule in enumerate(findings["rule"].tolist()):
        members.setdefault(rule, []).append(place)
    rows = findings.to_dict("records")
    return [_cause(places, rows=[rows[place] for place in places]) for places in members.values()]


def leading(causes: list[Cause]) -> tuple[Cause, ...]:
    """The cause to name first, and the one to name with it; none if there are no findings."""
    left = [one for one in causes if not _explained(one, causes)]
    asked = [one for one in left if one.aspect != EVIDENCE] or left
    if not asked:
        return ()
    order = sorted(asked, key=_rank)
    lead = order[0]
    for one in order[1:]:
        if _outweighs(one, lead):
            lead = one
    beside = next((one for one in order if one is not lead and _belongs(one, lead)), None)
    if (
        lead.certainty == POSSIBLE
        and lead.waits
        and (lacks := [one for one in left if one.aspect == EVIDENCE and one is not lead])
    ):
        return (lead, lacks[0])
    if beside is None:
        return (lead,)
    return (beside, lead) if beside.aspect == EFFECT else (lead, beside)


def _cause(places: list[int], *, rows: list[dict]) -> Cause:
    surest = min(rows, key=lambda row: _SURENESS.index(row["certainty"]))
    return Cause(
        rows[0]["rule"],
        title=surest["title"],
        severity=min((row["severity"] for row in rows), key=SEVERITIES.index),
        certainty=surest["certainty"],
        because=surest["because"] + (f" (the surest of {len(rows)} findings like it)" if len(rows) > 1 else ""),
        aspect=_text(surest["aspect"]) or CAUSE,
        explains=frozenset(_text(surest["explains"]).split()),
        hosts=tuple(dict.fromkeys(row["host"] for row in rows if _text(row["host"]))),
        rows=tuple(places),
        waits=frozenset(event for row in rows for event in numbers_in(row["waits"])),
        evidence=tuple(sorted({event for row in rows for event in numbers_in(row["evidence"])})),
        fixes=" ".join(dict.fromkeys(name for row in rows for name in _text(row["fixes"]).split())),
        **{name: sum(0.0 if pd.isna(row[name]) else float(row[name]) for row in rows) for name in _SECONDS},
    )


_SECONDS = ("cost_s", "low_s", "high_s")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _rank(cause: Cause) -> tuple[bool, int, bool]:
    small = cause.aspect in _OF_RETRIEVALS and cause.certainty != VERY_SURE and cause.cost_s < _SMALL_S
    small &= bool(cause.waits)
    return cause.certainty == POSSIBLE, SEVERITIES.index(cause.severity) + small, small


def _outweighs(cause: Cause, lead: Cause) -> bool:
    """Whether a cause costs so much more than the leading one that it comes first; what a record names stays first."""
    if cause.severity in (LOW, BENIGN) or cause.certainty == POSSIBLE or (lead.aspect == CAUSE and not lead.waits):
        return False
    return cause.cost_s >= _LARGE_S and cause.cost_s > _TIMES * lead.cost_s


def _explained(cause: Cause, causes: list[Cause]) -> bool:
    """Whether another finding is the reason for this one: it has most of its retrievals, or (if it has none) its computer."""
    for other in causes:
        if cause.rule not in other.explains:
            continue
        if not (cause.waits and other.waits):
            if set(cause.hosts) & set(other.hosts):
                return True
        elif len(cause.waits & other.waits) * 2 >= len(cause.waits):
            return True
    return False


def _belongs(cause: Cause, lead: Cause) -> bool:
    """Whether a cause is to be named with the leading one."""
    if lead.severity in (LOW, BENIGN):  # nothing is urgent: what looks like an error, but is not one, is named with it
        return (
            cause.severity in (LOW, BENIGN) and cause.certainty != POSSIBLE and bool(set(cause.hosts) & set(lead.hosts))
        )
    if cause.severity in (LOW, BENIGN) or cause.certainty == POSSIBLE:
        return False
    if lead.aspect == CAUSE:
        named = not cause.waits and cause.certainty == lead.certainty and cause.severity == lead.severity
        return (cause.aspect == CAUSE and named) or cause.cost_s >= _LARGE_S
    if cause.aspect == lead.aspect:
        return False
    if not lead.waits or not cause.waits:
        return (
            cause.aspect in _OF_RETRIEVALS
            and EFFECT in (cause.aspect, lead.aspect)
            and bool(set(cause.hosts) & set(lead.hosts))
        )
    return len(cause.waits & lead.waits) * 2 >= len(lead.waits)
