"""Waits: where the seconds really went.

Input: `spans` as logged, `events`, and `steps` for the story of the proxy.
Output: `waits`, one row per network retrieval, with its true interval, how sure
it is, and its bounds. How a start is recovered, best first:

  measured          Windows measured the call itself (DiagLevel 5); beats all others
  budget            chain clock + (budget of the process − 2 × Timeout): each URL of an
                    accumulative chain gets half of what is left, so its limit gives the time used
  start record      where this log writes start records on time
  chain             chain clock, or the end of what the thread did before (callers without a common budget)
  previous record   the thread's last record before it, or the time that a .NET caller passed as now: the wait is
                    at most the gap
  time limit        its caller gave up, so it took its limit; or the gap is longer than it was allowed to take
  nothing           no evidence: the wait is unknown

The end is the transfer's completion time, else the stop record. `evidence` reads what the log says, `passes` has the steps.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionArray

from capi2kit.columns.cells import empty, shaped, strings
from capi2kit.columns.instants import NAT, SECOND, TICK, as_times
from capi2kit.columns.urls import url_columns
from capi2kit.knowledge import account, check
from capi2kit.knowledge.urls import url_role
from capi2kit.waits.evidence import Evidence, read_evidence, retrievals_in
from capi2kit.waits.late_starts import judge_starts, verdicts_of
from capi2kit.waits.later import later_of, with_later_actions
from capi2kit.waits.passes import (
    Bounds,
    Interval,
    bounds,
    first_guess,
    gave_up_at_limit,
    measured_by_windows,
    no_longer_than_allowed,
    start_record_where_on_time,
)
from capi2kit.waits.steps import tell_retrievals

_OF_SPANS = (
    "span task_id host process pid tid url target target_kind pasted accumulative outcome result timeout_s "
    "logged_stop stop_event impersonate_sid user_sid object_type"
).split()


def recover_waits(spans: pd.DataFrame, events: pd.DataFrame, *, steps: pd.DataFrame | None = None) -> pd.DataFrame:
    """Recover the true interval of every network retrieval.

    Parameters
    ----------
    spans : as logged, as `build_spans` returns them.
    events : table `events` of the same case.
    steps : table `steps` of the case: proxy, headers and clock offset come from it, and are <NA> without it.

    Returns
    -------
    waits : DataFrame
        One row per retrieval in the order of its span, in the columns of table `waits`.

        ==========  =======  ====  =============================================================
        column      dtype    unit  meaning
        ==========  =======  ====  =============================================================
        wait_s      Float64  s     best estimate; <NA> if nothing bounds it from below and above
        low_s       Float64  s     not less than
        high_s      Float64  s     not more than
        quality     string         exact (within a clock tick), bounded, unknown
        basis       string         what gave the start, see the module
        starts      string         whether this log's start records are late
        ==========  =======  ====  =============================================================

    Raises
    ------
    TableError : a column of `spans` or `events` is missing or has another dtype.

    Notes
    -----
    Source: AdditionalParameters of the revocation checks, Timeout and CacheInfo of the retrievals.
    Nothing is modified.

    References
    ----------
    How time limits are shared: CertGetCertificateChain, source ms-chain-engine of ``data/sources.csv``. That start records are
    written late: measured, source log-wks05.
    """
    check(spans, "spans")
    check(events, "events", needs=["event", "time", "host", "pid", "issuer", "crl_url", "reject_action"])
    wire = retrievals_in(spans)
    if not wire.any():
        return empty("waits")
    evidence = read_evidence(spans, wire)
    guess = first_guess(evidence)
    starts = _verdicts(spans, wire, evidence=evidence, guess=guess)
    interval = start_record_where_on_time(guess, evidence, starts=starts)
    interval = gave_up_at_limit(no_longer_than_allowed(interval, evidence), evidence)
    interval = measured_by_windows(interval, evidence)
    rows = spans[_OF_SPANS][wire].reset_index(drop=True)
    waits = _table(rows, interval, evidence=evidence, sure=bounds(interval, evidence))
    later = later_of(waits.assign(logged_stop=rows["logged_stop"]), spans, events=events)
    waits = waits.assign(starts=strings(starts.tolist()), **later)
    if steps is not None:
        waits = tell_retrievals(waits, with_later_actions(steps, spans))
    return shaped(waits, "waits")


def _verdicts(spans: pd.DataFrame, wire: np.ndarray, *, evidence: Evidence, guess: Interval) -> np.ndarray:
    """Per retrieval whether its computer writes start records late, judged by those whose begin the budget gives."""
    hosts = spans["host"].to_numpy(object)[wire]
    sure = (guess.basis == "budget") & (guess.end - guess.begin <= evidence.allowed + TICK)
    begin, end = guess.begin[sure], guess.end[sure]
    known = pd.DataFrame({"host": hosts[sure], "logged_start": spans["logged_start"].array[wire][sure]})
    known = known.assign(start=as_times(begin, known=begin != NAT), stop=as_times(end, known=end != NAT))
    return verdicts_of(hosts, judge_starts(spans, wires=known))


def _roles(rows: pd.DataFrame) -> ExtensionArray:
    """What each URL is fetched for, by the kind of object that its event names, else by the URL itself."""
    pairs = [rows[name].astype(object).where(rows[name].notna(), None).tolist() for name in ("url", "object_type")]
    return strings([url_role(url, object_type=kind) for url, kind in zip(*pairs, strict=True)])


def _table(rows: pd.DataFrame, interval: Interval, *, evidence: Evidence, sure: Bounds) -> pd.DataFrame:
    """The `waits` of these spans; one of unknown length has no start of its own."""
    known, dated = ~interval.unknown, ~evidence.timeless
    logged, contradicted = evidence.logged_stop - evidence.logged_start, interval.contradicted
    seconds = {
        "wait_s": np.where(known, sure.length / SECOND, np.nan),
        "low_s": sure.low / SECOND,
        "high_s": sure.high / SECOND,
        "contradicted_s": np.where(contradicted != 0, (sure.length + contradicted) / SECOND, np.nan),
        "logged_s": np.where(evidence.logged_start != NAT, logged / SECOND, np.nan),
    }
    limit = rows["timeout_s"].to_numpy("float64", na_value=np.nan)
    sids = rows["impersonate_sid"].fillna(rows["user_sid"])
    return shaped(
        rows,
        "waits",
        **seconds,
        start=as_times(np.where(known, interval.begin, interval.end), known=dated),
        stop=as_times(interval.end, known=dated),
        basis=interval.basis,
        quality=sure.quality,
        event=rows["stop_event"],
        budget_s=rows["timeout_s"],
        limit_share=pd.array(seconds["wait_s"] / np.where(limit > 0, limit, np.nan), dtype="Float64"),
        user_sid=sids,
        account_kind=[account(sid if isinstance(sid, str) else None)[0] for sid in sids.to_numpy(object)],
        url_role=_roles(rows),
        **url_columns(rows["url"]),
    )
