"""Certainty: what a rule says by itself, lowered or raised by the log around it, with the reason in words."""

import pandas as pd
import pytest

from capi2kit.columns.cells import empty, shaped
from capi2kit.diagnosis.certainty import judge

FINE = "complete"


def judged(
    certainty: str,
    *,
    waits: int = 0,
    because: str | None = None,
    quality: str = "exact",
    drops: int = 0,
    verdict: str = FINE,
    weakened_by: str | None = None,
) -> tuple[str, str]:
    """Level and reason of one finding with so many waits, on a log with this verdict."""
    numbers = list(range(10, 10 + waits))
    one = {"rule": ["r"], "host": ["A"], "certainty": [certainty], "because": [because], "weakened_by": [weakened_by]}
    found = shaped(pd.DataFrame(one | {"waits": [" ".join(map(str, numbers)) or None]}), "findings")
    table = {"event": numbers, "quality": [quality] * waits, "firewall_drops": [drops] * waits}
    around = shaped(pd.DataFrame(table), "waits") if waits else empty("waits")
    coverage = shaped(pd.DataFrame({"host": ["A"], "verdict": [verdict]}), "coverage")
    row = judge(found, waits=around, coverage=coverage).iloc[0]
    return row["certainty"], row["because"]


@pytest.mark.parametrize(
    ("given", "level", "why"),
    [
        ({"certainty": "very sure"}, "very sure", "the records name it themselves"),
        ({"certainty": "likely"}, "likely", "it follows from the records, which do not name it themselves"),
        ({"certainty": "likely", "waits": 1}, "likely", "one wait, exact"),
        ({"certainty": "likely", "waits": 3}, "likely", "3 waits, exact"),
        ({"certainty": "likely", "waits": 3, "quality": "bounds"}, "likely", "0 of 3 waits exact, the others within"),
        # raised: many exact ones, or another log
        ({"certainty": "likely", "waits": 10}, "very sure", "10 waits of the same kind, each exact"),
        ({"certainty": "likely", "waits": 1, "drops": 2}, "very sure", "the firewall log of the computer shows"),
        ({"certainty": "possible", "waits": 10}, "possible", "10 waits, exact"),  # the rule itself doubts
        ({"certainty": "likely", "waits": 10, "because": "x"}, "likely", "x"),
        # lowered: by the state of the log, by what speaks against it, by unknown times
        ({"certainty": "very sure", "verdict": "damaged"}, "likely", "records of this log are lost"),
        ({"certainty": "very sure", "verdict": "filtered"}, "likely", "records were left out of this log"),
        ({"certainty": "likely", "verdict": "excerpt"}, "possible", "these are single records, not a log"),
        ({"certainty": "possible", "verdict": "excerpt"}, "possible", "these are single records, not a log"),
        ({"certainty": "likely", "weakened_by": "7"}, "possible", "one record speaks against it"),
        ({"certainty": "likely", "weakened_by": "7 8"}, "possible", "2 records speak against it"),
        ({"certainty": "likely", "waits": 2, "quality": "unknown"}, "possible", "no wait of it has a known length"),
    ],
)
def test_how_sure_a_finding_is_and_why(given, level, why):
    found, because = judged(**given)
    assert found == level
    assert why in because


def test_no_findings_stay_none():
    assert judge(empty("findings"), waits=empty("waits"), coverage=empty("coverage")).empty
