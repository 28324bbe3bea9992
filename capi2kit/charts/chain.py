"""Chain: one certificate chain as the log reported it, from the root down, with the certificate that failed marked.

Input: an Analysis (or its table `chain`). Each row is a certificate with what Windows said of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch, Patch

from capi2kit.charts.labels import points
from capi2kit.charts.palette import AS_IS, CHECK, EDGE, INK, PAPER, QUIET, SMALL_PT, TEXT_PT, WAIT
from capi2kit.charts.sheet import close_sheet, open_sheet, say_nothing
from capi2kit.given import table_of
from capi2kit.words import count, label, short, shorter

if TYPE_CHECKING:
    from capi2kit.analysis import Analysis

_NAME = 60  # characters
_STEP_PT = 26.0  # how much further right each certificate below another is
_BOX_PT = 250.0
_WORDS = "CERT_TRUST_"


def plot_chain(chain: Analysis | pd.DataFrame, *, event: int | None = None, ax: Axes | None = None) -> Axes:
    """Draw one chain: the root at the top, the leaf at the bottom, certificates with errors in the strong colour.

    Parameters
    ----------
    chain : an Analysis, or table `chain`.
    event : number of the event that reported it; if not given, the first chain with an error, else the first one.
    ax : axes to draw on; a figure of its own if not given.

    Returns
    -------
    Axes : those that were handed in, or of the new figure. The table is not changed.

    Raises
    ------
    TableError : the table lacks a column or has another dtype. ValueError : there is no chain of that event.
    """
    table = table_of(chain, "chain")
    if table.empty:
        return say_nothing(ax, "Nothing to show: the log reports no chain.")
    wrong = table["error_status"].fillna(0).ne(0).to_numpy(bool)
    worst = table[wrong] if wrong.any() else table
    number = int(worst["event"].iloc[0]) if event is None else event
    links = table[table["event"] == number].sort_values("position", ascending=False, kind="stable")
    if links.empty:
        raise ValueError(f"event {number} reports no chain; take one of analysis.case.chain['event']")
    rows = links.to_dict("records")
    sheet = open_sheet(ax, [_place(row) for row in rows])
    sheet.ax.grid(visible=False)
    sheet.ax.set_xlim(0, sheet.width)
    for depth, row in enumerate(rows):
        _draw(sheet.ax, row, depth=depth, width=sheet.width)
    sheet.ax.set_xticks([])
    sheet.ax.spines["bottom"].set_visible(False)
    bad = [row for row in rows if _errors(row)]
    keys = [Patch(facecolor=CHECK, edgecolor=EDGE, label="no error")]
    legend = [Patch(facecolor=WAIT, label="error"), *keys] if bad else keys
    return close_sheet(sheet, title=_title(rows, bad), label="", legend=legend, row_in=0.46, ticks=4.0)


def _place(row: dict) -> str:
    last = row["elements"] - 1
    return "leaf" if row["position"] == 0 else "top" if row["position"] == last else f"issuer {row['position']}"


def _errors(row: dict) -> str:
    """What Windows said is wrong with a certificate, in short."""
    if pd.isna(row["error_status"]) or not row["error_status"]:
        return ""
    names = label(row["error_names"]) or f"0x{int(row['error_status']):08X}"
    return ", ".join(name.removeprefix(_WORDS).removeprefix("IS_").lower().replace("_", " ") for name in names.split())


def _draw(ax: Axes, row: dict, *, depth: int, width: float) -> None:
    """A certificate as a box, joined to the one above it, with its errors beside it."""
    errors = _errors(row)
    left = depth * min(_STEP_PT, width * 0.05)
    size = min(_BOX_PT, width * 0.5)
    face, ink = (WAIT, PAPER) if errors else (CHECK, INK)
    if depth:
        bend = left - min(_STEP_PT, width * 0.05) * 0.5
        ax.plot([bend, bend, left], [depth - 0.72, depth, depth], color=EDGE, linewidth=1.2)
    box = FancyBboxPatch((left, depth - 0.28), size, 0.56, boxstyle="round,pad=0,rounding_size=2", mutation_aspect=0.02)
    box.set(facecolor=face, edgecolor=face if errors else EDGE, linewidth=0.8)
    ax.add_patch(box)
    name = short(row["subject"], _NAME) or "name not logged"
    fitting = (
        name
        if points(name, TEXT_PT) < size - 12
        else shorter(name, max(int(len(name) * (size - 12) / points(name, TEXT_PT)), 8))
    )
    ax.text(left + 6, depth, fitting, size=TEXT_PT, color=ink, va="center", **AS_IS)
    beside = errors or _judged(row)
    room = width - left - size - 12
    need = points(beside, SMALL_PT + 1)
    if beside and need > room:
        beside = f"{beside[: max(int(len(beside) * room / need) - 1, 1)]}…"
    ax.text(left + size + 8, depth, beside, size=SMALL_PT + 1, color=WAIT if errors else QUIET, va="center", **AS_IS)


def _judged(row: dict) -> str:
    """By what its revocation was judged."""
    url = next((row[name] for name in ("ocsp_url", "crl_url") if isinstance(row[name], str)), None)
    return f"its list: {short(url, _NAME)}" if url else ""


def _title(rows: list[dict], bad: list[dict]) -> str:
    """One sentence: which certificate failed, and for what."""
    leaf = rows[-1]
    who = f"{short(leaf['subject'], _NAME) or 'a certificate without a name'}"
    if not bad:
        return f"The chain of {who}, {count(len(rows), 'certificate')}, has no error"
    worst = bad[-1]
    name = short(worst["subject"], _NAME) or _place(worst)
    if worst is leaf:
        return f"The certificate of {name} fails: {_errors(worst)}"
    return f"The chain of {who} fails at {name}: {_errors(worst)}"
