"""Budgets: how much time the chains of a process were given, by what was left of it."""

import numpy as np
import pytest
from outlines import events

import capi2kit as c2
from capi2kit.waits.budgets import find_budgets


def budgets(outline: str) -> list[tuple[float, float, float]]:
    """Total, least and most of each different process, rounded to milliseconds."""
    spans = c2.build_spans(events(outline))
    found = find_budgets(spans)
    first = spans.drop_duplicates(["host", "process", "pid"]).index
    return [tuple(round(float(values[i]), 3) for values in found) for i in first]


def chain(left: float, *, used: float, start: float = 0.0, took: float = 1.0, more: str = "") -> str:
    """A chain whose first revocation check, `used` seconds after its clock, logs what is `left`."""
    check, end = start + used, start + used + took
    return (
        f"BuildChain {start} {end} budget=20 {more}\n VerifyRevocation {check} {end} left={left} clock={start} {more}\n"
    )


@pytest.mark.parametrize(
    ("left", "used", "found"),
    [
        (20.0, 0.0, (20, 20, 20)),
        (8.0, 0.0, (8, 8, 8)),
        (12.5, 0.0, (12.5, 12.5, 20)),  # a half is rare: it may be what is left of the default
        (19.6, 1.0, (20, 20, 20)),  # the default, if the time that has passed allows it
        (7.96, 0.5, (8, 8, 8)),  # the next whole second close by
        (7.5, 0.1, (7.5, 7.5, 7.5)),
        (18.984, 0.0, (20, 19, 20)),  # the time that has passed just allows the default
        (8.0004, 0.0, (8, 8, 20)),  # half a millisecond is lost when it is written
        (8.0007, 0.0, (8.001, 8.001, 9.017)),
        (30.3, -1.016, (30.3, 30.3, 30.3)),  # no time has passed
        (30.3, -1.017, (30.3, 30.3, 86400)),  # the clock was set back: nothing bounds the budget but a day
        (7.3, 0.2, (7.3, 7.3, 8.516)),  # nothing round is near: what was used is bounded by the clock
    ],
)
def test_a_budget_is_round_if_the_time_that_passed_allows_it(left, used, found):
    (total, least, most) = budgets(chain(left, used=used))[0]
    assert (total, least) == pytest.approx(found[:2])
    assert most == pytest.approx(found[2], abs=0.02) or (found[2] == 20 and most <= 20)


def test_the_largest_rest_of_a_process_counts():
    assert budgets(chain(3.0, used=5.0) + chain(20.0, used=0.0, start=30))[0] == (20, 20, 20)


def test_processes_are_distinguished():
    two = chain(20.0, used=0.0) + chain(8.0, used=0.0, start=30, more="pid=7")
    assert [found[0] for found in budgets(two)] == [20.0, 8.0]


def test_a_process_without_a_shared_budget_has_none():
    outline = "BuildChain 0 2 each=15\n VerifyRevocation 0 1"
    assert np.isnan(budgets(outline)[0][:2]).all() and budgets(outline)[0][2] == 86400


def test_without_a_clock_a_day_bounds_the_budget():
    assert budgets("BuildChain 0 2 budget=20\n VerifyRevocation 0 1 left=30.3 clock=none")[0] == (30.3, 30.3, 86400)


@pytest.mark.parametrize(
    ("outline", "found"),
    [
        (chain(9.0, used=0.0), (9, 9)),  # an odd number of seconds is as good as an even one
        (chain(8.001, used=0.2), (8.001, 8.001)),  # a millisecond more than a whole second is not that second
        (chain(7.3, used=0.1, took=0.3), (7.3, 7.3)),
        (chain(7.3, used=0.2) + chain(7.0, used=-0.5, start=30), (7.3, 7.3)),  # its clock was set: it bounds nothing
    ],
)
def test_a_budget_that_is_not_round_is_what_was_left(outline, found):
    assert budgets(outline)[0][:2] == found


def test_time_that_passed_since_the_clock_bounds_the_budget_to_the_tick():
    assert budgets(chain(7.3, used=0.1, took=0.3))[0][2] == pytest.approx(7.3 + 0.4 + 0.016)


def test_a_check_that_may_be_two_bounds_nothing():
    holed = (
        chain(7.3, used=0.2)
        + """BuildChain 30 39 budget=20
     VerifyRevocation 30 32 lost=stop left=7.0
     VerifyRevocation 32 38 lost=start left=7.0 clock=38"""
    )
    assert budgets(holed)[0] == budgets(chain(7.3, used=0.2))[0]
