"""Corrections: true starts and durations of all spans, and what is left to each of them."""

from __future__ import annotations

import random

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from outlines import WINDOWS_7_TICK, events, seconds
from worlds import TICK, build, many_worlds, with_truth, worlds

import capi2kit as c2
from capi2kit.columns.call_tree import CallTree
from capi2kit.columns.instants import NAT
from capi2kit.waits.correct import (
    Calls,
    OwnStarts,
    Recovered,
    bounded,
    clock_was_set,
    fitted,
    measured,
    own_starts,
    true_stops,
)

CHECK = """
VerifyTrust                       0.0  15.5
  BuildChain                      0.3  15.2  budget=20
    VerifyRevocation              0.4  10.5
      RetrieveObjectFromNetwork   0.5  10.3  result=80072EE2
    VerifyRevocation             10.5  15.1
      RetrieveObjectFromNetwork  10.6  15.0  result=80072EE2
"""


def corrected(outline, **how):
    log = outline if isinstance(outline, pd.DataFrame) else events(outline, **how)
    logged = c2.build_spans(log)
    return c2.correct_spans(logged, c2.recover_waits(logged, log))


def nanoseconds(column):
    return np.round(column.to_numpy("float64", na_value=np.nan) * 1e9)


def test_late_start_records_are_put_where_the_calls_began():
    spans = corrected(CHECK)
    assert seconds(spans["start"]) == pytest.approx([0.3, 0.3, 0.4, 0.5, 10.5, 10.6], abs=0.003)
    assert seconds(spans["stop"]) == [15.5, 15.2, 10.5, 10.3, 15.1, 15.0]


def test_start_records_on_time_are_kept():
    spans = corrected(CHECK, starts="on time")
    assert seconds(spans["start"]) == pytest.approx([0.0, 0.3, 0.4, 0.5, 10.5, 10.6], abs=0.003)


@pytest.mark.parametrize("starts", ["late", "on time"])
def test_waiting_is_counted_once_on_every_level(starts):
    spans = corrected(CHECK, starts=starts)
    assert spans["wait_s"].tolist() == pytest.approx([14.2, 14.2, 9.8, 9.8, 4.4, 4.4], abs=0.005)


def test_own_time_is_what_the_spans_below_leave():
    spans = corrected(CHECK)
    assert spans["own_s"].tolist() == pytest.approx([0.3, 0.2, 0.3, 9.8, 0.2, 4.4], abs=0.005)


def test_a_retrieval_inside_another_is_waited_for_once():
    spans = corrected("""
        BuildChain 0.0 1.0
        BuildChain                                 2.0  8.0
          RetrieveIssuerCertificateFromNetwork     2.0  7.0
            RetrieveObjectFromNetwork              2.0  6.0
    """)
    assert spans["wait_s"].tolist() == pytest.approx([0.0, 5.0, 5.0, 5.0])


def test_chains_checks_and_waits_tell_their_start_and_a_trust_check_does_not():
    assert corrected(CHECK)["quality"].tolist() == ["bounded", *["exact"] * 5]


def test_a_start_record_on_time_that_nothing_confirms_is_bounded():
    text = "VerifyTrust 0.0 5.0\n BuildChain 0.0 4.9\n  RetrieveObjectFromNetwork 0.0 3.0"
    assert corrected(text, starts="on time")["quality"].tolist() == ["bounded"] * 3


def test_a_trust_check_is_at_least_as_long_as_what_the_log_shows_inside():
    span = corrected(CHECK).iloc[0]
    assert span["low_s"] == pytest.approx(15.2 - 0.016) and pd.isna(span["high_s"])


def test_and_not_longer_than_since_the_thread_did_something_else():
    span = corrected(f"BuildChain -2.0 -1.0\n{CHECK}").iloc[1]
    assert span["low_s"] == pytest.approx(15.2 - 0.016) and span["high_s"] == pytest.approx(16.5 + 0.016)


