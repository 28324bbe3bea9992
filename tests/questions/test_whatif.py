"""What if: the replay keeps what does not change, obeys caches and budgets, and calculates what the lab then shows."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scenarios
from hypothesis import given
from hypothesis import strategies as st

import capi2kit as c2
from capi2kit.cli import main
from capi2kit.cli.scoring import analyse_scenario
from capi2kit.columns.instants import TICK_S
from capi2kit.diagnosis.replay import Change, replay
from capi2kit.diagnosis.timeline import Timeline, read_timeline
from capi2kit.lab.reading import names, read_scenario
from capi2kit.questions.whatif import TOGETHER, whatif
from capi2kit.score import judge, score_analysis

LAB = Path(__file__).parents[2] / "datasets" / "lab"
REMEDIED = [name for name in names() if read_scenario(name).after]


@pytest.fixture(scope="module")
def blocked() -> c2.Analysis:
    """Chains of one budget: the CA's list and the signer's on one server, the responder on another; all dropped."""
    return analyse_scenario(read_scenario("responder-and-lists-blocked"), only=".evtx")[0]


def answers(analysis: c2.Analysis, **more: object) -> pd.DataFrame:
    tables = {name: getattr(analysis, name) for name in ("spans", "waits", "startups")}
    return whatif(analysis.findings, **tables, **more)


def replayed(timeline: Timeline, changes: list[Change | None]) -> np.ndarray:
    return replay(timeline, changes)


@pytest.mark.parametrize("scenario", REMEDIED)
def test_what_a_remedy_saves_lies_within_its_bounds_and_is_right_within_two_per_cent_of_the_start(scenario):
    savings = score_analysis(*analyse_scenario(read_scenario(scenario), only=".evtx")).savings
    assert len(savings) >= 1
    true, sure = savings["true_saved_s"], savings["determined"].to_numpy(bool)
    assert (true.between(savings["low_s"] - TICK_S, savings["high_s"] + TICK_S)).all(), savings
    assert ((savings["saved_s"] - true).abs() / savings["true_wall_s"])[sure].fillna(1).le(0.02).all(), savings


def test_a_wrong_forecast_is_no_good_score(blocked):
    """The judge can fail."""
    truth = analyse_scenario(read_scenario("responder-and-lists-blocked"), only=".evtx")[1]
    for one in truth["after"][0]["startups"]:
        one["wall_s"] -= 3
    figures = [one for one in judge([score_analysis(blocked, truth)]) if "remedies" in one.name]
    assert len(figures) == 2 and not any(one.good for one in figures)
    assert all("allow-pki-hosts" in one.detail for one in figures)


@pytest.mark.parametrize(
    "scenario", ["healthy-cold", "slow-wpad", "not-cached", "crl-expired-at-source", "wrapped-log"]
)
def test_without_a_change_every_wait_keeps_its_length(scenario):
    analysis = scenarios.analysed(scenario, None)
    timeline = read_timeline(analysis.spans, analysis.waits)
    assert np.array_equal(replayed(timeline, [None] * len(analysis.waits)), timeline.length.best)


def test_half_of_what_is_saved_before_goes_to_the_next_url(blocked):
    """10 and 5 s; without the first wait the second URL gets 10 s."""
    timeline = read_timeline(blocked.spans, blocked.waits)
    first = timeline.chain == timeline.chain[0]
    assert timeline.length.best[first].round(1).tolist() == [10.0, 5.0]
    only_first = [Change("not asked") if i == 0 else None for i in range(len(first))]
    assert replayed(timeline, only_first)[first].round(1).tolist() == [0.0, 10.0]


def test_an_answer_ends_its_check_and_is_kept(blocked):
    """The responder answers: the list after it is not asked, and no later chain asks either of them again."""
    (row,) = (
        answers(blocked, servers=("ocsp.crl.contoso.example",)).query("fix == 'allow-pki-hosts'").to_dict("records")
    )
    assert (row["waits"], row["waits_after"]) == (
        4,
        3,
    )  # one list less; that of the CA and that of the time stamp still wait
    assert row["waiting_after_s"] < row["waiting_s"] - 9.5


def test_one_way_opened_saves_less_than_its_own_waiting(blocked):
    lists = answers(blocked, servers=("crl.contoso.example",))
    (row,) = lists[lists["fix"] == "allow-pki-hosts"].to_dict("records")
    waited = blocked.waits.loc[blocked.waits["url_host"] == "crl.contoso.example", "wait_s"].sum()
    assert 0 < row["saved_s"] < 0.65 * waited
    assert answers(blocked, servers=("nobody.example",)).empty


@given(st.randoms(use_true_random=False))
def test_savings_lie_within_their_bounds_and_within_the_start_up(dice: random.Random):
    analysis = scenarios.analysed(dice.choice(["dotnet-per-url", "fix-before", "slow-wpad"]), None)
    hosts = analysis.waits["url_host"].dropna().unique().tolist()
    table = answers(analysis, servers=tuple(dice.sample(hosts, dice.randint(0, len(hosts)))))
    inside = table.dropna(subset=["startup"])
    assert (table["low_s"] <= table["saved_s"]).all() and (table["saved_s"] <= table["high_s"]).all()
    assert ((inside["wall_s"] - inside["saved_s"] - inside["wall_after_s"]).abs() < 1e-6).all()
    assert (inside["waiting_after_s"] <= inside["wall_after_s"] + 1e-6).all()
    assert (table["waits_after"] <= table["waits"]).all()


def test_alone_and_together():
    table = answers(scenarios.analysed("fix-before", None))
    assert table["fix"].tolist()[0] == TOGETHER
    alone = table.set_index("fix")["saved_s"]
    assert alone["allow-pki-hosts"] > alone["reject-instead-of-drop"] > alone["shorter-timeouts"] > 0
    assert alone["generate-publisher-evidence"] > alone["allow-pki-hosts"]  # not even the first fetching is left
    assert alone[TOGETHER] == alone["generate-publisher-evidence"]  # what is not asked needs no answer


def test_the_verb(capsys):
    main(["whatif", str(LAB / "fix-before"), "--server", "crl.contoso.example", "--format", "csv"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("fix,title,becomes,rules,startup") and len(lines) == 7
    assert not any("shorter-timeouts" in line for line in lines)  # a limit is for no server alone
    main(["whatif", str(LAB / "healthy-warm")])
    assert "No finding here has a remedy" in capsys.readouterr().out


def test_a_server_that_nobody_asked_is_named_with_those_like_it():
    analysis = scenarios.analysed("fix-before", None)
    with pytest.raises(c2.NoEvents, match=r"'crl\.litwear\.example'; there are 2, such as crl\.contoso\.example"):
        c2.whatif(analysis, servers=["crl.litwear.example"])
    pd.testing.assert_frame_equal(
        c2.whatif(analysis, servers="CRL.Contoso.example"), c2.whatif(analysis, servers=("crl.contoso.example",))
    )


def test_the_real_log_names_what_a_quick_proxy_would_save(real_logs):
    analysis = c2.analyse(c2.load(real_logs / "evtx" / "capi2_operational_wks05_2016-2018.evtx"))
    row = answers(analysis).set_index("fix").loc["auto-detect-off"]
    assert row["pid"] == 2044 and 13.2 < row["low_s"] <= row["saved_s"] <= row["high_s"] < 14.0
