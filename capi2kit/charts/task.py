"""Task: the waterfall of one task, a row per operation, indented as the calls are nested.

Input: `spans`, and `waits` for the bounds of what was waited. An operation that
waits itself is filled with the strong colour; those around it carry a strip
where something inside them waited.
"""

from __future__ import annotations

import math
from itertools import islice, product
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from capi2kit.charts.bars import SEEN_PT, end_of_axis, end_ticks, label_ends
from capi2kit.charts.outcomes import OUTCOMES, keys_of, outcomes_of
from capi2kit.charts.palette import BOUNDED, CHECK, EDGE, PAPER, WIDE_BLANK
from capi2kit.charts.sheet import close_sheet, open_sheet, say_nothing
from capi2kit.charts.timescale import Scale, TimeAxis, choose_scale, label_times
from capi2kit.columns.call_tree import tree_of
from capi2kit.columns.instants import TICK_S
from capi2kit.columns.keys import match
from capi2kit.given import table_of
from capi2kit.knowledge import check
from capi2kit.words import count, duration, file_name, label, seconds, short

if TYPE_CHECKING:
    from capi2kit.analysis import Analysis

ROWS = 60
DETAIL = 44  # characters
INDENT = "\N{NO-BREAK SPACE}" * 3  # plain blanks are lost in SVG
_BOUNDS = ["span", "wait_s", "low_s", "high_s", "quality"]
_PARTS = ["span", "start", "quality", "stop", "outcome", "wpad_failures"]
_WAITS = [*_BOUNDS, *_PARTS]


def plot_task(
    spans: Analysis | pd.DataFrame,
    task_id: str | None = None,
    *,
    waits: pd.DataFrame | None = None,
    axis: TimeAxis = "relative",
    ax: Axes | None = None,
) -> Axes:
    """Draw the waterfall of one task: a bar per operation from its true start to its end.

    Parameters
    ----------
    spans : an Analysis, or table `spans`. Of more than 60 operations of the task the longest are drawn.
    task_id : the task, with or without braces; its beginning is enough where no other task begins like it. The one that waited longest
        if not given.
    waits : table `waits`, if `spans` is a table; it sharpens the durations of the retrievals by their own bounds.
    axis : ``relative`` for seconds since the task began, ``utc`` for the time of day.
    ax : axes to draw on; a figure of its own if not given.

    Returns
    -------
    Axes : those that were handed in, or of the new figure. The table is not changed.

    Raises
    ------
    TableError : a table lacks a column or has another dtype.
    ValueError : there is no such task, or no such axis.
    """
    table = table_of(spans, "spans")
    waits = getattr(spans, "waits", waits) if waits is None else waits
    if waits is not None:
        check(waits, "waits", needs=_WAITS)
    if table.empty:
        return say_nothing(ax, "Nothing to show: no operation in these spans.")
    task = _task(table, task_id)
    task = task[task["start"].notna() | task["stop"].notna()]
    if task.empty:
        return say_nothing(ax, "Nothing to show: neither start nor end of this task is known.")
    parts, shown = _waiting(task, waits), _in_order(task)
    scale = choose_scale(shown["start"].fillna(shown["stop"]).min(), axis)
    sheet = open_sheet(ax, _names(shown), indent=True)
    begin, end = scale.at(shown["start"].fillna(shown["stop"])), scale.at(shown["stop"].fillna(shown["start"]))
    labels = _durations(shown, waits)
    zero = float(begin.min())
    reach = max(end_of_axis(end - zero, labels, width=sheet.width), TICK_S * scale.second)
    sheet.ax.set_xlim(zero, zero + reach)
    least = SEEN_PT / sheet.width * reach
    _draw(sheet.ax, shown, begin=begin, length=np.maximum(end - begin, least), labels=labels)
    _draw_waiting(sheet.ax, shown, parts=parts, scale=scale, least=least)
    label_ends(sheet.ax, labels, ends=np.maximum(end, begin + least))
    label = label_times(sheet.ax, scale)
    end_ticks(sheet.ax, float(end.max()))
    return close_sheet(sheet, title=_title(task, shown=len(shown)), label=label, legend=_legend(parts), row_in=0.27)


