"""Coverage as an answer: what each stretch supports, in words, and how to collect again."""

from pathlib import Path

import pytest

import capi2kit as c2
from capi2kit.cli import main
from capi2kit.columns.cells import empty
from capi2kit.knowledge import rows
from capi2kit.questions.coverage import again, coverage

LAB = Path(__file__).parent.parent / "datasets" / "lab"


@pytest.mark.parametrize(
    ("scenario", "verdict", "cannot", "fixes"),
    [
        ("healthy-cold", "complete", "before the first event", []),
        ("wrapped-log", "cut at the start", "overwritten", ["enlarge-the-log"]),
        ("errors-only", "filtered", "start records were left out", ["enlarge-the-log"]),
    ],
)
def test_what_a_log_supports(scenario, verdict, cannot, fixes):
    stretches = c2.load(next((LAB / scenario).glob("*.*[xp]")), tz="UTC").coverage
    row = coverage(stretches).iloc[0]
    assert row["verdict"] == verdict
    assert cannot in row["does_not"]
    assert [fix.id for fix in again(stretches)] == fixes


def test_no_log_no_advice():
    assert coverage(empty("coverage")).empty
    assert again(empty("coverage")) == []


def test_every_verdict_that_the_code_gives_has_its_words():
    import inspect

    from capi2kit.coverage import measure_coverage

    text = inspect.getsource(measure_coverage)
    assert all(f'"{row["verdict"]}"' in text for row in rows("verdicts"))
    assert {row["verdict"] for row in rows("verdicts")} == {
        "complete",
        "cut at the start",
        "damaged",
        "excerpt",
        "filtered",
        "no operations",
    }


def test_the_verb_says_how_to_collect_again_and_how_to_undo_it(capsys):
    main(["coverage", str(next((LAB / "wrapped-log").glob("*.*[xp]")))])
    out = capsys.readouterr().out
    assert "cut at the start" in out
    assert "wevtutil sl Microsoft-Windows-CAPI2/Operational /e:true" in out
    assert "to undo:" in out
    main(["coverage", str(next((LAB / "healthy-cold").glob("*.*[xp]")))])
    assert "wevtutil" not in capsys.readouterr().out
    main(["coverage", str(next((LAB / "wrapped-log").glob("*.*[xp]"))), "-f", "csv"])
    assert "supports" in capsys.readouterr().out.splitlines()[0]
