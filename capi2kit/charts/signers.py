"""Signers: whose certificates cost the time, and at which address. One bar per signer and URL, the worst first.

Input: an Analysis: its `spans` say whose certificate was being checked while a wait of its `waits` was open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from capi2kit.charts.bars import cumulated, end_of_axis, end_ticks, fitting, label_ends, write_column
from capi2kit.charts.outcomes import OUTCOMES, outcomes_of
from capi2kit.charts.palette import WIDE_BLANK
from capi2kit.charts.sheet import close_sheet, open_sheet, say_nothing
from capi2kit.columns.call_tree import tree_of
from capi2kit.columns.keys import match
from capi2kit.given import table_of, whole_of
from capi2kit.words import count, label, seconds, short

if TYPE_CHECKING:
    from capi2kit.analysis import Analysis

_NAME, _URL = 34, 64  # characters


def plot_signers(analysis: Analysis, *, top: int = 15, ax: Axes | None = None) -> Axes:
    """Draw one bar per signer and URL: the seconds threads waited there while certificates of this signer were checked.

    Parameters
    ----------
    analysis : what `analyse` returned. Waits of unknown length are left out.
    top : bars at most; what comes after the worst ones is one bar.
    ax : axes to draw on; a figure of its own if not given.

    Returns
    -------
    Axes : those that were handed in, or of the new figure. The tables are not changed.

    Raises
    ------
    TableError : a table lacks a column or has another dtype.
    """
    whole = whole_of(analysis)
    spans, waits = table_of(whole, "spans"), table_of(whole, "waits")
    waits = waits[waits["wait_s"].notna()]
    if waits.empty:
        return say_nothing(ax, "Nothing to show: no retrieval over the network whose length is known.")
    table = _grouped(spans, waits, top=max(top, 1))
    spent = table["s"].to_numpy()
    column = cumulated(spent, total=spent.sum())
    sheet = open_sheet(ax, table["name"].tolist(), right=[*column, "cumulative"])
    write_column(sheet.ax, column, head="cumulative")
    left, legend = np.zeros(len(table)), []
    for place, outcome in enumerate(OUTCOMES):
        part = table[str(place)].to_numpy()
        if (part > 0).any():
            sheet.ax.barh(range(len(table)), part, left=left, height=0.7, color=outcome.color)
            legend.append(Patch(facecolor=outcome.color, label=outcome.name))
        left += part
    texts = [
        f"{seconds(s)} in {count(int(number), 'wait')}, {count(int(files), 'file')}"
        for s, number, files in zip(spent, table["waits"], table["targets"], strict=True)
    ]
    labels = fitting(texts, width=sheet.width)
    sheet.ax.set_xlim(0, end_of_axis(spent, labels, width=sheet.width))
    label_ends(sheet.ax, labels, ends=spent)
    end_ticks(sheet.ax, float(spent.max()))
    text: dict[str, Any] = {"title": _title(table, waits), "label": "seconds of waiting, all threads added up"}
    return close_sheet(sheet, **text, legend=legend, row_in=0.28)


def signers_of(spans: pd.DataFrame, waits: pd.DataFrame) -> list[str]:
    """Whose certificate was being checked around each wait: the outermost name above it; empty if none is logged."""
    subjects = [*spans["subject"].map(label).tolist(), ""]
    at = match([waits["span"].to_numpy()], [spans["span"].to_numpy("int64")])
    names = [""] * len(waits)
    for places in tree_of(spans).callers(at):  # from the inside out: the last one wins
        for row, place in enumerate(np.asarray(places).tolist()):
            names[row] = subjects[place] or names[row]
    return names


def _grouped(spans: pd.DataFrame, waits: pd.DataFrame, *, top: int) -> pd.DataFrame:
    """Seconds in all and by outcome, waits and files, per signer and URL, worst first."""
    ended, wait = outcomes_of(waits), waits["wait_s"].to_numpy("float64")
    parts = pd.DataFrame({str(place): np.where(ended == place, wait, 0.0) for place in range(len(OUTCOMES))})
    parts = parts.assign(
        s=wait,
        waits=1,
        signer=signers_of(spans, waits),
        url=waits["url"].map(label).fillna("").to_numpy(object),
        target=waits["target"].to_numpy(object),
    )
    groups = parts.groupby(["signer", "url"], sort=False)
    table = groups[["s", "waits", *map(str, range(len(OUTCOMES)))]].sum()
    table["targets"] = groups["target"].nunique()
    table = table.sort_values("s", ascending=False, kind="stable").reset_index()
    table.insert(0, "name", [_named(signer, url) for signer, url in zip(table["signer"], table["url"], strict=True)])
    if len(table) <= top + 1:
        return table
    rest = table.iloc[top:].sum(numeric_only=True).to_frame().T.assign(name=f"{len(table) - top} more", signer="")
    return pd.concat([table.head(top), rest], ignore_index=True)


def _named(signer: str, url: str) -> str:
    address = short(url, _URL).removeprefix("http://").removeprefix("https://") or "address not logged"
    return f"{short(signer, _NAME) or 'signer not named'}{WIDE_BLANK}·{WIDE_BLANK}{address}"


def _title(table: pd.DataFrame, waits: pd.DataFrame) -> str:
    """One sentence: whose certificates waited longest, of what."""
    by = table[table["signer"] != ""].groupby("signer")["s"].sum().sort_values(ascending=False, kind="stable")
    total = float(waits["wait_s"].sum())
    if by.empty:
        return f"{seconds(total)} were spent waiting for the network; the log names no signer"
    text = f"Certificates of {short(by.index[0], _NAME)} waited {seconds(float(by.iloc[0]))}"
    others = f" of {seconds(total)} for the network, those of {count(len(by) - 1, 'more signer')} the rest"
    return text + (others if len(by) > 1 else " for the network")
