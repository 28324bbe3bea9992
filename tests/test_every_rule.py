"""Every rule on every scenario and on the real logs, and rules of one's own on the command line."""

import json
from pathlib import Path

import pytest
from rule_on_a_table import RULE
from scenarios import LAB, analysed

import capi2kit as c2
from capi2kit.cli import main
from capi2kit.diagnosis.rules import rules

CASES = {path.name for path in (Path(__file__).parent / "field_cases").iterdir()}
SCENARIOS = sorted(path.parent.name for path in LAB.glob("*/truth.json"))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_rule_on_every_scenario(scenario):
    truth = json.loads((LAB / scenario / "truth.json").read_text(encoding="utf-8"))
    analysis = analysed(scenario)
    found = set(analysis.findings["rule"])
    known = {rule.id for rule in rules()}
    assert set(truth["causes"]) <= known  # no cause of the lab is without its rule
    assert set(truth["causes"]) == found  # nothing missed, nothing made up
    assert not set(truth["not_causes"]) & found
    assert {rule.id for rule in rules() if scenario in rule.fires_on} <= found
    assert not {rule.id for rule in rules() if scenario in rule.silent_on} & found
    events = set(analysis.case.events["event"])
    for cited in analysis.findings["evidence"].dropna():
        assert set(map(int, cited.split())) <= events


def test_the_proof_of_a_rule_names_scenarios_that_exist_and_healthy_ones_stay_silent():
    for rule in rules():
        assert set(rule.fires_on) | set(rule.silent_on) <= set(SCENARIOS), rule.id
        assert rule.silent_on and (rule.fires_on or rule.cases), rule.id
        assert set(rule.cases) <= CASES, rule.id
        assert "healthy-cold" in rule.silent_on and rule.inferred, rule.id
        assert not set(rule.fires_on) & set(rule.silent_on), rule.id


@pytest.mark.real
def test_the_real_log_has_its_cause_and_no_false_one(real_logs):
    analysis = c2.analyse(c2.load(real_logs / "evtx" / "capi2_operational_wks05_2016-2018.evtx"))
    found = analysis.findings.set_index("rule")
    assert found.loc["wpad-slow", "cost_s"] == pytest.approx(14.193, abs=0.01)
    harmless = {"stale-cache-refreshed", "red-but-successful"}
    assert set(found.index) == {"wpad-slow", "not-cached", "log-wrapped", "observer-load"} | harmless
    assert set(found.index[found["severity"] == "benign"]) == harmless


@pytest.mark.real
def test_all_red_records_of_the_real_log_are_explained_as_harmless(real_logs):
    analysis = c2.analyse(c2.load(real_logs / "evtx" / "capi2_operational_wks05_2016-2018.evtx"))
    events, findings = analysis.case.events, analysis.findings
    red = set(events.loc[events["level"] == 2, "event"])
    harmless = findings.loc[findings["severity"] == "benign", "evidence"]
    assert len(red) == 11 and red == {int(event) for cited in harmless for event in cited.split()}


@pytest.mark.real
def test_key_access_by_mimikatz_is_flagged(real_logs):
    analysis = c2.analyse(c2.load(real_logs / "evtx" / "capi2_operational_event70_2020.evtx"))
    row = analysis.findings.set_index("rule").loc["key-access-unexpected"]
    assert row["finding"].startswith("mimikatz.exe on wec02 used private keys 3 times")


LAB_LOG = str(LAB / "fix-before")


OWN = RULE.format(more="").replace('id = "test"', 'id = "mine"').replace("min_rows = 2\n", "")


def test_a_rule_of_ones_own_is_asked_besides_ours(tmp_path, capsys):
    (tmp_path / "mine.toml").write_text(OWN, encoding="utf-8")
    main(["summary", LAB_LOG, "--rules", str(tmp_path)])
    printed = capsys.readouterr().out
    assert "Somebody waited" in printed and "No answer from certificate servers" in printed


@pytest.mark.parametrize(
    ("name", "text", "code", "why"),
    [
        ("mine", OWN.replace("outcome ==", "secret =="), 3, "mine.toml"),
        ("mine", OWN.replace("outcome == 'timeout'", "__import__('os').system('echo hacked')"), 3, "not part of the language"),
        ("mine", OWN.replace("outcome == 'timeout'", "outcome.__class__ == 1"), 3, "mine.toml"),
        ("firewall-drops", OWN.replace('"mine"', '"firewall-drops"'), 3, "already; give yours another id"),
        ("", "", 3, "no rule in it"),
    ],
)  # fmt: skip
def test_a_bad_rule_of_ones_own_stops_with_its_file(tmp_path, capsys, name, text, code, why):
    if name:
        (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
    with pytest.raises(SystemExit) as stopped:
        main(["summary", LAB_LOG, "--rules", str(tmp_path)])
    assert stopped.value.code == code and why in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_a_usage_error(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["summary", LAB_LOG, "--rules", str(tmp_path / "none")])
    assert stopped.value.code == 2 and "is not a folder" in capsys.readouterr().err


def test_the_report_says_what_to_do_what_it_saves_and_what_would_confirm_it(tmp_path):
    page = tmp_path / "report.html"
    main(["report", LAB_LOG, "-o", str(page)])
    text = page.read_text(encoding="utf-8")
    for words in ("What each remedy would save", "What would confirm it", "how to undo", "Not to be done", "never"):
        assert words in text


def test_two_logs_of_one_computer_keep_their_causes():
    """Before and after the fix, read together: that the servers answer later is no excuse for then."""
    found = c2.analyse(c2.load([LAB / "fix-before", LAB / "fix-after"])).findings["rule"].tolist()
    assert "firewall-drops" in found and "slow-server" not in found
