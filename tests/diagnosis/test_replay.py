"""Replay: what becomes of the waits of a timeline when some of them change."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from outlines import spans, waits

from capi2kit.columns.cells import shaped
from capi2kit.diagnosis.replay import Change, Timeline, _refusals, _usual, part_of, parts_of, read_timeline, replay

TWICE = """
RetrieveObjectFromNetwork    0   10   url=http://crl.test/a  result=80072EE2
RetrieveObjectFromNetwork   20   30   url=http://crl.test/a  result=80072EE2
RetrieveObjectFromNetwork   40   45   url=http://crl.test/b
"""


def timeline(outline: str, **columns: list) -> Timeline:
    return read_timeline(spans(outline), waits(outline).assign(**columns))


def replayed(line: Timeline, *changes: str | None) -> list[float]:
    """The seconds of each wait after these changes, an answer taking 0.1 s."""
    made = [None if word is None else Change(word, 2.0) for word in changes]
    usual = np.full(len(line.start), 0.1)
    return replay(line, made, length=line.length.best, usual=usual).round(3).tolist()


@pytest.mark.parametrize(
    ("changes", "seconds"),
    [
        ((None, None, None), [10, 10, 5]),
        (("answered", None, None), [0.1, 0, 5]),  # what came is kept for the next one
        (("kept", None, None), [10, 0, 5]),
        (("found", None, None), [0, 0, 5]),
        (("not asked", None, None), [0, 10, 5]),  # nothing came, so nothing is kept
        (("limited", "limited", None), [2, 2, 5]),
        ((None, None, "limited"), [10, 10, 2]),
        ((None, "answered", None), [10, 0.1, 5]),
    ],
)
def test_a_change_takes_its_time_and_what_came_stays(changes, seconds):
    assert replayed(timeline(TWICE), *changes) == seconds


def test_what_an_account_cannot_store_only_its_process_keeps():
    line = timeline(
        TWICE, cache_write_failed=pd.array([True, True, False], "boolean"), pid=pd.array([1, 2, 1], "Int64")
    )
    assert replayed(line, "answered", None, None) == [0.1, 10, 5]
    assert replayed(line, "found", None, None) == [0, 0, 5]  # the machine has it for all


def test_what_an_account_that_is_not_logged_cannot_store_is_not_stored():
    nobody = pd.array([None] * 3, "string")
    line = timeline(TWICE, cache_write_failed=pd.array([True, False, False], "boolean"), user_sid=nobody)
    assert line.stores.tolist() == [False] * 3


def test_an_answer_behind_a_failed_search_for_a_proxy_is_not_the_usual_one():
    rows = [(0.1, 0), (1.9, 2), (1.8, 2)]
    table = pd.DataFrame({"event": range(3), "host": "A", "url_host": "x", "outcome": "ok", "quality": "exact"})
    table = table.assign(wait_s=[seconds for seconds, _ in rows], wpad_failures=[failed for _, failed in rows])
    assert _usual(shaped(table, "waits")).best.tolist() == [0.1, 0.1, 0.1]


@pytest.mark.parametrize(
    ("column", "value"), [("outcome", "timeout"), ("wait_s", 2.5), ("quality", "unknown"), ("wpad_failures", 1)]
)
def test_what_is_no_good_answer_says_nothing_of_the_usual_one(column, value):
    good = {
        "event": 0,
        "host": "A",
        "url_host": "x",
        "outcome": "ok",
        "quality": "exact",
        "wait_s": 0.3,
        "wpad_failures": 0,
    }
    table = pd.DataFrame([good, good | {"wait_s": 0.9} | {column: value}])
    assert _usual(shaped(table, "waits")).best.tolist() == [0.3, 0.3]


@pytest.mark.parametrize(
    ("rows", "seconds"),
    [
        ([("unreachable", 0.3), ("unreachable", 0.5), ("unreachable", 2.5)], 0.4),  # the last was lost on the way
        ([("unreachable", 2.4), ("timeout", 0.1), (None, 0.1), ("unreachable", None)], 2.4),
        ([("timeout", 0.1), ("unreachable", 2.5)], 0.116),  # none in the log: as long as an answer
    ],
)
def test_a_refusal_takes_as_long_as_those_in_the_log(rows, seconds):
    table = shaped(pd.DataFrame(rows, columns=["outcome", "wait_s"]), "waits")
    assert _refusals(table).tolist() == pytest.approx([seconds] * len(rows))


@pytest.mark.parametrize(("wait_s", "usual"), [(1.9, 1.9), (2.0, 0.116)])
def test_an_answer_that_took_two_seconds_is_not_one_without_trouble(wait_s, usual):
    row = {"event": 0, "host": "A", "url_host": "x", "outcome": "ok", "quality": "exact", "wait_s": wait_s}
    assert _usual(shaped(pd.DataFrame([row]), "waits")).best.tolist() == [usual]


def test_a_check_that_has_its_answer_asks_no_further_url():
    outline = "VerifyRevocation 0 9\n RetrieveObjectFromNetwork 0 5 url=http://a/\n RetrieveObjectFromNetwork 5 9 url=http://b/"
    assert replayed(timeline(outline), "answered", None) == [0.1, 0]
    assert replayed(timeline(outline.replace("VerifyRevocation", "Unknown")), "not asked", None) == [0, 4]


def test_an_unknown_wait_counts_with_its_lower_bound():
    line = timeline("RetrieveObjectFromNetwork 0 10 url=http://crl.test/a quality=unknown", low_s=[1.5])
    assert (line.length.best.tolist(), line.length.low.tolist(), line.length.high.tolist()) == ([1.5], [1.5], [10.0])


def test_waits_that_know_nothing_of_each_other_are_parts():
    line = timeline(TWICE)
    assert [part.tolist() for part in parts_of(line)] == [[0, 1], [2]]
    assert part_of(line, np.array([2])).length.best.tolist() == [5.0]
    assert parts_of(part_of(line, np.array([], int))) == []


def test_half_of_what_a_chain_saves_goes_to_its_next_url():
    outline = """
        BuildChain                       0   17.5   budget=20
          VerifyRevocation               0   17.5
            RetrieveObjectFromNetwork    0   10     url=http://ocsp.test/  result=80072EE2
            RetrieveObjectFromNetwork   10   15     url=http://crl.test/a  result=80072EE2
    """
    line = timeline(outline, accumulative=pd.array([True, True], "boolean"))
    answered = replayed(line, "refused", None)
    assert answered[0] < 1 and answered[1] == pytest.approx(5 + (10 - answered[0]) / 2, abs=0.01)


@pytest.mark.parametrize("column", ["outcome", "wait_s", "quality"])
def test_what_is_not_known_to_be_a_good_answer_is_none(column):
    good = {"event": 0, "host": "A", "url_host": "x", "outcome": "ok", "quality": "exact", "wait_s": 0.3}
    table = pd.DataFrame([good, good | {"wait_s": 0.9} | {column: None}])
    assert _usual(shaped(table, "waits")).best.tolist() == [0.3, 0.3]


def test_without_any_good_answer_the_usual_time_is_that_of_the_real_log():
    found = _usual(waits(TWICE.replace("80072EE2", "80070005")).assign(outcome="error"))
    assert [values.tolist() for values in found] == [[0.116] * 3, [0.032] * 3, [0.325] * 3]


CHAIN = """
    BuildChain                       0   17.5   budget=20
      VerifyRevocation               0   17.5
        RetrieveObjectFromNetwork    0   10     url=http://ocsp.test/  result=80072EE2  left=20
        RetrieveObjectFromNetwork   10   15     url=http://crl.test/a  result=80072EE2
        RetrieveObjectFromNetwork   15   17.5   url=http://crl.test/b  result=80072EE2
