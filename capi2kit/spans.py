"""Spans: events → operations, as logged; and the same corrected by the recovered waits.

Input: `events` and, for the correction, `waits`. Output: `spans`, one row per
operation. Start and stop are paired by operation inside (computer, process,
task) in the order of SeqNumber: stamps tick too coarsely to sort by, and a
wrapped log is out of order. Nothing here reads a file, knows an event id or
draws.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from capi2kit.cells import empty, masked, shaped, strings
from capi2kit.joins import join_catalogs, join_policies, name_targets
from capi2kit.knowledge import check, flag, operations_by_name, outcome_of, trust_columns
from capi2kit.nesting import Pairs, nest, pair_records, part_impossible
from capi2kit.starts import BROKEN, NAT, as_times, grouped, nanoseconds, threads

_TAKEN = [
    "host",
    "pid",
    "tid",
    "operation",
    "user_sid",
    "impersonate_sid",
    "url",
    "subject",
    "result",
    "chain_start",
    "budget_s",
    "timeout_s",
    "last_sync",
]
OUTERMOST = 1  # rank
_PLACE = ["host", "pid", "tid", "source", "record"]
_NEEDED = [
    "event",
    "source",
    "record",
    "time",
    "host",
    "pid",
    "tid",
    "user_sid",
    "impersonate_sid",
    "seq",
    "phase",
    "operation",
    "result",
    "url",
    "subject",
    "chain_start",
    "budget_s",
    "timeout_s",
    "last_sync",
    "flags",
    "trust_error",
    "chain_ref",
    "query_hash",
    "member_tag",
    "member_path",
    "file_path",
    "display_name",
    "server_name",
]


def build_spans(events: pd.DataFrame) -> pd.DataFrame:
    """Pair start and stop records into operations, as the log claims them.

    Returns
    -------
    spans : DataFrame
        One row per operation, in the order of its first record, in the columns of table `spans`.
        `start`, `stop` and `duration_s` are those of the records (quality ``logged``): start records
        are written late, so hand it to `recover_waits` and `correct_spans` before reading durations.

        ==========  =======  ====  =======================================================
        column      dtype    unit  meaning
        ==========  =======  ====  =======================================================
        span        int64          number of the span
        parent      Int64          the span that encloses it
        state       string         closed, no start, no stop (that record is not in the log)
        operation   string         e.g. ``VerifyTrust``
        target      string         what the outermost call checked
        duration_s  Float64  s     stop minus start
        ==========  =======  ====  =======================================================

    Raises
    ------
    TableError : a column of `events` is missing or has another dtype.

    Notes
    -----
    Source: Task, Opcode and CorrelationAuxInfo of all events with a TaskId. `events` is not modified.
    """
    check(events, "events", needs=_NEEDED)
    flat = events[_NEEDED]
    index = {name: events.index.get_level_values(name).to_numpy(object) for name in ("task_id", "process")}
    order, group = _order(flat, index["task_id"])
    phase = flat["phase"].to_numpy(object)[order]
    sign = (phase == "start").astype(int) - (phase == "stop")
    pairs, rank, broken = _paired(flat[["operation", "seq"]].iloc[order], group, sign=sign)
    if not len(pairs.start):
        return empty("spans")
    parent, root, depth = nest(pairs, group=group, rank=rank)
    start = np.where(pairs.start >= 0, order[pairs.start], -1)  # rows of `events`
    stop = np.where(pairs.stop >= 0, order[pairs.stop], -1)
    made: dict = {"span": np.arange(len(root)), "root": root, "depth": depth}
    made["parent"] = masked(parent, parent < 0, "Int64")
    made["quality"] = strings(np.where(broken, BROKEN, "logged").tolist())
    _take(made, flat, index=index, start=start, stop=stop)
    _place_in_time(made, flat, order=order, pairs=pairs, sign=sign, group=group, task_id=index["task_id"])
    _read_flags(made, flat, stop=stop)
    _inherit(made, parent=parent)
    join_policies(made, flat, stop=stop)
    join_catalogs(made, flat, stop=stop)
    name_targets(made, flat, stop=stop)
    return shaped(pd.DataFrame(made, copy=False), "spans")


def _paired(records: pd.DataFrame, group: np.ndarray, *, sign: np.ndarray) -> tuple[Pairs, np.ndarray, np.ndarray]:
    """Which records belong together, the rank of each record's operation, and which pairs are broken.

    Where two records inside a pair are missing, these may have been a stop and a start. A retrieval
    has nothing inside, and is parted; of anything but the outermost call it stays possible.
    """
    known = operations_by_name()
    names, operation = _factorized(records["operation"].to_numpy(object))
    told = [known.get(name) for name in names]
    rank = np.array([(found.rank or 0) if found else 0 for found in told], int)[operation]
    fetches = np.array([found is not None and (found.wire or found.cache) for found in told])[operation]
    seq = records["seq"].to_numpy("int64", na_value=0)
    lost = seq - np.arange(len(seq))  # grows by the records that are missing
    pairs = pair_records(group=group, operation=operation, sign=sign)
    pairs = part_impossible(pairs, rank=rank, doubted=fetches[pairs.first] & _holed(pairs, lost, seq=seq))
    return pairs, rank, _holed(pairs, lost, seq=seq) & (rank[pairs.first] != OUTERMOST)


def _holed(pairs: Pairs, lost: np.ndarray, *, seq: np.ndarray) -> np.ndarray:
    numbered = pairs.closed & (seq[pairs.start] > 0) & (seq[pairs.stop] > 0)
    return numbered & (lost[pairs.stop] - lost[pairs.start] > 1)


def _factorized(values: np.ndarray) -> tuple[list, np.ndarray]:
    codes, unique = pd.factorize(values)
    return [*unique, None], np.where(codes < 0, len(unique), codes)


def _order(flat: pd.DataFrame, task_id: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of events with a task, sorted by (computer, pid, task) and SeqNumber; and the task of each."""
    task = grouped([flat["host"].to_numpy(object), flat["pid"].to_numpy("int64", na_value=-1), task_id])
    record = flat["record"].to_numpy("int64", na_value=0)
    seq = flat["seq"].to_numpy("int64", na_value=-1)
    order = np.lexsort((record, np.where(seq < 0, record, seq), task))
    order = order[pd.notna(task_id[order])]
    return order, task[order]


