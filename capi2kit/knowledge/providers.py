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


@cache
def _channels_of_ids() -> dict[tuple[str, str], set[str]]:
    found: dict[tuple[str, str], set[str]] = {}
    for provider, channel, _, event_id in operation_rows():
        found.setdefault((provider, event_id), set()).add(channel)
    return found


def channel_of(event_id: str, *, provider: str | None) -> str | None:
    """The log of an event whose channel nothing names, if only one log of its provider has this id."""
    logs = _channels_of_ids().get((provider or "", event_id), set())
    return next(iter(logs)) or None if len(logs) == 1 else None


def log_named(name: str, event_id: str, *, provider: str | None) -> str:
    """The log that a program names in its own language (`Program`, `Anwendung`), if only one has this event; others as they are."""
    known = {channel for _, channel, _, _ in operation_rows()}
    return name if name in known else channel_of(event_id, provider=provider) or name


@cache
def provider_named(name: str) -> str:
    """The full name of a provider that a program shows by a short one (`KDC`); others as they are."""
    return _full(name, kind="provider")


@cache
def channel_named(name: str) -> str:
    """The full name of a log that a program shows by a short one (`Sec`); others as they are."""
    return _full(name, kind="channel")


def _full(name: str, *, kind: str) -> str:
    return next((row["full"] for row in rows("shortnames") if (row["kind"], row["shown"]) == (kind, name)), name)


@cache
def provider_of(channel: str) -> str | None:
    """The provider of a log that is known to have one only; None for logs of many, such as Application."""
    found = {provider for (provider, log, _, _) in operation_rows() if log == channel}
    return next(iter(found)) if len(found) == 1 and "/" in channel else None


@cache
def _opcodes() -> dict[tuple[str, str], str]:
    return {(row["channel"], row["event_id"]): row["opcode"] for row in rows("operations") if row["opcode"]}


def opcode_of(event_id: str, *, channel: str | None) -> str | None:
    """The opcode that every event with this id in this log has; None if it can have any."""
    return _opcodes().get((channel or "", event_id))
