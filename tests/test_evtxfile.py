"""Log files as the lab writes them: a walker of our own finds no broken rule, and foreign readers read what was written."""

from __future__ import annotations

import copy
import struct
from collections.abc import Callable
from pathlib import Path

import foreign_readers
import pytest
from evtx_bytes import seal_chunk
from evtx_walker import CHUNK, FIRST, FREE_LIMIT, HEADER, ChunkWalk, Found, Walk, hash_of, walk
from foreign_readers import BROKEN, ENTITY, LEFT_OUT, MIXED, SLACK, assert_readers_agree
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from capi2kit.binxml import BinXmlError, Decoder, Encoder
from capi2kit.binxml.evtxfile import Log, LogRecord, build_log
from capi2kit.binxml.layouts import lay_out

CAPI2 = ("Microsoft-Windows-CAPI2", "{5bbca4a8-b209-48dc-a8c7-b23d3e5216fb}")
NOON = 131_000_256_000_000_000  # a FILETIME: 2016-02-15, 16:00:00
WKS05 = "capi2_operational_wks05_2016-2018"
ALL_REAL = {
    "application_ec2_windefend_2020": 149,
    "application_win10_aptsim_2022": 357,
    "application_win10_rathbun_2022": 587,
    "application_win2012r2_szechuan": 733,
    "capi2_operational_event70_2020": 3,
    WKS05: 459,
    "security_win2012r2_no_capi2": 636,
    "system_win11_2025": 1247,
}
CAPI2_AMONG_OTHERS = {
    "application_ec2_windefend_2020": 4,
    "application_win10_aptsim_2022": 25,
    "application_win10_rathbun_2022": 19,
    "application_win2012r2_szechuan": 10,
}
PARSER = etree.XMLParser(remove_blank_text=True)


def record(number: int, body: str, *, provider: tuple[str, str] = CAPI2, channel: str = "", **how: str) -> LogRecord:
    """A record with a body; how: `event_id`, `computer`, `more` (further attributes of the provider), `record_id`."""
    name, guid = provider
    system = f"""
        <Provider Name="{name}" Guid="{guid}"{how.get("more", "")}/>
        <EventID{how.get("qualifiers", "")}>{how.get("event_id", "11")}</EventID>
        <Version>0</Version><Level>4</Level><Task>11</Task><Opcode>2</Opcode>
        <Keywords>0x4000000000000003</Keywords>
        <TimeCreated SystemTime="2016-02-15T16:00:{number % 60:02d}.0{number:05d}7Z"/>
        <EventRecordID>{how.get("record_id", number)}</EventRecordID><Correlation/>
        <Execution ProcessID="2044" ThreadID="{1000 + number}"/>
        <Channel>{channel or f"{name}/Operational"}</Channel><Computer>{how.get("computer", "WEB01")}</Computer>
        <Security UserID="S-1-5-20"/>"""
    event = etree.fromstring(f"<Event><System>{system}</System>{body}</Event>", PARSER)
    return LogRecord(number, NOON + number * 10_000_001, event)


def chain(number: int, *, width: int = 0, **how: str) -> LogRecord:
    """A CAPI2 record whose text is `width` characters long."""
    text = f"<Text>{'x' * width}</Text>" if width else ""
    return record(
        number,
        f'<UserData><CertGetCertificateChain><Certificate fileRef="{number:040X}.cer" subjectName="Contoso"/>{text}'
        f'<EventAuxInfo ProcessName="w3wp.exe"/><Result value="0"/></CertGetCertificateChain></UserData>',
        **how,
    )


def application(number: int, *strings: str, binary: str = "", **how: str) -> LogRecord:
    """A record of the Application log as CAPI2 writes it there: strings without a name, and Binary."""
    data = "".join(f"<Data>{string}</Data>" for string in strings)
    return record(
        number,
        f"<EventData>{data}<Binary>{binary}</Binary></EventData>",
        channel="Application",
        more=f' EventSourceName="{CAPI2[0]}"',
        qualifiers=' Qualifiers="0"',
        **how,
    )


@pytest.fixture
def file(tmp_path) -> Callable[[Log], Path]:
    """Writes a log into a file, after the walk through it found no broken rule."""

    def write(log: Log) -> Path:
        found = walk(log.data)
        assert found.faults == []
        ends = (found.records[0].number, found.records[-1].number) if found.records else (None, None)
        assert (log.first, log.last) == ends
        path = tmp_path / "log.evtx"
        path.write_bytes(log.data)
        return path

    return write


def live(data: bytes) -> list[LogRecord]:
    """The records of a file, oldest first, as our decoder reads them."""
    decoders: dict[int, Decoder] = {}
    found = []
    for one in walk(data).records:
        start = HEADER + one.slot * CHUNK
        decoder = decoders.setdefault(one.slot, Decoder(data[start : start + CHUNK]))
        at = one.offset - start
        found.append(LogRecord(one.number, one.written, decoder.decode(at + 24, at + one.size - 4)))
    return found


def comparable(records: list[LogRecord]) -> list[tuple[int, int, bytes]]:
    return [(one.number, one.written, etree.tostring(one.event, method="c14n")) for one in records]


