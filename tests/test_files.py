"""Files: whatever one of them is or does, the others are read; links, odd names, archives that lie about themselves."""

import io
import os
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from evtx_bytes import plain_log
from hypothesis import given, settings
from hypothesis import strategies as st

import capi2kit as c2
from capi2kit.case import Case, load, record_xml
from capi2kit.errors import EvidenceError
from capi2kit.loaders import eventxml, files
from capi2kit.loaders.evidence import EvidenceFile, Problems
from capi2kit.loaders.files import archives
from capi2kit.loaders.text import lines as text_lines


def messages(case: Case) -> str:
    return "\n".join(case.problems["message"])


def sound(folder: Path) -> Path:
    path = folder / "sound.evtx"
    path.write_bytes(plain_log(1))
    return path


# One file among several.

ODD_FILES = {
    "a FIFO": os.mkfifo,
    "a folder without rights": lambda path: (path.mkdir(), path.chmod(0)),
    "a link to nothing": lambda path: path.symlink_to("nowhere"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a file of the system": lambda path: path.symlink_to("/proc/self/status"),
    "an empty file": lambda path: path.write_bytes(b""),
    "noise": lambda path: path.write_bytes(os.urandom(5000)),
    "a log of noise": lambda path: path.write_bytes(b"ElfFile\0" + os.urandom(70_000)),
}


@pytest.mark.parametrize("suffix", [".evtx", ".zip", ".txt"])
@pytest.mark.parametrize("make", ODD_FILES.values(), ids=ODD_FILES)
def test_what_is_no_evidence_does_not_stop_what_is(make, suffix, tmp_path):
    sound(tmp_path)
    odd = tmp_path / f"odd{suffix}"
    make(odd)
    case = load(tmp_path)
    assert len(case.events) == 5
    if (odd.exists() and not odd.is_dir()) or odd.is_symlink():
        assert f"odd{suffix}" in messages(case)
    if odd.is_dir():
        odd.chmod(0o700)


def test_a_file_named_itself_does_not_stop_the_others_either(tmp_path):
    odd = tmp_path / "odd.bin"
    odd.write_bytes(b"nothing known")
    case = load([odd, sound(tmp_path)])
    assert len(case.events) == 5 and "odd.bin has no known format" in messages(case)
    with pytest.raises(EvidenceError, match="has no known format"):
        load([odd])


def test_an_exception_that_nobody_foresaw_costs_its_file_only(tmp_path, monkeypatch):
    (tmp_path / "x.xml").write_text("<Events><Event ></Event></Events>")

    def fail(*_, **__):
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr(eventxml, "read", fail)
    case = load([tmp_path / "x.xml", sound(tmp_path)])
    assert len(case.events) == 5 and "ZeroDivisionError: a fault of ours" in messages(case)


def test_an_error_of_the_disk_is_reported(tmp_path, monkeypatch):
    path = sound(tmp_path)

    def fail(self, part):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(files.FileBytes, "__getitem__", fail)
    with pytest.raises(EvidenceError, match=r"sound.evtx: cannot be read \(Input/output error\); check the disk"):
        load(path)


@pytest.mark.parametrize(
    ("engine", "module", "step"), [("auto", "blocks", "sound_chunks"), ("python-evtx", "reading", "frame_file")]
)
def test_a_file_that_becomes_shorter_is_an_error_and_no_signal(engine, module, step, tmp_path):
    data = plain_log(1)
    (tmp_path / "a.evtx").write_bytes(data + data[4096:] * 40)
    code = (
        "import os, sys, capi2kit as c2\n"
        f"from capi2kit.loaders.evtx import blocks, {module} as module\n"
        "blocks.CHUNKS = 8\n"
        f"whole = module.{step}\n"
        f"module.{step} = lambda data: (whole(data), os.truncate(sys.argv[1], 0))[0]\n"
        f"try: c2.load(sys.argv[1], engine={engine!r})\n"
        "except c2.EvidenceError as err: print(err)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "a.evtx"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and "became shorter while it was read" in done.stdout, done


def test_a_file_that_is_written_to_meanwhile_is_reported(tmp_path, monkeypatch):
    path = sound(tmp_path)
    monkeypatch.setattr(files.FileBytes, "is_changed", lambda self: True)
    assert load(path).problems["error"].tolist() == ["changed"]


# Names and links.


def test_a_name_that_is_no_utf_8_is_read_shown_and_found_again(tmp_path):
    name = os.fsencode(tmp_path) + b"/\xff\xfe\xe4.evtx"
    Path(os.fsdecode(name)).write_bytes(plain_log(1))
    case = load(tmp_path)
    assert case.sources["path"].tolist() == [f"{tmp_path}/\\xff\\xfe\\xe4.evtx"]
    assert "EventRecordID" in record_xml(case, 0)
    c2.save(c2.analyse(case), tmp_path / "r.html")


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    """A folder with a link to a file outside, one to a folder outside, one to its own file, and one to itself."""
    folder, outside = tmp_path / "kit", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    sound(folder)
    (outside / "other.evtx").write_bytes(plain_log(1).replace(b"WEB01", b"WEB02"))
    (folder / "file.evtx").symlink_to(outside / "other.evtx")
    (folder / "folder").symlink_to(outside)
    (folder / "own.evtx").symlink_to(folder / "sound.evtx")
    (folder / "again").symlink_to(folder)
    return folder


def test_links_that_lead_out_of_a_folder_are_named_not_followed(linked):
    case = load(linked)
    assert len(case.sources) == 1
    assert sorted(case.problems["message"].str.extract(r"kit/(\S+): is a link that leads out")[0]) == [
        "file.evtx",
        "folder",
    ]


def test_links_are_followed_if_that_is_asked_for(linked):
    case = load(linked, follow=True)
    assert len(case.sources) == 2 and case.problems.empty


# Archives.


def zipped(members: dict[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


def saying(data: bytes, size: int) -> bytes:
    """The archive with another size of what its one member unpacks to, in both of its heads."""
    made = bytearray(data)
    struct.pack_into("<I", made, 22, size)
    struct.pack_into("<I", made, made.find(b"PK\1\2") + 24, size)
    return bytes(made)


@pytest.mark.parametrize("says", [100, 1000])
def test_a_member_is_unpacked_as_far_as_it_says_and_no_further(says, tmp_path):
    (tmp_path / "bomb.zip").write_bytes(saying(zipped({"a.txt": bytes(64 << 20)}), says))
    sound(tmp_path)
    case = load(tmp_path)
    assert len(case.events) == 5 and "a.txt: cannot be read" in messages(case)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_member_in_a_method_that_cannot_be_stopped_is_named(method, tmp_path):
    path = tmp_path / "a.zip"
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("odd.evtx", plain_log(1), method)
        archive.writestr("sound.evtx", plain_log(1), zipfile.ZIP_DEFLATED)
    path.write_bytes(stream.getvalue())
    case = load(path)
    assert len(case.events) == 5
    assert "odd.evtx: refused: it is packed by method" in messages(case)


def test_all_members_together_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_UNPACKED", 150_000)
    monkeypatch.setattr(archives.Archive, "_check", lambda self: None)
    (tmp_path / "a.zip").write_bytes(zipped({"a.evtx": plain_log(1), "b.evtx": plain_log(2), "c.txt": b"x"}))
    case = load(tmp_path / "a.zip")
    assert len(case.events) == 5 and "b.evtx: refused: more comes out of it" in messages(case)


def test_one_member_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_MEMBER", 100_000)
    (tmp_path / "a.zip").write_bytes(zipped({"a.evtx": plain_log(1), "b.evtx": plain_log(2)}))
    case = load(tmp_path / "a.zip")
    assert len(case.events) == 5 and "b.evtx: refused: 135168 bytes unpacked, more than 100000" in messages(case)


def test_a_list_of_members_that_is_too_long_is_not_read(tmp_path):
    data = bytearray(zipped({"a.evtx": plain_log(1)}))
    struct.pack_into("<I", data, data.rfind(b"PK\5\6") + 12, 0xFFFFFFFF)
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(EvidenceError, match="the list of its files is longer than"):
        load(tmp_path / "a.zip")


def test_an_archive_is_opened_once_for_all_its_members(tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(files, "Archive", lambda *args, **how: opened.append(1) or archives.Archive(*args, **how))
    (tmp_path / "a.zip").write_bytes(zipped({f"{n}.txt": b"x" for n in range(20)} | {"x.evtx": plain_log(1)}))
    load(tmp_path / "a.zip")
    assert len(opened) == 2  # once to list them, once to read them


def test_a_member_without_a_name_refuses_the_archive(tmp_path):
    data = bytearray(zipped({"a": b"x", "b.evtx": plain_log(1)}))
    data[30] = data[data.find(b"PK\1\2") + 46] = 0  # a name ends at a NUL
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(EvidenceError, match="one of its files has no name"):
        load(tmp_path / "a.zip")


# Lines.

PARTS = st.lists(st.sampled_from(["a", "\u00e4", " ", "\t", "\n", "\r", "\r\n", "\n" * 9, " \r\n" * 7]), max_size=40)


@settings(max_examples=300, deadline=None)
@given(PARTS, st.sampled_from(["utf-8", "utf-16-le"]))
def test_many_empty_lines_are_passed_over_and_all_others_keep_number_and_offset(parts, encoding):
    """Against a plain split of the text; a run of more than two empty lines may be shortened."""
    text = "begin" + "".join(parts) + "\nend"
    lines, offset = [], 0
    for line in io.StringIO(text, newline=""):
        lines.append((offset, line.rstrip("\r\n")))
        offset += len(line.encode(encoding))
    before, text_lines.MOST_BLANK = text_lines.MOST_BLANK, 2
    before_piece, text_lines._PIECE = text_lines._PIECE, 3
    try:
        found = list(text_lines.lines(EvidenceFile("x", text.encode(encoding)), Problems()))
    finally:
        text_lines.MOST_BLANK, text_lines._PIECE = before, before_piece
    assert [(line.number, line.offset, line.text) for line in found] == [
        (line.number, *lines[line.number - 1]) for line in found
    ]
    shown = {line.number for line in found}
    assert all(number + 1 in shown for number, (_, line) in enumerate(lines) if line.strip())
