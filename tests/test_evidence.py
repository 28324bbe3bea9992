"""All the evidence: each file to its own loader only, the outer interval of start-ups, what others measured, the clocks."""

import hashlib
import io
import json
import zipfile
from pathlib import Path

import pandas as pd
import pytest
import scenarios
from hypothesis import given
from hypothesis import strategies as st
from parts import parts

import capi2kit as c2
from capi2kit.errors import UnknownFormat
from capi2kit.loaders import HEAD, LOADERS, known_formats

TESTS = Path(__file__).parent
SAMPLES = TESTS / "samples"
LAB = TESTS.parent / "datasets" / "lab"
ZONE = "Africa/Lagos"  # that of the lab's computers


# Only its own loader claims a file.


def claims(path: Path, data: bytes) -> list[str]:
    """The loaders that claim a file; of a text, those that know lines of it."""
    found = [loader.NAME for loader in LOADERS if loader.sniff(data[:HEAD], path.as_posix())]
    return parts(data) if found == ["pasted"] and parts(data) else found


def own(path: Path) -> str:
    """The loader a sample lies in the folder of; registry texts lie beside those of netsh."""
    return "registry" if path.suffix == ".reg" or path.name == "query.txt" else path.parent.name


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*/*")), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_sample_is_claimed_by_its_own_loader_only(path):
    found = claims(path, path.read_bytes())
    assert found[:1] == [own(path)]
    assert set(found) <= {own(path), "pasted"}
    assert c2.load(path, tz="UTC", providers="*").sources["loader"].tolist() == [own(path)]


@pytest.mark.parametrize("archive", sorted(LAB.glob("*/evidence.zip")), ids=lambda path: path.parent.name)
def test_every_file_of_a_scenario_is_read_whole(archive):
    case = c2.load(archive, tz=ZONE)
    rows = case.sources
    with zipfile.ZipFile(archive) as packed:
        assert len(rows) == len(packed.namelist())
    assert rows["lost"].sum() == 0
    assert (rows["promised"] == rows["loaded"] + rows["other"] + rows["duplicates"] + rows["lost"]).all()
    assert set(case.problems["error"]) <= {"computer inferred", "no entry"}  # an account's cache may be empty


def test_logs_and_pictures_are_claimed_by_none_but_their_own():
    log = next(LAB.glob("*/*.evtx"))
    assert claims(log, log.read_bytes()) == ["evtx"]
    for name in ("README.md", "pyproject.toml", "CHANGELOG.md", "Makefile", "notebooks/pictures/startup.png"):
        path = TESTS.parent / name
        assert claims(path, path.read_bytes()) == []


def test_a_file_that_nobody_knows_says_where_what_each_loader_looks_for_is_listed(tmp_path):
    path = tmp_path / "story.txt"
    path.write_text("Once upon a time.")
    with pytest.raises(UnknownFormat) as caught:
        c2.load(path)
    assert "`capi2kit --formats`" in str(caught.value) and len(str(caught.value)) < 400
    assert all(loader.LOOKS_FOR in known_formats() for loader in LOADERS)
    assert known_formats().count(";") >= len(LOADERS) - 1


@given(st.binary(max_size=300))
def test_garbage_is_claimed_by_no_loader_or_read_by_the_one_that_claims_it(data):
    assert len(claims(Path("x.bin"), data)) <= 1


# The outer interval of a start-up.

# The scenario with all its companions: one command, and the ledger of the whole incident.


def truth_of(name: str) -> list[tuple[int, float, float, str | None]]:
    """Per process: its id, the seconds from its creation to the first answer, those that no record explains, and its pool."""
    truth = json.loads((LAB / name / "truth.json").read_text(encoding="utf-8"))
    found = []
    for one in truth["startups"]:
        begin, end = (pd.Timestamp(one[key]) for key in ("created", "served" if one["served"] else "stop"))
        outer = (end - begin).total_seconds()
        found.append(
            (one["pid"], outer, outer - one["wall_s"] + one["unexplained_s"] + one["unrecorded_s"], one["app_pool"])
        )
    return found


INCIDENTS = ["server-2019-farm", "sharepoint-drop", "sharepoint-reject"]


