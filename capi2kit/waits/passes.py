"""Passes: from what the log says of retrievals to what they are believed to have been, one step at a time.

Each pass takes the `Evidence`, which never changes, and an `Interval`, and gives a new `Interval`:

    first_guess → start_record_where_on_time → no_longer_than_allowed → gave_up_at_limit → measured_by_windows → bounds

Integer nanoseconds throughout. Evidence that contradicts itself (a clock set during a wait, records of another call)
widens the bounds.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from capi2kit.columns.instants import NAT, TICK, TICK_S, whole_ns
from capi2kit.columns.keys import value_before
from capi2kit.waits.evidence import Evidence
from capi2kit.waits.late_starts import EACH, ON_TIME

_MICROSECOND = 1_000  # what Windows measures is written in them
_MILLISECOND = 1_000_000  # chain clocks and completion times are cut to it
_TRUNCATED = 2 * _MILLISECOND  # so is a Timeout, and it counts twice


class Interval(NamedTuple):
    """What is believed of each retrieval so far: begin and end, between which moments it began, and why.

    `end_cut`: how much later the end may be, because the clock that gave it is cut. `unknown`: nothing gives its length.
    `trusted`: the basis gives the begin within a tick. `contradicted`: by how much another piece of evidence gives more (ns) or,
    below 0, less; 0 if none does.
    """

    begin: np.ndarray
    end: np.ndarray
    earliest: np.ndarray
    latest: np.ndarray
    basis: np.ndarray
    end_cut: np.ndarray
    unknown: np.ndarray
    trusted: np.ndarray
    contradicted: np.ndarray


class Bounds(NamedTuple):
    """How long each retrieval took in ns, at least and at most, and how sure that is: exact, bounded, unknown."""

    length: np.ndarray
    low: np.ndarray
    high: np.ndarray
    quality: np.ndarray


def first_guess(evidence: Evidence) -> Interval:
    """The interval by the budget of the chain, else by the chain's clock, else by the thread's previous record.

    ```
    clock of the chain          began by budget        completed   stop record
        |  used of the budget  |  the retrieval            |           |
        |<---- total − 2 × Timeout ---->|<------ wait ---->|
              | previous record of the thread: it did not begin before
    ```
    """
    stop = evidence.stop
    clock, floor = _clock(evidence), _not_before(evidence)
    by_budget, began = _began_by_budget(evidence, clock=clock)
    nothing = (~by_budget & (clock == NAT) & (floor == NAT)) | evidence.timeless
    first = np.select([by_budget, nothing], [began, stop], np.maximum(clock, floor))
    from_transfer = _completed_in_time(evidence, first)
    end = np.where(from_transfer, evidence.completed, stop)
    floor = np.maximum(floor, _previous_end(evidence, end))  # a thread waits for one thing at a time
    begin = np.where(nothing, end, np.minimum(np.maximum(first, floor), end))
    earliest, latest = _budget_bounds(evidence, first=first, begin=begin, end=end)
    basis = np.select([by_budget, clock != NAT, nothing], ["budget", "chain", "nothing"], "previous record")
    return Interval(
        begin,
        end,
        earliest=np.where(by_budget, earliest, begin),
        latest=np.clip(np.where(by_budget, latest, _recorded_start(evidence)), begin, end),
        basis=basis.astype(object),
        end_cut=np.where(from_transfer, _MILLISECOND, 0),
        unknown=nothing,
        trusted=by_budget,
        contradicted=np.zeros(len(begin), "int64"),
    )


def _clock(evidence: Evidence) -> np.ndarray:
    """The clock of the chain, unless it is set back since: then it lies behind the stop record."""
    slack = np.where(evidence.clock_open, -TICK, TICK)  # a call without a record may end where the next one begins
    return np.where(evidence.clock > evidence.stop + slack, NAT, evidence.clock)


def _not_before(evidence: Evidence) -> np.ndarray:
    """The last moment at which the thread was still busy with something else."""
    stop, previous, now = evidence.stop, evidence.previous, evidence.passed_as_now
    return np.maximum(np.where(previous > stop, NAT, previous), np.where(now > stop, NAT, now))


def _recorded_start(evidence: Evidence) -> np.ndarray:
    """The start record: written late or on time, but never before the start."""
    stop, logged = evidence.stop, evidence.logged_start
    return np.where(logged == NAT, stop, np.minimum(logged, stop))


def _began_by_budget(evidence: Evidence, *, clock: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the budget gives the begin, and which: each URL gets half of what is left, so Timeout says what was used."""
    used = evidence.budget.total - 2 * evidence.limit_s
    began = clock + whole_ns(used)
    usable = evidence.in_budget & (clock != NAT) & (used > -TICK_S) & (began <= _recorded_start(evidence) + TICK)
    return usable & (evidence.limit_s > 0) & ~evidence.timeless, began  # no time left: when it ran out is not known


