"""Waits: the true interval of each retrieval, how sure it is, and bounds that hold the truth.

Outlines tell the truth in seconds; the log made of them is all that `recover_waits` sees.
"""

from __future__ import annotations

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from outlines import WINDOWS_7_TICK, events, parse, seconds
from worlds import TICK, many_worlds, with_truth, worlds

import capi2kit as c2
from capi2kit.columns.cells import empty

BLACK_HOLE = """
VerifyTrust                       0.0   17.8
  BuildChain                      0.0   17.7  budget=20
    VerifyRevocation              0.0   17.6
      RetrieveObjectFromNetwork   0.0   10.0  url=http://ocsp.test/    result=80072EE2
      RetrieveObjectFromNetwork  10.0   15.0  url=http://crl.test/a    result=80072EE2
      RetrieveObjectFromNetwork  15.0   17.5  url=http://crl.test/b    result=80072EE2
"""
PER_URL = """
BuildChain                        0.0   30.2  each=15
  VerifyRevocation                0.0   30.1
    RetrieveObjectFromNetwork     0.0   15.0  url=http://crl.test/a    result=80072EE2
    RetrieveObjectFromNetwork    15.0   30.0  url=http://crl.test/b    result=80072EE2
"""


def waits_of(outline, **how):
    log = outline if isinstance(outline, pd.DataFrame) else events(outline, **how)
    return c2.recover_waits(c2.build_spans(log), log)


def columns_of(waits, *columns):
    """One tuple per wait."""
    return [tuple(row) for row in waits[list(columns)].to_numpy(object).tolist()]


# --- the budget tells the start


@pytest.mark.parametrize("starts", ["late", "on time"])
def test_each_url_of_a_shared_budget_waits_half_of_what_is_left(starts):
    waits = waits_of(BLACK_HOLE, starts=starts)
    assert waits["budget_s"].tolist() == [10.0, 5.0, 2.5]
    assert waits["wait_s"].tolist() == pytest.approx([10.0, 5.0, 2.5])
    assert columns_of(waits, "quality", "basis") == [("exact", "budget")] * 3


def test_as_logged_every_retrieval_takes_no_time():
    assert waits_of(BLACK_HOLE)["logged_s"].tolist() == [0.0, 0.0, 0.0]


def test_an_exact_wait_is_known_within_a_tick():
    (wait,) = waits_of("BuildChain 0 9 budget=20\n VerifyRevocation 0 8\n  RetrieveObjectFromNetwork 2 5").to_dict(
        "records"
    )
    assert (wait["low_s"], wait["wait_s"], wait["high_s"]) == pytest.approx((2.983, 3.0, 3.019))


def test_stamps_that_tick_stay_within_a_tick():
    waits = waits_of(BLACK_HOLE, tick=WINDOWS_7_TICK)
    assert waits["wait_s"].tolist() == pytest.approx([10.0, 5.0, 2.5], abs=TICK)
    assert set(waits["quality"]) == {"exact"}


def test_the_first_record_of_a_thread_is_recovered_by_its_budget():
    waits = waits_of("BuildChain 0 5 budget=20\n VerifyRevocation 0 5\n  RetrieveObjectFromNetwork 0 4.976")
    assert seconds(waits["start"]) == [0.0] and waits["wait_s"].tolist() == [4.976]


def test_a_process_that_shows_only_a_rest_of_the_default_has_the_default():
    waits = waits_of("""
        BuildChain                       0.0   6.0   budget=20
          RetrieveObjectFromCache        0.0   0.032
          VerifyRevocation               0.032 5.5
            RetrieveObjectFromNetwork    0.032 5.0
    """)
    assert waits["budget_s"].tolist() == [9.984]
    assert seconds(waits["start"]) == [0.032] and waits["quality"].tolist() == ["exact"]


@pytest.mark.parametrize("budget", [8, 12.5, 35, 120])
def test_a_configured_budget_is_read_from_the_log(budget):
    waits = waits_of(f"""
        BuildChain                       0.0  9.0  budget={budget}
          VerifyRevocation               0.0  8.9
            RetrieveObjectFromNetwork    0.0  3.0
            RetrieveObjectFromNetwork    3.5  5.0
    """)
    assert waits["wait_s"].tolist() == pytest.approx([3.0, 1.5], abs=0.003)
    assert waits["quality"].tolist() == ["exact", "exact"]


