"""Delays: what each target that was checked cost its process."""

from __future__ import annotations

import pandas as pd
import pytest
from outlines import events

import capi2kit as c2
from capi2kit.columns.cells import empty
from capi2kit.startups import attribute_delays


def test_a_wait_on_the_wire_is_charged_to_the_file_at_the_root(outline):
    spans = outline(r"""
        VerifyTrust                       0.0  15.2  target=C:\app\Slow.dll
          BuildChain                      0.0  15.1
            VerifyRevocation              0.0  15.0
              RetrieveObjectFromNetwork   0.0  15.0  outcome=timeout
        VerifyTrust                      20.0  20.1  target=C:\app\Fast.dll
    """)
    delays = attribute_delays(spans)
    assert delays["target"].tolist() == [r"C:\app\Slow.dll", r"C:\app\Fast.dll"]
    assert delays["network_s"].tolist() == pytest.approx([15.0, 0.0])


def test_the_checks_of_one_file_are_added_up(outline):
    delays = attribute_delays(outline("VerifyTrust 0.0 1.0 target=a.dll\nVerifyTrust 5.0 8.0 target=a.dll"))
    assert delays[["checks", "total_s"]].values.tolist() == [[2, 4.0]]


def test_the_slowest_comes_first(outline):
    delays = attribute_delays(outline("VerifyTrust 0 1 target=a.dll\nVerifyTrust 1 9 target=b.dll"))
    assert delays["target"].tolist() == ["b.dll", "a.dll"]


def test_each_process_pays_for_itself(outline):
    delays = attribute_delays(outline("VerifyTrust 0 1 target=a.dll pid=1\nVerifyTrust 0 1 target=a.dll pid=2"))
    assert sorted(delays["pid"]) == [1, 2]


def test_checks_of_something_unknown_are_one_row_without_a_target(outline):
    delays = attribute_delays(outline("BuildChain 0 1\nBuildChain 1 2"))
    assert len(delays) == 1 and delays["target"].isna().all() and delays["checks"].tolist() == [2]


def test_inner_calls_are_not_charged_again(outline):
    assert attribute_delays(outline("VerifyTrust 0 9 target=a\n BuildChain 0 8\n  VerifyRevocation 0 7"))[
        "total_s"
    ].tolist() == [9.0]


def test_the_url_with_the_longest_wait_is_named(outline):
    delays = attribute_delays(
        outline("""
        VerifyTrust                       0.0   9.0  target=a.dll
          RetrieveObjectFromNetwork       0.0   2.0  url=http://a.test/
          RetrieveObjectFromNetwork       2.0   8.0  url=http://b.test/
    """)
    )
    assert delays["slowest_url"].tolist() == ["http://b.test/"]


def test_without_a_retrieval_no_url_is_named(outline):
    assert attribute_delays(outline("VerifyTrust 0 1 target=a.dll"))["slowest_url"].isna().all()


def test_a_retrieval_inside_another_is_one_timeout():
    log = events("""
        BuildChain                                 0.0  20.0
          RetrieveIssuerCertificateFromNetwork     0.0  15.0  result=80072EE2
            RetrieveObjectFromNetwork              0.0  15.0  result=80072EE2  url=http://aia.test/
    """)
    logged = c2.build_spans(log)
    delays = attribute_delays(c2.correct_spans(logged, c2.recover_waits(logged, log)))
    assert delays["timeouts"].tolist() == [1] and delays["slowest_url"].tolist() == ["http://aia.test/"]


def test_a_check_that_did_not_end_is_not_charged(outline):
    spans = outline("VerifyTrust 0 1 target=a.dll")
    spans["state"] = "no stop"
    assert attribute_delays(spans.astype({"state": "string[pyarrow]"})).empty


def test_what_waits_in_a_check_that_did_not_end_is_charged_to_nobody(outline):
    spans = outline("""
        VerifyTrust                       0.0   9.0  target=a.dll
          RetrieveObjectFromNetwork       0.0   8.0  url=http://a.test/  outcome=timeout
        VerifyTrust                      10.0  11.0  target=b.dll
    """)
    spans.loc[0, "state"] = "no stop"
    delays = attribute_delays(spans)
    assert delays["target"].tolist() == ["b.dll"]
    assert delays["timeouts"].tolist() == [0] and delays["slowest_url"].isna().all()


def test_the_impersonated_account_pays(outline):
    spans = outline("VerifyTrust 0 1 target=a.dll")
    spans["impersonate_sid"] = spans["impersonate_sid"].fillna("S-1-5-20")
    assert attribute_delays(spans)["user_sid"].tolist() == ["S-1-5-20"]


def test_no_spans_no_delays():
    delays = attribute_delays(empty("spans"))
    assert delays.empty and list(delays.columns) == list(empty("delays").columns)


def test_the_spans_handed_in_are_left_alone(outline):
    spans = outline("VerifyTrust 0 1 target=a.dll")
    before = spans.copy()
    attribute_delays(spans)
    pd.testing.assert_frame_equal(spans, before)


def test_a_retrieval_whose_end_nobody_knows_is_no_timeout_and_not_the_slowest(outline):
    spans = outline("""
        VerifyTrust                       0.0   9.0  target=a.dll
          RetrieveObjectFromNetwork       0.0   0.0  url=http://a.test/
          RetrieveObjectFromNetwork       2.0   8.0  url=http://b.test/
    """)
    spans.loc[2, ["outcome", "wait_s"]] = pd.NA
    delays = attribute_delays(spans)
    assert delays["timeouts"].tolist() == [0] and delays["slowest_url"].tolist() == ["http://a.test/"]
