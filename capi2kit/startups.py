"""Start-ups: the first stretch of each process, and where its wall time went.

Input: corrected `spans` and `waits`. Output: `startups`, one row per process
that the log shows coming up, and `ledger`, whose lines add up to the wall time
exactly. A process's start-up is its first run of operations without a hole of
more than `gap_s` between the *recovered* intervals. Waiting threads overlap:
each moment is counted once. Nothing here reads a file or knows an event id.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from capi2kit.cells import empty, missing, shaped, strings
from capi2kit.intervals import Atoms, cut, shares
from capi2kit.knowledge import check
from capi2kit.starts import as_times, nanoseconds

GAP_S = 30.0
_WAIT, _OTHER, _CHECK = 0, 1, 2
_PROCESS = ["host", "process", "pid"]


def find_startups(spans: pd.DataFrame, waits: pd.DataFrame, *, gap_s: float = GAP_S) -> pd.DataFrame:
    """Find the start-up of each process and measure what it spent waiting.

    `gap_s`: a hole longer than this ends the start-up. A process whose first operation lost its start
    record was busy before the log begins, and says so in `start_from`.

    Returns
    -------
    startups : DataFrame
        One row per process, by start, in the columns of table `startups`; wall_s = waiting_wall_s +
        checking_s + unexplained_s. Raises TableError. Source: the corrected spans. Nothing is modified.
    """
    check(spans, "spans")
    check(waits, "waits")
    parts = _parts(spans, waits)
    if parts.empty:
        return empty("startups")
    parts = _first_segments(parts, round(gap_s * 1e9))
    windows = parts.groupby("startup")
    startups = parts.drop_duplicates("startup").set_index("startup").sort_index()[_PROCESS]
    begin, end = windows["begin"].min(), windows["end"].max()
    atoms = _cut(parts)
    totals = _totals(atoms, begin, end)
    startups["start"], startups["stop"] = (
        as_times(edge.to_numpy(), known=np.ones(len(edge), bool)) for edge in (begin, end)
    )
    startups["wall_s"] = (end - begin) / 1e9
    startups["waiting_wall_s"] = (totals["wait"] + totals["other wait"]) / 1e9
    startups["other_wait_s"] = totals["other wait"] / 1e9
    startups["checking_s"] = totals["checking"] / 1e9
    startups["unexplained_s"] = totals["unexplained"] / 1e9
    _describe(startups, parts)
    lost = parts.sort_values("begin", kind="stable").drop_duplicates("startup").set_index("startup")["lost"]
    startups["start_from"] = strings(np.where(lost.reindex(startups.index), "log begins", "first operation").tolist())
    return shaped(startups.reset_index(), "startups")


def draw_ledger(startups: pd.DataFrame, spans: pd.DataFrame, *, waits: pd.DataFrame) -> pd.DataFrame:
    """Account for the wall time of each start-up, line by line.

    Returns
    -------
    ledger : DataFrame
        Lines of kind wait, other wait (known within bounds only), checking and unexplained, in the
        columns of table `ledger`. Per start-up the `ns` add up to stop minus start exactly; a moment
        shared by n waiting threads gives 1/n to each. Raises TableError. Nothing is modified.
    """
    check(startups, "startups")
    parts = _parts(spans, waits)
    if startups.empty or parts.empty:
        return empty("ledger")
    parts = _inside(parts, startups)
    atoms = _cut(parts)
    begin = pd.Series(nanoseconds(startups["start"]), index=startups["startup"].to_numpy())
    end = pd.Series(nanoseconds(startups["stop"]), index=startups["startup"].to_numpy())
    lines = [_wait_lines(parts, atoms, kind, name) for kind, name in ((_WAIT, "wait"), (_OTHER, "other wait"))]
    totals = _totals(atoms, begin, end)
    for name in ("checking", "unexplained"):
        lines.append(pd.DataFrame({"startup": totals.index, "kind": name, "ns": totals[name].to_numpy()}))
    ledger = pd.concat([line for line in lines if len(line)], ignore_index=True)
    ledger["order"] = ledger["kind"].map({"wait": 0, "other wait": 1, "checking": 2, "unexplained": 3})
    ledger = ledger.sort_values(
        ["startup", "order", "ns"], ascending=[True, True, False], kind="stable", ignore_index=True
    )
    ledger["line"] = ledger.groupby("startup").cumcount()
    ledger["seconds"] = ledger["ns"] / 1e9
    return shaped(ledger, "ledger")


def mark_startups(spans: pd.DataFrame, startups: pd.DataFrame) -> pd.DataFrame:
    """`spans` with the column `startup` filled: the start-up in whose window a process's span began."""
    check(spans, "spans")
    keys = spans[[*_PROCESS, "start"]].merge(startups[[*_PROCESS, "startup", "stop"]], on=_PROCESS, how="left")
    inside = (keys["start"] <= keys["stop"]).fillna(False).to_numpy(bool)
    return spans.assign(startup=keys["startup"].astype("Int64").where(inside).to_numpy()).astype({"startup": "Int64"})


