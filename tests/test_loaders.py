"""Loaders: who claims what, what damage costs, and what is said about it. Small logs written here; no real ones."""

import io
import struct
import zipfile
import zlib

import pytest
from evtx_bytes import (
    CHUNK,
    HEADER,
    NINE_O_CLOCK,
    El,
    Entity,
    Event,
    Foreign,
    chunk_of,
    doubling,
    event,
    file_of,
    log_of,
    payload,
    plain_log,
    seal_chunk,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from capi2kit.case import Case, load, record_xml
from capi2kit.errors import DamagedEvidence, EvidenceError, NoEvents, UnknownFormat
from capi2kit.loaders import HEAD, LOADERS, evtx, files, loader_for
from capi2kit.loaders.evidence import Asked, EvidenceFile
from capi2kit.loaders.evtx.framing import frame_file
from capi2kit.loaders.files import archives

RECORDS = 5  # per chunk of the logs written here


@pytest.fixture
def saved(tmp_path):
    """Write bytes below the test's own folder and return the path."""

    def save(data: bytes, name: str = "WEB01.evtx") -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return str(path)

    return save


def records(case: Case) -> list[int]:
    return sorted(case.events["record"].dropna().tolist())


def errors(case: Case) -> list[str]:
    return case.problems["error"].tolist()


def assert_adds_up(case: Case) -> None:
    sources = case.sources
    counted = sources[["loaded", "other", "duplicates", "lost"]].sum(axis=1)
    assert counted.tolist() == sources["promised"].tolist()
    assert sources["loaded"].sum() == len(case.events)
    lost = case.problems.groupby("source")["lost"].sum().reindex(sources["source"], fill_value=0)
    assert lost.tolist() == sources["lost"].tolist()


def place(data: bytes, record: int) -> int:
    """Where a record of a sound log stands."""
    return next(frame.offset for chunk in frame_file(data).chunks for frame in chunk.frames if frame.record == record)


def overwritten(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def resealed(data: bytes, chunk: int) -> bytes:
    """The log with the checksums of one chunk set right again."""
    at = HEADER + chunk * CHUNK
    return overwritten(data, at, seal_chunk(data[at : at + CHUNK]))


# Who claims what.

OTHERS = [b"", b"hello", b"<Event/>", b"PK\3\4" + bytes(100), b"ElfFil", b"MZ" + bytes(5000), bytes(200_000)]


def test_only_the_evtx_loader_claims_a_log():
    assert [loader.NAME for loader in LOADERS if loader.sniff(plain_log()[:HEAD], "x")] == ["evtx"]


def test_a_log_is_known_without_its_header_too():
    data = plain_log()
    for damaged in (bytes(HEADER) + data[HEADER:], bytes(HEADER + CHUNK) + data[HEADER + CHUNK :]):
        assert loader_for(damaged[:HEAD], "anything.bin") is evtx


@pytest.mark.parametrize("data", OTHERS)
def test_nobody_claims_what_is_no_log(data):
    assert loader_for(data, "looks_like.evtx") is None


# Both engines, all ways in.


@pytest.mark.parametrize("engine", evtx.ENGINES)
def test_a_sound_log_is_read_whole_by_either_engine(saved, engine):
    case = load(saved(plain_log()), engine=engine)
    assert records(case) == list(range(1, 16))
    assert case.problems.empty
    assert_adds_up(case)
    source = case.sources.iloc[0]
    assert (source["first_record"], source["last_record"], source["wrapped"], source["dirty"]) == (1, 15, False, False)


def test_the_two_engines_give_the_same_tables(saved):
    strange = payload(3, inner=(El("Odd", {"a": ["x ", Entity("quot"), ""], "b": "tab\there"}, ("line\nline",)),))
    path = saved(log_of([event(1), event(2), Event(3, strange)]))
    one, other = (load(path, engine=engine) for engine in ("evtx", "python-evtx"))
    assert one.events.reset_index().to_dict("list") == other.events.reset_index().to_dict("list")
    assert one.events["extra"].iloc[2] == (
        '{"UserData/CertGetCertificateChain/Odd@a": "x \\"", "UserData/CertGetCertificateChain/Odd@b": "tab\\there", '
        '"UserData/CertGetCertificateChain/Odd": "line\\nline"}'
    )


def test_an_engine_that_does_not_exist_is_refused(saved):
    with pytest.raises(EvidenceError, match=r"no engine 'java'; choose one of auto, evtx, python-evtx"):
        load(saved(plain_log()), engine="java")


def test_the_two_times_of_a_record_are_kept_apart(saved):
    case = load(saved(log_of([event(1, ticks=20_000_000, written=70_000_001)])))
    assert str(case.events["time"].iloc[0]) == "2016-02-15 08:53:22+00:00"
    assert str(case.events["time_written"].iloc[0]) == "2016-02-15 08:53:27.000000100+00:00"


def test_a_wrapped_log_is_sorted_by_record_id_and_says_that_it_wrapped(saved):
    late, early = [event(n) for n in (104, 105, 106)], [event(n) for n in (101, 102, 103)]
    case = load(saved(log_of(late, early)))
    assert case.events["record"].tolist() == [101, 102, 103, 104, 105, 106]
    assert case.events["event"].tolist() == [0, 1, 2, 3, 4, 5]
    assert case.sources["wrapped"].tolist() == [True]
    assert_adds_up(case)


def test_events_of_other_providers_are_counted_and_loaded_only_when_asked_for(saved):
    path = saved(log_of([event(1), event(2, provider="ESENT"), event(3, provider="MsiInstaller")]))
    for providers, expected in ((None, [1]), ("ESENT", [1, 2]), (["ESENT"], [1, 2]), ("*", [1, 2, 3])):
        for engine in ("evtx", "python-evtx"):
            case = load(path, providers=providers, engine=engine)
            assert (records(case), case.sources["other"].tolist()) == (expected, [3 - len(expected)])
            assert_adds_up(case)


@pytest.mark.parametrize(
    ("engine", "shown"), [("auto", [(1020, 1020)]), ("evtx", [(500, 1020), (1000, 1020)])], ids=["columnar", "evtx"]
)
def test_progress_is_shown_while_reading(saved, engine, shown):
    heard = []
    log = log_of(*([event(n) for n in range(first, first + 60)] for first in range(1, 1021, 60)))
    path = saved(log)
    load(path, engine=engine, progress=lambda name, done, total: heard.append((done, total, name)))
    assert heard == [(*numbers, str(path)) for numbers in shown]


def test_a_record_is_shown_as_xml_from_the_file_again(saved):
    case = load(saved(plain_log()))
    assert "Subject 7 of a certificate" in record_xml(case, 6)
    assert "<EventRecordID>7</EventRecordID>" in record_xml(case, 6)
    with pytest.raises(EvidenceError, match=r"no event 15 in this case; events are numbered 0 to 14"):
        record_xml(case, 15)


def test_a_file_that_was_changed_since_is_not_shown_as_if_it_were_the_same(saved):
    case = load(saved(plain_log()))
    for changed in (log_of([event(n) for n in range(21, 24)]), b"gone", log_of([event(1)])):
        saved(changed)
        with pytest.raises(EvidenceError, match=r"record 7 at offset .* changed since it was loaded; load it again"):
            record_xml(case, 6)


# Bad input: what, where, what next.


def test_an_empty_file_is_refused(saved):
    with pytest.raises(EvidenceError, match=r"WEB01.evtx is empty\. Looked for: Windows event logs .*again"):
        load(saved(b""))


@pytest.mark.parametrize("data", [b"this is a text", b"ElfFil", bytes(100_000)])
def test_something_else_called_evtx_is_refused(saved, data):
    with pytest.raises(UnknownFormat, match=r"WEB01.evtx has no known format\. Looked for: .*again"):
        load(saved(data))


@pytest.mark.parametrize("size", [7, 8, 100, 200, HEADER - 1])
def test_a_log_that_ends_in_its_header_is_refused(saved, size):
    with pytest.raises((EvidenceError, UnknownFormat), match=r"again|Enable the log"):
        load(saved(plain_log()[:size]))


def test_a_log_without_a_capi2_event_says_how_to_get_one(saved):
    path = saved(log_of([event(n, provider="ESENT") for n in (1, 2)]))
    with pytest.raises(NoEvents, match=r"WEB01.evtx: 2 records, 2 of other providers, 0 lost\). Enable the log with"):
        load(path)


def test_a_log_without_any_event_says_so(saved):
    with pytest.raises(NoEvents, match=r"0 records"):
        load(saved(file_of([chunk_of([])], next_record=1)))


@pytest.mark.parametrize("name", ["gone.evtx", "gone/WEB01.evtx", "with\0nul", "gone.zip!WEB01.evtx", "x" * 5000])
def test_a_path_that_is_not_there_is_refused(tmp_path, name):
    with pytest.raises(EvidenceError, match=r"there is no such file or folder; check the spelling"):
        load(f"{tmp_path}/{name}")


def test_a_pattern_that_matches_nothing_is_refused(tmp_path):
    with pytest.raises(EvidenceError, match=r"\*\.evtx: nothing matches this pattern; check the spelling"):
        load(f"{tmp_path}/*.evtx")


def test_a_file_that_vanishes_between_listing_and_reading_is_refused(saved, monkeypatch):
    path = saved(plain_log())
    gone = [files.Found(path + ".gone", "", True)]
    monkeypatch.setattr(files, "find", lambda what, **how: gone)
    with pytest.raises(EvidenceError, match=r"gone: cannot be read .there is no such file.; check that it is there"):
        load(path)


def test_a_file_that_may_not_be_read_is_refused(saved, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files, "open_regular", refuse)
    with pytest.raises(
        EvidenceError, match=r"WEB01.evtx: cannot be read \(.*Permission denied\); check .* may read it"
    ):
        load(saved(plain_log()))


def test_an_empty_list_and_an_empty_folder_are_refused(tmp_path):
    with pytest.raises(EvidenceError, match=r"empty list of paths; name a log"):
        load([])
    with pytest.raises(EvidenceError, match=r"the folder holds no file; name the folder"):
        load(tmp_path)


def test_a_folder_is_read_with_all_below_and_says_what_it_left_out(saved, tmp_path):
    saved(plain_log(), "a/deep/WEB01.evtx")
    saved(log_of([event(n, computer="WEB02") for n in (1, 2)]), "b/WEB02.evtx")
    for number, data in enumerate(OTHERS):
        saved(data, f"b/other{number}.txt")
    saved(b"PK\5\6" + bytes(18), "b/empty.zip")
    saved(b"PK\3\4 no archive at all", "b/broken.zip")
    case = load(tmp_path)
    assert len(case.events) == 17
    assert case.sources["path"].str.rsplit("/", n=1).str[1].tolist() == ["WEB01.evtx", "WEB02.evtx"]
    left_out = case.problems[case.problems["stage"] == "file"]
    assert len(left_out) == len(OTHERS) + 2
    assert set(left_out["error"]) == {"not read"}
    assert left_out["message"].str.contains("empty|has no known format|no file|was not opened").all()
    assert_adds_up(case)


def test_a_folder_with_nothing_usable_says_what_it_found(saved, tmp_path):
    for number in range(7):
        saved(b"text", f"{number}.txt")
    with pytest.raises(NoEvents, match=r"0.txt has no known format.*and 2 more.*Enable the log"):
        load(tmp_path)


def test_a_broken_log_in_a_folder_does_not_stop_the_others(saved, tmp_path):
    saved(plain_log(1)[:100], "broken.evtx")
    saved(plain_log(1), "sound.evtx")
    case = load(tmp_path)
    assert records(case) == [1, 2, 3, 4, 5]
    assert case.problems["message"].str.contains("broken.evtx").any()


def test_a_pattern_a_list_and_a_path_object_work_alike(saved, tmp_path):
    one, two = saved(plain_log(1), "[1].evtx"), saved(log_of([event(9, computer="B")]), "2.evtx")
    assert len(load(f"{tmp_path}/*.evtx").events) == 6
    assert len(load([one, two]).events) == 6
    assert len(load(one).events) == 5
    assert len(load([tmp_path / "2.evtx", two, f"{tmp_path}/./2.evtx"]).events) == 1
    assert len(load(f"{tmp_path.parent}/{tmp_path.name[:-1]}?").events) == 6


# Archives.


def zipped(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


def test_a_zip_is_read_member_by_member(saved):
    path = saved(zipped({"logs/WEB01.evtx": plain_log(1), "readme.txt": b"see above"}), "logs.zip")
    case = load(path)
    assert records(case) == [1, 2, 3, 4, 5]
    assert case.sources["path"].tolist() == [f"{path}!logs/WEB01.evtx"]
    assert case.problems["message"].tolist()[0].startswith(f"{path}!readme.txt has no known format")
    assert "Subject 3 of a certificate" in record_xml(case, 2)
    assert len(load(f"{path}!logs/WEB01.evtx").events) == 5


def test_a_damaged_log_in_a_zip_is_salvaged_too(saved):
    data = plain_log()
    data = overwritten(data, place(data, 7) + 60, bytes(64))
    case = load(saved(zipped({"WEB01.evtx": data}), "LOGS.ZIP"))
    assert set(range(1, 16)) - set(records(case)) <= {7}
    assert "Subject 8 of a certificate" in record_xml(case, records(case).index(8))


@pytest.mark.parametrize("name", ["../evil.evtx", "a/../../b", "/etc/x.evtx", "..\\evil", "C:\\x.evtx", "\\\\host\\x"])
def test_a_zip_whose_members_point_outside_is_refused(saved, name):
    with pytest.raises(EvidenceError, match=r"archive refused: the name of a member .*; unpack it yourself"):
        load(saved(zipped({name: plain_log(1)}), "logs.zip"))


def test_a_zip_bomb_is_refused_before_it_unpacks(saved, monkeypatch):
    bomb = zipped({"a.evtx": bytes(1 << 20)})
    monkeypatch.setattr(archives, "_SMALL", 1 << 19)
    with pytest.raises(EvidenceError, match=r"it unpacks to \d+ times its size, more than 500; unpack it yourself"):
        load(saved(bomb, "bomb.zip"))
    monkeypatch.setattr(archives, "MAX_CLAIMED", 1 << 19)
    with pytest.raises(EvidenceError, match=r"1048576 bytes unpacked, more than 524288"):
        load(saved(bomb, "bomb.zip"))


def test_a_log_that_is_mostly_empty_space_is_no_bomb(saved):
    preallocated = plain_log(1) + bytes(300 * CHUNK)
    assert len(load(saved(zipped({"WEB01.evtx": preallocated}), "logs.zip")).events) == 5


def test_of_a_member_that_is_no_evidence_only_the_beginning_is_unpacked(saved, monkeypatch):
    monkeypatch.setattr(archives, "PEEKED", 1 << 17)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("$MFT", bytes(range(256)) * (1 << 14))
        archive.writestr("WEB01.evtx", plain_log())
    most = 3 * len(plain_log())
    monkeypatch.setattr(archives, "MAX_UNPACKED", most)  # less than the first member has
    case = load(saved(packed.getvalue(), "kape.zip"))
    assert records(case) == list(range(1, 16))
    assert errors(case) == ["not read"]


def test_a_zip_with_too_many_members_is_refused(saved, monkeypatch):
    monkeypatch.setattr(archives, "MAX_MEMBERS", 2)
    with pytest.raises(EvidenceError, match=r"more than 2 files"):
        load(saved(zipped({str(n): b"" for n in range(3)}), "logs.zip"))


def test_an_encrypted_zip_is_refused(saved):
    data = bytearray(zipped({"WEB01.evtx": plain_log(1)}))
    data[6] |= 1
    data[data.index(b"PK\1\2") + 8] |= 1
    with pytest.raises(EvidenceError, match=r"it is encrypted; unpack it yourself"):
        load(saved(bytes(data), "logs.zip"))


def test_a_zip_that_lies_about_its_size_or_is_damaged_gives_a_message(saved):
    data = bytearray(zipped({"WEB01.evtx": plain_log(1)}))
    directory = data.index(b"PK\1\2")
    struct.pack_into("<I", data, directory + 24, 5000)
    with pytest.raises(NoEvents, match=r"cannot be read|no known format|not read|0 records|no chunk"):
        load(saved(bytes(data), "lie.zip"))
    sound = zipped({"WEB01.evtx": plain_log(1)})
    with pytest.raises(NoEvents, match=r"WEB01.evtx: cannot be read"):
        load(saved(overwritten(sound, 200, b"\xff" * 200), "torn.zip"))
    with pytest.raises((UnknownFormat, EvidenceError)):
        load(saved(sound[:300], "cut.zip"))


def test_a_refused_archive_in_a_folder_does_not_stop_the_others(saved, tmp_path):
    saved(zipped({"../evil.evtx": plain_log(1)}), "evil.zip")
    saved(plain_log(1), "sound.evtx")
    case = load(tmp_path)
    assert len(case.events) == 5
    assert case.problems["message"].str.contains("evil.zip: archive refused").tolist() == [True]


# Damage: every record that can be read is read, and what is missing is counted.


def assert_loses_at_most(case: Case, lost: set[int], *, of: int = 15) -> None:
    assert set(range(1, of + 1)) - set(records(case)) <= lost
    assert_adds_up(case)


def test_64_flipped_bytes_in_a_record_cost_at_most_that_record(saved):
    data = plain_log()
    at = place(data, 8)
    for offset in range(24, 400, 40):
        flipped = bytes(byte ^ 0xFF for byte in data[at + offset : at + offset + 64])
        case = load(saved(overwritten(data, at + offset, flipped)))
        assert_loses_at_most(case, {8})
        assert "checksum" in errors(case)


def test_a_zeroed_record_signature_costs_nothing(saved):
    data = plain_log()
    case = load(saved(overwritten(data, place(data, 8), bytes(4))))
    assert_loses_at_most(case, set())
    problem = case.problems[case.problems["error"] == "damaged signature"].iloc[0]
    assert (problem["chunk"], problem["record"], problem["stage"]) == (1, 8, "record")
    assert problem["offset"] == place(data, 8)


def test_a_zeroed_record_header_costs_at_most_that_record(saved):
    data = plain_log()
    for record in (6, 8, 10):
        assert_loses_at_most(load(saved(overwritten(data, place(data, record), bytes(24)))), {record})


@pytest.mark.parametrize("record", [6, 8, 10])
def test_a_wrong_record_id_is_worked_out_from_its_neighbours(saved, record):
    data = plain_log()
    for wrong in (0, record + 1, 10**15):
        case = load(saved(overwritten(data, place(data, record) + 8, struct.pack("<Q", wrong))))
        assert_loses_at_most(case, set())
        assert case.problems.loc[case.problems["error"] == "damaged record id", "record"].tolist() == [record]


def test_a_wrong_chunk_checksum_costs_nothing(saved):
    case = load(saved(overwritten(plain_log(), HEADER + CHUNK + 52, b"\1\2\3\4")))
    assert_loses_at_most(case, set())
    assert errors(case) == ["header checksum"]
    assert (
        case.problems["message"].iloc[0].startswith(f"chunk 1 at offset {HEADER + CHUNK}: header checksum; its 5 rec")
    )
    assert case.sources["engine"].tolist() == ["columnar + python-evtx"]


@pytest.mark.parametrize("field", [0, 8, 24, 32, 40, 44, 48, 120, 124, 128, 384])
def test_a_damaged_chunk_header_costs_nothing(saved, field):
    for noise in (bytes(8), b"\xff" * 8):
        case = load(saved(overwritten(plain_log(), HEADER + CHUNK + field, noise)))
        assert_loses_at_most(case, set())


def test_a_damaged_free_space_offset_does_not_bring_old_records_back(saved):
    """Behind the used part of a chunk that was written before lie records of the last round."""
    new, old = chunk_of([event(n) for n in (101, 102)]), chunk_of([event(n) for n in (1, 2, 3, 4)])
    free = struct.unpack_from("<I", new, 48)[0]
    frames = frame_file(file_of([old], next_record=5)).chunks[0].frames
    start = next(frame.offset - HEADER for frame in frames if frame.offset - HEADER >= free)
    mixed = new[:free] + bytes(start - free) + old[start:]
    for data in (
        mixed,
        overwritten(mixed, 48, b"\xff" * 4),
        overwritten(mixed, 40, b"\xff" * 12),
        bytes(512) + mixed[512:],
    ):
        case = load(saved(file_of([data], next_record=103)))
        assert [record for record in records(case) if record > 100] == [101, 102]
        assert_adds_up(case)
    assert records(load(saved(file_of([mixed], next_record=103)))) == [101, 102]


def test_a_wrong_file_header_checksum_costs_nothing(saved):
    case = load(saved(overwritten(plain_log(), 124, b"\1\2\3\4")))
    assert_loses_at_most(case, set())
    assert errors(case) == ["damaged header"]
    assert case.problems["message"].iloc[0] == (
        "the checksum of the file header is wrong; the chunks behind it were read anyway"
    )


@pytest.mark.parametrize("used", [0, 1, 2, 7, 65535])
def test_a_wrong_count_of_chunks_costs_nothing(saved, used):
    chunks = [chunk_of([event(n) for n in range(first, first + 5)]) for first in (1, 6, 11)]
    case = load(saved(file_of(chunks, next_record=16, used=used)))
    assert_loses_at_most(case, set())
    assert all(len(message) < 300 for message in case.problems["message"])
    if used < 3:
        assert case.problems["message"].iloc[0].startswith(f"the file header speaks of {used} chunks, 3 are in use")


def test_preallocated_chunks_are_no_loss(saved):
    case = load(saved(plain_log() + bytes(5 * CHUNK)))
    assert (case.problems.empty, records(case)) == (True, list(range(1, 16)))


@pytest.mark.parametrize(("chunk", "lost"), [(0, range(1, 6)), (1, range(6, 11)), (2, range(11, 16))])
def test_a_zeroed_chunk_is_counted_by_the_ids_of_its_neighbours(saved, chunk, lost):
    data = overwritten(plain_log(), HEADER + chunk * CHUNK, bytes(CHUNK))
    case = load(saved(data))
    assert records(case) == sorted(set(range(1, 16)) - set(lost))
    assert_adds_up(case)
    problem = case.problems.iloc[0]
    assert (problem["stage"], problem["error"]) == ("chunk", "lost chunk")
    counted = chunk > 0  # what stood before the first record that is left, nobody knows
    assert problem["lost"] == (5 if counted else 0)
    shown = f"records {lost[0]} to {lost[-1]}" if counted else "how many it held is not known"
    assert problem["message"] == f"nothing is left of chunk {chunk} ({shown})"


def test_a_zeroed_chunk_behind_the_count_of_the_header_is_seen_too(saved):
    chunks = [chunk_of([event(n) for n in range(first, first + 5)]) for first in (1, 6, 11)]
    case = load(saved(file_of([chunks[0], bytes(CHUNK), chunks[2]], next_record=16, used=1)))
    assert records(case) == [1, 2, 3, 4, 5, 11, 12, 13, 14, 15]
    assert case.sources["lost"].tolist() == [5]


@pytest.mark.parametrize("size", [HEADER + 3 * CHUNK - 1, HEADER + 2 * CHUNK + 3000, HEADER + CHUNK, HEADER + 9000])
def test_a_truncated_log_is_read_as_far_as_it_goes(saved, size):
    data = plain_log()
    whole = [n for n in range(1, 16) if place(data, n) + 1500 < size]
    case = load(saved(data[:size]))
    assert set(whole) <= set(records(case))
    assert case.sources["promised"].tolist() == [15]
    assert_adds_up(case)
    assert case.problems["lost"].sum() == 15 - len(case.events)


def test_a_log_cut_off_before_its_first_record_says_how_much_is_lost(saved):
    for size in (HEADER + 600, HEADER + 2000):
        with pytest.raises(NoEvents, match=r"15 records, 0 of other providers, 15 lost.*export the log again"):
            load(saved(plain_log()[:size]))


def test_a_record_taken_out_behind_the_back_of_its_chunk_is_missed(saved):
    """A record hidden inside the one before it, all checksums right: only the ids tell."""
    data = bytearray(plain_log())
    first, second = place(data, 7), place(data, 8)
    size = struct.unpack_from("<I", data, first + 4)[0] + struct.unpack_from("<I", data, second + 4)[0]
    struct.pack_into("<I", data, first + 4, size)
    struct.pack_into("<I", data, first + size - 4, size)
    case = load(saved(resealed(bytes(data), 1)))
    assert_loses_at_most(case, {8})
    problem = case.problems.iloc[0]
    assert (problem["error"], problem["record"], problem["lost"]) == ("missing record", 8, 1)


def test_names_that_a_damaged_record_took_along_are_restored_from_another_chunk(saved):
    data = plain_log()
    name = data.index("subjectName".encode("utf-16le"), HEADER + CHUNK)
    case = load(saved(overwritten(data, name, b"\xff" * 22)))
    assert_loses_at_most(case, {6})
    assert case.events["subject"].notna().all()
    assert "names restored from another chunk: subjectName" in case.problems["message"].str.cat()


def test_a_name_that_no_chunk_tells_costs_its_cell_only(saved):
    data = plain_log(1)
    name = data.index("subjectName".encode("utf-16le"))
    case = load(saved(overwritten(data, name, b"\xff" * 22)))
    assert_loses_at_most(case, set(), of=5)
    assert case.events["subject"].isna().all()
    assert case.events["extra"].str.contains("Subject 2 of a certificate").tolist() == [
        False,
        True,
        False,
        False,
        False,
    ]
    assert "its cells are <NA>, their text is in `extra`" in case.problems["message"].str.cat()


def test_strict_refuses_a_log_that_lost_a_record_and_says_which(saved):
    path = saved(overwritten(plain_log(), HEADER + CHUNK, bytes(CHUNK)))
    with pytest.raises(
        DamagedEvidence, match=r"5 records are lost; the first: nothing is left of chunk 1 .records 6 to 10"
    ):
        load(path, strict=True)
    assert len(load(saved(plain_log()), strict=True).events) == 15


def test_the_columns_of_a_problem_say_where(saved):
    data = plain_log()
    case = load(saved(overwritten(data, place(data, 8) + 40, b"\xff" * 64)))
    shown = case.problems[case.problems["stage"] == "decode"].iloc[0]
    assert (shown["chunk"], shown["record"], shown["offset"], shown["lost"]) == (1, 8, place(data, 8), 1)
    assert shown["message"].startswith(f"record 8 in chunk 1 at offset {place(data, 8)}: ")
    assert shown["error"] == "unreadable record"


def test_a_record_that_would_fill_the_memory_is_left_out(saved):
    case = load(saved(log_of([event(1), Foreign(2, doubling(3)), event(3)])))
    assert records(case) == [1, 3]
    assert_adds_up(case)
    assert "record 2 in chunk 0" in case.problems["message"].iloc[0]
    assert "repeats itself without end" in case.problems["message"].iloc[0]


LOG = plain_log()


@given(
    st.lists(st.tuples(st.integers(0, len(LOG) - 1), st.binary(min_size=1, max_size=80)), min_size=1, max_size=4),
    st.none() | st.integers(HEADER, len(LOG)),
)
@settings(max_examples=40, deadline=None)
def test_whatever_is_damaged_the_counts_add_up(tmp_path_factory, damage, size):
    data = LOG[:size]
    for at, noise in damage:
        data = overwritten(data, at, noise)[: len(data)]
    path = tmp_path_factory.getbasetemp() / "damaged.evtx"
    path.write_bytes(data)
    try:
        case = load(path)
    except (EvidenceError, NoEvents, UnknownFormat) as err:
        assert "damaged.evtx" in str(err)
        return
    assert_adds_up(case)
    assert case.problems["message"].str.len().min() > 20 if len(case.problems) else len(case.events) == 15


@given(st.integers(512, CHUNK - 64), st.binary(min_size=1, max_size=64))
@settings(max_examples=40, deadline=None)
def test_damage_inside_one_record_costs_at_most_that_record(tmp_path_factory, spot, noise):
    frames = frame_file(LOG).chunks[1].frames
    inside = [frame for frame in frames if frame.offset <= HEADER + CHUNK + spot < frame.offset + frame.size]
    hit = {frame.record for frame in inside}
    end = inside[0].offset + inside[0].size if inside else HEADER + 2 * CHUNK
    data = overwritten(LOG, HEADER + CHUNK + spot, noise[: end - HEADER - CHUNK - spot])
    path = tmp_path_factory.getbasetemp() / "one.evtx"
    path.write_bytes(data)
    assert_loses_at_most(load(path), hit)


# Duplicates.


def test_the_same_log_twice_is_counted_once(saved):
    one, two = saved(plain_log(), "one.evtx"), saved(plain_log(), "two.evtx")
    case = load([one, two])
    assert records(case) == list(range(1, 16))
    assert case.sources["duplicates"].tolist() == [0, 15]
    assert_adds_up(case)


def test_overlapping_exports_are_joined(saved):
    first = saved(log_of([event(n) for n in range(1, 8)]), "first.evtx")
    second = saved(log_of([event(n, written=99) for n in range(5, 12)]), "second.evtx")
    case = load([first, second])
    assert records(case) == list(range(1, 12))
    assert case.sources[["loaded", "duplicates"]].to_numpy().tolist() == [[7, 0], [4, 3]]
    assert case.events["event"].tolist() == list(range(11))
    assert_adds_up(case)


def test_one_id_with_another_content_or_computer_is_another_event(saved):
    first = saved(log_of([event(1), event(2)]), "first.evtx")
    second = saved(log_of([event(1, ticks=10_000_000), event(2, computer="WEB02")]), "second.evtx")
    case = load([first, second])
    assert (records(case), case.sources["duplicates"].tolist()) == ([1, 1, 2, 2], [0, 0])


def test_a_record_that_each_engine_read_once_is_counted_once(saved):
    """One engine cuts a time to microseconds, the other keeps its ticks of 100 ns."""
    sound = log_of([event(1, ticks=1_234_567), event(2)])
    damaged = bytearray(sound)
    damaged[HEADER + 124] ^= 1  # the checksum of the chunk's header: its records go to the second engine
    case = load([saved(sound, "one.evtx"), saved(bytes(damaged), "two.evtx")])
    assert (records(case), case.sources["duplicates"].tolist()) == ([1, 2], [0, 2])
    assert case.sources["engine"].tolist() == ["columnar", "python-evtx"]


def test_parts_of_duplicates_go_with_them(saved):
    element = El("ChainElement", parts=(El("Certificate", {"subjectName": "leaf"}),))
    chain = El("CertificateChain", {"chainRef": "{42694C95-0000-0000-0000-000000000002}"}, (element, element))
    log = log_of([Event(1, payload(1)), Event(2, payload(2, inner=(chain,)))])
    case = load([saved(log, "one.evtx"), saved(log, "two.evtx")])
    assert case.chain["event"].tolist() == [1, 1]
    assert case.chain["position"].tolist() == [0, 1]
    assert case.chain["elements"].tolist() == [2, 2]


# The loader by itself.


def test_reading_yields_batches_of_bounded_size():
    data = log_of(*([event(n) for n in range(first, first + 60)] for first in range(1, 9001, 60)))
    file = EvidenceFile("x", data)
    batches = list(evtx.read(file, asked=Asked(providers=None)))
    assert max(len(batch["events"]) for batch in batches) <= 65_536
    assert [set(batch) >= {"events", "steps", "chain", "certificates"} for batch in batches] == [True] * len(batches)
    assert (len(batches) > 1, sum(len(batch["events"]) for batch in batches)) == (True, 9000)


def test_checksums_written_here_are_those_of_zlib():
    chunk = chunk_of([event(1)])
    assert struct.unpack_from("<I", chunk, 52)[0] == zlib.crc32(chunk[512 : struct.unpack_from("<I", chunk, 48)[0]])
    assert NINE_O_CLOCK > 0
