"""What if: the seconds that each remedy would save, alone and together.

A finding cites the waits behind its cost; a remedy says what becomes of such waits (`becomes` in its
file). The waits are replayed with that change, and everything in a thread begins earlier by what was
saved before it. Threads are assumed to be independent of each other, so a start-up is over when the
last one is; if they wait for each other, more is saved, up to the bound.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import NamedTuple

import numpy as np
import pandas as pd

from capi2kit.columns.cells import empty, numbers_in, rows_in, shaped
from capi2kit.columns.instants import SECOND, TICK_S
from capi2kit.columns.keys import lanes, match
from capi2kit.diagnosis.fixes import Fix, fixes_of
from capi2kit.diagnosis.replay import BELIEVED, FOREVER, SEEN, Change, Replay, Run, likely
from capi2kit.diagnosis.timeline import ROOT_LIST, WAIT, Timeline, read_timeline
from capi2kit.errors import NoEvents
from capi2kit.questions.per_startup import Saved, Threads, most_waiting, moved, rows_of, threads_of
from capi2kit.words import visible

TOGETHER = "first remedies together"
_SPARED = "not asked"  # what becomes of a retrieval that a program no longer makes
_SHOWN = 5  # servers that an error names
_NOBODY_KNOWS = {"saved_s": None, "wall_after_s": None, "waiting_after_s": None}


class _Step(NamedTuple):
    """A remedy to try: its name and title, the findings it answers, what becomes of waits, and of each one."""

    fix: str
    title: str
    rules: tuple[str, ...]
    becomes: str | None
    changes: list[Change | None]


class _Case(NamedTuple):
    """What happened, able to happen again; `rows`: the start-ups one by one; `answered`: the computers to which some server answered;
    `most`: how long each start-up can have waited at most, in s."""

    again: Replay
    threads: Threads
    spans: pd.DataFrame
    startups: pd.DataFrame
    rows: list[dict]
    answered: frozenset[str]
    most: np.ndarray


def whatif(
    findings: pd.DataFrame,
    *,
    spans: pd.DataFrame,
    waits: pd.DataFrame,
    startups: pd.DataFrame,
    servers: tuple[str, ...] = (),
) -> pd.DataFrame:
    """The seconds that each remedy of the findings would save.

    Parameters
    ----------
    findings, spans, waits, startups : tables of one analysis.
    servers : the remedies are for these servers only (names as in `url_host`); all if empty.

    Returns
    -------
    whatif : DataFrame
        One row per remedy and start-up that it changes, in the columns of table `whatif`: first all of them
        together (for each finding its first remedy), then each alone, those that save most first.
        `saved_s` lies between `low_s` and `high_s`; it is less than 0 if a remedy costs time.
    """
    case = _case_of(spans, waits, startups=startups)
    timeline = case.again.timeline
    asked = timeline.kind == WAIT
    steps = [
        step._replace(changes=_spread(step.changes, timeline, spans=spans))
        for step in _steps(findings, waits.iloc[timeline.wait[asked]], servers=servers)
    ]
    rows = [row for step in steps for row in _rows(step, case)]
    if not rows:
        return empty("whatif")
    return shaped(_ordered(pd.DataFrame(rows)), "whatif")


def servers_meant(waits: pd.DataFrame, servers: Sequence[str] | str) -> tuple[str, ...]:
    """Names of servers as the waits have them, in any case. Raises NoEvents for one that nobody asked, with those like it."""
    known = {str(host).lower(): str(host) for host in waits["url_host"].dropna().unique()}
    asked = [servers] if isinstance(servers, str) else list(servers)
    for name in asked:
        if str(name).lower() not in known:
            near = get_close_matches(str(name).lower(), known, n=3) or sorted(known)[:_SHOWN]
            like = ", ".join(visible(known[one]) for one in near)
            raise NoEvents(f"no retrieval asked the server {visible(name)!r}; there are {len(known)}, such as {like}")
    return tuple(known[str(name).lower()] for name in asked)


def _ordered(table: pd.DataFrame) -> pd.DataFrame:
    """All remedies together first, then those that save most."""
    total = table.groupby("fix")["saved_s"].transform("sum")
    order = pd.DataFrame({"alone": table["fix"] != TOGETHER, "total": -total, "saved": -table["saved_s"]})
    order["fix"] = table["fix"]
    places = order.sort_values(["alone", "total", "fix", "saved"], kind="stable").index
    return table.loc[places].reset_index(drop=True)


def _case_of(spans: pd.DataFrame, waits: pd.DataFrame, *, startups: pd.DataFrame) -> _Case:
    timeline = read_timeline(spans, waits, calls=True)
    threads = threads_of(spans, timeline, startups=startups)
    exact = np.append(
        waits["quality"].eq("exact").to_numpy(bool, na_value=False), [True]
    )  # at the end: a call that did not wait
    answered = waits.loc[waits["outcome"].eq("ok").to_numpy(bool, na_value=False), "host"]
    return _Case(
        Replay(timeline),
        threads,
        spans,
        startups,
        rows_in(startups),
        frozenset(answered.unique()),
        most_waiting(timeline, threads, sure=exact[timeline.wait], count=len(startups)),
    )


def _steps(findings: pd.DataFrame, waits: pd.DataFrame, *, servers: tuple[str, ...]) -> Iterator[_Step]:
    """All remedies together, then each alone. `waits` are in the timeline's order."""
    place = {event: i for i, event in enumerate(waits["event"].tolist())}
    meant = waits["url_host"].isin(servers).tolist() if servers else [True] * len(waits)
    roles, outcomes = (waits[name].fillna("").tolist() for name in ("url_role", "outcome"))
    own_limit = waits["url_role"].eq(ROOT_LIST).to_numpy(bool, na_value=False)
    together: list[Change | None] = [None] * len(waits)
    single: dict[Fix, tuple[list[str], list[Change | None]]] = {}
    for rule, ids, cited in zip(findings["rule"], findings["fixes"], findings["waits"], strict=True):
        events = numbers_in(cited)
        mine = [place[event] for event in events if event in place and meant[place[event]]]
        first = True
        for fix in fixes_of(ids) if mine else ():
            if not fix.becomes or (servers and fix.limit_s):  # a limit is for no server alone
                continue
            names, changes = single.setdefault(fix, ([], [None] * len(waits)))
            names.append(rule)
            everywhere = range(0 if len(names) > 1 else len(waits))  # a limit is for all, and the first time enough
            for i in everywhere if fix.limit_s else mine:
                if (fix.roles and roles[i] not in fix.roles) or outcomes[i] in fix.not_for:
                    continue
                change = Change(fix.becomes, fix.limit_s, perhaps=bool(fix.limit_s and own_limit[i]))
                changes[i] = change
                if first and (together[i] is None or change.word == _SPARED):  # what is not asked needs no answer
                    together[i] = change
            first = False
    if len(single) > 1:
        rules = dict.fromkeys(name for names, _ in single.values() for name in names)
        yield _Step(TOGETHER, "The first remedy of each finding", tuple(rules), None, together)
    for fix, (names, changes) in single.items():
        yield _Step(fix.id, fix.title, tuple(dict.fromkeys(names)), fix.becomes, changes)


