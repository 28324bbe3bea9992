"""Rules: every rule on every scenario, what a rule may not be, and that its words can only name columns."""

import json
import os
from pathlib import Path

import pandas as pd
import pytest
from scenarios import LAB, analysed

import capi2kit as c2
from capi2kit.cli import main
from capi2kit.columns.cells import empty, shaped
from capi2kit.diagnosis.fixes import fixes, fixes_of, read_fix
from capi2kit.diagnosis.rules import diagnose, read_rule, rules
from capi2kit.errors import KnowledgeError
from capi2kit.knowledge import DATA, columns

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
        assert rule.fires_on and rule.silent_on, rule.id
        assert {"healthy-cold"} <= set(rule.silent_on), rule.id
        assert not set(rule.fires_on) & set(rule.silent_on), rule.id


COSTING = """
id = "test"
title = "Somebody waited"
severity = "high"
[match]
table = "waits"
where = "outcome == 'timeout'"
group_by = ["host", "user_sid"]
[cost]
table = "waits"
where = "url_host == 'x'"
column = "wait_s"
on = ["host", "user_sid"]
[say]
finding = "{host}: {cost_s:.1f} s"
fixes = ["allow-pki-hosts"]
confirm = ["-"]
source = "own"
[proof]
fires_on = ["sharepoint-drop"]
silent_on = ["healthy-cold"]
"""


@pytest.mark.parametrize("sid", ["S-1-5-20", None])
def test_the_cost_of_a_finding_is_that_of_its_account_even_of_one_that_is_not_logged(sid, tmp_path):
    (tmp_path / "test.toml").write_text(COSTING, encoding="utf-8")
    row = {"event": 1, "host": "A", "user_sid": sid, "outcome": "timeout", "wait_s": 10.0, "url_host": "x"}
    other = row | {"event": 2, "user_sid": "S-1-5-18", "outcome": "ok", "wait_s": 5.0}
    tables = {"waits": shaped(pd.DataFrame([row, other]), "waits")}
    found = diagnose(tables, asked=(read_rule(tmp_path / "test.toml"),))
    assert found["cost_s"].tolist() == [10.0] and found["waits"].tolist() == ["1"]


def test_every_rule_runs_on_empty_tables():
    tables = {
        name: empty(name)
        for name in (
            "events",
            "steps",
            "chain",
            "coverage",
            "spans",
            "waits",
            "delays",
            "startups",
            "clocks",
            "cache_entries",
        )
    }
    assert diagnose(tables).empty


def test_every_fix_is_cited_and_every_citation_is_a_fix():
    assert {fix for rule in rules() for fix in rule.fixes} == set(fixes())


# What a rule does, on a small table.

RULE = """
id = "test"
title = "Somebody waited"
severity = "high"
[match]
table = "waits"
where = "outcome == 'timeout'"
group_by = ["host", "user_sid"]
min_rows = 2
cost = "wait_s"
{more}
[say]
finding = "{{user_sid}} on {{host}}: {{rows}} waits, {{cost_s:.1f}} s"
fixes = ["allow-pki-hosts"]
confirm = ["netsh winhttp show proxy"]
source = "this test"
[proof]
fires_on = ["sharepoint-drop"]
silent_on = ["healthy-cold"]
"""
WAITS = [
    {"event": 1, "host": "A", "user_sid": "S-1", "outcome": "timeout", "wait_s": 10.0, "url_host": "x"},
    {"event": 2, "host": "A", "user_sid": "S-1", "outcome": "timeout", "wait_s": 5.0, "url_host": "y"},
    {"event": 3, "host": "A", "user_sid": "S-2", "outcome": "ok", "wait_s": 0.1, "url_host": "x"},
    {"event": 4, "host": "B", "user_sid": "S-1", "outcome": "timeout", "wait_s": 10.0, "url_host": "x"},
    {"event": 5, "host": "B", "user_sid": "S-1", "outcome": "timeout", "wait_s": None, "url_host": "x"},
    {"event": 6, "host": "C", "user_sid": "S-1", "outcome": "timeout", "wait_s": 10.0, "url_host": "x"},
]


def asked(tmp_path: Path, more: str = "", *, text: str = RULE) -> pd.DataFrame:
    path = tmp_path / "test.toml"
    path.write_text(text.format(more=more), encoding="utf-8")
    return diagnose({"waits": shaped(pd.DataFrame(WAITS), "waits")}, asked=(read_rule(path),))


