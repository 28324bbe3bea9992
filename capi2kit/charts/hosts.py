"""Hosts: which server cost how many seconds, the worst first.

Input: `waits`. Every second a thread waited counts, also where several threads
waited at once; the colour says how the waits ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from capi2kit.charts.bars import cumulated, end_of_axis, end_ticks, fitting, label_ends, write_column
from capi2kit.charts.outcomes import OUTCOMES, outcomes_of
from capi2kit.charts.sheet import close_sheet, open_sheet, say_nothing
from capi2kit.given import table_of
from capi2kit.words import at_most, count, label, seconds, short

if TYPE_CHECKING:
    from capi2kit.analysis import Analysis

_COLUMNS = ["url_host", "wait_s", "high_s", "quality", "outcome", "wpad_failures"]
_NAME = 44  # characters of a server in the title
_LONGEST = 90  # characters of its name beside its bar, before it is fitted in


def plot_hosts(waits: Analysis | pd.DataFrame, *, top: int = 12, ax: Axes | None = None) -> Axes:
    """Draw one bar per server: the seconds threads waited for it, coloured by how the waits ended.

    Parameters
    ----------
    waits : an Analysis, or table `waits`, whole or a part of its rows. Those known within bounds only count with their best
        estimate (s); those of unknown length are counted below the chart.
    top : bars at most; the servers beyond the worst ones are one bar.
    ax : axes to draw on; a figure of its own if not given.

    Returns
    -------
    Axes : those that were handed in, or of the new figure. The table is not changed.

    Raises
    ------
    TableError : a column of `waits` is missing or has another dtype.
    """
    table = table_of(waits, "waits", needs=_COLUMNS)
    known, unknown = table[table["wait_s"].notna()], table[table["wait_s"].isna()]
    if known.empty:
        return say_nothing(ax, _nothing(unknown))
    hosts = _by_host(known, top=top)
    spent = hosts["s"].to_numpy()
    column = cumulated(spent, total=spent.sum())
    sheet = open_sheet(ax, hosts["name"].tolist(), right=[*column, "cumulative"])
    ax = sheet.ax
    write_column(ax, column, head="cumulative")
    left, legend = np.zeros(len(hosts)), []
    for place, outcome in enumerate(OUTCOMES):
        part = hosts[str(place)].to_numpy()
        if (part > 0).any():
            ax.barh(range(len(hosts)), part, left=left, height=0.7, color=outcome.color)
            legend.append(Patch(facecolor=outcome.color, label=outcome.name))
        left += part
    labels = fitting(_labels(hosts), width=sheet.width)
    ax.set_xlim(0, end_of_axis(spent, labels, width=sheet.width))
    label_ends(ax, labels, ends=spent)
    end_ticks(ax, float(spent.max()))
    text: dict[str, Any] = {"title": _title(hosts, known), "label": "seconds of waiting, all threads added up"}
    return close_sheet(sheet, **text, notes=_notes(known, unknown), legend=legend, row_in=0.3)


def _by_host(known: pd.DataFrame, *, top: int) -> pd.DataFrame:
    """Seconds in all and by outcome, and counts, per server, worst first; what comes after the `top` worst is one row."""
    wait, ended = known["wait_s"].to_numpy("float64"), outcomes_of(known)
    names = known["url_host"].map(label).fillna("").to_numpy(object)
    parts = pd.DataFrame({str(place): np.where(ended == place, wait, 0.0) for place in range(len(OUTCOMES))})
    parts = parts.assign(s=wait, waits=1, failures=(ended == 0).astype("int64"))
    hosts = parts.groupby(names).sum().sort_values("s", ascending=False, kind="stable")
    hosts.insert(0, "name", [name[:_LONGEST] or "(server not named)" for name in hosts.index])
    top = max(top, 1)
    if len(hosts) <= top + 1:  # a single one more gets its own bar
        return hosts
    rest = hosts.iloc[top:].sum(numeric_only=True).to_frame().T.assign(name=count(len(hosts) - top, "more server"))
    return pd.concat([hosts.head(top), rest], ignore_index=True)


def _labels(hosts: pd.DataFrame) -> list[str]:
    """Seconds and waits of each server, and how many of these failed."""
    labels = []
    columns = (hosts[name].tolist() for name in ("s", "waits", "failures"))
    for spent, waits, failures in zip(*columns, strict=True):
        failed = f", {failures:,.0f} failed" if failures < waits else f", {'all ' if waits > 1 else ''}failed"
        labels.append(f"{seconds(spent)} in {count(int(waits), 'wait')}{failed if failures else ''}")
    return labels


def _nothing(unknown: pd.DataFrame) -> str:
    if unknown.empty:
        return "Nothing to show: no retrieval over the network in these waits."
    return f"Nothing to show: the length of {count(len(unknown), 'wait')} is unknown, and there are no others."


def _notes(known: pd.DataFrame, unknown: pd.DataFrame) -> list[str]:
    notes = []
    bounded = known[known["quality"].ne("exact").fillna(True).astype(bool)]
    if len(bounded):
        spent = seconds(float(bounded["wait_s"].sum()))
        notes.append(f"{count(len(bounded), 'wait')} known within bounds only, {spent} in all at best estimate.")
    if len(unknown):
        each = unknown["high_s"].max()
        bound = "" if pd.isna(each) else f" (each {at_most(each)})"
        notes.append(f"Not drawn: {count(len(unknown), 'wait')} of unknown length{bound}.")
    return notes


def _title(hosts: pd.DataFrame, known: pd.DataFrame) -> str:
    """One sentence: what the worst server cost, of what, and how much failed."""
    worst, total = hosts.iloc[0], float(known["wait_s"].sum())
    part = f" ({worst['s'] / total:.0%})" if total > 0 and worst["s"] / total >= 0.005 else ""
    name = short(worst["name"], _NAME)
    whole = "all of the" if len(hosts) == 1 else f"{seconds(worst['s'])} of the"
    text = f"{name} took {whole} {seconds(total)} spent waiting for the network{part if len(hosts) > 1 else ''}"
    failures = int(hosts["failures"].sum())
    return f"{text}; {f'{failures:,} of ' if failures else 'none of '}{count(len(known), 'retrieval')} failed"
