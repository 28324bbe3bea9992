"""Replay: what becomes of the waits of a timeline when some of them change."""

import numpy as np
import pandas as pd
import pytest
from outlines import spans, waits

from capi2kit.columns.cells import shaped
from capi2kit.diagnosis.replay import Change, Timeline, _usual, part_of, parts_of, read_timeline, replay

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
