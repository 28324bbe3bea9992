"""Passes: each step from what a log says to what a wait was, on arrays of one or two retrievals. Times in seconds."""

import numpy as np
import pytest

from capi2kit.columns.instants import NAT, TICK, whole_ns
from capi2kit.waits.budgets import Budgets
from capi2kit.waits.evidence import LATEST, Evidence, NextCheck
from capi2kit.waits.passes import (
    Interval,
    bounds,
    first_guess,
    gave_up_at_limit,
    measured_by_windows,
    no_longer_than_allowed,
    start_record_where_on_time,
)

SECOND = 1_000_000_000
TICK_S = TICK / SECOND


def at(*values: float | None) -> np.ndarray:
    """Moments: seconds since the beginning of the log, None where the log says nothing."""
    return np.array([NAT if value is None else round(value * SECOND) for value in values])


def evidence(stop: float | None = 10.0, **said: object) -> Evidence:
    """What a log says of one retrieval, whose chain has a budget of 20 s if it says ``limit`` and ``clock``."""
    limit = said.get("limit", np.nan)
    flags = {name: np.array([bool(said.get(name, False))]) for name in ("clock_open", "is_ok", "is_timeout", "gave_up")}
    return Evidence(
        **{name: at(said.get(name)) for name in ("logged_start", "completed", "previous", "clock", "passed_as_now")},
        **flags,
        logged_stop=at(stop),
        limit_s=np.array([limit]),
        allowed=whole_ns(np.array([15.0 if np.isnan(limit) else limit])),
        in_budget=np.array([said.get("in_budget", "limit" in said)]),
        budget=Budgets(*(np.array([float(value)]) for value in said.get("budget", (20, 20, 20)))),
        measured=np.array([-1 if said.get("measured") is None else round(said["measured"] * SECOND)]),
        next_check=NextCheck(*(np.array([LATEST]) if value is None else at(value) for value in said.get("next", (None, None)))),
        thread=np.array([0]),
        number=np.array([1]),
    )  # fmt: skip


def interval(begin: float, end: float, *, basis: str = "previous record", **more: float) -> Interval:
    earliest, latest = more.get("earliest", begin), more.get("latest", begin)
    cut, unknown = np.array([0]), np.array([basis == "nothing"])
    trusted = np.array([basis == "budget"])
    return Interval(
        at(begin), at(end), at(earliest), at(latest), np.array([basis], object), cut, unknown, trusted, at(0)
    )


def shown(found: Interval) -> tuple[float, float, str]:
    return found.begin[0] / SECOND, found.end[0] / SECOND, found.basis[0]


# --- first guess


@pytest.mark.parametrize(
    ("said", "begin", "basis"),
    [
        ({"clock": 0, "limit": 7.5}, 5.0, "budget"),  # 20 − 2 × 7.5 were used when it began
        ({"clock": 0, "limit": 7.5, "previous": 6}, 6.0, "budget"),  # the thread was still busy
        ({"clock": 0, "limit": 7.5, "in_budget": False}, 0.0, "chain"),
        ({"clock": 0, "limit": 7.5, "previous": 2, "in_budget": False}, 2.0, "chain"),
        ({"clock": 0, "limit": 0.0}, 0.0, "chain"),  # nothing was left: when it ran out is not known
        ({"clock": 0, "limit": 4.0}, 0.0, "chain"),  # it would have begun behind its own record
        ({"clock": 0, "limit": 12.0}, 0.0, "chain"),  # more than the budget
        ({"clock": 11}, 10.0, "nothing"),  # the clock was set back since
        ({"clock": 10.01}, 10.0, "chain"),  # within a tick
        ({"clock": 9.99, "clock_open": True}, 10.0, "nothing"),  # the call may have ended where this one begins
        ({"previous": 3}, 3.0, "previous record"),
        ({"previous": 10}, 10.0, "previous record"),
        ({"passed_as_now": 10}, 10.0, "previous record"),
        ({"previous": 11}, 10.0, "nothing"),  # the clock was set back
        ({"passed_as_now": 4}, 4.0, "previous record"),
        ({"passed_as_now": 4, "previous": 6}, 6.0, "previous record"),
        ({}, 10.0, "nothing"),
    ],
)
def test_a_retrieval_began_where_the_best_evidence_says(said, begin, basis):
    assert shown(first_guess(evidence(**said))) == (begin, 10.0, basis)


@pytest.mark.parametrize(("limit", "begin", "basis"), [(0.5, 19.0, "budget"), (0.0, 0.0, "chain")])
def test_with_no_time_left_nobody_knows_when_it_ran_out(limit, begin, basis):
    assert shown(first_guess(evidence(stop=30.0, clock=0, limit=limit))) == (begin, 30.0, basis)


