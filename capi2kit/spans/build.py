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

from capi2kit.columns.cells import LONGEST_S, empty, masked, shaped, strings
from capi2kit.columns.instants import NAT, as_times, nanoseconds
from capi2kit.knowledge import check, flag, operations_by_name, outcome_of, trust_columns
from capi2kit.spans.pairing import Pairs, nest, pair_records, part_impossible
from capi2kit.spans.record_order import Records, first_inside, order_records, previous_in_thread
from capi2kit.spans.references import join_catalogs, join_policies, name_targets

BROKEN = "broken"  # quality of a span whose start and stop may belong to two calls
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
    "validation_time",
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
    "validation_time",
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


_EARLIEST, _LATEST = pd.Timestamp("1970-01-01", tz="UTC"), pd.Timestamp("2200-01-01", tz="UTC")


def build_spans(events: pd.DataFrame) -> pd.DataFrame:
    """Pair start and stop records into operations, as the log claims them.

    Returns
    -------
    spans : DataFrame
        One row per operation, in the order of its first record, in the columns of table `spans`.
        `start`, `stop` and `duration_s` are those of the records (quality ``logged``), missing where these have no
        time, or one before 1970 or after 2199: start records
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
    flat = _believable(events[_NEEDED])
    index = {name: events.index.get_level_values(name).to_numpy(object) for name in ("task_id", "process")}
    records = order_records(flat, index["task_id"])
    pairs, rank, broken = _paired(flat["operation"].to_numpy(object)[records.row], records)
    if not len(pairs.start):
        return empty("spans")
    parent, root, depth = nest(pairs, group=records.group, rank=rank, seq=records.seq)
    start = np.where(pairs.start >= 0, records.row[pairs.start], -1)  # rows of `events`
    stop = np.where(pairs.stop >= 0, records.row[pairs.stop], -1)
    made: dict = {"span": np.arange(len(root)), "root": root, "depth": depth}
    made["parent"] = masked(parent, parent < 0, "Int64")
    made["quality"] = strings(np.where(broken, BROKEN, "logged").tolist())
    _take(made, flat, index=index, start=start, stop=stop)
    previous = previous_in_thread(records, flat[_PLACE].iloc[records.row], task_id=index["task_id"][records.row])
    _place_in_time(made, records, pairs=pairs, previous=previous[pairs.first])
    _read_flags(made, flat, stop=stop)
    _inherit(made, parent=parent)
    join_policies(made, flat, stop=stop)
    join_catalogs(made, flat, stop=stop)
    name_targets(made, flat, stop=stop)
    return shaped(pd.DataFrame(made, copy=False), "spans")


def _believable(flat: pd.DataFrame) -> pd.DataFrame:
    """The records without times that no clock of Windows shows, and without limits that it cannot count."""
    odd = {}
    for name in ("timeout_s", "budget_s"):
        beyond = ~flat[name].between(0, LONGEST_S) & flat[name].notna()
        if beyond.any():
            odd[name] = flat[name].mask(beyond)
    for name in flat.columns[flat.dtypes.map(pd.api.types.is_datetime64_any_dtype)]:
        beyond = (flat[name] < _EARLIEST) | (flat[name] >= _LATEST)
        if beyond.any():
            odd[name] = flat[name].mask(beyond)
    return flat.assign(**odd)


def _paired(operations: np.ndarray, records: Records) -> tuple[Pairs, np.ndarray, np.ndarray]:
    """Which records belong together, the rank of each record's operation, and which pairs are broken.

    Where two records inside a pair are missing, these may have been a stop and a start. A retrieval
    has nothing inside, and is parted; of anything but the outermost call it stays possible.
    """
    known = operations_by_name()
    names, operation = _factorized(operations)
    told = [known.get(name) for name in names]
    rank = np.array([(found.rank or 0) if found else 0 for found in told], int)[operation]
    fetches = np.array([found is not None and (found.wire or found.cache) for found in told])[operation]
    pairs = pair_records(group=records.group, operation=operation, sign=records.sign)
    holed = pairs.closed & (records.missing(pairs.start, pairs.stop) > 1)
    pairs = part_impossible(pairs, rank=rank, doubted=holed & fetches[pairs.first])
    holed = pairs.closed & (records.missing(pairs.start, pairs.stop) > 1)
    return pairs, rank, holed & (rank[pairs.first] != OUTERMOST)


def _factorized(values: np.ndarray) -> tuple[list, np.ndarray]:
    codes, unique = pd.factorize(values)
    return [*unique, None], np.where(codes < 0, len(unique), codes)


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


def _place_in_time(made: dict, records: Records, *, pairs: Pairs, previous: np.ndarray) -> None:
    """Logged times, the first record inside, and the thread's last record before; none of them a start record."""
    time = records.time
    start = np.where(pairs.start >= 0, time[pairs.start], NAT)
    stop = np.where(pairs.stop >= 0, time[pairs.stop], NAT)
    made["logged_start"], made["logged_stop"] = as_times(start, known=start != NAT), as_times(stop, known=stop != NAT)
    everywhere = np.ones(len(start), bool)
    made["start"] = as_times(np.where(start == NAT, stop, start), known=everywhere)
    made["stop"] = as_times(np.where(stop == NAT, start, stop), known=everywhere)
    closed = (start != NAT) & (stop != NAT)
    made["duration_s"] = masked(np.where(closed, stop - start, 0) / 1e9, ~closed, "Float64")
    inner, known = first_inside(records, pairs)
    made["first_inner"] = as_times(time[inner], known=known)
    made["previous"] = as_times(time[previous], known=previous >= 0)


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
    sure = (clock != NAT) & (np.asarray(made["quality"], object) != BROKEN)
    inside = np.flatnonzero(sure & (parent >= 0) & chain[parent])
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
