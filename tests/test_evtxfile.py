"""Log files as the lab writes them: a walker of our own finds no broken rule, and foreign readers read what was written."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from evtx_bytes import seal_chunk
from evtx_walker import CHUNK, FIRST, FREE_LIMIT, HEADER, ChunkWalk, Found, Walk, hash_of, walk
from foreign_readers import BROKEN, ENTITY, LEFT_OUT, MIXED, SLACK, assert_readers_agree
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from capi2kit.binxml import BinXmlError, Decoder, Encoder
from capi2kit.binxml.layouts import lay_out
from capi2kit.lab.evtxfile import Log, LogRecord, build_log

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


def test_the_oldest_chunk_of_a_circular_log_lies_behind_the_newest(file):
    records = [chain(number, width=1000) for number in range(1, 201)]
    log = build_log(records, max_bytes=HEADER + 4 * CHUNK)
    slots, chunks = walk(log.data).slots, len(extents(build_log(records).data))
    assert slots == [(chunks + turn) % 4 for turn in range(4)]  # chunk n lies in slot n modulo 4
    assert struct.unpack_from("<QQQ", log.data, 8) == (slots[0], slots[-1], 201)


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
    records, old = [chain(number) for number in range(10, 15)], [chain(number) for number in (3, 4, 5)]
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
