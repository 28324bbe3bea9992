"""Freshness: from when to when each CRL and OCSP response is valid, and when the log used it.

Input: an Analysis. A bar is the validity of one object; a mark is a use of it, red where it was not valid then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from capi2kit.charts.palette import CHECK, EDGE, INK, WAIT
from capi2kit.charts.sheet import close_sheet, open_sheet, say_nothing
from capi2kit.charts.timescale import Scale, label_times
from capi2kit.given import table_of, whole_of
from capi2kit.questions.trust_lists import crl_validity
from capi2kit.words import count, label, short

if TYPE_CHECKING:
    from capi2kit.analysis import Analysis

_NAME = 60  # characters


def plot_freshness(analysis: Analysis, *, top: int = 20, ax: Axes | None = None) -> Axes:
    """Draw the validity of each CRL and OCSP response that the log used and whose dates are known, and its uses.

    Parameters
    ----------
    analysis : what `analyse` returned.
    top : objects at most: those that were used when they were not valid, then those that end first.
    ax : axes to draw on; a figure of its own if not given.

    Returns
    -------
    Axes : those that were handed in, or of the new figure. The tables are not changed.

    Raises
    ------
    TableError : a table lacks a column or has another dtype.
    """
    whole = whole_of(analysis)
    waits = table_of(whole, "waits")
    case = analysis.case
    used = crl_validity(waits, case.events, certificates=case.certificates)
    used = used[used["this_update"].notna() & used["next_update"].notna() & used["time"].notna()]
    if used.empty:
        return say_nothing(ax, "Nothing to show: no CRL or OCSP response in this log whose dates are known.")
    objects = _objects(used)
    shown = objects.head(max(top, 1))
    rows = dict(zip(shown["thumbprint"].tolist(), range(len(shown)), strict=True))
    sheet = open_sheet(ax, shown["name"].tolist())
    scale = Scale(shown["this_update"].min(), utc=True)
    begin, end = scale.at(shown["this_update"]), scale.at(shown["next_update"])
    marks = used[used["thumbprint"].isin(rows)]
    at = scale.at(marks["time"])
    first, last = min(begin.min(), at.min()), max(end.max(), at.max())
    room = max(last - first, 1e-6) * 0.03
    sheet.ax.set_xlim(first - room, last + room)
    sheet.ax.barh(range(len(shown)), end - begin, left=begin, height=0.5, color=CHECK, edgecolor=EDGE, linewidth=0.6)
    late = marks["valid"].eq(False).to_numpy(bool, na_value=False)
    where = marks["thumbprint"].map(rows).to_numpy("float64")
    for chosen, color in ((~late, INK), (late, WAIT)):
        sheet.ax.vlines(at[chosen], where[chosen] - 0.4, where[chosen] + 0.4, color=color, linewidth=1.6)
    legend = [Patch(facecolor=CHECK, edgecolor=EDGE, label="valid"), Line2D([], [], color=INK, label="used")]
    if late.any():
        legend.append(Line2D([], [], color=WAIT, label="used when it was not valid"))
    more = len(objects) - len(shown)
    notes = [f"Not shown: {count(more, 'more object')}."] if more else []
    text: dict[str, Any] = {
        "title": _title(objects, late=int(late.sum()), uses=len(marks)),
        "label": label_times(sheet.ax, scale),
    }
    return close_sheet(sheet, **text, notes=notes, legend=legend, row_in=0.3)


def _objects(used: pd.DataFrame) -> pd.DataFrame:
    """One row per object: its name and dates; those used out of date first, then those that end first."""
    late = used["valid"].eq(False).fillna(False).groupby(used["thumbprint"]).any()
    objects = used.drop_duplicates("thumbprint").copy()
    objects["late"] = objects["thumbprint"].map(late).astype(bool)
    objects = objects.sort_values(["late", "next_update"], ascending=[False, True], kind="stable")
    kinds = {"crl": "CRL", "ocsp": "OCSP"}
    names = zip(objects["kind"], objects["url"], objects["thumbprint"], strict=True)
    objects["name"] = [
        f"{kinds.get(str(kind), label(kind))} {short(url, _NAME) if isinstance(url, str) else f'{thumbprint[:8]}…'}"
        for kind, url, thumbprint in names
    ]
    return objects


def _title(objects: pd.DataFrame, *, late: int, uses: int) -> str:
    """One sentence: whether anything was used out of date, and what ends first."""
    if late:
        wrong = int(np.asarray(objects["late"], bool).sum())
        were = "was" if wrong == 1 else "were"
        return f"{wrong} of {count(len(objects), 'object')} {were} used when not, or no longer, valid ({late} of {uses} uses)"
    soon, number = objects["next_update"].min(), count(len(objects), "CRL and OCSP response")
    return f"All {number} were valid when they were used; the first one ends on {soon:%Y-%m-%d %H:%M} UTC"