def test_a_call_that_a_bounded_wait_leads_may_be_shorter():
    spans = corrected("BuildChain 0.0 1.0\nBuildChain 9.0 12.0\n RetrieveObjectFromNetwork 9.0 11.0")
    span = spans.iloc[1]
    assert span["duration_s"] == pytest.approx(11.0)
    assert span["low_s"] <= 3.0 <= span["high_s"] and span["quality"] == "bounded"


def test_a_call_around_a_wait_of_unknown_length_is_unknown():
    spans = corrected(
        "VerifyTrust 0.0 9.0\n BuildChain 0.0 8.0\n  RetrieveObjectFromNetwork 0.0 7.0\n BuildChain 8.0 8.5"
    )
    assert spans["quality"].tolist() == ["unknown", "unknown", "unknown", "bounded"]
    assert spans["wait_s"].tolist()[:3] == [0.0, 0.0, 0.0]


def test_a_call_without_a_stop_has_no_duration_and_its_children_count_for_the_one_around():
    spans = corrected("""
        VerifyTrust                     0.0  9.0
          BuildChain                    0.0  8.0  lost=stop
            VerifyRevocation            1.0  3.0
            VerifyRevocation            3.0  7.0
    """)
    assert spans["duration_s"].isna().tolist() == [False, True, False, False]
    assert spans["own_s"].sum() == pytest.approx(float(spans["duration_s"].iloc[0]))


def test_a_trust_check_that_lost_its_start_is_unknown():
    spans = corrected(events(CHECK).iloc[6:])
    root = spans[spans["depth"] == 0]
    assert root["quality"].tolist() == ["unknown"] and root["high_s"].isna().all()


def test_a_chain_that_lost_its_start_still_has_its_clock():
    spans = corrected(CHECK.replace("budget=20", "budget=20  lost=start"))
    assert seconds(spans.loc[spans["operation"] == "BuildChain", "start"]) == [0.3]


def test_a_check_of_a_chain_with_a_limit_per_url_takes_no_start_from_the_budget_of_others():
    spans = corrected(f"""{CHECK}
        BuildChain            20.0 21.0  each=15
          VerifyRevocation    20.5 20.9
    """)
    assert spans.iloc[-1]["quality"] == "bounded" and seconds(spans["start"])[-1] == 20.9


def test_what_lies_beside_a_hole_is_not_exact():
    spans = corrected("""
        VerifyTrust              0.0 9.0
          BuildChain             0.0 2.0  budget=20  lost=stop
            VerifyRevocation     0.0 1.9
          BuildChain             2.0 8.0  budget=20  lost=start
            VerifyRevocation     2.1 7.9
    """)
    chain = spans[spans["operation"] == "BuildChain"].iloc[0]
    assert chain["quality"] == "bounded" and chain["low_s"] == 0.0


def test_where_the_clock_is_set_back_nothing_runs_backwards():
    spans = corrected(CHECK, clock=lambda true: true if true < 12 else true - 3600)
    assert (spans["start"] <= spans["stop"]).all() and (spans["own_s"] >= 0).all()
    assert spans["quality"].iloc[0] == "unknown"


def test_a_budget_that_the_records_speak_against_leaves_the_call_unknown():
    spans = corrected(
        """
        BuildChain                       0.0  9.0  budget=20
          VerifyRevocation               0.0  5.0
            RetrieveObjectFromNetwork    0.0  5.0
          VerifyRevocation               5.0  5.1
    """,
        clock=lambda true: true if true < 4 else true - 2,
    )
    assert spans.loc[spans["operation"] == "BuildChain", "quality"].tolist() == ["unknown"]


def test_no_spans_stay_no_spans():
    assert corrected("VerifyTrust 0.0 1.0 task=none").empty


def test_the_spans_handed_in_are_left_alone():
    log = events(CHECK)
    logged = c2.build_spans(log)
    before = logged.copy()
    c2.correct_spans(logged, c2.recover_waits(logged, log))
    pd.testing.assert_frame_equal(logged, before)


# --- random worlds


