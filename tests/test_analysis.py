"""The analysis as a whole, and its headline: no more than the tables support."""

from __future__ import annotations

import pytest
from outlines import analysed, case, events

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


def test_the_headline_names_the_cause_then_the_seconds_and_who_waited():
    assert said(SLOW) == (
        "Slow, not broken; the log does not say what took the time. w3wp.exe (PID 7 on WEB01) waited 6.0 s of its first 6.5 s."
    )


def test_where_no_rule_fires_the_headline_is_a_verdict():
    text = said("VerifyTrust 0.0 0.4 process=w3wp.exe pid=7 target=C:\\a.dll\n BuildChain 0.0 0.3")
    assert text.startswith(
        "Healthy: w3wp.exe (PID 7 on WEB01) took 0.10 s to start, and nothing waited for the network; "
    )
    assert text.endswith("rules asked, none fired.")


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