def extents(data: bytes) -> list[tuple[int, int]]:
    """First and last record of each chunk, in the order of the numbers."""
    found = walk(data)
    numbers = {slot: [one.number for one in found.records if one.slot == slot] for slot in found.slots}
    return [(numbers[slot][0], numbers[slot][-1]) for slot in found.slots]


# What is written is read, by everyone.


def test_an_empty_log_is_a_log(file):
    assert build_log([])[1:] == (None, None)
    assert not any(assert_readers_agree(file(build_log([])), []).values())


def test_a_log_of_several_chunks_is_read_alike_by_all(file):
    records = [chain(number, width=1000) for number in range(1, 101)]
    log = build_log(records)
    assert (log.first, log.last, len(log.data)) == (1, 100, HEADER + 4 * CHUNK)
    assert comparable(live(log.data)) == comparable(records)
    assert not any(assert_readers_agree(file(log), records).values())


def test_several_providers_computers_and_channels_share_a_file(file):
    other = ("Microsoft-Windows-Kernel-General", "{a68ca8b7-004f-d7b6-a698-07e2de0f1f5d}")
    records = [
        chain(1),
        chain(2, computer="WEB01.contoso.example"),
        application(3, "CN=Contoso Root, O=Contoso", "AB" * 20, event_id="4097"),
        application(4, "\u200e2016\u200e-\u200e02\u200e-\u200e15", event_id="4111", binary="0A00FF"),
        record(5, '<EventData><Data Name="StartTime">now</Data><Data Name="None"/></EventData>', provider=other),
        chain(6),
        application(7, "a &lt;b&gt; \"c\" 'd' &amp;amp;", "", "e"),
    ]
    log = build_log(records)
    assert comparable(live(log.data)) == comparable(records)
    assert not any(assert_readers_agree(file(log), records).values())


def test_marks_of_xml_in_texts_and_attributes_are_read_by_all_but_one(file):
    """The same records of the real logs are those that libevtx cannot show."""
    text = "Via: 1.1 [&quot;proxy&quot;] (squid) &lt;a&gt; &amp;amp; 'b'"
    tags = ('"tag:0"', '"', "a&b", "<", "before > behind", "'")
    bodies = [f"<Header>{text}</Header>", "<Header>&quot;</Header>"]
    bodies += [str(etree.tostring(etree.Element("Info", eTag=tag), encoding="unicode")) for tag in tags]
    records = [record(number, f"<UserData>{body}</UserData>") for number, body in enumerate(bodies, 1)]
    log = build_log(records)
    assert comparable(live(log.data)) == comparable(records)
    faults = assert_readers_agree(file(log), records)
    assert faults.pop("libevtx") == dict.fromkeys(range(3, 8), ENTITY)
    assert not any(faults.values())


def test_what_foreign_readers_cannot_show_is_named_record_by_record(file):
    bodies = ['<A b="" c="1"/>', '<A b="1">beside<B/></A>', '<A b="1"><B/>behind</A>', "<A>\U0001f600\u200e\xa0</A>"]
    records = [record(number, f"<UserData>{body}</UserData>") for number, body in enumerate(bodies, 1)]
    records.append(record(5, '<EventData><Data Name="a &quot;name&quot;">x</Data></EventData>'))
    records.append(record(6, "<EventData><Data>x</Data></EventData>", provider=("A&amp;&lt;B", CAPI2[1])))
    log = build_log(records)
    assert comparable(live(log.data)) == comparable(records)
    assert assert_readers_agree(file(log), records) == {
        "evtx": {1: LEFT_OUT},
        "libevtx": {1: BROKEN, 2: MIXED, 3: MIXED, 5: BROKEN},
        "python-evtx": {},
        "dissect.eventlog": {},
    }


def test_an_exported_log_numbers_its_records_anew(file):
    """The number in the record's header counts up; EventRecordID stays what it was."""
    records = [chain(number, record_id=str(4000 + 7 * number)) for number in range(1, 6)]
    log = build_log(records)
    assert [one.event.findtext("System/EventRecordID") for one in live(log.data)] == [
        str(4000 + 7 * number) for number in range(1, 6)
    ]
    assert not any(assert_readers_agree(file(log), records).values())


# Logs with a history.


@pytest.mark.parametrize("count", [120, 180, 200, 400])
def test_a_circular_log_keeps_the_newest_chunks(file, count):
    records = [chain(number, width=1000) for number in range(1, count + 1)]
    whole, log = build_log(records), build_log(records, max_bytes=HEADER + 4 * CHUNK)
    assert len(log.data) == HEADER + 4 * CHUNK
    assert extents(log.data) == extents(whole.data)[-4:]
    kept = records[log.first - 1 :]
    assert comparable(live(log.data)) == comparable(kept)
    assert not any(assert_readers_agree(file(log), kept).values())


