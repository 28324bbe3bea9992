"""Strip: waits as a small picture: a lane per thread, each wait at its true place in the colour of its outcome.

Drawn as a few rectangles, without matplotlib, so that it is there at once; `plot_startup` draws the whole.
"""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import pandas as pd

from capi2kit import words
from capi2kit.analysis import Analysis
from capi2kit.columns.instants import SECOND, nanoseconds
from capi2kit.columns.keys import lanes
from capi2kit.render.notebook.markup import FILL
from capi2kit.render.waterfall import kind_of

_LANES, _BARS = 6, 400  # at most
_HIGH, _GAP = 16, 4  # pixels
_LEAST = 0.15  # per cent of the width: what is shorter would not be seen
_THREAD = ["host", "process", "pid", "tid"]


def strip(analysis: Analysis, startup: dict[Any, Any]) -> str:
    """The waits of a start-up as SVG; empty if it did not wait, or its length is not known."""
    wall, waits = float(startup["wall_s"]), analysis.waits
    mine = waits[waits["startup"].eq(startup["startup"]).fillna(False).to_numpy(bool)]
    return picture(mine, begin=pd.Timestamp(startup["start"]).value, seconds=wall)


def picture(waits: pd.DataFrame, *, begin: int, seconds: float, chosen: int | None = None) -> str:
    """Some waits as SVG, on an axis from `begin` (ns) on, so many seconds long; the threads that waited longest, the longest waits.

    `chosen`: the event of a wait that is outlined. Empty if there is nothing to draw.
    """
    waits = waits[waits["start"].notna().to_numpy(bool)]
    if waits.empty or not seconds > 0:
        return ""
    waits = waits.assign(thread=lanes(waits, _THREAD))
    order = waits.groupby("thread")["wait_s"].sum().sort_values(ascending=False, kind="stable").index[:_LANES]
    place = {thread: number for number, thread in enumerate(order.tolist())}
    shown = waits[waits["thread"].isin(order)].sort_values("high_s", ascending=False, kind="stable").head(_BARS)
    left = (nanoseconds(shown["start"]) - begin) / SECOND / seconds * 100
    size = np.maximum(shown["wait_s"].fillna(0).to_numpy(float) / seconds * 100, _LEAST)
    bars = [
        _bar(row, left=x, size=wide, top=place[row["thread"]] * (_HIGH + _GAP), is_chosen=row["event"] == chosen)
        for row, x, wide in zip(shown.to_dict("records"), left.tolist(), size.tolist(), strict=True)
    ]
    high = len(place) * (_HIGH + _GAP) - _GAP
    tops = (number * (_HIGH + _GAP) for number in place.values())
    tracks = [f'<rect x="0" y="{top}" width="100%" height="{_HIGH}" fill="{FILL["track"]}"/>' for top in tops]
    label = f"{words.count(len(shown), 'wait')} in {words.count(len(place), 'thread')} over {words.seconds(seconds)}"
    start = f'<svg role="img" aria-label="{escape(label)}" width="100%" height="{high}" style="display:block;margin:.3em 0">'
    return f"{start}{''.join(tracks)}{''.join(bars)}</svg>"


def _bar(row: dict[Any, Any], *, left: float, size: float, top: int, is_chosen: bool) -> str:
    length = words.duration(row["wait_s"], low=row["low_s"], high=row["high_s"], quality=row["quality"])
    said = f"{length} for {words.visible(row['url_host'])}: {words.visible(row['outcome'])}"
    edge = 'stroke="#111" stroke-width="3"' if is_chosen else 'stroke="#fff" stroke-width=".6"'
    place = f'x="{left:.2f}%" y="{top}" width="{size:.2f}%" height="{_HIGH}"'
    return f'<rect {place} fill="{FILL[kind_of(row)]}" {edge}><title>{escape(said)}</title></rect>'
