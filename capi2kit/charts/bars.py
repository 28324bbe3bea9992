"""Bars: what the charts of horizontal bars share. Labels at their ends, and the column of cumulated parts.

A label is to the right of its bar; the axis is long enough for the widest one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from capi2kit.charts.labels import points
from capi2kit.charts.palette import AS_IS, INK, QUIET, SMALL_PT, TEXT_PT

GAP_PT = 5.0
LABELS_PART = 0.45
SEEN_PT = 1.5  # no bar is narrower


def end_of_axis(ends: np.ndarray, labels: Sequence[str], *, width: float) -> float:
    """Where the axis must end, counted from its beginning, so that all labels fit right of their bars."""
    room = np.array([max(width - points(text, TEXT_PT) - 2 * GAP_PT, width * 0.25) for text in labels])
    return float(np.max(ends * width / room, initial=0.0)) or 1.0


def fitting(labels: Sequence[str], *, width: float) -> list[str]:
    """The labels, or only their seconds where the axes are too narrow for bars beside them."""
    if max(points(text, TEXT_PT) for text in labels) < LABELS_PART * width:
        return list(labels)
    return [re.split(r", | in ", text)[0] for text in labels]


def label_ends(ax: Axes, labels: Sequence[str], *, ends: np.ndarray) -> None:
    """Write a label right of each bar, from the top row down."""
    for row, (end, text) in enumerate(zip(ends.tolist(), labels, strict=True)):
        ax.annotate(
            text,
            (end, row),
            xytext=(GAP_PT, 0),
            textcoords="offset points",
            va="center_baseline",
            size=TEXT_PT,
            color=INK,
            **AS_IS,
        )


def write_column(ax: Axes, texts: Sequence[str], *, head: str) -> None:
    """A column of texts right of the axes, with a heading."""
    style: dict[str, Any] = {"textcoords": "offset points", "annotation_clip": False, "color": QUIET, **AS_IS}
    rows = {**style, "xycoords": ax.get_yaxis_transform(), "xytext": (GAP_PT, 0), "va": "center_baseline"}
    for row, text in enumerate(texts):
        ax.annotate(text, (1, row), size=TEXT_PT, **rows)
    ax.annotate(head, (1, 1), size=SMALL_PT, xycoords=ax.transAxes, xytext=(GAP_PT, 3), va="bottom", **style)


def cumulated(seconds: np.ndarray, *, total: float) -> list[str]:
    """The part of the whole that the rows down to each one make up."""
    parts = np.cumsum(seconds) / total if total > 0 else np.zeros(0)
    return [">99%" if 0.995 <= part < 1 - 1e-9 else f"{part:.0%}" for part in parts.tolist()]


def end_ticks(ax: Axes, last: float) -> None:
    """No ticks and no axis line right of the longest bar: there is nothing but labels."""
    first = ax.get_xlim()[0]
    ax.set_xticks([tick for tick in ax.get_xticks() if first <= tick <= last + 1e-6 * (last - first)])
    ax.spines["bottom"].set_bounds(first, last)
