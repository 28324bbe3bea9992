"""Logbooks: the records of one computer's log in the order in which they were written.

Windows 7 keeps a start record back and writes it only with the first record
inside its operation, under that record's stamp. Whether a computer does so is a
property of its version; everything else about the waits follows from it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from capi2kit.lab.eventforms import SECOND
from capi2kit.lab.scenario import Host, windows
from capi2kit.lab.simulate.clock import Clock, clock_of
from capi2kit.lab.simulate.randomness import Randomness

ERROR, INFORMATION = 2, 4


class Entry(NamedTuple):
    """One record: what to write, and by which form."""

    form: str
    number: int
    stamp: int
    written: int
    facts: dict[str, object]


@dataclass
class Task:
    """One outermost call: its TaskId, how many records it has, and the start records still kept back."""

    id: str
    seq: int = 0
    kept: list[tuple[str, int]] = field(default_factory=list)

    def next(self) -> int:
        """The SeqNumber of the next record."""
        self.seq += 1
        return self.seq


class Caller(NamedTuple):
    """Who logs: the thread of a process, as every record names it."""

    process: str
    pid: int
    tid: int
    sid: str
    impersonated: str


class Logbook:
    """The log of one computer. `on` is the moment it was switched on; nothing before is in it."""

    def __init__(self, host: Host, *, on: int, dice: Randomness) -> None:
        self.host = host
        self.clock: Clock = clock_of(host, dice)
        self.entries: list[Entry] = []
        self._late = windows()[host.windows].late
        self._on = on
        self._dice = dice

    def begin(self, form: str, now: int, *, task: Task, caller: Caller) -> None:
        """A start record: kept back, or written at once."""
        if now < self._on:
            task.next()  # nobody listens yet
        elif self._late:
            task.kept.append((form, task.next()))
        else:
            self._write(form, now, facts={"seq": task.next(), "level": INFORMATION}, task=task, caller=caller)

    def write(self, form: str, now: int, *, facts: dict[str, object], task: Task, caller: Caller) -> int | None:
        """Any other record, behind the start records that were kept back for it. Returns its number."""
        for kept, seq in task.kept:
            self._write(kept, now, facts={"seq": seq, "level": INFORMATION}, task=task, caller=caller)
        task.kept.clear()
        level = ERROR if facts.get("result") or facts.get("failed_step") else INFORMATION
        facts = {"level": level, **facts, "seq": task.next()}
        return self._write(form, now, facts=facts, task=task, caller=caller)

    def _write(self, form: str, now: int, *, facts: dict[str, object], task: Task, caller: Caller) -> int | None:
        if now < self._on:
            return None
        number, stamp = len(self.entries) + 1, self.clock.stamp(now)
        written = self.clock.exact(now) + self._dice.between(0.0001, 0.02)
        if self.entries:
            written = max(written, self.entries[-1].written)
        common = {**caller._asdict(), "host": self.host.name, "task_id": task.id, "record": number, "stamp": stamp}
        self.entries.append(Entry(form, number, stamp, max(written, stamp), {**common, **facts}))
        return number


def started(host: Host, begins: int) -> int:
    """When a computer's log was switched on."""
    return begins + round(host.channel_on_s * SECOND)
