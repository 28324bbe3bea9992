"""Sentences: what the outputs begin with: no more than the tables support."""

from __future__ import annotations

import re

import pytest
import scenarios
from outlines import analysed, case, events, steps

import capi2kit as c2
from capi2kit.analysis import Analysis, answer_of
from capi2kit.diagnosis.rules import rules
from capi2kit.questions import sentences

SLOW = r"""
VerifyTrust                       0.0   6.5  target=C:\app\Slow.dll  process=w3wp.exe  pid=7
  BuildChain                      0.0   6.4  budget=20
    VerifyRevocation              0.0   6.3
      RetrieveObjectFromNetwork   0.0   4.0  url=http://crl.test/a
      RetrieveObjectFromNetwork   4.0   6.0  url=http://pki.test/b
"""


def figures_of(analysis: Analysis) -> str:
    return sentences.detail(answer_of(analysis))


def said(outline: str, **how: object) -> str:
    return figures_of(analysed(outline, **how))


def test_the_figures_name_seconds_process_server_and_account():
    assert said(SLOW) == (
        "w3wp.exe (PID 7 on WEB01) spent 6.0 s of its first 6.5 s waiting for the network: 2 retrievals from "
        "crl.test and pki.test as SYSTEM; nothing failed (every result is 0)."
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
    assert "nothing failed" not in figures_of(analysed(events(SLOW).iloc[:-1]))


def test_failed_searches_for_a_proxy_are_reported():
    log = events(SLOW)
    look = steps(4, *["action Call_WinHttpGetProxyForUrl error=2F94"] * 2)
    assert "nothing failed (every result is 0), but the search for a proxy (WPAD) failed 2 times" in figures_of(
        c2.analyse(case(log, steps=look))
    )


def test_answers_that_could_not_be_stored_are_reported():
    analysis = c2.analyse(case(events(SLOW), steps=steps(4, "action WriteToCache error=80070002")))
    assert "1 answer could not be stored, so the next process asks again" in figures_of(analysis)


def test_bounded_waits_are_shown_as_an_upper_bound():
    assert "spent at most 6.1 s of its first 6.5 s" in said(SLOW.replace("budget=20", "each=15"))


def test_waits_of_unknown_length_are_counted():
    text = f"{SLOW}BuildChain 6.6 30 pid=7 process=w3wp.exe tid=9\n RetrieveObjectFromNetwork 7 8 url=http://x.test/"
    assert "spent 6 to 22 s of" in said(text) and "3 retrievals (1 of unknown length)" in said(text)


def test_only_unknown_waits_give_an_upper_bound_and_no_process():
    text = said("RetrieveObjectFromNetwork 0 8 url=http://crl.test/ timeout=15")
    assert text.startswith(
        "one process waited at most 15.1 s in all for the network: 1 retrieval (1 of unknown length)"
    )


def test_a_process_that_was_at_work_before_the_log_has_no_first_seconds():
    text = figures_of(analysed(events(SLOW).iloc[1:]))
    assert "of the 6.5 s that the log has of it waiting" in text


def test_the_slowest_start_up_is_the_one_reported():
    assert said(f"{SLOW}BuildChain 0 1 pid=8\n RetrieveObjectFromNetwork 0 0.5").startswith("w3wp.exe (PID 7")


def test_a_process_without_pid_server_and_account_is_shown_as_such():
    log = events(SLOW.replace("url=http://crl.test/a", "").replace("url=http://pki.test/b", ""))
    for column in ("pid", "user_sid"):
        log[column] = log[column].mask([True] * len(log))
    text = figures_of(analysed(log))
    assert "PID not logged" in text and "2 retrievals from a server that the log does not name" in text
    assert "an account that the log does not name" in text


def test_without_waits_it_claims_no_cache():
    assert said("VerifyTrust 0 1\n BuildChain 0 1") == "No finished network retrieval among 2 logged operations."


def test_without_waits_failures_are_still_reported():
    assert said("BuildChain 0 1 result=80092013").endswith("1 logged operation; 1 of them did not succeed.")


def test_a_retrieval_that_did_not_end_is_reported():
    text = said("BuildChain 0 9\n RetrieveObjectFromNetwork 0 8 lost=stop", starts="on time")
    assert "1 began and did not end in this log" in text


def test_a_cost_is_never_more_than_the_start_took():
    charge = answer_of(scenarios.analysed("no-dns")).charges[0]
    assert sentences.spent(charge).startswith("at least 6") and charge.most_s == pytest.approx(charge.startup["wall_s"])


@pytest.mark.parametrize(
    ("scenario", "first"),
    [
        ("fix-before", "First: Let the servers reach the revocation and update hosts on port 80 (crl.contoso.example and pki."),
        ("responder-retired", "If it is so, first: Replace the certificate of the service."),
        ("consent-cache-only", "Nothing to fix: the records that look like errors are harmless."),
        ("prefetch-failed", "Not urgent; the most that could be done: "),
        ("healthy-warm", ""),
    ],
)  # fmt: skip
def test_the_first_step_is_as_sure_and_as_urgent_as_its_finding(scenario, first):
    said = " ".join(sentences.first_step(answer_of(scenarios.analysed(scenario))))
    assert said.startswith(first) and bool(said) == bool(first)


def test_what_the_start_takes_after_it_is_within_its_bounds():
    (said,) = sentences.after(answer_of(scenarios.analysed("fix-before")))
    assert re.fullmatch(r"The start then takes \d\.\d to \d\.\d s instead of 2 min 1 s\.", said), said


def test_a_remedy_that_may_save_nothing_says_so():
    effects = answer_of(scenarios.analysed("fix-before")).effects.set_index("fix")
    row = effects.loc["reject-instead-of-drop"].to_dict()
    assert sentences.left(row).endswith(" s, at worst as now") and row["low_s"] < 0.05 * row["wall_s"]


def test_a_start_that_did_nothing_but_wait_says_so_in_words():
    analysis = scenarios.analysed("service-missed-start")
    assert "waited nearly all of its first 2 min 45 s" in c2.headline(analysis)


def test_long_sids_are_short_in_a_headline():
    assert "as IIS application pool identity S-1-5-82-…-4004696415 and" in c2.headline(scenarios.analysed("key-denied"))


def test_every_rule_that_explains_waiting_says_so_in_plain_words():
    """A person who is no expert reads these; rules on single records or on certutil explain no start-up."""
    needs = [rule for rule in rules() if rule.cost and not rule.id.startswith("certutil")]
    lacking = {rule.id for rule in needs if not rule.plain}
    assert lacking <= {"could-not-connect", "fetch-failed-in-excerpt"}  # both are of single records
    for rule in rules():
        assert not rule.plain or (rule.plain[0].isupper() and rule.plain.endswith(".") and "{" not in rule.plain), (
            rule.id
        )
