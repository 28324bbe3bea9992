"""Retrievals: the story that the steps of a wait tell."""

from __future__ import annotations

import pandas as pd
import pytest
from outlines import events, steps

import capi2kit as c2
from capi2kit.waits import steps as retrieval_steps

WAIT = "RetrieveObjectFromNetwork 0.0 10.0 url=http://crl.test/a.crl"


def story(*lines):
    """The wait of one retrieval with these steps."""
    log = events(WAIT)
    (wait,) = c2.recover_waits(c2.build_spans(log), log, steps=steps(1, *lines)).to_dict("records")
    return wait


def test_a_retrieval_without_a_proxy_went_direct():
    assert story("action NoProxy")["proxy"] == "direct"


def test_a_proxy_is_named():
    assert story("action ProxyListAndByPassList 172.16.4.10:8080")["proxy"] == "172.16.4.10:8080"


def test_a_proxy_without_a_name_is_not_known():
    assert pd.isna(story("action ProxyListAndByPassList")["proxy"])


def test_the_last_way_tried_counts():
    assert story("action ProxyListAndByPassList old:1", "action NoProxy")["proxy"] == "direct"


def test_failed_searches_for_a_proxy_are_counted():
    look = "action Call_WinHttpGetProxyForUrl"
    assert story(f"{look} error=2F94", f"{look} error=2F94", look)["wpad_failures"] == 2


def test_an_answer_that_could_not_be_stored_is_reported():
    assert story("action WriteToCache error=80070002")["cache_write_failed"] is True
    assert story("action WriteToCache")["cache_write_failed"] is False


def test_without_actions_nothing_is_known_of_proxy_and_cache():
    wait = story("response HTTP/1.1 200 OK")
    assert all(pd.isna(wait[name]) for name in ("proxy", "wpad_failures", "cache_write_failed"))


def test_status_type_and_length_are_those_of_the_last_response():
    wait = story(
        "response HTTP/1.1 302 Found",
        "response Content-Length: 1",
        "response HTTP/1.1 200 OK",
        "response content-type: application/pkix-crl",
        "response Content-Length: 767",
    )
    assert [wait[name] for name in ("http_status", "content_type", "response_bytes")] == [
        200,
        "application/pkix-crl",
        767,
    ]


@pytest.mark.parametrize("length", ["many", "-1", "9" * 30, ""])
def test_a_length_that_is_none_is_not_known(length):
    assert pd.isna(story(f"response Content-Length: {length}")["response_bytes"])


def test_headers_of_the_request_are_not_those_of_the_response():
    assert pd.isna(story("request Content-Length: 5")["response_bytes"])


def test_the_clock_is_compared_with_that_of_the_server():
    assert story("response Date: Mon, 02 Mar 2026 08:06:34 GMT")["clock_offset_s"] == pytest.approx(-384)


@pytest.mark.parametrize("date", ["yesterday", "Mon, 99 Mar 2026 08:00:00 GMT", "Mon, 02 Mar 2026 08:00:00 -0000"])
def test_a_date_that_is_none_tells_no_clock(date):
    assert pd.isna(story(f"response Date: {date}")["clock_offset_s"])


def test_steps_of_other_events_do_not_matter():
    log = events(WAIT)
    waits = c2.recover_waits(c2.build_spans(log), log, steps=steps(0, "action NoProxy"))
    assert waits["proxy"].isna().all()


def test_what_a_cache_hands_out_is_as_old_as_it_says():
    """A date of five hours ago with an age of five hours is no wrong clock; a type is compared without its parameters."""
    story = retrieval_steps._Story()
    for name, value in (
        ("Date", "Mon, 02 Mar 2026 03:00:00 GMT"),
        ("Age", "18000"),
        ("Content-Type", "text/html; charset=utf-8"),
    ):
        retrieval_steps._read_header(story, name, value=value)
    end = pd.Timestamp("2026-03-02 08:00:01", tz="UTC")
    assert retrieval_steps._clock_offset(story.date, end, age=story.age) == 1.0 and story.content_type == "text/html"


@pytest.mark.parametrize(("age", "read"), [("0", 0), ("99999999", 99_999_999), ("100000000", 0), ("-5", 0), ("x", 0)])
def test_an_age_is_a_number_of_seconds_of_some_years_at_most(age, read):
    story = retrieval_steps._Story()
    retrieval_steps._read_header(story, "Age", value=age)
    assert story.age == read


def test_a_server_answers_an_account_if_it_answered_it_once():
    outline = """
        RetrieveObjectFromNetwork   0  1  url=http://crl.test/a
        RetrieveObjectFromNetwork   2  3  url=http://crl.test/b  result=80072EE2
        RetrieveObjectFromNetwork   4  5  url=http://pki.test/c  result=80072EE2
        RetrieveObjectFromNetwork   6  7  url=http://crl.test/d  result=80072EE2  user=S-1-5-20
        RetrieveObjectFromNetwork   8  9  url=none
    """
    log = events(outline)
    found = c2.recover_waits(c2.build_spans(log), log, steps=steps(99, "action NoProxy"))
    assert found["server_answers"].tolist() == [True, True, False, False, False]


def test_a_wait_whose_outcome_is_not_known_is_no_answer():
    log = events("RetrieveObjectFromNetwork 0 1 url=http://crl.test/a")
    log["result"] = log["result"].mask([True] * len(log))
    found = c2.recover_waits(c2.build_spans(log), log, steps=steps(99, "action NoProxy"))
    assert found["outcome"].isna().all() and found["server_answers"].tolist() == [False]


def test_answers_are_counted_by_account_even_by_one_that_is_not_logged():
    log = events("RetrieveObjectFromNetwork 0 1 url=http://crl.test/a")
    log["user_sid"] = log["user_sid"].mask([True] * len(log))
    found = c2.recover_waits(c2.build_spans(log), log, steps=steps(99, "action NoProxy"))
    assert found["server_answers"].tolist() == [True]
