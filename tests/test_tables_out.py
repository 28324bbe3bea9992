"""Exports: tables as CSV, JSON lines and Parquet, a trace, lines for Timesketch: every row arrives, and what is left out is said."""

from __future__ import annotations

import csv
import io
import json
import re

import outlines
import pandas as pd
import pyarrow.parquet as pq
import pytest
import scenarios
from hypothesis import given
from hypothesis import strategies as st

import capi2kit as c2
from capi2kit.cli import main
from capi2kit.knowledge import columns
from capi2kit.knowledge.vocabulary import SCHEMA_VERSION
from capi2kit.render.exports import TABLES, export, names_of, tables_of
from capi2kit.render.exports.cells import without_formula
from capi2kit.render.exports.trace import _events, _Interval

FLAGSHIP = "sharepoint-drop"


@pytest.fixture(scope="module")
def analysis(small_log):
    return c2.analyse(c2.load(small_log))


def written(analysis, path, **how):
    said = export(analysis, path, **how)
    return {line.split(": ")[0].rsplit("/", 1)[-1]: line.split(": ", 1)[1] for line in said}


def test_several_tables_are_several_files_and_the_named_one_holds_the_events(analysis, tmp_path):
    said = written(analysis, tmp_path / "x.csv")
    assert said["x.csv"] == "table events, 12 rows, none left out"
    assert said["x.waits.csv"] == "table waits, 2 rows, none left out"
    assert sorted(said) == sorted(path.name for path in tmp_path.iterdir())


def test_one_table_is_the_named_file(analysis, tmp_path):
    assert list(written(analysis, tmp_path / "x.parquet", tables=["waits"])) == ["x.parquet"]
    assert names_of("a/x.jsonl", ["waits", "spans"], ending=".jsonl") == ["a/x.jsonl", "a/x.spans.jsonl"]


def test_a_table_that_does_not_exist_is_named(analysis, tmp_path):
    with pytest.raises(c2.Capi2kitError, match="there is no table 'wait'; choose of spans, waits"):
        export(analysis, tmp_path / "x.csv", tables=["wait"])


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_a_file_that_is_there_stops_all_before_any_is_written(analysis, ending, tmp_path):
    (tmp_path / f"x.waits{ending}").write_text("mine")
    with pytest.raises(c2.OutputError, match="is there already"):
        export(analysis, tmp_path / f"x{ending}")
    assert [path.name for path in tmp_path.iterdir()] == [f"x.waits{ending}"]
    export(analysis, tmp_path / f"x{ending}", force=True)
    assert (tmp_path / f"x.waits{ending}").read_bytes() != b"mine"


def test_every_table_comes_back_from_parquet_with_its_types(tmp_path):
    analysis = scenarios.analysed(FLAGSHIP)
    export(analysis, tmp_path / "x.parquet")
    for name, table in tables_of(analysis, ()).items():
        path = tmp_path / ("x.parquet" if name == "events" else f"x.{name}.parquet")
        back = pd.read_parquet(path)
        assert list(back.columns) == list(columns(name)) and len(back) == len(table)
        facts = pq.read_schema(path).metadata
        assert (
            facts[b"capi2kit.table"] == name.encode()
            and facts[b"capi2kit.schema_version"] == str(SCHEMA_VERSION).encode()
        )
        for column in table.columns:
            assert back[column].isna().tolist() == table[column].isna().tolist(), (name, column)
    waits = pd.read_parquet(tmp_path / "x.waits.parquet")
    assert waits["wait_s"].sum() == pytest.approx(1400.2, abs=0.1) and str(waits["start"].dt.tz) == "UTC"


def test_csv_and_json_lines_hold_the_same(tmp_path):
    analysis = scenarios.analysed(FLAGSHIP)
    export(analysis, tmp_path / "x.csv", tables=["waits"])
    export(analysis, tmp_path / "x.jsonl", tables=["waits"])
    rows = list(csv.DictReader((tmp_path / "x.csv").open(encoding="utf-8")))
    lines = [json.loads(line) for line in (tmp_path / "x.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(rows) == len(lines) == 185
    for row, line in zip(rows, lines, strict=True):
        assert {name: "" if value is None else str(value) for name, value in line.items()} == row


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", "=cmd|'/c calc'!A1"]


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_of_a_csv_begins_a_formula(text):
    assert without_formula(text).startswith("'") or not without_formula(text).lstrip().startswith(
        ("=", "+", "-", "@", "＝")
    )


@given(st.text(max_size=40))
def test_a_cell_is_one_line_and_no_formula(text):
    made = without_formula(text)
    assert not re.match(r"\s*[=+\-@]", made) and "\n" not in made and "\r" not in made and "\0" not in made


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".timesketch.jsonl", ".trace.json"])
def test_hostile_text_is_data(hostile_log, ending, tmp_path):
    analysis = c2.analyse(c2.load(hostile_log))
    export(analysis, tmp_path / f"x{ending}")
    text = (tmp_path / f"x{ending}").read_text(encoding="utf-8")
    assert "\x1b" not in text and "\u202e" not in text
    if ending == ".csv":
        assert not [cell for row in csv.reader(io.StringIO(text)) for cell in row if re.match(r"[=+@]", cell)]
    elif ending == ".trace.json":
        assert json.loads(text)["traceEvents"]
    else:
        assert [json.loads(line) for line in text.splitlines()]


