"""Time scale: the place of a moment on the x axis of a chart, and the ticks of that axis."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import HOURLY, MINUTELY, SECONDLY, AutoDateLocator, num2date
from matplotlib.ticker import FuncFormatter

from capi2kit.charts.sheet import figure_of
from capi2kit.columns.instants import SECOND

TimeAxis = Literal["relative", "utc"]
DAY_S = 86400.0
_DATE_PT, _CLOCK_PT = 72.0, 52.0  # a date or a time of day at a tick, and the gap to the next


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


def label_times(ax: Axes, scale: Scale) -> str:
    """Ticks of a time axis; what its label has to say."""
    if not scale.utc:
        return f"seconds since {scale.origin:%Y-%m-%d %H:%M:%S}.{scale.origin.microsecond // 1000:03d} UTC"
    left, right = ax.get_xlim()
    length = (right - left) * DAY_S
    wide = ax.get_window_extent().width / figure_of(ax).dpi * 72
    most = min(max(int(wide / (_DATE_PT if length > 2 * DAY_S else _CLOCK_PT)), 2), 10)
    locator = AutoDateLocator(tz="UTC", minticks=min(3, most), maxticks=most)
    locator.intervald |= {SECONDLY: [1, 2, 5, 10, 15, 30], MINUTELY: [1, 2, 5, 10, 15, 30], HOURLY: [1, 2, 3, 6, 12]}
    ax.xaxis.set_major_locator(locator)

    def clock(x: float, _position: int | None = None) -> str:
        moment = num2date(x + 2e-5 / DAY_S if length > 0.01 else x, tz="UTC")  # cut below, so no …99
        if length > 2 * DAY_S:
            return f"{moment:%Y-%m-%d}" if length > 20 * DAY_S else f"{moment:%m-%d %H:%M}"
        whole = f"{moment:%H:%M:%S}"
        digits = 6 if length < 0.01 else 3 if length < 1 else 1
        return whole if length > 8 else f"{whole}.{moment.microsecond:06d}"[: len(whole) + 1 + digits]

    ax.xaxis.set_major_formatter(FuncFormatter(clock))
    first, last = num2date(left, tz="UTC"), num2date(right, tz="UTC")
    days = f"{first:%Y-%m-%d}" if first.date() == last.date() else f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"
    return f"time (UTC), {days}"
