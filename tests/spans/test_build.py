"""Spans as logged: which records belong together, what encloses what, and what was checked."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from outlines import EPOCH, WINDOWS_7_TICK, events, seconds
from worlds import many_worlds, worlds

import capi2kit as c2
from capi2kit.columns.cells import empty

CHECK = r"""
VerifyTrust                       0.0   1.0  target=C:\app\Slow.dll
  BuildChain                      0.1   0.9  budget=20
    VerifyRevocation              0.2   0.8
      RetrieveObjectFromCache     0.2   0.3
      RetrieveObjectFromNetwork   0.3   0.7  url=http://crl.test/a.crl
"""


def spans_of(outline, **how):
    return c2.build_spans(events(outline, **how))


def tree(spans):
    """Operation, state and what encloses it, per span."""
    names = spans["operation"]
    above = [None if pd.isna(parent) else names[parent] for parent in spans["parent"]]
    return list(zip(names, spans["state"], above, strict=True))


def test_calls_are_found_inside_each_other():
    assert tree(spans_of(CHECK)) == [
        ("VerifyTrust", "closed", None),
        ("BuildChain", "closed", "VerifyTrust"),
        ("VerifyRevocation", "closed", "BuildChain"),
        ("RetrieveObjectFromCache", "closed", "VerifyRevocation"),
        ("RetrieveObjectFromNetwork", "closed", "VerifyRevocation"),
    ]


def test_a_whole_task_with_one_time_stamp_is_ordered_by_its_numbers():
    log = events(CHECK)
    log["time"] = log["time"].iloc[-1]
    log = log.iloc[::-1]
    assert tree(c2.build_spans(log)) == tree(spans_of(CHECK))


def test_a_wrapped_log_is_put_in_order():
    log = events(CHECK)
    assert tree(c2.build_spans(pd.concat([log.iloc[5:], log.iloc[:5]]))) == tree(spans_of(CHECK))


def test_a_chain_may_be_built_inside_a_revocation_check():
    spans = spans_of("""
        BuildChain                        0.0  3.0  budget=20
          VerifyRevocation                0.0  2.9
            RetrieveObjectFromNetwork     0.0  1.0
            BuildChain                    1.0  2.8
              VerifyRevocation            1.1  2.7
    """)
    assert [above for *_, above in tree(spans)] == [
        None,
        "BuildChain",
        "VerifyRevocation",
        "VerifyRevocation",
        "BuildChain",
    ]


def test_the_task_that_the_wrap_cut_has_stops_without_starts():
    spans = c2.build_spans(events(CHECK).iloc[4:])
    assert tree(spans) == [
        ("RetrieveObjectFromCache", "no start", "VerifyRevocation"),
        ("RetrieveObjectFromNetwork", "closed", "VerifyRevocation"),
        ("VerifyRevocation", "no start", "BuildChain"),
        ("BuildChain", "no start", "VerifyTrust"),
        ("VerifyTrust", "no start", None),
    ]


def test_a_log_that_ends_too_early_has_starts_without_stops():
    assert tree(c2.build_spans(events(CHECK).iloc[:5])) == [
        ("VerifyTrust", "no stop", None),
        ("BuildChain", "no stop", "VerifyTrust"),
        ("VerifyRevocation", "no stop", "BuildChain"),
        ("RetrieveObjectFromCache", "closed", "VerifyRevocation"),
    ]


def test_a_span_without_a_start_has_no_duration():
    assert c2.build_spans(events(CHECK).iloc[-1:])["duration_s"].isna().all()


def test_a_record_lost_in_the_middle_costs_its_own_span_only():
    spans = spans_of("""
        BuildChain            0.0  3.0
          VerifyRevocation    0.0  1.0  lost=stop
          VerifyRevocation    1.0  2.0
    """)
    assert [state for _, state, _ in tree(spans)] == ["closed", "no stop", "closed"]


def test_a_start_and_a_stop_with_a_hole_between_make_no_retrieval():
    spans = spans_of("""
        VerifyRevocation              0.0  9.0
          RetrieveObjectFromNetwork   0.0  2.0  lost=stop
          RetrieveObjectFromNetwork   2.0  8.0  lost=start
    """)
    assert [state for _, state, _ in tree(spans)] == ["closed", "no stop", "no start"]


def test_a_check_with_a_hole_inside_says_that_it_may_be_two():
    spans = spans_of("""
        BuildChain            0.0  9.0
          VerifyRevocation    0.0  2.0  lost=stop
          VerifyRevocation    2.0  8.0  lost=start
    """)
    assert spans.loc[spans["operation"] == "VerifyRevocation", "quality"].tolist() == ["broken"]


def test_an_export_of_errors_only_still_nests():
    log = events(CHECK)
    spans = c2.build_spans(log[log["phase"] == "stop"])
    assert {state for _, state, _ in tree(spans)} == {"no start"}
    assert tree(spans)[1] == ("RetrieveObjectFromNetwork", "no start", "VerifyRevocation")


def without_tasks(log):
    """The same records as exports leave them that drop attributes: no TaskId, no SeqNumber, no program."""
    rows = log.reset_index()
    rows["task_id"] = rows["process"] = pd.array([None] * len(rows), dtype="string")
    rows["seq"] = pd.array([None] * len(rows), dtype=rows["seq"].dtype)
    return rows.set_index(["task_id", "process"])


def test_where_the_task_is_not_known_the_calls_of_a_thread_are_one():
    log = events(CHECK)
    spans = c2.build_spans(without_tasks(log))
    assert tree(spans) == tree(spans_of(CHECK))
    assert spans["task_id"].isna().all() and spans["duration_s"].tolist() == spans_of(CHECK)["duration_s"].tolist()
    alone = without_tasks(log).assign(tid=pd.array([None] * len(log), dtype=log["tid"].dtype))
    assert set(c2.build_spans(alone)["state"]) == {
        "no start",
        "no stop",
    }  # neither thread nor task: nothing belongs together


def test_events_without_a_task_are_left_out():
    assert spans_of("VerifyTrust 0.0 1.0 task=none").empty  # its program is there: no export dropped it
    log = without_tasks(events(CHECK))
    assert c2.build_spans(log.assign(phase=pd.array(["point"] * len(log), dtype="string"))).empty


def test_a_log_without_events_has_no_spans():
    spans = c2.build_spans(empty("events").set_index(["task_id", "process"]))
    assert spans.empty and list(spans.columns) == list(empty("spans").columns)


def test_a_table_that_lacks_a_column_is_refused():
    with pytest.raises(c2.TableError, match="seq"):
        c2.build_spans(events(CHECK).drop(columns="seq"))


def test_the_events_handed_in_are_left_alone():
    log = events(CHECK)
    before = log.copy()
    c2.build_spans(log)
    pd.testing.assert_frame_equal(log, before)


def test_one_task_number_on_two_hosts_is_two_tasks():
    spans = spans_of("""
        BuildChain 0.0 5.0 host=A pid=7 task=X
        BuildChain 1.0 2.0 host=B pid=7 task=X
    """)
    assert sorted(zip(spans["host"], spans["depth"], spans["state"], strict=True)) == [
        ("A", 0, "closed"),
        ("B", 0, "closed"),
    ]


def test_start_and_stop_are_those_of_the_records():
    spans = spans_of(CHECK, starts="late")
    assert seconds(spans["logged_start"]) == [0.3, 0.3, 0.3, 0.3, 0.7]
    assert seconds(spans["logged_stop"]) == [1.0, 0.9, 0.8, 0.3, 0.7]
    assert spans["duration_s"].tolist() == pytest.approx([0.7, 0.6, 0.5, 0.0, 0.0])


def test_the_first_record_inside_is_no_start_record():
    assert seconds(spans_of(CHECK, starts="on time")["first_inner"]) == [0.3, 0.3, 0.3, 0.3, 0.7]


def test_where_a_record_is_missing_the_first_one_inside_is_not_known():
    spans = spans_of(CHECK.replace("0.2   0.3", "0.2   0.3  lost=both"))
    assert spans["first_inner"].isna().tolist() == [True, True, True, False]


def test_what_the_thread_did_before_is_known_where_it_logged():
    spans = spans_of("BuildChain 0.0 1.0 tid=1\nBuildChain 2.0 3.0 tid=2\nBuildChain 4.0 5.0 tid=1")
    assert spans["previous"].isna().tolist() == [True, True, False]
    assert spans["previous"].iloc[2] == EPOCH + pd.Timedelta("1s")


def test_where_the_thread_is_not_known_nothing_before_the_task_is_known():
    log = events("BuildChain 0.0 1.0\nBuildChain 2.0 3.0")
    log["tid"] = log["tid"].mask([True] * len(log))
    assert c2.build_spans(log)["previous"].isna().all()


def test_where_the_clock_was_set_back_the_record_before_says_nothing():
    spans = spans_of("BuildChain 0.0 10.0\nBuildChain 11.0 12.0", clock=lambda true: true if true < 10.5 else true - 9)
    assert spans["previous"].isna().all()


def test_files_are_taken_in_the_order_of_their_times():
    spans = spans_of("BuildChain 0.0 1.0 source=1\nBuildChain 2.0 3.0 source=0")
    late = spans.loc[spans["logged_start"] > EPOCH + pd.Timedelta("2s"), "previous"]
    assert late.tolist() == [EPOCH + pd.Timedelta("1s")]


def test_a_file_is_the_target_of_its_task():
    assert set(spans_of(CHECK)["target"]) == {r"C:\app\Slow.dll"}
    assert set(spans_of(CHECK)["target_kind"]) == {"file"}


def test_a_member_of_a_catalog_is_the_target_where_no_file_is_named():
    spans = spans_of(r"VerifyTrust 0.0 1.0 member_path=C:\Windows\a.dll")
    assert spans[["target", "target_kind"]].values.tolist() == [[r"C:\Windows\a.dll", "catalog"]]


def test_a_server_is_the_target_of_a_chain_that_a_policy_names():
    spans = spans_of("""
        BuildChain        0.0 1.0  subject=web.test  chain_ref=R1
        VerifyChainPolicy 1.0      chain_ref=R1  server_name=www.web.test
    """)
    assert spans[["target", "target_kind"]].values.tolist() == [["www.web.test", "server"]]


def test_a_subject_is_the_target_of_a_chain_that_nobody_names():
    spans = spans_of("BuildChain 0.0 1.0 subject=Contoso")
    assert spans[["target", "target_kind"]].values.tolist() == [["Contoso", "subject"]]


def test_a_task_that_lost_its_end_has_no_target():
    assert c2.build_spans(events(CHECK).iloc[:-1])["target"].isna().all()


def test_a_policy_check_joins_its_chain_by_reference_though_its_task_is_another():
    log = events("""
        VerifyTrust       0.0 3.0  chain_ref=R1  target=C:\\a.dll
          BuildChain      0.0 1.0  chain_ref=R1
        BuildChain        4.0 5.0  chain_ref=R2
        VerifyChainPolicy 6.0      chain_ref=R1  result=800B0101
    """)
    spans = c2.build_spans(log)
    policy = int(log.loc[log["phase"] == "point", "event"].iloc[0])
    assert spans["policy_event"].tolist() == [pd.NA, policy, pd.NA]
    assert spans["policy_result"].tolist() == [pd.NA, 0x800B0101, pd.NA]


def test_a_policy_check_of_another_host_is_not_joined():
    spans = spans_of("BuildChain 0.0 1.0 chain_ref=R1 host=A\nVerifyChainPolicy 2.0 chain_ref=R1 host=B")
    assert spans["policy_event"].isna().all()


def test_a_catalog_search_joins_the_check_that_follows_it_by_hash():
    log = events("""
        FindSecurityCatalogForFile 0.0      query_hash=AA
        VerifyTrust                1.0 2.0  member_tag=AA
        FindSecurityCatalogForFile 3.0      query_hash=AA
        VerifyTrust                4.0 5.0  member_tag=AA
        VerifyTrust                6.0 7.0  member_tag=BB
    """)
    searches = log.loc[log["phase"] == "point", "event"].tolist()
    assert c2.build_spans(log)["catalog_event"].tolist() == [*searches, pd.NA]


def test_a_catalog_search_after_the_check_is_not_its_own():
    spans = spans_of("VerifyTrust 1.0 2.0 member_tag=AA\nFindSecurityCatalogForFile 3.0 query_hash=AA")
    assert spans["catalog_event"].isna().all()


def test_flags_tell_a_shared_budget_and_hold_for_what_is_inside():
    spans = spans_of(CHECK)
    assert spans["accumulative"].tolist() == [pd.NA, True, True, True, True]
    assert spans_of(CHECK.replace("budget=20", "each=15"))["accumulative"].tolist() == [pd.NA, *[False] * 4]


def test_without_flags_it_is_not_known_whether_a_budget_is_shared():
    assert spans_of("BuildChain 0.0 1.0\n  VerifyRevocation 0.1 0.2")["accumulative"].isna().all()


def test_trust_errors_are_read_from_their_bits():
    spans = spans_of("BuildChain 0.0 1.0 trust_error=1000040\nBuildChain 2.0 3.0")
    assert spans["offline_revocation"].tolist() == [True, pd.NA]
    assert spans["revoked"].tolist() == [False, pd.NA]


def test_a_chain_takes_the_clock_of_its_checks_and_a_trust_check_takes_none():
    spans = spans_of(CHECK)
    assert spans["chain_start"].isna().tolist() == [True, False, False, True, True]


def test_outcomes_are_words_for_results():
    spans = spans_of("BuildChain 0.0 1.0\nBuildChain 1.0 2.0 result=80072EE2\nBuildChain 2.0 3.0 lost=stop")
    assert spans["outcome"].tolist() == ["ok", "timeout", pd.NA]


@many_worlds
@given(worlds, st.sampled_from(["late", "on time"]), st.sampled_from([0.0, WINDOWS_7_TICK]))
def test_in_any_world_every_record_is_used_once_and_all_spans_close(world, starts, tick):
    log = events(world, starts=starts, tick=tick)
    spans = c2.build_spans(log)
    used = pd.concat([spans["start_event"], spans["stop_event"]]).dropna()
    assert sorted(used) == sorted(log.loc[log["phase"] != "point", "event"])
    assert set(spans["state"]) == {"closed"} and set(spans["quality"]) == {"logged"}


@many_worlds
@given(worlds, st.integers(0, 2**32 - 1), st.sampled_from([0.02, 0.2, 0.6]))
def test_whatever_is_lost_every_record_is_used_once(world, seed, share):
    log = events(world).sample(frac=1 - share, random_state=seed)
    spans = c2.build_spans(log)
    used = pd.concat([spans["start_event"], spans["stop_event"]]).dropna()
    assert sorted(used) == sorted(log.loc[log["phase"] != "point", "event"])


def reversed_rows(outline: str) -> pd.DataFrame:
    """Spans of a log whose newest record comes first, as an event viewer exports it."""
    return c2.build_spans(events(outline).iloc[::-1])


def test_the_first_row_of_a_table_counts_like_any_other():
    spans = reversed_rows("BuildChain 0.0 1.0 budget=20 trust_error=40\n VerifyRevocation 0.1 0.9")
    assert spans["accumulative"].tolist() == [True, True] and spans["revocation_unknown"].tolist() == [True, pd.NA]
    assert seconds(spans["chain_start"]) == [0.0, 0.0]  # the check in the first chain of a log


def test_the_first_record_of_a_task_can_be_what_the_thread_did_before():
    spans = spans_of("BuildChain 0.0 1.0 lost=start\nBuildChain 2.0 3.0")
    assert spans["previous"].isna().tolist() == [True, False]


def test_flags_say_nothing_of_an_operation_without_such_a_flag():
    spans = spans_of("RetrieveObjectFromCache 0.0 1.0 flags=FFFFFFFF")
    assert spans[["accumulative", "cache_only"]].isna().all(axis=None)


def test_an_operation_that_nobody_knows_is_not_taken_for_an_outermost_one():
    spans = spans_of("""
        VerifyTrust      0.0 9.0
          SomethingNew   0.0 2.0 lost=stop
          SomethingNew   2.0 8.0 lost=start
    """)
    assert spans["quality"].tolist() == ["logged", "broken"]
    lone = spans_of("SomethingNew 0.0 9.0 lost=stop\n BuildChain 1.0 2.0")
    assert tree(lone) == [("SomethingNew", "no stop", None), ("BuildChain", "closed", None)]


def test_one_missing_record_parts_no_call():
    spans = spans_of("""
        BuildChain                     0.0  9.0
          VerifyRevocation             0.0  2.0
            Anything                   1.0  lost=both
          RetrieveObjectFromNetwork    3.0  8.0
            Anything                   4.0  lost=both
    """)
    assert spans["quality"].tolist() == ["broken", "logged", "logged"]  # in the chain two are missing
    assert set(spans["state"]) == {"closed"}


def clocks_of(outline: str) -> list[float | None]:
    found = spans_of(outline)["chain_start"]
    return [None if pd.isna(when) else round((when - EPOCH).total_seconds(), 3) for when in found]


def test_only_a_chain_takes_the_clock_of_the_checks_right_inside_it():
    outermost = "VerifyRevocation 0 1 clock=5 budget=20\nBuildChain 2 3"
    assert clocks_of(outermost) == [5.0, None]  # the check has no chain; the last call of the log is not its chain
    assert clocks_of("VerifyTrust 0 9 budget=20\n VerifyRevocation 0 1 clock=5") == [None, 5.0]
    two = "BuildChain 0 9 budget=20\n VerifyRevocation 0 1 clock=6\n VerifyRevocation 1 2 clock=5\n VerifyRevocation 2 3 clock=none"
    assert clocks_of(two) == [5.0, 6.0, 5.0, None]  # the earliest


@pytest.mark.parametrize(("logged", "kept"), [(0, True), (4294967.295, True), (-0.5, False), (4294967.296, False)])
def test_a_limit_that_windows_cannot_count_in_32_bits_is_none(logged, kept):
    spans = spans_of(f"VerifyRevocation 0 1 budget=20 left={logged}")
    assert spans["budget_s"].tolist() == [logged if kept else pd.NA]


@pytest.mark.parametrize(
    ("time", "kept"),
    [
        ("1970-01-01T00:00:00Z", True),
        ("1969-12-31T23:59:59Z", False),
        ("2199-12-31T23:59:59Z", True),
        ("2200-01-01T00:00:00Z", False),
    ],
)
def test_a_time_that_no_clock_of_windows_shows_is_none(time, kept):
    log = events("BuildChain 0 1").assign(time=pd.Series([pd.Timestamp(time)] * 2).astype("datetime64[ns, UTC]").array)
    assert c2.build_spans(log)["logged_stop"].notna().tolist() == [kept]