def _spread(changes: list[Change | None], timeline: Timeline, *, spans: pd.DataFrame) -> list[Change | None]:
    """The changes of the waits, for all calls of a timeline: a call that did not wait shares that of the failure it echoes.

    A program that no longer asks spares only calls of its own kind.
    """
    made: list[Change | None] = [None] * len(timeline)
    for place, change in zip(np.flatnonzero(timeline.kind == WAIT).tolist(), changes, strict=True):
        made[place] = change
    root = match([spans["root"].to_numpy()[timeline.at]], [spans["span"].to_numpy()])
    kind = [*spans["operation"].tolist(), None]
    for i in np.flatnonzero(timeline.kind != WAIT).tolist():
        like = int(timeline.like[i])
        change = made[like]
        if change and (change.word != _SPARED or kind[root[i]] == kind[root[like]]):
            made[i] = change
    return made


def _checks_spared(step: _Step, case: _Case) -> np.ndarray:
    """For each start-up the seconds that calls which are made no more took for themselves, beside their waits; at most."""
    spans, seconds = case.spans, np.zeros(len(case.startups))
    none = [i for i, change in enumerate(step.changes) if change and change.word == _SPARED]
    if not none:
        return seconds
    kind = lanes(spans, ["host", "process", "pid", "operation"])
    root = match([spans["root"].to_numpy()[case.again.timeline.at[none]]], [spans["span"].to_numpy()])
    own = (spans["high_s"].fillna(spans["duration_s"]) - spans["wait_s"].fillna(0)).to_numpy("float64", na_value=0.0)
    row = rows_of(spans["startup"], case.startups)
    gone = np.isin(kind, kind[root]) & (spans["depth"] == 0).to_numpy() & (row >= 0)
    np.add.at(seconds, row[gone], np.maximum(own[gone], 0.0))
    return seconds


