"""Zones: which zone the evidence names, in which one local times are read, and the sentence that says so."""

from types import SimpleNamespace

import pandas as pd
import pytest
import scenarios

import capi2kit as c2
from capi2kit.cli import main
from capi2kit.columns.cells import empty, shaped
from capi2kit.columns.zones import UNKNOWN, only_zone, zones_named
from capi2kit.questions.cautions import zone, zone_notes

LOCAL = scenarios.LAB / "sts-root-missing"  # ULS in local time, and a System log


def case(*recorded: str, kit: str | None = None, read: str | None = None, unread: bool = False):
    """A case whose System log and kit name these zones."""
    rows = {"operation": ["SystemUptime"] * len(recorded), "zone_name": list(recorded), "zone": [read] * len(recorded)}
    settings = {"origin": ["kit machine"], "name": ["time_zone"], "value": [kit]}
    problems = {"error": [UNKNOWN] if unread else []}
    return SimpleNamespace(
        events=shaped(pd.DataFrame(rows), "events") if recorded else empty("events"),
        settings=shaped(pd.DataFrame(settings), "settings") if kit else empty("settings"),
        problems=shaped(pd.DataFrame(problems, dtype="string"), "problems"),
    )


@pytest.mark.parametrize(
    ("recorded", "kit", "only"),
    [
        ([], None, None),
        (["-60 W. Europe Standard Time"], None, "Europe/Berlin"),
        (["480 Pacific Standard Time"], None, "America/Los_Angeles"),
        (["0 Coordinated Universal Time"], None, "UTC"),
        ([], "W. Europe Standard Time", "Europe/Berlin"),
        (["-60 W. Europe Standard Time"] * 2, "W. Europe Standard Time", "Europe/Berlin"),
        (["-60 Mitteleuropäische Zeit"], None, None),  # a localised name
        (["-60 W. Europe Standard Time", "480 Pacific Standard Time"], None, None),  # two computers
        (["-60"], None, None),
    ],
)
def test_the_one_zone_that_the_evidence_names(recorded, kit, only):
    tables = case(*recorded, kit=kit)
    assert only_zone(tables.events, tables.settings) == only


@pytest.mark.parametrize(
    ("given", "tz", "said"),
    [
        ({}, "UTC", "Time zone: times here are in UTC. Give --tz for another one."),
        ({}, "Europe/Berlin", "Time zone: times here are in Europe/Berlin."),
        ({"kit": "W. Europe Standard Time"}, "UTC", "the computer is in Europe/Berlin (--tz Europe/Berlin)."),
        ({"unread": True}, "UTC", "were read as UTC: give their zone with --tz."),
        ({"kit": "Eigenzeit", "unread": True}, "UTC", "give their zone with --tz. The evidence names Eigenzeit."),
    ],
)
def test_the_sentence_says_the_zone_or_asks_for_it(given, tz, said):
    assert zone(case(**given), tz=tz).endswith(said)


def test_a_zone_without_a_name_in_the_tz_database_is_shown():
    tables = case("-60 Mitteleuropäische Zeit")
    assert zones_named(tables.events, tables.settings) == {"Mitteleuropäische Zeit": None}


def test_the_zone_of_the_evidence_is_used_and_the_second_line_says_so(capsys):
    main(["summary", str(LOCAL)])
    out, err = capsys.readouterr()
    said = "Time zone: local times were read in Africa/Lagos, which the evidence names; times here are in UTC."
    assert said in " ".join(out.split())
    assert "local times are read in Africa/Lagos" in err
    main(["summary", str(LOCAL), "--tz", "Europe/Berlin"])
    out, err = capsys.readouterr()
    assert (
        "local times were read in Europe/Berlin; times here are in Europe/Berlin" in " ".join(out.split())
        and "Lagos" not in err
    )


def test_load_reads_local_times_in_the_zone_that_the_evidence_names():
    case = c2.load(LOCAL)
    assert zone(case, tz="UTC") == (
        "Time zone: local times were read in Africa/Lagos, which the evidence names; times here are in UTC."
    )
    assert "local times are read in Africa/Lagos, which the evidence names; --tz sets another zone" in zone_notes(
        case.problems
    )
    assert zone(c2.load(LOCAL, tz="UTC"), tz="UTC").startswith("Time zone: local times were read in UTC; ")  # asked for