def _take(made: dict, flat: pd.DataFrame, *, index: dict[str, np.ndarray], start: np.ndarray, stop: np.ndarray) -> None:
    """What the records say about each span: the stop record has the payload, the start record the rest."""
    told = np.where(stop >= 0, stop, start)
    for column in _TAKEN:
        made[column] = flat[column].array.take(told)
    for name, values in index.items():
        made[name] = strings([None if value is pd.NA else value for value in values[told].tolist()])
    number = flat["event"].to_numpy()
    made["start_event"] = masked(number[start], start < 0, "Int64")
    made["stop_event"] = masked(number[stop], stop < 0, "Int64")
    made["state"] = strings(np.where(start < 0, "no start", np.where(stop < 0, "no stop", "closed")).tolist())
    result = made["result"].to_numpy("int64", na_value=-1)
    codes, where = np.unique(result, return_inverse=True)
    words = [None if code < 0 else outcome_of(int(code)) for code in codes]
    made["outcome"] = strings([words[i] for i in where])


def _place_in_time(
    made: dict,
    flat: pd.DataFrame,
    *,
    order: np.ndarray,
    pairs: Pairs,
    sign: np.ndarray,
    group: np.ndarray,
    task_id: np.ndarray,
) -> None:
    """Logged times, the first record inside, and the thread's last record before; none of them a start record."""
    time = nanoseconds(flat["time"])[order]
    start = np.where(pairs.start >= 0, time[pairs.start], NAT)
    stop = np.where(pairs.stop >= 0, time[pairs.stop], NAT)
    made["logged_start"], made["logged_stop"] = as_times(start, known=start != NAT), as_times(stop, known=stop != NAT)
    made["start"] = as_times(np.where(start == NAT, stop, start), known=np.ones(len(start), bool))
    made["stop"] = as_times(np.where(stop == NAT, start, stop), known=np.ones(len(start), bool))
    closed = (start != NAT) & (stop != NAT)
    made["duration_s"] = masked(np.where(closed, stop - start, 0) / 1e9, ~closed, "Float64")
    count = len(order)
    index = np.arange(count)
    following = np.minimum.accumulate(np.where(sign <= 0, index, count)[::-1])[::-1]
    inner = np.minimum(following[np.maximum(pairs.start, 0)], count - 1)
    inside = (pairs.start >= 0) & (following[np.maximum(pairs.start, 0)] < count) & (group[inner] == group[pairs.start])
    made["first_inner"] = as_times(time[inner], known=inside)
    previous = _previous(flat[_PLACE].iloc[order], time, sign=sign, task_id=task_id[order])[pairs.first]
    made["previous"] = as_times(time[previous], known=previous >= 0)


