"""Nearby: names of computers as comparable, and rows of one computer near each other in time."""

import pandas as pd
import pytest

from capi2kit.columns.nearby import near, short_names

EPOCH = pd.Timestamp("2026-03-02", tz="UTC")


def names(*hosts: str | None, of: list[str] | None = None) -> list[str | None]:
    found = short_names(pd.Series(hosts, dtype="string"), of=None if of is None else pd.Series(of, dtype="string"))
    return [None if pd.isna(name) else name for name in found]


@pytest.mark.parametrize(
    ("hosts", "of", "found"),
    [
        (["web01.contoso.example", "WEB01"], None, ["WEB01", "WEB01"]),
        (["WEB01.contoso.example", "WEB01.CONTOSO.example"], None, ["WEB01", "WEB01"]),  # one name in two spellings
        (["SP01.a.example", "SP01.b.example"], None, ["SP01.A.EXAMPLE", "SP01.B.EXAMPLE"]),
        (["SP01.a.example", "WEB.a.example"], ["SP01.a.example", "SP01.b.example"], ["SP01.A.EXAMPLE", "WEB"]),
        (["SP01"], ["SP01.a.example", "SP01.b.example"], ["SP01"]),  # it may be one or the other
        ([None, "A"], None, [None, "A"]),
    ],
)
def test_a_computer_is_known_by_the_first_part_of_its_name_unless_two_share_it(hosts, of, found):
    assert names(*hosts, of=of) == found


def seconds(*values: float | None) -> pd.Series:
    return pd.Series([pd.NaT if value is None else EPOCH + pd.Timedelta(seconds=value) for value in values]).astype(
        "datetime64[ns, UTC]"
    )


def test_rows_of_one_place_meet_where_the_time_fits():
    left = pd.DataFrame({"place": pd.array(["A", "B", None, "A", "A"], "string"), "row": [0, 1, 2, 3, 4]})
    right = pd.DataFrame(
        {"place": pd.array(["A", "A", "B", None, "A"], "string"), "time": seconds(1, 5, 1, 1, None), "n": range(5)}
    )
    found = near(left, right, since=seconds(0, 0, 0, None, 6), until=seconds(5, 0.9, 9, 9, 0))
    assert list(zip(found["row"], found["n"], strict=True)) == [(0, 0), (0, 1)]  # both ends belong to it
    assert list(found.columns) == ["place", "row", "time", "n"] and found.index.tolist() == [0, 1]
    assert near(left.head(0), right, since=seconds(), until=seconds()).empty
