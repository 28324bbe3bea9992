"""Cautions: what a reader has to allow for, said once and only where it is so."""

from dataclasses import replace

import pytest
import scenarios

from capi2kit.columns.zones import NAMED, UNKNOWN
from capi2kit.questions.cautions import cautions


@pytest.mark.parametrize(
    ("scenario", "caution"),
    [
        ("wrapped-log", "Note: the log of SP02.contoso.example is cut at the start. Not in it: The start-up"),
        ("errors-only", "Note: the log of WEB50.contoso.example is filtered. Not in it: Durations"),
        ("fix-before", None),
    ],
)
def test_what_to_allow_for_is_said(scenario, caution):
    found = cautions(scenarios.analysed(scenario).case, tz="UTC")
    notes = [text for text in found if text.startswith("Note: ")]
    assert [text[: len(caution)] for text in notes] == [caution] if caution else not found


def test_local_times_in_an_unknown_zone_are_a_caution():
    case = scenarios.analysed("sharepoint-drop", None).case
    (first, *_) = cautions(case, tz="UTC")
    assert "read in Africa/Lagos, which the evidence names" in first
    unread = case.problems.assign(error=case.problems["error"].where(case.problems["error"] != NAMED, UNKNOWN))
    (first, *_) = cautions(replace(case, problems=unread), tz="UTC")
    assert "give their zone with --tz" in first and "W. Central Africa Standard Time" in first
