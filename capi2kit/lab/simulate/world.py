"""Worlds: everything that exists while a scenario happens, and the order in which threads run.

A thread is a generator that yields how many ticks it takes for what it does;
the one whose time comes first goes on. So what one process puts into a shared
cache is there for the next one, and not before.
"""

from __future__ import annotations

import heapq
from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from capi2kit.lab.scenario import Account, Process, Scenario, windows
from capi2kit.lab.simulate.authorities import Signed, build_authorities
from capi2kit.lab.simulate.caches import Disk, Memory, fill_disk
from capi2kit.lab.simulate.logbook import Caller, Logbook, Task, started
from capi2kit.lab.simulate.randomness import Randomness

Steps = Generator[int, None, None]
EPOCH = datetime(1601, 1, 1)
_ENDS = ("trust", "chain", "check", "cached", "wire", "issuer", "root")  # forms that end the innermost call


def ticks_of(moment: datetime) -> int:
    """A UTC time as FILETIME ticks."""
    return (moment.replace(tzinfo=None) - EPOCH) // timedelta(microseconds=1) * 10


@dataclass
class Operation:
    """Something that really happened, from when to when; `record` is its stop record, if it left one."""

    name: str
    host: str
    process: str
    pid: int
    tid: int
    task_id: str
    start: int
    stop: int | None = None
    record: int | None = None
    facts: dict[str, object] = field(default_factory=dict)


@dataclass
class Running:
    """A process: its memory, its first chain still to come."""

    process: Process
    account: Account
    memory: Memory = field(default_factory=dict)
    first_chain: bool = True


@dataclass
class Offline:
    """A server that a process remembers as offline: until when, and how often it has failed."""

    until: int
    failures: int


@dataclass
class Thread:
    """A thread of a process on a computer, and the dice it throws."""

    world: World
    log: Logbook
    running: Running
    caller: Caller
    dice: Randomness
    in_startup: bool = True
    calls: list[Operation] = field(default_factory=list)

    @property
    def now(self) -> int:
        """True time."""
        return self.world.now

    def own(self, drawn: int) -> int:
        """How long the program takes for itself: as long as in the world that this one is compared with, if there is one."""
        key = f"{self.running.process.id} {self.caller.tid}"
        before = self.world.before.get(key, [])
        mine = self.world.own.setdefault(key, [])
        mine.append(before[len(mine)] if len(mine) < len(before) else drawn)
        return mine[-1]

    def task(self) -> Task:
        """A new outermost call."""
        return Task(self.dice.guid())

    def begin(self, form: str, task: Task) -> None:
        """Log a start record."""
        self.log.begin(form, self.now, task=task, caller=self.caller)

    def write(self, form: str, task: Task, **facts: object) -> int | None:
        """Log any other record; returns its number."""
        if form in _ENDS and self.log.host.measures:
            begun = self.calls[-1].start
            facts |= {"measured_start": self.log.clock.exact(begun), "measured": self.now - begun}
        return self.log.write(form, self.now, facts=facts, task=task, caller=self.caller)

    def open(self, name: str, task: Task) -> Operation:
        """Note that an operation begins now."""
        who = self.caller
        made = Operation(name, self.log.host.name, who.process, who.pid, who.tid, task.id, self.now)
        made.facts["startup"] = self.in_startup
        self.calls.append(made)
        self.world.operations.append(made)
        return made

    def close(self, operation: Operation, record: int | None) -> None:
        """Note that it ends now, and which record says so."""
        self.calls.remove(operation)
        operation.stop, operation.record = self.now, record


class World:
    """A scenario while it happens. `like`: another one in which the programs took the same time for themselves."""

    def __init__(self, scenario: Scenario, *, like: World | None = None) -> None:
        self.scenario = scenario
        self.own: dict[str, list[int]] = {}
        self.before = like.own if like else {}
        self.begins = self.now = ticks_of(scenario.begins)
        self.operations: list[Operation] = []
        self.authorities: dict[str, Signed] = build_authorities(scenario, self.begins)
        self.disk: Disk = fill_disk(scenario, self.authorities, now=self.begins)
        self.logs = {
            host.name: Logbook(host, on=started(host, self.begins), dice=Randomness(scenario.seed, f"log {host.name}"))
            for host in scenario.host
        }
        self.running = {
            process.id: Running(process, next(one for one in scenario.account if one.id == process.account))
            for process in scenario.process
        }
        self.pending: dict[
            tuple[str, str, str], int
        ] = {}  # until when a thread works on a URL, by computer, process and URL
        self.memory: dict[tuple[str, str, str], Offline] = {}  # what is remembered as offline, by the same three
        self.echoes: list[tuple[str, str, int, str]] = []  # computer, kind, record and URL of what nobody waited for
        self.keys: list[
            tuple[Thread, str, int, int | None]
        ] = []  # who acquired the key of which certificate, how it ended, record
        self._turns = count()
        self._queue: list[tuple[int, int, Steps]] = []

    def thread(self, process: Process, number: int) -> Thread:
        """Thread `number` of a process; thread ids are multiples of four, as Windows gives them."""
        running = self.running[process.id]
        tid = process.pid + 4 * (7 * number + 2)
        caller = Caller(process.image, process.pid, tid, running.account.sid, process.impersonates)
        log = self.logs[process.host or self.scenario.host[0].name]
        return Thread(self, log, running, caller, Randomness(self.scenario.seed, f"thread {process.id} {number}"))

    def start(self, steps: Steps, at: int) -> None:
        """Let a thread begin at a moment."""
        heapq.heappush(self._queue, (at, next(self._turns), steps))

    def run(self) -> None:
        """Let everything happen."""
        while self._queue:
            self.now, _, steps = heapq.heappop(self._queue)
            length = next(steps, None)
            if length is not None:
                heapq.heappush(self._queue, (self.now + length, next(self._turns), steps))

    def knows_proxy_steps(self, thread: Thread) -> bool:
        """Whether this version of Windows logs how it looked for a proxy."""
        return windows()[thread.log.host.windows].proxy_actions