def _task(spans: pd.DataFrame, task_id: str | None) -> pd.DataFrame:
    """The operations of a task, the longest one if none is named. Raises ValueError if no task, or more than one, begins like that."""
    if task_id is None:
        waited = spans.assign(most=spans["wait_s"].fillna(0.0)).sort_values("most", kind="stable")
        task_id = str(waited["task_id"].dropna().iloc[-1])
    task_id = str(task_id)
    wanted = task_id.strip("{} ").upper()
    task = spans[spans["task_id"].isin([task_id, wanted])]
    if task.empty and wanted:
        task = spans[spans["task_id"].str.startswith(wanted).fillna(False)]
    names = task["task_id"].unique()
    if not len(names):
        raise ValueError(f"no operation of task {label(task_id)} in these spans; take one of spans['task_id']")
    if len(names) > 1:
        raise ValueError(f"{len(names)} tasks begin with {label(task_id)}; give more of the id")
    return task


def _in_order(task: pd.DataFrame) -> pd.DataFrame:
    """The longest operations, each below the one that encloses it."""
    shown = task.sort_values(["duration_s", "depth"], ascending=[False, True], kind="stable").head(ROWS)
    ways: dict[int, tuple[int, ...]] = {}
    columns = (task.sort_values("depth", kind="stable")[name].tolist() for name in ("span", "parent"))
    for span, parent in zip(*columns, strict=True):  # a parent comes before its children
        ways[span] = (*ways.get(parent, ()), span)
    keys = [ways[span] for span in shown["span"].tolist()]
    return shown.iloc[sorted(range(len(shown)), key=keys.__getitem__)]


def _names(shown: pd.DataFrame) -> list[str]:
    """The operations, indented, and what each is about."""
    names = []
    columns = (shown[name].tolist() for name in ("operation", "depth", "target", "url", "subject", "server_name"))
    for operation, depth, target, url, subject, server in zip(*columns, strict=True):
        about = short(url, DETAIL + 7).removeprefix("http://").removeprefix("https://")
        about = about or (short(file_name(target), DETAIL) if depth == 0 else "")
        about = about or short(subject, DETAIL) or short(server, DETAIL)
        names.append(f"{INDENT * depth}{short(operation, DETAIL) or 'operation not named'}{WIDE_BLANK}{about}".rstrip())
    return names


def _waiting(task: pd.DataFrame, waits: pd.DataFrame | None) -> pd.DataFrame:
    """Intervals of waiting, for the span that waited (`own`) and for all that enclose it."""
    if waits is None:
        waiting = task[(task["wait_s"] > 0).fillna(False).astype(bool) & task["start"].notna()]
        waiting = waiting[~waiting["span"].isin(waiting["parent"].dropna())]
        parts = waiting[["span", "start", "quality", "outcome"]].assign(
            stop=waiting["start"] + pd.to_timedelta(waiting["wait_s"].astype("float64"), unit="s"),
            wpad_failures=pd.array([pd.NA] * len(waiting), "Int64"),
        )
    else:
        parts = waits[waits["span"].isin(task["span"]) & waits["wait_s"].notna()][_PARTS]
    exact = parts["quality"].eq("exact").fillna(False).astype(bool)
    span = task["span"].to_numpy("int64")
    at = match([parts["span"].to_numpy("int64")], [span])
    levels = [parts.assign(exact=exact, own=True, ended=outcomes_of(parts))]
    for places in islice(tree_of(task).callers(at), 1, None):
        levels.append(levels[0].assign(span=span[places], own=False)[places >= 0])
    return pd.concat(levels, ignore_index=True)