@pytest.mark.parametrize(
    ("more", "hosts"),
    [
        ("", ["A", "B"]),
        ('min_distinct = { column = "url_host", at_least = 2 }', ["A"]),
        ("[[also]]\ntable = 'waits'\nwhere = \"outcome == 'ok'\"\non = ['host']", ["A"]),
        ("[[unless]]\ntable = 'waits'\nwhere = \"outcome == 'ok'\"\non = ['host']", ["B"]),
        ("[[unless]]\ntable = 'waits'\nwhere = \"outcome == 'ok'\"\non = []", []),
        ("[[also]]\ntable = 'waits'\nwhere = \"outcome == 'ok'\"\non = ['host', 'user_sid']", []),
    ],
)
def test_match_also_and_unless(tmp_path, more, hosts):
    assert asked(tmp_path, more)["host"].tolist() == hosts


def test_a_finding_says_what_it_saw_what_it_cost_and_cites_its_records(tmp_path):
    row = asked(tmp_path, "[[weakens]]\ntable = 'waits'\nwhere = \"outcome == 'ok'\"\non = ['host']").iloc[0]
    assert (row["finding"], row["cost_s"]) == ("S-1 on A: 2 waits, 15.0 s", 15.0)
    assert (row["evidence"], row["weakened_by"], row["fixes"]) == ("1 2", "3", "allow-pki-hosts")
    assert (row["rule"], row["severity"], row["title"]) == ("test", "high", "Somebody waited")


def test_the_cost_of_a_finding_may_stand_in_other_rows(tmp_path):
    cost = "[cost]\ntable = 'waits'\nwhere = \"url_host == 'x'\"\ncolumn = 'wait_s'\non = ['host']"
    assert asked(tmp_path, text=RULE.replace('cost = "wait_s"', "").replace("{more}", cost))["cost_s"].tolist() == [
        10.1,
        10.0,
    ]


BAD = {
    "a cost on a text": (
        'cost = "wait_s"',
        'cost = "url"',
        "line 10: .*no column 'url' to take the cost from: it is string",
    ),
    "a text as a number": ("{{host}}", "{{host:.1f}}", "line 13: the finding shows 'host' as a number"),
    "a form that is none": ("{{cost_s:.1f}}", "{{cost_s:.1d}}", "line 13: .*is no form of a value"),
    "a number as a title": ('title = "Somebody waited"', "title = 5", "line 3: 'title' must be a text, is '5'"),
    "numbers as fixes": ('["allow-pki-hosts"]', "[1]", "line 14: 'fixes' must be a list of texts"),
    "a text as a number of rows": ("min_rows = 2", 'min_rows = "two"', "'min_rows' must be a number from 1 on"),
    "an endless number": ("min_rows = 2", "min_rows = " + "9" * 5000, "line 9: a number of more than 40 digits"),
    "a number beyond 64 bits": ("min_rows = 2", "min_rows = " + "9" * 30, "line 9: a number beyond 64 bits"),
    "lists in lists": ("min_rows = 2", f"min_rows = {'[' * 20}{']' * 20}", "line 9: nested deeper than 8"),
    "endless lists": ("min_rows = 2", "min_rows = " + "[" * 30_000, "nested deeper than 8|longer than"),
    "an endless key": ("min_rows = 2", "a" + ".a" * 5000 + " = 1", "a key of too many parts"),
    "many keys": ("{more}", "\n".join(f"k{n} = 1" for n in range(3000)), "more than 2000 keys and values"),
    "a long file": ("{more}", "# " + "x" * 70_000, "is longer than 65536 bytes"),
    "a cost that is no column": ('cost = "wait_s"', 'cost = "euros"', "no column 'euros'"),
    "an unknown key": ('severity = "high"', 'severity = "high"\ncolour = "red"', "unknown key 'colour'"),
    "an unknown severity": ('severity = "high"', 'severity = "awful"', "a severity of"),
    "another id": ('id = "test"', 'id = "other"', "id test"),
    "a column that is not there": ("outcome ==", "colour ==", "there is no column 'colour'"),
    "a call": ("outcome == 'timeout'", "outcome.str.len() > 1", "not part of the language|begins with the name"),
    "a table that is not there": ('table = "waits"', 'table = "wishes"', "there is no table 'wishes'"),
    "a group that is no column": ('["host", "user_sid"]', '["host", "colour"]', "no column 'colour'"),
    "a finding that names something else": ("{{user_sid}} on", "{{password}} on", "names 'password'"),
    "a fix that is not there": ('["allow-pki-hosts"]', '["wish"]', "there is no fix 'wish'"),
    "no proof": ('fires_on = ["sharepoint-drop"]', "fires_on = []", "a scenario to fire on"),
    "no source": ('source = "this test"', 'source = ""', "a source"),
    "no TOML": ("[match]", "[match", "is no TOML"),
    "a join on something else": (
        "{more}",
        "[[also]]\ntable = 'waits'\nwhere = 'true'\non = ['url']",
        "joined on 'url'",
    ),
}