def test_a_rest_of_a_configured_budget_is_not_taken_for_one_of_the_default():
    waits = waits_of("""
        BuildChain                       0.0   4.0   budget=8
          VerifyRevocation               0.03  3.9
            RetrieveObjectFromNetwork    0.03  3.5
    """)
    assert waits["wait_s"].tolist() == pytest.approx([3.47], abs=0.003)


def test_where_the_budget_may_have_been_one_of_two_the_wait_is_bounded():
    log = events("""
        BuildChain                       0.0  16.0   budget=20
          VerifyRevocation               0.0  10.01
            RetrieveObjectFromNetwork    0.0  10.0   result=80072EE2
          VerifyRevocation               10.01 15.9
            RetrieveObjectFromNetwork    10.01 12.0
    """).iloc[5:]
    (wait,) = waits_of(log).to_dict("records")
    assert wait["quality"] == "bounded" and wait["low_s"] <= 1.99 <= wait["high_s"]


def test_two_processes_have_budgets_of_their_own():
    chain = """
        BuildChain                     0.0  5.0  budget={budget} pid={pid}
          VerifyRevocation             0.0  4.9
            RetrieveObjectFromNetwork  0.5  4.0
    """
    waits = waits_of(chain.format(budget=20, pid=1) + chain.format(budget=8, pid=2))
    assert waits["wait_s"].tolist() == pytest.approx([3.5, 3.5], abs=0.003)


def test_with_nothing_left_of_the_budget_nobody_knows_when_it_ran_out():
    waits = waits_of("""
        BuildChain                       0.0  40.0  budget=20
          VerifyRevocation               0.0  0.1
          VerifyRevocation               30.0 39.0
            RetrieveObjectFromNetwork    30.0 38.0  timeout=0
    """)
    assert waits["quality"].tolist() == ["unknown"]


# --- the end


def test_the_end_of_a_success_is_the_completion_of_the_transfer():
    waits = waits_of("BuildChain 0 9 budget=20\n VerifyRevocation 0 9\n  RetrieveObjectFromNetwork 0 5 sync=4.990")
    assert waits["wait_s"].tolist() == [4.99]


@pytest.mark.parametrize("sync", ["-3600", "7.5", "3600", "none"])
def test_a_completion_time_outside_the_retrieval_is_not_believed(sync):
    text = f"BuildChain 0 9 budget=20\n VerifyRevocation 0 9\n  RetrieveObjectFromNetwork 1 5 sync={sync}"
    assert waits_of(text)["wait_s"].tolist() == [4.0]


def test_a_completion_time_of_a_failure_is_not_believed():
    text = "BuildChain 0 9 budget=20\n VerifyRevocation 0 9\n  RetrieveObjectFromNetwork 1 5 sync=2 result=80072EE7"
    assert waits_of(text)["wait_s"].tolist() == [4.0]


# --- no common budget


def test_a_caller_that_gives_each_url_its_time_is_bounded():
    waits = waits_of(PER_URL)
    assert waits["wait_s"].tolist() == pytest.approx([15.0, 15.0])
    assert columns_of(waits, "quality", "basis") == [("bounded", "time limit")] * 2
    assert waits["low_s"].tolist() == pytest.approx([15.0, 15.0], abs=0.02) and (waits["high_s"] >= 15.0).all()


def test_the_first_such_wait_is_measured_from_the_clock_of_its_chain_the_next_from_the_one_before():
    waits = waits_of("""
        BuildChain                       0.0  9.0  each=15
          VerifyRevocation               0.5  8.9
            RetrieveObjectFromNetwork    1.0  4.0
            RetrieveObjectFromNetwork    6.0  8.0
    """)
    assert seconds(waits["start"]) == [0.0, 4.0] and waits["wait_s"].tolist() == [4.0, 4.0]


def test_without_flags_a_budget_is_not_taken_for_a_shared_one():
    text = "BuildChain 0 9 budget=20 flags=none\n VerifyRevocation 0 9 flags=none\n  RetrieveObjectFromNetwork 2 5"
    waits = waits_of(text)
    assert columns_of(waits, "quality", "basis") == [("bounded", "chain")] and waits["high_s"].iloc[0] >= 5.0


def test_a_retrieval_of_an_issuer_is_not_measured_by_the_budget_for_revocation():
    waits = waits_of("""
        BuildChain                                  0.0  9.0  budget=20
          RetrieveIssuerCertificateFromNetwork      1.0  5.0
            RetrieveObjectFromNetwork               1.0  5.0  timeout=5
          VerifyRevocation                          6.0  8.0
    """)
    assert columns_of(waits, "quality", "basis", "wait_s") == [("bounded", "chain", 5.0)]