"""


def chain_of_one_budget() -> Timeline:
    """Three retrievals that were given 10, 5 and 2.5 s of a budget of 20 s."""
    line = timeline(CHAIN, accumulative=pd.array([True] * 3, "boolean"), budget_s=[10.0, 5.0, 2.5])
    return part_of(dataclasses.replace(line, budget=np.full(3, 20.0)), np.arange(3))


@pytest.mark.parametrize(
    ("limit_s", "seconds"),
    [
        (10.0, [10, 5, 2.5]),  # as it was
        (4.0, [4, 2, 1]),  # each URL gets half of what is left of twice the limit
        (1.0, [1, 0.5, 0.25]),
    ],
)
def test_a_chain_with_one_budget_gives_each_url_half_of_what_is_left_of_twice_the_limit(limit_s, seconds):
    line = chain_of_one_budget()
    found = replay(line, [Change("limited", limit_s)] * 3, length=line.length.best, usual=np.zeros(3))
    assert found.tolist() == seconds


def test_where_the_budget_is_used_up_nothing_is_left_for_a_url():
    line = chain_of_one_budget()
    found = replay(line, [None, None, Change("limited", 5.0)], length=line.length.best, usual=np.zeros(3))
    assert found.tolist() == [10, 5, 0]  # 15 of 10 seconds were used


def test_a_limit_that_is_not_logged_counts_in_full():
    line = dataclasses.replace(chain_of_one_budget(), given=np.full(3, np.nan))
    found = replay(line, [Change("limited", 4.0)] * 3, length=line.length.best, usual=np.zeros(3))
    assert found.tolist() == [4, 4, 2.5]


def test_a_url_that_takes_longer_leaves_less_for_the_next_but_never_less_than_nothing():
    line = chain_of_one_budget()
    length = np.array([1.0, 2.0, 0.25])
    found = replay(line, [Change("answered"), None, None], length=length, usual=np.full(3, 2.0))
    assert found.tolist() == [2, 0, 0]  # the check has its answer
    apart = dataclasses.replace(line, check=np.array([0, 1, 2]), account=np.arange(3), process=np.arange(3))
    found = replay(apart, [Change("answered"), None, None], length=length, usual=np.full(3, 3.0))
    assert found.tolist() == [3, 1, 0.0]  # two seconds more: one less for the next; half a second less for the last


def test_a_timeline_does_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        timeline(TWICE).start = np.zeros(3)
