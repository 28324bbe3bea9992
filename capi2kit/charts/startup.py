"""Start-up: a timeline of one process coming up, a lane per thread, every wait at its true place.

Input: an Analysis. The light bars are the certificate checks of a thread, the
strong ones its waits for the network; each says what waits for what where there
is room, and the end of the lane says what the thread waited in all.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from capi2kit import words
from capi2kit.charts.lanes import find_lanes
from capi2kit.charts.outcomes import OUTCOMES, keys_of, outcomes_of, tips_of
from capi2kit.charts.palette import AS_IS, BOUNDED, CHECK, EDGE, PAPER, QUIET, SMALL_PT, TEXT_PT
from capi2kit.charts.sheet import close_sheet, open_sheet, say_nothing
from capi2kit.charts.timescale import Scale, TimeAxis, choose_scale, label_times
from capi2kit.charts.waitlabels import label_waits
from capi2kit.given import table_of, whole_of
from capi2kit.words import at_most, count, label, seconds

if TYPE_CHECKING:
    from capi2kit.analysis import Analysis

LINKED = 500  # the longest waits are links to their events; a bar each
SEEN = 0.005  # bars below this part of the axis get a dark edge, so that they are seen
ROOMY = 12  # up to so many lanes there is height for labels of two lines


def plot_startup(
    analysis: Analysis, *, startup: int | None = None, axis: TimeAxis = "relative", ax: Axes | None = None
) -> Axes:
    """Draw the timeline of one start-up: a lane per thread, and every wait in the colour of its outcome.

    Parameters
    ----------
    analysis : what `analyse` returned. Of more than 40 threads the 40 that waited longest are drawn. Waits known
        within bounds only are hatched; those of unknown length are counted below. Bars link to ``#event-<number>``.
    startup : its number in `analysis.startups`; the one that waited longest if not given.
    axis : ``relative`` for seconds since the start of the process, ``utc`` for the time of day.
    ax : axes to draw on; a figure of its own if not given.

    Returns
    -------
    Axes : those that were handed in, or of the new figure. The table is not changed.

    Raises
    ------
    TableError : a table lacks a column or has another dtype.
    ValueError : there is no such start-up, or no such axis.
    """
    whole = whole_of(analysis)
    startups = table_of(whole, "startups")
    spans, waits = table_of(whole, "spans"), table_of(whole, "waits")
    if startups.empty:
        return say_nothing(ax, "Nothing to show: the log holds no start-up of a process.")
    row = _chosen(startups, startup)
    scale = choose_scale(row["start"], axis)
    operations, waits, lanes = find_lanes(spans, waits, startup=int(row["startup"]))
    crowded = len(lanes) > ROOMY
    sums = _sums(lanes)
    size = SMALL_PT if crowded else TEXT_PT
    sheet = open_sheet(ax, lanes["name"].tolist(), right=sums, size=SMALL_PT + 0.5 if crowded else TEXT_PT)
    ax = sheet.ax
    begin, end = scale.at(pd.Series([row["start"], row["stop"]])).tolist()
    ax.set_xlim(begin, max(end, begin + 0.001 * scale.second))
    _draw_checks(ax, operations, scale=scale)
    known = waits[waits["wait_s"].notna()]
    _draw_waits(ax, known, scale=scale)
    _sum_up(ax, sums, size=size)
    left, right = ((scale.at(known[edge]) - begin) / np.ptp(ax.get_xlim()) * sheet.width for edge in ("start", "stop"))
    row_in = 0.24 if crowded else 0.52
    height = (row_in if sheet.own else 0.0) * 72
    key = label_waits(ax, known, left=left, right=right, height=height, width=sheet.width)
    notes = [", ".join(key)] if key else []
    legend = [*keys_of(known), *_legend(operations)]
    text: dict[str, Any] = {"title": _title(row, lanes), "label": label_times(ax, scale)}
    return close_sheet(sheet, **text, notes=notes + _notes(row, waits), legend=legend, row_in=row_in)


def _chosen(startups: pd.DataFrame, number: int | None) -> pd.Series:
    """The start-up asked for, else the one that waited longest. Raises ValueError if there is no such one."""
    if number is None:
        return startups.sort_values(["waiting_wall_s", "wall_s"], ascending=False, kind="stable").iloc[0]
    found = startups[startups["startup"] == number]
    if found.empty:
        last = startups["startup"].max()
        raise ValueError(f"there is no start-up {number}; take one of analysis.startups, 0 to {last}")
    return found.iloc[0]


def _draw_checks(ax: Axes, operations: pd.DataFrame, *, scale: Scale) -> None:
    left, right = scale.at(operations["start"]), scale.at(operations["stop"])
    lane = operations["y"].to_numpy()
    edges = np.where(right - left > SEEN * np.ptp(ax.get_xlim()), CHECK, EDGE)
    for y in np.unique(lane):
        bars = np.column_stack([left, right - left])[lane == y].tolist()
        ax.broken_barh(bars, (y - 0.4, 0.8), facecolor=CHECK, edgecolor=edges[lane == y].tolist(), linewidth=0.8)


def _draw_waits(ax: Axes, waits: pd.DataFrame, *, scale: Scale) -> None:
    """The waits as bars; the longest ones are links to their events, and say what they are when the pointer is on them."""
    order = waits.sort_values("wait_s", ascending=False, kind="stable")
    sure, ended = order["quality"].eq("exact").to_numpy(bool, na_value=False), outcomes_of(order)
    left, y = scale.at(order["start"]), order["y"].to_numpy()
    length = scale.at(order["stop"]) - left
    wide = length > SEEN * np.ptp(ax.get_xlim())  # a light edge parts neighbours
    tips, events = tips_of(order), order["event"].tolist()
    for exact, (place, outcome) in product((True, False), enumerate(OUTCOMES)):
        some = np.flatnonzero((sure == exact) & (ended == place))
        face = {"facecolor": outcome.color} if exact else {"facecolor": PAPER, "hatch": BOUNDED}
        edges = np.where(wide & exact, PAPER, outcome.color)
        linked = some[some < LINKED]
        style: dict[str, Any] = {"linewidth": 0.8, **face}
        bars = ax.barh(y[linked], length[linked], left=left[linked], height=0.62, edgecolor=edges[linked], **style)
        for bar, at in zip(bars, linked.tolist(), strict=True):
            bar.set_url(f"#event-{events[at]}")
            bar.set_gid(f"e{events[at]}")
            bar.set_label(tips[at])
        rest = some[some >= LINKED]
        for lane in np.unique(y[rest]):
            boxes = np.column_stack([left, length])[rest[y[rest] == lane]].tolist()
            ax.broken_barh(boxes, (lane - 0.31, 0.62), edgecolor=outcome.color, **style)


_MOSTLY = 0.5  # the part of the seconds of which one says that


def _sums(lanes: pd.DataFrame) -> list[str]:
    """For each lane: what its thread waited in all, and for whom most."""
    columns = (lanes[name].tolist() for name in ("wait_s", "waits", "hosts", "most_s", "url_host"))
    texts = []
    for waited, waits, hosts, most, host in zip(*columns, strict=True):
        text = f"{seconds(waited)} in {count(waits, 'wait')}" if waits else "no wait"
        if waits and len(lanes) <= ROOMY:
            is_one = hosts == 1 or most > _MOSTLY * waited
            text += f"\n{'mostly ' if hosts > 1 else ''}{host}" if is_one else f"\nfor {count(hosts, 'server')}"
        texts.append(text)
    return texts


def _sum_up(ax: Axes, texts: list[str], *, size: float) -> None:
    """The sums at the end of the lanes."""
    for y, text in enumerate(texts):
        ax.annotate(
            text,
            (1, y),
            xycoords=ax.get_yaxis_transform(),
            xytext=(6, 0),
            textcoords="offset points",
            va="center" if "\n" in text else "center_baseline",
            size=size,
            color=QUIET,
            annotation_clip=False,
            **AS_IS,
        )


def _legend(operations: pd.DataFrame) -> list[Artist]:
    label = "checking certificates"
    return [Patch(facecolor=CHECK, edgecolor=EDGE, linewidth=0.5, label=label)] if len(operations) else []


def _notes(row: pd.Series, waits: pd.DataFrame) -> list[str]:
    notes = []
    unknown = waits[waits["wait_s"].isna()]
    if len(unknown):
        each = unknown["high_s"].max()
        bound = "" if pd.isna(each) else f" (each {at_most(each)})"
        notes.append(f"Not drawn: {count(len(unknown), 'wait')} of unknown length{bound}.")
    if label(row["start_from"]) == "log begins":
        notes.append("The log begins here: the process may have started earlier.")
    return notes


def _title(row: pd.Series, lanes: pd.DataFrame) -> str:
    """One sentence with the seconds: wall, waiting, checking, unexplained."""
    who = f"{label(row['process']) or 'A process'} (PID {row['pid']} on {label(row['host']) or 'an unnamed host'})"
    wall, checking, rest = (float(row[name]) for name in ("wall_s", "checking_s", "unexplained_s"))
    waited = words.waited(row)
    if row["waits"] and row["threads"] > 1:
        text = f"In {who} at least one of {row['threads']} threads was waiting for the network "
        text += f"for {waited} of the first {seconds(wall)}"
    elif row["waits"]:
        text = f"{who} spent {waited} of its first {seconds(wall)} waiting for the network"
    else:
        text = f"{who} took {seconds(wall)} to start and never waited for the network"
    text += f"; {seconds(checking)} went into checking, {seconds(rest)} is unexplained"
    threads = int(lanes["threads"].max()) if len(lanes) else 0
    return text + (
        f"; shown: the {len(lanes)} of {threads} threads that waited longest" if threads > len(lanes) else ""
    )