def test_a_retrieval_through_another_is_one_wait():
    waits = waits_of("""
        RetrieveIssuerCertificateFromNetwork      0.0  5.0
          RetrieveObjectFromNetwork               0.0  4.9
    """)
    assert len(waits) == 1


def test_a_retrieval_that_logs_nothing_inside_is_a_wait_too():
    waits = waits_of("BuildChain 0 1\nBuildChain 2 6\n RetrieveIssuerCertificateFromNetwork 2 5")
    assert columns_of(waits, "basis", "wait_s") == [("previous record", 4.0)]


def test_without_a_clock_the_gap_before_bounds_the_wait():
    waits = waits_of("BuildChain 0 1\nBuildChain 3 6\n RetrieveObjectFromNetwork 3 5 timeout=15")
    assert columns_of(waits, "quality", "basis", "wait_s", "low_s") == [("bounded", "previous record", 4.0, 0.0)]


def test_without_a_clock_the_first_of_a_thread_is_unknown():
    waits = waits_of("BuildChain 0 1 tid=2\nBuildChain 3 6\n RetrieveObjectFromNetwork 3 5 timeout=15")
    assert columns_of(waits, "quality", "basis") == [("unknown", "nothing")]


def test_a_gap_longer_than_the_limit_leaves_the_wait_unknown():
    waits = waits_of("BuildChain 0 1\nBuildChain 60 66\n RetrieveObjectFromNetwork 60 65 timeout=15")
    assert columns_of(waits, "quality", "basis") == [("unknown", "time limit")]


def test_a_gap_longer_than_the_limit_of_one_that_timed_out_is_cut_to_the_limit():
    waits = waits_of("BuildChain 0 1\nBuildChain 60 76\n RetrieveObjectFromNetwork 60 75 timeout=15 result=80072EE2")
    assert columns_of(waits, "quality", "basis", "wait_s") == [("bounded", "time limit", 15.0)]


def test_an_unknown_wait_has_no_seconds_and_no_start_but_an_upper_bound():
    (wait,) = waits_of("RetrieveObjectFromNetwork 0 5 timeout=7").to_dict("records")
    assert pd.isna(wait["wait_s"]) and wait["start"] == wait["stop"]
    assert (wait["low_s"], wait["high_s"]) == pytest.approx((0.0, 7.016))


def test_a_retrieval_without_a_stop_is_no_wait():
    assert waits_of("BuildChain 0 9 budget=20\n VerifyRevocation 0 9\n  RetrieveObjectFromNetwork 0 5 lost=stop").empty


def test_no_retrievals_no_waits():
    waits = waits_of("BuildChain 0 1")
    assert waits.empty and list(waits.columns) == list(empty("waits").columns)


# --- evidence of the thread


def test_a_wait_begins_after_the_one_before_it_in_its_thread():
    waits = waits_of("""
        BuildChain                       0.0  9.0  budget=20
          VerifyRevocation               0.0  8.9
            RetrieveObjectFromNetwork    0.0  4.0
            RetrieveObjectFromNetwork    4.0  8.0  timeout=8.003
    """)  # truncated so that it seems to begin at 3.994
    assert seconds(waits["start"]) == [0.0, 4.0] and set(waits["quality"]) == {"exact"}


def test_a_budget_that_tells_a_start_within_an_earlier_wait_is_not_exact():
    waits = waits_of("""
        BuildChain                       0.0  9.0  budget=20
          VerifyRevocation               0.0  8.9
            RetrieveObjectFromNetwork    0.0  4.0
            RetrieveObjectFromNetwork    4.0  8.0  timeout=8.5
    """)
    assert columns_of(waits, "quality", "wait_s")[1] == ("bounded", 4.0)
    assert waits["low_s"].iloc[1] <= 4.0 and waits["high_s"].iloc[1] >= 5.0


def test_threads_wait_at_the_same_time():
    chain = "BuildChain 0 9 each=15 tid={0}\n VerifyRevocation 0 9\n  RetrieveObjectFromNetwork 0 {1}\n"
    assert waits_of(chain.format(1, 8) + chain.format(2, 7))["wait_s"].sort_values().tolist() == [7.0, 8.0]