@pytest.mark.parametrize("name", INCIDENTS)
def test_the_ledger_of_the_whole_incident_adds_up_to_the_outer_interval(name):
    analysis = scenarios.analysed(name)
    startups = analysis.startups.set_index("pid")
    for pid, wall_s, _, pool in truth_of(name):
        row = startups.loc[pid]
        assert row["wall_s"] == pytest.approx(wall_s, abs=0.05)
        assert row["start_from"] == "process created"
        assert (pool or "") == (row["app_pool"] if isinstance(row["app_pool"], str) else "")
        lines = analysis.ledger[analysis.ledger["startup"] == row["startup"]]
        assert lines["ns"].sum() == (row["stop"] - row["start"]).value


@pytest.mark.parametrize("name", INCIDENTS)
def test_unexplained_is_what_no_operation_took_and_the_work_that_leaves_no_record(name):
    startups = scenarios.analysed(name).startups.set_index("pid")
    for pid, _, unexplained_s, _ in truth_of(name):
        assert startups.loc[pid, "unexplained_s"] == pytest.approx(unexplained_s, rel=0.02)


def test_sharepoints_own_measure_of_a_validation_is_matched_to_its_task():
    analysis = scenarios.analysed("sharepoint-drop")
    found = analysis.confirmations
    assert len(found) == 2  # one validation, in the Application log and in the trace; the second one did not wait
    assert found["task_id"].nunique() == 1
    assert found["said_s"].between(15.0, 15.01).all()
    assert (found["apart_s"].abs() < 0.05).all()


# The collection kit and the list of worker processes.


def test_a_list_of_processes_gives_their_creation_and_the_pool_of_a_worker():
    case = c2.load(SAMPLES / "kit" / "processes.csv")
    row = case.events.reset_index().iloc[1]
    assert (row["operation"], row["new_pid"], row["new_process"], row["app_pool"]) == (
        "ProcessCreated",
        4120,
        "w3wp.exe",
        "SharePoint - 80",
    )
    assert row["time"] == pd.Timestamp("2026-03-02T06:00:00.1234567Z")
    assert pd.isna(case.events["time"].iloc[0])  # the System process has no creation time


def kit(tmp_path: Path, *, altered: bool) -> Path:
    log = (SAMPLES / "workers" / "appcmd_list_wp.txt").read_bytes()
    digest = hashlib.sha256(log).hexdigest()
    manifest = f'"file","bytes","sha256","command","utc"\r\n"machine/wp.txt","1","{digest}","appcmd list wp","2026-03-02T07:00:00Z"\r\n'
    path = tmp_path / "kit.zip"
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as packed:
        packed.writestr("machine/wp.txt", log + (b'WP "1" (applicationPool:Forged)\r\n' if altered else b""))
        packed.writestr("manifest.csv", manifest)
        packed.writestr("collect.log", "2026-03-02T07:00:00.5Z note: 2 files, 0 problems\r\n")
    path.write_bytes(made.getvalue())
    return path


def test_a_kit_is_checked_against_its_manifest(tmp_path):
    sound = c2.load(kit(tmp_path, altered=False))
    assert sound.problems.empty
    assert (sound.settings["origin"] == "kit log").sum() == 1
    forged = c2.load(kit(tmp_path, altered=True))
    assert forged.problems["message"].str.contains("machine/wp.txt is not what the kit's manifest says").tolist() == [
        True
    ]


def test_a_line_that_is_no_worker_process_is_lost_and_reported(tmp_path):
    path = tmp_path / "wp.txt"
    path.write_text('WP "4120" (applicationPool:A)\nERROR ( message:denied )\n')
    case = c2.load(path)
    assert case.settings[["name", "value"]].to_numpy().tolist() == [["4120", "A"]]
    assert case.sources[["promised", "loaded", "lost"]].iloc[0].tolist() == [1, 1, 0]


def test_a_log_that_names_no_computer_is_taken_for_the_one_its_folder_is_called_after():
    case = c2.load(LAB / "farm-proxy-drift" / "evidence.zip", tz=ZONE)
    events = case.events[case.events["provider"] == "IIS W3C log"]
    assert set(events["host"]) == {"SP11.contoso.example", "SP12.contoso.example"}
    inferred = case.problems[case.problems["error"] == "computer inferred"]
    assert inferred["message"].str.contains("as its folder is called").sum() == 2
