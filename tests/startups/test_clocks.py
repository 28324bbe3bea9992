"""Clocks: how far each computer's clock was off, by the dates of servers."""

import pandas as pd
import pytest
from around import CHECKS, HOST
from outlines import EPOCH, events

from capi2kit.columns.cells import STRING, shaped
from capi2kit.startups.clocks import correct_events, measure_clocks


def measured(*offsets: tuple[float, float]) -> pd.DataFrame:
    """Waits that ended at a second, with the clock error that the answer shows."""
    rows = [
        {"host": HOST, "stop": EPOCH + pd.Timedelta(seconds=at), "clock_offset_s": offset} for at, offset in offsets
    ]
    return shaped(pd.DataFrame(rows), "waits")


def test_a_clock_error_is_shown_for_each_stretch_in_which_it_holds():
    clocks = measure_clocks(measured((1, -384.0), (2, -383.5), (900, 16.0), (901, 17.0)))
    assert clocks[["offset_s", "spread_s", "answers"]].to_numpy().tolist() == [[-383.75, 0.5, 2], [16.5, 1.0, 2]]
    assert measure_clocks(measured()).empty


def test_corrected_times_are_those_of_a_right_clock_and_durations_stay():
    table = events(CHECKS).assign(host=pd.array([HOST] * 8, dtype=STRING))
    right = correct_events(table, measure_clocks(measured((10, -384.0))))
    assert set((right["time"] - table["time"]).dt.total_seconds()) == {384.0}
    assert correct_events(table, measure_clocks(measured())) is table
    other = table.assign(host=table["host"].str.replace("1", "2"))
    assert (correct_events(other, measure_clocks(measured((10, -384.0))))["time"] == table["time"]).all()


def test_two_seconds_apart_are_two_stretches():
    assert measure_clocks(measured((1, 10.0), (2, 11.9)))["answers"].tolist() == [2]
    assert measure_clocks(measured((1, 10.0), (2, 12.0)))["answers"].tolist() == [1, 1]


def test_two_computers_are_two_clocks_though_they_agree():
    table = measured((1, 10.0), (2, 10.0)).assign(host=pd.array(["A", "B"], STRING))
    assert measure_clocks(table)["host"].tolist() == ["A", "B"]


@pytest.mark.parametrize("column", ["host", "stop", "clock_offset_s"])
def test_an_answer_of_no_computer_no_time_or_no_offset_measures_nothing(column):
    table = measured((1, 10.0), (2, 20.0), (3, 20.5))
    table[column] = table[column].mask(table.index == 0)
    assert measure_clocks(table)[["offset_s", "answers"]].to_numpy().tolist() == [[20.25, 2]]


def test_runs_are_numbered_by_computer_then_time():
    table = measured((1, 10.0), (2, 50.0), (3, 90.0), (4, 91.0)).assign(host=pd.array(["B", "A", "B", "A"], STRING))
    found = measure_clocks(table)
    assert found["host"].tolist() == ["A", "A", "B", "B"] and found["offset_s"].tolist() == [50, 91, 10, 90]


def test_what_has_no_time_or_no_computer_stays():
    table = events(CHECKS).assign(host=pd.array([HOST] * 7 + [None], dtype=STRING))
    table["time"] = table["time"].mask(table["event"] == 0)
    moved = (correct_events(table, measure_clocks(measured((10, -384.0))))["time"] - table["time"]).dt.total_seconds()
    assert moved.isna().tolist() == [True] + [False] * 7 and moved.tolist()[1:] == [384.0] * 6 + [0.0]


def test_a_time_that_would_leave_the_calendar_stays():
    table = events("BuildChain 0 1").assign(host=pd.array([HOST] * 2, dtype=STRING))
    far = shaped(
        pd.DataFrame({"host": [HOST], "time": [EPOCH], "offset_s": [-9.1e9], "spread_s": 0.0, "answers": 1}), "clocks"
    )
    assert (correct_events(table, far)["time"] == table["time"]).all()
    beyond = far.assign(offset_s=pd.array([1e11], "Float64"))
    assert (correct_events(table, beyond)["time"] == table["time"]).all()