def assert_times_fit(spans):
    """Own times are not negative and add up exactly, children lie in their parents, nothing stops before it starts."""
    own, duration = nanoseconds(spans["own_s"]), nanoseconds(spans["duration_s"])
    start, stop = (spans[name].astype("int64").to_numpy() for name in ("start", "stop"))
    assert (start <= stop).all() and not (own < 0).any()
    inner = np.flatnonzero(spans["parent"].notna())
    outer = spans["parent"].to_numpy("int64", na_value=-1)[inner]
    assert (start[outer] <= start[inner]).all() and (stop[inner] <= stop[outer]).all()
    assert not (nanoseconds(spans["wait_s"]) > duration).any()
    for root, members in spans.groupby("root").indices.items():
        assert np.isnan(duration[root]) or np.nansum(own[members]) == duration[root]


@many_worlds
@example(build(random.Random(2719)), "late", WINDOWS_7_TICK)  # a stop stamped a tick later than the wait in it ended
@given(worlds, st.sampled_from(["late", "on time"]), st.sampled_from([0.0, 0.001, WINDOWS_7_TICK]))
def test_in_any_world_times_fit_and_bounds_hold_the_truth(world, starts, tick):
    log = events(world, starts=starts, tick=tick)
    spans = corrected(log)
    assert_times_fit(spans)
    known = with_truth(spans, log, world)
    known = known[known["quality"] != "unknown"]
    assert (known["low_s"] <= known["truth"] + 0.001).all()
    assert (known["high_s"].fillna(np.inf) >= known["truth"] - 0.001).all()
    exact = known[known["quality"] == "exact"]
    assert ((exact["duration_s"] - exact["truth"]).abs() <= TICK).all()


@many_worlds
@given(worlds, st.integers(0, 2**32 - 1), st.sampled_from([0.03, 0.2, 0.5]), st.floats(0, 60), st.floats(-4000, 4000))
def test_times_fit_whatever_is_lost_and_however_the_clock_is_set(world, seed, share, at, by):
    log = events(world, clock=lambda true: true + (by if true >= at else 0.0), tick=WINDOWS_7_TICK)
    assert_times_fit(corrected(log.sample(frac=1 - share, random_state=seed)))


# --- each step on arrays of one span; times in seconds


SECOND = 1_000_000_000


def moments(*values: float | None) -> np.ndarray:
    return np.array([NAT if value is None else round(value * SECOND) for value in values])


def one_call(**said: object) -> Calls:
    """A revocation check if it says ``left``, else a chain, from 0 to 10 s."""
    left = said.get("left", np.nan)
    return Calls(
        tree=CallTree(np.array([-1]), np.array([0])),
        root=np.array([0]),
        order=np.array([1]),
        logged_start=moments(said.get("start", 8.0)),
        recorded_stop=moments(10.0),
        measured=np.array([-1 if said.get("measured") is None else round(said["measured"] * SECOND)]),
        previous=moments(said.get("previous")),
        clock=moments(said.get("clock")),
        left_s=np.array([left]),
        used_s=np.array([0.0 if np.isnan(left) else 20.0 - left]),
        used_is_sure=np.array([said.get("sure", True)]),
        shares=np.array([said.get("shares", True)]),
        written_late=np.array([said.get("late", True)]),
        closed=np.array([True]),
        broken=np.array([said.get("broken", False)]),
    )


NO_WAIT = Recovered(*(np.array([], kind) for kind in ("int64", "int64", "int64", "int64", "int64", bool, bool)))
T = 0.016


