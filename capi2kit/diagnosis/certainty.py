"""Certainty: how sure a finding is, in one word and with the reason, by the evidence around the records that it cites.

Input: findings as `diagnose` and `weigh` leave them, the waits, the coverage and the sources. A rule says how sure its pattern is by
itself; here the log around it lowers that (lost records, a beginning that is missing, records that speak against it), or raises it
(many exact waits, another log that saw the same). Nothing here knows an event id.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from capi2kit.columns.cells import integers, numbers_in, rows_in, shaped
from capi2kit.diagnosis.rules import LIKELY, POSSIBLE, VERY_SURE

_LEVELS = (POSSIBLE, LIKELY, VERY_SURE)
_MANY = 10  # exact waits of one kind that leave no doubt about the kind
_DAMAGE = {
    "damaged": "records of this log are lost",
    "filtered": "records were left out of this log",
    "excerpt": "these are single records, not a log",
}


class _Evidence(NamedTuple):
    """What is known of the log around a finding."""

    waits: pd.DataFrame
    damage: str
    against: int


def judge(findings: pd.DataFrame, *, waits: pd.DataFrame, coverage: pd.DataFrame) -> pd.DataFrame:
    """Give each finding its final `certainty`, and in `because` the reason in words.

    Returns
    -------
    findings : DataFrame
        The same rows in the same order: ``very sure``, ``likely`` or ``possible``. The inputs are not modified.
    """
    damages, event, waits = _damages(coverage), integers(waits["event"]), waits[["firewall_drops", "quality"]]
    rows: list[tuple[str, str]] = []
    for row in rows_in(findings):
        around = _Evidence(
            waits.iloc[np.flatnonzero(np.isin(event, numbers_in(row["waits"])))],
            damages.get(row["host"], "") if isinstance(row["host"], str) else "",
            len(numbers_in(row["weakened_by"])),
        )
        rows.append(_judged(row, around))
    levels, reasons = ([one[i] for one in rows] for i in (0, 1))
    return shaped(findings, "findings", certainty=levels, because=reasons)


def _damages(coverage: pd.DataFrame) -> dict[str, str]:
    """What is wrong with the log of each computer, in words; only computers where something is."""
    found: dict[str, str] = {}
    for verdict, text in reversed(_DAMAGE.items()):
        hosts = coverage.loc[coverage["verdict"] == verdict, "host"].dropna()
        found |= dict.fromkeys(hosts, text)
    return found


def _judged(row: Mapping[Any, Any], around: _Evidence) -> tuple[str, str]:
    """The level and the reasons of one finding."""
    level = _LEVELS.index(row["certainty"])
    reasons = [row["because"]] if isinstance(row["because"], str) and row["because"] else []
    raised = "" if reasons else _raised(row["certainty"], around)
    if raised:
        level, reasons = len(_LEVELS) - 1, [raised]
    elif not reasons:
        reasons = ["the records name it themselves" if row["certainty"] == VERY_SURE else _plain(around)]
    lowered = [around.damage] if around.damage else []
    lowered += [f"{around.against} records speak against it"] if around.against > 1 else []
    lowered += ["one record speaks against it"] if around.against == 1 else []
    unknown = int((around.waits["quality"] == "unknown").sum())
    if unknown and unknown == len(around.waits):
        lowered.append("no wait of it has a known length")
    return _LEVELS[max(level - bool(lowered), 0)], "; ".join([*reasons, *lowered])


def _raised(level: str, around: _Evidence) -> str:
    """What makes a likely finding very sure; empty if nothing does."""
    if level != LIKELY or around.waits.empty:
        return ""
    if (around.waits["firewall_drops"] > 0).fillna(False).any():
        return "the firewall log of the computer shows the dropped packets"
    if len(around.waits) >= _MANY and (around.waits["quality"] == "exact").all():
        return f"{len(around.waits)} waits of the same kind, each exact"
    return ""


def _plain(around: _Evidence) -> str:
    """What a finding that is neither raised nor lowered rests on."""
    count, exact = len(around.waits), int((around.waits["quality"] == "exact").sum())
    if not count:
        return "it follows from the records, which do not name it themselves"
    if exact == count:
        return f"{'one wait' if count == 1 else f'{count} waits'}, exact"
    others = "the other" if count - exact == 1 else "the others"
    return f"{exact} of {count} waits exact, {others} within bounds" if count > 1 else "one wait, known within bounds"
