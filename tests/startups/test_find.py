"""Start-ups: the first stretch of each process, and a ledger that adds up to the nanosecond."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from outlines import EPOCH, analysed, events, seconds, spans, waits
from worlds import many_worlds, worlds

import capi2kit as c2
from capi2kit.columns.cells import empty, shaped
from capi2kit.startups import mark_startups

TWO_THREADS = """
VerifyTrust                       0.0  10.0  tid=1  target=a.dll
  RetrieveObjectFromNetwork       1.0   9.0  url=http://crl.test/a
VerifyTrust                       2.0   7.0  tid=2  target=b.dll
  RetrieveObjectFromNetwork       3.0   5.0  url=http://ocsp.test/
"""
FIGURES = ["wall_s", "waiting_wall_s", "checking_s", "unexplained_s"]


def measured(outline, **how):
    """Start-ups and ledger of the truth that an outline tells."""
    startups = c2.find_startups(spans(outline), waits(outline), **how)
    return startups, c2.draw_ledger(startups, spans(outline), waits=waits(outline))


def lines(ledger):
    return list(zip(ledger["kind"], ledger["seconds"], strict=True))


def test_wall_time_is_waiting_checking_and_what_nothing_explains():
    startups, _ = measured("""
        VerifyTrust                   0.0  6.0
          RetrieveObjectFromNetwork   1.0  5.0
        VerifyTrust                   8.0  9.0
    """)
    assert startups[FIGURES].values.tolist() == [[9.0, 4.0, 3.0, 2.0]]


def test_threads_that_wait_at_once_are_counted_once():
    startups, _ = measured(TWO_THREADS)
    assert startups[["waiting_wall_s", "waiting_sum_s", "threads", "waits", "targets"]].values.tolist() == [
        [8.0, 10.0, 2, 2, 2]
    ]


def test_the_thread_that_began_first_is_the_critical_one():
    startups, _ = measured(TWO_THREADS)
    assert startups[["critical_tid", "critical_wait_s"]].values.tolist() == [[1, 8.0]]


def test_a_moment_shared_by_two_waits_gives_half_to_each():
    _, ledger = measured(TWO_THREADS)
    assert lines(ledger) == [("wait", 7.0), ("wait", 1.0), ("checking", 2.0), ("unexplained", 0.0)]
    assert ledger["url_host"].tolist()[:2] == ["crl.test", "ocsp.test"]


def test_waits_for_one_server_and_target_are_one_line_that_cites_its_events():
    _, ledger = measured("""
        VerifyTrust                   0.0  6.0  target=a.dll
          RetrieveObjectFromNetwork   1.0  2.0  url=http://crl.test/a
          RetrieveObjectFromNetwork   3.0  5.0  url=http://crl.test/b
    """)
    assert ledger.loc[ledger["kind"] == "wait", ["seconds", "events"]].values.tolist() == [[3.0, "1 2"]]


def test_a_bounded_wait_is_a_line_of_its_own():
    startups, ledger = measured("""
        VerifyTrust                   0.0  6.0
          RetrieveObjectFromNetwork   0.0  2.0  quality=bounded
          RetrieveObjectFromNetwork   2.0  5.0
    """)
    assert lines(ledger) == [("wait", 3.0), ("other wait", 2.0), ("checking", 1.0), ("unexplained", 0.0)]
    assert startups[["waiting_wall_s", "other_wait_s"]].values.tolist() == [[5.0, 2.0]]


def test_where_one_thread_waits_for_sure_the_bounded_wait_of_another_adds_nothing():
    _, ledger = measured("""
        VerifyTrust                   0.0  6.0  tid=1
          RetrieveObjectFromNetwork   0.0  4.0  quality=bounded
        VerifyTrust                   0.0  6.0  tid=2
          RetrieveObjectFromNetwork   1.0  5.0
    """)
    assert lines(ledger)[:2] == [("wait", 4.0), ("other wait", 1.0)]


@pytest.mark.parametrize(
    ("low_s", "high_s", "least", "most"),
    [(2.0, 2.0, 5.0, 5.0), (0.5, 2.5, 3.5, 5.5), (0.5, 9.0, 3.5, 6.0), (-9.0, None, 0.0, 5.0)],
)
def test_a_start_up_waited_as_long_as_its_bounded_waits_allow(low_s, high_s, least, most):
    text = """
        VerifyTrust                   0.0  6.0
          RetrieveObjectFromNetwork   0.0  2.0  quality=bounded
          RetrieveObjectFromNetwork   2.0  5.0
    """
    table = waits(text).assign(low_s=pd.array([low_s, 9.0], "Float64"), high_s=pd.array([high_s, 9.0], "Float64"))
    found = c2.find_startups(spans(text), table)
    assert found[["waiting_low_s", "waiting_wall_s", "waiting_high_s"]].values.tolist() == [[least, 5.0, most]]


def test_an_unknown_wait_adds_no_seconds_but_the_start_is_not_warm():
    startups, ledger = measured("VerifyTrust 0 6\n RetrieveObjectFromNetwork 1 5 quality=unknown")
    assert startups["waiting_wall_s"].tolist() == [0.0]
    assert startups[["waits", "warm"]].values.tolist() == [[1, False]]
    assert [kind for kind, _ in lines(ledger)] == ["checking", "unexplained"]


def test_a_start_without_retrievals_is_warm():
    startups, _ = measured("VerifyTrust 0 1")
    assert startups["warm"].tolist() == [True]


@pytest.mark.parametrize(("gap_s", "stop"), [(2.0, 1.0), (3.0, 5.0), (30.0, 40.0)])
def test_a_hole_longer_than_the_gap_ends_the_start_up(gap_s, stop):
    startups, _ = measured("VerifyTrust 0 1\nVerifyTrust 4 5\nVerifyTrust 35 40", gap_s=gap_s)
    assert seconds(startups["stop"]) == [stop]


def test_a_hole_in_one_thread_is_none_where_another_is_at_work():
    startups, _ = measured("VerifyTrust 0 1 tid=1\nVerifyTrust 0 90 tid=2\nVerifyTrust 80 95 tid=1")
    assert seconds(startups["stop"]) == [95.0]


def test_a_stall_that_the_late_records_hide_is_no_hole():
    text = "".join(
        f"BuildChain {t} {t + 40} budget=120\n VerifyRevocation {t} {t + 40}\n  RetrieveObjectFromNetwork {t} {t + 40}\n"
        for t in (0, 41, 82)
    )
    assert seconds(analysed(text).startups["stop"]) == [122.0]


def test_every_process_has_its_start_up_in_the_order_of_time():
    startups, ledger = measured("""
        VerifyTrust 5 6 pid=1 host=A
        VerifyTrust 0 1 pid=1 host=B
        VerifyTrust 2 9 pid=2 host=B
    """)
    assert startups[["startup", "host", "pid"]].values.tolist() == [[0, "B", 1], [1, "B", 2], [2, "A", 1]]
    assert ledger.groupby("startup")["seconds"].sum().tolist() == [1.0, 7.0, 1.0]


def test_a_process_that_the_log_meets_at_work_says_so():
    log = events("VerifyTrust 0 9\n BuildChain 0 3\n BuildChain 3 8\nBuildChain 9 10").iloc[2:]
    assert analysed(log).startups["start_from"].tolist() == ["log begins"]
    assert analysed("VerifyTrust 0 9").startups["start_from"].tolist() == ["first operation"]


@pytest.mark.parametrize(
    ("wrapped", "log_begins", "start_from"),
    [
        (True, 0, "log begins"),
        (True, -29, "log begins"),
        (True, -29.001, "first operation"),  # 30 s are the gap
        (True, -60, "first operation"),
        (False, 0, "first operation"),
        (None, 0, "first operation"),
    ],
)
def test_a_process_right_at_the_beginning_of_a_log_that_wrapped_may_be_older(wrapped, log_begins, start_from):
    logged = spans("VerifyTrust 1 3 target=a.dll\n BuildChain 1 2")
    row = {"source": 0, "host": logged["host"].iloc[0], "channel": "x", "wrapped": wrapped, "verdict": "complete"}
    row |= {"start": EPOCH + pd.Timedelta(seconds=log_begins), "stop": EPOCH + pd.Timedelta(hours=1)}
    counts = {"records": 9, "gaps": 0, "starts": 3, "cut_tasks": 0}
    coverage = shaped(pd.DataFrame([row | counts]).astype({"wrapped": "boolean"}), "coverage")
    found = c2.find_startups(logged, waits("VerifyTrust 1 3 target=a.dll\n BuildChain 1 2"), coverage=coverage)
    assert found["start_from"].tolist() == [start_from]


def test_a_process_without_a_pid_is_one_too():
    table, waiting = spans(TWO_THREADS), waits(TWO_THREADS)
    for one in (table, waiting):
        one["pid"] = one["pid"].mask([True] * len(one))
    startups = c2.find_startups(table, waiting)
    ledger = c2.draw_ledger(startups, table, waits=waiting)
    assert lines(ledger) == lines(measured(TWO_THREADS)[1])
    assert mark_startups(table, startups)["startup"].tolist() == [0] * len(table)


def test_a_narrower_window_is_accounted_for_as_exactly():
    startups, _ = measured(TWO_THREADS)
    start, stop = startups["start"] + pd.Timedelta("2s"), startups["start"] + pd.Timedelta("4s")
    window = startups.assign(start=start, stop=stop)
    ledger = c2.draw_ledger(window, spans(TWO_THREADS), waits=waits(TWO_THREADS))
    assert ledger["ns"].sum() == 2 * 10**9 and (ledger["ns"] >= 0).all()


def test_spans_are_marked_with_the_start_up_they_began_in():
    text = "VerifyTrust 0 1 pid=1\nVerifyTrust 0.5 1 pid=2\nVerifyTrust 60 61 pid=1"
    startups, _ = measured(text)
    assert mark_startups(spans(text), startups)["startup"].tolist() == [0, 1, pd.NA]


def test_without_spans_there_are_no_start_ups_and_no_lines():
    startups = c2.find_startups(empty("spans"), empty("waits"))
    assert startups.empty and c2.draw_ledger(startups, empty("spans"), waits=empty("waits")).empty
    assert mark_startups(empty("spans"), startups).empty


def test_a_table_of_another_kind_is_refused():
    with pytest.raises(c2.TableError):
        c2.find_startups(empty("waits"), empty("waits"))
    with pytest.raises(c2.TableError):
        c2.draw_ledger(empty("spans"), empty("spans"), waits=empty("waits"))


# --- random intervals


def assert_adds_up(startups, ledger):
    walls = startups["stop"].astype("int64").to_numpy() - startups["start"].astype("int64").to_numpy()
    sums = ledger.groupby("startup")["ns"].sum().reindex(startups["startup"]).to_numpy()
    assert sums.tolist() == walls.tolist() and (ledger["ns"] >= 0).all()
    waiting = ledger[ledger["kind"].isin(["wait", "other wait"])].groupby("startup")["ns"].sum()
    claimed = (startups["waiting_wall_s"].to_numpy("float64") * 1e9).round()
    assert waiting.reindex(startups["startup"]).fillna(0).tolist() == claimed.tolist()
    parts = startups[["waiting_wall_s", "checking_s", "unexplained_s"]].sum(axis=1)
    assert parts.tolist() == pytest.approx(startups["wall_s"].tolist())


second = st.integers(0, 90 * 10**9)
rows = st.tuples(
    st.integers(0, 3),
    st.integers(0, 2),
    st.sampled_from(["VerifyTrust", "exact", "bounded", "unknown"]),
    second,
    st.integers(0, 20 * 10**9),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(rows, min_size=1, max_size=30), st.sampled_from([0.0, 1.0, 30.0]))
def test_any_intervals_of_any_threads_add_up(table, gap_s):
    pid, tid, kind, begin, length = zip(*table, strict=True)
    start = pd.DatetimeIndex(EPOCH + pd.to_timedelta(begin, "ns"))
    parts = pd.DataFrame({"host": "A", "process": "p.exe", "pid": pid, "tid": tid, "start": start, "kind": kind})
    parts = parts.assign(stop=start + pd.to_timedelta(length, "ns"), depth=0, state="closed", event=range(len(parts)))
    parts["quality"], parts["url_host"] = parts["kind"], [f"{n % 3}.test" for n in range(len(parts))]
    parts["wait_s"] = np.where(parts["quality"] == "unknown", np.nan, np.array(length) / 1e9)
    parts.loc[parts["quality"] == "unknown", "start"] = parts["stop"]
    check = parts["kind"] == "VerifyTrust"
    table = shaped(parts[check].assign(quality="exact", span=0, root=0), "spans")
    waiting = shaped(parts[~check].assign(span=0, starts="late"), "waits")
    startups = c2.find_startups(table, waiting, gap_s=gap_s)
    ledger = c2.draw_ledger(startups, table, waits=waiting)
    assert_adds_up(startups, ledger)


@many_worlds
@given(worlds, st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.0, 0.2]))
def test_the_ledger_of_any_world_adds_up(world, seed, share):
    log = events(world).sample(frac=1 - share, random_state=seed)
    logged = c2.build_spans(log)
    waits = c2.recover_waits(logged, log)
    spans = c2.correct_spans(logged, waits)
    startups = c2.find_startups(spans, waits)
    assert_adds_up(startups, c2.draw_ledger(startups, spans, waits=waits))


def stretches(*rows: dict) -> pd.DataFrame:
    """Table `coverage`: one stretch per file."""
    more = {"channel": "x", "verdict": "complete", "stop": EPOCH + pd.Timedelta(hours=1), "records": 9}
    more |= {"gaps": 0, "starts": 3, "cut_tasks": 0}
    return shaped(pd.DataFrame([row | more for row in rows]).astype({"wrapped": "boolean"}), "coverage")


@pytest.mark.parametrize(
    ("begins_s", "wrapped", "starts_from"),
    [(0, True, "log begins"), (0, False, "first operation"), (-20, True, "log begins"), (-40, True, "first operation")],
)
def test_a_process_near_the_beginning_of_its_own_wrapped_file_may_be_older(begins_s, wrapped, starts_from):
    """B's log is the second file: an older one of another computer changes nothing."""
    outline = "VerifyTrust 1 3 host=B\n BuildChain 1 2 host=B"
    begins = EPOCH + pd.Timedelta(seconds=begins_s)
    a = {"source": 0, "host": "A", "wrapped": False, "start": EPOCH - pd.Timedelta(days=1)}
    b = {"source": 1, "host": "B", "wrapped": wrapped, "start": begins}
    found = c2.find_startups(spans(outline), waits(outline), coverage=stretches(a, b))
    assert found["start_from"].tolist() == [starts_from]