def test_tasks_whose_threads_are_not_known_may_wait_at_the_same_time():
    chain = "BuildChain 0 9 each=15 tid={0}\n VerifyRevocation 0 9\n  RetrieveObjectFromNetwork 0 {1}\n"
    log = events(chain.format(1, 8) + chain.format(2, 7))
    log["tid"] = log["tid"].mask([True] * len(log))
    assert waits_of(log)["wait_s"].sort_values().tolist() == [7.0, 8.0]


def test_a_longer_wait_than_was_allowed_is_not_exact():
    text = "BuildChain 0 20 budget=20\n VerifyRevocation 0 20\n  RetrieveObjectFromNetwork 0 12"
    (wait,) = waits_of(text).to_dict("records")
    assert wait["quality"] == "bounded" and wait["low_s"] <= 10.0 and wait["high_s"] >= 12.0


# --- clocks that are set


def test_a_clock_set_back_during_a_wait_leaves_it_unknown():
    text = "BuildChain 0 9 budget=20\n VerifyRevocation 0 9\n  RetrieveObjectFromNetwork 0 8"
    waits = waits_of(text, clock=lambda true: true if true < 4 else true - 3600)
    assert columns_of(waits, "quality", "basis") == [("unknown", "nothing")]


def test_a_clock_set_forward_during_a_wait_leaves_it_unknown():
    text = "BuildChain 0 9 budget=20\n VerifyRevocation 0 9\n  RetrieveObjectFromNetwork 0 8"
    waits = waits_of(text, clock=lambda true: true if true < 4 else true + 3600)
    assert columns_of(waits, "quality", "basis") == [("unknown", "time limit")]


@pytest.mark.parametrize("by", [-2, 2])
def test_a_clock_set_a_little_is_seen_where_the_next_check_tells_the_time_used(by):
    waits = waits_of(
        """
        BuildChain                       0.0  9.0  budget=20
          VerifyRevocation               0.0  5.0
            RetrieveObjectFromNetwork    0.0  5.0
          VerifyRevocation               5.0  5.1
    """,
        clock=lambda true: true if true < 4 else true + by,
    )
    (wait,) = waits.to_dict("records")
    assert wait["quality"] == "bounded" and wait["low_s"] <= 5.0 <= wait["high_s"]


# --- are start records late?


def verdict(outline, **how):
    return waits_of(outline, **how)["starts"].unique().tolist()


@pytest.mark.parametrize("tick", [0.0, WINDOWS_7_TICK])
@pytest.mark.parametrize("starts", ["late", "on time"])
def test_the_log_tells_whether_its_start_records_are_late(starts, tick):
    assert verdict(BLACK_HOLE, starts=starts, tick=tick) == [starts]


@pytest.mark.parametrize("starts", ["late", "on time"])
def test_waits_of_a_few_ticks_tell_it_too(starts):
    text = "BuildChain 0 0.2 budget=20\n VerifyRevocation 0 0.1\n  RetrieveObjectFromNetwork 0.02 0.08"
    assert verdict(text, starts=starts, tick=WINDOWS_7_TICK) == [starts]


@pytest.mark.parametrize(
    ("took", "found"), [(10.0, "late"), (10.016, "late"), (10.017, "undetermined"), (12.0, "undetermined")]
)
def test_a_wait_longer_than_was_allowed_cannot_tell_it(took, found):
    chain = f"BuildChain 0 20 budget=20 lost=both\n VerifyRevocation 0 20\n  RetrieveObjectFromNetwork 0 {took}"
    assert verdict(f"{chain} result=80072EE2") == [found]


def test_short_waits_cannot_tell():
    assert verdict("BuildChain 0 1 budget=20\n VerifyRevocation 0 1\n  RetrieveObjectFromNetwork 0 0.03") == [
        "undetermined"
    ]


def test_a_gap_before_a_retrieval_does_not_prove_its_start_record_late():
    assert verdict("BuildChain 0 1\nBuildChain 5 6\n RetrieveObjectFromNetwork 5 5.01", starts="on time") == [
        "undetermined"
    ]


def test_a_retrieval_whose_own_records_lie_apart_was_started_on_time():
    waits = waits_of("BuildChain 0 1\nBuildChain 5 9\n RetrieveObjectFromNetwork 5 8", starts="on time")
    assert columns_of(waits, "starts", "basis", "quality", "wait_s") == [("on time", "start record", "bounded", 3.0)]