@pytest.mark.parametrize(
    ("chunks", "expected"), [(5, [1, 2, 3, 0]), (6, [2, 3, 0, 1]), (7, [3, 0, 1, 2]), (8, [0, 1, 2, 3])]
)
def test_the_oldest_chunk_of_a_circular_log_lies_behind_the_newest(file, chunks, expected):
    """Chunk n lies in slot n modulo 4; two records fill a chunk."""
    records = [chain(number, width=15_000) for number in range(1, 2 * chunks + 1)]
    log = build_log(records, max_bytes=HEADER + 4 * CHUNK)
    assert walk(log.data).slots == expected
    assert struct.unpack_from("<QQQ", log.data, 8) == (expected[0], expected[-1], 2 * chunks + 1)
    assert not any(assert_readers_agree(file(log), records[-8:]).values())


def test_a_circular_log_that_is_not_full_is_like_any_other():
    records = [chain(number, width=1000) for number in range(1, 50)]
    assert build_log(records, max_bytes=HEADER + 16 * CHUNK) == build_log(records)


def test_a_dirty_log_says_so_and_is_read_all_the_same(file):
    records = [chain(number, width=1000) for number in range(1, 101)]
    log, clean = build_log(records, dirty=True), build_log(records)
    assert [at for at in range(len(log.data)) if log.data[at] != clean.data[at]] == [120]
    assert walk(log.data).dirty
    assert not any(assert_readers_agree(file(log), records).values())


def test_old_records_behind_the_used_part_are_no_part_of_the_log(file):
    records = [chain(number) for number in range(10, 15)]
    old = [chain(number, computer="OLD", width=10) for number in (3, 4, 5)]  # with a template and a name of their own
    log = build_log(records, slack=old)
    assert log.data.count(b"**\0\0") == 8
    assert comparable(live(log.data)) == comparable(records)
    faults = assert_readers_agree(file(log), records, slack=old)
    assert faults.pop("dissect.eventlog") == dict.fromkeys((3, 4, 5), SLACK)
    assert not any(faults.values())


# Where a chunk ends.


def filling(width: int) -> list[LogRecord]:
    """Four records that nearly fill a chunk."""
    return [*(chain(number, width=9000) for number in (1, 2, 3)), chain(4, width=width)]


def chunk_end(width: int) -> int:
    """Where the used part of the first chunk ends."""
    return struct.unpack_from("<I", build_log(filling(width)).data, HEADER + 48)[0]


@pytest.mark.parametrize("left", range(-24, 25, 2))
def test_a_chunk_is_filled_up_to_its_limit_and_never_to_its_end(file, left):
    """The last record ends `left` bytes before the limit; one that would end behind it begins the next chunk."""
    width = next(width for width in range(1000, 1004) if chunk_end(width + 1) > chunk_end(width))  # has no padding
    records = [*filling(width + (FREE_LIMIT - chunk_end(width) - left) // 2), chain(5)]
    log = build_log(records)
    assert [one for one, _ in extents(log.data)] == ([1, 5] if left >= 0 else [1, 4])
    assert not any(assert_readers_agree(file(log), records).values())


def test_a_record_that_opens_a_chunk_leaves_nothing_in_the_chunk_it_did_not_fit(file):
    wide = record(3, f'<UserData><Unheard of="{"x" * 9000}"/></UserData>', computer="OTHER")
    log = build_log([chain(1, width=14_000), chain(2, width=14_000), wide])
    assert extents(log.data) == [(1, 2), (3, 3)]
    first = log.data[HEADER : HEADER + CHUNK]
    assert "Unheard".encode("utf-16le") not in first
    assert file(log)  # the walk: tables lead to no name or template that is not there


@pytest.mark.parametrize("body", ["<A>{}</A>", "<A><B/>{}</A>"])
def test_a_record_larger_than_a_chunk_is_refused(body):
    with pytest.raises(BinXmlError, match="larger than"):
        build_log([chain(1), record(2, f"<UserData>{body.format('x' * 32_000)}</UserData>")])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 9000), max_size=40), st.sampled_from([None, HEADER + 2 * CHUNK, HEADER + 3 * CHUNK]))
def test_records_of_any_size_make_a_sound_log(widths, max_bytes):
    records = [chain(number, width=width, computer=f"WEB{width % 3}") for number, width in enumerate(widths, 1)]
    log = build_log(records, max_bytes=max_bytes)
    assert walk(log.data).faults == []
    assert comparable(live(log.data)) == comparable([one for one in records if one.number >= (log.first or 1)])


# The walker knows the format: it finds nothing in real logs, and whatever is broken.


@pytest.mark.real
@pytest.mark.parametrize("name", ALL_REAL)
def test_the_walker_finds_no_broken_rule_in_a_real_log(real_logs, name):
    found = walk((real_logs / "evtx" / f"{name}.evtx").read_bytes())
    assert (found.faults, len(found.records)) == ([], ALL_REAL[name])


@pytest.mark.real
def test_the_records_of_a_real_log_share_the_chunks_they_shared(real_logs, file):
    """Written again without a maximum size: the same records in each of 16 chunks, and the same verdict of all readers."""
    path = real_logs / "evtx" / f"{WKS05}.evtx"
    data = path.read_bytes()
    records = live(data)
    log = build_log(records)
    assert extents(log.data) == extents(data)
    faults = assert_readers_agree(file(log), records)
    assert (len(faults["libevtx"]), set(faults["libevtx"].values())) == (23, {ENTITY})
    behind = [LogRecord(number, 0, etree.Element("Event")) for number in range(247, 261)]  # of the chunk before
    assert assert_readers_agree(path, records, slack=behind) == faults


