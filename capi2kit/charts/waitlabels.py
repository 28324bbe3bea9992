"""Wait labels: say at each bar what waits for what, where there is room for it.

The longest wait chooses first: inside its bar on one line or two, else in free
space right or left of it, else a letter for the server in the bar, which is
explained below the chart.
"""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_uppercase
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from capi2kit.charts.labels import points
from capi2kit.charts.outcomes import OUTCOMES, outcomes_of
from capi2kit.charts.palette import AS_IS, INK, PAPER, SMALL_PT, TEXT_PT
from capi2kit.words import NO_HOST, duration, file_name, short

MOST = 500  # labels in one chart
PAD_PT = 3.0
NAME, HOST = 34, 34  # characters
BAR = 0.62  # of a lane that a bar takes
_ROOMY_PT = 30.0  # a lane of that height has room for two lines
_LINE = 1.2  # height of a line in parts of its size


class Wordings(NamedTuple):
    """The label of one wait from full to brief: with names, and with a letter for the server."""

    named: list[str]
    lettered: list[str]


def label_waits(
    ax: Axes, waits: pd.DataFrame, *, left: np.ndarray, right: np.ndarray, height: float, width: float
) -> list[str]:
    """Write labels at the waits, the longest first, where they fit; returns the meaning of the letters used.

    `left`, `right`: edges of the bars in points from the left edge of the axes, which are `width` wide; `height`: of a lane, 0 if it
    is not known, which leaves room for one line.
    """
    hosts = [short(host, HOST) or NO_HOST for host in waits["url_host"].tolist()]
    letters = _letters(hosts, (right - left).tolist())
    roomy = height >= _ROOMY_PT
    size = TEXT_PT if roomy else SMALL_PT
    rows = max(int(height * BAR / (size * _LINE)), 1)
    wordings = _wordings(waits, hosts, letters=letters, rows=rows)
    ended, lanes = outcomes_of(waits).tolist(), waits["y"].tolist()
    exact = waits["quality"].eq("exact").fillna(False).tolist()
    taken: dict[int, list[tuple[float, float]]] = {lane: [] for lane in lanes}
    for lane, edges in zip(lanes, zip(left.tolist(), right.tolist(), strict=True), strict=True):
        taken[lane].append(edges)
    used = set()
    for i in np.argsort(left - right, kind="stable").tolist()[:MOST]:
        bar = (float(left[i]), float(right[i]))
        text = _fitting(wordings[i].named, bar[1] - bar[0], size=size)
        place = None if text else _beside(wordings[i].named, bar, taken=taken[lanes[i]], size=size, width=width)
        if place:
            text, begin = place
            taken[lanes[i]].append((begin, begin + points(text, size) + 2 * PAD_PT))
            _write(ax, text, at=((begin + PAD_PT) / width, lanes[i]), size=size, ha="left")
            continue
        if not text:
            text = _fitting(wordings[i].lettered, bar[1] - bar[0], size=size)
            used |= {hosts[i]} if text else set()
        if text:
            box = None if exact[i] else {"facecolor": PAPER, "edgecolor": "none", "pad": 1.2}
            color = OUTCOMES[ended[i]].ink if exact[i] else INK
            middle = (bar[0] + bar[1]) / 2 / width
            _write(ax, text, at=(middle, lanes[i]), size=size, ha="center", color=color, bbox=box)
    return [f"{letter} = {host}" for host, letter in letters.items() if host in used]


def _letters(hosts: list[str], lengths: list[float]) -> dict[str, str]:
    """A letter for each server, the one waited for longest first."""
    total = (
        pd.Series(lengths, index=hosts, dtype="float64")
        .groupby(level=0)
        .sum()
        .sort_values(ascending=False, kind="stable")
    )
    return dict(zip(total.index.tolist(), ascii_uppercase, strict=False))


def _wordings(waits: pd.DataFrame, hosts: list[str], *, letters: dict[str, str], rows: int) -> list[Wordings]:
    """From full to brief, none with more lines than a lane has `rows`."""
    columns = [waits[name].tolist() for name in ("target", "wait_s", "low_s", "high_s", "quality")]
    found = []
    for host, target, wait, low, high, quality in zip(hosts, *columns, strict=True):
        dur = duration(wait, low=low, high=high, quality=quality)
        what = short(file_name(target), NAME) or "target not named"
        brief, server = short(what, 18), short(host, 20)
        named = [f"{what} → {host} {dur}", f"{what}\n→ {host} {dur}", f"{brief} → {server} {dur}"]
        named += [f"{brief}\n→ {server} {dur}", f"{brief}\n→ {server}\n{dur}"]
        letter = letters.get(host)
        lettered = [f"{letter} {dur}", f"{letter}\n{dur}", letter] if letter else [dur]
        found.append(Wordings(*([text for text in texts if text.count("\n") < rows] for texts in (named, lettered))))
    return found


def _fitting(texts: Sequence[str], room: float, *, size: float) -> str:
    """The first text that fits into a bar, or ""."""
    pad = PAD_PT if room > 20 else 1.5
    return next((text for text in texts if points(text, size) + 2 * pad < room), "")


def _beside(
    texts: Sequence[str], bar: tuple[float, float], *, taken: list[tuple[float, float]], size: float, width: float
) -> tuple[str, float] | None:
    """The first text with free space right or left of its bar, and where it begins."""
    for text in texts:
        need = points(text, size) + 2 * PAD_PT
        for begin in (bar[1], bar[0] - need):
            clear = all(stop <= begin + 0.5 or start >= begin + need - 0.5 for start, stop in taken)
            if clear and begin >= 0 and begin + need <= width:
                return text, begin
    return None


def _write(ax: Axes, text: str, *, at: tuple[float, float], size: float, **style: Any) -> None:
    """A text at a part of the width of the axes and at a lane."""
    style = {"color": INK, "va": "center", "linespacing": 1.15, "clip_on": True, **style, **AS_IS}
    first, last = ax.get_xlim()
    ax.text(first + at[0] * (last - first), at[1], text, size=size, **style)