def _parts(spans: pd.DataFrame, waits: pd.DataFrame) -> pd.DataFrame:
    """Outermost operations and waits as intervals in integer nanoseconds, with what the ledger says of them."""
    roots = spans[(spans["depth"] == 0) & spans["process"].notna()]
    operations = roots[[*_PROCESS, "tid", "target"]].assign(
        begin=nanoseconds(roots["start"]),
        end=nanoseconds(roots["stop"]),
        kind=_CHECK,
        event=-1,
        lost=roots["state"] == "no start",
    )
    known = waits[waits["wait_s"].notna() & waits["process"].notna()]
    kind = np.where(known["quality"] == "exact", _WAIT, _OTHER)
    columns = [*_PROCESS, "tid", "target", "url_host", "user_sid", "event"]
    waiting = known[columns].assign(
        begin=nanoseconds(known["start"]), end=nanoseconds(known["stop"]), kind=kind, lost=False
    )
    return (
        pd.concat([operations, waiting], ignore_index=True)
        if len(waiting)
        else operations.assign(url_host=missing(len(operations), "string"), user_sid=missing(len(operations), "string"))
    )


def _first_segments(parts: pd.DataFrame, gap: int) -> pd.DataFrame:
    """The parts before each process's first hole, numbered by start-up in order of start."""
    process = parts.groupby(_PROCESS, dropna=False, sort=False).ngroup().to_numpy()
    order = np.lexsort((parts["end"], parts["begin"], process))
    parts, process = parts.iloc[order].reset_index(drop=True), process[order]
    reach = parts["end"].groupby(process).cummax().groupby(process).shift(fill_value=np.iinfo("int64").max)
    broken = (parts["begin"] > reach.where(reach == np.iinfo("int64").max, reach + gap)).groupby(process).cummax()
    first = parts["begin"].groupby(process).transform("min")
    parts["startup"] = _numbered(first, process)
    return parts[~broken.to_numpy(bool)].reset_index(drop=True)


def _numbered(first: pd.Series, process: np.ndarray) -> np.ndarray:
    table = pd.DataFrame({"first": first.to_numpy(), "process": process}).drop_duplicates("process")
    order = table.sort_values(["first", "process"])["process"].to_numpy()
    number = np.empty(len(order), "int64")
    number[order] = np.arange(len(order))
    return number[process]


def _inside(parts: pd.DataFrame, startups: pd.DataFrame) -> pd.DataFrame:
    edges = startups[[*_PROCESS, "startup"]].assign(
        first=nanoseconds(startups["start"]), last=nanoseconds(startups["stop"])
    )
    found = parts.merge(edges, on=_PROCESS, how="inner")
    return found[(found["begin"] <= found["last"]) & (found["end"] >= found["first"])].reset_index(drop=True)


def _cut(parts: pd.DataFrame) -> Atoms:
    arrays = (parts[name].to_numpy("int64") for name in ("startup", "begin", "end"))
    return cut(*arrays, kind=parts["kind"].to_numpy("int64"), kinds=3)


def _mine(atoms: Atoms, kind: int) -> np.ndarray:
    """Atoms that belong to a kind: the strongest one open in it."""
    stronger = atoms.open[:, :kind].sum(axis=1) > 0
    return (atoms.open[:, kind] > 0) & ~stronger


def _totals(atoms: Atoms, begin: pd.Series, end: pd.Series) -> pd.DataFrame:
    """Nanoseconds of each kind per start-up; what no interval covers is unexplained."""
    totals = pd.DataFrame(index=begin.index)
    for kind, name in ((_WAIT, "wait"), (_OTHER, "other wait"), (_CHECK, "checking")):
        mine = _mine(atoms, kind)
        sums = pd.Series(atoms.length[mine]).groupby(atoms.owner[mine]).sum()
        totals[name] = sums.reindex(begin.index).fillna(0).astype("int64")
    totals["unexplained"] = end - begin - totals.sum(axis=1)
    return totals


def _wait_lines(parts: pd.DataFrame, atoms: Atoms, kind: int, name: str) -> pd.DataFrame:
    waiting = parts[parts["kind"] == kind]
    owner, begin, end = (waiting[column].to_numpy("int64") for column in ("startup", "begin", "end"))
    charged = shares(atoms, mine=_mine(atoms, kind), open_count=atoms.open[:, kind], owner=owner, begin=begin, end=end)
    by = ["startup", "url_host", "target", "user_sid"]
    groups = waiting.assign(ns=charged).groupby(by, dropna=False, sort=False)
    lines = groups.agg(ns=("ns", "sum"), events=("event", lambda numbers: " ".join(map(str, numbers))))
    return lines.reset_index().assign(kind=name)


def _describe(startups: pd.DataFrame, parts: pd.DataFrame) -> None:
    """Threads, targets, and the waiting of the thread that started first."""
    waiting = parts[parts["kind"] != _CHECK]
    length = waiting["end"] - waiting["begin"]
    startups["waiting_sum_s"] = (length.groupby(waiting["startup"]).sum() / 1e9).reindex(startups.index).fillna(0.0)
    leader = parts.sort_values("begin", kind="stable").drop_duplicates("startup").set_index("startup")["tid"]
    startups["critical_tid"] = leader.reindex(startups.index)
    led = waiting["tid"] == waiting["startup"].map(leader)
    startups["critical_wait_s"] = (
        (length[led].groupby(waiting["startup"][led]).sum() / 1e9).reindex(startups.index).fillna(0.0)
    )
    groups = parts.groupby("startup")
    startups["threads"], startups["targets"] = groups["tid"].nunique(), groups["target"].nunique()
    startups["waits"] = waiting["startup"].value_counts().reindex(startups.index).fillna(0).astype("int64")
    startups["warm"] = startups["waits"] == 0