@pytest.mark.parametrize(
    ("said", "start", "exact", "contradicted"),
    [
        ({"clock": 2.0}, 2.0, True, False),
        ({"clock": 2.0, "previous": 2.0 + 2 * T}, 2.0 + 2 * T, True, False),
        ({"clock": 2.0, "previous": 2.0 + 2.1 * T}, 2.0 + 2.1 * T, False, False),  # put off by what the thread did
        ({"clock": 2.0, "previous": 1.0}, 2.0, True, False),
        ({"clock": 8.0 + T}, 8.0, True, False),  # within a tick behind its record
        ({"clock": 8.0 + 1.1 * T}, 8.0, False, False),
        ({"clock": 9.0}, 8.0, False, False),  # a chain's clock behind its record: not a contradiction of the record
        ({"clock": 2.0, "left": 17.0}, 5.0, True, False),
        ({"clock": 2.0, "left": 17.0, "sure": False}, 5.0, False, False),
        ({"clock": 2.0, "left": 17.0, "shares": False}, 8.0, False, False),
        ({"clock": 2.0, "left": 0.0}, 8.0, False, False),  # the budget ran out before
        ({"clock": 2.0, "left": 21.0}, 8.0, False, False),  # more than the budget
        ({"clock": 2.0, "left": 14.0 - 2 * T}, 8.0, False, False),
        ({"clock": 2.0, "left": 14.0 - 2.1 * T}, 8.0, False, True),  # it began behind its own record: the clock was set
        ({"clock": 2.0, "late": False}, 8.0, False, False),  # records are on time, and the clock says something else
        ({"clock": 8.0 - T, "late": False}, 8.0, True, False),
        ({"clock": 8.0 - 1.1 * T, "late": False}, 8.0, False, False),
        ({"clock": 2.0, "broken": True}, 2.0, False, False),
        ({"clock": 2.0, "left": 17.0, "broken": True}, 5.0, True, False),  # a check has the clock in its stop record
        ({"clock": 2.0, "start": None}, 2.0, True, False),
        (
            {"clock": 2.0, "start": None, "previous": 6.0},
            2.0,
            True,
            False,
        ),  # without a start it may be something inside
        ({}, 8.0, False, False),
        ({"measured": 6.5}, 3.5, True, False),  # Windows measured it
        ({"measured": 6.5, "clock": 2.0, "left": 14.0 - 2.1 * T}, 3.5, True, False),
        ({"measured": 0.0}, 10.0, True, False),
    ],
)
def test_a_span_began_by_its_own_evidence(said, start, exact, contradicted):
    found = own_starts(one_call(**said), NO_WAIT, stop=moments(10.0))
    assert found.start[0] / SECOND == pytest.approx(start)
    assert (found.exact[0], found.contradicted[0]) == (exact, contradicted)


@pytest.mark.parametrize(
    ("said", "start", "exact", "low", "high"),
    [
        ({"start": 4.0}, 2.0, True, 8 - T, 8 + T),
        ({"start": 4.0, "previous": 1.0}, 2.0, False, 6 - T, 9 + T),
        ({"start": 4.0, "previous": 3.0}, 2.0, False, 6 - T, 8 + T),
        ({"start": 4.0, "late": False, "previous": 1.0}, 4.0, False, 6 - T, 6 + T),
        ({"start": None, "previous": 1.0}, 2.0, False, 0.0, 9 + T),
        ({"start": 4.0, "previous": 1.0, "broken": True}, 2.0, False, 0.0, 9 + T),
        ({"start": 4.0}, 2.0, False, 6 - T, None),  # nothing bounds it from above
    ],
)
def test_a_duration_is_bounded_by_the_start_record_and_by_what_the_thread_did(said, start, exact, low, high):
    shortest, longest = bounded(
        one_call(**said), NO_WAIT, start=moments(start), stop=moments(10.0), exact=np.array([exact])
    )
    assert shortest[0] / SECOND == pytest.approx(low)
    assert (longest[0] == NAT) if high is None else (longest[0] / SECOND == pytest.approx(high))


# --- the steps on arrays of several spans: T encloses C and D, and U stands alone