def _previous(records: pd.DataFrame, time: np.ndarray, *, sign: np.ndarray, task_id: np.ndarray) -> np.ndarray:
    """For each position the thread's last record before it that is not a start record, or -1.

    Record ids count per file, so that files come in the order of their times. Where the clock was set
    back in between, the time of that record says nothing, and there is none.
    """
    host, pid, tid, source = (records[name].to_numpy(object) for name in ("host", "pid", "tid", "source"))
    thread = threads(host, pid, tid=tid, task=task_id)
    number = grouped([source])
    began = np.full(int(number.max(initial=-1)) + 1, np.iinfo("int64").max)
    np.minimum.at(began, number, time)
    by_record = np.lexsort((records["record"].to_numpy("int64", na_value=0), number, began[number], thread))
    index = np.arange(len(time))
    ended = np.maximum.accumulate(np.r_[-1, np.where(sign[by_record] <= 0, index, -1)[:-1]])
    before = by_record[ended]
    same = (ended >= 0) & (thread[before] == thread[by_record]) & (time[before] <= time[by_record])
    previous = np.empty(len(time), int)
    previous[by_record] = np.where(same, before, -1)
    return previous


def _read_flags(made: dict, flat: pd.DataFrame, *, stop: np.ndarray) -> None:
    """`accumulative`, `cache_only` and the trust errors, from the flags of the stop record."""
    flags = np.where(stop >= 0, flat["flags"].to_numpy("int64", na_value=-1)[stop], -1)
    known = operations_by_name()
    names, which = _factorized(np.asarray(made["operation"], object))
    for column in ("accumulative", "cache_only"):
        told = [getattr(known[name], f"{column}_flag") if name in known else "" for name in names]
        bit = np.array([flag(name) if name else 0 for name in told], "int64")[which]
        made[column] = masked((flags & bit) > 0, (flags < 0) | (bit == 0), "boolean")
    errors = np.where(stop >= 0, flat["trust_error"].to_numpy("int64", na_value=-1)[stop], -1)
    for column, bit in trust_columns().items():
        made[column] = masked((errors & bit) > 0, errors < 0, "boolean")


def _inherit(made: dict, *, parent: np.ndarray) -> None:
    """A chain knows its clock by the checks inside it; a retrieval knows its budget kind by what encloses it."""
    clock = nanoseconds(made["chain_start"]).copy()
    known = operations_by_name()
    chains = [name for name in known if known[name].accumulative_flag]
    chain = np.isin(np.asarray(made["operation"], object), chains)
    inside = np.flatnonzero((clock != NAT) & (parent >= 0) & chain[parent])
    earliest = np.full(len(clock), np.iinfo("int64").max)
    np.minimum.at(earliest, parent[inside], clock[inside])
    clock = np.where((clock == NAT) & (earliest < np.iinfo("int64").max), earliest, clock)
    made["chain_start"] = as_times(clock, known=clock != NAT)
    depth = made["depth"]
    for column in ("accumulative", "cache_only"):
        value = made[column].to_numpy("int8", na_value=-1)
        for level in range(1, int(depth.max()) + 1):
            here = (depth == level) & (value < 0)
            value[here] = value[parent[here]]
        made[column] = masked(value > 0, value < 0, "boolean")
