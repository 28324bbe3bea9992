"""Lists: when a trust list is good: it is in effect, its signer is valid, and so is the issuer of its signer.

Input: a case, or tables `trust_lists` and `certificates`. The dark bar is where all of them hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from capi2kit.charts.palette import CHECK, INK
from capi2kit.charts.sheet import close_sheet, open_sheet, say_nothing
from capi2kit.columns.instants import SECOND, nanoseconds
from capi2kit.given import case_of
from capi2kit.questions.trust_lists import judge_lists
from capi2kit.words import file_name, label

if TYPE_CHECKING:
    from capi2kit.case import Case

_MARGIN = pd.Timedelta(days=45)  # what is shown before the first list and after the last one
_DAY_S = 86_400
_MOST = 10  # lists


class _Span(NamedTuple):
    """A row: its name, from when to when it holds, and whether it is where all of a list hold."""

    name: str
    begin: pd.Timestamp
    end: pd.Timestamp
    is_good: bool = False


def plot_lists(case: Case, *, ax: Axes | None = None) -> Axes:
    """Draw for each signed list of a case when it is in effect, when its signer and the issuer above it are valid, and when all of these.

    Parameters
    ----------
    case : what `load` returned, with trust lists in it; an issuer is looked for among all its certificates.
    ax : axes to draw on; a figure of its own if not given.

    Returns
    -------
    Axes : those that were handed in, or of the new figure. The tables are not changed.

    Raises
    ------
    TableError : it is no case; the message says what to pass.
    """
    whole = case_of(case)
    signed = (
        whole.trust_lists[whole.trust_lists["signed"].fillna(False).astype(bool)].head(_MOST).reset_index(drop=True)
    )
    if signed.empty:
        return say_nothing(ax, "Nothing to show: no signed list in this evidence.")
    names = {row["source"]: label(file_name(row["path"])) for row in whole.sources.to_dict("records")}
    first = signed["this_update"].min() - _MARGIN
    last = signed[["this_update", "next_update"]].max().max() + _MARGIN
    rows = _rows(signed, whole.certificates, names=names, last=last)
    sheet = open_sheet(ax, [row.name for row in rows])
    begins = _days(pd.Series([max(row.begin, first) for row in rows]), first)
    ends = _days(pd.Series([min(row.end, last) for row in rows]), first)
    colors = [INK if row.is_good else CHECK for row in rows]
    sheet.ax.barh(range(len(rows)), np.maximum(ends - begins, 0), left=begins, height=0.62, color=colors)
    years = pd.date_range(first.ceil("D"), last, freq="MS")
    step = max(len(years) // 8, 1)
    sheet.ax.set_xticks(_days(years.to_series(), first)[::step], [f"{one:%Y-%m}" for one in years[::step]])
    sheet.ax.set_xlim(0, _days(pd.Series([last]), first)[0])
    legend = [Patch(facecolor=CHECK, label="holds"), Patch(facecolor=INK, label="all of them hold: the list is good")]
    return close_sheet(sheet, title="When a list is good", label="month", legend=legend, row_in=0.28)


def _rows(
    signed: pd.DataFrame, certificates: pd.DataFrame, *, names: dict[int, str], last: pd.Timestamp
) -> list[_Span]:
    issuers = judge_lists(signed, certificates)["issuer_thumbprint"]
    above = (
        certificates.drop_duplicates("thumbprint").set_index("thumbprint")[["not_before", "not_after"]].reindex(issuers)
    )
    rows: list[_Span] = []
    for place, one in enumerate(signed.to_dict("records")):
        parts = [
            _Span(f"{names.get(one['source'], 'list')}: in effect", one["this_update"], one["next_update"]),
            _Span("signer valid", one["signer_not_before"], one["signer_not_after"]),
            _Span("issuer of the signer valid", above["not_before"].iloc[place], above["not_after"].iloc[place]),
        ]
        known = [part._replace(end=part.end if pd.notna(part.end) else last) for part in parts if pd.notna(part.begin)]
        good = _Span("all of them", max(part.begin for part in known), min(part.end for part in known), is_good=True)
        rows += [*known, good]
    return rows


def _days(moments: pd.Series, first: pd.Timestamp) -> np.ndarray:
    return (nanoseconds(moments) - first.value) / (SECOND * _DAY_S)
