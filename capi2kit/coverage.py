"""Coverage: which stretches of log there are, and what each can support.

Input: `events` and `sources` as loaded. Output: `coverage`, one row per file,
computer and channel. A log that lost its beginning says so here.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from capi2kit.columns.cells import A_LOG, Column, instants, integers, shaped
from capi2kit.columns.instants import NAT
from capi2kit.columns.keys import grouped

_BY = ["source", "host", "channel"]
_LOGS = ("evtx",)  # loaders whose files are logs, however short


def measure_coverage(events: pd.DataFrame, sources: pd.DataFrame) -> pd.DataFrame:
    """One row per file, computer and channel: extent, gaps, cut tasks and a verdict.

    The verdict is `complete`, `cut at the start` (the log wrapped or a task lost its first
    records), `filtered` (records or start records were left out), `excerpt` (the same of a text with a few records, as
    people paste them), `damaged` (records of the file are lost), or `no operations` (no start and stop records at all,
    such as the Application log).
    Source: record ids, SeqNumber and Opcode. Raises nothing.
    """
    group, made = _stretches(events)
    count = len(made["source"])
    low, high, records = _extents(integers(events["record"], missing=0), group)
    time = events["time"].to_numpy("datetime64[ns]").view("int64")
    known = np.flatnonzero(time != NAT)
    extent = np.full((2, count), NAT)
    first, last, _ = _extents(time[known], group[known])
    extent[:, np.unique(group[known])] = first, last
    phases = [(events["phase"] == word).to_numpy(bool, na_value=False) for word in ("start", "stop")]
    starts, stops = (np.bincount(group[phase], minlength=count) for phase in phases)
    cut, holed = _tasks(events, group, count=count)
    facts = sources.take(pd.Index(sources["source"]).get_indexer(made["source"]))
    lost, others = (facts[name].to_numpy() > 0 for name in ("lost", "other"))
    lines = np.bincount(group[events["resolution_s"].notna()], minlength=count) > 0  # their numbers are no record ids
    log = grouped([made["source"], made["channel"]])
    alone = ~lines & (np.bincount(log)[log] == 1) & ~others
    gaps = np.where(alone, np.maximum(high - low + 1 - records, 0), 0)
    filtered = (holed > 0) | ((gaps > 0) & ~lost) | ((starts == 0) & ((stops > 0) | (cut > 0)))
    few = (records < A_LOG) & ~facts["loader"].isin(_LOGS).to_numpy(bool)
    begins_late = (cut > 0) | facts["wrapped"].to_numpy(bool, na_value=False)
    verdict = np.select(
        [(starts == 0) & (stops == 0) & (cut == 0), lost, few & (filtered | (cut > 0)), filtered, begins_late],
        ["no operations", "damaged", "excerpt", "filtered", "cut at the start"],
        default="complete",
    )
    made |= {"start": instants(extent[0]), "stop": instants(extent[1]), "records": records, "starts": starts}
    made |= {"cut_tasks": cut, "gaps": gaps, "verdict": verdict, "wrapped": facts["wrapped"].array}
    return shaped(pd.DataFrame(made, copy=False), "coverage")


def _stretches(events: pd.DataFrame) -> tuple[np.ndarray, dict[str, Column | np.ndarray]]:
    """The number of the stretch that each event belongs to, and what all events of a stretch have in common, sorted."""
    number = np.zeros(len(events), "int64")
    for column in _BY:
        code, values = pd.factorize(events[column], sort=True)
        number = number * (len(values) + 1) + code + 1
    _, first, group = np.unique(number, return_index=True, return_inverse=True)
    return group, {column: events[column].array.take(first) for column in _BY}


def _extents(values: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lowest value, highest value and size of every group that there is, in the order of their numbers."""
    order = np.lexsort((values, group))
    _, first, size = np.unique(group[order], return_index=True, return_counts=True)
    return values[order][first], values[order][first + size - 1], size


def _tasks(events: pd.DataFrame, group: np.ndarray, *, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Per stretch: tasks whose first SeqNumber is not 1, and tasks with a hole in theirs."""
    seq = integers(events["seq"], missing=0)
    task = pd.factorize(events["task_id"])[0]
    numbered = np.flatnonzero((task >= 0) & (seq > 0))
    both = grouped([group[numbered], task[numbered]])
    low, high, size = _extents(seq[numbered], both)
    where = group[numbered][np.unique(both, return_index=True)[1]]
    cut = np.bincount(where[low > 1], minlength=count)
    return cut, np.bincount(where[high - low + 1 > size], minlength=count)
