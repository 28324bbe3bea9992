"""Selection: a narrower view changes what is shown, not what it was."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from outlines import EPOCH, analysed, case, events, steps
from worlds import worlds

import capi2kit as c2
from capi2kit.cli import main
from capi2kit.selection import narrow

LAB = Path(__file__).parent.parent / "datasets" / "lab"

TWO = """
VerifyTrust                       0.0  10.0  host=A  process=w3wp.exe  pid=1  target=a.dll
  BuildChain                      0.0  9.9   budget=20
    VerifyRevocation              0.0  9.8
      RetrieveObjectFromNetwork   0.0  8.0
VerifyTrust                      50.0  51.0  host=B  process=OWSTIMER.EXE  pid=2  target=b.dll
"""


def at(second):
    return EPOCH + pd.Timedelta(second, "s")


def test_nothing_asked_for_is_nothing_changed():
    analysis = analysed(TWO)
    assert narrow(analysis) is analysis


@pytest.mark.parametrize("wanted", [{"pid": 2}, {"host": "b"}, {"process": "owstimer.exe"}, {"start": at(20)}])
def test_only_what_is_asked_for_is_kept(wanted):
    some = narrow(analysed(TWO), **wanted)
    assert some.startups["pid"].tolist() == [2] and some.delays["target"].tolist() == ["b.dll"]
    assert some.waits.empty and len(some.spans) == 1 and len(some.case.events) == 2
    assert set(some.ledger["startup"]) == set(some.startups["startup"])


def test_a_wait_that_begins_in_the_range_is_kept_whole():
    some = narrow(analysed(TWO), stop=at(5))
    assert some.waits["wait_s"].tolist() == [8.0] and some.startups["wall_s"].tolist() == [10.0]


def test_what_begins_at_the_end_of_the_range_is_outside():
    (first, second) = analysed(TWO).startups["start"]
    assert narrow(analysed(TWO), stop=second).startups["start"].tolist() == [first]
    assert narrow(analysed(TWO), start=second).startups["start"].tolist() == [second]


def test_a_span_that_began_before_the_range_is_left_out():
    assert narrow(analysed(TWO), start=at(1), stop=at(40)).spans.empty


def test_steps_of_events_out_of_sight_are_left_out():
    log = events(TWO)
    actions = pd.concat([steps(4, "action NoProxy"), steps(9, "action NoProxy")])
    some = narrow(c2.analyse(case(log, steps=actions)), pid=1)
    assert some.case.steps["event"].tolist() == [4]


def test_what_names_no_process_is_not_kept_when_one_is_asked_for():
    log = events(TWO)
    log["pid"] = log["pid"].mask([True] * len(log))
    assert narrow(analysed(log), pid=1).spans.empty


def test_the_headline_of_a_part_says_that_it_is_one():
    text = (
        TWO
        + """
VerifyTrust                      11.0  13.0  host=A  process=w3wp.exe  pid=1
  BuildChain                     11.0  12.9  budget=20
    VerifyRevocation             11.0  12.8
      RetrieveObjectFromNetwork  11.0  12.0
"""
    )
    assert "1 of 2 retrievals" in c2.headline(narrow(analysed(text), stop=at(5)))


@settings(max_examples=15, deadline=None)
@given(worlds, st.floats(-5, 100), st.floats(0, 60))
def test_no_row_begins_outside_the_range(world, start, length):
    some = narrow(analysed(world), start=at(start), stop=at(start + length))
    begins = [some.case.events["time"], some.spans["start"], some.waits["start"], some.startups["start"]]
    for times in begins:
        assert times.between(at(start), at(start + length), inclusive="left").all()


def test_findings_are_narrowed_to_what_they_cite(tmp_path, capsys):
    """The third process of the story found its lists in the cache: nothing is wrong with it."""
    main(["summary", str(LAB / "not-cached"), "--pid", "4140"])
    assert "profile" not in capsys.readouterr().out
    main(["report", str(LAB / "not-cached"), "--pid", "4140", "-o", str(tmp_path / "r.html")])
    assert (tmp_path / "r.html").exists()
    main(["summary", str(LAB / "not-cached"), "--pid", "3384"])
    assert "Give the account a profile" in capsys.readouterr().out


@pytest.mark.real
def test_the_red_records_of_one_process_are_judged_by_its_own_operations(real_logs, capsys):
    main(
        [
            "summary",
            "--full",
            str(real_logs / "evtx" / "capi2_operational_wks05_2016-2018.evtx"),
            "--process",
            "setup.exe",
        ]
    )
    assert "11 records of level error: 11 no failure" in capsys.readouterr().out
