"""Binary XML: what is written comes back, and what is broken says so, soon."""

import struct
from itertools import pairwise
from uuid import UUID

import pytest
from evtx_bytes import Cdata, Char, El, Entity, Instance, Slot, Writer, doubling, sid, string
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from capi2kit.binxml import UNKNOWN_NAME, BinXmlError, Decoder, bucket_offsets, filetime_text, name_hash, read_name
from capi2kit.binxml.skim import is_plain

CHUNK = 65536


def written(content: El | Instance) -> tuple[bytes, int, int]:
    """A chunk with one record of this content, and the range of its Binary XML."""
    writer = Writer()
    at = writer.record(1, content)
    return bytes(writer.data.ljust(CHUNK, b"\0")), at + 24, len(writer.data) - 4


def decoded(content: El | Instance) -> str:
    chunk, start, end = written(content)
    return etree.tostring(Decoder(chunk).decode(start, end), encoding="unicode")


def test_an_inline_fragment_has_no_dependency_ids():
    inner = El("UserData", {"Id": "7"}, (El("File", {"path": "C:\\a.dll"}), "text", El("Empty")))
    assert decoded(inner) == '<UserData Id="7"><File path="C:\\a.dll"/>text<Empty/></UserData>'


def test_a_template_is_filled_with_its_values_and_a_nested_fragment():
    root = El("Event", {"Name": [Slot(0)]}, (El("Level", parts=(Slot(1),)), El("UserData", parts=(Slot(2),))))
    payload = El("File", {"path": "a.dll"}, ("seen",))
    assert decoded(Instance(root, (string("CAPI2"), (4, b"\2"), payload))) == (
        '<Event Name="CAPI2"><Level>2</Level><UserData><File path="a.dll">seen</File></UserData></Event>'
    )


def test_a_template_inside_a_value_is_filled_with_its_own_values():
    inner = Instance(El("EventData", parts=(El("Data", parts=(Slot(0),)),)), (string("inner"),), UUID(int=2 << 96))
    assert decoded(Instance(El("Event", parts=(Slot(0),)), (inner,))) == (
        "<Event><EventData><Data>inner</Data></EventData></Event>"
    )


def test_a_template_is_defined_once_per_chunk_and_then_referred_to():
    root = El("Event", parts=(Slot(0),))
    writer = Writer()
    places = [writer.record(n, Instance(root, (string(text),))) for n, text in enumerate(("first", "second"))]
    decoder = Decoder(bytes(writer.data))
    texts = [
        decoder.decode(at + 24, end - 4).text for at, end in zip(places, [places[1], len(writer.data)], strict=True)
    ]
    assert texts == ["first", "second"]
    assert len(writer.data) - places[1] < places[1] - places[0]


def test_text_is_one_run_of_text_cdata_entities_and_characters():
    parts = ("a ", Entity("quot"), "b", Entity("amp"), Cdata("<c>"), Char(0x64), Entity("lt"))
    assert decoded(El("Text", parts=parts)) == '<Text>a "b&amp;&lt;c&gt;d&lt;</Text>'


def test_an_entity_that_nobody_knows_stays_as_it_was_written():
    assert decoded(El("Text", parts=(Entity("nbsp"),))) == "<Text>&amp;nbsp;</Text>"


def test_an_attribute_may_hold_entities_and_slots():
    root = El("Event", {"Name": ["the ", Slot(0), Entity("quot"), ""]})
    assert decoded(Instance(root, (string("one"),))) == '<Event Name="the one&quot;"/>'


def test_an_optional_attribute_without_a_value_is_not_there_and_a_namespace_is_dropped():
    root = El("Event", {"xmlns": "http://x", "a": [Slot(0)], "b": [Slot(0, optional=False)], "win:c": "1"})
    assert decoded(Instance(root, ((0, b""),))) == '<Event b="" c="1"/>'


