"""Coded: a column of texts as codes and words says what the list of its texts says."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capi2kit.columns import cells
from capi2kit.columns.coded import Coded, absent, coded, numbered, per_row, together, typed

TEXTS = st.lists(st.none() | st.sampled_from(["a", "b", "", "x y", "\u00e4", "7", "-3", "0x10", "PT15S"]), max_size=12)
DTYPES = {"int": "Int64", "hex": "UInt32", "bool": "boolean", "duration": "Float64", "time": "datetime64[ns, UTC]"}
MANY = [f"2024-05-06T07:{minute:02}:{second:02}.{second:03}Z" for minute in range(2) for second in range(60)]


def doubled(column: Coded) -> Coded:
    """The same column, with every word there twice, and one that no row has."""
    words = pa.concat_arrays([pa.array(["unused"], pa.large_string()), column.words, column.words])
    shift = np.arange(len(column.codes)) % 2 * len(column.words) + 1
    return Coded(np.where(column.codes < 0, -1, column.codes + shift), words)


@given(TEXTS)
def test_a_column_says_what_its_list_says(values):
    for column in (coded(values), doubled(coded(values))):
        assert column.texts() == values
        assert column.strings().tolist() == [pd.NA if value is None else value for value in values]
        assert set(column.used()[1]) == set(values) - {None}


@given(TEXTS)
def test_every_text_is_changed_once(values):
    asked = []
    changed = coded(values).mapped(lambda text: asked.append(text) or (None if text == "a" else text.upper()))
    assert changed.texts() == [None if value in (None, "a") else value.upper() for value in values]
    assert len(asked) == len(set(values) - {None})


@given(st.lists(st.tuples(*[st.none() | st.sampled_from("abc")] * 3), min_size=1, max_size=20))
def test_rows_are_numbered_by_what_they_have_in_several_columns(rows):
    number, keys = together([doubled(coded(column)) for column in zip(*rows, strict=True)])
    assert [keys[one] for one in number.tolist()] == rows
    assert per_row(number, [key[0] for key in keys]).texts() == [row[0] for row in rows]


def test_a_missing_text_is_filled_and_another_one_only_where_it_is_said():
    first, second = coded(["a", None, "c", None]), coded(["A", "B", None, None])
    assert first.filled(second).texts() == ["a", "B", "c", None]
    assert first.filled(second, where=np.array([True, False, True, False])).texts() == ["A", None, None, None]
    assert absent(2).texts() == [None, None]


@pytest.mark.parametrize("size", [10, 1 << 21])
def test_keys_are_numbered_without_gaps_in_their_order(size):
    number, count = numbered(np.array([7, 3, 7, 9]), size=size)
    assert (number.tolist(), count) == ([1, 0, 1, 2], 3)


@given(TEXTS, st.sampled_from([*DTYPES, "guid", "file_ref", "text"]))
def test_a_coded_column_is_typed_as_its_list_is(values, kind):
    dtype = DTYPES.get(kind, "string")
    array, bad = typed(doubled(coded(values)), kind=kind, dtype=dtype)
    expected, misfits = cells.typed(values, kind=kind, dtype=dtype)
    pd.testing.assert_extension_array_equal(array, expected)
    assert bad == misfits


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("time", MANY),
        ("time", [*MANY, "2024-13-01T00:00:00Z"]),
        ("time", [*MANY, "9999-12-31T00:00:00Z"]),
        ("time", [*MANY, "1601-01-01T00:00:00Z"]),
        ("time", [*MANY, "2024-01-01T24:00:00Z"]),
        ("time", [*MANY, "2024-01-01T00:00:60Z"]),
        ("time", [*MANY, "2024-01-01T00:00:00+02:00"]),
        ("time", [*MANY, "2024-01-01T00:00:00.1234567Z", "2024-01-01T00:00:00.123456789Z", "2024-01-01T00:00:00Z"]),
        ("guid", [f"{{0123456a-89AB-cdef-0123-{number:012x}}}" for number in range(100)]),
        ("guid", [*(f"{{0123456a-89AB-cdef-0123-{number:012x}}}" for number in range(100)), "{x}"]),
        ("file_ref", [f"{number:040x}.cer" for number in range(100)]),
        ("file_ref", [*(f"{number:040x}.crl" for number in range(100)), "a.crl"]),
    ],
)
def test_many_texts_are_typed_as_few_are(kind, values):
    """Arrow reads many at once, in C: what it makes of them is what a text alone becomes."""
    dtype = DTYPES.get(kind, "string")
    array, bad = typed(coded(values), kind=kind, dtype=dtype)
    alone = [cells.typed([value], kind=kind, dtype=dtype) for value in values]
    assert array.tolist() == [one.tolist()[0] for one, _ in alone]
    assert bad == [place for place, (_, misfit) in enumerate(alone) if misfit]
