"""Costs: the waits behind a finding, their bounds, and the part of a start-up that they fill."""

import pandas as pd
import pytest
from outlines import spans, waits

import capi2kit as c2
from capi2kit.columns.cells import numbers_in, shaped
from capi2kit.diagnosis.costs import weigh
from capi2kit.startups import mark_startups

OUTLINE = """
VerifyTrust                       0    40   target=C:\\app\\a.dll
  BuildChain                      0    40
    RetrieveObjectFromNetwork     0    10   url=http://crl.test/a
    RetrieveObjectFromNetwork    10    30   url=http://crl.test/b
VerifyTrust                      40    50   target=C:\\app\\b.dll
"""


def weighed(*cited: str | None, **columns: list) -> pd.DataFrame:
    """Findings that cite these events, weighed on the outline: a start-up of 50 s with two waits, of 10 and 20 s."""
    calls, wires = spans(OUTLINE), waits(OUTLINE)
    calls = calls.assign(stop_event=pd.array(range(100, 100 + len(calls)), "Int64"))
    wires = wires.assign(event=[102, 103], **columns)
    startups = c2.find_startups(calls, wires)
    found = shaped(pd.DataFrame({"rule": [f"r{i}" for i in range(len(cited))], "waits": list(cited)}), "findings")
    return weigh(found, spans=mark_startups(calls, startups), waits=wires, startups=startups)


@pytest.mark.parametrize(
    ("cited", "waits_of_it", "high", "share"),
    [
        ("102", [102], 10.0, 0.2),
        ("102 103", [102, 103], 30.0, 0.6),
        ("101", [102, 103], 30.0, 0.6),  # the chain around both
        ("100", [102, 103], 30.0, 0.6),  # and the check around that
        ("104", [], None, None),  # a check without a wait
        (None, [], None, None),
        ("0", [], None, None),  # nothing around the outermost call is cited
        ("1", [], None, None),
    ],
)
def test_a_finding_costs_the_waits_that_it_cites_or_that_lie_in_what_it_cites(cited, waits_of_it, high, share):
    row = weighed(cited).iloc[0]
    assert numbers_in(row["waits"]) == waits_of_it
    assert (None if pd.isna(row["high_s"]) else row["high_s"]) == high
    assert (None if pd.isna(row["share"]) else round(row["share"], 6)) == share
    assert pd.isna(row["startup"]) == (share is None)


def test_waits_at_one_moment_fill_a_start_up_once():
    begin = waits(OUTLINE)["start"].iloc[0]
    both = {"start": [begin, begin], "stop": [begin + pd.Timedelta(seconds=10)] * 2}
    assert weighed("102 103", **both)["share"].tolist() == pytest.approx([0.2])


def test_a_wait_outside_of_every_start_up_fills_none():
    calls, wires = spans(OUTLINE), waits(OUTLINE)
    calls = calls.assign(stop_event=pd.array(range(100, 105), "Int64"), startup=pd.array([pd.NA] * 5, "Int64"))
    startups = c2.find_startups(calls, wires)
    found = shaped(pd.DataFrame({"rule": ["r"], "waits": ["102"]}), "findings")
    row = weigh(found, spans=calls, waits=wires.assign(event=[102, 103]), startups=startups).iloc[0]
    assert row["high_s"] == 10.0 and pd.isna(row["startup"]) and pd.isna(row["share"])


def test_the_second_start_up_may_be_the_one_that_a_finding_explains():
    late = "VerifyTrust 0 1 pid=7\nVerifyTrust 10 20 pid=8\n RetrieveObjectFromNetwork 10 15 url=http://crl.test/a"
    calls, wires = spans(late), waits(late).assign(event=[102])
    calls = calls.assign(stop_event=pd.array([100, 101, 102], "Int64"))
    startups = c2.find_startups(calls, wires)
    found = shaped(pd.DataFrame({"rule": ["r"], "waits": ["102"]}), "findings")
    row = weigh(found, spans=mark_startups(calls, startups), waits=wires, startups=startups).iloc[0]
    assert (row["startup"], row["share"]) == (1, 0.5)
    none = weigh(found, spans=mark_startups(calls, startups), waits=wires, startups=startups.assign(wall_s=0.0))
    assert none["share"].isna().all()  # no part of nothing


def test_each_finding_is_weighed_for_itself():
    assert weighed("102", "103")["high_s"].tolist() == [10.0, 20.0]
    assert weighed("102", "103")["low_s"].tolist() == [0.0, 0.0]
