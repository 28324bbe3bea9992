"""The whole road from records to seconds: outlines whose truth is known, and the figures of the real log."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from outlines import events
from worlds import worlds

import capi2kit as c2
from capi2kit.analysis import answer_of
from capi2kit.columns.intervals import cut, shares
from capi2kit.questions import sentences

BLACK_HOLE = r"""
VerifyTrust                       0.0  15.2  target=C:\app\Slow.dll
  BuildChain                      0.0  15.1  budget=20
    VerifyRevocation              0.0  10.0
      RetrieveObjectFromNetwork   0.0  10.0  url=http://crl.test/ca.crl    result=80072EE2
    VerifyRevocation             10.0  15.0
      RetrieveObjectFromNetwork  10.0  15.0  url=http://crl.test/leaf.crl  result=80072EE2
"""
PER_URL = r"""
BuildChain                        0.0  30.1  each=15
  VerifyRevocation                0.0  15.0
    RetrieveObjectFromNetwork     0.0  15.0  url=http://crl.test/ca.crl    result=80072EE2
  VerifyRevocation               15.0  30.0
    RetrieveObjectFromNetwork    15.0  30.0  url=http://crl.test/leaf.crl  result=80072EE2
"""


def recovered(outline, **how):
    log = events(outline, **how)
    logged = c2.build_spans(log)
    waits = c2.recover_waits(logged, log)
    return logged, waits, c2.correct_spans(logged, waits)


def test_late_start_records_make_stop_minus_start_zero_and_the_true_waits_come_back():
    logged, waits, spans = recovered(BLACK_HOLE)
    assert waits["logged_s"].sum() == 0
    assert waits["wait_s"].tolist() == pytest.approx([10.0, 5.0], abs=0.016)
    assert set(waits["quality"]) == {"exact"} and set(waits["starts"]) == {"late"}
    assert logged.loc[0, "duration_s"] == pytest.approx(5.2)
    assert spans.loc[0, "duration_s"] == pytest.approx(15.2, abs=0.016)


def test_where_start_records_are_on_time_nothing_is_added():
    logged, waits, spans = recovered(BLACK_HOLE, starts="on time")
    assert set(waits["starts"]) == {"on time"}
    assert waits["wait_s"].tolist() == pytest.approx([10.0, 5.0], abs=0.016)
    assert spans.loc[0, "duration_s"] == pytest.approx(float(logged.loc[0, "duration_s"]), abs=0.016)


def test_a_caller_with_a_limit_per_url_is_bounded_and_the_truth_lies_inside():
    _, waits, _ = recovered(PER_URL)
    assert set(waits["quality"]) == {"bounded"}
    assert (waits["low_s"] <= 15.0).all() and (waits["high_s"] >= 15.0).all()
    assert waits["wait_s"].sum() == pytest.approx(30.0, abs=0.1)


def test_a_retrieval_without_any_clock_claims_no_seconds():
    _, waits, _ = recovered("RetrieveObjectFromNetwork  0.0  12.0  url=http://crl.test/a.crl  timeout=15")
    assert waits["quality"].tolist() == ["unknown"]
    assert waits["wait_s"].isna().all() and waits["high_s"].iloc[0] >= 12.0


def test_two_threads_that_wait_together_share_the_wall_time():
    both = BLACK_HOLE.replace("Slow.dll", "Slow.dll tid=1") + BLACK_HOLE.replace("Slow.dll", "Other.dll tid=2")
    _, waits, spans = recovered(both)
    startups = c2.find_startups(spans, waits)
    ledger = c2.draw_ledger(startups, spans, waits=waits)
    assert startups["waiting_sum_s"].iloc[0] == pytest.approx(30.0, abs=0.1)
    assert startups["waiting_wall_s"].iloc[0] == pytest.approx(15.0, abs=0.1)
    assert ledger.loc[ledger["kind"] == "wait", "seconds"].tolist() == pytest.approx([7.5, 7.5], abs=0.1)
    assert ledger["ns"].sum() == (startups["stop"] - startups["start"]).iloc[0].value


@settings(max_examples=25, deadline=None)
@given(worlds)
def test_in_any_world_each_record_is_used_once_and_every_ledger_adds_up(world):
    log = events(world)
    logged = c2.build_spans(log)
    waits = c2.recover_waits(logged, log)
    spans = c2.correct_spans(logged, waits)
    used = pd.concat([spans["start_event"], spans["stop_event"]]).dropna()
    assert used.is_unique
    assert (spans["own_s"].dropna() >= 0).all()
    startups = c2.find_startups(spans, waits)
    ledger = c2.draw_ledger(startups, spans, waits=waits)
    walls = (
        (startups["stop"] - startups["start"]).astype("int64") if len(startups) else pd.Series(dtype="int64")
    ).to_numpy()
    assert ledger.groupby("startup")["ns"].sum().to_numpy().tolist() == walls.tolist()


intervals = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 500), st.integers(0, 200)), min_size=1, max_size=40
)


@given(intervals)
def test_shares_of_overlapping_waits_add_up_to_the_time_that_any_waited(rows):
    owner, kind, begin, length = (np.array(column, "int64") for column in zip(*rows, strict=True))
    atoms = cut(owner=owner, begin=begin, end=begin + length, kind=kind, kinds=3)
    waiting = kind == 0
    mine = atoms.open[:, 0] > 0
    parts = shares(
        atoms,
        mine=mine,
        open_count=atoms.open[:, 0],
        owner=owner[waiting],
        begin=begin[waiting],
        end=(begin + length)[waiting],
    )
    for one in set(owner.tolist()):
        covered = {tick for o, k, b, n in rows if o == one and k == 0 for tick in range(b, b + n)}
        assert parts[owner[waiting] == one].sum() == len(covered)
    assert (parts >= 0).all()


@pytest.fixture(scope="module")
def real(real_logs):
    return c2.analyse(c2.load(real_logs / "evtx" / "capi2_operational_wks05_2016-2018.evtx"))


@pytest.mark.real
def test_every_start_and_stop_of_the_real_log_is_used_once(real):
    assert real.spans["state"].value_counts().to_dict() == {"closed": 180, "no start": 3}
    used = pd.concat([real.spans["start_event"], real.spans["stop_event"]]).dropna()
    assert len(used) == used.nunique() == 363 == (real.case.events["phase"] != "point").sum()


@pytest.mark.real
def test_the_waits_of_the_real_log(real):
    waits = real.waits.sort_values("wait_s", ascending=False)
    assert len(waits) == 11 and waits["logged_s"].sum() < 0.01
    assert waits["wait_s"].tolist()[:3] == pytest.approx([4.976, 4.616, 4.601], abs=0.02)
    assert waits["wait_s"].iloc[3:].between(0.03, 0.33).all()
    burst = real.waits[real.waits["start"].dt.year == 2016]
    assert set(burst["proxy"]) == {"direct"} and burst["wpad_failures"].sum() == 6
    assert burst["clock_offset_s"].median() == pytest.approx(-384, abs=2)
    assert set(real.waits[real.waits["start"].dt.year == 2018]["proxy"]) == {"172.16.4.10:8080"}


@pytest.mark.real
def test_the_longest_check_of_the_real_log_took_14_seconds_not_9(real):
    root = real.spans[(real.spans["depth"] == 0) & real.spans["task_id"].str.startswith("42694C95").fillna(False)].iloc[
        0
    ]
    assert root["duration_s"] == pytest.approx(14.45, abs=0.03)
    assert (root["logged_stop"] - root["logged_start"]).total_seconds() == pytest.approx(9.47, abs=0.01)


@pytest.mark.real
@pytest.mark.parametrize(("pid", "figures"), [(2044, (14.49, 14.19, 0.25, 0.05)), (3384, (0.716, 0.624, 0.042, 0.051))])
def test_the_start_ups_of_the_real_log(real, pid, figures):
    row = real.startups[real.startups["pid"] == pid].iloc[0]
    measured = [row["wall_s"], row["waiting_wall_s"], row["checking_s"], row["unexplained_s"]]
    assert measured == pytest.approx(figures, abs=0.02)
    lines = real.ledger[real.ledger["startup"] == row["startup"]]
    assert lines["ns"].sum() == (row["stop"] - row["start"]).value


@pytest.mark.real
def test_the_headline_of_the_real_log(real):
    said = c2.headline(real)
    assert said.startswith(
        "The search for a proxy (WPAD) costs the time. Setup.exe (PID 2044 on MININT-AEA0ADI) waited "
    )
    assert "14.2 s" in said and "14.5 s" in said
    figures = sentences.figures(answer_of(real))
    for part in ("as SYSTEM", "crl.microsoft.com", "nothing failed", "result is 0", "WPAD"):
        assert part in figures