# ---- Trace.


def trace_of(analysis, folder):
    export(analysis, folder / "x.trace.json")
    return json.loads((folder / "x.trace.json").read_text(encoding="utf-8"))


def check_trace(trace: dict) -> None:
    """The rules of the Trace Event Format for complete events, instants and metadata; and strict nesting, without which viewers err."""
    assert isinstance(trace["traceEvents"], list) and trace["displayTimeUnit"] in ("ms", "ns")
    lanes: dict[tuple[int, int], list[tuple[float, float]]] = {}
    named = set()
    for event in trace["traceEvents"]:
        assert event["ph"] in "XMi" and isinstance(event["name"], str) and isinstance(event["pid"], int)
        if event["ph"] == "M":
            assert event["name"] in ("process_name", "thread_name") and isinstance(event["args"]["name"], str)
            named.add((event["pid"], event.get("tid")))
            continue
        assert isinstance(event["cat"], str) and isinstance(event["args"], dict) and isinstance(event["tid"], int)
        assert isinstance(event["ts"], int | float) and event["ts"] >= 0
        assert (event["pid"], None) in named and (event["pid"], event["tid"]) in named
        if event["ph"] == "i":
            assert event["s"] in "gpt"
            continue
        assert isinstance(event["dur"], int | float) and event["dur"] > 0
        lanes.setdefault((event["pid"], event["tid"]), []).append((event["ts"], event["ts"] + event["dur"]))
    for bars in lanes.values():
        open_bars: list[float] = []
        for start, stop in sorted(bars, key=lambda bar: (bar[0], -bar[1])):
            while open_bars and open_bars[-1] <= start + 1e-6:
                open_bars.pop()
            assert not open_bars or stop < open_bars[-1], "a bar ends after the one that it begins in"
            open_bars.append(stop)


@pytest.mark.parametrize(
    "scenario", [FLAGSHIP, "farm-proxy-drift", "slow-wpad", "large-list", "responder-and-lists-blocked"]
)
def test_a_trace_keeps_to_the_format_and_nests(scenario, tmp_path):
    analysis = scenarios.analysed(scenario)
    trace = trace_of(analysis, tmp_path)
    check_trace(trace)
    kinds = [event["cat"] for event in trace["traceEvents"] if event["ph"] in "Xi"]
    placed = analysis.waits[
        analysis.waits["start"].notna() & analysis.waits["stop"].notna() & analysis.waits["quality"].ne("unknown")
    ]
    assert kinds.count("wait") == len(placed) and kinds.count("start-up") == len(analysis.startups)


def test_a_wait_in_a_trace_is_the_true_interval(analysis, tmp_path):
    trace = trace_of(analysis, tmp_path)
    bars = [event for event in trace["traceEvents"] if event.get("cat") == "wait"]
    assert [event["dur"] for event in bars] == pytest.approx([10_000_000, 5_000_000], abs=0.05)
    assert bars[0]["name"] == "wait for crl.example: timeout" and bars[0]["args"]["wait_s"] == pytest.approx(10)
    begin = pd.Timestamp(trace["otherData"]["begin"])
    began = begin + pd.Timedelta(microseconds=bars[0]["ts"])
    assert abs(began - analysis.waits["start"].iloc[0]) < pd.Timedelta(microseconds=1)