@pytest.mark.parametrize(("old", "new", "why"), BAD.values(), ids=BAD)
def test_a_bad_rule_is_refused_with_its_file(tmp_path, old, new, why):
    assert old in RULE
    with pytest.raises(KnowledgeError, match=f"^test.toml.*({why})"):
        asked(tmp_path, text=RULE.replace(old, new))


@pytest.mark.parametrize("word", ["{{host.__class__}}", "{{host!r}}", "{{0}}", "{{host:>999999}}", "{{}}"])
def test_words_can_only_name_columns(tmp_path, word):
    row = asked(tmp_path, text=RULE.replace("{{host}}", word)).iloc[0]
    assert word.replace("{{", "{").replace("}}", "}") in row["finding"]  # it stands there as it is


def test_a_rule_is_a_regular_file(tmp_path):
    os.mkfifo(tmp_path / "test.toml")
    with pytest.raises(KnowledgeError, match=r"test.toml: is no regular file"):
        read_rule(tmp_path / "test.toml")
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(KnowledgeError, match=r"folder.toml: is no regular file"):
        read_rule(tmp_path / "folder.toml")


def test_a_fix_without_an_undo_is_none(tmp_path):
    sound = (DATA / "fixes" / "allow-pki-hosts.toml").read_text(encoding="utf-8")
    path = tmp_path / "allow-pki-hosts.toml"
    path.write_text(sound[: sound.index("undo")], encoding="utf-8")
    with pytest.raises(KnowledgeError, match=r"allow-pki-hosts.toml: lacks 'undo'"):
        read_fix(path)
    path.write_text(sound + "colour = 'red'\n", encoding="utf-8")
    with pytest.raises(KnowledgeError, match="unknown key 'colour'"):
        read_fix(path)


def test_rules_name_columns_that_the_vocabulary_has():
    for rule in rules():
        for condition in (rule.match, *rule.also, *rule.unless, *rule.weakens):
            assert condition.where.names <= set(columns(condition.table)), rule.id


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
    row = analysis.findings.set_index("rule").loc["key-access"]
    assert row["finding"].startswith("mimikatz.exe on wec02 asked for private keys 3 times")


# Rules of the user, asked by any verb.

LAB_LOG = str(LAB / "fix-before")
OWN = RULE.format(more="").replace('id = "test"', 'id = "mine"').replace("min_rows = 2\n", "")


def test_a_rule_of_ones_own_is_asked_besides_ours(tmp_path, capsys):
    (tmp_path / "mine.toml").write_text(OWN, encoding="utf-8")
    main(["summary", LAB_LOG, "--rules", str(tmp_path)])
    told = capsys.readouterr().out
    assert "Somebody waited" in told and "Packets to the revocation servers are dropped" in told


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
    assert stopped.value.code == 2 and "is no folder" in capsys.readouterr().err


# What a remedy does, and in which order they are told.


def test_cures_come_before_workarounds_before_what_nobody_should_do():
    kinds = [fix.kind for fix in fixes_of("names-to-loopback shorter-timeouts allow-pki-hosts unknown")]
    assert kinds == ["cure", "workaround", "never"]
    assert all(not fix.becomes for fix in fixes().values() if fix.kind == "never")  # no saving is calculated for those


@pytest.mark.parametrize(
    "line", ["becomes = 'faster'", "limit_s = 1", "becomes = 'limited'", "becomes = 'limited'\nlimit_s = 0"]
)
def test_what_becomes_of_a_wait_is_one_of_a_few_words(tmp_path, line):
    text = (DATA / "fixes" / "purge-url-cache.toml").read_text(encoding="utf-8")
    path = tmp_path / "purge-url-cache.toml"
    path.write_text(f"{text}{line}\n", encoding="utf-8")
    with pytest.raises(KnowledgeError, match=r"purge-url-cache.toml.*becomes"):
        read_fix(path)


def test_one_is_not_called_many(tmp_path):
    (tmp_path / "test.toml").write_text(RULE.format(more="").replace("min_rows = 2\n", ""), encoding="utf-8")
    (rule,) = rules(tmp_path)
    row = pd.DataFrame([WAITS[0]])
    assert "1 wait, " in diagnose({"waits": shaped(row, "waits")}, asked=(rule,))["finding"].iloc[0]


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
