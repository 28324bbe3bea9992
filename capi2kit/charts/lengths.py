"""Lengths: how long each retrieval took, in several logs, one lane each: limits, refusals and answers have different lengths.

Input: analyses by name. One mark per retrieval; filled: in vain. The scale is logarithmic.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from capi2kit.charts.palette import EDGE, PAPER, QUIET, TEXT_PT, WAIT
from capi2kit.charts.sheet import close_sheet, open_sheet, say_nothing
from capi2kit.errors import TableError
from capi2kit.given import table_of
from capi2kit.words import count, label

if TYPE_CHECKING:
    from capi2kit.analysis import Analysis

_COLUMNS = ["wait_s", "outcome"]
_LEAST_S = 0.01  # what is shorter is drawn here
_TICKS = (0.01, 0.1, 1, 5, 10, 15, 60)
_SPREAD = 15  # places across a lane, so that no mark hides all others


def plot_lengths(analyses: Mapping[str, Analysis], *, ax: Axes | None = None) -> Axes:
    """Draw the lengths of all retrievals of several logs, one lane per log.

    Parameters
    ----------
    analyses : what `analyse` returned, by the name that the lane gets; lengths are the best estimates (s).
    ax : axes to draw on; a figure of its own if not given.

    Returns
    -------
    Axes : those that were handed in, or of the new figure. The tables are not changed.

    Raises
    ------
    TableError : it is no mapping of names to analyses.
    """
    if not isinstance(analyses, Mapping):
        raise TableError("needed are analyses by name: c2.plot_lengths({'before': a, 'after': b})")
    lanes = {label(str(name)): table_of(one, "waits", needs=_COLUMNS) for name, one in analyses.items()}
    if all(waits.empty for waits in lanes.values()):
        return say_nothing(ax, "Nothing to show: no retrieval in these logs.")
    sheet = open_sheet(ax, [f"{name}, {count(len(waits), 'retrieval')}" for name, waits in lanes.items()])
    longest = max(
        (float(waits["wait_s"].max()) for waits in lanes.values() if waits["wait_s"].notna().any()), default=1.0
    )
    for place, waits in enumerate(lanes.values()):
        _draw(sheet.ax, waits, place=place)
    axis = sheet.ax
    axis.set_xscale("log")
    axis.set_xlim(0.8 * _LEAST_S, 1.4 * max(longest, 1.0))
    ticks = [tick for tick in _TICKS if tick <= 1.4 * longest]
    axis.set_xticks(ticks, [f"≤ {tick:g}" if tick == _LEAST_S else f"{tick:g}" for tick in ticks])
    axis.set_xticks([], minor=True)
    marks: dict[str, Any] = {"color": "none", "marker": "o", "markersize": 5}
    legend = [
        Line2D([], [], markerfacecolor=WAIT, markeredgecolor=WAIT, label="in vain", **marks),
        Line2D([], [], markerfacecolor=PAPER, markeredgecolor=EDGE, label="it came", **marks),
    ]
    return close_sheet(
        sheet, title="How long each retrieval took", label="seconds, on a logarithmic scale", legend=legend, row_in=0.5
    )


def _draw(ax: Axes, waits: Any, *, place: int) -> None:
    """The marks of one log; a sentence where it has no waits."""
    timed = waits[waits["wait_s"].notna()]
    if timed.empty:
        text = "no retrieval in the log" if waits.empty else "no wait of known length"
        ax.text(1.2 * _LEAST_S, place, text, va="center", size=TEXT_PT, color=QUIET)
        return
    seconds = np.maximum(timed["wait_s"].to_numpy("float64"), _LEAST_S)
    spread = place + (np.arange(len(timed)) * 7 % _SPREAD - _SPREAD // 2) * 0.045
    good = timed["outcome"].eq("ok").fillna(False).to_numpy(bool)
    ax.scatter(seconds[good], spread[good], s=22, facecolor=PAPER, edgecolor=EDGE, zorder=3)
    ax.scatter(seconds[~good], spread[~good], s=18, facecolor=WAIT, edgecolor=PAPER, linewidth=0.4, zorder=3)
