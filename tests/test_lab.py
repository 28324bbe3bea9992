"""The lab: scenarios that hold together, evidence that comes out the same, and cards that compute their answers."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path

import pandas as pd
import pytest
import scenarios

import capi2kit as c2
from capi2kit.cli import main
from capi2kit.errors import ScenarioError
from capi2kit.lab.cases import case_of
from capi2kit.lab.datasets import check_dataset, make_dataset, write_index
from capi2kit.lab.questions import questions_of
from capi2kit.lab.random_scenarios import draw_scenario
from capi2kit.lab.reading import make_scenario, names, read_scenario
from capi2kit.lab.recording import record_scenario
from capi2kit.lab.simulate.programs import happen
from capi2kit.lab.truth import union

DATASETS = Path(__file__).parent.parent / "datasets"
LAB = DATASETS / "lab"
NAME = 'name = "SP01.contoso.example"'
SMALL = """
title = "t"
story = "s"
find = "f"
begins = 2012-03-05T06:00:00Z
seed = 1
account = ["network"]
signer = ["contoso"]
[[host]]
name = "SP01.contoso.example"
[[server]]
host = "*"
answer = "drop"
[[process]]
id = "w3wp"
image = "w3wp.exe"
pid = 4120
account = "network"
start_s = 1
[[process.work]]
caller = "authenticode"
signers = ["contoso"]
files = ["a.dll"]
"""


def scenario(text: str = SMALL, **changes: object):
    return make_scenario({"id": "small", **tomllib.loads(text), **changes}, file="small.toml")


# --- scenarios that contradict themselves


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('title = "t"', 'titel = "t"', "titel: no such key"),
        ('title = "t"', "", "title: missing"),
        ("seed = 1", 'seed = "one"', "seed: must be int"),
        ("seed = 1", "seed = true", "seed: must be int"),
        ("2012-03-05", "1500-03-05", "begins: 1500 is not a year"),
        (
            "seed = 1",
            'seed = 1\nmain_cause = "a"\ncauses = ["a"]\nnot_causes = ["a"]',
            "causes: 'a' is also among not_causes",
        ),
        ('files = ["a.dll"]', 'files = ["@nosuch:3"]', "'@nosuch:3' is not among @farm, @portal"),
        ("start_s = 1", "start_s = -1", r"process\[1\].start_s: -1.0 is below zero"),
        ("start_s = 1", "start_z = 1", r"process\[1\].start_z: no such key"),
        ('files = ["a.dll"]', 'files = "a.dll"', r"work\[1\].files: must be a list"),
        ('account = "network"', 'account = "nobody"', r"process\[1\].account: 'nobody' is not among network"),
        ('signers = ["contoso"]', 'signers = ["acme"]', "'acme' is not among"),
        ('signers = ["contoso"]', "signers = []", "there must be at least one"),
        ('signer = ["contoso"]', 'signer = ["acme"]', "signer.like: 'acme' is not among"),
        ('answer = "drop"', 'answer = "shrug"', r"server\[1\].answer: 'shrug' is not one of"),
        ('answer = "drop"', 'answer = "shrug"\naddresses = 0', r"server\[1\].addresses: must be at least 1"),
        (
            f'{NAME}\n[[server]]\nhost = "*"\nanswer = "drop"',
            f'{NAME}\nretrievals = "sends"\n[[server]]\nhost = "*"\nanswer = "ok"\nseconds = 30',
            "no caller here waits longer than 10.0 s",
        ),
        ('title = "t"', 'title = "t"\nmain_cause = "a"', "main_cause: 'a' is not among causes"),
        ('caller = "authenticode"', 'caller = "wish"', "caller: 'wish' is not one of"),
        ('caller = "authenticode"', 'caller = "tls"', "server_name: tls checks the name of a server"),
        ('name = "SP01.contoso.example"', 'name = "A"\nwindows = "95"', r"host\[1\].windows: '95' is not one of"),
        ('account = ["network"]', 'account = ["network", "network"]', "account: 'network' is there twice"),
        (
            'account = ["network"]',
            'account = [{ like = "network", wpad_s = 3 }]',
            "wpad_s: only an account with proxy = 'wpad' looks for one",
        ),
        ('signer = ["contoso"]', 'signer = [{ like = "contoso", timestamp = "contoso" }]', "cannot stamp its own time"),
    ],
)
def test_a_scenario_that_cannot_be_is_refused_with_file_key_and_reason(old, new, words):
    assert old in SMALL
    with pytest.raises(ScenarioError, match=words) as caught:
        scenario(SMALL.replace(old, new))
    assert str(caught.value).startswith("small.toml: ")


@pytest.mark.parametrize("content", ["title =", b"\xff\xfe"])
def test_a_file_that_is_no_toml_is_refused(tmp_path, content):
    path = tmp_path / "odd.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ScenarioError, match=r"odd.toml: cannot be read as TOML"):
        read_scenario(path)


def test_a_scenario_that_is_not_there_is_named():
    with pytest.raises(ScenarioError, match=r"`capi2kit lab list` names them all"):
        read_scenario("nothing-of-the-kind")


# --- the model


def waited(text: str) -> list[float]:
    """How long each retrieval took that somebody waited for, in s."""
    operations = happen(scenario(text)).operations
    return [(one.stop - one.start) / 1e7 for one in operations if one.facts.get("was") == "waited"]


def test_a_dropped_packet_costs_half_of_what_is_left_of_the_budget():
    """Signer's CA and leaf, then those of the time stamp, whose CA has the same root: its list is remembered as offline."""
    assert waited(SMALL) == pytest.approx([10, 5, 10], abs=0.05)
    assert waited(SMALL.replace(NAME, f'{NAME}\nretrievals = "sends"')) == pytest.approx([10, 5, 10, 5], abs=0.05)


