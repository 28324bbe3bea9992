"""Instants: times as integer nanoseconds and back."""

import numpy as np
import pandas as pd
import pytest

from capi2kit.columns.instants import LATEST, NAT, TICK, TICK_S, as_times, nanoseconds, seconds_between, whole_ns


def times(*texts: str | None) -> pd.Series:
    return pd.Series(pd.to_datetime(list(texts), utc=True)).astype("datetime64[ns, UTC]")


def test_the_tick_is_the_same_in_both_units():
    assert round(TICK_S * 1e9) == TICK == 16_000_000
    assert NAT < 0 < LATEST and pd.Timestamp(NAT) is pd.NaT


def test_times_go_to_nanoseconds_and_back():
    column = times("1970-01-01 00:00:00.000000001", None, "2016-07-22 16:36:41.148")
    whole = nanoseconds(column)
    assert whole.tolist() == [1, NAT, 1469205401148000000]
    back = as_times(whole, known=whole != NAT)
    assert str(back.dtype) == "datetime64[ns, UTC]"
    assert back.tolist()[0] == column[0] and back.tolist()[1] is pd.NaT and back.tolist()[2] == column[2]


def test_what_is_not_known_is_no_time():
    assert as_times(np.array([1, 2]), known=np.array([True, False])).isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("before", "after", "gap"),
    [
        ("2016-01-01 00:00:00", "2016-01-01 00:00:01.5", 1.5),
        ("2016-01-01 00:00:02", "2016-01-01 00:00:00", -2.0),
        (None, "2016-01-01", None),
        ("2016-01-01", None, None),
    ],
)
def test_seconds_between_two_columns(before, after, gap):
    (found,) = seconds_between(times(before), times(after))
    assert np.isnan(found) if gap is None else found == gap


def test_seconds_become_whole_nanoseconds():
    assert whole_ns(np.array([1.5, np.nan, -0.25])).tolist() == [1_500_000_000, 0, -250_000_000]
