"""The analysis as a whole, and its one sentence: no more than the tables support."""

from __future__ import annotations

import pytest
from outlines import analysed, case, events, steps

import capi2kit as c2
from capi2kit.columns.cells import empty

SLOW = r"""
VerifyTrust                       0.0   6.5  target=C:\app\Slow.dll  process=w3wp.exe  pid=7
  BuildChain                      0.0   6.4  budget=20
    VerifyRevocation              0.0   6.3
      RetrieveObjectFromNetwork   0.0   4.0  url=http://crl.test/a
      RetrieveObjectFromNetwork   4.0   6.0  url=http://pki.test/b
"""


def said(outline, **how):
    return c2.headline(analysed(outline, **how))


def test_the_steps_are_shown_in_their_order():
    steps_shown = []
    c2.analyse(case(events(SLOW)), progress=steps_shown.append)
    assert len(steps_shown) == 4 and "pairing" in steps_shown[0]


def test_all_tables_are_made():
    analysis = analysed(SLOW)
    assert len(analysis.spans) == 5 and len(analysis.waits) == 2 and len(analysis.startups) == 1
    assert len(analysis.delays) == 1 and analysis.ledger["kind"].tolist() == ["wait", "wait", "checking", "unexplained"]
    assert set(analysis.spans["startup"]) == {0}


def test_the_headline_names_seconds_process_server_and_account():
    assert said(SLOW) == (
        "w3wp.exe (PID 7 on WEB01) spent 6.0 s of the first 6.5 s waiting for the network: 2 retrievals from "
        "crl.test and pki.test as S-1-5-18 (SYSTEM); nothing failed (every result is 0)."
    )


def test_many_servers_and_accounts_are_counted():
    text = "".join(
        f"BuildChain {n} {n + 1} budget=20 user=S-1-5-21-{n}\n VerifyRevocation {n} {n + 0.9}\n"
        f"  RetrieveObjectFromNetwork {n} {n + 0.8 - n / 100} url=http://{n}.test/\n"
        for n in range(4)
    )
    whom = "S-1-5-21-0, S-1-5-21-1 and 2 more accounts"
    assert f"4 retrievals from 0.test, 1.test and 2 more servers as {whom}" in said(text)


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ("result=80072EE2", "1 of them failed (1 × timeout)"),
        ("result=80072EE7", "1 of them failed (1 × unreachable)"),
        ("result=none", "no logged result is a failure, but 1 operation logged none"),
    ],
)
def test_a_failed_retrieval_is_reported(second, words):
    assert words in said(SLOW.replace("pki.test/b", f"pki.test/b  {second}"))


def test_when_all_failed_it_says_so():
    assert "all failed (2 × timeout)" in said(
        SLOW.replace("/a", "/a  result=80072EE2").replace("/b", "/b  result=80072EE2")
    )


def test_a_check_that_failed_around_good_retrievals_is_reported():
    assert "no retrieval failed, but 1 check around them did" in said(
        SLOW.replace("budget=20", "budget=20  result=80092013")
    )


def test_a_chain_with_errors_though_every_result_is_0_is_reported():
    text = said(SLOW.replace("budget=20", "budget=20  trust_error=1000040"))
    assert "nothing failed" not in text and "revocation_unknown, offline_revocation" in text


def test_a_check_without_an_end_is_not_said_to_have_gone_well():
    assert "nothing failed" not in c2.headline(analysed(events(SLOW).iloc[:-1]))


def test_failed_searches_for_a_proxy_are_reported():
    log = events(SLOW)
    look = steps(4, *["action Call_WinHttpGetProxyForUrl error=2F94"] * 2)
    assert "nothing failed (every result is 0), but the search for a proxy (WPAD) failed 2 times" in c2.headline(
        c2.analyse(case(log, steps=look))
    )


def test_answers_that_could_not_be_stored_are_reported():
    analysis = c2.analyse(case(events(SLOW), steps=steps(4, "action WriteToCache error=80070002")))
    assert "1 answer could not be stored, so the next process asks again" in c2.headline(analysis)


def test_bounded_waits_are_shown_as_an_upper_bound():
    assert "spent at most 6.1 s of the first 6.5 s" in said(SLOW.replace("budget=20", "each=15"))


def test_waits_of_unknown_length_are_counted():
    text = f"{SLOW}BuildChain 6.6 30 pid=7 process=w3wp.exe tid=9\n RetrieveObjectFromNetwork 7 8 url=http://x.test/"
    assert "spent 6 to 22 s of" in said(text) and "3 retrievals (1 of unknown length)" in said(text)


def test_only_unknown_waits_give_an_upper_bound_and_no_process():
    text = said("RetrieveObjectFromNetwork 0 8 url=http://crl.test/ timeout=15")
    assert text.startswith(
        "one process waited at most 15.1 s in all for the network: 1 retrieval (1 of unknown length)"
    )


def test_a_process_that_was_at_work_before_the_log_has_no_first_seconds():
    text = c2.headline(analysed(events(SLOW).iloc[1:]))
    assert "of the 6.5 s that the log has of it waiting" in text


def test_the_slowest_start_up_is_the_one_reported():
    assert said(f"{SLOW}BuildChain 0 1 pid=8\n RetrieveObjectFromNetwork 0 0.5").startswith("w3wp.exe (PID 7")


def test_a_process_without_pid_server_and_account_is_shown_as_such():
    log = events(SLOW.replace("url=http://crl.test/a", "").replace("url=http://pki.test/b", ""))
    for column in ("pid", "user_sid"):
        log[column] = log[column].mask([True] * len(log))
    text = c2.headline(analysed(log))
    assert "PID not logged" in text and "2 retrievals from a server that the log does not name" in text
    assert "an account that the log does not name" in text


def test_without_waits_it_claims_no_cache():
    assert said("VerifyTrust 0 1\n BuildChain 0 1") == "No finished network retrieval among 2 logged operations."


def test_without_waits_failures_are_still_reported():
    assert said("BuildChain 0 1 result=80092013").endswith("1 logged operation; 1 of them did not succeed.")


def test_a_retrieval_that_did_not_end_is_reported():
    text = said("BuildChain 0 9\n RetrieveObjectFromNetwork 0 8 lost=stop", starts="on time")
    assert "1 began and did not end in this log" in text


def test_without_spans_there_is_nothing_to_time():
    assert said("VerifyTrust 0 1 task=none").startswith("2 events, but no certificate check with start and stop")


def test_an_analysis_shows_itself_in_a_notebook_and_escapes_what_the_log_says():
    html = analysed(SLOW.replace("w3wp.exe", "<b>x</b>.exe"))._repr_html_()
    assert "&lt;b&gt;x&lt;/b&gt;.exe" in html and "<b>x</b>" not in html


def test_findings_follow_the_rules():
    assert analysed("VerifyTrust 0.0 0.1 target=C:\\app\\Fast.dll").findings.equals(empty("findings"))
    (found,) = analysed(SLOW).findings.to_dict("records")
    assert (found["rule"], found["startup"], found["waits"]) == ("slow-success", 0, found["evidence"])
    assert found["low_s"] <= found["cost_s"] <= found["high_s"] and found["share"] == pytest.approx(6 / 6.5, abs=0.01)
