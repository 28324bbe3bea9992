"""Ledger: the wall time of each start-up, line by line; the lines add up to it exactly."""

from __future__ import annotations

import numpy as np
import pandas as pd

from capi2kit.columns.cells import empty, joined, shaped, strings
from capi2kit.columns.instants import SECOND, nanoseconds
from capi2kit.columns.intervals import Atoms, shares
from capi2kit.columns.keys import lanes
from capi2kit.knowledge import check
from capi2kit.startups.parts import CHECK, KINDS, OTHER, REST, WAIT, atoms_of, cut_parts, parts_of, startup_of, totals


def draw_ledger(
    startups: pd.DataFrame, spans: pd.DataFrame, *, waits: pd.DataFrame, parts: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Account for the wall time of each start-up, line by line.

    Parameters
    ----------
    startups : as `find_startups` returns them, or widened since.
    spans, waits : the corrected spans, and the waits.
    parts : what `parts_of` made of the same spans and waits, if it is at hand.

    Returns
    -------
    ledger : DataFrame
        Lines of kind wait, other wait (known within bounds only), checking and unexplained, in the
        columns of table `ledger`. Per start-up the `ns` add up to stop minus start exactly; a moment
        shared by n waiting threads gives 1/n to each.

    Raises
    ------
    TableError : a column of a table is missing or has another dtype.

    Notes
    -----
    Source: the corrected spans. Nothing is modified.
    """
    check(startups, "startups")
    check(spans, "spans")
    check(waits, "waits")
    parts = parts_of(spans, waits) if parts is None else parts
    if startups.empty or parts.empty:
        return empty("ledger")
    parts = _inside(parts, startups)
    atoms = cut_parts(parts)
    total = totals(atoms, nanoseconds(startups["stop"]) - nanoseconds(startups["start"]))
    number = startups["startup"].to_numpy()
    lines = [_wait_lines(parts, atoms, kind=WAIT), _wait_lines(parts, atoms, kind=OTHER)]
    lines += [pd.DataFrame({"startup": number, "order": kind, "ns": total[kind]}) for kind in (CHECK, REST)]
    ledger = pd.concat([line for line in lines if len(line)], ignore_index=True)
    ledger = ledger.iloc[np.lexsort((-ledger["ns"], ledger["order"], ledger["startup"]))].reset_index(drop=True)
    ledger["kind"] = np.array(KINDS, object)[ledger["order"]]
    _, first = np.unique(ledger["startup"], return_index=True)
    ledger["line"] = np.arange(len(ledger)) - np.repeat(first, np.diff(np.r_[first, len(ledger)]))
    ledger["seconds"] = ledger["ns"] / SECOND
    return shaped(ledger, "ledger")


def _wait_lines(parts: pd.DataFrame, atoms: Atoms, *, kind: int) -> pd.DataFrame:
    by = ["startup", "url_host", "target", "user_sid"]
    here = ((parts["kind"] == kind) & (parts["end"] > parts["begin"])).to_numpy(bool)
    if not here.any():
        return pd.DataFrame(columns=by)
    waiting = parts[[*by, "event", "begin", "end"]][here]
    owner, begin, end = (waiting[column].to_numpy("int64") for column in ("startup", "begin", "end"))
    charged = shares(
        atoms, mine=atoms_of(atoms, kind), open_count=atoms.open[:, kind], owner=owner, begin=begin, end=end
    )
    group = lanes(waiting, by)
    _, first = np.unique(group, return_index=True)
    total = np.zeros(len(first), "int64")
    np.add.at(total, group, charged)
    events: list[list[int]] = [[] for _ in first]
    for line, event in zip(group.tolist(), waiting["event"].tolist(), strict=True):
        events[line].append(event)
    return waiting[by].iloc[first].assign(order=kind, ns=total, events=strings([joined(numbers) for numbers in events]))


def _inside(parts: pd.DataFrame, startups: pd.DataFrame) -> pd.DataFrame:
    """What of the parts falls into the window of their process's start-up. `startup` becomes its row number."""
    at = startup_of(parts, startups)
    first, last = nanoseconds(startups["start"])[at], nanoseconds(startups["stop"])[at]
    begin, end = (parts[name].to_numpy("int64") for name in ("begin", "end"))
    keep = (at >= 0) & (begin <= last) & (end >= first)
    inside = parts.assign(startup=at, begin=np.maximum(begin, first), end=np.minimum(end, last))
    return inside[keep].reset_index(drop=True)
