"""How a retrieval fails on Windows: five small logs, and what each of them says.

The logs are made by hand from what is known of Windows 10 and 11; no real log of a failing retrieval has been seen yet.
"""

from functools import cache
from pathlib import Path

import pandas as pd
import pytest

import capi2kit as c2

SAMPLES = Path(__file__).parent / "failing_retrievals"


@cache
def analysis(name: str) -> c2.Analysis:
    return c2.analyse(c2.load(SAMPLES / f"{name}.xml"))


@pytest.mark.parametrize(
    ("name", "waits", "wall_s"),
    [
        ("1_timeout_5b4", [(10.0001, "exact", "timeout"), (10.0001, "exact", "timeout")], 22.002),
        ("2_timeout_and_worker", [(10.0001, "exact", "timeout"), (0.2001, "exact", "ok")], 12.202),
        ("3_pending_3a", [(10.0001, "exact", "timeout")], 10.604),
        ("4_offline_8ca", [(15.0, "exact", "timeout")], 15.6039),
        ("8_diaglevel5", [(10.0001, "exact", "timeout"), (10.0001, "exact", "timeout")], 22.002),
    ],
)
def test_waits_are_what_a_caller_waited_for(name, waits, wall_s):
    found = analysis(name)
    assert [tuple(row) for row in found.waits[["wait_s", "quality", "outcome"]].to_numpy(object)] == waits
    assert found.startups["wall_s"].tolist() == pytest.approx([wall_s])
    assert found.startups["waiting_wall_s"].tolist() == pytest.approx([sum(seconds for seconds, *_ in waits)])
    assert found.case.problems.empty


def test_a_worker_that_ends_later_says_why_and_nobody_waited_for_it():
    found = analysis("2_timeout_and_worker")
    first = found.waits.iloc[0]
    assert (first["ended_later_s"], first["ended_later_outcome"]) == (pytest.approx(21.0201), "unreachable")
    assert first["ended_later_result"] == 0x2EFD
    wires = found.spans[found.spans["kind"].notna()]
    assert wires["kind"].tolist() == ["waited", "waited", "background"]
    assert (found.startups["stop"] < wires["logged_stop"].iloc[-1]).all()  # it ends no start-up


@pytest.mark.parametrize(("name", "kind"), [("3_pending_3a", "pending"), ("4_offline_8ca", "remembered")])
def test_calls_that_came_back_at_once_echo_the_failure_before_them(name, kind):
    found = analysis(name)
    assert found.waits["echoes"].tolist() == [2]
    wires = found.spans[found.spans["kind"].notna()]
    assert wires["kind"].tolist() == ["waited", kind, kind]
    assert wires["belongs_to"].tolist() == [pd.NA, *found.waits["event"].tolist() * 2]
    assert set(wires["outcome"].iloc[1:]) == {"not_sent"}


def test_what_windows_measured_itself_is_taken_to_its_digits():
    found = analysis("8_diaglevel5")
    assert found.waits["basis"].tolist() == ["measured"] * 2
    assert ((found.waits["high_s"] - found.waits["low_s"]) <= 0.000003).all()
    spans = found.spans[found.spans["depth"] < 3]
    assert spans["duration_s"].tolist() == pytest.approx([10.002, 10.0015, 10.001] * 2)
    assert set(spans["quality"]) == {"exact"}
