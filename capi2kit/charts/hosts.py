"""Hosts: which server cost how many seconds, the worst first.

Input: `waits`. Every second a thread waited counts, also where several threads
waited at once; failed retrievals have a pattern of their own.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from capi2kit.charts.bars import cumulated, end_of_axis, end_ticks, fitting, label_ends, write_column
from capi2kit.charts.palette import FAILED, PAPER, WAIT
from capi2kit.charts.sheet import fit_height, measure, open_axes, put_footer, put_title, say_nothing, set_rows
from capi2kit.knowledge import check
from capi2kit.words import at_most, count, seconds, short

_COLUMNS = ["url_host", "wait_s", "high_s", "quality", "outcome"]


def plot_hosts(waits: pd.DataFrame, *, top: int = 12, ax: Axes | None = None) -> Axes:
    """Draw one bar per server: the seconds threads waited for it, answered plain and failed hatched.

    Parameters
    ----------
    waits : table `waits`, whole or a part of its rows. Those known within bounds only count with their best estimate
        (s); those of unknown length are counted below the chart.
    top : bars at most; the servers beyond the worst ones are one bar.
    ax : axes to draw on; a figure of its own if not given.

    Returns
    -------
    Axes : those that were handed in, or of the new figure. The table is not changed.

    Raises
    ------
    TableError : a column of `waits` is missing or has another dtype.
    """
    check(waits, "waits", needs=_COLUMNS)
    known = waits[waits["wait_s"].notna()]
    unknown = waits[waits["wait_s"].isna()]
    if known.empty:
        return say_nothing(ax, _nothing(unknown))
    hosts = _by_host(known, top=top)
    spent = (hosts["ok"] + hosts["failed"]).to_numpy()
    own = ax is None
    ax = open_axes(ax)
    left = set_rows(ax, hosts["name"].tolist())
    write_column(ax, cumulated(spent, total=spent.sum()), head="cumulative")
    width = measure(ax)
    rows, ok = np.arange(len(hosts)), hosts["ok"].to_numpy()
    ax.barh(rows, ok, height=0.7, color=WAIT)
    ax.barh(rows, spent - ok, left=ok, height=0.7, facecolor=WAIT, edgecolor=PAPER, hatch=FAILED, linewidth=0)
    labels = fitting(_labels(hosts), width=width)
    ax.set_xlim(0, end_of_axis(spent, labels, width=width))
    label_ends(ax, labels, ends=spent)
    handles = [Patch(facecolor=WAIT, label="answered")] if (ok > 0).any() else []
    if (spent - ok > 0).any():
        handles.append(Patch(facecolor=WAIT, edgecolor=PAPER, hatch=FAILED, linewidth=0, label="failed"))
    end_ticks(ax, float(spent.max()))
    label = "seconds of waiting, all threads added up"
    put_footer(ax, label, notes=_notes(known, unknown), legend=handles, width=width)
    put_title(ax, _title(hosts, known), width=width, left=left)
    if own:
        fit_height(ax, len(hosts) * 0.3)
    return ax


def _by_host(known: pd.DataFrame, *, top: int) -> pd.DataFrame:
    """Seconds and counts per server, worst first; what comes after the `top` worst is one row."""
    failed = known["outcome"].ne("ok").fillna(True).astype(bool)
    wait = known["wait_s"].astype("float64")
    parts = pd.DataFrame(
        {
            "name": [short(host, 44) or "(server not named)" for host in known["url_host"]],
            "ok": wait.mask(failed, 0.0).to_numpy(),
            "failed": wait.where(failed, 0.0).to_numpy(),
            "waits": 1,
            "failures": failed.to_numpy("int64"),
        }
    )
    hosts = parts.groupby(known["url_host"].fillna("").to_numpy("object")).agg(
        name=("name", "first"),
        ok=("ok", "sum"),
        failed=("failed", "sum"),
        waits=("waits", "sum"),
        failures=("failures", "sum"),
    )
    hosts = hosts.assign(s=hosts["ok"] + hosts["failed"]).sort_values("s", ascending=False, kind="stable")
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
    spent = float(worst["ok"] + worst["failed"])
    part = f" ({spent / total:.0%})" if total > 0 else ""
    text = f"{worst['name']} took {seconds(spent)} of the {seconds(total)} spent waiting for the network{part}"
    failures = int(hosts["failures"].sum())
    return f"{text}; {f'{failures:,} of ' if failures else 'none of '}{count(len(known), 'retrieval')} failed"
