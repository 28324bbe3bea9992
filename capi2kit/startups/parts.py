"""Parts: outermost operations and waits as intervals in whole nanoseconds, from which start-ups and their ledger are made."""

from __future__ import annotations

import numpy as np
import pandas as pd

from capi2kit.columns.instants import nanoseconds
from capi2kit.columns.intervals import Atoms, cut
from capi2kit.columns.keys import how_many, lanes
from capi2kit.knowledge.actions import BESIDE

WAIT, OTHER, CHECK, REST = 0, 1, 2, 3

KINDS = ("wait", "other wait", "checking", "unexplained")

PROCESS = ["host", "process", "pid"]


def startup_of(rows: pd.DataFrame, startups: pd.DataFrame) -> np.ndarray:
    """For each row the place of its process among the start-ups, or -1. A missing pid is one like any other."""
    process = lanes(pd.concat([startups[PROCESS], rows[PROCESS]]), PROCESS)
    place = np.full(how_many(process), -1)
    place[process[: len(startups)]] = np.arange(len(startups))
    return place[process[len(startups) :]]


def parts_of(spans: pd.DataFrame, waits: pd.DataFrame) -> pd.DataFrame:
    """Outermost operations and waits as intervals in integer nanoseconds, with what the ledger says of them.

    A wait of unknown length is a moment: it adds no time, but it was one. What has no time is nowhere.
    """
    common = [*PROCESS, "tid", "target", "start", "stop"]
    roots = spans[[*common, "state"]][
        (spans["depth"] == 0).to_numpy(bool)
        & spans["process"].notna().to_numpy(bool)
        & ~spans["kind"].isin(BESIDE).to_numpy(bool)
    ]
    waiting = waits[[*common, "url_host", "user_sid", "event", "quality", "low_s", "high_s"]][
        waits["process"].notna().to_numpy(bool)
    ]
    kind = np.where(waiting["quality"].to_numpy(object) == "exact", WAIT, OTHER)
    parts = pd.concat(
        [
            roots.assign(kind=CHECK, event=-1, lost=roots["state"].to_numpy(object) == "no start"),
            waiting.assign(kind=kind, lost=False),
        ]
    )
    parts = parts[parts["start"].notna() & parts["stop"].notna()].reset_index(drop=True)
    return parts.assign(begin=nanoseconds(parts["start"]), end=nanoseconds(parts["stop"]))


def cut_parts(parts: pd.DataFrame) -> Atoms:
    """The moments between the ends of the parts, per start-up."""
    owner, begin, end, kind = (parts[name].to_numpy("int64") for name in ("startup", "begin", "end", "kind"))
    return cut(owner=owner, begin=begin, end=end, kind=kind, kinds=REST)


def atoms_of(atoms: Atoms, kind: int) -> np.ndarray:
    """Atoms that belong to a kind: the strongest one open in it."""
    stronger = atoms.open[:, :kind].sum(axis=1) > 0
    return (atoms.open[:, kind] > 0) & ~stronger


def totals(atoms: Atoms, wall: np.ndarray) -> np.ndarray:
    """Nanoseconds of each kind per start-up (one row per kind); what no interval covers is unexplained."""
    total = np.zeros((len(KINDS), len(wall)), "int64")
    for kind in (WAIT, OTHER, CHECK):
        mine = atoms_of(atoms, kind)
        np.add.at(total[kind], atoms.owner[mine], atoms.length[mine])
    total[REST] = wall - total.sum(axis=0)
    return total
