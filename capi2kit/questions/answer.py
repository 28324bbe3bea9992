"""Answer: what the analysis comes down to. The cause, what it costs one start-up and all processes, the first remedy, and what that saves.

Input: the tables of an analysis. Output: `Answer`, whose parts every output begins with. Nothing here writes a sentence: `sentences` does.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from capi2kit.columns.cells import integers, rows_in
from capi2kit.columns.instants import SECOND, nanoseconds
from capi2kit.columns.intervals import covered
from capi2kit.columns.keys import match
from capi2kit.diagnosis.fixes import KINDS, Fix, fixes_of
from capi2kit.diagnosis.names import merged, names_in
from capi2kit.diagnosis.steps import Names
from capi2kit.questions.leading import BENIGN, LOW, Cause, causes_in, leading
from capi2kit.questions.waiting import Waiting, waiting
from capi2kit.questions.whatif import whatif

WRONG, MINOR, HARMLESS, WELL, NOTHING = "wrong", "minor", "harmless", "well", "nothing"
_LENGTHS = ["wait_s", "low_s", "high_s"]


class Charge(NamedTuple):
    """A cause and what it costs one start-up.

    `startup`: the row of `startups`, None if its waits are in none, or it has no waits. `here_s`: seconds of that start-up in which
    at least one of its waits was open, between `least_s` and `most_s`; NaN without a start-up. `hosts`: computers it is found on.
    `shares`: whether most of its waits are those of a cause before it, so that their seconds must not be added.
    """

    cause: Cause
    startup: dict[Any, Any] | None
    here_s: float
    least_s: float
    most_s: float
    shares: bool


class Answer(NamedTuple):
    """What the analysis comes down to.

    `verdict`: WRONG, MINOR (nothing urgent), HARMLESS (only what looks like an error), WELL, or NOTHING (no operation to time).
    `charges`: all causes, the leading ones first, of which the headline names the first `named`. `startup`: the row of the start-up
    that it is about, of `starts`: the one that the named causes cost most, else the one that waited longest, else the longest; None
    without a start-up. `waiting`: its waits in figures, those of the whole log if it has none. `first`: the remedy to begin with, with
    `names` for its lines. `effects`: rows of `whatif` for that start-up; `effect`: the one of the first remedy. `operations`,
    `retrievals`: how many there are in all.
    """

    verdict: str
    charges: tuple[Charge, ...]
    named: int
    startup: dict[Any, Any] | None
    waiting: Waiting
    first: Fix | None
    names: Names
    effects: pd.DataFrame
    effect: dict[Any, Any] | None
    starts: int
    operations: int
    retrievals: int


def answer(
    findings: pd.DataFrame, *, spans: pd.DataFrame, waits: pd.DataFrame, startups: pd.DataFrame, effects: bool = True
) -> Answer:
    """What the tables of one analysis come down to.

    Parameters
    ----------
    findings, spans, waits, startups : its tables; nothing in them is changed.
    effects : also calculate what the remedies save.

    Returns
    -------
    Answer : see there. Without `effects` its table of that name is empty.
    """
    causes = causes_in(findings)
    named = leading(causes)
    order = [*named, *(one for one in causes if one not in named)]
    rows: list[dict[Any, Any]] = rows_in(startups)
    charges = _charges(order, waits=waits, startups=startups, rows=rows)
    meant = next((one.startup for one in charges[: len(named)] if one.startup), None)
    number = int(meant["startup"]) if meant else None
    figures = waiting(spans, waits, startups=startups, number=number, harmless=_harmless(causes))
    if meant is None:
        meant = max(rows, key=lambda row: (row["waiting_wall_s"], row["wall_s"]), default=None)
    remedy, names = _first(named, findings)
    table = whatif(findings if effects else findings.head(0), spans=spans, waits=waits, startups=startups)
    mine = table[table["startup"].eq(meant["startup"]).fillna(False)] if meant else table.head(0)
    of_first = rows_in(mine[mine["fix"] == (remedy.id if remedy else None)])
    return Answer(
        _verdict(named, spans),
        charges,
        len(named),
        startup=meant,
        waiting=figures,
        first=remedy,
        names=names,
        effects=mine,
        effect=dict(of_first[0]) if of_first else None,
        starts=len(startups),
        operations=len(spans),
        retrievals=len(waits),
    )


def _verdict(named: tuple[Cause, ...], spans: pd.DataFrame) -> str:
    if not named:
        return WELL if len(spans) else NOTHING
    severities = {one.severity for one in named}
    if severities <= {BENIGN}:
        return HARMLESS
    return MINOR if severities <= {LOW, BENIGN} else WRONG


def _harmless(causes: list[Cause]) -> set[int]:
    """The events that only harmless findings cite."""
    cited: dict[bool, set[int]] = {True: set(), False: set()}
    for one in causes:
        cited[one.severity == BENIGN].update(one.evidence)
    return cited[True] - cited[False]


def _first(named: tuple[Cause, ...], findings: pd.DataFrame) -> tuple[Fix | None, Names]:
    """The remedy to begin with: the first cure of the named causes, else their first remedy; and the names for its lines."""
    offered = [(fix, cause) for cause in named for fix in fixes_of(cause.fixes) if fix.kind != KINDS[-1]]
    best = next((one for one in offered if one[0].kind == KINDS[0]), offered[0] if offered else None)
    places = [row for cause in named if best and best[0].id in cause.fixes.split() for row in cause.rows]
    return (best[0] if best else None), merged(names_in(text) for text in findings["names"].iloc[places])


def _charges(
    causes: list[Cause], *, waits: pd.DataFrame, startups: pd.DataFrame, rows: list[dict[Any, Any]]
) -> tuple[Charge, ...]:
    """What each cause costs: of the start-up that the first one costs most, else of the one that it costs most itself."""
    owner = match([integers(waits["startup"])], [startups["startup"].to_numpy("int64")])
    event = waits["event"].to_numpy("int64")
    begin, end = nanoseconds(waits["start"]), nanoseconds(waits["stop"])
    sure = waits["quality"].eq("exact").to_numpy(bool, na_value=False)
    charges: list[Charge] = []
    before: set[int] = set()
    main = -1
    for cause in causes:
        mine = np.isin(event, list(cause.waits)) & (owner >= 0)
        ns = covered(owner=owner[mine], begin=begin[mine], end=np.maximum(begin, end)[mine], count=len(rows))
        shares = bool(cause.waits) and len(cause.waits & before) * 2 >= len(cause.waits)
        before |= cause.waits
        if not ns.any():
            charges.append(Charge(cause, None, np.nan, np.nan, np.nan, shares))
            continue
        place = main if main >= 0 and ns[main] else int(ns.argmax())
        main = place if main < 0 else main
        seconds = float(ns[place]) / SECOND
        inside = mine & (owner == place)
        least, most = (seconds, seconds) if sure[inside].all() else _bounds(waits[_LENGTHS][inside], seconds)
        charges.append(Charge(cause, rows[place], seconds, least, min(most, rows[place]["wall_s"]), shares))
    return tuple(charges)


def _bounds(waits: pd.DataFrame, seconds: float) -> tuple[float, float]:
    """At least and at most as long, by what its waits may have taken less or more."""
    known = waits["wait_s"].astype("float64").fillna(0.0)
    less = float((known - waits["low_s"].astype("float64")).clip(lower=0).sum())
    more = float((waits["high_s"].astype("float64") - known).clip(lower=0).sum())
    return max(seconds - less, 0.0), seconds + more