def test_two_computers_with_the_same_process_id_are_two_processes(tmp_path):
    trace = trace_of(scenarios.analysed("farm-proxy-drift"), tmp_path)
    names = {event["args"]["name"]: event["pid"] for event in trace["traceEvents"] if event["name"] == "process_name"}
    workers = [pid for name, pid in names.items() if name.startswith("w3wp.exe")]
    assert len(workers) == len(set(workers)) == 2


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=12))
def test_bars_of_a_thread_always_nest_in_their_lanes(times):
    bars = [
        _Interval(("h", "p.exe", 4), "thread 7", min(pair), max(pair), "x", "check", "", {"n": number})
        for number, pair in enumerate(times)
    ]
    trace = {"displayTimeUnit": "ms", "traceEvents": list(_events(bars))}
    check_trace(trace)
    assert sum(event["ph"] in "Xi" for event in trace["traceEvents"]) == len(bars)


def test_a_trace_that_does_not_nest_is_seen():
    bar = {"ph": "X", "name": "x", "cat": "check", "pid": 1, "tid": 1, "args": {}}
    names = [{"ph": "M", "name": "process_name", "pid": 1, "args": {"name": "p"}}]
    names += [{"ph": "M", "name": "thread_name", "pid": 1, "tid": 1, "args": {"name": "t"}}]
    bars = [{**bar, "ts": 0, "dur": 5}, {**bar, "ts": 3, "dur": 5}]
    with pytest.raises(AssertionError, match="ends after"):
        check_trace({"displayTimeUnit": "ms", "traceEvents": [*names, *bars]})


def test_what_has_no_place_in_a_trace_is_counted(tmp_path):
    analysis = outlines.analysed("VerifyTrust 0 5\n RetrieveObjectFromNetwork 1 4 url=http://a.test/x.crl\n")
    said = written(analysis, tmp_path / "x.trace.json")["x.trace.json"]
    assert re.match(r"\d+ operations, \d+ waits?, \d+ start-ups?; (none left out|.* left out: )", said)


# ---- Timesketch.

MANDATORY = {"message", "datetime", "timestamp", "timestamp_desc", "data_type"}


def check_timesketch(lines: list[str]) -> list[dict]:
    """The rules of Timesketch's reader: the fields that must be there, and a time that is the same in both of its forms."""
    rows = [json.loads(line) for line in lines]
    for row in rows:
        assert row.keys() >= MANDATORY
        assert isinstance(row["timestamp"], int) and all(
            isinstance(row[name], str) and row[name] for name in MANDATORY - {"timestamp"}
        )
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", row["datetime"])
        assert pd.Timestamp(row["datetime"]).value // 1000 == row["timestamp"]
        assert "\n" not in row["message"]
    return rows


def test_timesketch_gets_every_event_wait_and_start_up(tmp_path):
    analysis = scenarios.analysed(FLAGSHIP)
    said = written(analysis, tmp_path / "x.timesketch.jsonl")["x.timesketch.jsonl"]
    assert said == "2,943 rows of events, 185 rows of waits, 3 rows of startups; none left out"
    rows = check_timesketch((tmp_path / "x.timesketch.jsonl").read_text(encoding="utf-8").splitlines())
    assert len(rows) == 2943 + 185 + 3
    first = next(row for row in rows if row["data_type"] == "windows:evtx:record" and row["event_identifier"] == 53)
    assert {"computer_name", "record_number", "source_name", "event_level"} <= first.keys()
    assert any(row["message"].endswith(": timeout") for row in rows if row["data_type"] == "capi2kit:wait")


def test_a_row_without_a_time_is_left_out_and_counted(analysis, tmp_path):
    events = analysis.case.events.copy()
    events.iloc[0, events.columns.get_loc("time")] = pd.NaT
    from dataclasses import replace

    without = replace(analysis, case=replace(analysis.case, events=events))
    said = written(without, tmp_path / "x.timesketch.jsonl")["x.timesketch.jsonl"]
    assert "11 rows of events" in said and said.endswith("1 row left out: they have no time")


def test_the_verb_writes_and_says_what_it_wrote(small_log, tmp_path, capsys):
    main(["export", str(small_log), "-o", str(tmp_path / "x.csv"), "--table", "waits", "--table", "spans"])
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 2 and out[0].endswith("x.csv: table waits, 2 rows, none left out")
    with pytest.raises(SystemExit) as stop:
        main(["export", str(small_log), "-o", str(tmp_path / "x.zzz")])
    assert stop.value.code == 2 and ".timesketch.jsonl" in capsys.readouterr().err


def test_save_writes_exports_too(analysis, tmp_path):
    said = c2.save(analysis, tmp_path / "x.trace.json")
    assert (tmp_path / "x.trace.json").exists() and "2 waits" in said[0]
    assert set(TABLES) >= {"events", "spans", "waits"}
