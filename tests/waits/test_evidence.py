"""Evidence: which spans are retrievals, and what the log says of each."""

import numpy as np
import pandas as pd
import pytest
from outlines import EPOCH, events

import capi2kit as c2
from capi2kit.columns.instants import NAT
from capi2kit.waits.evidence import LATEST, read_evidence, retrievals_in

CHAIN = """
BuildChain                       0    30   budget=20
  VerifyRevocation               0    10
    RetrieveObjectFromNetwork    0     5
  VerifyRevocation              10    12   {clock}
    RetrieveObjectFromNetwork   10    11
"""


def read(outline: str, **columns: object):
    log = events(outline)
    for name, values in columns.items():
        log[name] = pd.Series([values] * len(log), index=log.index).astype(log[name].dtype)
    spans = c2.build_spans(log)
    return read_evidence(spans, retrievals_in(spans))


def seconds(times: np.ndarray) -> list[float | None]:
    since = (times - EPOCH.value) / 1e9
    return [None if time in (NAT, LATEST) else round(value, 3) for time, value in zip(times, since, strict=True)]


@pytest.mark.parametrize(
    ("outline", "which"),
    [
        ("BuildChain 0 2\n RetrieveObjectFromNetwork 0 1", [False, True]),
        # an issuer's certificate is fetched by a call inside a call: only the inner one waits by itself
        ("RetrieveIssuerCertificateFromNetwork 0 2\n RetrieveObjectFromNetwork 0 1", [False, True]),
        ("RetrieveObjectFromNetwork 0 1 lost=stop", [False]),
        ("RetrieveObjectFromNetwork 0 1 lost=start", [True]),
        ("RetrieveObjectFromCache 0 1", [False]),
    ],
)
def test_innermost_calls_that_went_to_the_network_and_ended_are_retrievals(outline, which):
    assert retrievals_in(c2.build_spans(events(outline))).tolist() == which


def test_a_retrieval_has_the_clock_and_the_budget_of_its_chain():
    found = read(CHAIN.format(clock=""))
    assert seconds(found.clock) == [0.0, 0.0]
    assert found.in_budget.tolist() == [True, True]
    assert found.limit_s.tolist() == [10.0, 5.0] and found.allowed.tolist() == [10_000_000_000, 5_000_000_000]
    assert found.budget.total.tolist() == [20.0, 20.0]
    assert not found.clock_open.any()


@pytest.mark.parametrize(("clock", "began"), [("", [10.0, None]), ("clock=9", [None, None])])
def test_the_next_check_is_one_of_the_same_chain_by_the_same_clock(clock, began):  # else the clock was set in between
    assert seconds(read(CHAIN.format(clock=clock)).next_check.began) == began


THREE = """
BuildChain                       0    30   budget=20
  VerifyRevocation               0     5
    RetrieveObjectFromNetwork    0     5
  VerifyRevocation               5     8
    RetrieveObjectFromNetwork    5     8
  VerifyRevocation               8     9   left={left}
    RetrieveObjectFromNetwork    8     9
"""


@pytest.mark.parametrize(
    ("left", "began"), [("12", [5.0, 8.0, None]), ("0.5", [5.0, 19.5, None]), ("0", [5.0, None, None])]
)
def test_each_check_has_the_next_one_that_still_had_time(left, began):
    assert seconds(read(THREE.format(left=left)).next_check.began) == began
    assert seconds(read(THREE.format(left=left), flags=None).next_check.began) == [None] * 3


def test_a_check_of_a_chain_without_a_common_budget_has_no_next_one():
    assert seconds(read(CHAIN.replace("budget=20", "each=15").format(clock="")).next_check.began) == [None, None]
    blind = CHAIN.replace("VerifyRevocation               0    10", "VerifyRevocation 0 10 clock=none")
    assert seconds(read(blind.format(clock="clock=none")).next_check.began) == [None, None]


def test_only_what_has_no_stop_time_is_timeless():
    log = events("RetrieveObjectFromNetwork 0 1\nRetrieveObjectFromNetwork 2 3")
    log["time"] = log["time"].mask(log["event"] < 2)
    spans = c2.build_spans(log)
    found = read_evidence(spans, retrievals_in(spans))
    assert found.timeless.tolist() == [True, False] and found.stop.tolist() == [0, EPOCH.value + 3_000_000_000]


def test_a_retrieval_whose_result_is_not_logged_is_neither_good_nor_timed_out():
    found = read("RetrieveObjectFromNetwork 0 1 result=none")
    assert (found.is_ok.tolist(), found.is_timeout.tolist()) == ([False], [False])


def test_a_retrieval_that_no_check_asked_for_shares_no_budget():
    lone = f"RetrieveObjectFromNetwork 40 41 timeout=9\n{CHAIN.format(clock='')}"
    assert read(lone).in_budget.tolist() == [True, True, False]


@pytest.mark.parametrize(("passed", "now"), [("08:00:06.500", 6.5), ("08:00:06", None)])
def test_a_validation_time_in_whole_seconds_is_that_of_a_signature(passed, now):
    moment = pd.Timestamp(f"{EPOCH:%Y-%m-%d}T{passed}Z")
    found = read("BuildChain 3 9\n RetrieveObjectFromNetwork 3 8 timeout=15", validation_time=moment)
    assert seconds(found.passed_as_now) == [now]


def test_a_retrieval_without_a_limit_may_take_the_default():
    found = read("RetrieveObjectFromNetwork 0 1 timeout=none")
    assert np.isnan(found.limit_s[0]) and found.allowed[0] == 15_000_000_000 and not found.in_budget[0]


def test_the_clock_of_a_call_that_has_lost_a_record_is_open():
    found = read("BuildChain 0 9 budget=20 lost=stop\n VerifyRevocation 0 8\n  RetrieveObjectFromNetwork 0 5")
    assert found.clock_open.tolist() == [False]  # the check around it has the clock, and is whole
    found = read("BuildChain 0 9 budget=20\n VerifyRevocation 0 8 lost=start\n  RetrieveObjectFromNetwork 0 5")
    assert found.clock_open.tolist() == [True]


def test_a_retrieval_says_how_it_ended_and_in_which_thread():
    found = read("RetrieveObjectFromNetwork 0 1\nRetrieveObjectFromNetwork 2 17 result=80072EE2 tid=9")
    assert (found.is_ok.tolist(), found.is_timeout.tolist()) == ([True, False], [False, True])
    assert found.thread[0] != found.thread[1] and found.number[0] < found.number[1]