VALUES = [
    (0x00, b"", ""),
    (0x01, "ä text\0".encode("utf-16le"), "ä text"),
    (0x02, b"caf\xe9\0", "café"),
    (0x03, b"\xff", "-1"),
    (0x04, b"\xff", "255"),
    (0x05, struct.pack("<h", -2), "-2"),
    (0x06, struct.pack("<H", 65535), "65535"),
    (0x07, struct.pack("<i", -3), "-3"),
    (0x08, struct.pack("<I", 1 << 31), "2147483648"),
    (0x09, struct.pack("<q", -(1 << 62)), "-4611686018427387904"),
    (0x0A, struct.pack("<Q", 1 << 63), "9223372036854775808"),
    (0x0B, struct.pack("<f", 0.5), "0.5"),
    (0x0C, struct.pack("<d", -0.25), "-0.25"),
    (0x0D, struct.pack("<I", 1), "true"),
    (0x0D, struct.pack("<I", 0), "false"),
    (0x0E, b"\x00\xab", "00AB"),
    (0x0F, UUID("5bbca4a8-b209-48dc-a8c7-b23d3e5216fb").bytes_le, "5BBCA4A8-B209-48DC-A8C7-B23D3E5216FB"),
    (0x10, struct.pack("<Q", 0x1F), "0x1f"),
    (0x11, struct.pack("<Q", 131_000_000_000_000_007), "2016-02-15T08:53:20.0000007Z"),
    (0x12, struct.pack("<8H", 2016, 2, 1, 15, 8, 53, 20, 7), "2016-02-15T08:53:20.007Z"),
    (*sid("S-1-5-21-1-2-3-500"), "S-1-5-21-1-2-3-500"),
    (0x14, struct.pack("<I", 0x8009_2013), "0x80092013"),
    (0x15, struct.pack("<Q", 0x4000_0000_0000_0003), "0x4000000000000003"),
]


@pytest.mark.parametrize(("kind", "raw", "text"), VALUES)
def test_a_value_is_shown_as_windows_shows_it(kind, raw, text):
    chunk, start, end = written(Instance(El("Data", parts=(Slot(0, optional=False),)), ((kind, raw),)))
    assert (Decoder(chunk).decode(start, end).text or "") == text


ARRAYS = [
    (0x81, "one\0two\0\0".encode("utf-16le"), ["one", "two", ""]),
    (0x84, b"\1\2", ["1", "2"]),
    (0x88, struct.pack("<2I", 7, 8), ["7", "8"]),
    (0x8F, UUID(int=1).bytes_le + UUID(int=2).bytes_le, [str(UUID(int=n)).upper() for n in (1, 2)]),
    (0x91, struct.pack("<2Q", 0, 10_000_000), ["1601-01-01T00:00:00.0000000Z", "1601-01-01T00:00:01.0000000Z"]),
    (0x95, struct.pack("<2Q", 1, 2), ["0x1", "0x2"]),
]


@pytest.mark.parametrize(("kind", "raw", "texts"), ARRAYS)
def test_an_array_repeats_the_element_that_holds_it(kind, raw, texts):
    root = El("EventData", parts=(El("Data", {"n": "1"}, (Slot(0),)),))
    chunk, start, end = written(Instance(root, ((kind, raw),)))
    found = Decoder(chunk).decode(start, end)
    assert [data.text or "" for data in found] == texts
    assert {data.get("n") for data in found} == {"1"}


def test_an_array_in_an_attribute_is_a_list():
    assert decoded(Instance(El("Data", {"n": [Slot(0)]}), ((0x84, b"\1\2"),))) == '<Data n="1,2"/>'


def test_characters_that_xml_cannot_hold_are_replaced_and_counted():
    chunk, start, end = written(El("Text", {"a": "x\1y"}, ("\ud800z\ufffe",)))
    decoder = Decoder(chunk)
    found = decoder.decode(start, end)
    assert (found.get("a"), found.text, decoder.replaced) == ("x\ufffdy", "\ufffdz\ufffd", 3)


def test_a_filetime_beyond_the_calendar_has_no_text():
    assert (filetime_text(0), filetime_text(1 << 63)) == ("1601-01-01T00:00:00.0000000Z", "")


# Names: found by offset, proven by their hash.


def test_a_name_is_read_only_if_its_hash_verifies():
    chunk, _, _ = written(El("CertGetCertificateChain"))
    offset = chunk.index("CertGetCertificateChain".encode("utf-16le")) - 8
    damaged = chunk[: offset + 8] + b"X" + chunk[offset + 9 :]
    assert (read_name(chunk, offset), read_name(damaged, offset)) == ("CertGetCertificateChain", None)
    assert [read_name(chunk, at) for at in (0, 511, CHUNK - 9, CHUNK, 1 << 31)] == [None] * 5


def test_the_chains_of_a_string_table_are_followed_but_never_in_circles():
    chunk = bytearray(CHUNK)
    struct.pack_into("<I", chunk, 128 + 4 * 5, 600)
    struct.pack_into("<I", chunk, 600, 700)
    struct.pack_into("<I", chunk, 700, 600)
    assert bucket_offsets(bytes(chunk)) == {600: 5, 700: 5}


