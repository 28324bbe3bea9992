"""Coverage, the question: what each verdict on a stretch of log means, and how to collect again."""

import pandas as pd
import pytest

from capi2kit.columns.cells import shaped
from capi2kit.knowledge import columns, rows
from capi2kit.questions.coverage import again, coverage

CAPI2 = "Microsoft-Windows-CAPI2/Operational"
VERDICTS = [row["verdict"] for row in rows("verdicts")]


def stretches(*found: tuple[str, str]) -> pd.DataFrame:
    return shaped(
        pd.DataFrame([{"host": "A", "channel": channel, "verdict": verdict} for verdict, channel in found]), "coverage"
    )


def test_every_verdict_has_its_words():
    found = coverage(stretches(*((verdict, CAPI2) for verdict in VERDICTS)))
    assert list(found) == list(columns("support"))
    assert found["verdict"].tolist() == VERDICTS
    assert found["supports"].str.len().gt(10).all() and found["does_not"].notna().all()


@pytest.mark.parametrize(
    ("found", "remedies"),
    [
        ([("complete", CAPI2)], 0),
        ([("cut at the start", CAPI2)], 1),
        ([("cut at the start", CAPI2), ("cut at the start", CAPI2)], 1),  # each remedy once
        ([("complete", CAPI2), ("no operations", "Application")], 0),  # the Application log never has operations
        ([("no operations", "Application")], 1),  # but alone it lacks them
    ],
)
def test_what_to_do_to_have_more(found, remedies):
    assert len(again(stretches(*found))) == remedies
