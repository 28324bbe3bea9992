"""Outcomes: how a wait ended, as the colour of its bar: failed, answered after a failed search for a proxy, or answered.

Patterns are for bounds alone. Input: `waits`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.patches import Patch

from capi2kit.charts.palette import ANSWERED, BOUNDED, FAILED, INK, PAPER, SEARCH
from capi2kit.words import duration, file_name, visible


class Outcome(NamedTuple):
    """A way to end: its colour, that of text on it, and its name."""

    color: str
    ink: str
    name: str


ENDED = Outcome(FAILED, PAPER, "waiting, failed")
SEARCHED = Outcome(SEARCH, PAPER, "waiting, proxy search failed")
GIVEN = Outcome(ANSWERED, INK, "waiting, answered")
OUTCOMES = (ENDED, SEARCHED, GIVEN)


def outcomes_of(waits: pd.DataFrame) -> np.ndarray:
    """For each wait the place of its outcome in OUTCOMES; one without a result counts as failed."""
    good = waits["outcome"].eq("ok").to_numpy(bool, na_value=False)
    searched = waits["wpad_failures"].gt(0).to_numpy(bool, na_value=False)
    return np.where(good, np.where(searched, 1, 2), 0)


def keys_of(waits: pd.DataFrame) -> list[Patch]:
    """The legend of the outcomes that there are, and of the pattern for bounds."""
    there = outcomes_of(waits)
    keys = [Patch(facecolor=one.color, label=one.name) for place, one in enumerate(OUTCOMES) if (there == place).any()]
    sure = waits["quality"].eq("exact").to_numpy(bool, na_value=False)
    if not sure.all():
        label = "known within bounds only"
        keys.append(Patch(facecolor=PAPER, edgecolor=INK, hatch=BOUNDED, linewidth=0.5, label=label))
    return keys


def tips_of(waits: pd.DataFrame) -> list[str]:
    """What each wait is, in a line: for what, from where, how long, how it ended."""
    columns = (waits[name].tolist() for name in ("target", "url", "wait_s", "low_s", "high_s", "quality", "outcome"))
    tips = []
    for target, url, wait, low, high, quality, outcome in zip(*columns, strict=True):
        length = duration(wait, low=low, high=high, quality=quality)
        tips.append(f"{visible(file_name(target)) or '–'} waited {length} for {visible(url)}: {visible(outcome)}")
    return tips
