"""Coverage: what each stretch of log can support, by record ids, SeqNumber and Opcode alone."""

from dataclasses import fields

import pandas as pd
import pytest

from capi2kit.case import Case
from capi2kit.columns.cells import empty, shaped
from capi2kit.coverage import measure_coverage

Rows = list[tuple[int, str | None, int | None, str]]
WHOLE = [(1, "A", 1, "start"), (2, "A", 2, "stop"), (3, "B", 1, "start"), (4, "B", 2, "stop")]


def measured(events: Rows, *, host: str | list[str] = "WEB01", **source: object) -> pd.DataFrame:
    """Coverage of events given as (record, task, seq, phase), a second apart."""
    table = pd.DataFrame(events, columns=["record", "task_id", "seq", "phase"])
    table["host"], table["channel"], table["source"] = host, "Operational", 0
    table["time"] = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(table["record"], unit="s")
    facts = {"source": 0, "loader": "evtx", "wrapped": False, "lost": 0, "other": 0} | source
    return measure_coverage(shaped(table, "events"), shaped(pd.DataFrame([facts]), "sources"))


def test_a_whole_log_is_complete():
    row = measured(WHOLE).iloc[0]
    assert (row["records"], row["gaps"], row["starts"], row["cut_tasks"], row["verdict"]) == (4, 0, 2, 0, "complete")
    assert row["stop"] - row["start"] == pd.Timedelta("3s")


@pytest.mark.parametrize(
    ("events", "source", "verdict"),
    [
        (WHOLE, {"wrapped": True}, "cut at the start"),
        ([(2, "A", 2, "stop"), (3, "B", 1, "start"), (4, "B", 2, "stop")], {}, "cut at the start"),
        ([(1, "A", 1, "start"), (3, "A", 3, "stop")], {}, "filtered"),
        ([(1, "A", 1, "start"), (9, "A", 2, "stop")], {}, "filtered"),
        ([(1, "A", 1, "stop"), (2, "B", 1, "stop")], {}, "filtered"),
        ([(4, "A", 2, "point"), (5, "B", 2, "point")], {}, "filtered"),
        ([(1, "A", 1, "stop"), (2, "B", 1, "stop")], {"loader": "pasted"}, "excerpt"),  # somebody pasted them
        ([(n, "A", n, "stop") for n in range(1, 30)], {"loader": "eventxml"}, "filtered"),  # too many for that
        (WHOLE, {"loader": "pasted"}, "complete"),
        (WHOLE, {"lost": 1, "wrapped": True}, "damaged"),
        ([(1, None, None, "point"), (2, None, None, "point")], {}, "no operations"),
    ],
)
def test_the_verdict_names_what_is_missing(events, source, verdict):
    assert measured(events, **source)["verdict"].tolist() == [verdict]


def test_gaps_are_counted_only_where_the_log_has_nothing_else():
    apart: Rows = [(1, "A", 1, "start"), (9, "A", 2, "stop")]
    assert measured(apart)["gaps"].tolist() == [7]
    assert measured(apart, other=7)["gaps"].tolist() == [0]
    assert measured(apart, host=["WEB01", "WEB02"])["gaps"].tolist() == [0, 0]


def test_each_computer_of_a_log_is_a_stretch_of_its_own():
    table = measured(WHOLE, host=["B", "B", "A", "A"])
    assert table["host"].tolist() == ["A", "B"]
    assert table["records"].tolist() == [2, 2]
    assert table["start"].is_monotonic_decreasing


def test_events_without_a_time_a_host_or_an_id_are_counted_too():
    table = pd.DataFrame({"source": [0, 0], "host": [None, None], "channel": [None, "C"], "phase": ["point", "stop"]})
    sources = shaped(pd.DataFrame([{"source": 0, "lost": 0, "other": 0}]), "sources")
    measured = measure_coverage(shaped(table, "events"), sources)
    assert measured["records"].tolist() == [1, 1]
    assert measured["start"].isna().all()


def test_a_case_shows_itself_in_a_notebook_and_escapes_what_the_log_says():
    events = shaped(pd.DataFrame({"host": ["<script>alert(1)</script>"]}), "events")
    sources = shaped(pd.DataFrame({"source": [0], "path": ["<b>.evtx"], "lost": [2]}), "sources")
    parts = {field.name: empty(field.name) for field in fields(Case)}
    html = Case(**parts | {"sources": sources, "events": events})._repr_html_()
    assert "1 event of &lt;script&gt;alert(1)&lt;/script&gt;; 2 records lost" in html
    assert "<b>.evtx" not in html