@pytest.mark.real
@pytest.mark.parametrize(("name", "count"), CAPI2_AMONG_OTHERS.items())
def test_capi2_events_of_an_application_log_are_rebuilt_byte_by_byte(real_logs, name, count):
    """Behind the same bytes, with their names and templates known. Masked: GUIDs, what templates link to, padding."""
    data = (real_logs / "evtx" / f"{name}.evtx").read_bytes()
    found = walk(data)
    chunks = {slot: ChunkWalk(slot, chunk_of(data, slot), Walk(minor=found.minor)).run() for slot in found.slots}
    decoders = {slot: Decoder(chunk.raw) for slot, chunk in chunks.items()}
    rebuilt = 0
    for one in found.records:
        chunk, start = chunks[one.slot], one.offset - HEADER - one.slot * CHUNK
        event = decoders[one.slot].decode(start + 24, start + one.size - 4)
        if event.find("System/Provider").get("Name") == CAPI2[0]:
            made = rebuild(event, one=one, chunk=chunk, start=start)
            was = chunk.raw[start : start + one.size]
            assert masked(made, chunk, start=start) == masked(was, chunk, start=start), f"record {one.number}"
            rebuilt += 1
    assert rebuilt == count


def chunk_of(data: bytes, slot: int) -> bytes:
    return data[HEADER + slot * CHUNK :][:CHUNK]


def rebuild(event: etree._Element, *, one: Found, chunk: ChunkWalk, start: int) -> bytes:
    """The record as we write it where it stands: what the chunk has defined before is known."""
    writer = Encoder()
    writer.data[:] = chunk.raw[:start]
    for at, name in chunk.names.items():
        if at < start:
            writer._names[name] = writer.name_heads[hash_of(tuple(map(ord, name))) % 64] = at
    stored = lay_out(event)
    for at, layout in zip(instances(chunk.raw, start)[:2], (stored, stored.values[-1][1]), strict=True):
        definition = struct.unpack_from("<I", chunk.raw, at + 6)[0]
        if definition < start:
            writer._templates[layout.definition.guid] = definition
    writer.write(event, number=one.number, written=one.written)
    return bytes(writer.data[start:])


def instances(raw: bytes, start: int) -> tuple[int, int, int]:
    """Where a record has its own template instance, the one in its last value, and the end of its content."""
    own = start + 28
    definition = struct.unpack_from("<I", raw, own + 6)[0]
    values = own + 10 + (24 + struct.unpack_from("<I", raw, own + 30)[0] if definition == own + 10 else 0)
    count = struct.unpack_from("<I", raw, values)[0]
    *sizes, last = (struct.unpack_from("<H", raw, values + 4 + 4 * number)[0] for number in range(count))
    inner = values + 4 + 4 * count + sum(sizes)
    return own, inner + 4, inner + last + 1


def masked(record: bytes, chunk: ChunkWalk, *, start: int) -> tuple[bytes, bytes]:
    """Content without GUIDs and links between templates; and the size behind it."""
    made = bytearray(record)
    *places, end = instances(chunk.raw, start)
    for at in places:
        made[at + 2 - start : at + 6 - start] = bytes(4)
        if at + 10 in chunk.templates:  # defined here
            made[at + 10 - start : at + 30 - start] = bytes(20)
    return bytes(made[: end - start]), bytes(made[-4:])


@pytest.fixture(scope="module")
def sample() -> bytes:
    """Two chunks of records of two kinds."""
    return build_log(
        [one for number in range(1, 60, 2) for one in (chain(number, width=800), application(number + 1, "a", "bc"))]
    ).data


def broken(data: bytes, *, at: int, raw: bytes = b"", flip: int = 0) -> bytearray:
    """The log with other bytes at `at`."""
    made = bytearray(data)
    made[at : at + len(raw)] = raw
    made[at] ^= flip
    return made


def sealed(data: bytearray) -> bytes:
    """With the checksums of all chunks set right: only the rule itself is broken."""
    return bytes(data[:HEADER]) + b"".join(
        seal_chunk(bytes(data[at : at + CHUNK])) for at in range(HEADER, len(data), CHUNK)
    )


def families(data: bytes) -> set[str]:
    return {fault.partition(":")[0] for fault in walk(data).faults}


def u32(value: int) -> bytes:
    return struct.pack("<I", value)


def first_chunk(data: bytes) -> ChunkWalk:
    return ChunkWalk(0, data[HEADER : HEADER + CHUNK], Walk()).run()


def name_at(data: bytes, name: str) -> int:
    """Where the node of a name stands in the first chunk."""
    return next(at for at, one in first_chunk(data).names.items() if one == name)


def reference(data: bytes, token: int, name: str) -> int:
    """Where the third record of the first chunk refers to a name behind this token."""
    start = first_chunk(data).records[2].offset
    return data.index(bytes([token]) + u32(name_at(data, name)), start)