@pytest.mark.parametrize(
    ("said", "end", "cut"),
    [
        ({"completed": 9.5, "is_ok": True, "previous": 3}, 9.5, 1),
        ({"completed": 9.5, "previous": 3}, 10.0, 0),  # of a failure it is that of an older copy
        ({"completed": 2.0, "is_ok": True, "previous": 3}, 10.0, 0),  # before it began
        ({"completed": 11.0, "is_ok": True, "previous": 3}, 10.0, 0),  # behind the stop record
        ({"completed": 2.984, "is_ok": True, "previous": 3}, 2.984, 1),  # within a tick
        ({"completed": 2.983, "is_ok": True, "previous": 3}, 10.0, 0),
        ({"completed": 10.016, "is_ok": True, "previous": 3}, 10.016, 1),
        ({"completed": 10.017, "is_ok": True, "previous": 3}, 10.0, 0),
    ],
)
def test_a_retrieval_ended_with_its_transfer_if_that_can_be(said, end, cut):
    found = first_guess(evidence(**said))
    assert (found.end[0] / SECOND, found.end_cut[0]) == (end, cut * 1_000_000)


def test_a_log_without_times_gives_nothing():
    found = first_guess(evidence(stop=None, clock=0, limit=7.5))
    assert found.basis[0] == "chain" and found.unknown[0]


def test_a_thread_waits_for_one_thing_at_a_time():
    one, other = evidence(stop=6, clock=0, limit=10.0), evidence(stop=9, clock=0, limit=10.0)
    both = Evidence(*(
        type(value)(*map(np.append, value, more)) if isinstance(value, tuple) else np.append(value, more)
        for value, more in zip(one, other, strict=True)
    ))._replace(number=np.array([1, 2]))  # fmt: skip
    assert (first_guess(both).begin / SECOND).tolist() == [0.0, 6.0]
    assert (first_guess(both._replace(thread=np.array([0, 1]))).begin / SECOND).tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("said", "earliest", "latest"),
    [
        ({}, -0.002, 0.0),  # a Timeout is cut to milliseconds, and counts twice
        ({"budget": (20, 19, 20)}, -1.002, 8.0),  # the budget may have been less: its start record bounds it
        ({"budget": (20, 20, 20.01)}, -0.002, 0.01),
        ({"budget": (20, 19.986, 20)}, -0.016, 0.0),  # within a tick
        ({"budget": (20, 19.985, 20)}, -0.017, 8.0),
        ({"next": (9.0, 9.0)}, -0.002, 1.0),  # the next check began before this ended: the clock was set forward
        ({"next": (11.0, 10.5)}, -0.002, 0.0),
        ({"next": (12.0, 10.5)}, -0.002, 0.0),
    ],
)
def test_a_begin_by_budget_has_bounds(said, earliest, latest):
    found = first_guess(evidence(clock=0, limit=10.0, logged_start=8, **said))
    assert (found.earliest[0] / SECOND, found.latest[0] / SECOND) == pytest.approx((earliest, latest))


@pytest.mark.parametrize(
    ("began", "recorded", "earliest", "latest"),
    [
        (LATEST / SECOND, LATEST / SECOND, 4.998, 5.0),
        (10.0 - 2 * TICK / SECOND, 0.0, 2.5, 5.0),
        (9.967, 11.0, 4.998, 5.033),  # the next check began before this ended: the clock was set forward
        (11.0, 11.0 - 2 * TICK / SECOND, 4.998, 5.0),
        (11.0, 10.967, 2.5, 5.0),  # it was recorded before it began: the clock was set back
    ],
)
def test_the_next_check_gives_away_a_clock_that_was_set(began, recorded, earliest, latest):
    given = evidence(clock=0, limit=7.5, logged_start=8)
    check = NextCheck(np.array([min(round(began * SECOND), LATEST)]), np.array([min(round(recorded * SECOND), LATEST)]))
    found = first_guess(given._replace(next_check=check))
    assert (found.earliest[0] / SECOND, found.latest[0] / SECOND) == pytest.approx((earliest, latest))


# --- the start record


