"""Record order: the records of each task by their numbers, and what lies between them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from outlines import EPOCH

from capi2kit.columns.cells import shaped
from capi2kit.spans.pairing import Pairs
from capi2kit.spans.record_order import Records, first_inside, order_records, previous_in_thread


def log(*rows: dict) -> pd.DataFrame:
    """Records of one process; each says what differs: task, seq, phase, at (s), record, tid, source."""
    made = [
        {"host": "A", "pid": 1, "tid": row.get("tid", 5), "source": row.get("source", 0), "seq": row.get("seq"),
         "record": row.get("record", n + 1), "phase": row.get("phase", "stop"), "of": row.get("task", "T"),
         "time": None if row.get("at") is None else EPOCH + pd.Timedelta(seconds=row["at"])}
        for n, row in enumerate(rows)
    ]  # fmt: skip
    return shaped(pd.DataFrame(made), "events").assign(of=[row["of"] for row in made])


def ordered(*rows: dict) -> Records:
    table = log(*rows)
    return order_records(table, table["of"].to_numpy(object))


@pytest.mark.parametrize(
    ("rows", "order"),
    [
        ([{"seq": 2, "at": 0}, {"seq": 1, "at": 9}], [1, 0]),  # by number, not by time
        ([{"record": 7}, {"record": 3}], [1, 0]),  # without numbers by record
        ([{"task": "B", "seq": 1}, {"task": "A", "seq": 9}, {"task": "B", "seq": 2}], [0, 2, 1]),  # task by task
        ([{"task": None}, {"seq": 1}], [1]),  # what has no task is left out
        ([], []),
    ],
)
def test_records_come_in_the_order_of_their_numbers(rows, order):
    assert ordered(*rows).row.tolist() == order


def test_signs_and_missing_numbers():
    records = ordered({"seq": 1, "phase": "start"}, {"seq": 4}, {"seq": None, "phase": "point", "record": 9})
    assert records.sign.tolist() == [1, -1, 0] and records.seq.tolist() == [1, 4, 0]
    first, second, third = np.array([0]), np.array([1]), np.array([2])
    assert records.missing(first, second).tolist() == [2]  # 2 and 3
    assert records.missing(first, third).tolist() == [0]  # not numbered: nothing can be said


@pytest.mark.parametrize(
    ("rows", "inner", "known"),
    [
        ([("start", 1), ("stop", 2)], 1, True),
        ([("start", 1), ("point", 2), ("stop", 3)], 1, True),
        ([("start", 1), ("start", 2), ("point", 3), ("stop", 4), ("stop", 5)], 2, True),  # start records do not count
        ([("start", 1), ("point", 3), ("stop", 4)], 1, False),  # number 2 is missing: it may have been the first
        ([("start", 1)], 0, False),
    ],
)
def test_the_first_record_inside_is_the_first_that_is_not_a_start(rows, inner, known):
    records = ordered(*({"phase": phase, "seq": seq} for phase, seq in rows))
    found, sure = first_inside(records, Pairs(np.array([0]), np.array([-1])))
    assert sure.tolist() == [known] and (not known or found.tolist() == [inner])


@given(st.lists(st.sampled_from(["start", "stop", "point"]), min_size=1, max_size=9))
def test_the_first_record_inside_any_start(phases):
    records = ordered(*({"phase": phase, "seq": n + 1} for n, phase in enumerate(phases)))
    at = np.flatnonzero(records.sign == 1)
    inner, known = first_inside(records, Pairs(at, np.full(len(at), -1)))
    after = [next((n for n in range(one, len(phases)) if phases[n] != "start"), None) for one in at]
    assert known.tolist() == [one is not None for one in after]
    assert inner[known].tolist() == [one for one in after if one is not None]


def test_the_first_record_inside_is_of_the_same_task():
    records = ordered({"phase": "start", "seq": 1, "task": "A"}, {"phase": "stop", "seq": 1, "task": "B"})
    assert first_inside(records, Pairs(np.array([0]), np.array([-1])))[1].tolist() == [False]


PLACE = ["host", "pid", "tid", "source", "record"]


def previous(*rows: dict) -> list[int]:
    """For each row the number of the row right before it in its thread, or -1."""
    table = log(*rows)
    records = order_records(table, table["of"].to_numpy(object))
    task = table["of"].to_numpy(object)[records.row]
    found = previous_in_thread(records, table[PLACE].iloc[records.row], task_id=task)
    rows_of = [int(records.row[place]) if place >= 0 else -1 for place in found]
    return [rows_of[int(np.flatnonzero(records.row == n)[0])] for n in range(len(table))]


@pytest.mark.parametrize(
    ("rows", "before"),
    [
        ([{"at": 0, "task": "A"}, {"at": 1, "task": "B"}], [-1, 0]),
        ([{"at": 0, "task": "A", "phase": "point"}, {"at": 1, "task": "B"}], [-1, 0]),
        ([{"at": 0, "task": "A", "phase": "start"}, {"at": 1, "task": "B"}], [-1, -1]),  # a start record says nothing
        ([{"at": 0, "task": "A", "tid": 6}, {"at": 1, "task": "B"}], [-1, -1]),  # another thread
        ([{"at": 5, "task": "A"}, {"at": 1, "task": "B"}], [-1, -1]),  # the clock was set back in between
        ([{"at": 1, "task": "A"}, {"at": 1, "task": "B"}], [-1, 0]),
        (
            [{"at": 9, "task": "A", "source": 1, "record": 1}, {"at": 1, "task": "B", "record": 50}],
            [1, -1],
        ),  # older file
        ([{"at": 0, "task": "A", "tid": None}, {"at": 1, "task": "B", "tid": None}], [-1, -1]),  # one task, one thread
        ([{"at": 0, "tid": None, "seq": 1}, {"at": 1, "tid": None, "seq": 2}], [-1, 0]),
    ],
)
def test_the_previous_record_of_a_thread(rows, before):
    assert previous(*rows) == before


def test_what_has_no_number_says_nothing_of_missing_ones():
    records = ordered({"record": 1}, {"seq": 4, "record": 2}, {"seq": 5, "record": 3})
    assert records.missing(np.array([0, 1]), np.array([1, 2])).tolist() == [0, 0]


@pytest.mark.parametrize(("start", "known"), [(0, True), (-1, False)])
def test_a_span_without_a_start_record_has_no_first_record_inside(start, known):
    records = ordered({"phase": "start", "seq": 1}, {"phase": "stop", "seq": 2})
    assert first_inside(records, Pairs(np.array([start]), np.array([1])))[1].tolist() == [known]
