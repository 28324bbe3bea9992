"""The columnar engine: every table is that of the slow engine, which reads one record after the other, cell by cell.

What is plain it reads itself; what is odd it leaves to the slow engine, and never guesses.
"""

from __future__ import annotations

import re
import struct
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest
from evtx_bytes import (
    CHUNK,
    HEADER,
    Cdata,
    Char,
    El,
    Entity,
    Event,
    Foreign,
    Instance,
    doubling,
    event,
    log_of,
    payload,
    plain_log,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st
from small_logs import hostile, small

from capi2kit.binxml import name_hash
from capi2kit.case import load
from capi2kit.errors import Capi2kitError
from capi2kit.loaders import evtx
from capi2kit.loaders.evidence import Asked, EvidenceFile
from capi2kit.loaders.evtx import blocks, columnar
from capi2kit.loaders.evtx.columnar import forms, fragments

sys.path.insert(0, str(Path(__file__).parent / "fuzz"))
import mutants

LAB = Path(__file__).parent.parent / "datasets" / "lab"
LOGS = sorted(LAB.glob("*/*.evtx"))
ARCHIVES = sorted(LAB.glob("*/evidence.zip"))  # with logs of other providers, too
TABLES = ("problems", "coverage", "events", "steps", "chain", "certificates")


def tables_of(path: Path, *, engine: str = "auto", providers: str | None = "*") -> dict[str, pd.DataFrame] | str:
    """All tables of a log, or why it was refused."""
    try:
        case = load(path, engine=engine, providers=providers)
    except Capi2kitError as err:
        return str(err)
    return {name: getattr(case, name) for name in TABLES} | {"sources": case.sources.drop(columns="engine")}


def assert_same_tables(path: Path, *, providers: str | None = "*") -> None:
    ours, theirs = (tables_of(path, engine=engine, providers=providers) for engine in ("auto", "python-evtx"))
    if isinstance(ours, str) or isinstance(theirs, str):
        assert ours == theirs
        return
    for name, table in ours.items():
        pd.testing.assert_frame_equal(table, theirs[name], obj=name)


def written(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "log.evtx"
    path.write_bytes(data)
    return path


def engines(path: Path) -> str:
    return str(load(path, providers="*").sources["engine"].iloc[0])


# The same tables.


@pytest.mark.parametrize("log", [*LOGS[::11], *ARCHIVES[::9]], ids=lambda path: path.parent.name)
def test_a_log_of_the_lab_gives_the_tables_of_the_slow_engine(log):
    assert_same_tables(log)
    assert_same_tables(log, providers=None)


@pytest.mark.slow
@pytest.mark.parametrize("log", [*LOGS, *ARCHIVES[::2]], ids=lambda path: path.parent.name)
def test_every_log_of_the_lab_gives_the_tables_of_the_slow_engine(log):
    assert_same_tables(log)


@pytest.mark.real
@pytest.mark.parametrize("providers", [None, "*"])
def test_every_real_log_gives_the_tables_of_the_slow_engine(real_logs, providers):
    found = sorted((real_logs / "evtx").glob("*.evtx"))
    assert len(found) >= 5
    for log in found:
        assert_same_tables(log, providers=providers)


@pytest.mark.real
def test_a_real_capi2_log_is_read_by_the_columnar_engine_alone(real_logs):
    assert engines(real_logs / "evtx" / "capi2_operational_wks05_2016-2018.evtx") == "columnar"


NAMES = st.sampled_from(
    "Certificate EventAuxInfo Flags Result CertificateChain ChainElement TrustStatus AdditionalInfo ErrorStatus Action Error URL "
    "X509Objects Unheard HTTPRequestHeadersInfo Header".split()
)
ATTRIBUTES = st.sampled_from(
    ["value", "fileRef", "subjectName", "ProcessName", "CERT_TRUST_IS_REVOKED", "true", "x", "xmlns"]
)
LETTERS = st.text(st.sampled_from("aZ9 {}\"'<&\u00e4\u4e2d\U0001f600\t\n\0\x01\ud800"), max_size=6)
VALUES = (
    st.sampled_from(["true", "", "80092013", "PT15S", "2024-05-06T07:08:09.123Z", "{0", "Host: a"])
    | LETTERS
    | st.lists(
        LETTERS | st.sampled_from([Entity("quot"), Entity("amp"), Entity("none"), Char(65), Cdata("a")]),
        min_size=1,
        max_size=3,
    )
)
ELEMENTS = st.recursive(
    st.builds(El, NAMES, st.dictionaries(ATTRIBUTES, VALUES, max_size=4), st.just(())),
    lambda inner: st.builds(
        El,
        NAMES,
        st.dictionaries(ATTRIBUTES, VALUES, max_size=4),
        st.lists(inner, max_size=4).map(tuple) | LETTERS.map(lambda text: (text,)) | st.tuples(inner, LETTERS),
    ),
    max_leaves=12,
)


@settings(max_examples=60)
@given(st.lists(ELEMENTS, min_size=1, max_size=4))
def test_any_payload_gives_the_tables_of_the_slow_engine(tmp_path_factory, payloads):
    log = log_of([event(1), *(Event(2 + number, one) for number, one in enumerate(payloads)), event(9)])
    assert_same_tables(written(tmp_path_factory.mktemp("any"), log))


@settings(max_examples=60)
@given(st.integers(0, 1 << 32))
@example(3951431)  # the columnar engine leaves two chunks to the slow way, the second one before the first
def test_any_mutant_gives_the_tables_of_the_slow_engine(tmp_path_factory, seed):
    base = (plain_log(2), small(), hostile(), LOGS[seed % len(LOGS)].read_bytes())[seed % 4]
    mutant = mutants.evtx(base, seed, resealed=seed % 3 > 0)
    assert_same_tables(written(tmp_path_factory.mktemp("mutant"), mutant))


def test_numbers_that_some_records_have_as_numbers_and_others_as_texts_are_one_column(monkeypatch, tmp_path):
    """One number beyond 63 bits: those of the records around it are read as texts, those of the other block as numbers."""
    monkeypatch.setattr(blocks, "CHUNKS", 1)
    huge = Foreign(7, Event(1 << 63 | 7, El("X")).instance())
    path = written(tmp_path, log_of([event(1), event(2)], [event(6), huge, event(8)]))
    assert_same_tables(path)
    assert tables_of(path)["events"]["record"].tolist() == [1, 2, 6, 8, pd.NA]


# What is plain, and what is left to the slow way.


def log_with(*inner: object) -> bytes:
    return log_of([event(1), Event(2, payload(2, inner=inner)), event(3)])


def repeated(name: str, count: int) -> tuple[El, ...]:
    return tuple(El(name, {"value": str(number)}) for number in range(count))


def nested(levels: int) -> El:
    return El("A", parts=(nested(levels - 1),)) if levels else El("Z")


PLAIN = {
    "an entity": log_with(El("A", {"b": ["1 ", Entity("quot"), "2"]})),
    "an entity at the end": log_with(El("A", {"b": ["1 ", Entity("amp"), ""]})),
    "a text with an entity": log_with(El("A", parts=("1 ", Entity("lt")))),
    "another alphabet": log_with(El("A", {"b": "\u4e2d\u6587 \U0001f600"})),
    "lines": log_with(El("A", parts=("one\r\ntwo\tthree",))),
    "an empty attribute": log_with(El("A", {"b": "", "c": "d"})),
    "an element twice": log_with(*repeated("Result", 2)),
    "seventy elements": log_with(*repeated("A", 70)),
    "a namespace": log_with(El("A", {"xmlns": "urn:a", "b": "c"})),
    "zeros behind a text": log_with(El("A", {"b": "c\0\0"})),
    "seventy attributes": log_with(El("A", {f"b{number}": "c" for number in range(70)})),
    "a value that does not fit": log_with(El("Flags", {"value": "no hex"})),
    "a story": small(),
}
LEFT = {
    "a text behind an element": log_with(El("A", parts=(El("B"), "tail"))),
    "a text before an element": log_with(El("A", parts=("head", El("B")))),
    "a zero inside": log_with(El("A", {"b": "c\0d"})),
    "half a letter": log_with(El("A", {"b": "\ud800"})),
    "a control character": log_with(El("A", parts=("\x01",))),
    "CDATA": log_with(El("A", parts=(Cdata("text"),))),
    "a character reference": log_with(El("A", {"b": [Char(65)]})),
    "an unknown entity": log_with(El("A", {"b": [Entity("nbsp")]})),
    "a template inside": log_with(El("A", parts=(Instance(El("B"), ()),))),
    "a prefix": log_with(El("p:A", {"p:b": "c"})),
    "a name with a space in it": log_with(El("A B", {"c": "d"})),
    "a long name": log_with(El("A" * 200)),
    "deep": log_with(nested(55)),
    "no event": log_of([event(1), Foreign(2, Instance(El("Event"), ())), event(3)]),
    "values that repeat themselves": log_of([event(1), Foreign(2, doubling(3)), event(3)]),
}


@pytest.mark.parametrize("what", PLAIN)
def test_what_is_plain_is_read_without_the_slow_engine(what, tmp_path):
    path = written(tmp_path, PLAIN[what])
    assert engines(path) == "columnar"
    assert_same_tables(path)


@pytest.mark.parametrize("what", LEFT)
def test_what_is_odd_is_left_to_the_slow_engine_and_only_that(what, tmp_path):
    path = written(tmp_path, LEFT[what])
    assert engines(path) == "columnar + python-evtx"
    assert_same_tables(path)


# Bytes that say something else than they seem to: checksums fit, so only the engine itself can see it.


def changed(data: bytes, old: bytes, new: bytes, *, at: int = 0, which: int = 0) -> bytes:
    """The log with these bytes in place of `old`, `at` bytes behind where it is found for the n-th time; its checksums right."""
    place = -1
    for _ in range(which + 1):
        place = data.index(old, place + 1)
    made = bytearray(data)
    made[place + at : place + at + len(new)] = new
    return mutants.reseal(made)


def wide(text: str) -> bytes:
    return text.encode("utf-16le")


ONE = log_with(El("Flags", {"value": "10", "other": "20"}), El("Third", parts=("text",)))
NAME_OTHER = ONE.index(wide("other")) - HEADER - 8
LIES = {
    "an element that is said to be longer": changed(ONE, wide("Third"), struct.pack("<I", 60), at=-16),
    "an element that is said to be shorter": changed(ONE, wide("Third"), struct.pack("<I", 8), at=-16),
    "an element that is said to end behind its record": changed(ONE, wide("Third"), b"\xff\xff\xff\x7f", at=-16),
    "a name elsewhere": changed(ONE, wide("other"), struct.pack("<I", 600), at=-12),
    "a name out of the chunk": changed(ONE, wide("other"), b"\xff\xff\xff\xff", at=-12),
    "a name with another letter": changed(ONE, wide("other"), wide("Other")),
    "a name with another hash": changed(ONE, wide("other"), b"\0\0", at=-4),
    "a name with another length": changed(ONE, wide("other"), b"\4\0", at=-2),
    "a text with another type": changed(ONE, wide("text"), b"\2", at=-3),
    "a text that is longer than its element": changed(ONE, wide("text"), b"\xff\x00", at=-2),
    "another token for a text": changed(ONE, wide("text"), b"\x0d", at=-4),
    "another token for an attribute": changed(ONE, wide("other"), b"\x05", at=-13),
    "a list of attributes that is shorter": changed(ONE, wide("other"), struct.pack("<I", 1), at=-70),
    "no end of an element": changed(ONE, wide("text"), b"\3", at=8),
    "an empty element that is not": changed(ONE, wide("Third"), b"\3", at=12),
}


@pytest.mark.parametrize("what", LIES)
def test_bytes_that_lie_give_what_the_slow_engine_gives(what, tmp_path):
    assert LIES[what] != ONE
    assert_same_tables(written(tmp_path, LIES[what]))


def test_an_attribute_twice_is_left_to_the_slow_engine(tmp_path):
    """A pointer to the name of the first attribute in place of that of the second: no writer does that."""
    both = El("Flags", {"value": "10", "other": "20"}), El("X", {"value": "1", "other": "2"})
    log = bytearray(log_with(*both))
    at = {name: struct.pack("<I", log.index(wide(name)) - 8 - HEADER) for name in ("value", "other")}
    place = log.rindex(at["other"])
    log[place : place + 4] = at["value"]
    path = written(tmp_path, mutants.reseal(log))
    assert engines(path) == "columnar + python-evtx"
    assert_same_tables(path)


def test_a_name_of_another_chunk_is_no_name_of_this_one(tmp_path):
    """A pointer beyond its chunk, to where the next chunk has the same name."""
    log = bytearray(plain_log(2))
    name = log.index(wide("EventAuxInfo")) - 8 - HEADER
    assert log[HEADER + CHUNK + name :][8:32] == wide("EventAuxInfo")
    place = log.rindex(struct.pack("<I", name), HEADER, HEADER + CHUNK)
    log[place : place + 4] = struct.pack("<I", CHUNK + name)
    path = written(tmp_path, mutants.reseal(log))
    assert_same_tables(path)
    assert load(path, providers="*").problems["error"].tolist() == ["misspelt name"]


# The page that explains it.


def test_the_page_that_follows_two_records_tells_the_truth(monkeypatch):
    """Its arrays are those of the engine, its bytes those of the log."""

    def check(number: int, code: str) -> El:
        return El("Check", parts=(El("URL", parts=(f"http://a/{number}",)), El("Result", {"value": code})))

    log = log_of([Event(1, check(1, "80092013")), Event(2, check(2, "0"))])
    page = (Path(__file__).parent.parent / "docs" / "columnar.md").read_text(encoding="utf-8")
    for at, shown in re.findall(r"^at (\d+) +((?:[0-9a-f]{2} )+)", page, re.MULTILINE):
        said = bytes.fromhex(shown)
        assert log[HEADER + int(at) :][: len(said)] == said
    walked = []
    entered = fragments.Walk._entered
    monkeypatch.setattr(
        fragments.Walk, "_entered", lambda *args, **how: walked.append(entered(*args, **how)) or walked[-1]
    )
    runs = []
    monkeypatch.setattr(
        columnar.records.Found, "add_runs", lambda self, target, row, **how: runs.append((how["start"], how["letters"]))
    )
    batches(log)
    for level in walked[:2]:
        assert f"at  {level.at.tolist()}" in page and f"stop  {level.stop.tolist()}" in page
    for start, letters in runs:
        assert not len(start) or re.search(
            rf"{re.escape(str(start.tolist()))} +letters  {re.escape(str(letters.tolist()))}", page
        )


# One pass: what is not asked for, and what changes meanwhile.


def batches(data: bytes, **asked: object) -> list[dict[str, pd.DataFrame]]:
    return list(evtx.read(EvidenceFile("x.evtx", data), asked=Asked(**asked)))


def test_only_the_tables_that_were_asked_for_are_made_and_the_cells_of_events_are_the_same():
    every, some = batches(small()), batches(small(), tables=("events",))
    assert {"events", "chain"} <= every[0].keys() and "chain" not in some[0]
    columns = every[0]["events"].columns.drop("extra")
    pd.testing.assert_frame_equal(some[0]["events"][columns], every[0]["events"][columns])
    assert some[0]["events"]["extra"].isna().all()


def test_many_blocks_give_the_tables_of_one(monkeypatch, tmp_path):
    path = written(tmp_path, plain_log(7))
    whole = tables_of(path)
    monkeypatch.setattr(blocks, "CHUNKS", 2)
    monkeypatch.setattr(blocks, "RECORDS", 12)
    parts = tables_of(path)
    for name, table in whole.items():
        pd.testing.assert_frame_equal(table, parts[name], obj=name)


def test_a_damaged_chunk_between_sound_ones_is_salvaged(tmp_path):
    data = bytearray(plain_log(3))
    data[HEADER + CHUNK + 700] ^= 0xFF
    path = written(tmp_path, bytes(data))
    assert engines(path) == "columnar + python-evtx"
    assert_same_tables(path)


def test_what_was_learned_is_forgotten_when_it_is_too_much(monkeypatch, tmp_path):
    path = written(tmp_path, log_with(*(El(f"N{number}", {f"a{number}": "b"}) for number in range(60))))
    whole = tables_of(path)
    monkeypatch.setattr(forms, "_MOST", 5)
    for _ in range(2):
        again = tables_of(path)
        pd.testing.assert_frame_equal(whole["events"], again["events"])


def test_two_names_with_one_hash_are_told_apart_by_their_letters(tmp_path):
    assert name_hash("Ao") == name_hash("B0")
    path = written(tmp_path, log_with(El("Ao", {"a": "first"}), El("B0", {"a": "second"})))
    assert_same_tables(path)
    assert engines(path) == "columnar"


def test_logs_read_in_several_threads_do_not_share_what_is_learned():
    """Each log has names of its own at the places where the others have theirs."""
    logs = [log_with(*(El(f"N{log}x{number}", {f"a{log}": "b"}) for number in range(40))) for log in range(8)]

    def events(data: bytes) -> pd.DataFrame:
        file = EvidenceFile("log.evtx", data)
        return pd.concat([batch["events"] for batch in evtx.read(file, asked=Asked()) if "events" in batch])

    with ThreadPoolExecutor(4) as pool:
        several = list(pool.map(events, logs * 4))
    for log, table in enumerate(several):
        pd.testing.assert_frame_equal(table, events(logs[log % 8]))
