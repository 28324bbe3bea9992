"""Actions: what the steps inside a record mean, and what a record that has one cost its caller."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from capi2kit.knowledge import rows

WAITED, PENDING, REMEMBERED, BACKGROUND, NESTED = "waited", "pending", "remembered", "background", "nested"
BESIDE = (BACKGROUND, NESTED)  # records of a thread beside the caller: its time is nobody's wait
UNSENT = (PENDING, REMEMBERED)  # nothing left the computer, and nobody waited
GAVE_UP = "gave up"  # role of the action by which a caller ends its wait at its limit


class Action(NamedTuple):
    """One row of actions.csv: what it makes of its record, its part in the story of a retrieval, the code beside it."""

    effect: str
    role: str
    error: int | None


@cache
def actions() -> dict[str, Action]:
    """actions.csv by the name of the action."""
    return {
        row["action"]: Action(row["effect"], row["role"], int(row["error"], 16) if row["error"] else None)
        for row in rows("actions")
    }


def actions_where(*, effect: str = "", role: str = "") -> list[str]:
    """Names of the actions with this effect, or this role."""
    return [name for name, one in actions().items() if effect in ("", one.effect) and role in ("", one.role)]


@cache
def gave_up_codes() -> frozenset[int]:
    """Result codes of a caller that waited for its whole limit and gave up."""
    return frozenset(one.error for one in actions().values() if one.role == GAVE_UP and one.error)


@cache
def unsent_codes() -> dict[int, str]:
    """Result codes that only records have for which nothing was sent, and the effect of each."""
    return {one.error: one.effect for one in reversed(actions().values()) if one.effect in UNSENT and one.error}
