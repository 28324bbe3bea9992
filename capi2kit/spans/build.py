"""Spans: events → operations, as logged.

Start and stop are paired by operation inside (computer, process, task) in the
order of SeqNumber: stamps tick too coarsely to sort by, and a wrapped log is out
of order. Each step gives the columns that it adds, and gets what it needs:

  order_records → pair_records → nest → what the records say → inherited → named

Nothing here reads a file, knows an event id or draws.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionArray

from capi2kit.columns.call_tree import CallTree
from capi2kit.columns.cells import A_LOG, LONGEST_WAIT_S, empty, integers, masked, shaped, strings
from capi2kit.columns.instants import LATEST, NAT, SECOND, as_times, nanoseconds
from capi2kit.knowledge import check, flag, flag_columns, operations_by_name, outcome_of, trust_columns
from capi2kit.spans.kinds import classified
from capi2kit.spans.pairing import Pairs, nest, pair_records, part_impossible
from capi2kit.spans.record_order import Records, first_inside, order_records, previous_in_thread
from capi2kit.spans.references import join_catalogs, join_policies, name_targets

BROKEN = "broken"  # quality of a span whose start and stop may belong to two calls
_TAKEN = (
    "host pid tid operation user_sid impersonate_sid url object_type subject issuer result chain_start validation_time budget_s timeout_s"
    " last_sync measured_start measured_s network_status caller fails"
).split()
OUTERMOST = 1  # rank
_PLACE = ["host", "pid", "tid", "source", "record"]
_NEEDED = (
    "event source record time host pid tid user_sid impersonate_sid seq phase operation result url object_type subject issuer chain_start"
    " validation_time budget_s timeout_s last_sync flags trust_error chain_ref query_hash member_tag member_path file_path"
    " display_name server_name measured_start measured_s network_status caller fails"
).split()
_EARLIEST, _LATEST = pd.Timestamp("1970-01-01", tz="UTC"), pd.Timestamp("2200-01-01", tz="UTC")


Columns = dict[str, Any]


class Ends(NamedTuple):
    """The rows of `events` with the start and the stop record of each span, -1 where that record is not in the log."""

    start: np.ndarray
    stop: np.ndarray

    @property
    def said(self) -> np.ndarray:
        """The row that says most: the stop record, else the start record."""
        return np.where(self.stop >= 0, self.stop, self.start)


def build_spans(events: pd.DataFrame, *, steps: pd.DataFrame | None = None) -> pd.DataFrame:
    """Pair start and stop records into operations, as the log claims them.

    Parameters
    ----------
    events : table `events` of a case, indexed by (task_id, process), or some of its rows.
    steps : table `steps` of the case: its actions say which retrievals nobody waited for. Without it their results do.

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
        kind        string         of a network retrieval: waited, or why nobody waited for it
        duration_s  Float64  s     stop minus start
        ==========  =======  ====  =======================================================

    Raises
    ------
    TableError : a column of `events` is missing or has another dtype.

    Notes
    -----
    Source: Task, Opcode and CorrelationAuxInfo; where an export left the TaskId out, the thread. `events` is not modified.
    """
    check(events, "events", needs=_NEEDED)
    flat = _believable(events[_NEEDED])
    index = {name: events.index.get_level_values(name).to_numpy(object) for name in ("task_id", "process")}
    task_id = _tasks(flat, index)
    records = order_records(flat, task_id)
    pairs, rank, broken = _paired(flat["operation"].to_numpy(object)[records.row], records)
    if not len(pairs.start):
        return empty("spans")
    parent, root, depth = nest(pairs, group=records.group, rank=rank, seq=records.seq)
    ends = Ends(*(np.where(place >= 0, records.row[place], -1) for place in pairs))
    previous = previous_in_thread(records, flat[_PLACE].iloc[records.row], task_id=task_id[records.row])
    made: Columns = {"span": np.arange(len(root)), "root": root, "depth": depth}
    made |= {"parent": masked(parent, parent < 0, "Int64")}
    made |= {"quality": strings(np.where(broken, BROKEN, "logged").tolist())}
    said = _said(flat, ends, index=index)
    operation = np.asarray(said["operation"], object)
    flags = _flags(flat, ends, operation=operation)
    tree = CallTree(parent, depth)
    said |= {"chain_start": _chain_clocks(said["chain_start"], tree, operation=operation, broken=broken)}
    flags |= {name: _from_callers(flags[name], tree) for name in ("accumulative", "cache_only")}
    policies = join_policies(flat, ends.stop)
    named = name_targets(flat, ends.stop, subject=said["subject"], server=policies["server_name"], root=root)
    made |= said | _moments(records, pairs, previous=previous[pairs.first]) | flags
    made |= policies | join_catalogs(flat, ends.stop) | named
    made |= {"refused": _refused(policies["policy_result"], said["result"], tree=tree, root=root)}
    made |= {"pasted": _pasted(flat["host"], ends.said)}
    return classified(shaped(pd.DataFrame(made, copy=False), "spans"), steps)


def _refused(policy: ExtensionArray, result: ExtensionArray, *, tree: CallTree, root: np.ndarray) -> ExtensionArray:
    """Whether what judged a call refused it: the policy that its chain was checked against, or else the outermost call around it."""
    by_policy, around = integers(policy), np.where(tree.parent >= 0, integers(result)[root], -1)
    judged = np.where(by_policy > 0, by_policy, np.where(around >= 0, around, by_policy))
    return masked(judged > 0, judged < 0, "boolean")


def _pasted(hosts: pd.Series, said: np.ndarray) -> np.ndarray:
    """Whether there are so few records of the computer of each call that somebody pasted them."""
    codes, _ = pd.factorize(hosts.to_numpy(object))
    counts = np.bincount(codes + 1)
    return pd.array((counts[codes + 1] < A_LOG)[said], dtype="boolean")


def _believable(flat: pd.DataFrame) -> pd.DataFrame:
    """The records without times that no clock of Windows shows, and without limits that it cannot count."""
    odd = {}
    for name in ("timeout_s", "budget_s"):
        beyond = ~flat[name].between(0, LONGEST_WAIT_S) & flat[name].notna()
        if beyond.any():
            odd[name] = flat[name].mask(beyond)
    for name in flat.columns[flat.dtypes.map(pd.api.types.is_datetime64_any_dtype)]:
        beyond = (flat[name] < _EARLIEST) | (flat[name] >= _LATEST)
        if beyond.any():
            odd[name] = flat[name].mask(beyond)
    return flat.assign(**odd)


def _tasks(flat: pd.DataFrame, index: dict[str, np.ndarray]) -> np.ndarray:
    """The task of each record. Where an export left all attributes out, the calls of a thread are one task, for they are nested, too.

    A retrieval is one by itself, wherever its task was left out.
    """
    task_id = index["task_id"]
    known = operations_by_name()
    operation = flat["operation"]
    lacks = pd.isna(task_id) & flat["seq"].isna().to_numpy() & flat["phase"].isin(["start", "stop"]).to_numpy()
    lacks &= operation.isin([name for name, found in known.items() if found.rank]).to_numpy()
    fetches = operation.isin([name for name, found in known.items() if found.wire]) & flat["url"].notna()
    lacks &= pd.isna(index["process"]) | fetches.to_numpy(bool)
    if not lacks.any():
        return task_id
    tid, event = (flat[name].to_numpy(object)[lacks] for name in ("tid", "event"))
    filled = task_id.copy()
    filled[lacks] = [
        f"record {number}" if pd.isna(thread) else f"thread {thread}" for thread, number in zip(tid, event, strict=True)
    ]
    return filled


def _paired(operations: np.ndarray, records: Records) -> tuple[Pairs, np.ndarray, np.ndarray]:
    """Which records belong together, the rank of each record's operation, and which pairs are broken.

    Where two records inside a pair are missing, these may have been a stop and a start. A retrieval
    has nothing inside, and is parted; of anything but the outermost call it stays possible.
    """
    known = operations_by_name()
    names, operation = _factorized(operations)
    operation_of = [known.get(name) for name in names]
    rank = np.array([(found.rank or 0) if found else 0 for found in operation_of], int)[operation]
    fetches = np.array([found is not None and (found.wire or found.cache) for found in operation_of])[operation]
    pairs = pair_records(group=records.group, operation=operation, sign=records.sign)
    holed = pairs.closed & (records.missing(pairs.start, pairs.stop) > 1)
    pairs = part_impossible(pairs, rank=rank, doubted=holed & fetches[pairs.first])
    holed = pairs.closed & (records.missing(pairs.start, pairs.stop) > 1)
    return pairs, rank, holed & (rank[pairs.first] != OUTERMOST)


def _factorized(values: np.ndarray) -> tuple[list, np.ndarray]:
    codes, unique = pd.factorize(values)
    return [*unique, None], np.where(codes < 0, len(unique), codes)


def _said(flat: pd.DataFrame, ends: Ends, *, index: dict[str, np.ndarray]) -> Columns:
    """What the records say about each span: the stop record has the payload, else what the start record has."""
    row = ends.said
    said: Columns = {name: flat[name].array.take(row) for name in _TAKEN}
    for name, values in index.items():
        said[name] = strings([None if value is pd.NA else value for value in values[row].tolist()])
    number = flat["event"].to_numpy()
    said["start_event"] = masked(number[ends.start], ends.start < 0, "Int64")
    said["stop_event"] = masked(number[ends.stop], ends.stop < 0, "Int64")
    state = np.select([ends.start < 0, ends.stop < 0], ["no start", "no stop"], "closed")
    codes, code = np.unique(integers(said["result"]), return_inverse=True)
    outcomes = [None if code < 0 else outcome_of(int(code)) for code in codes]
    return said | {"state": strings(state.tolist()), "outcome": strings([outcomes[i] for i in code])}


def _moments(records: Records, pairs: Pairs, *, previous: np.ndarray) -> Columns:
    """Logged times, the first record inside, and the thread's last record before; none of them a start record."""
    time = records.time
    start = np.where(pairs.start >= 0, time[pairs.start], NAT)
    stop = np.where(pairs.stop >= 0, time[pairs.stop], NAT)
    everywhere, closed = np.ones(len(start), bool), (start != NAT) & (stop != NAT)
    inner, known = first_inside(records, pairs)
    return {
        "logged_start": as_times(start, known=start != NAT),
        "logged_stop": as_times(stop, known=stop != NAT),
        "start": as_times(np.where(start == NAT, stop, start), known=everywhere),
        "stop": as_times(np.where(stop == NAT, start, stop), known=everywhere),
        "duration_s": masked(np.where(closed, stop - start, 0) / SECOND, ~closed, "Float64"),
        "first_inner": as_times(time[inner], known=known),
        "previous": as_times(time[previous], known=previous >= 0),
    }


