"""Timelines: what is read from the waits of an analysis: lengths, usual answers and refusals, who asked, what belongs together."""

import numpy as np
import pandas as pd
import pytest
from outlines import waits
from timelines import TWICE, timeline

from capi2kit.columns.cells import shaped
from capi2kit.diagnosis.timeline import _refusals, _usual, part_of, parts_of


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
        (
            [("unreachable", 1.3), ("unreachable", 1.5), ("unreachable", 9.5)],
            (1.4, 0.5, 10),
        ),  # the last may be a lost packet
        ([("unreachable", 0.003), ("timeout", 0.1), (None, 0.1), ("unreachable", None)], (0.003, 0.003, 10)),
        ([("timeout", 0.1), ("unreachable", 9.5)], (1.25, 0.5, 10)),  # none in the log: as is believed
    ],
)
def test_a_refusal_takes_as_long_as_those_in_the_log(rows, seconds):
    table = shaped(pd.DataFrame(rows, columns=["outcome", "wait_s"]).assign(budget_s=15.0), "waits")
    assert [values[0] for values in _refusals(table)] == pytest.approx(seconds)


@pytest.mark.parametrize(("wait_s", "usual"), [(1.9, 1.9), (2.0, 0.116)])
def test_an_answer_that_took_two_seconds_is_not_one_without_trouble(wait_s, usual):
    row = {"event": 0, "host": "A", "url_host": "x", "outcome": "ok", "quality": "exact", "wait_s": wait_s}
    assert _usual(shaped(pd.DataFrame([row]), "waits")).best.tolist() == [usual]


def test_an_unknown_wait_counts_with_its_lower_bound():
    line = timeline("RetrieveObjectFromNetwork 0 10 url=http://crl.test/a quality=unknown", low_s=[1.5])
    assert (line.length.best.tolist(), line.length.low.tolist(), line.length.high.tolist()) == ([1.5], [1.5], [10.0])


def test_waits_that_know_nothing_of_each_other_are_parts():
    line = timeline(TWICE)
    assert [part.tolist() for part in parts_of(line)] == [[0, 1], [2]]
    assert part_of(line, np.array([2])).length.best.tolist() == [5.0]
    assert parts_of(part_of(line, np.array([], int))) == []


@pytest.mark.parametrize("column", ["outcome", "wait_s", "quality"])
def test_what_is_not_known_to_be_a_good_answer_is_none(column):
    good = {"event": 0, "host": "A", "url_host": "x", "outcome": "ok", "quality": "exact", "wait_s": 0.3}
    table = pd.DataFrame([good, good | {"wait_s": 0.9} | {column: None}])
    assert _usual(shaped(table, "waits")).best.tolist() == [0.3, 0.3]


def test_without_any_good_answer_the_usual_time_is_that_of_the_real_log():
    found = _usual(waits(TWICE.replace("80072EE2", "80070005")).assign(outcome="error"))
    assert [values.tolist() for values in found] == [[0.116] * 3, [0.032] * 3, [0.325] * 3]
