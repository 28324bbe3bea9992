"""Heat map: who could reach which server. A cell for each computer (or account) and server, coloured by how its retrievals ended.

Input: `waits`. A cell is as red as the part of its retrievals that failed; its text counts them, and says the seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch, Rectangle

from capi2kit.charts.labels import points
from capi2kit.charts.outcomes import OUTCOMES, outcomes_of
from capi2kit.charts.palette import AS_IS, INK, PAPER, SMALL_PT
from capi2kit.charts.sheet import close_sheet, distinct, open_sheet, say_nothing
from capi2kit.given import table_of
from capi2kit.words import brief_account, count, label, seconds

if TYPE_CHECKING:
    from capi2kit.analysis import Analysis

_COLUMNS = ["host", "user_sid", "url_host", "outcome", "wait_s", "quality", "wpad_failures"]
_ROWS = {"host": "computer", "user_sid": "account"}
_MOST_ROWS, _MOST_COLUMNS = 30, 14
_HEAD_PT = 64.0  # height of the names of the servers


def plot_outcomes(waits: Analysis | pd.DataFrame, *, rows: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw a cell for each computer (or account) and server: how many retrievals failed there, and for how many seconds.

    Parameters
    ----------
    waits : an Analysis, or table `waits`. The servers waited for longest are shown.
    rows : ``host`` or ``user_sid``; if not given, computers where there are several, else accounts.
    ax : axes to draw on; a figure of its own if not given.

    Returns
    -------
    Axes : those that were handed in, or of the new figure. The table is not changed.

    Raises
    ------
    TableError : a column of `waits` is missing or has another dtype. ValueError : there are no such rows.
    """
    table = table_of(waits, "waits", needs=_COLUMNS)
    if rows is not None and rows not in _ROWS:
        raise ValueError(f"rows={rows!r} is not known; take one of {', '.join(_ROWS)}")
    if table.empty:
        return say_nothing(ax, "Nothing to show: no retrieval over the network in these waits.")
    by = rows or ("host" if table["host"].nunique() > 1 else "user_sid")
    cells = _cells(table, by=by)
    names, servers = _longest(cells, "row", most=_MOST_ROWS), _longest(cells, "server", most=_MOST_COLUMNS)
    sheet = open_sheet(ax, [_named(name, by=by) for name in names])
    ax = sheet.ax
    ax.grid(visible=False)
    wide = sheet.width / len(servers)
    ax.set_xlim(0, len(servers))
    for cell in cells.to_dict("records"):
        if cell["row"] in names and cell["server"] in servers:
            _draw(ax, cell, x=servers.index(cell["server"]), y=names.index(cell["row"]), wide=wide)
    ax.set_xticks([])
    heads = distinct([name or "not named" for name in servers], room=_HEAD_PT / 0.6, size=SMALL_PT)
    for place, head in enumerate(heads):
        ax.annotate(
            head, (place + 0.5, 0), xycoords=("data", "axes fraction"), xytext=(0, -4), textcoords="offset points",
            rotation=35, ha="right", va="top", rotation_mode="anchor", size=SMALL_PT, color=INK, annotation_clip=False, **AS_IS,
        )  # fmt: skip
    there = outcomes_of(table)
    legend = [
        Patch(facecolor=one.color, label=one.name) for place, one in enumerate(OUTCOMES) if (there == place).any()
    ]
    notes = _notes(cells, shown=(len(servers), len(names)))
    return close_sheet(
        sheet, title=_title(cells, by=by), label="", notes=notes, legend=legend, row_in=0.36, ticks=_HEAD_PT
    )


def _cells(table: pd.DataFrame, *, by: str) -> pd.DataFrame:
    """One row per computer or account and server: retrievals by outcome, and seconds."""
    ended = outcomes_of(table)
    parts = pd.DataFrame({str(place): (ended == place).astype("int64") for place in range(len(OUTCOMES))})
    parts = parts.assign(
        row=table[by].map(label).fillna("").to_numpy(object),
        server=table["url_host"].map(label).fillna("").to_numpy(object),
        s=table["wait_s"].astype("float64").fillna(0.0).to_numpy(),
        waits=1,
    )
    return parts.groupby(["row", "server"], sort=False).sum().reset_index()


def _longest(cells: pd.DataFrame, column: str, *, most: int) -> list[str]:
    return cells.groupby(column)["s"].sum().sort_values(ascending=False, kind="stable").head(most).index.tolist()


def _named(name: str, *, by: str) -> str:
    return (brief_account(name) if by == "user_sid" and name else name) or "not named"


def _draw(ax: Axes, cell: dict, *, x: int, y: int, wide: float) -> None:
    """A cell: its outcomes beside each other, each as wide as its part of the retrievals."""
    left = x + 0.03
    for place, outcome in enumerate(OUTCOMES):
        part = 0.94 * cell[str(place)] / cell["waits"]
        if part:
            ax.add_patch(Rectangle((left, y - 0.44), part, 0.88, facecolor=outcome.color, linewidth=0))
        left += part
    failed = cell["0"]
    first = (
        f"{failed} of {cell['waits']} failed"
        if 0 < failed < cell["waits"]
        else f"{cell['waits']} {'failed' if failed else 'ok'}"
    )
    texts = [f"{first}\n{seconds(cell['s'])}", f"{cell['waits']}", ""]
    text = next(text for text in texts if points(text, SMALL_PT) < 0.9 * wide)
    most = max(range(len(OUTCOMES)), key=lambda place: cell[str(place)])
    mixed = sum(cell[str(place)] > 0 for place in range(len(OUTCOMES))) > 1
    box = {"facecolor": PAPER, "edgecolor": "none", "pad": 1.0, "alpha": 0.9} if mixed else None
    color = INK if mixed else OUTCOMES[most].ink
    ax.text(x + 0.5, y, text, size=SMALL_PT, color=color, ha="center", va="center", bbox=box, **AS_IS)


def _notes(cells: pd.DataFrame, *, shown: tuple[int, int]) -> list[str]:
    more = cells["server"].nunique() - shown[0], cells["row"].nunique() - shown[1]
    words = [count(number, noun) for number, noun in zip(more, ("server", "row"), strict=True) if number > 0]
    return [f"Not shown: {' and '.join(words)} that were waited for less."] if words else []


def _title(cells: pd.DataFrame, *, by: str) -> str:
    """One sentence: who could reach nobody, or how much failed."""
    rows = cells.groupby("row")[["0", "waits"]].sum()
    lost = rows[rows["0"] == rows["waits"]].index.tolist()
    total, failed = int(rows["waits"].sum()), int(rows["0"].sum())
    if lost and len(lost) < len(rows):
        who = " and ".join(_named(name, by=by) for name in lost[:2]) if len(lost) <= 2 else count(len(lost), _ROWS[by])
        return f"No retrieval of {who} succeeded; of the {count(len(rows) - len(lost), f'other {_ROWS[by]}')} {total - failed:,} did"
    if not failed:
        return f"All {count(total, 'retrieval')} were answered"
    return f"{failed:,} of {count(total, 'retrieval')} failed, by {_ROWS[by]} and server"