def four_calls(*, stops: tuple[float, ...] = (10, 4, 9, 20), **said: object) -> Calls:
    """T from 0 to 10 s, in it C to 4 s and D to 9 s, then U to 20 s."""
    one = one_call(start=0.0)
    every = {name: np.repeat(values, 4) for name, values in one._asdict().items() if name != "tree"}
    every["tree"] = CallTree(np.array([-1, 0, 0, -1]), np.array([0, 1, 1, 0]))
    root = np.array([0, 0, 0, 3])
    order = np.array([3, 1, 2, 4])  # by their stop records
    return Calls(**(every | {"root": root, "order": order, "recorded_stop": moments(*stops)} | said))


def wait(at: int, start: float, stop: float, *, low: float = 0.0, high: float = 99.0, **known: bool) -> Recovered:
    """One recovered wait, at a span."""
    exact, sure = known.get("is_exact", True), known.get("is_known", True)
    return Recovered(
        np.array([at]), moments(start), moments(stop), moments(low), moments(high), np.array([exact]), np.array([sure])
    )


def in_seconds(values: np.ndarray) -> list[float | None]:
    return [None if value == NAT else round(value / SECOND, 6) for value in values]


@pytest.mark.parametrize(
    ("stops", "waited", "found", "raised"),
    [
        ((10, 4, 9, 20), NO_WAIT, [10, 4, 9, 20], [0, 0, 0, 0]),
        ((10, 4, 3, 20), NO_WAIT, [10, 4, 4, 20], [0, 0, 1, 0]),  # logged behind C, so it cannot have ended before
        ((8, 4, 9, 20), NO_WAIT, [9, 4, 9, 20], [1, 0, 0, 0]),
        ((10, 4, 9, 2), NO_WAIT, [10, 4, 9, 2], [0, 0, 0, 0]),  # another task: its time may be any
        ((10, 4, 9, 20), wait(1, 1, 5), [10, 5, 9, 20], [0, 0, 0, 0]),  # a transfer ended later than its record
        ((10, 4, 9, 20), wait(1, 1, 3), [10, 4, 9, 20], [0, 0, 0, 0]),
        ((10, 4, 9, 20), wait(2, 1, 11), [11, 4, 11, 20], [1, 0, 0, 0]),
    ],
)
def test_stops_never_run_backwards_in_a_task(stops, waited, found, raised):
    stop, by = true_stops(four_calls(stops=stops), waited)
    assert (in_seconds(stop), in_seconds(by)) == (found, raised)


def test_a_call_without_a_stop_record_lasts_as_long_as_what_is_in_it():
    calls = four_calls(stops=(2, 4, 9, 20), order=np.array([0, 1, 2, 4]))
    assert in_seconds(true_stops(calls, NO_WAIT)[0]) == [9, 4, 9, 20]


@pytest.mark.parametrize(
    ("start", "found", "moved"),
    [
        ((0, 1, 5, 11), [0, 1, 5, 11], [0, 0, 0, 0]),
        ((2, 1, 5, 11), [1, 1, 5, 11], [0, 0, 0, 0]),  # T began no later than C in it
        ((0, 1, 3, 11), [0, 1, 4, 11], [0, 0, 1, 0]),  # D follows C
        ((0, 5, 5, 11), [0, 4, 5, 11], [0, -1, 0, 0]),  # nothing begins behind its stop
        ((0, 1, 12, 11), [0, 1, 9, 11], [0, 0, -3, 0]),
        ((0, 1, 5, 3), [0, 1, 5, 3], [0, 0, 0, 0]),  # U is no sibling
    ],
)
def test_parents_begin_before_their_children_and_siblings_follow_each_other(start, found, moved):
    begin, by = fitted(four_calls(), start=moments(*start), stop=moments(10, 4, 9, 20))
    assert (in_seconds(begin), in_seconds(by)) == (found, moved)


def test_a_child_begins_inside_a_parent_that_was_put_off():
    tree = CallTree(np.array([-1, 0, 0, 2]), np.array([0, 1, 1, 2]))  # T encloses C and D, D encloses E
    calls = four_calls(tree=tree, root=np.zeros(4, int))
    begin, by = fitted(calls, start=moments(0, 1, 3, 3), stop=moments(10, 4, 9, 8))
    assert (in_seconds(begin), in_seconds(by)) == ([0, 1, 4, 4], [0, 0, 1, 1])


