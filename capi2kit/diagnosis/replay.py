"""Replay: how long the start-ups would have taken if some retrievals had ended differently.

Input: a timeline of waits, and for each what becomes of it. The waits are taken in time order, each thread earlier by what
was saved in it before, and a change affects what comes after it as in Windows:

* a fetched object stays cached, so the account (or, if it cannot store, the process) does not ask again;
* once a revocation check has its answer, it asks no further URL; a list answers for all that its issuer issued;
* in a chain with one budget each URL is given half of what is left: a second saved before a retrieval that ends at its limit makes
  that one half a second longer;
* a failed check is remembered for a while, and a retrieval whose caller gave up still runs: what is asked meanwhile fails at once.

How long a failure is remembered is read from the log where it tells. If nothing changes, every wait keeps its length, whatever is
believed. Nothing here reads a file, knows an event id or draws.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import NamedTuple

import numpy as np

from capi2kit.columns.instants import SECOND, TICK_S
from capi2kit.diagnosis.memory import steps_of
from capi2kit.diagnosis.timeline import CHECK, WAIT, Timeline

BELIEVED, SEEN, FOREVER = "believed", "as seen", "forever"  # how long a failure is remembered after a change
_ALWAYS = float("inf")
_FOR_EVER = (_ALWAYS,)


class Change(NamedTuple):
    """What becomes of a wait: one of `fixes.BECOMES`, and for `limited` the seconds that a URL gets.

    `perhaps`: whether it changes at all is not known; it does only in a replay that hopes for the best.
    """

    word: str
    limit_s: float = 0.0
    perhaps: bool = False


class Run(NamedTuple):
    """Which of the estimates a replay uses: lengths of the waits, of an answer and of a refusal; the memory of failures; hope."""

    length: np.ndarray
    usual: np.ndarray
    refusal: np.ndarray
    memory: str = BELIEVED
    hopes: int = 0  # what is not known turns out: 1 well, -1 badly, 0 as is likely


def likely(timeline: Timeline) -> Run:
    """The run with the best estimate of everything."""
    return Run(timeline.length.best, timeline.usual.best, timeline.refusal.best)


@dataclass
class _State:
    """The effects of the changes so far: what is cached, which checks have their answer, what is remembered, seconds saved."""

    account: set[int] = field(default_factory=set)
    process: set[int] = field(default_factory=set)
    issuer_account: set[int] = field(default_factory=set)
    issuer_process: set[int] = field(default_factory=set)
    answered: set[int] = field(default_factory=set)
    saved: dict[int, float] = field(default_factory=dict)  # per chain
    earlier: dict[int, float] = field(default_factory=dict)  # per thread
    memory: dict[int, tuple[float, float]] = field(default_factory=dict)  # from when until when a failure is remembered
    ended: dict[int, float] = field(default_factory=dict)  # when that failure came if nothing changes
    failures: dict[int, int] = field(default_factory=dict)
    failing: dict[int, int] = field(default_factory=dict)  # the last failed check of what is remembered together
    cost: dict[int, float] = field(default_factory=dict)  # what each failed check cost
    quiet: dict[int, bool] = field(default_factory=dict)  # checks that ask nobody, since a failure is remembered
    runs: dict[int, float] = field(default_factory=dict)  # until when a retrieval runs whose caller gave up

    def spares(self, timeline: Timeline, i: int) -> bool:
        """Whether a wait is no longer needed."""
        return (
            int(timeline.check[i]) in self.answered
            or int(timeline.process[i]) in self.process
            or int(timeline.account[i]) in self.account
            or int(timeline.issuer_process[i]) in self.issuer_process
            or int(timeline.issuer_account[i]) in self.issuer_account
        )

    def came(self, timeline: Timeline, i: int, *, stored: bool) -> None:
        """Note an object that is now fetched or present, and was not fetched or not cached before."""
        known = [(self.process, timeline.process), *([(self.account, timeline.account)] if stored else [])]
        if timeline.is_list[i]:
            known.append((self.issuer_process, timeline.issuer_process))
            known += [(self.issuer_account, timeline.issuer_account)] if stored else []
        for kept, numbers in known:
            if numbers[i] >= 0:
                kept.add(int(numbers[i]))
        self.answer(timeline, i)

    def answer(self, timeline: Timeline, i: int) -> None:
        """Note that the check around a call has its answer."""
        if timeline.check[i] >= 0:
            self.answered.add(int(timeline.check[i]))


class Replay:
    """A timeline that can happen again. What the log says of the memory of failures is read once."""

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline
        self._remembers = bool((timeline.kind != WAIT).any())  # else no call here shows a memory
        self._steps = steps_of(timeline) if self._remembers else ()
        self._odd: dict[int, np.ndarray] = {}

    def __call__(self, changes: list[Change | None], run: Run | None = None) -> np.ndarray:
        """The length of each wait in s after the `changes` (None: none), in the timeline's order. `run`: the likely one if None."""
        run = run or likely(self.timeline)
        kept = np.ones(len(self.timeline), bool) if not self._remembers or run.memory == SEEN else self._as_it_was(run)
        steps = _FOR_EVER if run.memory == FOREVER else self._steps
        then = _Pass(self.timeline, run=run, steps=steps, kept=kept)
        return then.play(changes)

    def _as_it_was(self, run: Run) -> np.ndarray:
        """The calls that did not do what is believed of them: whatever changes, they do the same again."""
        if id(run.length) not in self._odd:
            before = _Pass(self.timeline, run=run, steps=self._steps, kept=np.ones(len(self.timeline), bool))
            before.play([None] * len(self.timeline))
            self._odd[id(run.length)] = before.believed != (self.timeline.kind == WAIT)
        return self._odd[id(run.length)]


