"""Clocks: what a computer's clock shows at a moment of true time, and how finely."""

from __future__ import annotations

from dataclasses import dataclass

from capi2kit.lab.eventforms import SECOND
from capi2kit.lab.scenario import Host, windows
from capi2kit.lab.simulate.randomness import Randomness


@dataclass(frozen=True)
class Clock:
    """The clock of one computer, in FILETIME ticks. `error`: how far it is ahead of true time.

    `phase`: when its system time moves on, within a tick.
    """

    error: int
    tick: int
    phase: int
    fine: bool

    def exact(self, now: int) -> int:
        """What a clock without ticks would show."""
        return now + self.error

    def read(self, now: int) -> int:
        """What a program reads: the system time, which moves on by whole ticks."""
        shown = self.exact(now)
        return shown - (shown - self.phase) % self.tick

    def stamp(self, now: int) -> int:
        """What a record is stamped with."""
        return self.exact(now) if self.fine else self.read(now)


def clock_of(host: Host, dice: Randomness) -> Clock:
    """The clock of a computer in a scenario."""
    version = windows()[host.windows]
    tick = version.tick_us * 10
    return Clock(round(host.clock_error_s * SECOND), tick, int(dice.share() * tick), version.fine)
