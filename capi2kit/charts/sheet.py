"""Sheet: what all charts share. Axes, title, note, legend and the two time scales.

A chart without axes of its own gets a Figure that pyplot does not know of.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.dates import HOURLY, MINUTELY, SECONDLY, AutoDateLocator, num2date
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from matplotlib.transforms import ScaledTranslation

from capi2kit.charts.labels import points
from capi2kit.charts.palette import AS_IS, GRID, INK, PAPER, QUIET, TEXT_PT, TITLE_PT
from capi2kit.columns.instants import SECOND
from capi2kit.words import shorter

TimeAxis = Literal["relative", "utc"]
WIDTH_IN = 11.0
EMPTY_IN = 1.5
DAY_S = 86400.0
NAMES_PART = 0.58
GAP_PT = 5.0  # between a name and the axes
LINE_PT = 1.25  # height of a line of text in parts of its size


class Scale(NamedTuple):
    """The place of a moment on the x axis: seconds since `origin`, or matplotlib's days."""

    origin: pd.Timestamp
    utc: bool

    @property
    def second(self) -> float:
        """The length of one second on the axis."""
        return 1 / DAY_S if self.utc else 1.0

    def at(self, times: pd.Series) -> np.ndarray:
        """Positions of the times; a missing one is NaN."""
        since = (times - self.origin).dt.total_seconds().to_numpy("float64", na_value=np.nan)
        return since / DAY_S + self.origin.value / SECOND / DAY_S if self.utc else since


def choose_scale(origin: pd.Timestamp, axis: TimeAxis) -> Scale:
    """The scale that starts at `origin`. Raises ValueError for an axis that is not known."""
    if axis not in ("relative", "utc"):
        raise ValueError(f"axis={axis!r} is not known; take 'relative' (seconds since the start) or 'utc'")
    return Scale(origin, axis == "utc")


def open_axes(ax: Axes | None) -> Axes:
    """The axes handed in, or new ones; in the house style."""
    if ax is None:
        figure = Figure(figsize=(WIDTH_IN, EMPTY_IN), layout="constrained", facecolor=PAPER)
        ax = figure.add_subplot()
    ax.set_facecolor(PAPER)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.spines["bottom"].set_color(QUIET)
    ax.set_axisbelow(True)
    ax.grid(axis="x", color=GRID, linewidth=0.8)
    ax.tick_params(axis="both", labelsize=TEXT_PT, colors=QUIET)
    ax.tick_params(axis="y", length=0, labelcolor=INK)
    return ax


def say_nothing(ax: Axes | None, text: str) -> Axes:
    """Axes that hold one readable sentence instead of a picture."""
    ax = open_axes(ax)
    ax.set_axis_off()
    lines = wrapped(text, measure(ax), size=TITLE_PT)
    middle: dict[str, Any] = {"ha": "center", "va": "center", "transform": ax.transAxes}
    ax.text(0.5, 0.5, lines, size=TITLE_PT, color=QUIET, **middle, **AS_IS)
    return ax


def set_rows(ax: Axes, names: Sequence[str], *, size: float = TEXT_PT, indent: bool = False) -> float:
    """Rows from the top down with their names, and the width of these; `indent` sets them flush left.

    The names take no more than their part of the width, so that narrow axes keep room for bars.
    """
    room = NAMES_PART * ax.get_window_extent().width / figure_of(ax).dpi * 72
    widths = [points(name, size) for name in names]
    fitting = [
        name if width <= room else shorter(name, max(int(len(name) * room / width), 8))
        for name, width in zip(names, widths, strict=True)
    ]
    widest = max(points(name, size) for name in fitting)
    ax.set_ylim(len(fitting) - 0.5, -0.5)
    ax.set_yticks(range(len(fitting)), fitting, ha="left" if indent else "right", size=size, **AS_IS)
    ax.tick_params(axis="y", pad=GAP_PT + widest if indent else GAP_PT)
    return widest + GAP_PT


def figure_of(ax: Axes) -> Figure:
    """The outermost figure of the axes."""
    figure = ax.figure.figure if ax.figure else None
    if not isinstance(figure, Figure):
        raise ValueError("these axes belong to no figure")
    return figure


def measure(ax: Axes) -> float:
    """Lay the figure out as it is now; the width of the axes in points."""
    figure = figure_of(ax)
    with warnings.catch_warnings():  # the reader's browser may have the glyph that this font lacks
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure.draw_without_rendering()
    return ax.get_window_extent().width / figure.dpi * 72


