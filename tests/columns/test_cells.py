"""Cells: text becomes a value of its kind, or stays text and says where."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capi2kit.columns.cells import (
    empty,
    integers,
    joined,
    masked,
    missing,
    numbers_in,
    seconds,
    shaped,
    strings,
    times,
    typed,
)
from capi2kit.knowledge import columns, rows

DTYPES = {"int": "Int64", "hex": "UInt32", "bool": "boolean", "duration": "Float64", "time": "datetime64[ns, UTC]"}


def read(text: str | None, kind: str) -> tuple[object, bool]:
    """The one value, and whether the text fitted its kind."""
    array, bad = typed([text], kind=kind, dtype=DTYPES.get(kind, "string"))
    assert str(array.dtype) == DTYPES.get(kind, "string")
    return array[0], not bad


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PT9.976S", 9.976),
        ("PT15S", 15.0),
        ("PT0S", 0.0),
        ("P27DT5H13M43S", 2_351_623.0),
        ("P77DT16H38M56S", 6_712_736.0),
        ("PT1H", 3600.0),
        ("P1D", 86_400.0),
        ("PT9000000000S", 9e9),
        ("-PT1M0.5S", -60.5),
    ],
)
def test_a_duration_is_read_in_seconds(text, expected):
    assert seconds(text) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    "text",
    ["", "P", "PT", "P1DT", "9.976", "PT1,5S", "P1Y", "PT-1S", "PT1S ", "PT٣S", "PT9000000001S", "P" + 400 * "9" + "D"],
)
def test_what_is_no_duration_is_kept_as_text(text):
    value, fitted = read(text, "duration")
    assert (value, fitted) == (pd.NA, False)


@given(st.integers(0, 400), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59_999))
def test_every_duration_comes_back(days, hours, minutes, milliseconds):
    text = f"P{days}DT{hours}H{minutes}M{milliseconds / 1000:.3f}S"
    assert seconds(text) == pytest.approx(((days * 24 + hours) * 60 + minutes) * 60 + milliseconds / 1000, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2016-07-22T17:02:01.0571261Z", "2016-07-22T17:02:01.057126100+00:00"),
        ("2016-07-22T17:02:01Z", "2016-07-22T17:02:01+00:00"),
        ("2017-05-19 02:02:36+00:00", "2017-05-19T02:02:36+00:00"),
        ("2017-05-19 02:02:36.123456+00:00", "2017-05-19T02:02:36.123456+00:00"),
        ("2017-05-19T02:02:36", "2017-05-19T02:02:36+00:00"),
        ("2017-05-19T02:02:36+02:00", "2017-05-19T00:02:36+00:00"),
        ("2017-05-19T02:02:36-0530", "2017-05-19T07:32:36+00:00"),
        ("1700-01-01T00:00:00Z", "1700-01-01T00:00:00+00:00"),
        ("2262-04-09T23:59:59.999999999Z", "2262-04-09T23:59:59.999999999+00:00"),
    ],
)
def test_a_time_is_read_as_utc_to_the_last_digit(text, expected):
    value, fitted = read(text, "time")
    assert (value, fitted) == (pd.Timestamp(expected), True)


@pytest.mark.parametrize(
    "text",
    [
        "9999-12-31T23:59:59Z",
        "1601-01-01T00:00:00Z",
        "2016",
        "2016-07-22",
        "2016-13-01T00:00:00Z",
        "2016-02-30T00:00:00Z",
        "2016-01-01T24:00:01Z",
        "2016-01-01T00:00:00.1234567890Z",
        "now",
        "",
        " 2016-07-22T17:02:01Z",
        "NaT",
        "２０１６-01-01T00:00:00Z",
    ],
)
def test_what_is_no_time_or_beyond_64_bits_is_kept_as_text(text):
    value, fitted = read(text, "time")
    assert (pd.isna(value), fitted) == (True, False)


def test_of_two_times_one_may_be_bad():
    assert times(["2016-13-01T00:00:00Z", "2016-07-22T17:02:01Z"])[1] == [0]
    assert times(["1677-09-22T23:59:59Z", "1677-09-23T00:00:00Z"])[1] == [0]
    assert times(["2262-04-09T23:59:59Z", "2262-04-10T00:00:00Z"])[1] == [1]


def test_one_bad_time_does_not_spoil_its_neighbours():
    good, bad = "2016-07-22T17:02:01Z", "2016-13-01T00:00:00Z"
    array, wrong = times([good, bad, None, "9999-12-31T00:00:00Z", "2016-07-22T17:02:01.5+01:00"])
    assert wrong == [1, 3]
    assert [str(value) for value in array] == [
        "2016-07-22 17:02:01+00:00",
        "NaT",
        "NaT",
        "NaT",
        "2016-07-22 16:02:01.500000+00:00",
    ]


@given(st.datetimes(pd.Timestamp("1700-01-01"), pd.Timestamp("2262-01-01")), st.integers(0, 9))
def test_every_time_comes_back(moment, digit):
    text = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06d}{digit}Z"
    value, _ = read(text.rjust(28, "0"), "time")
    assert value == pd.Timestamp(moment, tz="UTC") + pd.Timedelta(100 * digit, "ns")


@given(st.integers(0, (1 << 32) - 1))
def test_every_code_comes_back_however_it_is_written(code):
    assert {read(text, "hex") for text in (f"{code:X}", f"{code:x}", f"0x{code:08X}"[-10:])} == {(code, True)}


@pytest.mark.parametrize("text", ["", "0x", "80092013 ", "8009_2013", "-1", "100000000", "g", "８"])
def test_what_is_no_code_is_kept_as_text(text):
    assert read(text, "hex") == (pd.NA, False)


@given(st.integers(-(1 << 63) + 1, (1 << 63) - 1))
def test_every_integer_comes_back(number):
    assert read(str(number), "int") == (number, True)


@pytest.mark.parametrize("text", ["", "1.0", " 1", "+1", "007", "-0", "1_000", "٣", "9223372036854775808", "9" * 5000])
def test_what_is_no_plain_integer_is_kept_as_text(text):
    assert read(text, "int") == (pd.NA, False)


@pytest.mark.parametrize(
    ("text", "expected"), [("true", True), ("false", False), ("TRUE", True), ("1", True), ("0", False)]
)
def test_a_boolean_is_read_in_each_of_its_spellings(text, expected):
    assert read(text, "bool") == (expected, True)
    assert read("yes", "bool") == (pd.NA, False)


def test_a_guid_loses_its_braces_and_a_file_reference_its_ending_only_where_they_are_such():
    guid, thumbprint = "42694c95-0000-0000-0000-00000000000a", "3bda" + "0" * 36
    assert read(f"{{{guid}}}", "guid") == (guid.upper(), True)
    assert read("{no guid}", "guid") == ("{no guid}", True)
    assert read(f"{thumbprint}.cer", "file_ref") == (thumbprint.upper(), True)
    assert read("setup.cer", "file_ref") == ("setup.cer", True)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_text_stays_as_it_is(text):
    assert read(text, "text") == (text, True)


@pytest.mark.parametrize("kind", ["text", *DTYPES])
def test_missing_stays_missing(kind):
    array, bad = typed([None, None], kind=kind, dtype=DTYPES.get(kind, "string"))
    assert (bool(pd.isna(array).all()), bad) == (True, [])
    array, bad = typed([], kind=kind, dtype=DTYPES.get(kind, "string"))
    assert (len(array), bad) == (0, [])


def test_the_positions_of_misfits_are_reported():
    array, bad = typed(["1", None, "x", "2", "x"], kind="int", dtype="Int64")
    assert (bad, array.tolist()) == ([2, 4], [1, pd.NA, pd.NA, 2, pd.NA])


# Tables in the vocabulary.

TABLES = sorted({row["table"] for row in rows("columns")})


@pytest.mark.parametrize("table", TABLES)
def test_an_empty_table_has_the_columns_and_dtypes_of_the_vocabulary(table):
    assert {name: str(dtype) for name, dtype in empty(table).dtypes.items()} == columns(table)


@pytest.mark.parametrize("dtype", sorted({row["dtype"] for row in rows("columns")}))
def test_a_column_of_nothing_has_its_dtype(dtype):
    column = missing(3, dtype)
    assert (len(column), str(column.dtype)) == (3, dtype)
    assert bool(pd.isna(column).all()) == (dtype not in ("int64", "bool", "float64"))


def test_a_table_is_brought_into_shape():
    table = shaped(pd.DataFrame({"lost": [1.0], "message": ["gone"], "unknown": [7]}), "problems")
    assert {name: str(dtype) for name, dtype in table.dtypes.items()} == columns("problems")
    assert (table["lost"].tolist(), table["message"].tolist(), table["record"].isna().tolist()) == (
        [1],
        ["gone"],
        [True],
    )


def test_a_masked_array_is_missing_where_its_mask_says():
    assert masked(np.array([1, 2]), np.array([False, True]), dtype="Int64").tolist() == [1, pd.NA]
    assert strings(["a", None]).tolist() == ["a", pd.NA]


@pytest.mark.parametrize(
    ("text", "seconds_read"),
    [("0", 0.0), ("15000", 15.0), ("4294967295", 4_294_967.295), ("4294967296", None), ("no number", None)],
)
def test_a_time_out_is_one_that_windows_can_count(text, seconds_read):
    array, bad = typed([text], kind="milliseconds", dtype="Float64")
    assert (None if bad else array[0]) == seconds_read


@pytest.mark.parametrize(
    ("text", "pid"), [("4120", 4120), ("0x1018", 4120), ("0xZZ", None), ("1018h", None), ("", None)]
)
def test_a_process_id_is_decimal_or_hexadecimal(text, pid):
    array, bad = typed([text], kind="pid", dtype="Int64")
    assert (None if bad else array[0]) == pid


@pytest.mark.parametrize(
    ("text", "name"), [("C:\\Windows\\a.dll", "a.dll"), ("a.dll", "a.dll"), ("C:\\Windows\\", "C:\\Windows\\")]
)
def test_a_file_name_is_the_last_part_of_its_path(text, name):
    assert typed([text], kind="file name", dtype="string")[0].tolist() == [name]


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-03-02T08:30:00+01:45", "06:45"),
        ("2026-03-02T08:30:00-01:45", "10:15"),
        ("2026-03-02T08:30:00Z", "08:30"),
    ],
)
def test_a_time_with_an_offset_is_put_into_utc(text, utc):
    array, bad = typed([text], kind="time", dtype=DTYPES["time"])
    assert not bad and f"{array[0]:%H:%M}" == utc


@pytest.mark.parametrize(("numbers", "cell"), [([12, 15, 80], "12 15 80"), ([0], "0"), ([], None)])
def test_numbers_of_records_become_one_cell_and_come_back(numbers, cell):
    assert joined(numbers) == cell and numbers_in(cell) == numbers
    assert numbers_in(pd.NA) == []


def test_a_column_of_whole_numbers_becomes_a_plain_array():
    column = pd.Series([7, None, 0], dtype="Int64")
    assert integers(column).tolist() == [7, -1, 0] and integers(column, missing=0).tolist() == [7, 0, 0]
    assert str(integers(column).dtype) == "int64"
