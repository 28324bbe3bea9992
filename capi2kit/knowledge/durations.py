"""Durations: what is known or believed of how long things take in Windows, for forecasts only; no wait is measured by them."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from capi2kit.knowledge import rows


class Duration(NamedTuple):
    """Seconds: at least, usually, at most."""

    least: float
    usual: float
    most: float


@cache
def duration(what: str) -> Duration:
    """The row of durations.csv without a step for `what`: answer, refusal or connection."""
    (found,) = [row for row in rows("durations") if row["what"] == what]
    return Duration(*(float(found[name]) for name in ("least_s", "usual_s", "most_s")))


@cache
def memory_steps() -> tuple[float, ...]:
    """How long a failed check is remembered, in s: after the first failure, the second, and so on."""
    listed = [row for row in rows("durations") if row["what"] == "memory"]
    return tuple(float(row["usual_s"]) for row in sorted(listed, key=lambda row: int(row["step"])))