@pytest.mark.parametrize(
    ("starts", "logged", "basis", "begin"),
    [
        ("on time", 4.0, "previous record", 4.0),
        ("late", 4.0, "previous record", 2.0),
        ("undetermined", 4.0, "previous record", 2.0),
        ("each", 4.0, "previous record", 4.0),
        ("each", 10.0, "previous record", 2.0),  # written with the stop record
        ("each", 9.984, "previous record", 2.0),  # within a tick of it
        ("each", 9.983, "previous record", 9.983),
        ("each", 6.0, "budget", 2.0),
        ("on time", 10.0, "previous record", 10.0),
        ("on time", 2.016, "budget", 2.0),
        ("each", 4.0, "budget", 4.0),  # nearer to the begin by budget
        ("each", 8.0, "budget", 2.0),  # nearer to the end: it was written late
        ("on time", 2.01, "budget", 2.0),  # the budget says the same, and more exactly
        ("on time", 2.02, "budget", 2.02),
        ("on time", None, "previous record", 2.0),
        ("on time", 10.5, "previous record", 2.0),
    ],
)
def test_a_start_record_is_believed_where_it_was_written_on_time(starts, logged, basis, begin):
    given = evidence(logged_start=logged)
    found = start_record_where_on_time(interval(2.0, 10.0, basis=basis), given, starts=np.array([starts], object))
    assert found.begin[0] / SECOND == begin
    assert found.basis[0] == ("start record" if begin not in (2.0,) else basis)
    assert found.earliest[0] == found.latest[0] == found.begin[0]


# --- the limit


@pytest.mark.parametrize(
    ("basis", "length", "timed_out", "took", "known", "new_basis"),
    [
        ("budget", 14, False, 14, True, "budget"),
        ("budget", 20, False, 20, True, "budget"),  # over the limit, but not twice
        ("budget", 31, False, 15, False, "time limit"),
        ("start record", 31, False, 15, False, "time limit"),
        ("budget", 14, True, 14, True, "budget"),  # what is sure stays
        ("previous record", 14, False, 14, True, "previous record"),
        ("previous record", 20, False, 15, False, "time limit"),
        ("previous record", 20, True, 15, True, "time limit"),
        ("previous record", 15, True, 15, True, "time limit"),
        ("previous record", 14, True, 14, True, "previous record"),  # there was no time for its limit
        ("previous record", 14.984, True, 15, True, "time limit"),  # within a tick
        ("previous record", 14.983, True, 14.983, True, "previous record"),
        ("previous record", 15.016, False, 15.016, True, "previous record"),
        ("previous record", 15.017, False, 15, False, "time limit"),
        ("budget", 30.016, False, 30.016, True, "budget"),
        ("budget", 30.017, False, 15, False, "time limit"),
        ("nothing", 0, True, 15, True, "time limit"),
        ("nothing", 0, False, 0, False, "nothing"),
    ],
)
def test_no_retrieval_takes_much_longer_than_its_limit(basis, length, timed_out, took, known, new_basis):
    given = evidence(stop=100, limit=15.0, is_timeout=timed_out)
    found = no_longer_than_allowed(interval(100 - length, 100, basis=basis), given)
    assert (found.end[0] - found.begin[0]) / SECOND == took
    assert (not found.unknown[0], found.basis[0]) == (known, new_basis)


@pytest.mark.parametrize(("begin", "latest"), [(80, 85), (84.983, 85), (84.984, 84.984), (86, 86)])
def test_one_that_ran_over_may_have_begun_as_late_as_its_limit_allows(begin, latest):
    found = no_longer_than_allowed(interval(begin, 100, basis="budget"), evidence(stop=100, limit=15.0))
    assert (found.begin[0] / SECOND, found.latest[0] / SECOND) == (begin, latest)


def test_a_timeout_without_a_logged_limit_is_not_taken_for_it():
    found = no_longer_than_allowed(interval(100, 100, basis="nothing"), evidence(stop=100, is_timeout=True))
    assert found.unknown[0] and found.basis[0] == "nothing"


# --- the caller gave up


@pytest.mark.parametrize(
    ("basis", "length", "quality", "low", "high", "contradicted"),
    [
        ("time limit", 15.0, "exact", 15.0, 15.0, 0.0),
        ("budget", 15.01, "exact", 15.01, 15.01, 0.0),  # within a tick: the budget knows it better
        ("start record", 15.0, "exact", 15.0, 15.0, 0.0),
        ("budget", 12.0, "bounded", 12.0, 15.0, 15.0),  # the budget contradicts the limit
        ("chain", 9.0, "bounded", 9.0, 15.0, 15.0),  # the chain began later
        ("previous record", 15.017, "exact", 15.017, 15.017, 0.0),
        ("start record", 20.0, "bounded", 15.0, 20.0, 15.0),
    ],
)
def test_a_caller_that_gave_up_waited_for_its_limit(basis, length, quality, low, high, contradicted):
    given = evidence(stop=100.0, limit=15.0, gave_up=True)
    found = gave_up_at_limit(interval(100.0 - length, 100.0, basis=basis), given)
    sure = bounds(found, given)
    assert sure.quality[0] == quality
    assert (sure.low[0] / SECOND, sure.high[0] / SECOND) == pytest.approx((low - TICK_S, high + TICK_S))
    other = (sure.length[0] + found.contradicted[0]) / SECOND if found.contradicted[0] else 0.0
    assert other == pytest.approx(contradicted)
    same = gave_up_at_limit(interval(100.0 - length, 100.0, basis=basis), evidence(stop=100.0, limit=15.0))
    assert same.contradicted[0] == 0 and same.trusted[0] == (basis == "budget")