@pytest.mark.parametrize(
    ("at", "raw"),
    [(0, b"X"), (36, b"\3"), (38, b"\2"), (42, b"\3"), (120, b"\4"), (124, b"\0\0\0\0"), (200, b"x")],
)
def test_a_broken_file_header_is_found(sample, at, raw):
    assert "file header" in families(bytes(broken(sample, at=at, raw=raw)))


@pytest.mark.parametrize("at", [8, 16, 24])
def test_a_header_with_a_wrong_slot_or_number_is_found(sample, at):
    assert "order" in families(bytes(broken(sample, at=at, flip=1)))


def test_chunks_in_another_order_are_found(sample):
    chunks = [sample[HEADER + turn * CHUNK :][:CHUNK] for turn in (0, 1)]
    more = build_log([chain(number, width=9000) for number in range(1, 15)]).data
    assert len(more) >= HEADER + 4 * CHUNK
    swapped = more[: HEADER + CHUNK] + more[HEADER + 2 * CHUNK :][:CHUNK] + more[HEADER + CHUNK :][:CHUNK]
    assert families(swapped + more[len(swapped) :]) == {"order"}
    assert families(sample[:HEADER] + chunks[0] + bytes(CHUNK) + chunks[1]) == {"order"}
    assert families(sample + b"x") == {"file header"}


@pytest.mark.parametrize(
    ("at", "raw"),
    [
        (0, b"X"),
        (8, b"\2"),
        (16, b"\1"),
        (24, b"\2"),
        (32, b"\1"),
        (40, b"\1"),
        (44, b"\0\2"),
        (56, b"x"),
        (120, b"\0"),
    ],
)
def test_a_broken_chunk_header_is_found(sample, at, raw):
    assert "chunk header" in families(sealed(broken(sample, at=HEADER + at, raw=raw)))


@pytest.mark.parametrize("free", [0, 511, 65_536, 65_529])
def test_a_free_offset_out_of_bounds_is_found(sample, free):
    assert "chunk header" in families(sealed(broken(sample, at=HEADER + 48, raw=u32(free))))


@pytest.mark.parametrize("at", [8, 52, 124, 130, 400, FIRST + 40])
def test_a_wrong_checksum_is_found(sample, at):
    assert "checksum" in families(bytes(broken(sample, at=HEADER + at, flip=0x10)))


def test_a_broken_frame_of_a_record_is_found(sample):
    one = first_chunk(sample).records[2]
    for at, raw in ((0, b"#"), (4, u32(one.size + 4)), (8, b"\7"), (one.size - 4, u32(one.size - 8))):
        assert "record" in families(sealed(broken(sample, at=one.offset + at, raw=raw)))


def test_too_much_padding_is_found(sample):
    one = walk(sample).records[-1]
    made = broken(sample, at=one.offset + 4, raw=u32(one.size + 8))
    made[one.offset + one.size - 4 : one.offset + one.size + 8] = bytes(8) + u32(one.size + 8)
    free = HEADER + CHUNK * one.slot + 48
    made[free : free + 4] = u32(struct.unpack_from("<I", made, free)[0] + 8)
    assert families(sealed(made)) == {"record"}


@pytest.mark.parametrize(
    ("token", "name", "shift", "raw"),
    [
        (0x46, "fileRef", 0, b"\x06"),  # more attributes follow
        (0x06, "subjectName", 0, b"\x46"),  # no more attributes follow
        (0x06, "subjectName", 5, b"\x45"),  # no more text follows
        (0x06, "subjectName", 6, b"\x02"),  # text of another type
        (0x06, "subjectName", 0, b"\x08"),  # a character reference
    ],
)
def test_a_wrong_token_is_found(sample, token, name, shift, raw):
    at = reference(sample, token, name) + shift
    assert "token" in families(sealed(broken(sample, at=at, raw=raw)))


@pytest.mark.parametrize("shift", [-4, 4])
def test_a_wrong_size_of_an_element_or_of_attributes_is_found(sample, shift):
    """Four bytes before the reference to its name, and four behind it."""
    at = sample.index(u32(name_at(sample, "Certificate")), first_chunk(sample).records[2].offset)
    assert "token" in families(sealed(broken(sample, at=at + shift, flip=1)))


def test_a_wrong_dependency_id_is_found(sample):
    level = HEADER + name_at(sample, "Level") - 10  # before the size, the reference and the node itself
    assert sample[level : level + 2] == b"\0\0"
    assert "token" in families(sealed(broken(sample, at=level, raw=b"\xff\xff")))


def test_a_wrong_descriptor_is_found(sample):
    one = first_chunk(sample).records[2]
    descriptors = one.offset + 24 + 4 + 10 + 4
    for at, raw in ((0, b"\2"), (2, b"\6"), (3, b"\1"), (12 * 4, u32(11)[:2])):
        assert "value" in families(sealed(broken(sample, at=descriptors + at, raw=raw)))