def test_callers_without_a_budget_give_each_url_fifteen_seconds():
    assert waited(SMALL.replace('caller = "authenticode"', 'caller = "dotnet"')) == pytest.approx([15, 15], abs=0.05)


def test_a_refusal_takes_a_while_for_each_address_and_five_at_most():
    for addresses, least, most in ((1, 0.5, 2.0), (3, 1.5, 6.0), (9, 2.5, 10.0)):
        first = waited(SMALL.replace('answer = "drop"', f'answer = "refuse"\naddresses = {addresses}'))[0]
        assert least <= first <= most + 0.01
    assert waited(SMALL.replace('answer = "drop"', 'answer = "block"\nseconds = 0.003'))[0] < 0.01


def test_what_was_fetched_is_in_memory_for_the_process_and_on_disk_for_the_next():
    text = SMALL.replace('answer = "drop"', 'answer = "ok"').replace('["a.dll"]', '["a.dll", "b.dll"]')
    second = text[text.index("[[process]]") :].replace("4120", "4200").replace('"w3wp"', '"next"')
    operations = happen(scenario(text + second.replace("start_s = 1", "start_s = 9"))).operations
    counts = [
        [sum(one.pid == pid and one.name == name for one in operations) for pid in (4120, 4200)]
        for name in ("RetrieveObjectFromNetwork", "RetrieveObjectFromCache")
    ]
    assert counts == [[3, 0], [0, 3]]  # the two signers share a root, and so its list


@pytest.mark.parametrize(("windows", "late"), [("2008 R2", True), ("2019", False)])
def test_start_records_are_late_or_on_time_as_the_version_says(windows, late):
    host = {"name": "SP01.contoso.example", "windows": windows}
    world = happen(scenario(host=[host]))
    entries = world.logs["SP01.contoso.example"].entries
    starts = [entry for entry in entries if entry.form == "wire_start"]
    stops = [entry for entry in entries if entry.form == "wire"]
    apart = [stop.stamp - start.stamp for start, stop in zip(starts, stops, strict=True)]
    assert (max(apart) == 0) is late and (min(apart) > 40_000_000) is not late


def test_overlapping_waits_count_once():
    assert union([(0, 10), (5, 12), (20, 21)]) == 13


@pytest.mark.parametrize("seed", range(1, 6))
def test_a_drawn_mixture_is_the_same_each_time(seed):
    assert draw_scenario(seed) == draw_scenario(seed)
    assert record_scenario(draw_scenario(seed)) == record_scenario(draw_scenario(seed))


# --- datasets and cards


@pytest.mark.parametrize("name", names())
def test_the_committed_files_are_what_the_lab_makes(name):
    assert check_dataset(name, LAB) == []


def test_nothing_else_lies_among_the_datasets():
    assert sorted(path.name for path in LAB.iterdir()) == names()
    assert sum(path.stat().st_size for path in LAB.rglob("*")) < 20_000_000


