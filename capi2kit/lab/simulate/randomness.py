"""Randomness: everything random in a scenario, the same for the same seed on every machine.

Each purpose has random numbers of its own, so that one more in one place changes nothing elsewhere.
"""

from __future__ import annotations

import hashlib
import random

from capi2kit.lab.eventforms import SECOND


class Randomness:
    """Numbers that depend on a seed and a purpose only."""

    def __init__(self, seed: int, purpose: str) -> None:
        self.name = f"{seed}/{purpose}"
        self._random = random.Random(self.name)
        self._count = 0

    def share(self) -> float:
        """A number from 0 up to 1."""
        return self._random.random()

    def between(self, low: float, high: float) -> int:
        """A length between two numbers of seconds, short ones more often, in ticks."""
        return round((low + (high - low) * self._random.random() ** 2) * SECOND)

    def guid(self) -> str:
        """A new GUID, as the log writes it."""
        self._count += 1
        text = digest(f"{self.name}/{self._count}")[:32]
        return f"{{{text[:8]}-{text[8:12]}-4{text[13:16]}-{'89AB'[int(text[16], 16) % 4]}{text[17:20]}-{text[20:]}}}"


def digest(name: str) -> str:
    """Forty hex digits used as the SHA-1 of an object that is only mentioned."""
    return hashlib.sha1(f"capi2kit lab: {name}".encode(), usedforsecurity=False).hexdigest().upper()
