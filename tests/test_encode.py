"""Encoding: event elements become the bytes that Windows writes, and read back as they were."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from capi2kit.binxml import CHUNK, BinXmlError, Decoder, Encoder, FullChunk
from capi2kit.loaders.evtx.framing import frame_file

GUID_IN_INSTANCE, DEFINITION = slice(30, 34), slice(42, 58)  # of a record: both hold the template's GUID
REAL = ["capi2_operational_wks05_2016-2018.evtx", "capi2_operational_event70_2020.evtx"]
OTHERS = [
    "security_win2012r2_no_capi2.evtx",
    "system_win11_2025.evtx",
    "application_ec2_windefend_2020.evtx",
    "application_win10_aptsim_2022.evtx",
    "application_win10_rathbun_2022.evtx",
    "application_win2012r2_szechuan.evtx",
]
SYSTEM = """
<System><Provider Name="Microsoft-Windows-CAPI2" Guid="{5bbca4a8-b209-48dc-a8c7-b23d3e5216fb}"/>
<EventID>11</EventID><Version>0</Version><Level>4</Level><Task>11</Task><Opcode>2</Opcode>
<Keywords>0x4000000000000003</Keywords><TimeCreated SystemTime="2012-03-05T06:59:11.0874321Z"/>
<EventRecordID>7</EventRecordID><Correlation/><Execution ProcessID="4120" ThreadID="4156"/>
<Channel>Microsoft-Windows-CAPI2/Operational</Channel><Computer>SP01.contoso.example</Computer>
<Security UserID="S-1-5-20"/></System>
"""


def event(payload: str | etree._Element = "") -> etree._Element:
    """A CAPI2 event with this below UserData."""
    parser = etree.XMLParser(remove_blank_text=True)
    made = etree.fromstring(f"<Event>{SYSTEM}<UserData/></Event>", parser)
    made[1].append(etree.fromstring(payload, parser) if isinstance(payload, str) else payload)
    return made


def encoded(one: etree._Element) -> tuple[Encoder, int]:
    writer = Encoder()
    return writer, writer.write(one, number=7, written=129_753_935_510_000_000)


def decoded(writer: Encoder, at: int) -> etree._Element:
    size = struct.unpack_from("<I", writer.data, at + 4)[0]
    return Decoder(bytes(writer.data.ljust(CHUNK, b"\0"))).decode(at + 24, at + size - 4)


def text(element: etree._Element) -> bytes:
    return etree.tostring(element, method="c14n")


# --- against the real logs


@pytest.mark.real
@pytest.mark.parametrize("name", REAL)
def test_every_real_record_is_rebuilt_byte_by_byte(real_logs, name):
    """Masked: the template's GUID, and what lies between the end of a record's content and its size."""
    data = (real_logs / "evtx" / name).read_bytes()
    rebuilt = 0
    for chunk in frame_file(data).chunks:
        old = data[chunk.offset : chunk.offset + CHUNK]
        decoder, writer = Decoder(old), Encoder()
        for frame in chunk.frames:
            at = frame.offset - chunk.offset
            defines = len(writer.template_heads) and sum(writer.template_heads)
            assert (
                writer.write(decoder.decode(at + 24, at + frame.size - 4), number=frame.record, written=frame.written)
                == at
            )
            was, made = bytearray(old[at : at + frame.size]), bytearray(writer.data[at:])
            assert len(was) == len(made)
            was[GUID_IN_INSTANCE] = made[GUID_IN_INSTANCE]
            if sum(writer.template_heads) != defines:
                was[DEFINITION] = made[DEFINITION]
            content = len(made.removesuffix(made[-4:]).rstrip(b"\0")) + 1  # the end token is a zero itself
            assert was[:content] == made[:content] and was[-4:] == made[-4:], f"record {frame.record}"
            rebuilt += 1
        assert struct.pack("<64I", *writer.name_heads) == old[128:384], f"names of chunk {chunk.slot}"
        for at in writer.name_heads:
            while at:  # and every name node, with the pointer to the next one of its bucket
                end = at + 10 + 2 * struct.unpack_from("<H", old, at + 6)[0]
                assert old[at:end] == writer.data[at:end]
                at = struct.unpack_from("<I", old, at)[0]  # noqa: PLW2901 - along the chain
    assert rebuilt == {REAL[0]: 459, REAL[1]: 3}[name]


@pytest.mark.real
@pytest.mark.parametrize("name", [*REAL, *OTHERS])
def test_every_event_of_the_real_logs_of_any_provider_reads_back_as_it_was(real_logs, name):
    data = (real_logs / "evtx" / name).read_bytes()
    seen = 0
    for chunk in frame_file(data).chunks:
        decoder = Decoder(data[chunk.offset : chunk.offset + CHUNK])
        for frame in chunk.frames:
            at = frame.offset - chunk.offset
            one = decoder.decode(at + 24, at + frame.size - 4)
            assert text(decoded(*encoded(one))) == text(one)
            seen += 1
    assert seen == frame_file(data).promised


# --- the identity, for any tree

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
TEXTS = st.text(
    st.one_of(
        st.sampled_from("\"<>&' \u200eé\U0001f600"), st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"])
    ),
    max_size=12,
).filter(lambda one: "\ufffe" not in one and "\uffff" not in one)


@st.composite
def trees(draw, depth: int = 3) -> etree._Element:
    made = etree.Element(draw(NAMES))
    for name, value in draw(st.dictionaries(NAMES, TEXTS, max_size=3)).items():
        made.set(name, value)
    made.text = draw(TEXTS) or None
    for _ in range(draw(st.integers(0, 3)) if depth else 0):
        child = draw(trees(depth=depth - 1))
        child.tail = draw(TEXTS) or None
        made.append(child)
    return made


@settings(max_examples=150, deadline=None)
@given(trees())
def test_any_tree_reads_back_as_it_was(tree):
    one = event(tree)
    assert text(decoded(*encoded(one))) == text(one)


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=4).filter(lambda some: "\0" not in "".join(some)), st.binary(max_size=9))
def test_any_strings_of_eventdata_read_back_as_they_were(strings, binary):
    one = etree.fromstring(f"<Event>{SYSTEM}<EventData/></Event>", etree.XMLParser(remove_blank_text=True))
    for string in strings:
        etree.SubElement(one[1], "Data").text = string or None
    etree.SubElement(one[1], "Binary").text = binary.hex().upper() or None
    assert text(decoded(*encoded(one))) == text(one)


def test_named_data_read_back_with_their_names():
    payload = '<EventData><Data Name="param1">Dienst "A"</Data><Data Name="param2">running</Data></EventData>'
    one = etree.fromstring(f"<Event>{SYSTEM}{payload}</Event>", etree.XMLParser(remove_blank_text=True))
    assert text(decoded(*encoded(one))) == text(one)


# --- what does not fit, and what cannot be


def test_a_record_that_does_not_fit_takes_its_names_and_templates_back():
    writer = Encoder()
    filler = event(f"<Filler>{'x' * 15_000}</Filler>")
    writer.write(filler, number=1, written=1)
    writer.write(filler, number=2, written=1)
    before = bytes(writer.data), list(writer.name_heads), list(writer.template_heads)
    with pytest.raises(FullChunk):
        writer.write(event(f"<New one='1'>{'x' * 15_000}</New>"), number=3, written=1)
    assert (bytes(writer.data), writer.name_heads, writer.template_heads) == before
    at = writer.write(event("<New one='1'/>"), number=3, written=1)
    assert text(decoded(writer, at)) == text(event("<New one='1'/>"))


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        ('<A b="tab&#9;here"/>', "tab or line break"),
        ('<A b="line&#10;here"/>', "tab or line break"),
        (f'<A b="{"x" * 31_674}"/>', "31674 characters"),
        (f"<A>{'x' * 32_000}</A>", "larger than"),
    ],
)
def test_what_no_record_can_hold_is_refused_and_leaves_nothing_behind(payload, words):
    writer = Encoder()
    with pytest.raises(BinXmlError, match=words):
        writer.write(event(payload), number=1, written=1)
    assert len(writer.data) == 512 and not any(writer.name_heads)
    writer.write(event("<A/>"), number=1, written=1)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("EventID", "many"),
        ("EventID", "70000"),
        ("TimeCreated", "yesterday"),
        ("Security", "nobody"),
        ("Keywords", "0xZ"),
    ],
)
def test_a_value_that_its_type_cannot_hold_is_refused(path, value):
    one = event("<A/>")
    element = one.find(f"System/{path}")
    if element.attrib:
        element.set(next(iter(element.attrib)), value)
    else:
        element.text = value
    with pytest.raises(BinXmlError, match="is not a value of type"):
        Encoder().write(one, number=1, written=1)


@pytest.mark.parametrize(
    "payload",
    [
        "<EventData/>",
        '<EventData Name="outer"><Data Name="a">1</Data></EventData>',
        "<EventData><Binary>00FF</Binary></EventData>",
        "<EventData><Data>alone</Data></EventData>",
        "<EventData><Data/><Data>x</Data><Binary/></EventData>",
    ],
)
def test_every_shape_of_eventdata_reads_back(payload):
    one = etree.fromstring(f"<Event>{SYSTEM}{payload}</Event>", etree.XMLParser(remove_blank_text=True))
    assert text(decoded(*encoded(one))) == text(one)


OPEN, CLOSED = f"<Event>{SYSTEM}", "</Event>"
NESTED = "<A>" * 62 + "</A>" * 62


@pytest.mark.parametrize(
    "xml",
    [
        "<Odd/>",
        "<Event/>",
        f"{OPEN}{CLOSED}",
        f"{OPEN}<EventData><Odd/></EventData>{CLOSED}",
        f"{OPEN}<EventData>stray<Data>x</Data></EventData>{CLOSED}",
        f"{OPEN}<UserData a='1'><A/></UserData>{CLOSED}",
        f"{OPEN}<UserData><A/><B/></UserData>{CLOSED}",
        f"{OPEN}<UserData><A/></UserData>stray{CLOSED}",
        f"{OPEN}<UserData><A><!-- a comment --></A></UserData>{CLOSED}",
        f"{OPEN}<UserData><A xmlns='urn:x'/></UserData>{CLOSED}",
        f"{OPEN}<UserData>{NESTED}</UserData>{CLOSED}",
        f"{OPEN}<UserData><A/></UserData>{CLOSED}".replace("ThreadID", "ProcessorID"),
        f"{OPEN}<UserData><A/></UserData>{CLOSED}".replace("<Correlation/>", "<Correlation><Odd/></Correlation>"),
        f"{OPEN}<UserData><A/></UserData>{CLOSED}".replace("<Correlation/>", "<ProcessingErrorData/>"),
        f"{OPEN}<UserData><A/></UserData>{CLOSED}".replace("0x4000000000000003", "12"),
    ],
)
def test_what_would_be_lost_is_refused(xml):
    writer = Encoder()
    with pytest.raises(BinXmlError):
        writer.write(etree.fromstring(xml, etree.XMLParser(remove_blank_text=True)), number=1, written=1)
    assert len(writer.data) == 512 and not any(writer.name_heads) and not any(writer.template_heads)