def _durations(shown: pd.DataFrame, waits: pd.DataFrame | None) -> list[str]:
    """The duration of each operation with its quality."""
    bounds = {}
    if waits is not None:
        columns = (waits[name].tolist() for name in _BOUNDS)
        bounds = {span: cells for span, *cells in zip(*columns, strict=True)}
    columns = (shown[name].tolist() for name in ("span", "duration_s", "low_s", "high_s", "quality", "state"))
    labels = []
    for span, own, least, most, quality, state in zip(*columns, strict=True):
        length, low, high, sure = bounds.get(span, (own, least, most, quality))
        if state == "no stop" or (state == "no start" and sure != "exact"):
            labels.append(f"{state.removeprefix('no ')} not in the log")
        else:
            labels.append(duration(length, low=low, high=high, quality=sure))
    return labels


def _draw(ax: Axes, shown: pd.DataFrame, *, begin: np.ndarray, length: np.ndarray, labels: list[str]) -> None:
    bars = ax.barh(range(len(shown)), length, left=begin, height=0.7, color=CHECK, edgecolor=EDGE, linewidth=0.5)
    columns = (shown[name].tolist() for name in ("stop_event", "operation", "url"))
    for bar, text, event, operation, url in zip(bars, labels, *columns, strict=True):
        if not pd.isna(event):
            bar.set_url(f"#event-{event}")
            bar.set_gid(f"e{event}")
            bar.set_label(" ".join(filter(None, [label(operation), label(url), text])))


def _draw_waiting(ax: Axes, shown: pd.DataFrame, *, parts: pd.DataFrame, scale: Scale, least: float) -> None:
    rows = pd.Series(range(len(shown)), index=shown["span"].to_numpy())
    parts = parts[parts["span"].isin(rows.index)]
    row, left = parts["span"].map(rows).to_numpy("float64"), scale.at(parts["start"])
    length = np.maximum(scale.at(parts["stop"]) - left, least)
    own, exact = parts["own"].to_numpy(bool), parts["exact"].to_numpy(bool)
    events = shown["stop_event"].to_numpy("float64", na_value=math.nan)
    for here, bottom, height in ((own, -0.35, 0.7), (~own, 0.17, 0.18)):
        for sure, (place, outcome) in product((True, False), enumerate(OUTCOMES)):
            chosen = here & (exact == sure) & (parts["ended"].to_numpy() == place)
            hatched = {"facecolor": PAPER, "edgecolor": outcome.color, "hatch": BOUNDED, "linewidth": 0.8}
            style: dict[str, Any] = {"facecolor": outcome.color} if sure else hatched
            y = row[chosen] + bottom
            bars = ax.barh(y, length[chosen], left=left[chosen], height=height, align="edge", **style)
            for bar, event in zip(bars, events[row[chosen].astype(int)].tolist(), strict=True):
                bar.set_url(None if math.isnan(event) else f"#event-{event:.0f}")


def _legend(parts: pd.DataFrame) -> list[Patch]:
    return [*keys_of(parts), Patch(facecolor=CHECK, edgecolor=EDGE, linewidth=0.5, label="everything else")]


def _title(task: pd.DataFrame, *, shown: int) -> str:
    """One sentence: what was checked, how long it took and waited, and who asked."""
    root = task.sort_values(["depth", "duration_s"], ascending=[True, False], kind="stable").iloc[0]
    about = short(file_name(root["target"]), DETAIL) or short(root["server_name"], DETAIL)
    text = f"{short(root['operation'], DETAIL)}{f' of {about}' if about else ''}"
    waited = 0.0 if pd.isna(root["wait_s"]) else float(root["wait_s"])
    if root["state"] != "closed":
        text += f" is not whole: its {root['state'].removeprefix('no ')} is not in the log"
    elif pd.isna(root["duration_s"]) or root["quality"] == "unknown":
        text += " took a time that the log does not show"
    else:
        logged = root["quality"] == "logged"
        took = {name: root[f"{name}_s"] for name in ("low", "high")}
        text += f" took {duration(root['duration_s'], **took, quality='exact' if logged else root['quality'])}"
        how = f", {seconds(waited)} of it" if waited > 0 else ", without"
        text += " by its records" if logged else f"{how} waiting for the network"
    text += f" ({label(root['process']) or 'process not named'}, PID {root['pid']}, thread {root['tid']})"
    return text + (f"; shown: the {shown} longest of {count(len(task), 'operation')}" if shown < len(task) else "")
