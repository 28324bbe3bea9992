"""The command line: data on stdout, talk on stderr, exit codes that mean something."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys

import pytest
from scenarios import LAB

from capi2kit.cli import VERBS, main

TABLES = ("events", "spans", "waits")


def run(capsys, *arguments):
    """Exit code, stdout and stderr of one call."""
    code = 0
    try:
        main(list(arguments))
    except SystemExit as stop:
        code = stop.code or 0
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(capsys, verb):
    code, out, _ = run(capsys, verb, "--help")
    assert code == 0
    for option in (
        "--from",
        "--to",
        "--tz",
        "--process",
        "--pid",
        "--host",
        "--engine",
        "--strict",
        "-o",
        "-f",
        "-q",
        "-v",
        "--no-color",
    ):
        assert option in out


def test_help_imports_nothing_heavy():
    code = "import sys; from capi2kit.cli import parser; parser().format_help(); print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    for heavy in ("pandas", "numpy", "lxml", "matplotlib", "jinja2", "rich"):
        assert f"'{heavy}'" not in loaded


def test_what_a_sound_log_does_not_need_is_not_imported(small_log):
    code = f"import sys; from capi2kit.case import load; load({str(small_log)!r}); print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert "'capi2kit.loaders.evtx.columnar'" in loaded
    for other in ("Evtx", "capi2kit.loaders.certutil", "capi2kit.loaders.eventxml", "rich", "jinja2", "matplotlib"):
        assert f"'{other}'" not in loaded


@pytest.mark.parametrize("arguments", [[], ["sing", "x.evtx"], ["summary"], ["summary", "--pid", "many", "x.evtx"]])
def test_a_wrong_call_is_exit_2(capsys, arguments):
    code, out, err = run(capsys, *arguments)
    assert code == 2 and not out and "usage" in err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--tz", "Mars/Olympus"], "no time zone"),
        (["--from", "yesterday-ish"], "is not a time"),
        (["-f", "docx"], "not possible here"),
    ],
)
def test_an_option_that_cannot_be_read_is_exit_2_and_says_what_can(capsys, small_log, options, said):
    code, _, err = run(capsys, "waits", str(small_log), *options)
    assert code == 2 and said in err


def test_a_missing_file_is_exit_3_and_says_so(capsys):
    code, out, err = run(capsys, "summary", "/nowhere/at/all.evtx")
    assert code == 3 and not out and "no such file" in err and "Traceback" not in err


def test_a_selection_that_fits_nothing_is_never_a_quiet_success(capsys, small_log):
    code, out, err = run(capsys, "waits", str(small_log), "--process", "nosuch.exe")
    assert code == 3 and not out and "--process" in err


@pytest.mark.parametrize("verb", TABLES)
def test_a_table_has_the_same_rows_in_every_format(capsys, small_log, verb):
    text = run(capsys, verb, str(small_log))[1].splitlines()
    rows = list(csv.DictReader(io.StringIO(run(capsys, verb, str(small_log), "-f", "csv")[1])))
    lines = [json.loads(line) for line in run(capsys, verb, str(small_log), "-f", "jsonl")[1].splitlines()]
    assert len(text) - 1 == len(rows) == len(lines) > 0
    assert list(rows[0]) == list(lines[0])


def test_output_goes_to_a_file_and_its_ending_gives_the_format(capsys, small_log, tmp_path):
    target = tmp_path / "waits.csv"
    code, out, _ = run(capsys, "waits", str(small_log), "-o", str(target))
    assert code == 0 and not out
    assert target.read_text(encoding="utf-8").startswith("event,span,task_id")


def test_a_report_prints_its_path_and_the_headline(capsys, small_log, tmp_path):
    target = tmp_path / "report.html"
    code, out, _ = run(capsys, "report", str(small_log), "-o", str(target))
    assert code == 0 and out.splitlines()[0] == str(target) and "waited nearly all of its first 15.0 s" in out
    assert target.read_bytes().startswith(b"<!DOCTYPE html>")


def test_a_report_is_not_written_beside_the_evidence(capsys, small_log, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = sorted(small_log.parent.iterdir())
    assert run(capsys, "report", str(small_log))[0] == 0
    assert sorted(small_log.parent.iterdir()) == before
    assert [path.name for path in tmp_path.glob("*.html")] == [f"{small_log.stem}.capi2kit.html"]


def test_summary_names_seconds_process_account_and_server(capsys, small_log):
    code, out, err = run(capsys, "summary", str(small_log))
    assert code == 0 and not err
    assert "No answer from certificate servers. w3wp.exe (PID 2044 on WEB01) waited nearly all" in out
    assert "crl.example" in out
    code, out, err = run(capsys, "summary", "--full", str(small_log))
    assert code == 0 and not err and "as SYSTEM" in out


def test_no_line_of_a_summary_is_wider_than_the_page(capsys, small_log):
    out = run(capsys, "summary", str(small_log))[1]
    assert max(map(len, out.splitlines())) <= 120


def test_info_says_where_every_record_went(capsys, small_log):
    out = run(capsys, "info", str(small_log))[1]
    assert "Records promised by a file = loaded + of other providers + duplicates + lost" in out and "SHA-256" in out


def test_show_finds_a_task_by_id_record_and_url(capsys, small_log):
    waits = json.loads(run(capsys, "waits", str(small_log), "-f", "jsonl")[1].splitlines()[0])
    events = [json.loads(line) for line in run(capsys, "events", str(small_log), "-f", "jsonl")[1].splitlines()]
    record = next(event["record"] for event in events if event["event"] == waits["event"])
    for what in (waits["task_id"][:8], str(record), "crl.example"):
        code, out, _ = run(capsys, "show", what, str(small_log))
        assert code == 0 and f"Task {waits['task_id']}" in out and "RetrieveObjectFromNetwork" in out


def test_show_prints_the_original_records(capsys, small_log):
    out = run(capsys, "show", "crl.example", str(small_log), "--xml")[1]
    assert "<CryptRetrieveObjectByUrlWire>" in out and "<EventRecordID>" in out


def test_show_of_something_unknown_is_exit_3(capsys, small_log):
    code, _, err = run(capsys, "show", "nothing-like-it", str(small_log))
    assert code == 3 and "TaskId" in err


def test_a_range_is_echoed_in_utc_and_keeps_what_begins_in_it(capsys, small_log):
    spans = [json.loads(line) for line in run(capsys, "spans", str(small_log), "-f", "jsonl")[1].splitlines()]
    middle = sorted(span["start"] for span in spans)[len(spans) // 2]
    code, out, err = run(capsys, "spans", str(small_log), "-f", "jsonl", "--from", middle)
    assert code == 0 and "Z" in err and "reading --from" in err
    kept = [json.loads(line) for line in out.splitlines()]
    assert [span["span"] for span in kept] == [span["span"] for span in spans if span["start"] >= middle]


def test_a_lost_record_is_shown_and_under_strict_is_exit_4(capsys, damaged_log):
    code, _, err = run(capsys, "waits", str(damaged_log))
    assert code == 0 and "1 of" in err and "lost" in err
    code, out, err = run(capsys, "waits", str(damaged_log), "--strict")
    assert code == 4 and not out and "lost" in err


def test_quiet_says_nothing(capsys, damaged_log):
    assert run(capsys, "waits", str(damaged_log), "-q")[2] == ""


def test_text_from_a_log_cannot_act_in_a_spreadsheet_or_terminal(capsys, hostile_log):
    text = run(capsys, "events", str(hostile_log))[1]
    assert "\x1b" not in text and "\u202e" not in text
    for row in csv.reader(io.StringIO(run(capsys, "events", str(hostile_log), "-f", "csv")[1])):
        assert not any(cell.startswith(("=", "@", "+")) for cell in row)
        assert not any("\n" in cell or "\r" in cell for cell in row)


def test_a_reader_that_stops_early_is_no_error(small_log):
    command = f"'{sys.executable}' -c 'from capi2kit.cli import main; main()' events '{small_log}' -f csv | head -1"
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("task_id,") and "Traceback" not in done.stderr


@pytest.mark.real
def test_a_log_without_one_capi2_event_is_exit_3_and_says_why(capsys, real_logs):
    code, _, err = run(capsys, "summary", str(real_logs / "evtx" / "security_win2012r2_no_capi2.evtx"))
    assert code == 3 and "636 of other providers" in err and "wevtutil" in err


@pytest.mark.real
def test_the_summary_of_the_real_log(capsys, real_logs):
    log = str(real_logs / "evtx" / "capi2_operational_wks05_2016-2018.evtx")
    first = " ".join(run(capsys, "summary", log)[1].split("\n\n")[0].split())
    for said in ("14.2 s", "14.5 s", "Setup.exe", "PID 2044", "WPAD"):
        assert said in first
    out = run(capsys, "summary", "--full", log)[1]
    for said in (
        "as SYSTEM",
        "crl.microsoft.com",
        "nothing failed",
        "0 failed",
        "11 records of level error: 11 no failure",
    ):
        assert said in " ".join(out.split())


def test_waits_can_be_ordered_and_limited(capsys, small_log):
    rows = list(csv.DictReader(io.StringIO(run(capsys, "waits", str(small_log), "--top", "1", "-f", "csv")[1])))
    everything = list(
        csv.DictReader(io.StringIO(run(capsys, "waits", str(small_log), "--sort", "wait", "-f", "csv")[1]))
    )
    lengths = [float(row["high_s"]) for row in everything]
    assert rows == everything[:1] and lengths == sorted(lengths, reverse=True)
    assert run(capsys, "waits", str(small_log), "--top", "0")[0] == 2


def test_the_numbers_that_a_table_prints_can_be_shown(capsys, small_log):
    lines = run(capsys, "waits", str(small_log))[1].splitlines()
    record, task = lines[1].split()[:2]
    assert lines[0].split()[:2] == ["record", "task"]
    for what in (record, task):
        out = run(capsys, "show", what, str(small_log))[1]
        assert f"Task {task}" in out and "RetrieveObjectFromNetwork" in out


def test_a_number_is_a_record_before_it_is_the_beginning_of_a_task(capsys, small_log):
    out = run(capsys, "show", "1", str(small_log))[1]
    events = run(capsys, "events", str(small_log), "-f", "jsonl")[1].splitlines()
    (task,) = {json.loads(line)["task_id"] for line in events if json.loads(line)["record"] == 1}
    assert f"Task {task}" in out


def test_related_tasks_are_folded(capsys):
    out = run(capsys, "show", "48A8A978", str(LAB / "sharepoint-drop"))[1]
    related = [line for line in out.splitlines() if line.startswith("Related, ")]
    assert 0 < len(related) <= 4 and any("more" in line for line in related)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["sumary", "x.evtx"], "did you mean summary?"),
        (["wait", "x.evtx"], "did you mean waits?"),
        (["zzz", "x.evtx"], "--help lists them"),
    ],
)
def test_a_verb_that_does_not_exist_is_named_with_the_one_that_was_meant(capsys, given, said):
    code, _, err = run(capsys, *given)
    assert code == 2 and said in err and "Traceback" not in err


def test_all_formats_are_listed(capsys):
    code, out, _ = run(capsys, "--formats")
    assert code == 0 and "Windows event log (.evtx)" in out and len(out.splitlines()) > 10


def test_a_file_of_no_known_format_is_refused_in_a_few_lines(capsys, tmp_path):
    (tmp_path / "story.bin").write_bytes(b"Once upon a time")
    code, _, err = run(capsys, "summary", str(tmp_path / "story.bin"))
    assert code == 3 and "--formats" in err and len(err) < 3 * 160


@pytest.mark.parametrize(
    ("verb", "said"),
    [
        ("waits", "nothing waited for it"),
        ("accounts", "no account waited"),
        ("prefetch", "No list that can be installed"),
        ("whatif", "No finding here has a remedy"),
    ],
)
def test_an_empty_result_says_so(capsys, verb, said):
    code, out, _ = run(capsys, verb, str(LAB / "healthy-warm"))
    assert code == 0 and said in out and len(out.splitlines()) == 1