def test_a_lost_name_is_asked_for_with_the_place_it_stood_in():
    chunk, start, end = written(El("Outer", parts=(El("Inner", {"key": "v"}),)))
    at = chunk.index("Inner".encode("utf-16le"))
    asked = []
    chunk = chunk[:at] + b"\xff\xff" + chunk[at + 2 :]
    decoder = Decoder(chunk, lost_name=lambda offset, parent: asked.append((offset, parent)) or "Found")
    assert decoder.decode(start, end)[0].tag == "Found"
    assert asked == [(at - 8, "Outer")]
    assert Decoder(chunk).decode(start, end)[0].tag == UNKNOWN_NAME


def test_the_hash_of_a_name_is_that_of_windows():
    assert [name_hash(name) for name in ("", "Event", "System", "xmlns")] == [0, 0x0CBA, 0x546F, 0x0FBC]


# Any tree that can be written comes back.

NAMES = st.text("abcXYZ", min_size=1, max_size=6)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=("Cs", "Cc")), max_size=12)
ATTRIBUTES = st.dictionaries(NAMES.filter(lambda name: name != "xmlns"), TEXTS, max_size=3)
TREES = st.recursive(
    st.builds(El, NAMES, ATTRIBUTES, st.builds(lambda text: (text,) if text else (), TEXTS)),
    lambda inner: st.builds(El, NAMES, ATTRIBUTES, st.lists(inner | TEXTS.filter(bool), max_size=4).map(tuple)),
    max_leaves=12,
)


def plain(element: El) -> etree._Element:
    """The tree itself, made without any Binary XML."""
    made = etree.Element(element.name, element.attributes)
    for part in element.parts:
        if isinstance(part, El):
            made.append(plain(part))
        elif len(made):
            made[-1].tail = (made[-1].tail or "") + part
        else:
            made.text = (made.text or "") + part
    return made


@given(TREES)
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_tree_comes_back_inline_and_as_a_template(tree):
    expected = etree.tostring(plain(tree), encoding="unicode")
    assert decoded(tree) == expected
    assert decoded(Instance(tree, ())) == expected
    nested = Instance(El("Event", parts=(Slot(0),)), (tree,), UUID(int=3 << 96))
    assert decoded(nested) == f"<Event>{expected}</Event>"


@given(TREES)
@settings(max_examples=20, deadline=None)
def test_a_scan_learns_the_names_and_templates_that_decoding_learns(tree):
    chunk, start, end = written(Instance(El("Event", parts=(Slot(0),)), (tree,)))
    scanning, decoding = Decoder(chunk), Decoder(chunk)
    scanning.scan(start, end)
    decoding.decode(start, end)
    assert scanning.fragments.contexts == decoding.fragments.contexts
    assert scanning.fragments.templates == decoding.fragments.templates


# What is broken raises BinXmlError and nothing else, and does not take long.


def decode_or_say(chunk: bytes, start: int, end: int) -> etree._Element | None:
    try:
        return Decoder(chunk).decode(start, end)
    except BinXmlError:
        return None


@given(st.binary(max_size=400))
@settings(max_examples=150, deadline=None)
def test_random_bytes_are_refused(raw):
    decode_or_say((bytes(512) + raw).ljust(CHUNK, b"\0"), 512, 512 + len(raw))
    decode_or_say(bytes(512) + raw, 512, 512 + len(raw) + 50)


@given(TREES, st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_damaged_record_is_read_or_refused(tree, data):
    chunk, start, end = written(Instance(El("Event", {"a": [Slot(0)]}, (Slot(1),)), (string("x"), tree)))
    at = data.draw(st.integers(start, end - 1))
    noise = data.draw(st.binary(min_size=1, max_size=64))
    decode_or_say(chunk[:at] + noise + chunk[at + len(noise) :], start, end)
    decode_or_say(chunk[:at], start, end)
    decode_or_say(chunk, start, at)


ODD_TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=6)


