"""Verify: a report is made again from its evidence; what differs is named."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from pathlib import Path

import pytest
from test_outputs import needs_pango

from capi2kit.cli import main
from capi2kit.render.differences import MOST, differences

LOG = Path(__file__).parents[1] / "datasets" / "lab" / "fix-before" / "Microsoft-Windows-CAPI2%4Operational.evtx"
ENDINGS = [
    *(".html", ".docx", ".md", ".xlsx", ".json", ".txt"),
    pytest.param(".pdf", marks=[needs_pango, pytest.mark.slow]),
]


def run(capsys, *arguments):
    code = 0
    try:
        main([str(one) for one in arguments])
    except SystemExit as stop:
        code = stop.code or 0
    out, err = capsys.readouterr()
    return code, out, err


@pytest.fixture
def log(tmp_path):
    (tmp_path / "evidence").mkdir()
    return Path(shutil.copy(LOG, tmp_path / "evidence" / "before.evtx"))


@pytest.fixture
def report(log, tmp_path, capsys):
    path = tmp_path / "a.html"
    run(capsys, "report", log, "-o", path, "--client", "Contoso", "--date", "2026-11-27", "-q")
    return path


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_report_made_again_is_equal(log, ending, tmp_path, capsys):
    run(
        capsys, "report", log, "-o", tmp_path / f"a{ending}", "--process", "w3wp.exe", "--examiner", "A. N. Other", "-q"
    )
    assert (tmp_path / f"a{ending}.manifest.json").exists()
    code, out, _ = run(capsys, "verify", tmp_path / f"a{ending}", log)
    assert (code, out.split(":")[0]) == (0, "equal")


def test_it_is_equal_wherever_the_evidence_lies_now(report, log, tmp_path, capsys):
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    shutil.move(log, moved / "renamed.evtx")
    assert run(capsys, "verify", report, moved)[0] == 0


def test_one_changed_byte_of_evidence_is_named(report, log, capsys):
    data = bytearray(log.read_bytes())
    data[data.find("WEB70".encode("utf-16-le")) + 8] ^= 1
    log.write_bytes(data)
    code, out, _ = run(capsys, "verify", report, log)
    assert code == 1 and out.splitlines()[0].startswith(f"{log}: its bytes differ: SHA-256 ")
    assert out.splitlines()[-1] == "DIFFERENT"


def test_a_changed_number_is_named_with_its_place(report, log, capsys):
    page = report.read_text(encoding="utf-8")
    report.write_text(page.replace(">15.0 s<", ">16.0 s<", 1), encoding="utf-8")
    code, out, _ = run(capsys, "verify", report, log)
    assert code == 1 and "a.html: was changed after it was made" in out
    assert (
        "seconds: the report says “16.0 s”, the evidence gives “15.0 s”" in out
        and "Ledger of w3wp.exe (2616), row " in out
    )


def test_a_file_that_is_missing_or_more_is_named(log, tmp_path, capsys):
    second = Path(shutil.copy(LOG.parents[1] / "fix-after" / LOG.name, log.parent / "after.evtx"))
    run(capsys, "report", log.parent, "-o", tmp_path / "a.json", "-q")
    code, out, _ = run(capsys, "verify", tmp_path / "a.json", log)
    assert code == 1 and f"{second}: is not among the files at hand" in out
    run(capsys, "report", log, "-o", tmp_path / "b.json", "-q")
    code, out, _ = run(capsys, "verify", tmp_path / "b.json", log.parent)
    assert code == 1 and f"{second}: was not there when the report was made" in out


def test_notes_that_were_changed_are_named(log, tmp_path, capsys):
    (tmp_path / "notes.md").write_text("one", encoding="utf-8")
    run(capsys, "report", log, "-o", tmp_path / "a.md", "--notes", tmp_path / "notes.md", "-q")
    (tmp_path / "notes.md").write_text("two", encoding="utf-8")
    code, out, _ = run(capsys, "verify", tmp_path / "a.md", log)
    assert code == 1 and "notes.md: was changed after the report was made" in out and "“one”" in out


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is no manifest"),
        ("", "is not a manifest"),
        ("[]", "is not a manifest that this version reads"),
        ('{"schema": "capi2kit-manifest/9"}', "it reads capi2kit-manifest/1"),
        ('{"schema": "capi2kit-manifest/1", "inputs": 3}', "is not a whole manifest"),
        ("[" * 100_000, "is not a manifest"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_named(report, log, content, said, capsys):
    beside = Path(f"{report}.manifest.json")
    beside.unlink() if content is None else beside.write_text(content, encoding="utf-8")
    code, _, err = run(capsys, "verify", report, log)
    assert code == 3 and said in err and "a.html.manifest.json" in err


def test_a_manifest_names_inputs_options_program_and_result_and_no_time(report, log):
    found = json.loads(Path(f"{report}.manifest.json").read_text(encoding="utf-8"))
    (one,) = found["inputs"]
    assert (one["path"], one["promised"], one["loaded"], one["lost"]) == (str(log), 213, 213, 0)
    assert found["report"]["bytes"] == report.stat().st_size and found["edition"] == {
        "client": "Contoso",
        "date": "2026-11-27",
    }
    assert found["program"].startswith("capi2kit ") and "pandas" in found["packages"]


def test_neither_report_nor_manifest_is_written_over(report, log, capsys):
    before = report.read_bytes()
    code, _, err = run(capsys, "report", log, "-o", report)
    assert code == 2 and "is there already" in err
    report.unlink()
    code, _, err = run(capsys, "report", log, "-o", report)
    assert code == 2 and "manifest.json: is there already" in err and not report.exists()
    assert (
        run(capsys, "report", log, "-o", report, "--force", "--client", "Contoso", "--date", "2026-11-27", "-q")[0] == 0
    )
    assert report.read_bytes() == before


def test_a_report_of_another_version_says_so(report, log, capsys):
    beside = Path(f"{report}.manifest.json")
    beside.write_text(beside.read_text().replace('"capi2kit 0', '"capi2kit 9'), encoding="utf-8")
    assert run(capsys, "verify", report, log)[0] == 0  # the same bytes are the same bytes
    report.write_bytes(report.read_bytes().replace(b"15.0 s", b"16.0 s", 1))
    assert "was made by capi2kit 9" in run(capsys, "verify", report, log)[1]


def test_many_differences_are_counted():
    old = "\n".join(f"line {n}" for n in range(100)).encode()
    new = "\n".join(f"other {n}" for n in range(100)).encode()
    said = differences(old, new, ending=".md")
    assert len(said) == MOST + 1 and said[-1] == "and 80 more differences"
    assert differences(old, old, ending=".md") == []
    assert "the bytes differ" in differences(b"%PDF-1", b"%PDF-2", ending=".pdf")[0]
    assert "cannot be read as .docx" in differences(b"no zip", b"PK", ending=".docx")[0]
    assert (
        "no text does"
        in differences(b"<section><p>a</p></section>", b"<section><p>a </p></section>", ending=".html")[0]
    )


def test_an_archive_is_named_with_its_hash_and_may_lie_elsewhere_or_unpacked(log, tmp_path, capsys):
    packed = tmp_path / "logs.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(log, "before.evtx")
    path = tmp_path / "a.html"
    run(capsys, "report", packed, "-o", path, "--client", "Contoso", "-q")
    digest = hashlib.sha256(packed.read_bytes()).hexdigest()
    manifest = json.loads(Path(f"{path}.manifest.json").read_text(encoding="utf-8"))
    assert manifest["archives"] == [{"path": str(packed), "bytes": packed.stat().st_size, "sha256": digest}]
    assert f"has {packed.stat().st_size:,} bytes and the SHA-256 {digest}" in path.read_text(encoding="utf-8")
    packed.unlink()
    assert run(capsys, "verify", path, log.parent)[0] == 0


@pytest.mark.parametrize(
    "archives", [3, [3], [{"path": "a", "sha256": "b"}], [{"path": "a", "sha256": "b", "bytes": "c"}]]
)
def test_a_manifest_with_odd_archives_is_no_manifest(report, log, archives, capsys):
    path = Path(f"{report}.manifest.json")
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | {"archives": archives}), encoding="utf-8")
    code, _, err = run(capsys, "verify", report, log)
    assert code == 3 and "is not a whole manifest" in err
