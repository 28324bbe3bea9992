"""Savings: the wall time of one start-up as a waterfall: all of it, what each cause costs, and what is left.

Input: an Analysis. Below the causes: what the start-up would take with each remedy alone, by `whatif`. Where causes
look at the same seconds, each second is taken off once, for the cause that comes first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from capi2kit.charts.bars import end_of_axis, end_ticks, label_ends
from capi2kit.charts.palette import CHECK, EDGE, LEFT, LEFT_AT_MOST, WAIT
from capi2kit.charts.sheet import close_sheet, open_sheet, say_nothing
from capi2kit.columns.cells import integers
from capi2kit.columns.instants import SECOND, nanoseconds
from capi2kit.columns.intervals import covered
from capi2kit.given import table_of, whole_of
from capi2kit.questions.answer import Answer, answer
from capi2kit.questions.sentences import left, place
from capi2kit.questions.whatif import TOGETHER
from capi2kit.words import seconds, short

if TYPE_CHECKING:
    from capi2kit.analysis import Analysis

_CAUSES, _REMEDIES = 6, 6  # at most
_NAME = 60  # characters
_LEAST_S = 0.005


class _Row(NamedTuple):
    """A row: its name, where its bar begins, ends, and ends at most; its colour, and what it says."""

    name: str
    begin: float
    end: float
    most: float
    color: str
    text: str


def plot_savings(analysis: Analysis, *, found: Answer | None = None, ax: Axes | None = None) -> Axes:
    """Draw the wall time of the start-up that the answer is about: minus each cause, and what each remedy leaves.

    Parameters
    ----------
    analysis : what `analyse` returned; the start-up is the one that its headline names.
    found : its answer, if it is there already.
    ax : axes to draw on; a figure of its own if not given.

    Returns
    -------
    Axes : those that were handed in, or of the new figure. The tables are not changed.

    Raises
    ------
    TableError : a table lacks a column or has another dtype.
    """
    whole = whole_of(analysis)
    findings, waits = table_of(whole, "findings"), table_of(whole, "waits")
    spans, startups = table_of(whole, "spans"), table_of(whole, "startups")
    found = found or answer(findings, spans=spans, waits=waits, startups=startups)
    if found.startup is None or not found.startup["wall_s"] > 0:
        return say_nothing(ax, "Nothing to show: no start-up of a process to take anything off.")
    wall = float(found.startup["wall_s"])
    falling = _falling(found, waits, wall=wall)
    rows = [_Row("as logged", 0.0, wall, wall, WAIT if falling else EDGE, seconds(wall)), *falling]
    rest = rows[-1].begin if len(rows) > 1 else wall
    rows.append(_Row("left: checking and unexplained", 0.0, rest, rest, CHECK, seconds(rest)))
    rows += _remedies(found, wall=wall)
    sheet = open_sheet(ax, [row.name for row in rows])
    reach = np.array([row.most for row in rows])
    labels = [row.text for row in rows]
    sheet.ax.set_xlim(0, end_of_axis(reach, labels, width=sheet.width))
    for at, row in enumerate(rows):
        edge: dict[str, Any] = {"edgecolor": EDGE, "linewidth": 0.5} if row.color == CHECK else {}
        if row.most > row.end:
            sheet.ax.barh(at, row.most - row.end, left=row.end, height=0.66, color=LEFT_AT_MOST)
        sheet.ax.barh(at, max(row.end - row.begin, wall * 0.002), left=row.begin, height=0.66, color=row.color, **edge)
    label_ends(sheet.ax, labels, ends=reach)
    end_ticks(sheet.ax, wall)
    return close_sheet(sheet, title=_title(found, rest=rest), label="seconds", legend=_legend(rows), row_in=0.3)


def _falling(found: Answer, waits: Any, *, wall: float) -> list[_Row]:
    """What each cause takes off: its seconds that no cause before it has."""
    number = found.startup["startup"] if found.startup else -1
    inside = integers(waits["startup"]) == number
    event, begin = waits["event"].to_numpy("int64"), nanoseconds(waits["start"])
    end = np.maximum(begin, nanoseconds(waits["stop"]))
    taken, so_far = np.zeros(len(waits), bool), 0.0
    rows: list[_Row] = []
    for charge in found.charges:
        mine = inside & np.isin(event, list(charge.cause.waits)) & ~taken
        if not mine.any():
            continue
        taken |= mine
        zeros = np.zeros(int(taken.sum()), "int64")
        union = min(float(covered(owner=zeros, begin=begin[taken], end=end[taken], count=1)[0]) / SECOND, wall)
        if union - so_far > _LEAST_S and len(rows) < _CAUSES:
            text = f"− {seconds(union - so_far)}"
            rows.append(_Row(short(charge.cause.title, _NAME), wall - union, wall - so_far, wall - so_far, WAIT, text))
        so_far = max(so_far, union)
    return rows


def _remedies(found: Answer, *, wall: float) -> list[_Row]:
    """What the start-up takes with each remedy alone, the best one first."""
    effects = found.effects
    if effects.empty:
        return []
    alone = effects[(effects["fix"] != TOGETHER) & effects["wall_after_s"].notna() & (effects["saved_s"] > _LEAST_S)]
    rows = []
    for row in alone.sort_values("saved_s", ascending=False, kind="stable").head(_REMEDIES).to_dict("records"):
        after, most = float(row["wall_after_s"]), min(max(wall - float(row["low_s"]), 0.0), wall)
        rows.append(_Row(f"with: {short(row['title'], _NAME)}", 0.0, after, max(most, after), LEFT, left(row)))
    return rows


def _title(found: Answer, *, rest: float) -> str:
    row = found.startup or {}
    wall = float(row["wall_s"])
    who = place(row)
    if wall - rest <= _LEAST_S:
        return f"No cause that was found costs a part of the {seconds(wall)} that {who} took to start"
    return f"Without its causes, {who} would have started in {seconds(rest)} instead of {seconds(wall)}"


def _legend(rows: list[_Row]) -> list[Patch]:
    keys = [Patch(facecolor=rows[0].color, label="as logged"), Patch(facecolor=CHECK, edgecolor=EDGE, label="left")]
    if any(row.color == LEFT for row in rows):
        keys.append(Patch(facecolor=LEFT, label="with one remedy"))
    if any(row.most > row.end for row in rows):
        keys.append(Patch(facecolor=LEFT_AT_MOST, label="at most"))
    return keys
