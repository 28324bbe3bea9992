"""Clock: the error of each computer, and which objects only seem not to be valid because of it."""

import re
from pathlib import Path

import pandas as pd
import pytest

from capi2kit.cli import main
from capi2kit.columns.cells import empty, shaped
from capi2kit.questions.clock import clock

LAB = Path(__file__).parents[2] / "datasets" / "lab"
NOON, DAY = pd.Timestamp("2020-06-15T12:00Z"), pd.Timedelta(days=1)


def asked(*, offset_s: float, begin: pd.Timestamp | None, end: pd.Timestamp | None, kind: str = "not") -> tuple:
    names = ("not_before", "not_after") if kind == "not" else ("this_update", "next_update")
    clocks = [{"host": "A", "time": NOON, "offset_s": offset_s, "spread_s": 0.0, "answers": 1}]
    objects = shaped(pd.DataFrame([{"event": 7, "host": "A", names[0]: begin, names[1]: end}]), "certificates")
    events = pd.DataFrame({"event": [7], "time": pd.Series([NOON], dtype="datetime64[ns, UTC]")})
    row = clock(shaped(pd.DataFrame(clocks), "clocks"), certificates=objects, events=events).iloc[0]
    return row["objects"], row["not_valid"], row["explained"]


@pytest.mark.parametrize(
    ("offset_s", "begin", "end", "kind", "expected"),
    [  # the record is of noon, June 15, by the computer's clock
        (0, NOON - DAY, NOON + DAY, "not", (1, 0, 0)),  # valid
        (2 * 86400, NOON - 9 * DAY, NOON - DAY, "not", (1, 1, 1)),  # two days fast: it was not expired yet
        (-2 * 86400, NOON + DAY, NOON + 9 * DAY, "not", (1, 1, 1)),  # two days slow: it was valid already
        (2 * 86400, NOON - 9 * DAY, NOON - 3 * DAY, "not", (1, 1, 0)),  # expired by any clock
        (2 * 86400, NOON - 9 * DAY, NOON - DAY, "update", (1, 1, 1)),  # a list
        (0, NOON - DAY, None, "update", (1, 0, 0)),  # a list without an end
        (2 * 86400, None, None, "not", (0, 0, 0)),  # nothing to be outside of
    ],
)
def test_what_a_clock_explains(offset_s, begin, end, kind, expected):
    assert asked(offset_s=offset_s, begin=begin, end=end, kind=kind) == expected


def test_no_clock_no_answer():
    assert clock(empty("clocks"), certificates=empty("certificates"), events=empty("events").reset_index()).empty


def test_the_verb_on_a_clock_that_is_half_a_day_fast(capsys):
    main(["clock", str(LAB / "wrong-clock")])
    heading, row = capsys.readouterr().out.splitlines()
    cells = dict(zip(heading.split(), re.split("  +", row), strict=True))
    assert cells["host"] == "WKS70.contoso.example"
    assert float(cells["offset_s"]) == pytest.approx(51878, abs=2)
    assert int(cells["explained"]) <= int(cells["not_valid"]) <= int(cells["objects"])
    assert int(cells["objects"]) > 0


def test_without_a_date_nothing_is_said_about_clocks(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["clock", str(LAB / "healthy-warm")])
    assert stopped.value.code == 3
    assert "no server answer with a date" in capsys.readouterr().err