def test_a_broken_name_is_found(sample):
    node = HEADER + name_at(sample, "subjectName")
    for at in (node + 4, node + 8, node + 8 + 2 * len("subjectName")):
        assert "name" in families(sealed(broken(sample, at=at, flip=1)))
    unknown = reference(sample, 0x06, "subjectName") + 1
    assert "name" in families(sealed(broken(sample, at=unknown, flip=1)))


def test_a_broken_template_is_found(sample):
    one = first_chunk(sample).records[2]
    for shift in (24 + 6, 24 + 10):  # the beginning of its GUID, the offset of its definition
        assert "template" in families(sealed(broken(sample, at=one.offset + shift, flip=1)))
    definition = HEADER + min(first_chunk(sample).templates)
    assert "template" in families(sealed(broken(sample, at=definition + 20, flip=0x20)))


@pytest.mark.parametrize(("family", "table", "buckets"), [("string table", 128, 64), ("template table", 384, 32)])
def test_a_broken_table_is_found(sample, family, table, buckets):
    heads = struct.unpack_from(f"<{buckets}I", sample, HEADER + table)
    used = next(bucket for bucket, head in enumerate(heads) if head)
    lost = broken(sample, at=HEADER + table + 4 * used, raw=u32(0))
    moved = broken(bytes(lost), at=HEADER + table + 4 * ((used + 1) % buckets), raw=u32(heads[used]))
    assert families(sealed(lost)) == families(sealed(moved)) == {family}


def test_a_broken_chain_of_names_is_found(sample):
    """Two names of one bucket: the newer one leads to the older one, and not the other way round."""
    names = first_chunk(sample).names
    buckets: dict[int, list[int]] = {}
    for at, name in sorted(names.items()):
        buckets.setdefault(hash_of(tuple(map(ord, name))) % 64, []).append(at)
    older, newer = next(chain[-2:] for chain in buckets.values() if len(chain) > 1)
    for link in (0, newer, older + 2):
        assert families(sealed(broken(sample, at=HEADER + newer, raw=u32(link)))) == {"string table"}


# Each rule on its own: a neighbour of the same family must not be what finds the fault.


@pytest.fixture(scope="module")
def rich() -> bytes:
    """One chunk: two computers, a text, an attribute that ends in a quotation mark, both kinds of EventData."""
    other = ("Microsoft-Windows-Kernel-General", "{a68ca8b7-004f-d7b6-a698-07e2de0f1f5d}")
    return build_log(
        [
            chain(1),
            chain(2, width=1, computer="WEB02"),
            chain(3, width=20),
            record(4, "<UserData><Info eTag='tag&quot;'/></UserData>"),
            application(5, "a", "bc"),
            record(6, '<EventData><Data Name="n">v</Data></EventData>', provider=other),
        ]
    ).data


Edits = list[tuple[int, bytes]]


def at_record(number: int, shift: int, raw: bytes) -> Callable[[bytes], Edits]:
    """Other bytes in a record, counted from its beginning."""
    return lambda data: [(first_chunk(data).records[number - 1].offset + shift, raw)]


def at_name(number: int, name: str, *edits: tuple[int, bytes]) -> Callable[[bytes], Edits]:
    """Other bytes around the place where a record refers to a name."""

    def find(data: bytes) -> Edits:
        at = data.index(u32(name_at(data, name)), first_chunk(data).records[number - 1].offset)
        return [(at + shift, raw) for shift, raw in edits]

    return find


def at_bytes(number: int, shown: bytes, shift: int, raw: bytes) -> Callable[[bytes], Edits]:
    """Other bytes where a record has these."""
    return lambda data: [(data.index(shown, first_chunk(data).records[number - 1].offset) + shift, raw)]


def at_end(data: bytes) -> Edits:
    """Another token instead of the one that ends the third record."""
    chunk = first_chunk(data)
    *_, end = instances(chunk.raw, chunk.records[2].offset - HEADER)
    return [(HEADER + end - 1, b"\1")]


def one_guid_twice(data: bytes) -> Edits:
    """The template of the second record gets the GUID of the first."""
    one, two = (HEADER + at for at in sorted(first_chunk(data).templates)[:2])
    return [(two - 8, data[one + 4 : one + 8]), (two + 4, data[one + 4 : one + 20])]


def definition_longer(data: bytes) -> Edits:
    at = HEADER + min(first_chunk(data).templates) + 20
    return [(at, u32(struct.unpack_from("<I", data, at)[0] + 1))]


def one_name_twice(data: bytes) -> Edits:
    """`fileRef` becomes a second `Version`, hash and all."""
    old, new = (HEADER + name_at(data, name) for name in ("Version", "fileRef"))
    return [(new + 4, data[old + 4 : old + 8 + 2 * len("Version")])]


def longer_payload(data: bytes) -> Edits:
    """The third record's UserData is said to be a byte longer than it is."""
    at = first_chunk(data).records[2].offset + DESCRIPTORS + 4 * 19
    return [(at, struct.pack("<H", struct.unpack_from("<H", data, at)[0] + 1))]


