"""Score: an analysis is measured against the truth, and what is wrong shows."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from scenarios import analysed

import capi2kit as c2
from capi2kit.cli import main
from capi2kit.diagnosis.rules import rules as module_rules
from capi2kit.errors import EvidenceError
from capi2kit.score import Score, judge, read_truth, score_analysis

LAB = Path(__file__).parent.parent / "datasets" / "lab"


@pytest.fixture(scope="module")
def analysis() -> c2.Analysis:
    return analysed("fix-before", None)


@pytest.fixture(scope="module")
def truth() -> dict:
    return read_truth(LAB / "fix-before" / "truth.json")


def missed(score: Score) -> set[str]:
    """The figures whose limit is not kept."""
    return {figure.name for figure in judge([score]) if not figure.good}


def with_waits(analysis: c2.Analysis, **columns: object) -> c2.Analysis:
    return replace(analysis, waits=analysis.waits.assign(**columns))


def test_a_true_analysis_keeps_every_limit(analysis, truth):
    score = score_analysis(analysis, truth)
    assert missed(score) == set()
    assert len(score.waits) == 15 and score.waits["found"].all() and score.startups["flag"].tolist() == [""]


def test_durations_as_logged_keep_no_limit(analysis, truth):
    """What stop − start claims, as other tools show it: nothing."""
    nothing = pd.array([0.0] * len(analysis.waits), dtype="Float64")
    logged = with_waits(analysis, wait_s=nothing, low_s=nothing, high_s=nothing)
    logged = replace(logged, startups=analysis.startups.assign(waiting_wall_s=0.0))
    assert missed(score_analysis(logged, truth)) == {
        "exact waits: median error (ms)",
        "exact waits: 99th percentile (ms)",
        "truth inside the bounds (%)",
        "start-ups whose waiting is wrong",
        "seconds that remedies save: off by at most (% of the start-up)",
        "remedies whose true saving is outside the bounds",
    }


def test_one_wait_outside_its_bounds_is_named(analysis, truth):
    low = analysis.waits["low_s"].copy()
    low.iloc[3] = 99.0
    (figure,) = [one for one in judge([score_analysis(with_waits(analysis, low_s=low), truth)]) if not one.good]
    assert figure.name == "truth inside the bounds (%)" and figure.detail.startswith("fix-before record ")


def test_a_missed_wait_is_seen(analysis, truth):
    fewer = replace(analysis, waits=analysis.waits.iloc[1:])
    assert "waits missed that left a record" in missed(score_analysis(fewer, truth))


def test_an_invented_wait_is_seen(analysis, truth):
    forgetful = truth | {"waits": truth["waits"][1:]}
    assert "waits invented" in missed(score_analysis(analysis, forgetful))


def test_a_wait_that_left_no_record_is_not_missed(analysis, truth):
    unseen = truth["waits"][0] | {"record": None}
    score = score_analysis(
        replace(analysis, waits=analysis.waits.iloc[1:]), truth | {"waits": [unseen, *truth["waits"][1:]]}
    )
    assert not {"waits missed that left a record", "waits invented"} & missed(score)


def test_too_many_bounded_or_unknown_waits_are_seen(analysis, truth):
    vague = score_analysis(with_waits(analysis, quality="bounded", low_s=pd.array([0.0] * 15, dtype="Float64")), truth)
    assert missed(vague) >= {"accumulative retrievals that are exact (%)", "bounded waits: median width (s)"}
    unknown = score_analysis(with_waits(analysis, quality="unknown"), truth)
    assert "retrievals of unknown length (%)" in missed(unknown)


def test_a_start_up_that_is_wrong_must_have_said_why(analysis, truth):
    wrong = replace(analysis, startups=analysis.startups.assign(waiting_wall_s=1.0))
    assert "start-ups whose waiting is wrong" in missed(score_analysis(wrong, truth))
    cut = replace(wrong, startups=wrong.startups.assign(start_from="log begins"))
    reason = "start-ups flagged for a reason that the truth does not confirm"
    assert missed(score_analysis(cut, truth)) == {reason}
    lost = truth | {"startups": [truth["startups"][0] | {"in_log": False}]}
    assert missed(score_analysis(cut, lost)) == set()


def first_wait(analysis: c2.Analysis, **columns: object) -> c2.Analysis:
    """The analysis with the first wait otherwise, and start-ups that are wrong."""
    waits = analysis.waits.copy()
    for name, value in columns.items():
        waits.loc[waits.index[0], name] = value
    return replace(analysis, waits=waits, startups=analysis.startups.assign(waiting_wall_s=1.0))


def test_a_wait_of_unknown_length_is_confirmed_where_no_record_bounds_it(analysis, truth):
    doubted = first_wait(analysis, quality="unknown")
    wait = truth["waits"][0]
    reason = "start-ups flagged for a reason that the truth does not confirm"
    assert reason in missed(score_analysis(doubted, truth))  # its budget gives its begin
    alone = truth | {"waits": [wait | {"accumulative": False}, *truth["waits"][1:]]}
    assert reason not in missed(score_analysis(doubted, alone))
    columns = truth["operations"]["columns"]
    before = dict.fromkeys(columns) | {"host": wait["host"], "tid": wait["tid"], "stop": wait["start"], "record": 1}
    busy = alone | {"operations": {"columns": columns, "rows": [[before[name] for name in columns]]}}
    assert reason in missed(score_analysis(doubted, busy))  # the record right before it gives its begin


def test_a_record_that_nobody_waited_for_is_no_wait(analysis, truth):
    first = truth["waits"][0]
    for kind, figure in (
        ("background", "ends in the background counted as waits"),
        ("pending", "calls that sent nothing counted as waits"),
    ):
        beside = [{"host": first["host"], "kind": kind, "url": first["url"], "record": first["record"]}]
        found = missed(score_analysis(analysis, truth | {"waits": truth["waits"][1:], "beside": beside}))
        assert {figure, "waits invented"} <= found


def test_the_strict_lines_count_every_doubt_and_allow_no_tick(analysis, truth):
    """Off by half a tick per wait: right by the limits, not by the strict reading; and a doubt counts though it is right."""
    off = truth["startups"][0]["waiting_s"] + 0.008 * 32
    small = truth | {"startups": [truth["startups"][0] | {"waiting_s": 1.0}]}
    near = replace(
        analysis, startups=analysis.startups.assign(waiting_wall_s=1.0 + off - truth["startups"][0]["waiting_s"])
    )
    near = replace(near, startups=near.startups.assign(start_from="log begins"))
    strict = {one.name: one.value for one in judge([score_analysis(near, small)]) if one.limit == "–"}
    assert [value for name, value in strict.items() if name.startswith("strictly")] == [100.0, 100.0]
    assert "start-ups whose waiting is wrong" not in missed(score_analysis(near, small))


def test_a_start_up_that_was_not_found_is_flagged(analysis, truth):
    none = replace(analysis, startups=analysis.startups.iloc[:0])
    assert score_analysis(none, truth).startups["flag"].tolist() == ["no start-up found"]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"scenario": "x"}'])
def test_what_is_no_truth_is_refused(tmp_path, content):
    path = tmp_path / "truth.json"
    path.write_text(content)
    with pytest.raises(EvidenceError, match="is not the truth of a scenario"):
        read_truth(path)


def test_the_truth_that_is_read_is_that_of_the_file(truth):
    assert truth["waits"] == json.loads((LAB / "fix-before" / "truth.json").read_text(encoding="utf-8"))["waits"]


@pytest.mark.slow
def test_every_scenario_and_some_mixtures_keep_every_limit(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["lab", "score", "--random", "30", "--seed", "1000"])
        raise SystemExit(0)
    out = capsys.readouterr().out
    assert stop.value.code == 0, out
    assert "MISS" not in out and "Only real logs can show" in out


def test_a_missed_limit_is_exit_code_1(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["lab", "score", "jetdirect"])  # one of its two waits is the first thing its thread logged
    assert stop.value.code == 1 and "MISS" in capsys.readouterr().out


def test_rules_are_scored_and_a_missing_rule_is_an_exit_code(capsys, monkeypatch):
    main(["lab", "score", "--rules", "jetdirect", "healthy-warm"])
    printed = capsys.readouterr().out
    assert "2 written scenarios, " in printed and " rules: 0 differences from the truth" in printed
    monkeypatch.setattr("capi2kit.analysis.rules", lambda: ())
    with pytest.raises(SystemExit) as stopped:
        main(["lab", "score", "--rules", "jetdirect"])
    assert stopped.value.code == 1
    printed = capsys.readouterr().out
    missed = [line for line in printed.splitlines() if line.startswith("jetdirect: missed ")]
    assert len(missed) == 3 and {"jetdirect: missed name-mismatch", "jetdirect: missed root-not-trusted"} < set(missed)


@pytest.mark.parametrize("count", [8, pytest.param(50, marks=pytest.mark.slow)])
def test_nothing_serious_is_found_where_nothing_is_wrong(count, capsys, monkeypatch):
    main(["lab", "score", "--rules", "healthy-warm", "--healthy", str(count), "--seed", "7"])
    assert f"{count} healthy mixtures\nok    findings of high severity: 0" in capsys.readouterr().out
    serious = tuple(replace(rule, severity="high", costs_little="high") for rule in module_rules())
    monkeypatch.setattr("capi2kit.analysis.rules", lambda: serious)
    with pytest.raises(SystemExit):
        main(["lab", "score", "--rules", "healthy-warm", "--healthy", "1"])
    assert "MISS  findings of high severity: " in capsys.readouterr().out


@pytest.mark.slow
def test_drawn_scenarios_are_judged_by_precision_and_recall(capsys, monkeypatch):
    main(["lab", "score", "--rules", "healthy-warm", "--random", "5", "--seed", "20"])
    printed = capsys.readouterr().out
    assert "5 drawn scenarios" in printed and "ok    precision: 1.0" in printed and "ok    recall: 1.0" in printed
    few = tuple(rule for rule in module_rules() if rule.id != "not-cached")
    monkeypatch.setattr("capi2kit.analysis.rules", lambda: few)
    with pytest.raises(SystemExit) as stopped:
        main(["lab", "score", "--rules", "healthy-warm", "--random", "5", "--seed", "20"])
    assert stopped.value.code == 1 and "MISS  recall" in capsys.readouterr().out


def test_what_no_log_can_tell_apart_is_listed_with_its_reason(capsys):
    with pytest.raises(SystemExit):
        main(["lab", "score", "--rules", "healthy-warm", "--random", "1", "--seed", "115"])
    printed = capsys.readouterr().out
    assert "random-115: made up wpad-slow" in printed and "why wpad-slow: a search for a proxy failed" in printed
