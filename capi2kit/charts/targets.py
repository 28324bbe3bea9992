"""Targets: which file cost how many seconds of checking, the worst first.

Input: `delays`. One bar per row of the table, so two files of the same name in
two folders, or one file in two processes, stay two bars.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from capi2kit.charts.bars import cumulated, end_of_axis, end_ticks, fitting, label_ends, write_column
from capi2kit.charts.palette import ANSWERED, CHECK, EDGE, FAILED, WIDE_BLANK
from capi2kit.charts.sheet import close_sheet, open_sheet, say_nothing
from capi2kit.given import table_of
from capi2kit.knowledge import account
from capi2kit.words import count, file_name, label, seconds, short

if TYPE_CHECKING:
    from capi2kit.analysis import Analysis

NAME = 38  # characters
_COLUMNS = ["host", "process", "pid", "user_sid", "target", "total_s", "network_s", "timeouts"]


def plot_targets(delays: Analysis | pd.DataFrame, *, top: int = 15, ax: Axes | None = None) -> Axes:
    """Draw one bar per target: its time in certificate checks, the part on the network in the strong colour.

    Parameters
    ----------
    delays : an Analysis, or table `delays`; seconds of all checks of a target, overlaps counted for each.
    top : bars at most; the targets beyond the slowest ones are counted in the title.
    ax : axes to draw on; a figure of its own if not given.

    Returns
    -------
    Axes : those that were handed in, or of the new figure. The table is not changed.

    Raises
    ------
    TableError : a column of `delays` is missing or has another dtype.
    """
    table = table_of(delays, "delays", needs=_COLUMNS)
    timed = table[table["total_s"].notna()]
    if timed.empty or timed["total_s"].max() <= 0:
        return say_nothing(ax, "Nothing to show: no certificate check of a file took any time.")
    worst = timed.sort_values("total_s", ascending=False, kind="stable").head(max(top, 1))
    total = worst["total_s"].to_numpy("float64")
    network = np.minimum(worst["network_s"].to_numpy("float64", na_value=0.0), total)
    column = cumulated(total, total=float(timed["total_s"].sum()))
    sheet = open_sheet(ax, _names(worst), right=[*column, "cumulative"])
    ax = sheet.ax
    write_column(ax, column, head="cumulative")
    rows = np.arange(len(worst))
    ax.barh(rows, total, height=0.7, color=CHECK, edgecolor=EDGE, linewidth=0.5)
    failed = worst["timeouts"].gt(0).to_numpy(bool, na_value=False)
    ax.barh(rows, network, height=0.7, color=np.where(failed, FAILED, ANSWERED))
    labels = fitting(_labels(worst), width=sheet.width)
    ax.set_xlim(0, end_of_axis(total, labels, width=sheet.width))
    label_ends(ax, labels, ends=total)
    end_ticks(ax, float(total.max()))
    legend = [
        *(Patch(facecolor=FAILED, label="waiting, some of it failed") for _ in range(bool(failed.any()))),
        *(Patch(facecolor=ANSWERED, label="waiting, answered") for _ in range(bool((~failed & (network > 0)).any()))),
        Patch(facecolor=CHECK, edgecolor=EDGE, linewidth=0.5, label="everything else"),
    ]
    label = "seconds of certificate checks, all threads added up"
    return close_sheet(sheet, title=_title(timed, shown=len(worst)), label=label, legend=legend, row_in=0.28)


def _names(worst: pd.DataFrame) -> list[str]:
    """The target of each row, with as much of process, host and account as is needed to distinguish the rows."""
    names = [short(target, NAME) or "(target not named)" for target in worst["target"]]
    processes = [
        f"{label(name)} {pid}" for name, pid in zip(worst["process"], worst["pid"].astype("string"), strict=True)
    ]
    hosts = [label(host).partition(".")[0] for host in worst["host"]]
    if len(set(processes)) > 1:
        names = [f"{name}{WIDE_BLANK}·{WIDE_BLANK}{process}" for name, process in zip(names, processes, strict=True)]
    if len(set(names)) < len(names):
        names = [f"{name} @ {short(host, 16)}" for name, host in zip(names, hosts, strict=True)]
    if len(set(names)) < len(names):
        who = [account(sid)[1] or f"…{sid[-6:]}" if isinstance(sid, str) else "" for sid in worst["user_sid"]]
        names = [f"{name}{WIDE_BLANK}{short(person, 18)}".strip() for name, person in zip(names, who, strict=True)]
    return names


def _labels(worst: pd.DataFrame) -> list[str]:
    """Seconds of each target, how many of them waiting, and how many retrievals ran out of time."""
    labels = []
    columns = (worst[name].tolist() for name in ("total_s", "network_s", "timeouts"))
    for total, waited, timeouts in zip(*columns, strict=True):
        network = 0.0 if pd.isna(waited) else float(waited)
        text = seconds(total)
        if network > 0:
            text += f", {seconds(network)} waiting" if network < total - 0.01 else ", all waiting"
        labels.append(text + (f", {count(timeouts, 'timeout')}" if timeouts else ""))
    return labels


def _title(timed: pd.DataFrame, *, shown: int) -> str:
    """One sentence: the slowest target, and what all of them took."""
    first = timed.sort_values("total_s", ascending=False, kind="stable").iloc[0]
    total, network = float(timed["total_s"].sum()), float(timed["network_s"].sum())
    name = short(file_name(first["target"]), NAME) or "An unnamed target"
    text = f"Checking {name} took {seconds(float(first['total_s']))}"
    if len(timed) == 1:
        return f"{text}, {seconds(network)} of it waiting for the network"
    text += f"; all {len(timed):,} targets {seconds(total)}, {seconds(network)} of it waiting for the network"
    return text + (f"; shown: the {shown} slowest" if shown < len(timed) else "")