DESCRIPTORS = 24 + 4 + 10 + 4  # of a record whose template is known
TEXT_END = 4 + 1 + 4 + 2 * 20  # from the reference to `Text` to its end tag
RULES = [
    ("no fragment header", at_record(3, 24, b"\x0e")),
    ("template instance at", at_record(3, 24 + 4 + 1, b"\2")),
    ("3 values for slots", at_record(3, 24 + 14, u32(3))),
    ("2 bytes of type 0x4", at_record(3, DESCRIPTORS, b"\2")),
    ("has type 0x6 for 0x4", at_record(3, DESCRIPTORS + 2, b"\6")),
    ("is too long", at_record(3, DESCRIPTORS, b"\xff\xff")),
    ("ends before its value", longer_payload),
    ("the fragment does not end", at_end),
    ("array of strings", at_bytes(5, b"a\0\0\0b\0c\0\0\0", 8, b"x")),
    ("string of 1 bytes", at_bytes(6, b"\2\0\1\0v\0", 0, b"\1")),
    ("is larger than what holds it", at_name(3, "Certificate", (-4, b"\xff\xff"))),
    ("says another size", at_name(3, "Text", (-4, u32(TEXT_END + 4)))),
    ("behind a name", at_name(3, "Text", (4, b"\4"))),
    ("are larger than their element", at_name(3, "Certificate", (4, b"\xff\xff"))),
    ("instead of an element", at_name(3, "CertGetCertificateChain", (-5, b"\5"))),
    ("does not end", at_name(3, "Text", (-4, u32(TEXT_END)), (TEXT_END, b"\0"))),
    ("in an element", at_name(3, "Text", (TEXT_END, b"\0"))),
    ("text before", at_name(3, "Text", (7, b"\xff\xff"))),
    ("ends with an entity", at_name(4, "quot", (-1, b"\x09"))),
    ("has two types", at_bytes(1, b"\x0e\0\0\x04", 1, b"\3")),
    ("defined again", one_guid_twice),
    ("says size", definition_longer),
    ("Version is defined again", one_name_twice),
]


@pytest.mark.parametrize(("words", "edits"), RULES, ids=[words for words, _ in RULES])
def test_each_rule_of_a_record_is_seen_for_what_it_is(rich, words, edits):
    made = bytearray(rich)
    for at, raw in edits(rich):
        made[at : at + len(raw)] = raw
    assert walk(rich).faults == []
    assert any(words in fault for fault in walk(sealed(made)).faults), walk(sealed(made)).faults


@pytest.mark.parametrize(
    ("at", "raw", "words"),
    [
        (0, b"X", "file header: no signature"),
        (36, b"\3", "file header: sizes and version"),
        (42, b"\3", "file header: 3 chunks used, there are 2"),
        (24, u32(7), "order: the header says (0, 1, 7)"),
    ],
)
def test_each_rule_of_the_file_header_is_seen_for_what_it_is(sample, at, raw, words):
    assert any(words in fault for fault in walk(bytes(broken(sample, at=at, raw=raw))).faults)


def test_an_unused_chunk_between_used_ones_is_seen(sample):
    apart = sample[: HEADER + CHUNK] + bytes(CHUNK) + sample[HEADER + CHUNK :]
    assert "order: an unused chunk between used ones" in walk(apart).faults


def test_a_chunk_that_was_cut_out_is_seen():
    log = build_log([chain(number, width=15_000) for number in range(1, 7)]).data
    assert "order: record 2 is followed by 5" in walk(log[: HEADER + CHUNK] + log[HEADER + 2 * CHUNK :]).faults


def test_a_dirty_header_may_lag_behind_its_chunks_but_not_be_ahead():
    log = build_log([chain(1), chain(2)], dirty=True).data
    assert walk(bytes(broken(log, at=24, raw=u32(2)))).faults == ["file header: checksum"]
    assert any("ahead of its chunks" in fault for fault in walk(bytes(broken(log, at=24, raw=u32(4)))).faults)


def test_a_table_that_leads_to_nothing_is_seen(sample):
    made = broken(sample, at=HEADER + 128, raw=u32(600 - 1))
    assert any("bucket 0 leads to 0x257" in fault for fault in walk(sealed(made)).faults)


def test_a_record_that_begins_where_none_has_room_is_seen(sample):
    """Its signature stands in the last bytes before the free offset."""
    one = [one for one in walk(sample).records if one.slot == 0][-1]
    size = FREE_LIMIT - 8 - (one.offset - HEADER)
    made = broken(sample, at=HEADER + 48, raw=u32(FREE_LIMIT))
    for at, raw in ((one.offset + 4, u32(size)), (one.offset + size - 4, u32(size)), (one.offset + size, b"**\0\0")):
        made[at : at + 4] = raw
    assert any("no room for a record" in fault for fault in walk(sealed(made)).faults)


# The comparison with foreign readers sees a difference, and each reader by itself.


def changed(path: str, **how: str) -> Callable[[list[LogRecord]], list[LogRecord]]:
    """The first record with another `text`, `tag` or `attribute` (name=value) at a path of its event."""

    def change(records: list[LogRecord]) -> list[LogRecord]:
        event = copy.deepcopy(records[0].event)
        element = event.find(path)
        element.text, element.tag = how.get("text", element.text), how.get("tag", element.tag)
        if "attribute" in how:
            element.set(*how["attribute"].split("="))
        return [records[0]._replace(event=event), *records[1:]]

    return change