def test_the_index_of_the_datasets_is_up_to_date():
    page = (DATASETS / "README.md").read_text(encoding="utf-8")
    assert all(f"{table.strip()}\n" in page for table in write_index(LAB).split("\n\n"))


def test_a_changed_byte_a_missing_and_a_strange_file_are_seen(tmp_path):
    shutil.copytree(LAB / "no-cdp", tmp_path / "no-cdp")
    assert check_dataset("no-cdp", tmp_path) == []
    log = next((tmp_path / "no-cdp").glob("*.evtx"))
    log.write_bytes(log.read_bytes()[:-1] + b"x")
    (tmp_path / "no-cdp" / "truth.json").unlink()
    (tmp_path / "no-cdp" / "notes.txt").write_text("mine")
    assert [line.rpartition(": ")[2] for line in check_dataset("no-cdp", tmp_path)] == [
        "nothing that the lab makes",
        "differs from what the lab makes",
        "missing",
    ]


def test_an_archive_with_another_content_is_seen(tmp_path):
    shutil.copytree(LAB / "farm-proxy-drift", tmp_path / "farm-proxy-drift")
    shutil.copy(LAB / "sharepoint-drop" / "evidence.zip", tmp_path / "farm-proxy-drift" / "evidence.zip")
    assert len(check_dataset("farm-proxy-drift", tmp_path)) == 1


def test_making_never_writes_over_what_is_there(tmp_path):
    make_dataset("key-access", tmp_path)
    with pytest.raises(ScenarioError, match="--force"):
        make_dataset("key-access", tmp_path)
    assert make_dataset("key-access", tmp_path, force=True)


@pytest.mark.parametrize("name", names())
def test_a_card_holds_the_questions_of_its_case(name):
    questions = questions_of(scenarios.truth_of(name), find=read_scenario(name).find)
    card = (LAB / name / "README.md").read_text(encoding="utf-8")
    assert case_of(name).name in card and len(questions) >= 3
    for question in questions:
        assert question.text in card and question.because in card and "{" not in question.text + question.because


def test_answers_follow_the_truth():
    truth = scenarios.truth_of("fix-before")
    before = {one.id: one.answers[0] for one in questions_of(truth)}
    truth["waits"][0]["wait_s"] = 123.4564
    after = {one.id: one.answers[0] for one in questions_of(truth)}
    assert before["longest"] == "10.009" and after["longest"] == "123.456"
    assert {name for name in before if before[name] != after[name]} == {"longest"}


def test_a_packed_scenario_loads_as_it_is():
    case = c2.load(LAB / "farm-proxy-drift" / "evidence.zip")
    assert case.events["host"].notna().all()  # logs that name none lie in the folder of one
    assert set(case.events["host"].str.partition(".")[0]) == {"SP11", "SP12"}
    assert int(case.sources["lost"].sum()) == 0


# --- on the command line


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    code = 0
    try:
        main(list(arguments))
    except SystemExit as stop:
        code = int(stop.code or 0)
    out, err = capsys.readouterr()
    return code, out, err


def test_list_names_every_scenario(capsys):
    code, out, _ = run(capsys, "lab", "list")
    assert code == 0 and [line.split()[0] for line in out.splitlines()] == names()


def test_show_keeps_the_answers_until_they_are_asked_for(capsys):
    _, shy, _ = run(capsys, "lab", "show", "fix-before")
    _, answers, _ = run(capsys, "lab", "show", "fix-before", "--answers")
    assert "Hard:" in shy and "   = 10.009: " not in shy and "   = 10.009: " in answers


def test_make_writes_prints_and_will_not_overwrite(capsys, tmp_path):
    code, out, _ = run(capsys, "lab", "make", "key-access", "-o", str(tmp_path))
    assert code == 0 and all(Path(line).is_file() for line in out.splitlines())
    code, _, err = run(capsys, "lab", "make", "key-access", "-o", str(tmp_path))
    assert code == 3 and "is there already" in err


def test_check_says_what_differs_with_exit_code_1(capsys, tmp_path):
    run(capsys, "lab", "make", "key-access", "-o", str(tmp_path))
    assert run(capsys, "lab", "make", "--check", "key-access", "-o", str(tmp_path))[0] == 0
    (tmp_path / "key-access" / "truth.json").write_text("{}")
    code, out, _ = run(capsys, "lab", "make", "--check", "key-access", "-o", str(tmp_path))
    assert code == 1 and "truth.json: differs" in out


