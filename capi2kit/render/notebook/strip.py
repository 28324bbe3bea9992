"""Strip: a start-up as a small picture: a lane per thread, each wait at its true place in the colour of its outcome.

Drawn as a few rectangles, without matplotlib, so that a card is there at once; `plot_startup` draws the whole.
"""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import pandas as pd

from capi2kit import words
from capi2kit.analysis import Analysis
from capi2kit.columns.instants import SECOND, nanoseconds
from capi2kit.render.notebook.markup import FILL

_LANES, _BARS = 6, 400  # at most
_HIGH, _GAP = 16, 4  # pixels
_LEAST = 0.15  # per cent of the width: what is shorter would not be seen


def strip(analysis: Analysis, startup: dict[Any, Any]) -> str:
    """The waits of a start-up as SVG; empty if it did not wait, or its length is not known."""
    wall = float(startup["wall_s"])
    waits = analysis.waits
    mine = waits[
        waits["startup"].eq(startup["startup"]).fillna(False).to_numpy(bool) & waits["start"].notna().to_numpy(bool)
    ]
    if mine.empty or not wall > 0:
        return ""
    order = mine.groupby("tid", dropna=False)["wait_s"].sum().sort_values(ascending=False, kind="stable")
    threads = order.index[:_LANES].tolist()
    lane = {thread: place for place, thread in enumerate(threads)}
    mine = mine[mine["tid"].isin(threads)].sort_values("high_s", ascending=False, kind="stable").head(_BARS)
    begin = (nanoseconds(mine["start"]) - pd.Timestamp(startup["start"]).value) / SECOND / wall * 100
    length = np.maximum(mine["wait_s"].fillna(0).to_numpy(float) / wall * 100, _LEAST)
    bars = [
        _bar(row, left=left, size=size, top=lane.get(row["tid"], 0) * (_HIGH + _GAP))
        for row, left, size in zip(mine.to_dict("records"), begin.tolist(), length.tolist(), strict=True)
    ]
    high = len(threads) * (_HIGH + _GAP) - _GAP
    tracks = "".join(
        f'<rect x="0" y="{place * (_HIGH + _GAP)}" width="100%" height="{_HIGH}" fill="{FILL["track"]}"/>'
        for place in range(len(threads))
    )
    label = f"{len(mine)} waits in {words.count(len(threads), 'thread')} over {words.seconds(wall)}"
    start = f'<svg role="img" aria-label="{escape(label)}" width="100%" height="{high}" style="display:block;margin:.3em 0">'
    return f"{start}{tracks}{''.join(bars)}</svg>"


def _bar(row: dict[Any, Any], *, left: float, size: float, top: int) -> str:
    kind = "waiting" if row["outcome"] != "ok" else "searched" if (row["wpad_failures"] or 0) > 0 else "answered"
    length = words.duration(row["wait_s"], low=row["low_s"], high=row["high_s"], quality=row["quality"])
    said = f"{length} for {words.visible(row['url_host'])}: {words.visible(row['outcome'])}"
    return (
        f'<rect x="{left:.2f}%" y="{top}" width="{size:.2f}%" height="{_HIGH}" fill="{FILL[kind]}" stroke="#fff" stroke-width=".6">'
        f"<title>{escape(said)}</title></rect>"
    )
