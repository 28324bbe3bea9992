"""Replay: what becomes of the waits of a timeline when some of them change."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from timelines import TWICE, drawn, timeline

from capi2kit.diagnosis.replay import FOREVER, SEEN, Change, likely, replay
from capi2kit.diagnosis.timeline import Timeline, part_of


def replayed(line: Timeline, *changes: str | None) -> list[float]:
    """The seconds of each wait after these changes, an answer taking 0.1 s."""
    made = [None if word is None else Change(word, 2.0) for word in changes]
    return again(line, made, usual=np.full(len(line), 0.1)).round(3).tolist()


def again(line: Timeline, changes: list[Change | None], **estimates: object) -> np.ndarray:
    return replay(line, changes, run=likely(line)._replace(**estimates))


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


def test_a_check_that_has_its_answer_asks_no_further_url():
    outline = "VerifyRevocation 0 9\n RetrieveObjectFromNetwork 0 5 url=http://a/\n RetrieveObjectFromNetwork 5 9 url=http://b/"
    assert replayed(timeline(outline), "answered", None) == [0.1, 0]
    assert replayed(timeline(outline.replace("VerifyRevocation", "Unknown")), "not asked", None) == [0, 4]


def test_half_of_what_a_chain_saves_goes_to_its_next_url():
    outline = """
        BuildChain                       0   17.5   budget=20
          VerifyRevocation               0   17.5
            RetrieveObjectFromNetwork    0   10     url=http://ocsp.test/  result=80072EE2
            RetrieveObjectFromNetwork   10   15     url=http://crl.test/a  result=80072EE2
    """
    line = timeline(outline, accumulative=pd.array([True, True], "boolean"))
    answered = replayed(line, "refused", None)
    assert answered[0] == 1.25 and answered[1] == pytest.approx(5 + (10 - answered[0]) / 2, abs=0.01)


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
    found = again(line, [Change("limited", limit_s)] * 3, usual=np.zeros(3))
    assert found.tolist() == seconds


def test_where_the_budget_is_used_up_nothing_is_left_for_a_url():
    line = chain_of_one_budget()
    found = again(line, [None, None, Change("limited", 5.0)], usual=np.zeros(3))
    assert found.tolist() == [10, 5, 0]  # 15 of 10 seconds were used


def test_a_limit_that_is_not_logged_counts_in_full():
    line = dataclasses.replace(chain_of_one_budget(), given=np.full(3, np.nan))
    found = again(line, [Change("limited", 4.0)] * 3, usual=np.zeros(3))
    assert found.tolist() == [4, 4, 2.5]


def test_a_url_that_takes_longer_leaves_less_for_the_next_but_never_less_than_nothing():
    line = chain_of_one_budget()
    length = np.array([1.0, 2.0, 0.25])
    found = again(line, [Change("answered"), None, None], length=length, usual=np.full(3, 2.0))
    assert found.tolist() == [2, 0, 0]  # the check has its answer
    apart = dataclasses.replace(line, check=np.array([0, 1, 2]), account=np.arange(3), process=np.arange(3))
    found = again(apart, [Change("answered"), None, None], length=length, usual=np.full(3, 3.0))
    assert found.tolist() == [3, 1, 0.0]  # two seconds more: one less for the next; half a second less for the last


def test_a_timeline_does_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        timeline(TWICE).start = np.zeros(3)


# What is remembered, and what still runs.


ONE_LIST = """
wait    0  10  1  A
check  12   0  2  -  like=0
wait   25.5  10  3  A
check  38   0  4  -  like=2
"""


@pytest.mark.parametrize(
    ("word", "seconds"),
    [
        (None, [10, 0, 10, 0]),
        ("answered", [0.1, 0, 0, 0]),
        ("found", [0, 0, 0, 0]),
        ("refused", [1, 0, 1, 0]),  # 15 s are over at 16 s, and the third call comes at 16.5 s
        ("not asked", [0, 0, 0, 0]),
        ("asked again", [0.1, 0, 0, 0]),
    ],
)
def test_a_failed_check_is_remembered_for_a_while(word, seconds):
    line = drawn(ONE_LIST)
    assert again(line, [word and Change(word)] * 4).tolist() == seconds


def test_a_call_that_comes_while_the_failure_is_remembered_asks_no_more():
    line = drawn(ONE_LIST.replace("wait   25.5", "wait   25"))
    changes = [Change("refused")] * 4
    assert again(line, changes).tolist() == [1, 0, 1, 0]  # the step was no longer than from 10 to 25 s
    sooner = drawn("wait 0 10 1 A\nwait 11 4 5 Z key=9\ncheck 15.5 0 2 - like=0\nwait 25.5 10 3 A")
    assert again(sooner, [Change("refused"), None, None, Change("refused")]).tolist() == [1, 4, 0, 1]
    assert again(sooner, [Change("refused"), Change("refused"), None, Change("refused")]).tolist() == [1, 1, 0, 0]


def test_a_call_that_echoed_a_failure_asks_where_that_is_gone():
    line = drawn("wait 0 10 1 A\ncheck 12 0 2 - like=0\ncheck 14 0 3 - like=0")
    assert again(line, [Change("not asked"), None, None]).tolist() == [0, 10, 0]


@pytest.mark.parametrize("memory", [SEEN, FOREVER])
def test_a_failure_is_forgotten_again_after_the_time_in_which_it_was_forgotten(memory):
    assert again(drawn(ONE_LIST), [Change("refused")] * 4, memory=memory).tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize(("memory", "last"), [(SEEN, 1), (FOREVER, 0)])
def test_how_long_a_failure_is_remembered_in_less_time_than_that_nobody_knows(memory, last):
    line = drawn("wait 0 10 1 A\nwait 11 4 5 Z key=9\ncheck 15.5 0 2 - like=0\nwait 25.5 10 3 A")
    sooner = [None, Change("refused"), None, None]  # three seconds less between the two for A
    assert again(line, sooner, memory=memory).tolist() == [10, 1, 0, 10 * last]


def test_a_process_that_asked_again_at_once_does_so_whatever_is_believed():
    line = drawn("wait 0 10 1 A\nwait 11 10 2 A\ncheck 30 0 3 - like=1\nwait 31 10 4 A")
    assert again(line, [None] * 4).tolist() == [10, 10, 0, 10]
    assert again(line, [Change("refused")] * 4).tolist() == [1, 1, 0, 1]


TWO_THREADS = """
wait    0  10  1  A  thread=0  runs=21
call    4   0  2  A  thread=1  like=0  given=8
wait    4   8  2  B  thread=1  runs=21
call   10   0  1  B  thread=0  like=2  given=5
"""


def test_a_retrieval_that_still_runs_turns_others_away():
    line = drawn(TWO_THREADS)
    assert again(line, [None] * 4).tolist() == [10, 0, 8, 0]
    answered = [Change("answered"), Change("answered"), None, None]
    assert again(line, answered).tolist() == [0.1, 0, 0, 0]  # one list answers for all that its issuer issued
    apart = drawn(TWO_THREADS.replace(" A ", " O "))  # a responder: its answer is of one certificate only
    assert again(apart, answered).tolist() == [0.1, 0, 0, 0]  # ... but both checks have theirs
    not_asked = [Change("not asked"), Change("not asked"), None, None]
    assert again(line, not_asked).tolist() == [
        0,
        0,
        0,
        5,
    ]  # the first thread asks for B now, and the second is turned away


def test_a_list_answers_for_all_that_its_issuer_issued_and_a_responder_for_one():
    line = drawn("wait 0 10 1 O\nwait 10 5 1 A\nwait 40 10 2 O key=0\nwait 80 10 3 P key=0")
    assert again(line, [None, Change("answered"), None, None]).tolist() == [10, 0.1, 0, 0]
    assert again(line, [None, Change("found"), None, None]).tolist() == [0, 0, 0, 0]
    assert again(line, [Change("answered"), None, None, None]).tolist() == [0.1, 0, 0, 10]


def test_what_is_not_known_turns_out_well_or_badly():
    line = drawn("wait 0 4 1 A given=10")
    perhaps, asked = Change("limited", 1.0, perhaps=True), Change("asked again")
    assert [again(line, [perhaps], hopes=hopes).tolist() for hopes in (-1, 0, 1)] == [[4], [4], [1]]
    assert [again(line, [asked], hopes=hopes).tolist() for hopes in (-1, 0, 1)] == [[10], [0.1], [0.1]]


def test_without_any_call_nothing_is_played():
    line = part_of(drawn(ONE_LIST), np.array([], int))
    assert again(line, []).tolist() == []


def test_where_no_call_shows_a_memory_none_is_taken_for_granted():
    line = drawn("wait 0 10 1 A\nwait 11 10 5 Z key=9\nwait 30 10 2 A")
    assert again(line, [Change("refused")] * 3).tolist() == [1, 1, 1]
    shown = drawn("wait 0 10 1 A\nwait 11 10 5 Z key=9\ncheck 22 0 3 - like=0\nwait 30 10 2 A")
    assert again(shown, [Change("refused")] * 4).tolist() == [1, 1, 0, 0]


def test_a_retrieval_runs_on_behind_a_shorter_limit_and_ends_with_a_refusal():
    line = drawn("wait 0 10 1 A key=-1 runs=21\ncall 15 0 2 A key=-1 like=0 thread=1 given=10")
    assert again(line, [Change("limited", 1.0)] * 2).tolist() == [1, 0]
    assert again(line, [Change("refused")] * 2).tolist() == [1, 1]
    assert again(line, [None, None]).tolist() == [10, 0]


def test_a_list_that_an_account_stored_spares_its_other_processes_the_responder():
    line = drawn("wait 0 10 1 A\nwait 40 10 2 O")
    other = dataclasses.replace(
        line, process=np.array([1, 2]), issuer_process=np.array([1, 2]), remembers=np.array([1, 2])
    )
    assert again(other, [Change("answered"), None]).tolist() == [0.1, 0]
    unstored = dataclasses.replace(other, stores=np.array([False, True]))
    assert again(unstored, [Change("answered"), None]).tolist() == [0.1, 10]