def test_demo_writes_evidence_and_report(capsys, tmp_path):
    code, out, _ = run(capsys, "demo", "-o", str(tmp_path / "demo"))
    assert code == 0 and "w3wp.exe (PID 4120 on SP01.contoso.example) waited 8 min 15 s" in out
    assert (tmp_path / "demo" / "report.html").stat().st_size > 100_000


# --- what the log lacks


def recorded(tmp_path: Path, **host: object) -> tuple[c2.Analysis, dict]:
    """The small scenario with four files on a host like this: its analysis and its truth."""
    text = SMALL.replace('["a.dll"]', '["a.dll", "b.dll", "c.dll", "d.dll"]')
    recording = record_scenario(scenario(text, host=[{"name": "SP01.contoso.example", **host}]))
    for name, data in recording.files.items():
        (tmp_path / name).write_bytes(data)
    return c2.analyse(c2.load(tmp_path)), json.loads(recording.truth)


def test_a_log_that_is_switched_on_late_begins_in_the_middle_of_a_task(tmp_path):
    analysis, truth = recorded(tmp_path, channel_on_s=35.0)
    assert analysis.startups["start_from"].tolist() == ["log begins"] and not truth["startups"][0]["in_log"]
    assert 0 < len(analysis.waits) < len(truth["waits"])


def test_a_small_log_keeps_only_its_last_chunks(tmp_path):
    analysis, truth = recorded(tmp_path, log_bytes=4096 + 2 * 65536)
    records = analysis.case.events["record"]
    assert records.min() > 1 and records.max() - records.min() + 1 == len(records) == truth["hosts"][0]["records"]
    assert analysis.case.sources["wrapped"].tolist() == [True]


def test_an_export_of_errors_only_keeps_the_record_ids_of_the_log(tmp_path):
    analysis, _ = recorded(tmp_path, errors_only=True)
    events = analysis.case.events
    assert set(events["level"]) == {2} and not (events["phase"] == "start").any()
    assert events["record"].diff().max() > 1  # EventRecordID has holes, while the headers count anew


def test_a_clock_that_is_wrong_is_wrong_in_the_log_and_in_the_truth(tmp_path):
    analysis, truth = recorded(tmp_path, clock_error_s=-384.0)
    start = analysis.waits["start"].min()
    assert abs((start - pd.Timestamp(truth["waits"][0]["start"])).total_seconds()) < 0.05
    assert start < pd.Timestamp("2012-03-05T05:54:00Z")


# A farm.


def test_a_farm_is_drawn_by_its_seed_and_its_truth_says_who_is_unlike_the_others(tmp_path, capsys):
    main(["lab", "farm", "-o", str(tmp_path / "a"), "--computers", "6", "--seed", "3"])
    assert "the logs of 6 computers" in capsys.readouterr().out
    main(["lab", "farm", "-o", str(tmp_path / "b"), "--computers", "6", "--seed", "3"])
    files = {path.relative_to(tmp_path / "a"): path.read_bytes() for path in (tmp_path / "a").rglob("*.*")}
    assert len([path for path in files if path.suffix == ".evtx"]) == 6
    assert files == {path.relative_to(tmp_path / "b"): path.read_bytes() for path in (tmp_path / "b").rglob("*.*")}
    truth = json.loads((tmp_path / "a" / "truth.json").read_text())["computers"]
    waited = {name: one["wait_s"] for name, one in truth.items()}
    for name, one in truth.items():
        log = tmp_path / "a" / "evidence" / name.partition(".")[0]
        assert c2.analyse(c2.load(log)).waits["wait_s"].sum() == pytest.approx(one["wait_s"], abs=0.1)
        assert (waited[name] > 60) == one["forgotten"]
    assert sum(one["forgotten"] for one in truth.values()) == 1
    assert sum(abs(one["clock_error_s"]) > 60 for one in truth.values()) == 1


@pytest.mark.parametrize("computers", [0, 1, 501])
def test_a_number_that_makes_no_farm_is_refused(computers, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["lab", "farm", "-o", str(tmp_path), "--computers", str(computers)])
    assert "a farm has 2 to 500 computers" in capsys.readouterr().err
