"""The writer: evidence is never written to, no file is ever half written, and what is there is not lost."""

import errno
import hashlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import capi2kit as c2
from capi2kit import writer
from capi2kit.cli import main
from capi2kit.errors import OutputError
from capi2kit.writer import unused, write_file, written

LOG = Path(__file__).parents[1] / "datasets" / "lab" / "jetdirect" / "Microsoft-Windows-CAPI2%4Operational.evtx"
PROGRAM = [sys.executable, "-c", "from capi2kit.cli import main; main()"]
VERBS = ("events", "waits", "spans", "summary", "info", "coverage", "whatif", "prefetch", "accounts", "clock", "report")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    (tmp_path / "evidence").mkdir()
    return Path(shutil.copy(LOG, tmp_path / "evidence" / "a.evtx"))


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def run(*arguments: object) -> int:
    """The exit code of a command line."""
    try:
        main(list(map(str, arguments)))
    except SystemExit as end:
        return int(end.code or 0)
    return 0


# Evidence.

NAMES = {
    "itself": lambda log: log,
    "spelled otherwise": lambda log: log.parent / "." / ".." / log.parent.name / log.name,
    "a symbolic link": lambda log: linked(log, os.symlink),
    "a hard link": lambda log: linked(log, os.link),
    "a link to its folder": lambda log: linked(log.parent, os.symlink) / log.name,
    "a link beside it, in the folder": lambda log: linked(log, os.symlink, name=log.parent / "x.csv"),
}


def linked(what: Path, how, *, name: Path | None = None) -> Path:
    name = name or what.parent / "link.html" if what.is_dir() else name or what.parent.parent / "link.html"
    how(what, name)
    return name


@pytest.mark.parametrize(
    "given", ["file", *(pytest.param(one, marks=pytest.mark.slow) for one in ("folder", "pattern"))]
)
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_evidence_is_refused_by_any_name(log, name, given, capsys):
    target, before = name(log), sha256(log)
    asked = {"file": log, "folder": log.parent, "pattern": log.parent / "*.evtx"}[given]
    for verb in ("waits", "report"):
        assert run(verb, asked, "-o", target, "--force") == 2
        assert "nothing was written" in capsys.readouterr().err
    assert sha256(log) == before and sorted(log.parent.glob(".*")) == []


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_refuses_to_write_over_what_it_reads(verb, log):
    before = sha256(log)
    assert run(verb, log, "-o", log, "--force") == 2
    assert sha256(log) == before


def test_an_archive_and_what_is_in_it_are_evidence(log, tmp_path):
    archive = Path(shutil.make_archive(str(tmp_path / "kit"), "zip", log.parent))
    before = sha256(archive)
    assert run("waits", archive, "-o", archive, "--force") == 2
    assert run("waits", archive, "-o", f"{archive}!a.evtx", "--force") == 2
    assert sha256(archive) == before and not Path(f"{archive}!a.evtx").exists()


def test_any_file_of_a_folder_of_evidence_is_kept_and_new_ones_may_be_written(log, tmp_path):
    notes = log.parent / "notes.csv"
    notes.write_text("mine")
    assert run("waits", log.parent, "-o", notes, "--force") == 2
    assert notes.read_text() == "mine"
    assert run("waits", log.parent, "-o", log.parent / "new.csv") == 0


def test_rules_and_names_of_accounts_are_read_too(log, tmp_path):
    sids = tmp_path / "map.csv"
    sids.write_text("S-1-5-18,SYSTEM\n")
    assert run("accounts", log, "--sids", sids, "-o", sids, "--force") == 2
    assert sids.read_text() == "S-1-5-18,SYSTEM\n"


def test_standard_output_that_leads_into_the_evidence_is_refused(log):
    before = sha256(log)
    done = subprocess.run(
        ["sh", "-c", f'"$@" >> "{log}"', "sh", *PROGRAM, "waits", log], capture_output=True, check=False
    )
    assert done.returncode == 2 and b"standard output leads into the evidence" in done.stderr
    assert sha256(log) == before


def test_a_saved_report_is_never_its_own_evidence(log):
    analysis = c2.analyse(c2.load(log))
    os.link(log, log.parent.parent / "r.html")
    with pytest.raises(OutputError, match="is evidence"):
        c2.save(analysis, log.parent.parent / "r.html")


# What is there.


def test_a_named_file_that_is_there_needs_force(log, tmp_path, capsys):
    target = tmp_path / "x.csv"
    target.write_text("yesterday")
    assert run("waits", log, "-o", target) == 2
    assert "is there already; --force writes over it" in capsys.readouterr().err
    assert target.read_text() == "yesterday"
    assert run("waits", log, "-o", target, "--force") == 0
    assert target.read_text().startswith("event,")


