"""Cases: the scenarios as a course gives them: under a name that says nothing, with what somebody complains of.

`cases.csv` says which scenario is behind which name. A case has no files of its own: they are made when it is first taken.
"""

from __future__ import annotations

import csv
import re
from difflib import get_close_matches
from functools import cache
from typing import NamedTuple

from capi2kit.errors import ScenarioError
from capi2kit.lab.scenario import LAB


class Case(NamedTuple):
    """A row of cases.csv. `minutes`: how long it takes somebody who is learning."""

    name: str
    scenario: str
    topic: str
    level: str
    minutes: int
    complaint: str


@cache
def cases() -> tuple[Case, ...]:
    """All cases, by name."""
    with (LAB / "cases.csv").open(encoding="utf-8", newline="") as lines:
        rows = [*csv.DictReader(lines, strict=True)]
    return tuple(
        Case(row["case"], row["scenario"], row["topic"], row["level"], int(row["minutes"]), row["complaint"])
        for row in rows
    )


def case_named(what: str) -> Case:
    """The case of a name (`case-017`, `17`) or of a scenario. Raises ScenarioError with names that are like it."""
    asked = what.strip().lower()
    number = re.fullmatch(r"(?:case[- ]?)?(\d{1,3})", asked)
    name = f"case-{int(number[1]):03}" if number else asked
    known = {one.name: one for one in cases()} | {one.scenario: one for one in cases()}
    if name in known:
        return known[name]
    near = [] if number else get_close_matches(asked, known, n=3)
    like = f"; did you mean {', '.join(near)}?" if near else f"; there are {cases()[0].name} to {cases()[-1].name}"
    raise ScenarioError(f"{what!r}: there is no such case{like}")


def case_of(scenario: str) -> Case:
    """The case that a scenario is."""
    return next(one for one in cases() if one.scenario == scenario)