def turned(records: list[LogRecord]) -> list[LogRecord]:
    """The attributes of a certificate the other way round."""
    event = copy.deepcopy(records[0].event)
    element = event.find(".//Certificate")
    pairs = element.items()
    element.attrib.clear()
    element.attrib.update(reversed(pairs))
    return [records[0]._replace(event=event), *records[1:]]


def later(ticks: int) -> Callable[[list[LogRecord]], list[LogRecord]]:
    return lambda records: [records[0]._replace(written=records[0].written + ticks), *records[1:]]


READERS = {
    "evtx": foreign_readers._by_evtx,
    "libevtx": lambda path, records: foreign_readers._by_libevtx(path, records, slack=()),
    "python-evtx": foreign_readers._by_python_evtx,
    "dissect.eventlog": lambda path, records: foreign_readers._by_dissect(path, records, slack=()),
}
WHOLE, LEAVES, FRAME = ("evtx", "libevtx"), ("evtx", "libevtx", "dissect.eventlog"), ("evtx", "libevtx", "python-evtx")
DIFFERENCES = [
    ("text", changed("System/EventRecordID", text="77"), LEAVES),
    ("attribute", changed(".//Certificate", attribute="subjectName=contoso"), LEAVES),
    ("one more attribute", changed(".//Certificate", attribute="more=1"), LEAVES),
    ("tag", changed(".//Certificate", tag="Cert"), WHOLE),
    ("order of attributes", turned, WHOLE),
    ("written a second later", later(10_000_000), FRAME),
    ("written a microsecond later", later(10), WHOLE),
    ("written a tick later", later(1), ("libevtx",)),
    ("numbers", lambda records: [one._replace(number=one.number + 1) for one in records], FRAME),
    ("a record less", lambda records: records[:-1], tuple(READERS)),
    ("a record more", lambda records: [*records, chain(3)], tuple(READERS)),
]


@pytest.mark.parametrize(
    ("change", "reader"),
    [pytest.param(change, reader, id=f"{what}, {reader}") for what, change, seen in DIFFERENCES for reader in seen],
)
def test_a_reader_that_sees_something_else_is_noticed(file, change, reader):
    records = [chain(1), chain(2)]
    path = file(build_log(records))
    READERS[reader](path, records)
    with pytest.raises(AssertionError):
        READERS[reader](path, change(records))


# What is refused.


@pytest.mark.parametrize(
    "attribute",
    ["a\tb", "a\rb", "a\nb", "x" * 31_674, "x" * 31_000],
    ids=["tab", "CR", "LF", "too long", "no chunk holds"],
)
def test_a_refused_record_leaves_the_encoder_as_if_it_had_never_come(attribute):
    """It brings a new computer and a new name, so a template and a name must be taken back."""
    refused = record(2, "<UserData><Unheard><Of/></Unheard></UserData>", computer="OTHER")
    refused.event.find(".//Of").set("value", attribute)
    refused.event.find(".//Unheard").text = "x" * 2000
    writer, other = Encoder(), Encoder()
    if len(attribute) < 10:
        writer.write(chain(1).event, number=1, written=1)
        other.write(chain(1).event, number=1, written=1)
    with pytest.raises(BinXmlError):
        writer.write(refused.event, number=2, written=1)
    for one in (writer, other):
        one.write(chain(2, computer="OTHER").event, number=2, written=1)
    assert (writer.data, writer.name_heads, writer.template_heads) == (
        other.data,
        other.name_heads,
        other.template_heads,
    )


def test_a_dirty_circular_log_with_old_records_is_read_alike_by_all(file):
    records, old = [chain(number, width=9000) for number in range(1, 20)], [chain(1), chain(2)]
    log = build_log(records, max_bytes=HEADER + 3 * CHUNK, dirty=True, slack=old)
    assert log.first > 1
    faults = assert_readers_agree(file(log), records[log.first - 1 :], slack=old)
    assert faults == {"evtx": {}, "libevtx": {}, "python-evtx": {}, "dissect.eventlog": {1: SLACK, 2: SLACK}}


@pytest.mark.parametrize("numbers", [(1, 3), (2, 1), (1, 1)])
def test_numbers_that_do_not_count_up_are_refused(numbers):
    with pytest.raises(BinXmlError, match="count up by one"):
        build_log([chain(number) for number in numbers])


def test_a_gap_between_two_chunks_is_refused_too():
    records = [chain(number, width=15_000) for number in (1, 2, 3, 5)]
    with pytest.raises(BinXmlError, match="record 5 after 3"):
        build_log(records)


def test_a_megabyte_holds_sixteen_chunks():
    log = build_log((chain(number, width=15_000) for number in range(1, 90)), max_bytes=1 << 20)
    assert len(log.data) == HEADER + 16 * CHUNK


def test_slack_that_does_not_fit_is_refused():
    with pytest.raises(BinXmlError, match="slack does not fit"):
        build_log([chain(1, width=15_000), chain(2, width=15_000)], slack=[chain(3, width=15_000)])