def test_each_host_is_judged_for_itself():
    chain = " VerifyRevocation 0 9\n  RetrieveObjectFromNetwork 0 8\n"
    late, on_time = (
        events(f"BuildChain 0 9 budget=20 host={host}\n{chain}", starts=how)
        for host, how in (("A", "late"), ("B", "on time"))
    )
    on_time[["event", "record"]] += len(late)
    waits = waits_of(pd.concat([late, on_time]))
    assert columns_of(waits, "host", "starts") == [("A", "late"), ("B", "on time")]


def test_a_log_that_does_both_is_judged_record_by_record():
    chain = "BuildChain {0} {1} budget=20\n VerifyRevocation {0} {1}\n  RetrieveObjectFromNetwork {0} {1}\n"
    late, on_time = events(chain.format(0, 5)), events(chain.format(20, 25), starts="on time")
    on_time[["event", "record"]] += len(late)
    on_time.index = on_time.index.set_levels(["OTHER"], level="task_id")
    waits = waits_of(pd.concat([late, on_time]))
    assert columns_of(waits, "starts", "wait_s") == [("each", 5.0), ("each", 5.0)]


def test_a_log_without_a_host_is_judged_too():
    log = events(BLACK_HOLE, starts="on time")
    log["host"] = log["host"].mask([True] * len(log))
    assert waits_of(log)["starts"].unique().tolist() == ["on time"]


def test_on_time_records_do_not_make_a_wait_longer():
    late, on_time = waits_of(PER_URL), waits_of(PER_URL, starts="on time")
    assert on_time["wait_s"].tolist() == late["wait_s"].tolist()
    assert columns_of(on_time, "basis", "quality") == [("start record", "bounded")] * 2


# --- what else a wait says


def test_the_impersonated_account_is_the_one_that_asked():
    waits = waits_of("RetrieveObjectFromNetwork 0 1 impersonate_sid=S-1-5-20")
    assert columns_of(waits, "user_sid", "account_kind") == [("S-1-5-20", "service")]


def test_the_server_is_read_from_the_url():
    urls = ["http://CRL.test:8080/a.crl?x", "ldap:///CN=x", "http://u@[::1]/a", "none"]
    waits = pd.concat([waits_of(f"RetrieveObjectFromNetwork 0 1 url={url}") for url in urls])
    assert waits["url_host"].tolist() == ["crl.test", pd.NA, "[::1]", pd.NA]


def test_spans_and_events_handed_in_are_left_alone():
    log = events(BLACK_HOLE)
    spans = c2.build_spans(log)
    before = spans.copy()
    c2.recover_waits(spans, log)
    pd.testing.assert_frame_equal(spans, before)


# --- random worlds


def assert_waits_hold_the_truth(world, log):
    waits = with_truth(waits_of(log), log, world)
    assert (waits["low_s"] <= waits["truth"] + 1e-6).all() and (waits["truth"] <= waits["high_s"] + 1e-6).all()
    exact = waits[waits["quality"] == "exact"]
    assert ((exact["wait_s"] - exact["truth"]).abs() <= TICK).all()
    assert (waits["start"] <= waits["stop"]).all()


@many_worlds
@given(worlds, st.sampled_from(["late", "on time"]), st.sampled_from([0.0, 0.001, WINDOWS_7_TICK]))
def test_in_any_world_bounds_hold_the_truth_and_exact_is_exact(world, starts, tick):
    assert_waits_hold_the_truth(world, events(world, starts=starts, tick=tick))


@many_worlds
@given(worlds, st.sampled_from(["late", "on time"]), st.integers(0, 2**32 - 1), st.sampled_from([0.03, 0.2, 0.5]))
def test_bounds_hold_the_truth_whatever_is_lost(world, starts, seed, share):
    log = events(world, starts=starts, tick=WINDOWS_7_TICK)
    assert_waits_hold_the_truth(world, log.sample(frac=1 - share, random_state=seed))


@many_worlds
@given(worlds, st.floats(0, 60), st.floats(-4000, 4000))
def test_a_clock_that_is_set_never_makes_a_wait_longer_than_twice_its_limit(world, at, by):
    waits = waits_of(events(world, clock=lambda true: true + (by if true >= at else 0.0)))
    assert (waits["wait_s"].fillna(0) <= 2 * waits["budget_s"].fillna(15.0) + TICK).all()
    assert (waits["wait_s"].fillna(0) >= 0).all()


def test_the_outline_itself_is_read_as_written():
    (root,) = parse(BLACK_HOLE)
    assert [call.operation for call in root.walk()].count("RetrieveObjectFromNetwork") == 3
    assert math.isclose(sum(call.stop - call.start for call in root.inner[0].inner[0].inner), 17.5)