def test_a_report_at_its_default_name_gets_a_number(log, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("a.capi2kit.html", "a.capi2kit-2.html", "a.capi2kit-3.html"):
        assert run("report", log) == 0
        assert capsys.readouterr().out.splitlines()[0] == name
        assert Path(name).stat().st_size > 10_000


@pytest.mark.slow
def test_the_demo_works_twice(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("demo") == 0 and run("demo") == 0
    assert {path.name for path in Path("capi2kit-demo").glob("*.html")} == {"report.html", "report-2.html"}
    (tmp_path / "capi2kit-demo" / "sharepoint-drop" / "README.md").write_text("my notes")
    assert run("demo") == 3
    assert (tmp_path / "capi2kit-demo" / "sharepoint-drop" / "README.md").read_text() == "my notes"


def test_no_link_at_the_target_is_followed(tmp_path):
    kept, link = tmp_path / "kept", tmp_path / "link"
    kept.write_bytes(b"kept")
    link.symlink_to(kept)
    with pytest.raises(OutputError, match="is there already"):
        write_file(link, b"new")
    write_file(link, b"new", force=True)
    assert kept.read_bytes() == b"kept" and link.read_bytes() == b"new" and not link.is_symlink()


def test_the_rights_of_a_file_stay_and_a_new_one_gets_the_usual(tmp_path):
    path = tmp_path / "x"
    write_file(path, b"1")
    os.chmod(tmp_path, 0o755)
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask
    path.chmod(0o640)
    write_file(path, b"2", force=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


# What cannot be written.


def test_a_target_that_is_open_elsewhere_is_an_error_and_leaves_nothing(tmp_path, monkeypatch):
    path = tmp_path / "x.html"
    path.write_bytes(b"old")

    def refuse(source: str, target: str) -> None:
        raise PermissionError(errno.EACCES, "The process cannot access the file", target)

    monkeypatch.setattr(writer.os, "replace", refuse)
    with pytest.raises(OutputError, match="is it open in another program"):
        write_file(path, b"new", force=True)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("target", ["gone/x.csv", ".", "x" * 300, "a\0b"])
def test_a_place_that_cannot_be_is_an_error_with_exit_code_2(target, log, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run("waits", log, "-o", target) == 2
    assert capsys.readouterr().err.startswith("capi2kit: ")


def test_a_fifo_without_a_reader_is_an_error_and_one_with_a_reader_is_written(log, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    assert run("waits", log, "-o", fifo) == 2
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(fifo.read_bytes()))
    reader.start()
    time.sleep(0.3)
    assert run("waits", log, "-f", "csv", "-o", fifo) == 0
    reader.join(10)
    assert got[0].startswith(b"event,")


def test_devices_are_written_directly(log):
    assert run("waits", log, "-o", os.devnull) == 0
    done = subprocess.run([*PROGRAM, "waits", log, "-f", "csv", "-o", "/dev/stdout"], capture_output=True, check=False)
    assert done.returncode == 0 and done.stdout.startswith(b"event,")


# Whatever happens in between.


@given(st.binary(max_size=300), st.integers(0, 5))
def test_an_error_in_the_middle_leaves_the_old_file(content, pieces):
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        path.write_bytes(b"old")
        with pytest.raises(RuntimeError), written(path, force=True) as file:
            for _ in range(pieces):
                file.write(content)
            raise RuntimeError
        assert path.read_bytes() == b"old" and list(Path(folder).iterdir()) == [path]


COMMANDS = {
    "report": ["report", "{log}", "--force", "-o", "{out}/x.html"],
    "waits": ["waits", "{log}", "-f", "csv", "--force", "-o", "{out}/x.csv"],
    "export": ["export", "{log}", "--force", "-o", "{out}/x.csv", "--table", "waits", "--table", "events"],
    "lab make": ["lab", "make", "key-access", "--force", "-o", "{out}"],
}


def command(name: str, log: Path, out: Path) -> list[str]:
    return [*PROGRAM, *(part.format(log=log, out=out) for part in COMMANDS[name])]


MOMENTS = 10  # of a run, evenly spread


def files_in(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): sha256(path)
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".part"
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("how", ["SIGKILL", "SIGTERM"])
def test_a_kill_at_any_moment_leaves_the_old_files_or_the_new_ones(name, how, log, tmp_path):
    out, before = tmp_path / "out", sha256(log)
    out.mkdir()
    begun = time.monotonic()
    subprocess.run(command(name, log, out), check=True, capture_output=True)
    lasts, new = time.monotonic() - begun, files_in(out)
    old = hashlib.sha256(b"old").hexdigest()
    for moment in range(MOMENTS):
        for path in new:
            (out / path).write_bytes(b"old")
        process = subprocess.Popen(command(name, log, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(lasts * (0.4 + 0.65 * moment / MOMENTS))
        process.send_signal(getattr(signal, how))
        process.wait(30)
        now = files_in(out)
        assert now.keys() == new.keys()
        assert all(now[path] in (old, new[path]) for path in new), now
        assert how == "SIGKILL" or not list(out.rglob("*.part"))
    assert sha256(log) == before


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk_at_any_moment_leaves_the_old_files_or_the_new_ones(name, log, tmp_path):
    out, before = tmp_path / "out", sha256(log)
    out.mkdir()
    subprocess.run(command(name, log, out), check=True, capture_output=True)
    new = files_in(out)
    largest = max((out / path).stat().st_size for path in new)
    for moment in range(MOMENTS):
        for path in new:
            (out / path).write_bytes(b"old")
        blocks = largest * moment // MOMENTS // 512
        done = subprocess.run(
            ["sh", "-c", f'ulimit -f {blocks}; exec "$@"', "sh", *command(name, log, out)],
            capture_output=True,
            check=False,
        )
        now = files_in(out)
        assert done.returncode == 2 and b"larger than is allowed" in done.stderr, done
        assert all(now[path] in (hashlib.sha256(b"old").hexdigest(), new[path]) for path in new)
        assert not list(out.rglob("*.part"))
    assert sha256(log) == before


def test_a_free_name_is_the_first_that_is_free(tmp_path):
    assert unused(tmp_path / "x.html") == str(tmp_path / "x.html")
    (tmp_path / "x.html").symlink_to("nowhere")
    assert unused(tmp_path / "x.html") == str(tmp_path / "x-2.html")
