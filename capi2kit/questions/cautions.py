"""Cautions: what a reader of the answer has to allow for: local times, records that are lost, a log that is not whole.

Input: the tables of a case. Output: sentences.
"""

from __future__ import annotations

from typing import Protocol

import pandas as pd

from capi2kit import words
from capi2kit.columns.zones import NAMED, UNKNOWN, only_zone, zones_named
from capi2kit.questions.coverage import coverage

_WHOLE = ("complete", "no operations")
_IS = {"excerpt": "an excerpt"}


class Read(Protocol):
    """What was read: the tables of a case that sentences are about."""

    @property
    def events(self) -> pd.DataFrame:
        """The events."""

    @property
    def sources(self) -> pd.DataFrame:
        """The files."""

    @property
    def problems(self) -> pd.DataFrame:
        """What could not be read."""

    @property
    def coverage(self) -> pd.DataFrame:
        """The stretches of log."""

    @property
    def settings(self) -> pd.DataFrame:
        """Settings beside the log."""

    @property
    def cache_entries(self) -> pd.DataFrame:
        """Entries of URL caches, and addresses that certutil fetched."""

    @property
    def verifications(self) -> pd.DataFrame:
        """Chains that certutil checked."""


def cautions(case: Read, *, tz: str) -> list[str]:
    """What to allow for: times in an unknown zone, records that are lost, a log that is not whole."""
    local = case.problems["error"].eq(UNKNOWN).any() or case.events["zone"].notna().any()
    found = [zone(case, tz=tz)] if local else []
    if lost := int(case.sources["lost"].sum()):
        promised = int(case.sources["promised"].sum())
        found.append(f"Note: {lost:,} of {words.count(promised, 'record')} could not be read; sums are a minimum.")
    support = coverage(case.coverage)
    damaged = support[~support["verdict"].isin(_WHOLE)].drop_duplicates("verdict")
    for row in damaged.to_dict("records"):
        found.append(
            f"Note: the log of {words.visible(row['host'])} is {_IS.get(row['verdict'], row['verdict'])}. Not in it: {row['does_not']}"
        )
    return found


def zone_notes(problems: pd.DataFrame) -> list[str]:
    """In which zones local times were read because other evidence names them."""
    return problems.loc[problems["error"] == NAMED, "message"].unique().tolist()


def zone(case: Read, *, tz: str) -> str:
    """The sentence on time zones: what local times were read as, and what the times shown are."""
    known, unread = only_zone(case.events, case.settings), case.problems["error"].eq(UNKNOWN).any()
    read = sorted(set(case.events["zone"].dropna()))
    if unread:
        names = ", ".join(zones_named(case.events, case.settings))
        hint = f" The evidence names {names}." if names else ""
        return f"Time zone: some files hold local times, and they were read as UTC: give their zone with --tz.{hint}"
    if read:
        named = read == [known] or case.problems["error"].eq(NAMED).any()
        why = ", which the evidence names" if named else ""
        return f"Time zone: local times were read in {', '.join(read)}{why}; times here are in {tz}."
    if known and known != tz:
        return f"Time zone: times here are in {tz}; the computer is in {known} (--tz {known})."
    return f"Time zone: times here are in {tz}." + (" Give --tz for another one." if tz == "UTC" else "")
