"""Per start-up: what shorter waits save, and how long a start-up can have waited at most."""

from dataclasses import replace

import numpy as np
import pytest
from timelines import drawn

from capi2kit.columns.instants import TICK_S
from capi2kit.questions.per_startup import Threads, most_waiting, moved

SECOND = 10**9
TWO_THREADS = """
wait    0  10  1  A  thread=0
wait    5  10  2  B  thread=1
wait   20   5  3  C  thread=0
"""  # one start-up; its threads end at 26 and 16


def two_threads() -> tuple:
    line = drawn(TWO_THREADS)
    ends = np.array([26, 16]) * SECOND + 10**18
    return line, Threads(startup=np.array([0, 0]), end=ends, of_wait=np.array([0, 1, 0]))


@pytest.mark.parametrize(
    ("after", "wall", "waiting", "most"),
    [
        ([10, 10, 5], 0, 20, 0),
        ([0, 10, 5], 10, 10, 5),  # the third wait is now from 10 to 15, while the second thread waits, too
        ([10, 0, 5], 0, 15, 5),  # the first thread is over last, as before
        ([0, 0, 0], 15, 0, 20),  # the threads are over at 11 and at 6
    ],
)
def test_everything_in_a_thread_begins_earlier_by_what_was_saved_before_it(after, wall, waiting, most):
    line, threads = two_threads()
    saved = moved(line, threads, before=line.length.best, after=np.array(after, float), count=1)
    found = [int(one[0]) / SECOND for one in saved]
    assert found == [wall, waiting, most]


def test_errors_of_exact_waits_do_not_add_up_and_bounds_of_others_do():
    line, threads = two_threads()
    line = replace(line, length=line.length._replace(high=line.length.best + np.array([1, 2, 4])))
    for sure, more in (([True, True, True], 0), ([True, False, True], 2), ([False, False, False], 7)):
        found = most_waiting(line, threads, sure=np.array(sure), count=1)
        assert found == pytest.approx([20 + more + 2 * TICK_S * 3**0.5])


def test_a_start_up_without_waits_waited_for_nothing():
    line, threads = two_threads()
    assert most_waiting(line, threads, sure=np.ones(3, bool), count=2)[1] == 0