@pytest.mark.parametrize(
    ("raised", "moved", "exact", "closed", "contradicted", "found"),
    [
        (T, 0.0, True, True, False, False),
        (1.1 * T, 0.0, True, True, False, True),
        (1.1 * T, 0.0, True, False, False, False),  # it has no stop record that could be wrong
        (0.0, 2 * T, True, True, False, False),
        (0.0, 2.1 * T, True, True, False, True),
        (0.0, 2.1 * T, False, True, False, False),  # a start that is not sure may be put off
        (0.0, 0.0, False, True, True, True),
    ],
)
def test_where_the_clock_was_set(raised, moved, exact, closed, contradicted, found):
    calls = one_call()._replace(closed=np.array([closed]))
    own = OwnStarts(moments(2.0), np.array([exact]), np.array([contradicted]))
    assert clock_was_set(calls, own, raised=moments(raised), moved=moments(moved)).tolist() == [found]


@pytest.mark.parametrize(
    ("waited", "seconds_waiting"),
    [
        (NO_WAIT, [0, 0, 0, 0]),
        (wait(1, 1, 4), [3, 3, 0, 0]),
        (wait(1, 1, 3), [2, 2, 0, 0]),  # the transfer ended before its call
        (wait(1, -5, 4), [3, 3, 0, 0]),  # no longer than its call
        (wait(1, 1, 4, is_known=False), [0, 0, 0, 0]),
        (wait(3, 12, 20), [0, 0, 0, 8]),
    ],
)
def test_a_call_waits_as_long_as_what_is_in_it(waited, seconds_waiting):
    _, waiting, _ = measured(four_calls(), waited, start=moments(0, 1, 5, 11), stop=moments(10, 4, 9, 20))
    assert in_seconds(waiting) == seconds_waiting


@pytest.mark.parametrize(
    ("closed", "inner"),
    [
        ([True] * 4, [7, 0, 0, 0]),
        ([True, True, False, True], [3, 0, 0, 0]),  # what has no end counts for nothing
        ([False, True, True, True], [7, 0, 0, 0]),
    ],
)
def test_what_is_right_inside_a_call(closed, inner):
    duration, _, found = measured(
        four_calls(closed=np.array(closed)), NO_WAIT, start=moments(0, 1, 5, 11), stop=moments(10, 4, 9, 20)
    )
    assert (in_seconds(duration), in_seconds(found)) == ([10, 3, 4, 9], inner)


def test_a_call_without_a_stop_passes_its_part_on_to_its_caller():
    tree = CallTree(np.array([-1, 0, 1, -1]), np.array([0, 1, 2, 0]))  # D lies in C
    calls = four_calls(tree=tree, closed=np.array([True, False, True, True]))
    _, _, inner = measured(calls, NO_WAIT, start=moments(0, 1, 2, 11), stop=moments(10, 9, 9, 20))
    assert in_seconds(inner) == [7, 0, 0, 0]


@pytest.mark.parametrize(
    ("waited", "exact", "low", "high"),
    [
        (wait(1, 1, 4, low=2, high=5), [False] * 4, [8 - T, 2, 4 - T, 9 - T], [None, 5, None, None]),
        (
            wait(1, 1, 4, low=2.5, high=3.5),
            [False, True, False, False],
            [8.5 - T, 3 - T, 4 - T, 9 - T],
            [None, 3 + T, None, None],
        ),
    ],
)
def test_a_wait_bounds_the_calls_around_it(waited, exact, low, high):
    logged = moments(3, 4, 5, 11)
    calls = four_calls(logged_start=logged)
    shortest, longest = bounded(
        calls, waited, start=moments(0, 1, 5, 11), stop=moments(10, 4, 9, 20), exact=np.array(exact)
    )
    assert in_seconds(shortest) == pytest.approx(low)
    assert in_seconds(longest) == [None if one is None else pytest.approx(one) for one in high]