def _rows(step: _Step, case: _Case) -> Iterator[dict[str, object]]:
    """What a remedy does to each start-up whose waits it changes, and to the waits outside all of them."""
    timeline, threads, startups = case.again.timeline, case.threads, case.startups
    runs = _runs(timeline)
    after = [case.again(step.changes, run) for run in runs]
    done = [
        moved(timeline, threads, before=run.length, after=new, count=len(startups))
        for run, new in zip(runs, after, strict=True)
    ]
    best, spared, waited = done[0], _checks_spared(step, case), timeline.kind == WAIT
    changed = np.abs(after[0] - timeline.length.best) > 0
    startup = np.append(threads.startup, -1)[threads.of_wait]
    said = {"fix": step.fix, "title": step.title, "rules": " ".join(step.rules), "becomes": step.becomes}
    touched, had, has = (_counts(startup, some, count=len(startups)) for some in (changed, waited, after[0] > 0))
    unknown = _unknown(step, case, startup=startup)
    for row in np.flatnonzero(touched).tolist():
        one = case.rows[row]
        ticks = TICK_S * int(touched[row])  # even an exact length is one within a tick
        saved, low, high = _saved(done, row, spared=spared[row])
        yield (
            said
            | {name: one[name] for name in ("startup", "host", "process", "pid", "wall_s")}
            | {
                "waiting_s": one["waiting_wall_s"],
                "saved_s": saved,
                "low_s": min(low, saved) - ticks,
                "high_s": max(min(high + ticks, case.most[row] + spared[row], float(one["wall_s"])), saved),
                "wall_after_s": max(float(one["wall_s"]) - saved, 0.0),
                "waiting_after_s": best.waiting[row] / SECOND,
                "waits": int(had[row]),
                "waits_after": int(has[row]),
            }
            | (_NOBODY_KNOWS if row in unknown else {})
        )
    outside = changed & (startup < 0)
    if outside.any():
        sums = [float((run.length - new)[outside].sum()) for run, new in zip(runs, after, strict=True)]
        yield said | {
            "saved_s": sums[0], "low_s": min(sums), "high_s": max(sums),
            "waits": int(((startup < 0) & waited).sum()), "waits_after": int(((startup < 0) & (after[0] > 0)).sum()),
        }  # fmt: skip


def _saved(done: list[Saved], row: int, *, spared: float) -> tuple[float, float, float]:
    """The seconds that a start-up takes less: likely, at least, at most; `spared`: at most so many beside the waits."""
    best, bad, good = done[0], done[1:3], done[3:]
    low = min(one.wall[row] for one in bad) / SECOND
    return best.wall[row] / SECOND, low, max(max(one.most[row], one.wall[row]) for one in good) / SECOND + spared


def _counts(startup: np.ndarray, some: np.ndarray, *, count: int) -> np.ndarray:
    """How many of some calls each start-up has."""
    return np.bincount(startup[some & (startup >= 0)], minlength=count)


def _unknown(step: _Step, case: _Case, *, startup: np.ndarray) -> set[int]:
    """The start-ups in which a remedy lets somebody ask a server of which nobody knows whether it can be reached."""
    again = [i for i, change in enumerate(step.changes) if change and change.word == "asked again"]
    rows = {int(row) for row in startup[again] if row >= 0}
    return {row for row in rows if case.rows[row]["host"] not in case.answered}


def _runs(timeline: Timeline) -> list[Run]:
    """The likely run, two that save little, two that save much: what is not known turns out badly or well."""
    length, usual, refusal = timeline.length, timeline.usual, timeline.refusal
    return [
        likely(timeline),
        *(Run(length.low, usual.high, refusal.high, memory, hopes=-1) for memory in (BELIEVED, SEEN)),
        *(Run(length.high, usual.low, refusal.low, memory, hopes=1) for memory in (BELIEVED, FOREVER)),
    ]