# --- the stopwatch of Windows


@pytest.mark.parametrize(
    ("basis", "measured", "contradicted"),
    [
        ("budget", 10.0001, 0.0),
        ("budget", 10.018, 0.0),  # within a tick, and what a Timeout loses in its last digits
        ("budget", 10.02, 10.0),
        ("budget", 3.0, 10.0),
        ("chain", 3.0, 0.0),  # a bound is not contradicted by less
        ("nothing", 3.0, 0.0),
        ("budget", 0.0, 10.0),
    ],
)
def test_what_windows_measured_counts_before_all_else(basis, measured, contradicted):
    given = evidence(stop=100.0, limit=15.0, measured=measured)
    found = measured_by_windows(interval(90.0, 100.0, basis=basis), given)
    sure = bounds(found, given)
    assert (found.basis[0], sure.quality[0], sure.length[0]) == ("measured", "exact", round(measured * SECOND))
    assert (sure.low[0], sure.high[0]) == (max(sure.length[0] - 1000, 0), sure.length[0] + 1000)
    other = (sure.length[0] + found.contradicted[0]) / SECOND if found.contradicted[0] else 0.0
    assert other == pytest.approx(contradicted)


def test_what_windows_did_not_measure_stays():
    given = interval(90.0, 100.0, basis="chain")
    assert all(map(np.array_equal, measured_by_windows(given, evidence(stop=100.0)), given))
    assert measured_by_windows(given, evidence(stop=None, measured=3.0)).basis[0] == "chain"


# --- bounds


@pytest.mark.parametrize(
    ("given", "clock", "quality", "low", "high"),
    [
        (interval(2, 10, basis="budget"), 0, "exact", 8 - TICK_S - 0.001, 8 + TICK_S),
        (interval(2, 10, basis="budget"), None, "exact", 8 - TICK_S, 8 + TICK_S),
        (interval(2, 10, basis="budget", earliest=1.9), None, "bounded", 8 - TICK_S, 8.1 + TICK_S),
        (interval(2, 10, basis="budget", latest=3), None, "bounded", 7 - TICK_S, 8 + TICK_S),
        (interval(2, 10, latest=10), None, "bounded", 0, 8 + TICK_S),
        (interval(10, 10, basis="nothing"), None, "unknown", 0, 15 + TICK_S),
    ],
)
def test_bounds_hold_a_tick_and_quality_says_whether_that_is_all(given, clock, quality, low, high):
    found = bounds(given, evidence(limit=15.0, clock=clock))
    assert found.quality[0] == quality
    assert (found.low[0] / SECOND, found.high[0] / SECOND) == pytest.approx((low, high), abs=1e-9)
    assert found.length[0] == (0 if quality == "unknown" else 8 * SECOND)


def test_an_end_that_was_cut_may_have_been_later():
    found = bounds(interval(2, 10, basis="budget")._replace(end_cut=np.array([1_000_000])), evidence(limit=15.0))
    assert found.high[0] == 8 * SECOND + TICK + 1_000_000


@pytest.mark.parametrize(("logged", "begin"), [(4.0, 4.0), (5.99, 5.99), (6.01, 2.0)])
def test_a_start_record_counts_that_is_nearer_to_the_begin_by_budget_than_to_the_end(logged, begin):
    found = start_record_where_on_time(
        interval(2.0, 10.0, basis="budget"), evidence(logged_start=logged), starts=np.array(["each"], object)
    )
    assert found.begin[0] / SECOND == begin


@pytest.mark.parametrize(
    ("earliest", "latest", "quality"),
    [(2 - TICK_S, 2 + TICK_S, "exact"), (2 - 1.1 * TICK_S, 2, "bounded"), (2, 2 + 1.1 * TICK_S, "bounded")],
)
def test_a_tick_to_either_side_is_still_exact(earliest, latest, quality):
    given = interval(2, 10, basis="budget", earliest=earliest, latest=latest)
    assert bounds(given, evidence(limit=15.0)).quality[0] == quality


def test_only_a_missing_stop_record_has_no_time():
    assert evidence(stop=None).timeless.tolist() == [True] and evidence(stop=None).stop.tolist() == [0]
    assert evidence(stop=0.0).timeless.tolist() == [False]
