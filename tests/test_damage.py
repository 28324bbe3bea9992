"""Damage made on purpose: chunks of other bytes, numbers that cannot be, what engines read differently."""

import random
import struct
import subprocess
import sys
import zlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from Evtx.Evtx import FileHeader
from evtx_bytes import HEADER, El, event, file_of, log_of, payload, plain_log, seal_chunk
from hypothesis import given, settings
from hypothesis import strategies as st

from capi2kit.binxml import bucket_offsets, has_loop
from capi2kit.case import Case, load
from capi2kit.loaders.evtx import salvage
from capi2kit.loaders.evtx.columnar import words
from capi2kit.loaders.evtx.framing import frame_file
from capi2kit.loaders.evtx.recordids import CHUNK, MOST_RECORDS, Frame, living, numbered

sys.path.insert(0, str(Path(__file__).parent / "fuzz"))
import campaign  # type: ignore[import-not-found]
import mutants  # type: ignore[import-not-found]

FILLINGS = {
    "zeros": bytes(CHUNK),
    "FF": b"\xff" * CHUNK,
    "AA": b"\xaa" * CHUNK,
    "text": (b"The quick brown fox. " * (CHUNK // 21 + 1))[:CHUNK],
    "wide text": "wide text, as it stands in a log ".encode("utf-16-le").ljust(CHUNK, b"\0"),
    "noise": random.Random(1).randbytes(CHUNK),
    "text with marks of records": (b"**\0\0" + b"x" * 20) * (CHUNK // 24) + b"x" * (CHUNK % 24),
}


def loaded(tmp_path: Path, data: bytes, **how: object) -> Case:
    """The case of one log; what was promised is accounted for."""
    path = tmp_path / "x.evtx"
    path.write_bytes(data)
    case = load(path, providers="*", **how)
    row = case.sources.iloc[0]
    assert row["promised"] == row["loaded"] + row["other"] + row["duplicates"] + row["lost"]
    assert case.problems["lost"].sum() == row["lost"]
    return case


def sums(case: Case) -> tuple[int, int, int]:
    row = case.sources.iloc[0]
    return int(row["promised"]), int(row["loaded"]), int(row["lost"])


def with_chunk(number: int, filling: bytes, *, chunks: int = 3) -> bytes:
    data = bytearray(plain_log(chunks))
    at = HEADER + CHUNK * number
    data[at : at + CHUNK] = filling.ljust(CHUNK, b"\0")[:CHUNK]
    return bytes(data)


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("filling", FILLINGS.values(), ids=FILLINGS)
def test_a_chunk_of_other_bytes_costs_the_records_that_stood_there(filling, number, tmp_path):
    """Five records are gone: by the neighbours' numbers, or behind the last chunk by the file's header."""
    case = loaded(tmp_path, with_chunk(number, filling))
    assert sums(case) == (15, 10, 5)
    assert case.problems["error"].tolist() == ["lost chunk"]


@pytest.mark.parametrize("filling", FILLINGS.values(), ids=FILLINGS)
def test_other_bytes_behind_the_last_chunk_are_no_loss(filling, tmp_path):
    case = loaded(tmp_path, plain_log(2) + filling)
    assert sums(case) == (10, 10, 0)


def rehead(data: bytes, number: int, *fields: tuple[str, int, int], sealed: bool = True) -> bytes:
    """The log with other numbers in the header of a chunk, its checksums right."""
    made = bytearray(data)
    at = HEADER + CHUNK * number
    for form, place, value in fields:
        struct.pack_into(form, made, at + place, value)
    made[at : at + CHUNK] = seal_chunk(bytes(made[at : at + CHUNK])) if sealed else made[at : at + CHUNK]
    return bytes(made)


HUGE = (1 << 63, (1 << 64) - 2, (1 << 64) - 1, 1 << 62, 1 << 40)


@pytest.mark.parametrize("value", HUGE)
@pytest.mark.parametrize("place", [8, 16, 24, 32])
def test_a_record_number_that_cannot_be_in_a_header_costs_nothing(place, value, tmp_path):
    case = loaded(tmp_path, rehead(plain_log(), 1, ("<Q", place, value)))
    assert sums(case)[1] == 15 and sums(case)[2] <= MOST_RECORDS
    assert case.events["record"].tolist() == list(range(1, 16))


@pytest.mark.parametrize("value", HUGE)
@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize("which", [0, 2, 4])
def test_a_record_number_that_cannot_be_in_a_record_is_worked_out_or_reported(which, sealed, value, tmp_path):
    data = bytearray(plain_log())
    at = HEADER + CHUNK
    for _ in range(which + 1):
        at = data.find(b"**\0\0", at + 1)
    struct.pack_into("<Q", data, at + 8, value)
    case = loaded(tmp_path, rehead(bytes(data), 1, sealed=sealed))
    assert case.events["record"].tolist() == list(range(1, 16))
    assert sums(case)[1] == 15 and sums(case)[2] <= MOST_RECORDS
    assert len(case.problems) and case.sources["last_record"].iloc[0] < 1 << 63


def test_the_newest_record_by_the_file_is_not_believed_without_bounds(tmp_path):
    data = bytearray(plain_log())
    struct.pack_into("<Q", data, 24, 1 << 50)
    struct.pack_into("<I", data, 124, zlib.crc32(data[:120]))
    assert sums(loaded(tmp_path, bytes(data))) == (15, 15, 0)


def test_a_chunk_without_its_signature_has_its_own_records_only(tmp_path):
    """Behind its used part lie records of an older log: they are no records of this one, and no loss."""
    old = bytearray(plain_log(1, records=20)[HEADER:])
    new = plain_log(1, records=3)[HEADER:]
    free = struct.unpack_from("<I", new, 48)[0]
    starts = [at for at in range(512, CHUNK - 4) if old[at : at + 4] == b"**\0\0"]
    for n, at in enumerate(starts):
        struct.pack_into("<Q", old, at + 8, 9000 + n)
    old[:free] = new[:free]
    old[:8] = b"\0" * 8
    case = loaded(tmp_path, file_of([bytes(old)], next_record=4))
    assert sums(case) == (3, 3, 0)


FRAMES = st.lists(
    st.tuples(st.integers(0, (1 << 64) - 1) | st.integers(1, 60), st.sampled_from(["", "", "", "frame", "size"])),
    max_size=30,
)


@settings(max_examples=500)
@given(FRAMES, st.integers(0, 100), st.integers(-1, 100))
def test_numbers_of_a_chunk_count_up_and_stay_near_each_other(reported, first, last):
    frames = [Frame(0, 512 + 100 * i, 100, record, 0, damage) for i, (record, damage) in enumerate(reported)]
    own = numbered(living(frames), first=first, last=last)
    ids = [frame.record for frame in own]
    assert all(a < b for a, b in pairwise(ids))
    assert not ids or ids[-1] - ids[0] < 3 * MOST_RECORDS
    assert all(frame.damage or frame.record == before.record for frame, before in zip(own, frames, strict=False))


HEADS = {  # what is written over a sound header, where, and what is said of it
    "sound": (b"", 0, False, []),
    "the log was open": (b"\1", 0x78, True, []),
    "the log was full": (b"\2", 0x78, False, []),
    "another signature": (b"ElfFine\0", 0, False, ["the file header is not that of an .evtx file"]),
    "another number of records": (b"\xff", 0x18, False, ["the checksum of the file header is wrong"]),
    "another checksum": (b"\0\0\0\0", 0x7C, False, ["the checksum of the file header is wrong"]),
}


@pytest.mark.parametrize(("written", "at", "dirty", "damage"), HEADS.values(), ids=HEADS)
def test_what_a_file_header_says_is_what_python_evtx_reads_in_it(written, at, dirty, damage):
    data = bytearray(plain_log(2))
    data[at : at + len(written)] = written
    framing, theirs = frame_file(bytes(data)), FileHeader(bytes(data), 0)
    assert (framing.dirty, framing.damage) == (dirty, damage)
    assert (theirs.check_magic() and theirs.checksum() == theirs.calculate_checksum()) == (not damage)
    assert theirs.is_dirty() == dirty


@pytest.mark.parametrize("size", [0, 7, 8, 100, 127])
def test_a_file_header_that_is_cut_off(size):
    assert frame_file(plain_log(1)[:size]).damage == ["the file header is cut off"]


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 1 << 32))
def test_framing_any_mutant_is_bounded(seed):
    framing = frame_file(mutants.evtx(plain_log(2), seed, resealed=bool(seed % 2)))
    for chunk in framing.chunks:
        assert len(chunk.missing) <= MOST_RECORDS
        assert all(frame.record < 1 << 64 for frame in chunk.frames)


# What engines read differently.


def inner(*texts: object) -> bytes:
    """A log of three records, the second of which has an element with these texts."""
    odd = payload(2, inner=(El("Subject", parts=texts),))
    return log_of([event(1), event(2).__class__(2, odd), event(3)])


def letters(data: bytes, old: str, new: bytes) -> bytes:
    """The log with one wide text replaced by as many bytes, its checksums right."""
    place = data.find(old.encode("utf-16-le"))
    assert place > 0
    made = bytearray(data)
    made[place : place + len(new)] = new
    return mutants.reseal(made)


@pytest.mark.parametrize(
    ("new", "shown"), [(b"\0\0", "\ufffd"), (b"\0\xd8", "\ufffd"), (b"\x01\0", "\ufffd"), (b"\xff\xff", "\ufffd")]
)
def test_a_character_that_no_text_holds_is_replaced_and_reported_and_nothing_behind_it_is_lost(new, shown, tmp_path):
    case = loaded(tmp_path, letters(plain_log(1), "Subject 2", new))
    assert f"{shown}ubject 2 of a certificate" in case.events["subject"].tolist()
    assert case.problems["error"].tolist() == ["replaced characters"]


def test_a_name_that_does_not_fit_its_hash_is_read_as_written_and_reported(tmp_path):
    case = loaded(tmp_path, letters(plain_log(1), "EventAuxInfo", "XventAuxInfo".encode("utf-16-le")))
    assert case.problems["error"].tolist() == ["misspelt name"]
    assert "XventAuxInfo" in case.problems["message"].iloc[0]
    assert case.events["extra"].str.contains("XventAuxInfo@ProcessName").all()


def test_two_records_with_one_number_are_both_read_and_reported(tmp_path):
    case = loaded(tmp_path, log_of([event(1), event(2), event(2), event(3)]))
    assert "record id twice" in case.problems["error"].tolist()
    assert case.problems.loc[case.problems["error"] == "record id twice", "record"].tolist() == [2]
    assert case.events["record"].tolist() == [1, 2, 2, 3]


def test_a_text_of_two_lines_is_not_odd(tmp_path):
    """The fast engines keep what all read alike."""
    case = loaded(tmp_path, inner("one\r\ntwo"))
    assert case.sources["engine"].tolist() == ["columnar"] and case.problems.empty


# Chains that come back to where they were: a reader that follows them never ends.


def chained(*links: tuple[int, int]) -> bytes:
    """A chunk of nothing but these offsets and what stands at them."""
    chunk = bytearray(CHUNK)
    for at, value in links:
        struct.pack_into("<I", chunk, at, value)
    return bytes(chunk)


@pytest.mark.parametrize(
    ("links", "endless"),
    [
        ([], False),
        ([(128, 600), (600, 700)], False),
        ([(128, 600), (600, 700), (700, 600)], True),
        ([(128, 600), (600, 600)], True),
        ([(380, 600), (600, 700), (700, 800), (800, 700)], True),  # the last head of the names
        ([(384, 600), (600, 700), (700, 600)], True),  # the first head of the templates
        ([(508, 600), (600, 600)], True),  # the last one
        ([(128, 600), (600, CHUNK)], False),  # leads out of the chunk
        ([(128, 0xFFFFFFFF)], False),
        ([(128, 600), (132, 600)], False),  # two heads of one chain
    ],
)
def test_a_chain_that_comes_back_is_seen(links, endless):
    assert has_loop(chained(*links)) is endless


def test_a_log_whose_names_go_round_in_a_circle_is_read_to_its_end(tmp_path):
    """In a process of its own: the fast engine would not come back, and nothing could stop it."""
    data = bytearray(plain_log(1))
    one, other = sorted(bucket_offsets(bytes(data[HEADER : HEADER + CHUNK])))[:2]
    for at, value in ((128, one), (one, other), (other, one)):
        struct.pack_into("<I", data, HEADER + at, value)
    path = tmp_path / "WEB01.evtx"
    path.write_bytes(mutants.reseal(data))
    script = "import sys; from capi2kit.case import load; print(load(sys.argv[1]).events['record'].tolist())"
    command = [sys.executable, "-c", script, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[1, 2, 3, 4, 5]\n"


# The campaign itself.


@pytest.mark.parametrize("seed", [27, 61, 96])
def test_the_campaign_finds_what_the_engine_of_texts_cuts(seed, monkeypatch):
    """Seeds whose mutants have a NUL or half a character in a text."""
    assert not campaign.attempt(("resealed", seed, "")).faults
    monkeypatch.setattr(salvage, "odd_records", lambda data, chunk: set())
    assert campaign.attempt(("resealed", seed, "")).faults


@pytest.mark.parametrize("seed", [27, 96])
def test_the_campaign_finds_what_the_columnar_engine_would_take_for_plain(seed, monkeypatch):
    monkeypatch.setattr(words.Words, "is_odd", lambda self: np.zeros(1 << 16, bool))
    assert campaign.attempt(("resealed", seed, "")).faults


@pytest.mark.parametrize("seed", [1, 3, 9])
def test_the_campaign_finds_a_cell_or_a_loss_that_nobody_reported_of(seed, monkeypatch):
    assert not campaign.attempt(("damaged", seed, "")).faults
    monkeypatch.setattr("capi2kit.loaders.evidence.Problems.add", lambda *_, **__: None)
    assert campaign.attempt(("damaged", seed, "")).faults


@pytest.mark.slow
def test_a_small_campaign_has_no_failure(capsys):
    assert campaign.main(["--evtx", "120", "--texts", "60", "--archives", "30", "--seed", "77", "--jobs", "2"]) == 0
    assert "210 cases from seed 77: 0 failed" in capsys.readouterr().out