def replay(timeline: Timeline, changes: list[Change | None], *, run: Run | None = None) -> np.ndarray:
    """`Replay`, once."""
    return Replay(timeline)(changes, run)


class _Pass:
    """One time through a timeline. `kept`: the calls that ask, or do not, as they did."""

    def __init__(self, timeline: Timeline, *, run: Run, steps: tuple[float, ...], kept: np.ndarray) -> None:
        self.timeline, self.run, self.steps, self.kept = timeline, run, steps, kept
        self.state = _State()
        self.believed = np.zeros(len(timeline), bool)  # whether each call asks, by what is believed
        self._start = timeline.start / SECOND
        _, self._checks = np.unique(timeline.check, return_inverse=True)
        self._cost_of = np.bincount(self._checks, weights=run.length).tolist() if len(timeline) else []
        known = timeline.runs_on[~np.isnan(timeline.runs_on)]
        self._runs = float(np.median(known)) if len(known) else 0.0  # none runs on where no record shows it

    def play(self, changes: list[Change | None]) -> np.ndarray:
        """Let every call happen; returns the new lengths."""
        timeline, state = self.timeline, self.state
        new = np.zeros(len(timeline))
        for i, change in enumerate(changes):
            if change and change.word == "found":  # it is there from the start
                state.came(timeline, i, stored=True)
        for i in self._in_turn():
            new[i] = self._call(i, changes[i])
            less = float(self.run.length[i] - new[i])
            if less:
                thread = int(timeline.thread[i])
                state.earlier[thread] = state.earlier.get(thread, 0.0) + less
            if timeline.accumulative[i]:
                chain = int(timeline.chain[i])
                state.saved[chain] = state.saved.get(chain, 0.0) + less
        return new

    def _in_turn(self) -> Iterator[int]:
        """All calls, the one whose time comes first now; within a thread in their order."""
        if not len(self.timeline):
            return
        threads: dict[int, Iterator[int]] = {}
        order = np.argsort(self.timeline.thread, kind="stable")
        for mine in np.split(order, np.flatnonzero(np.diff(self.timeline.thread[order])) + 1):
            threads[int(self.timeline.thread[mine[0]])] = iter(mine.tolist())
        queue: list[tuple[float, int]] = []
        ready = list(threads)
        while ready or queue:
            for thread in ready:
                if (i := next(threads[thread], None)) is not None:
                    heappush(queue, (self._now(i), i))
            if not queue:
                return
            _, i = heappop(queue)
            yield i
            ready = [int(self.timeline.thread[i])]

    def _now(self, i: int) -> float:
        """When a call begins now, in s."""
        return float(self._start[i]) - self.state.earlier.get(int(self.timeline.thread[i]), 0.0)

    def _call(self, i: int, change: Change | None) -> float:
        """How long one call takes now."""
        timeline, state = self.timeline, self.state
        waited, like = timeline.kind[i] == WAIT, int(timeline.like[i])
        now = self._now(i)
        self.believed[i] = not self._comes_back(i, now)
        if state.spares(timeline, i) or (like >= 0 and state.spares(timeline, like)):
            state.answer(timeline, i)
            return 0.0
        if not (waited if self.kept[i] else self.believed[i]) or (change and change.word == "not asked"):
            return 0.0
        length, came = self._changed(i, change) if waited else self._in_its_place(i, like, change=change)
        if came:
            for place in {i, i if waited else like}:
                state.came(
                    timeline, place, stored=bool(change and change.word != "answered") or bool(timeline.stores[place])
                )
        elif timeline.failed[i]:
            self._failed(i, now, length=length, change=change)
        return length

    def _comes_back(self, i: int, now: float) -> bool:
        """Whether a call comes back at once: its server is remembered as offline, or a retrieval of its URL still runs."""
        timeline, state = self.timeline, self.state
        key, check = int(timeline.remembers[i]), int(timeline.check[i])
        url = int(timeline.process[timeline.like[i] if timeline.kind[i] == CHECK else i])
        if key >= 0 and check not in state.quiet:
            since, until = state.memory.get(key, (0.0, 0.0))
            state.quiet[check] = since - TICK_S <= now < until and self._sooner(i, now - since)
        return (key >= 0 and state.quiet[check]) or (url >= 0 and now < state.runs.get(url, 0.0))

    def _sooner(self, i: int, after: float) -> bool:
        """Whether a call comes sooner after the failure that is remembered than it did: if not, and it asked, that was forgotten."""
        ended = self.state.ended.get(int(self.timeline.remembers[i]), -_ALWAYS)
        return self.steps != _FOR_EVER or self.timeline.kind[i] != WAIT or after < self._start[i] - ended - TICK_S

    def _in_its_place(self, i: int, like: int, *, change: Change | None) -> tuple[float, bool]:
        """How long a call takes that now asks: as the wait that it echoed, if that has changed; else as the last one like it."""
        timeline, state = self.timeline, self.state
        length, came = self._changed(i, change)
        if came:
            return length, True
        if timeline.kind[i] == CHECK:
            last = state.failing.get(int(timeline.remembers[i]), -1)
            return state.cost.get(last, self._cost_of[self._checks[like]]), False
        return length, False

    def _failed(self, i: int, now: float, *, length: float, change: Change | None) -> None:
        """Remember a failure, and the retrieval that runs on."""
        timeline, state = self.timeline, self.state
        key, check, url = int(timeline.remembers[i]), int(timeline.check[i]), int(timeline.process[i])
        if key >= 0:
            if check not in state.cost:
                state.failures[key], state.failing[key] = state.failures.get(key, 0) + 1, check
            state.cost[check] = state.cost.get(check, 0.0) + length
            if self.steps:
                step = self.steps[min(state.failures[key], len(self.steps)) - 1]
                state.memory[key] = (now + length, now + length + step)
                state.ended[key] = float(self._start[i]) + self._before(i)
        if url >= 0:
            runs_on = float(timeline.runs_on[i])
            if self._at_limit(i) and (change is None or change.word == "limited") and self._runs:
                state.runs[url] = now + (self._runs if np.isnan(runs_on) else runs_on)

    def _before(self, i: int) -> float:
        """How long a call takes if nothing changes: one that did not wait its limit, if the one that it echoed took its own."""
        timeline, like = self.timeline, int(self.timeline.like[i])
        if like < 0:
            return float(self.run.length[i])
        given = float(timeline.given[i])
        return given if self._at_limit(i) and not np.isnan(given) else float(self.run.length[like])

    def _changed(self, i: int, change: Change | None) -> tuple[float, bool]:
        """How long a wait that is still needed takes, and whether something came that had not."""
        timeline, run = self.timeline, self.run
        length, usual = self._before(i), float(run.usual[i])
        word = change.word if change and not (change.perhaps and run.hopes <= 0) else ""
        saved = self.state.saved.get(int(timeline.chain[i]), 0.0) if timeline.accumulative[i] else 0.0
        if word == "asked again":
            return (float(np.nan_to_num(timeline.given[i])), False) if run.hopes < 0 else (usual, True)
        if word in ("answered", "kept", "found"):
            return {"answered": usual, "kept": length, "found": 0.0}[word], True
        if word == "refused":
            return min(float(run.refusal[i]), length), False
        if word == "limited" and change:
            if run.hopes < 0 and not timeline.failed[i]:
                return (
                    length,
                    False,
                )  # what came in time before is cut off now, and asked for again: nobody knows how often
            return min(length, _limit(timeline, i, limit_s=change.limit_s, saved=saved)), False
        return max(length + saved / 2, 0.0) if self._at_limit(i) else length, False

    def _at_limit(self, i: int) -> bool:
        """Whether a call ends at its limit if nothing changes: one that did not wait does as the one that it echoed."""
        like = int(self.timeline.like[i])
        return bool(self.timeline.at_limit[like if like >= 0 else i])


def _limit(timeline: Timeline, i: int, *, limit_s: float, saved: float) -> float:
    """The limit of a URL if each got `limit_s` at most, and a chain with one budget twice that."""
    if not timeline.accumulative[i]:
        return limit_s
    used = float(timeline.budget[i] - 2 * timeline.given[i]) - saved
    return limit_s if np.isnan(used) else max(limit_s - used / 2, 0.0)
