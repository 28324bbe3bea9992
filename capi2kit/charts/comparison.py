"""Comparison: start-ups before and after a change on one axis: a bar for each side, with what was waiting, checking and unexplained.

Input: table `comparison`. Where several start-ups of a side are compared, the bar is their mean, and a line shows the least and the most.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from capi2kit.charts.bars import end_of_axis, end_ticks, label_ends
from capi2kit.charts.palette import CHECK, EDGE, INK, WAIT
from capi2kit.charts.sheet import close_sheet, open_sheet, say_nothing
from capi2kit.given import table_of
from capi2kit.words import count, label, seconds, short

_NAME = 48
_PAIRS = 8  # at most
_COLORS = {"waiting": WAIT, "checking": CHECK, "unexplained": EDGE}
_NAMES = {
    "waiting": "waiting for the network",
    "checking": "checking",
    "unexplained": "the program itself (unexplained)",
}
_SPREAD_S = 0.05  # a spread below this is not drawn


class _Bar(NamedTuple):
    """A bar: its name, its parts by kind, and the least and the most of the start-ups behind it."""

    name: str
    parts: dict[str, float]
    low: float
    high: float
    text: str


def plot_comparison(comparison: pd.DataFrame, *, top: int = _PAIRS, ax: Axes | None = None) -> Axes:
    """Draw each pair of start-ups, before and after a change, on one axis of seconds.

    Parameters
    ----------
    comparison : what `compare` returned.
    top : pairs at most, the longest ones.
    ax : axes to draw on; a figure of its own if not given.

    Returns
    -------
    Axes : those that were handed in, or of the new figure. The table is not changed.

    Raises
    ------
    TableError : a column of `comparison` is missing or has another dtype.
    """
    table = table_of(comparison, "comparison")
    wholes = table[(table["kind"] == "start-up").to_numpy(bool, na_value=False)].head(max(top, 1)).to_dict("records")
    if not wholes:
        return say_nothing(ax, "Nothing to show: no start-up is in both logs.")
    bars = [bar for whole in wholes for bar in _bars(whole, table)]
    sheet = open_sheet(ax, [bar.name for bar in bars])
    ends = np.array([max(sum(bar.parts.values()), bar.high) for bar in bars])
    labels = [bar.text for bar in bars]
    sheet.ax.set_xlim(0, end_of_axis(ends, labels, width=sheet.width))
    for at, bar in enumerate(bars):
        left = 0.0
        for kind, part in bar.parts.items():
            sheet.ax.barh(at, part, left=left, height=0.66, color=_COLORS[kind])
            left += part
        if bar.high - bar.low > _SPREAD_S:
            sheet.ax.plot([bar.low, bar.high], [at, at], color=INK, linewidth=1.2, marker="|", markersize=7)
    label_ends(sheet.ax, labels, ends=ends)
    end_ticks(sheet.ax, float(ends.max()))
    kinds = [kind for kind in _COLORS if any(bar.parts[kind] > 0 for bar in bars)]
    legend = [Patch(facecolor=_COLORS[kind], label=_NAMES[kind]) for kind in kinds]
    text: dict[str, Any] = {"title": _title(wholes[0]), "label": "seconds", "notes": _notes(table, wholes, bars=bars)}
    return close_sheet(sheet, **text, legend=legend, row_in=0.3)


def _bars(whole: dict[Any, Any], table: pd.DataFrame) -> list[_Bar]:
    rows = table[(table["group"].eq(whole["group"]) & table["kind"].eq("part")).to_numpy(bool, na_value=False)]
    pool = "" if pd.isna(whole["app_pool"]) else f" ({label(whole['app_pool'])})"
    bars = []
    for side in ("before", "after"):
        parts = dict(zip(rows["name"], rows[f"{side}_s"].astype(float), strict=True))
        several = f", mean of {whole[f'{side}_startups']}" if whole[f"{side}_startups"] > 1 else ""
        name = f"{side}: {short(label(whole['process']) + pool, _NAME)}"
        low, high = (float(whole[f"{side}_{end}_s"]) for end in ("low", "high"))
        bars.append(
            _Bar(name, {kind: parts[kind] for kind in _COLORS}, low, high, f"{seconds(whole[f'{side}_s'])}{several}")
        )
    return bars


def _title(whole: dict[Any, Any]) -> str:
    name = f"{short(label(whole['process']), _NAME)} took {seconds(whole['before_s'])} to start before"
    if whole["change"] == "inside the spread":
        return f"{name} and {seconds(whole['after_s'])} after: no more than two start-ups differ by themselves"
    return f"{name}, and takes {seconds(whole['after_s'])} after the change"


def _notes(table: pd.DataFrame, wholes: list[dict[Any, Any]], *, bars: list[_Bar]) -> list[str]:
    notes = []
    if any(bar.high - bar.low > _SPREAD_S for bar in bars):
        notes.append("The thin line: from the shortest to the longest of the start-ups of one side.")
    more = int((table["kind"] == "start-up").sum()) - len(wholes)
    return [*notes, f"Not drawn: {count(more, 'more pair')} of start-ups."] if more else notes