def fit_height(ax: Axes, height_in: float) -> None:
    """Make a figure of our own so high that title and footer leave the axes this height."""
    figure = figure_of(ax)
    figure.set_figheight(figure.get_figheight() + height_in)  # room for the layout to work in
    measure(ax)
    figure.set_figheight(figure.get_figheight() + height_in - ax.get_window_extent().height / figure.dpi)


def _shift(ax: Axes, *, x: float = 0.0, y: float = 0.0) -> ScaledTranslation:
    return ScaledTranslation(x / 72, y / 72, figure_of(ax).dpi_scale_trans)


def wrapped(text: str, width: float, *, size: float, bold: bool = False) -> str:
    """The text in lines of at most so many points."""
    lines = [""]
    for word in re.split(r" +(?!s\b)", text):  # a number keeps its unit
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and points(longer, size, bold=bold) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return "\n".join(lines)


def put_title(ax: Axes, text: str, *, width: float, left: float) -> None:
    """One sentence above the axes and the names of the rows, which begin so many points left of the axes."""
    lines = wrapped(text, width + left, size=TITLE_PT, bold=True)
    title = ax.set_title(lines, loc="left", size=TITLE_PT, weight="bold", color=INK, pad=8, **AS_IS)
    title.set_transform(title.get_transform() + _shift(ax, x=-left))


def put_footer(ax: Axes, label: str, *, notes: Sequence[str] = (), legend: Sequence[Artist] = (), width: float) -> None:
    """What the x axis means, remarks below it, and the legend at the right, lower if it would not fit beside."""
    lines = [wrapped(text, width, size=TEXT_PT) for text in (label, *notes)]
    text = "\n".join(lines)
    ax.set_xlabel(text, loc="left", size=TEXT_PT, color=QUIET, labelpad=4, linespacing=LINE_PT, **AS_IS)
    if not legend:
        return
    names = [str(handle.get_label()) for handle in legend]
    needed = sum(points(name, TEXT_PT) + 4.5 * TEXT_PT for name in names)
    beside = max(points(line, TEXT_PT) for line in text.split("\n")) + needed < width
    drop = 2.2 * TEXT_PT + (0 if beside else (1 + text.count("\n")) * 1.2 * LINE_PT * TEXT_PT)
    placed = {"loc": "upper right" if beside else "upper left", "bbox_to_anchor": (1 if beside else 0, 0)}
    ax.legend(
        handles=list(legend),
        **placed,  # type: ignore[arg-type]
        bbox_transform=ax.transAxes + _shift(ax, y=-drop),
        ncols=len(legend) if needed < width else 1,
        frameon=False,
        fontsize=TEXT_PT,
        labelcolor=INK,
        borderaxespad=0,
        borderpad=0.2,
        handlelength=1.8,
        columnspacing=1.4,
    )


def label_times(ax: Axes, scale: Scale) -> str:
    """Ticks of a time axis; what its label has to say."""
    if not scale.utc:
        return f"seconds since {scale.origin:%Y-%m-%d %H:%M:%S}.{scale.origin.microsecond // 1000:03d} UTC"
    left, right = ax.get_xlim()
    length = (right - left) * DAY_S
    locator = AutoDateLocator(tz="UTC", maxticks=10)
    locator.intervald |= {SECONDLY: [1, 2, 5, 10, 15, 30], MINUTELY: [1, 2, 5, 10, 15, 30], HOURLY: [1, 2, 3, 6, 12]}
    ax.xaxis.set_major_locator(locator)

    def clock(x: float, _position: int | None = None) -> str:
        moment = num2date(x + 2e-5 / DAY_S if length > 0.01 else x, tz="UTC")  # cut below, so no …99
        if length > 2 * DAY_S:
            return f"{moment:%m-%d %H:%M}"
        whole = f"{moment:%H:%M:%S}"
        digits = 6 if length < 0.01 else 3 if length < 1 else 1
        return whole if length > 8 else f"{whole}.{moment.microsecond:06d}"[: len(whole) + 1 + digits]

    ax.xaxis.set_major_formatter(FuncFormatter(clock))
    first, last = num2date(left, tz="UTC"), num2date(right, tz="UTC")
    days = f"{first:%Y-%m-%d}" if first.date() == last.date() else f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"
    return f"time (UTC), {days}"
