"""Timeline: all the evidence of one incident on one time axis, a lane for each kind.

Input: an Analysis. The start-ups of one computer that overlap come first, with their waits; below them what other
logs say of the same minutes: restarts and services, processes, requests, SharePoint's trace, the firewall. An entry
that knows its own duration is a bar that ends when it was logged, any other a mark.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from capi2kit.charts.labels import points
from capi2kit.charts.outcomes import OUTCOMES, keys_of, outcomes_of
from capi2kit.charts.palette import AS_IS, BOUNDED, CHECK, EDGE, INK, PAPER, QUIET, SMALL_PT
from capi2kit.charts.sheet import close_sheet, open_sheet, say_nothing
from capi2kit.charts.timescale import Scale, TimeAxis, choose_scale, label_times
from capi2kit.columns.nearby import short_names
from capi2kit.given import table_of, whole_of
from capi2kit.knowledge import operation_rows, operations_marking, operations_where
from capi2kit.knowledge.providers import lane_of_checks, lanes_of
from capi2kit.words import SHORTEST, count, label, seconds, short, shorter, waited

if TYPE_CHECKING:
    from capi2kit.analysis import Analysis

PROCESSES = 12  # start-ups shown
ROOTS = "Root updates"  # what CAPI2 writes to the Application log
LEVELS = 6  # bars of one lane beside each other
_CLOSE_PT = 24  # marks closer than that share their words
_MARGIN = 0.04  # of the window, at both ends
_LEAST = pd.Timedelta(seconds=5)
_BEFORE = pd.Timedelta(seconds=60)  # how far back a restart belongs to what came after it


def plot_timeline(
    analysis: Analysis, *, startup: int | None = None, axis: TimeAxis = "utc", ax: Axes | None = None
) -> Axes:
    """Draw one incident: the start-ups that overlap with `startup` (else with the one that waited longest), and the rest.

    Parameters
    ----------
    analysis : what `analyse` returned; all evidence of the computer in that time has a lane.
    startup : number of a start-up in `analysis.startups`.
    axis : ``utc`` for the time of day, ``relative`` for seconds since the window begins.
    ax : axes to draw on; a figure of its own if not given.

    Returns
    -------
    Axes : those that were handed in, or of the new figure. The table is not changed.

    Raises
    ------
    TableError : a table lacks a column or has another dtype.
    ValueError : there is no such start-up.
    """
    whole = whole_of(analysis)
    startups, waits = table_of(whole, "startups"), table_of(whole, "waits")
    if startups.empty:
        return say_nothing(ax, "Nothing to show: the log holds no start-up of a process.")
    mine = _overlapping(startups, startup)
    entries = _entries(analysis, mine)
    begin, end = _window(mine, entries)
    entries = entries[(entries["stop"] >= begin) & (entries["start"] <= end)]
    scale = choose_scale(begin, axis)
    lanes = entries.groupby("lane", sort=False).size() if len(entries) else pd.Series(dtype="int64")
    names = [_process(row) for row in mine.to_dict("records")] + [f"{name}" for name in lanes.index]
    ends = _ends(mine, lanes=lanes)
    sheet = open_sheet(ax, names, right=ends)
    ax = sheet.ax
    ax.set_xlim(*scale.at(pd.Series([begin, end])).tolist())
    drawn = _draw_startups(ax, mine, waits=waits, scale=scale)
    for place, name in enumerate(lanes.index, len(mine)):
        _draw_lane(ax, entries[entries["lane"] == name], place=place, scale=scale, width=sheet.width)
    _count(ax, ends)
    notes, label = _notes(startups, mine), label_times(ax, scale)
    legend = [*keys_of(drawn), *_legend(entries)] if len(drawn) else _legend(entries)
    return close_sheet(sheet, title=_title(mine, entries), label=label, notes=notes, legend=legend, row_in=0.42)


def _overlapping(startups: pd.DataFrame, startup: int | None) -> pd.DataFrame:
    """The chosen start-up and those of its computer that overlap with it, by start."""
    if startup is None:
        chosen = startups.sort_values(["waiting_wall_s", "wall_s"], ascending=False, kind="stable").head(1)
    else:
        chosen = startups[startups["startup"] == startup]
        if chosen.empty:
            raise ValueError(f"there is no start-up {startup}; take one of analysis.startups")
    row = chosen.iloc[0]
    same = startups["host"].eq(row["host"]).fillna(False) | startups["startup"].eq(row["startup"])
    found = startups[same & (startups["start"] <= row["stop"]) & (startups["stop"] >= row["start"])]
    kept = found.sort_values(["waiting_wall_s", "wall_s"], ascending=False, kind="stable").head(PROCESSES)
    return kept.sort_values("start", kind="stable")


def _entries(analysis: Analysis, mine: pd.DataFrame) -> pd.DataFrame:
    """What other logs say of this computer: lane, start, stop, a word, whether it marks something."""
    nested = operations_where(wire=True) + [found.name for found in operation_rows().values() if found.rank]
    events = analysis.case.events.reset_index()
    outside = (events["channel"] != _operational()).fillna(True)
    events = events[events["time"].notna() & ~events["operation"].isin(nested) & outside]
    computers = analysis.case.events["host"]
    place, here = short_names(events["host"], of=computers), short_names(mine["host"].head(1), of=computers).iloc[0]
    events = events[(place.isna() | (place == here)).fillna(True)]
    length = pd.to_timedelta(events["duration_s"].astype("float64").fillna(0.0), unit="s")
    titles = {found.name: found.title for found in operation_rows().values()}
    marking = set().union(*(operations_marking(mark) for mark in _MARKS))
    return pd.DataFrame(
        {
            "lane": lanes_of(events).replace(lane_of_checks(), ROOTS),
            "start": events["time"] - length,
            "stop": events["time"],
            "whole": events["phase"].eq("whole").fillna(False).to_numpy(bool),
            "word": [_word(row, titles) for row in events[_NAMED].to_dict("records")],
            "marks": events["operation"].isin(marking).to_numpy(bool) | (lanes_of(events) == lane_of_checks()),
        }
    ).sort_values(["lane", "start"], kind="stable")


_MARKS = ("restart began", "restart ended", "process created", "pool recycled", "boot", "clock set", "slow validation")
_BEGINS = {
    "first operation": "its first check",
    "log begins": "the beginning of the log",
    "process created": "the creation of the process",
    "restart ended": "the start of IIS",
    "pool recycled": "the recycling of its pool",
}
_NAMED = ["operation", "service", "service_state", "new_process", "new_pid", "app_pool"]


def _operational() -> str:
    """The channel whose operations the start-ups show."""
    return next(key[1] for key, found in operation_rows().items() if found.wire)


def _word(row: dict, titles: dict[str, str]) -> str:
    """What to write beside a mark: process and id, service and state, or what it is called."""
    if isinstance(row["new_process"], str):
        return f"{label(row['new_process'])} {'' if pd.isna(row['new_pid']) else row['new_pid']}".strip()
    if isinstance(row["service"], str):
        state = f" {label(row['service_state'])}" if isinstance(row["service_state"], str) else ""
        return short(row["service"], 24) + state
    return titles.get(str(row["operation"]), label(row["operation"]))


def _window(mine: pd.DataFrame, entries: pd.DataFrame) -> tuple[pd.Timestamp, pd.Timestamp]:
    """From a restart shortly before the first start-up to the end of the last one, and a little more."""
    begin, end = mine["start"].min(), mine["stop"].max()
    near = entries[entries["marks"] & (entries["start"] >= begin - _BEFORE) & (entries["start"] <= begin)]
    begin = min([begin, *near["start"].head(1)])
    late = entries[
        entries["whole"] & (entries["start"] <= end) & (entries["stop"] >= end) & (entries["stop"] <= end + _BEFORE)
    ]
    end = max([end, *late["stop"].tail(1)])
    margin = max((end - begin) * _MARGIN, _LEAST)
    return begin - margin, end + margin


def _draw_startups(ax: Axes, mine: pd.DataFrame, *, waits: pd.DataFrame, scale: Scale) -> pd.DataFrame:
    """The start-ups with their waits in the colour of their outcome; returns the waits that are drawn."""
    known, drawn = waits[waits["wait_s"].notna()], []
    for place, row in enumerate(mine.to_dict("records")):
        left, right = scale.at(pd.Series([row["start"], row["stop"]])).tolist()
        ax.barh(place, right - left, left=left, height=0.72, facecolor=CHECK, edgecolor=EDGE, linewidth=0.8)
        of = known["host"].eq(row["host"]) & known["pid"].eq(row["pid"]) & known["process"].eq(row["process"])
        inside = known[of.fillna(False) & (known["start"] >= row["start"]) & (known["start"] <= row["stop"])]
        starts, ended = scale.at(inside["start"]), outcomes_of(inside)
        lengths = scale.at(inside["stop"]) - starts
        sure = inside["quality"].eq("exact").to_numpy(bool, na_value=False)
        for exact, (kind, outcome) in product((True, False), enumerate(OUTCOMES)):
            some = (ended == kind) & (sure == exact)
            bars = np.column_stack([starts, lengths])[some].tolist()
            style: dict[str, Any] = {"facecolor": outcome.color} if exact else {"facecolor": PAPER, "hatch": BOUNDED}
            # no edge of its own where bars touch: edges would be drawn on whole pixels, and equal waits would look unequal
            ax.broken_barh(bars, (place - 0.28, 0.56), edgecolor=outcome.color, linewidth=0.4, snap=False, **style)
        drawn.append(inside)
    return pd.concat(drawn)


def _draw_lane(ax: Axes, entries: pd.DataFrame, *, place: int, scale: Scale, width: float) -> None:
    """Bars on a few levels, one below the other, and marks with their words as far as there is room."""
    bars, marks = entries[entries["whole"]], entries[~entries["whole"]]
    levels = max(min(len(bars), LEVELS), 1)
    height = 0.72 / levels
    starts, stops = scale.at(bars["start"]), scale.at(bars["stop"])
    least = 0.002 * np.ptp(ax.get_xlim())
    for level in range(levels):
        some = slice(level, None, levels)
        boxes = np.column_stack([starts[some], np.maximum(stops[some] - starts[some], least)]).tolist()
        ax.broken_barh(boxes, (place - 0.36 + level * height, height * 0.8), facecolor=EDGE, linewidth=0)
    at = scale.at(marks["start"])
    ax.vlines(at, place - 0.36, place + 0.36, color=INK, linewidth=np.where(marks["marks"], 1.6, 0.5))
    if not len(bars):
        _write(ax, marks, at=at, place=place, width=width)


def _write(ax: Axes, marks: pd.DataFrame, *, at: np.ndarray, place: int, width: float) -> None:
    """The words of the marks that matter, those of marks close together in one, behind the last of them."""
    begin, end = ax.get_xlim()
    room = (end - begin) / width  # of one point
    chosen = marks["marks"].to_numpy(bool)
    words, places = marks["word"].to_numpy(object)[chosen], at[chosen]
    breaks = np.flatnonzero(np.diff(places) > _CLOSE_PT * room) + 1
    for some in np.split(np.arange(len(places)), breaks) if len(places) else ():
        last = places[some[-1]]
        following = places[places > last]
        until = min([end, *following[:1]]) - 6 * room
        text = ", ".join(dict.fromkeys(words[some]))
        if points(text, SMALL_PT) * room > until - last:
            text = shorter(text, max(int(len(text) * (until - last) / (points(text, SMALL_PT) * room)), 1))
        if len(text) >= SHORTEST:
            ax.annotate(
                text,
                (last, place),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
                size=SMALL_PT,
                color=INK,
                **AS_IS,
            )


def _ends(mine: pd.DataFrame, *, lanes: pd.Series) -> list[str]:
    """For the end of each lane: what was waited, or how many entries there are."""
    texts = [f"{waited(row)} of {seconds(row['wall_s'])} waiting" for row in mine.to_dict("records")]
    return texts + [f"{number:,} {'entry' if number == 1 else 'entries'}" for number in lanes]


def _count(ax: Axes, texts: list[str]) -> None:
    for place, text in enumerate(texts):
        ax.annotate(
            text, (1, place), xycoords=ax.get_yaxis_transform(), xytext=(6, 0), textcoords="offset points",
            va="center_baseline", size=SMALL_PT, color=QUIET, annotation_clip=False, **AS_IS,
        )  # fmt: skip


def _process(row: dict) -> str:
    pool = f" · {short(row['app_pool'], 28)}" if isinstance(row["app_pool"], str) else ""
    return f"{label(row['process']) or 'process not logged'} {'' if pd.isna(row['pid']) else row['pid']}{pool}"


def _legend(entries: pd.DataFrame) -> list[Artist]:
    handles: list[Artist] = [
        Patch(facecolor=CHECK, edgecolor=EDGE, linewidth=0.8, label="start-up"),
    ]
    if entries["whole"].any():
        handles.append(Patch(facecolor=EDGE, label="entry with its duration"))
    if (~entries["whole"]).any():
        handles.append(Line2D([], [], color=INK, linewidth=1.2, marker="|", linestyle="none", label="entry"))
    return handles


def _notes(startups: pd.DataFrame, mine: pd.DataFrame) -> list[str]:
    more = len(startups) - len(mine)
    return [f"Not shown: {count(more, 'other start-up')}."] if more else []


def _title(mine: pd.DataFrame, entries: pd.DataFrame) -> str:
    """One sentence: who came up, for how long, from what evidence."""
    worst = mine.sort_values("waiting_wall_s", ascending=False, kind="stable").iloc[0]
    who = f"{_process(worst.to_dict())} on {label(worst['host']) or 'an unnamed host'}"
    begin = _BEGINS.get(str(worst["start_from"]), str(worst["start_from"]))
    end = {"last operation": "its last check"}.get(str(worst["stop_from"]), "the first request served")
    text = f"{who}: {seconds(worst['wall_s'])} from {begin} to {end}, {waited(worst)} of it waiting"
    return text if len(entries) else f"{text}; the CAPI2 log is the only evidence"