@given(TREES, ODD_TEXTS, st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_skimmed_is_plain_for_the_whole_reader_too(tree, text, data):
    """Also where bytes were changed: what skimming calls plain is read without a fault, and is not odd."""
    chunk, start, end = written(El("A", parts=(tree, text)))
    at = data.draw(st.integers(start, end - 1))
    noise = data.draw(st.binary(max_size=3))
    for altered in (chunk, chunk[:at] + noise + chunk[at + len(noise) :]):
        if is_plain(altered, start, end=end, names=set()):
            whole = Decoder(altered)
            whole.scan(start, end)
            assert not whole.fragments.odd


def test_a_plain_fragment_is_skimmed_and_one_with_a_nul_or_a_wrong_name_is_not():
    chunk, start, end = written(El("File", {"path": "C:\\a.dll"}, (El("Empty"), "text")))
    assert is_plain(chunk, start, end=end, names=set())
    (name,) = (at for at in range(512, end) if read_name(chunk, at) == "File")
    wrong = bytearray(chunk)
    wrong[name + 4] ^= 1  # its hash
    assert not is_plain(bytes(wrong), start, end=end, names=set())
    for text in ("a\0b", "\x1b[1m", "\ufffe"):
        odd, begin, stop = written(El("File", {"path": text}))
        assert not is_plain(odd, begin, end=stop, names=set())


def test_a_template_that_contains_itself_is_refused():
    writer = Writer()
    itself = Instance(El("Again", parts=(Slot(0),)), ((0, b""),))
    at = writer.record(1, Instance(El("Outer", parts=(itself, itself)), ()))
    with pytest.raises(BinXmlError, match=r"deep|end|lost"):
        Decoder(bytes(writer.data)).decode(at + 24, len(writer.data) - 4)


def test_a_record_that_would_explode_is_refused_soon():
    assert len(decoded(doubling(1))) > 100 * 50
    chunk, start, end = written(doubling(8))
    with pytest.raises(BinXmlError, match=r"without end"):
        Decoder(chunk).decode(start, end)


def test_a_chunk_full_of_exploding_records_ends_too():
    writer = Writer()
    places = [writer.record(number, doubling(6)) for number in range(100)] + [len(writer.data)]
    decoder = Decoder(bytes(writer.data))
    for at, end in pairwise(places):
        with pytest.raises(BinXmlError):
            decoder.decode(at + 24, end - 4)


def test_one_long_value_shown_ten_thousand_times_is_refused():
    root = El("Event", parts=tuple(Slot(0) for _ in range(10_000)))
    chunk, start, end = written(Instance(root, ((0x0E, bytes(10_000)),)))
    with pytest.raises(BinXmlError, match=r"without end"):
        Decoder(chunk).decode(start, end)


@pytest.mark.parametrize("depth", [60, 70, 200])
def test_deep_nesting_is_read_up_to_a_limit(depth):
    tree = El("a")
    for _ in range(depth):
        tree = El("a", parts=(tree,))
    chunk, start, end = written(tree)
    assert (decode_or_say(chunk, start, end) is None) == (depth > 64)


def test_deeply_nested_values_are_refused():
    made = El("a")
    for level in range(300):
        made = Instance(El("a", parts=(Slot(0),)), (made,), UUID(int=(1 + level) << 96))
    chunk, start, end = written(made)
    assert decode_or_say(chunk, start, end) is None


@pytest.mark.parametrize(
    ("name", "read"),
    [("", UNKNOWN_NAME), ("\ud800", UNKNOWN_NAME), *((name, None) for name in ("a b", "1a", "<", "a\0"))],
)
def test_a_name_that_xml_does_not_know_is_replaced_or_the_record_refused(name, read):
    writer = Writer()
    writer.names[name] = 40_000
    at = writer.record(1, El(name))
    end = len(writer.data) - 4
    raw = name.encode("utf-16le", "surrogatepass")
    units = struct.unpack(f"<{len(raw) // 2}H", raw)
    value = 0
    for unit in units:
        value = (value * 65599 + unit) & 0xFFFFFFFF
    made = struct.pack("<IHH", 0, value & 0xFFFF, len(units)) + raw + b"\0\0"
    chunk = bytes(writer.data).ljust(40_000, b"\0") + made.ljust(CHUNK - 40_000, b"\0")
    found = decode_or_say(chunk, at + 24, end)
    assert (None if found is None else found.tag) == read


@pytest.mark.parametrize("kind", [0x16, 0x20, 0x22, 0x70, 0x96, 0xA1])
def test_a_type_that_does_not_exist_is_refused(kind):
    chunk, start, end = written(Instance(El("Data", parts=(Slot(0, optional=False),)), ((kind, b"\1\2\3"),)))
    assert decode_or_say(chunk, start, end) is None
