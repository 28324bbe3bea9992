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

from capi2kit.cells import STRING, empty, masked, shaped, strings
from capi2kit.joins import join_catalogs, join_policies, name_targets
from capi2kit.knowledge import check, flag, operations_by_name, outcome_of, trust_columns
from capi2kit.nesting import nest, pair_records

_TAKEN = "host process pid tid task_id user_sid impersonate_sid url subject result chain_start budget_s timeout_s last_sync".split()
_NEEDED = (
    "event source record time host pid tid user_sid impersonate_sid seq phase operation result url subject chain_start "
    "budget_s timeout_s last_sync flags trust_error chain_ref query_hash member_tag member_path file_path display_name "
    "server_name"
).split()


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
    flat = events.reset_index()[["task_id", "process", *_NEEDED]]
    flat = flat[flat["task_id"].notna()]
    flat["task"] = _codes(flat, ["host", "pid", "task_id"])
    flat["lane"] = _codes(flat, ["host", "pid", "tid"])
    record = flat["record"].to_numpy("int64", na_value=0)
    flat = flat.iloc[
        np.lexsort((record, flat["seq"].fillna(flat["record"]).to_numpy("int64", na_value=0), flat["task"]))
    ]
    flat = flat.reset_index(drop=True)
    sign = (flat["phase"] == "start").to_numpy(bool).astype(int) - (flat["phase"] == "stop").to_numpy(bool)
    known = operations_by_name()
    names, operation = np.unique(flat["operation"].fillna("").to_numpy(object), return_inverse=True)
    rank = np.array([(known[name].rank or 0) if name in known else 0 for name in names])[operation]
    group = flat["task"].to_numpy()
    pairs = pair_records(group, operation, sign)
    if not len(pairs.start):
        return empty("spans")
    parent, root, depth = nest(pairs, group=group, rank=rank, sign=sign)
    spans = _taken(flat, pairs.start, pairs.stop)
    spans["span"] = np.arange(len(spans))
    spans["parent"] = masked(parent, parent < 0, "Int64")
    spans["root"], spans["depth"] = root, depth
    _place_in_time(spans, flat, pairs.start, pairs.stop, sign)
    _read_flags(spans, flat, pairs.stop)
    spans = join_catalogs(join_policies(spans, flat), flat)
    return shaped(name_targets(spans, flat), "spans")


def _codes(flat: pd.DataFrame, columns: list[str]) -> np.ndarray:
    code = np.zeros(len(flat), "int64")
    for column in columns:
        values, unique = pd.factorize(flat[column], use_na_sentinel=True)
        code = code * (len(unique) + 1) + values + 1
    return np.unique(code, return_inverse=True)[1]


def _taken(flat: pd.DataFrame, start: np.ndarray, stop: np.ndarray) -> pd.DataFrame:
    """What the records say about each span: the stop record has the payload, the start record the rest."""
    spans = flat.loc[np.where(stop >= 0, stop, start), _TAKEN + ["operation"]].reset_index(drop=True)
    number = flat["event"].to_numpy()
    spans["start_event"] = masked(number[start], start < 0, "Int64")
    spans["stop_event"] = masked(number[stop], stop < 0, "Int64")
    spans["state"] = strings(np.where(start < 0, "no start", np.where(stop < 0, "no stop", "closed")).tolist())
    codes, where = np.unique(spans["result"].to_numpy("int64", na_value=-1), return_inverse=True)
    words = [None if code < 0 else outcome_of(int(code)) for code in codes]
    spans["outcome"] = strings([words[i] for i in where])
    return spans


def _place_in_time(
    spans: pd.DataFrame, flat: pd.DataFrame, start: np.ndarray, stop: np.ndarray, sign: np.ndarray
) -> None:
    """Logged times, the first record inside, and the thread's last record before; none of them a start record."""
    time = flat["time"]
    spans["logged_start"] = time.where(sign > 0).take(start).reset_index(drop=True).where(start >= 0)
    spans["logged_stop"] = time.take(stop).reset_index(drop=True).where(stop >= 0)
    spans["start"] = spans["logged_start"].fillna(spans["logged_stop"])
    spans["stop"] = spans["logged_stop"].fillna(spans["logged_start"])
    spans["duration_s"] = (
        ((spans["stop"] - spans["start"]).dt.total_seconds()).where(spans["state"] == "closed").astype("Float64")
    )
    spans["quality"] = pd.array(["logged"] * len(spans), dtype=STRING)
    count = len(flat)
    index = np.arange(count)
    task = flat["task"].to_numpy()
    following = np.minimum.accumulate(np.where(sign <= 0, index, count)[::-1])[::-1]
    inner = following[np.maximum(start, 0)]
    inside = (start >= 0) & (inner < count)
    inside &= task[np.minimum(inner, count - 1)] == task[np.maximum(start, 0)]
    spans["first_inner"] = time.take(np.minimum(inner, count - 1)).reset_index(drop=True).where(inside)
    lane = flat["lane"].to_numpy()
    order = np.lexsort((flat["record"].to_numpy("int64", na_value=0), flat["source"].to_numpy(), lane))
    spot = np.empty(count, int)
    spot[order] = index
    ended = np.maximum.accumulate(np.r_[-1, np.where(sign[order] <= 0, index, -1)[:-1]])
    own = np.where(start >= 0, start, stop)
    previous = ended[spot[own]]
    same = (previous >= 0) & (lane[order][previous] == lane[own])
    spans["previous"] = time.take(order[previous]).reset_index(drop=True).where(same)


def _read_flags(spans: pd.DataFrame, flat: pd.DataFrame, stop: np.ndarray) -> None:
    """`accumulative`, `cache_only` and the trust errors, from the flags of the stop record."""
    flags = flat["flags"].to_numpy("int64", na_value=-1)[stop]
    flags = np.where(stop >= 0, flags, -1)
    known = operations_by_name()
    names, which = np.unique(spans["operation"].to_numpy(object), return_inverse=True)
    for column in ("accumulative", "cache_only"):
        bits = [
            flag(getattr(known[name], f"{column}_flag"))
            if name in known and getattr(known[name], f"{column}_flag")
            else 0
            for name in names
        ]
        bit = np.array(bits, dtype="int64")[which]
        spans[column] = masked((flags & bit) > 0, (flags < 0) | (bit == 0), "boolean")
    errors = np.where(stop >= 0, flat["trust_error"].to_numpy("int64", na_value=-1)[stop], -1)
    for column, bit in trust_columns().items():
        spans[column] = masked((errors & bit) > 0, errors < 0, "boolean")
    _inherit(spans)


def _inherit(spans: pd.DataFrame) -> None:
    """A chain knows its clock by the checks inside it; a retrieval knows its budget kind by what encloses it."""
    parent = spans["parent"].to_numpy("int64", na_value=-1)
    inside = spans[spans["chain_start"].notna() & (parent >= 0)]
    earliest = inside.groupby(inside["parent"].astype("int64"))["chain_start"].min()
    spans["chain_start"] = spans["chain_start"].fillna(spans["span"].map(earliest))
    for depth in range(1, int(spans["depth"].max()) + 1):
        here = (spans["depth"] == depth).to_numpy()
        above = parent[here]
        for column in ("accumulative", "cache_only"):
            own = spans.loc[here, column]
            spans.loc[here, column] = own.where(own.notna(), spans[column].take(above).set_axis(own.index))
