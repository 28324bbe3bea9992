"""Start-up: a timeline of one process coming up, a lane per thread, every wait at its true place.

Input: an Analysis. The light bars are the certificate checks of a thread, the
strong ones its waits for the network; each says what waits for what where there
is room, and the end of the lane says what the thread waited in all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from capi2kit import words
from capi2kit.charts.lanes import find_lanes
from capi2kit.charts.palette import AS_IS, BOUNDED, CHECK, EDGE, PAPER, QUIET, SMALL_PT, TEXT_PT, WAIT
from capi2kit.charts.sheet import (
    Scale,
    TimeAxis,
    choose_scale,
    fit_height,
    label_times,
    measure,
    open_axes,
    put_footer,
    put_title,
    say_nothing,
    set_rows,
)
from capi2kit.charts.waitlabels import label_waits
from capi2kit.knowledge import check
from capi2kit.words import at_most, count, label, seconds

if TYPE_CHECKING:
    from capi2kit.analysis import Analysis

LINKED = 500  # the longest waits are links to their events; a bar each
SEEN = 0.005  # bars below this part of the axis get a dark edge, so that they are seen
ROOMY = 12  # up to so many lanes there is height for labels of two lines


def plot_startup(analysis: Analysis, *, startup: int = 0, axis: TimeAxis = "relative", ax: Axes | None = None) -> Axes:
    """Draw the timeline of one start-up: a lane per thread, waits for the network in the strong colour.

    Parameters
    ----------
    analysis : what `analyse` returned. Of more than 40 threads the 40 that waited longest are drawn. Waits known
        within bounds only are hatched; those of unknown length are counted below. Bars link to ``#event-<number>``.
    startup : its number in `analysis.startups`.
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
    check(analysis.startups, "startups")
    check(analysis.spans, "spans")
    check(analysis.waits, "waits")
    if analysis.startups.empty:
        return say_nothing(ax, "Nothing to show: the log holds no start-up of a process.")
    chosen = analysis.startups[analysis.startups["startup"] == startup]
    if chosen.empty:
        last = analysis.startups["startup"].max()
        raise ValueError(f"there is no start-up {startup}; take one of analysis.startups, 0 to {last}")
    row = chosen.iloc[0]
    scale = choose_scale(row["start"], axis)
    operations, waits, lanes = find_lanes(analysis.spans, analysis.waits, startup=startup)
    crowded = len(lanes) > ROOMY
    own = ax is None
    ax = open_axes(ax)
    name_width = set_rows(ax, lanes["name"].tolist(), size=SMALL_PT + 0.5 if crowded else TEXT_PT)
    begin, end = scale.at(pd.Series([row["start"], row["stop"]])).tolist()
    ax.set_xlim(begin, max(end, begin + 0.001 * scale.second))
    _draw_checks(ax, operations, scale=scale)
    known = waits[waits["wait_s"].notna()]
    _draw_waits(ax, known, scale=scale)
    _sum_up(ax, lanes, size=SMALL_PT if crowded else TEXT_PT)
    width = measure(ax)
    left, right = ((scale.at(known[edge]) - begin) / np.ptp(ax.get_xlim()) * width for edge in ("start", "stop"))
    key = label_waits(ax, known, left=left, right=right, roomy=not crowded)
    notes = [", ".join(key)] if key else []
    put_footer(
        ax, label_times(ax, scale), notes=notes + _notes(row, waits), legend=_legend(known, operations), width=width
    )
    put_title(ax, _title(row, lanes), width=width, left=name_width)
    if own:
        fit_height(ax, len(lanes) * (0.24 if crowded else 0.52))
    return ax


def _draw_checks(ax: Axes, operations: pd.DataFrame, *, scale: Scale) -> None:
    left, right = scale.at(operations["start"]), scale.at(operations["stop"])
    lane = operations["y"].to_numpy()
    edges = np.where(right - left > SEEN * np.ptp(ax.get_xlim()), CHECK, EDGE)
    for y in np.unique(lane):
        bars = np.column_stack([left, right - left])[lane == y].tolist()
        ax.broken_barh(bars, (y - 0.4, 0.8), facecolor=CHECK, edgecolor=edges[lane == y].tolist(), linewidth=0.8)


def _draw_waits(ax: Axes, waits: pd.DataFrame, *, scale: Scale) -> None:
    order = waits.sort_values("wait_s", ascending=False, kind="stable")
    for quality, bars in order.groupby(order["quality"].eq("exact").fillna(False).astype(bool)):
        style: dict[str, Any] = {"facecolor": WAIT} if quality else {"facecolor": PAPER, "hatch": BOUNDED}
        left, y = scale.at(bars["start"]), bars["y"].to_numpy()
        length = scale.at(bars["stop"]) - left
        wide = quality & (length[:LINKED] > SEEN * np.ptp(ax.get_xlim()))  # a light edge parts neighbours
        edges = np.where(wide, PAPER, WAIT).tolist()
        linked = ax.barh(
            y[:LINKED], length[:LINKED], left=left[:LINKED], height=0.62, linewidth=0.8, edgecolor=edges, **style
        )
        for bar, event in zip(linked, bars["event"].head(LINKED).tolist(), strict=True):
            bar.set_url(f"#event-{event}")
            bar.set_gid(f"e{event}")
        for lane in np.unique(y[LINKED:]):
            rest = np.flatnonzero(y == lane)
            rest = rest[rest >= LINKED]
            ax.broken_barh(
                np.column_stack([left, length])[rest].tolist(),
                (lane - 0.31, 0.62),
                linewidth=0.8,
                edgecolor=WAIT,
                **style,
            )


def _sum_up(ax: Axes, lanes: pd.DataFrame, *, size: float) -> None:
    """At the end of each lane: what its thread waited in all, and for whom most."""
    columns = (lanes[name].tolist() for name in ("wait_s", "waits", "hosts", "url_host"))
    for y, (waited, waits, hosts, host) in enumerate(zip(*columns, strict=True)):
        text = f"{seconds(waited)} in {count(waits, 'wait')}" if waits else "no wait"
        if waits and len(lanes) <= ROOMY:
            text += f"\n{'mostly ' if hosts > 1 else ''}{host}"
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


def _legend(waits: pd.DataFrame, operations: pd.DataFrame) -> list[Artist]:
    exact = waits["quality"].eq("exact").fillna(False).astype(bool)
    handles: list[Artist] = []
    if exact.any():
        handles.append(Patch(facecolor=WAIT, edgecolor=WAIT, label="waiting for the network"))
    if not exact.all():
        label = "waiting, known within bounds only"
        handles.append(Patch(facecolor=PAPER, edgecolor=WAIT, hatch=BOUNDED, label=label))
    if len(operations):
        handles.append(Patch(facecolor=CHECK, edgecolor=EDGE, linewidth=0.5, label="checking certificates"))
    return handles


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
