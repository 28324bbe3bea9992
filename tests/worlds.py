"""Worlds: random machines whose every second is known, and which Windows could have logged.

Threads work one task after the other; chains spend their budget as Windows gives it out; retrievals end
by their limit or before. What `outlines.events` writes of a world is all that capi2kit may see; the
calls themselves are the truth that it must not contradict.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from outlines import Call, join

URLS = [f"http://{host}.test/{name}.crl" for host in ("crl", "pki") for name in "ab"]


@dataclass
class _Thread:
    """A thread at work: its clock runs on as it calls."""

    dice: random.Random
    said: dict[str, object]
    now: float

    def idle(self, longest: float) -> None:
        self.now += self.dice.choice([0.0, 0.001, self.dice.random() * longest])

    def fetch(self, limit: float) -> Call:
        start = self.now
        self.now += self.dice.choice([0.0213, 0.3131, 4.9173, limit]) * self.dice.choice([1.0, self.dice.random()])
        timed_out = self.now >= start + limit
        self.now = min(self.now, start + limit)
        failed = {"result": "800705B4"} if timed_out else {"result": "80072EFD"} if self.dice.random() < 0.2 else {}
        url = self.dice.choice(URLS)
        return join(operation="RetrieveObjectFromNetwork", start=start, stop=self.now, url=url, **failed)

    def check(self, kind: str, *, given: float, since: float) -> Call:
        start, inner = self.now, []
        for _ in range(self.dice.choice([0, 1, 1, 2])):
            self.idle(0.03)
            if self.dice.random() < 0.4:
                begin = self.now
                self.idle(0.1)
                inner.append(join(operation="RetrieveObjectFromCache", start=begin, stop=self.now))
            else:
                limit = (given - (self.now - since)) / 2 if kind == "budget" else given
                inner.append(self.fetch(max(limit, 0.0)))
        self.idle(0.02)
        return join(*inner, operation="VerifyRevocation", start=start, stop=self.now)

    def chain(self, shared_budget: float) -> Call:
        kind, given = self.dice.choice([("budget", shared_budget), ("budget", shared_budget), ("each", 15.0)])
        start, inner = self.now, []
        if self.dice.random() < 0.15:
            self.idle(0.05)
            begin, found = self.now, self.fetch(15.0)
            found.said["timeout"] = "15"
            inner.append(join(found, operation="RetrieveIssuerCertificateFromNetwork", start=begin, stop=self.now))
        for _ in range(self.dice.choice([0, 1, 2, 3])):
            self.idle(0.03)
            inner.append(self.check(kind, given=given, since=start))
        self.idle(0.02)
        return join(*inner, operation="BuildChain", start=start, stop=self.now, **{kind: given})

    def task(self, shared_budget: float) -> Call:
        start, inner = self.now, []
        self.idle(0.5)  # hashing, which no record shows
        for _ in range(self.dice.choice([1, 1, 2])):
            inner.append(self.chain(shared_budget))
            self.idle(0.02)
        if len(inner) == 1 and self.dice.random() < 0.3:
            inner[0].said |= {name: str(value) for name, value in self.said.items()}
            inner[0].around = None
            return inner[0]
        target = f"C:\\app\\{self.dice.randrange(4)}.dll"
        return join(*inner, operation="VerifyTrust", start=start, stop=self.now, target=target, **self.said)


def build(dice: random.Random) -> list[Call]:
    """One or two processes with one or two threads each."""
    roots = []
    for pid in range(dice.choice([1, 2])):
        shared_budget = dice.choice([20.0, 20.0, 8.0, 12.5])
        host = dice.choice(["WEB01", "WEB02"])
        for tid in range(dice.choice([1, 2])):
            thread = _Thread(
                dice, {"host": host, "pid": 7, "process": f"p{pid}.exe", "tid": 10 * pid + tid}, dice.random()
            )
            for _ in range(dice.choice([1, 2, 3])):
                roots.append(thread.task(shared_budget))
                thread.idle(dice.choice([0.1, 5.0, 60.0]))
    return roots


# Every throw of the dice is drawn by hypothesis, so that a world that fails shrinks to the few calls that matter.
worlds = st.builds(build, st.randoms(use_true_random=False))

WORLDS = int(os.environ.get("CAPI2KIT_WORLDS", "20"))  # per property; `make slow` asks for 2,000
_PATIENT = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


def many_worlds(test: Callable) -> Callable:
    """A property of worlds: as many of them as are asked for, and slow ones are no failure."""
    return pytest.mark.worlds(settings(max_examples=WORLDS, deadline=None, suppress_health_check=_PATIENT)(test))


# ---- The truth of a world, beside what was recovered from its log.

TICK = 0.018  # a clock tick, and what a Timeout loses by being cut to milliseconds


def truths(world):
    """True seconds of each call by (task, SeqNumber of its stop record)."""
    found = {}
    for number, root in enumerate(world):
        place = 0

        def visit(call, number=number):
            nonlocal place
            place += 1
            for inner in call.inner:
                visit(inner)
            place += 1
            found[f"TASK-{number}", place] = call.stop - call.start

        visit(root)
    return found


def with_truth(table, log, world):
    """The rows of a table with the true seconds of the call that the stop record closes."""
    known = truths(world)
    seq = dict(zip(log["event"], zip(log.index.get_level_values("task_id"), log["seq"], strict=True), strict=True))
    return table.assign(truth=[known[seq[event]] for event in table.get("event", table.get("stop_event"))])
