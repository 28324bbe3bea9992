"""Providers: who writes which log, and what kind of evidence that is, by `data/providers.csv`."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from capi2kit.knowledge import operation_rows, rows

if TYPE_CHECKING:
    import pandas as pd


@cache
def providers() -> dict[str, frozenset[str] | None]:
    """The event providers whose events are loaded without asking: all of them (None), or these event ids."""
    listed: dict[str, set[str]] = {}
    for row in rows("operations"):
        listed.setdefault(row["provider"], set()).add(row["event_id"])
    return {
        row["provider"]: None if row["load"] == "all" else frozenset(listed.get(row["provider"], ()))
        for row in rows("providers")
    }


@cache
def lane(provider: str | None) -> str:
    """What kind of evidence a provider gives, for the merged timeline."""
    known = {row["provider"]: row["lane"] for row in rows("providers")}
    return known.get(provider or "", "Other events")


def lanes_of(events: pd.DataFrame) -> pd.Series:
    """The lane of every event, in the index of `events`."""
    import pandas as pd

    named = [provider if isinstance(provider, str) else None for provider in events["provider"].tolist()]
    return pd.Series(list(map(lane, named)), index=events.index, dtype=object)


@cache
def lane_of_checks() -> str:
    """The lane of the log of certificate checks itself."""
    return lane(next(key[0] for key, found in operation_rows().items() if found.wire))