def _completed_in_time(evidence: Evidence, begin: np.ndarray) -> np.ndarray:
    """Where the completion time of a successful transfer lies inside the retrieval."""
    done = evidence.completed
    inside = (done >= begin - TICK) & (done <= evidence.stop + TICK)
    return inside & (done != NAT) & evidence.is_ok


def _previous_end(evidence: Evidence, end: np.ndarray) -> np.ndarray:
    """When the thread's previous retrieval ended; NAT if there is none, or the clock was set back since."""
    ended = value_before(end, group=evidence.thread, by=evidence.number)
    return np.where(ended <= end + TICK, ended, NAT)


def _budget_bounds(
    evidence: Evidence, *, first: np.ndarray, begin: np.ndarray, end: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Between which moments a retrieval in a budget began. `first`: by the budget alone; `begin`: by the thread, too.

    The next check of the chain gives away a clock that was set in between: one that began before the retrieval ended
    means forward, one that was recorded before it began means back.
    """
    total, least, most = evidence.budget
    earliest = first - whole_ns(total - least) - _TRUNCATED
    agrees = begin - earliest <= TICK
    latest = np.where(agrees, begin + whole_ns(most - total), _recorded_start(evidence))
    forward = end - evidence.next_check.began
    back = evidence.next_check.began - evidence.next_check.recorded
    latest = np.where(forward > 2 * TICK, np.maximum(latest, begin + forward), latest)
    earliest = np.where(back > 2 * TICK, np.minimum(earliest, end - evidence.allowed), earliest)
    return earliest, latest


def start_record_where_on_time(interval: Interval, evidence: Evidence, *, starts: np.ndarray) -> Interval:
    """Where this log writes start records on time, a retrieval begins at its own. `starts`: the verdict per retrieval.

    On a computer that is to be judged record by record (each), a record is on time if it lies apart from the stop
    record, and nearer to the begin by budget than to the end.
    """
    logged, by_budget = evidence.logged_start, interval.basis == "budget"
    nearer = 2 * (logged - interval.begin) < interval.end - interval.begin
    apart = (interval.end - logged > TICK) & np.where(by_budget, nearer, True)
    on_time = (logged != NAT) & (logged <= interval.end) & ((starts == ON_TIME) | ((starts == EACH) & apart))
    agrees = by_budget & (np.abs(logged - interval.begin) <= TICK)
    replaced = on_time & ~agrees
    return interval._replace(
        begin=np.where(replaced, logged, interval.begin),
        earliest=np.where(replaced, logged, interval.earliest),
        latest=np.where(replaced, logged, interval.latest),
        basis=np.where(replaced, "start record", interval.basis).astype(object),
        trusted=interval.trusted & ~replaced,
    )


def no_longer_than_allowed(interval: Interval, evidence: Evidence) -> Interval:
    """No retrieval takes much longer than its limit: the rest was something else, or a clock was set.

    ======================  ==================================  ==================  =======
    the begin is            and the length is                   then it began       length
    ======================  ==================================  ==================  =======
    sure (budget, record)   over twice the limit                at end − limit      unknown
    sure                    over the limit, up to twice         maybe as late       known
    not sure, timed out     the limit or more, or not known     at end − limit      known
    not sure, else          over the limit                      at end − limit      unknown
    ======================  ==================================  ==================  =======
    """
    begin, end, earliest, latest, basis = interval[:5]
    length, allowed = end - begin, evidence.allowed
    sure, nothing = np.isin(basis, ["budget", "start record"]), basis == "nothing"
    over = length > np.where(sure, 2 * allowed, allowed) + TICK
    slow = ~over & sure & (length > allowed + TICK)
    timed_out = ~sure & evidence.is_timeout & ~np.isnan(evidence.limit_s)
    timed_out &= nothing | (length >= allowed - TICK)
    at_limit = over | timed_out
    latest = np.where(slow, np.maximum(latest, end - allowed), latest)
    begin = np.where(at_limit, end - allowed, begin)
    return interval._replace(
        begin=begin,
        earliest=np.where(at_limit, end - allowed, earliest),
        latest=np.where(timed_out, begin, np.maximum(latest, begin)),
        basis=np.where(at_limit, "time limit", basis).astype(object),
        unknown=((over | nothing) & ~timed_out) | evidence.timeless,
        trusted=interval.trusted & ~at_limit,
    )


def gave_up_at_limit(interval: Interval, evidence: Evidence) -> Interval:
    """A caller that gave up waited for its whole limit; what contradicts that by more than a tick widens the bounds.

    ```
    begin by other evidence        end − limit                       stop record
       |  contradicted: maybe          |<---------- limit ---------->|
    ```
    """
    begin, end, earliest, latest = interval[:4]
    by_limit = end - evidence.allowed
    apart = np.where(evidence.gave_up & ~interval.unknown, begin - by_limit, 0)
    doubtful = np.abs(apart) > TICK + _TRUNCATED
    agreed = evidence.gave_up & ~interval.unknown & ~doubtful & ~interval.trusted
    return interval._replace(
        earliest=np.select([agreed, doubtful], [begin, np.minimum(earliest, by_limit)], earliest),
        latest=np.select([agreed, doubtful], [begin, np.maximum(latest, by_limit)], latest),
        trusted=(interval.trusted & ~doubtful) | agreed,
        contradicted=np.where(doubtful, apart, 0),
    )


def measured_by_windows(interval: Interval, evidence: Evidence) -> Interval:
    """Where Windows measured a call itself, it took that long; what else gave its begin may contradict it."""
    measured = (evidence.measured >= 0) & ~evidence.timeless
    end = np.where(measured, evidence.stop, interval.end)
    begin = np.where(measured, end - evidence.measured, interval.begin)
    apart = np.where(measured & interval.trusted, begin - interval.begin, 0)
    stored = np.where(interval.end_cut > 0, np.maximum(end - interval.end, 0) + TICK, 0)  # after the answer had come
    return Interval(
        begin,
        end,
        earliest=np.where(measured, begin, interval.earliest),
        latest=np.where(measured, np.minimum(begin + stored, end), interval.latest),
        basis=np.where(measured, "measured", interval.basis).astype(object),
        end_cut=np.where(measured, 0, interval.end_cut),
        unknown=interval.unknown & ~measured,
        trusted=interval.trusted | measured,
        contradicted=np.where(measured, np.where(np.abs(apart) > TICK + _TRUNCATED, apart, 0), interval.contradicted),
    )


def bounds(interval: Interval, evidence: Evidence) -> Bounds:
    """Length, bounds and quality: exact if only a trusted begin is possible within one tick; an unknown length is 0.

    What Windows measured is exact to its digits.
    """
    begin, end, earliest, latest, basis = interval[:5]
    unknown = interval.unknown
    sharp = (latest - begin <= TICK) & (begin - earliest <= TICK)
    measured = basis == "measured"
    exact = interval.trusted & (sharp | measured) & ~unknown
    below = np.where(measured, _MICROSECOND, TICK + np.where(evidence.clock != NAT, _MILLISECOND, 0))
    above = np.where(measured, _MICROSECOND, TICK) + interval.end_cut
    low = np.where(unknown, 0, np.maximum(end - latest - below, 0))
    high = np.where(unknown, evidence.allowed, end - earliest) + above
    quality = np.select([exact, unknown], ["exact", "unknown"], "bounded")
    return Bounds(np.where(unknown, 0, end - begin), low, high, quality)