def _flags(flat: pd.DataFrame, ends: Ends, *, operation: np.ndarray) -> Columns:
    """`accumulative`, `cache_only`, what the chain's caller forbids, and the trust errors, from the flags of the stop record."""
    flags = _in_stop(flat["flags"], ends)
    known = operations_by_name()
    names, which = _factorized(operation)
    made: Columns = {}
    for column in ("accumulative", "cache_only"):
        flag_names = [getattr(known[name], f"{column}_flag") if name in known else "" for name in names]
        bit = np.array([flag(name) if name else 0 for name in flag_names], "int64")[which]
        made[column] = masked((flags & bit) != 0, (flags < 0) | (bit == 0), "boolean")
    chains = np.array([name in known and bool(known[name].accumulative_flag) for name in names])[which]
    for column, bit in flag_columns("CERT_CHAIN_Flags").items():
        made[column] = masked((flags & bit) != 0, (flags < 0) | ~chains, "boolean")
    errors = _in_stop(flat["trust_error"], ends)
    return made | {
        column: masked((errors & bit) != 0, errors < 0, "boolean") for column, bit in trust_columns().items()
    }


def _in_stop(values: pd.Series, ends: Ends) -> np.ndarray:
    """The numbers of a column in the stop records, -1 where there is none."""
    return np.where(ends.stop >= 0, integers(values)[ends.stop], -1)


def _chain_clocks(
    own: ExtensionArray, tree: CallTree, *, operation: np.ndarray, broken: np.ndarray
) -> pd.DatetimeIndex:
    """When each chain began by its own clock, which the checks right inside it log; each check keeps its own."""
    clock = nanoseconds(own)
    known = operations_by_name()
    chain = np.isin(operation, [name for name in known if known[name].accumulative_flag])
    inside = np.flatnonzero((clock != NAT) & ~broken & (tree.parent >= 0) & chain[tree.parent])
    earliest = np.full(len(clock), LATEST)
    np.minimum.at(earliest, tree.parent[inside], clock[inside])
    clock = np.where((clock == NAT) & (earliest < LATEST), earliest, clock)
    return as_times(clock, known=clock != NAT)


def _from_callers(own: ExtensionArray, tree: CallTree) -> pd.api.extensions.ExtensionArray:
    """A flag of each call, and where it has none, that of the call around it."""
    value = own.to_numpy("int8", na_value=-1)
    value = tree.inherited(value, lacks=value < 0)
    return masked(value > 0, value < 0, "boolean")
