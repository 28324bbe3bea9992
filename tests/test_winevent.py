"""Windows events: every value in its cell or in `extra`, and the quick way gives what the plain walk gives."""

import json

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from capi2kit.knowledge import columns
from capi2kit.winevent import EventRows
from capi2kit.winevent.skeletons import Skeletons, parse

CHANNEL = "Microsoft-Windows-CAPI2/Operational"


def event(payload: str, *, channel: str = CHANNEL, event_id: int = 11, opcode: int = 2, data: str = "") -> str:
    return (
        '<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event"><System>'
        f'<Provider Name="Microsoft-Windows-CAPI2"/><EventID>{event_id}</EventID><Task>11</Task><Opcode>{opcode}</Opcode>'
        f'<TimeCreated SystemTime="2016-07-22T17:02:01.0571261Z"/><EventRecordID>466</EventRecordID>'
        f"<Channel>{channel}</Channel><Computer>WEB01</Computer></System>"
        f"{data}<UserData>{payload}</UserData></Event>"
    )


def tables(*events: str, twice: bool = True) -> dict[str, pd.DataFrame]:
    """The tables of some events; each is read again and again, so that the quick way is taken too."""
    collected = EventRows()
    for one in events * (3 if twice else 1):
        collected.add(one, offset=0, written=0)
    again = collected.batch()
    walked = EventRows()
    for one in events * (3 if twice else 1):
        walked.add(parse(one.partition("?>")[2].lstrip() or one), offset=0, written=0)
    for name, table in walked.batch().items():
        pd.testing.assert_frame_equal(again[name], table)
    return again


def first(payload: str, **how: object) -> dict[str, object]:
    """The cells of one event that are there, `extra` read."""
    row = tables(event(payload, **how))["events"].iloc[0].dropna().to_dict()
    return row | {"extra": json.loads(row.get("extra", "{}"))}


def test_an_event_becomes_a_row_in_the_vocabulary():
    made = tables(event('<CertGetCertificateChain><Result value="80092013">offline</Result></CertGetCertificateChain>'))
    row = made["events"].iloc[0]
    assert (row["record"], row["host"], row["operation"], row["phase"]) == (466, "WEB01", "BuildChain", "stop")
    assert (row["result"], row["result_text"], row["element"]) == (0x80092013, "offline", "CertGetCertificateChain")
    assert str(row["time"]) == "2016-07-22 17:02:01.057126100+00:00"
    for name, table in made.items():
        assert {column: str(dtype) for column, dtype in table.dtypes.items()} == columns(name)


def test_the_names_of_set_flags_are_one_cell_and_those_not_set_are_in_extra():
    row = first('<A><Flags value="8000000" CERT_ONE="true" CERT_TWO="true" CERT_THREE="false"/></A>')
    assert (row["flags"], row["flag_names"]) == (0x8000000, "CERT_ONE CERT_TWO")
    assert row["extra"] == {"UserData/A/Flags@CERT_THREE": "false"}


def test_what_has_no_column_is_kept_under_its_path():
    row = first('<A><Odd x="1">two<Inner/>three</Odd><Odd x="4"/>five</A>')
    kept = {"UserData/A/Odd@x": ["1", "4"], "UserData/A/Odd": "two", "UserData/A/Odd/Inner~": "three"}
    assert row["extra"] == kept | {"UserData/A/Odd~": "five"}


def test_of_a_repeated_element_the_first_has_the_cell():
    row = first("<A><URL>http://one/</URL><URL>http://two/</URL></A>")
    assert (row["url"], row["extra"]) == ("http://one/", {"UserData/A/URL": "http://two/"})


def test_a_value_that_does_not_fit_its_column_is_kept_as_text():
    row = first('<A><Result value="none"/><Timeout>soon</Timeout><CacheInfo lastSyncTime="9999-12-31T00:00:00Z"/></A>')
    assert not {"result", "timeout_s", "last_sync"} & row.keys()
    assert row["extra"] == {"result?": "none", "timeout_s?": "soon", "last_sync?": "9999-12-31T00:00:00Z"}


def test_a_bad_value_joins_what_is_in_extra_already():
    row = first('<A><Result value="none"/><Odd x="100%"/></A>')
    assert row["extra"] == {"UserData/A/Odd@x": "100%", "result?": "none"}


def test_the_steps_of_a_retrieval_are_rows_in_their_order():
    payload = (
        '<A><AdditionalInfo><Action name="Connect" parameter1="proxy"><Error value="2F94">no</Error></Action>'
        "<HTTPResponseHeadersInfo><Header>HTTP/1.1 200 OK</Header><Header>Date: Fri: 1</Header></HTTPResponseHeadersInfo>"
        '<Action name="Send"/></AdditionalInfo><EventAuxInfo ProcessName="w3wp.exe"/></A>'
    )
    steps = tables(event(payload), twice=False)["steps"]
    cells = steps[["position", "kind", "name", "value", "error"]].astype(object).where(steps.notna(), None)
    assert cells.to_numpy().tolist() == [
        [0, "action", "Connect", "proxy", 0x2F94],
        [1, "response header", None, "HTTP/1.1 200 OK", None],
        [2, "response header", "Date", "Fri: 1", None],
        [3, "action", "Send", None, None],
    ]


def test_the_elements_of_a_chain_are_numbered_and_know_their_event():
    def chain(*subjects: str) -> str:
        parts = (f'<ChainElement><Certificate subjectName="{name}"/></ChainElement>' for name in subjects)
        return f'<A><CertificateChain>{"".join(parts)}</CertificateChain><EventAuxInfo ProcessName="a.exe"/></A>'

    made = tables(event(chain("leaf", "ca", "root")), event("<B/>"), event(chain("self")), twice=False)["chain"]
    assert made["subject"].tolist() == ["leaf", "ca", "root", "self"]
    assert made["event"].tolist() == [0, 0, 0, 2]
    assert made["position"].tolist() == [0, 1, 2, 0]
    assert made["elements"].tolist() == [3, 3, 3, 1]
    assert (made["host"].unique().tolist(), made["process"].unique().tolist()) == (["WEB01"], ["a.exe"])


def test_numbered_data_of_a_known_event_has_columns_and_of_another_is_kept():
    data = "<EventData><Data>CN=Root</Data><Data>AB12</Data><Data>more</Data></EventData>"
    row = first("", channel="Application", event_id=4097, data=data)
    assert (row["subject"], row["thumbprint"], row["extra"]) == ("CN=Root", "AB12", {"EventData/Data[3]": "more"})
    row = first("", channel="Application", event_id=9, data=data)
    assert row["extra"] == {"EventData/Data": ["CN=Root", "AB12", "more"]}


def test_what_is_empty_is_missing():
    row = first('<A><URL scheme=""></URL><Certificate subjectName="" fileRef=""/></A>')
    assert not {"url", "url_scheme", "subject", "thumbprint"} & row.keys()
    assert row["extra"] == {}


def test_a_batch_begins_anew():
    collected = EventRows()
    collected.add(event("<A/>"), offset=1, written=2)
    assert (len(collected), len(collected.batch()["events"])) == (1, 1)
    assert (len(collected), len(collected.batch()["events"])) == (0, 0)


def test_an_xml_declaration_does_not_matter_whatever_follows_it():
    declared = '<?xml version="1.0" encoding="utf-8"?>\n'
    assert tables(declared + event("<A/>"), event("<A/>"))["events"]["element"].tolist() == ["A"] * 6
    assert tables(declared + "<Other>text</Other>")["events"]["extra"].tolist() == ['{"": "text"}'] * 3


def test_what_is_no_xml_is_refused_and_leaves_no_trace():
    collected = EventRows()
    for text in ("", "no xml", event("<A>"), event("<A>\x01</A>"), event("<A>&nbsp;</A>"), event('<A x="<"/>')):
        with pytest.raises(etree.XMLSyntaxError):
            collected.add(text, offset=0, written=0)
    assert len(collected) == 0


SNEAKY = [
    '="true"',
    'say "hi" now',
    'one " quote',
    "\ue0003\ue001",
    "\ue002",
    "a &quot;b&quot; &amp;lt; &lt;c&gt;",
    "&#65;&#x42;",
    "]]&gt;",
    " ",
    "  padded  ",
    "line\nline",
    "tab\there",
    "true",
    "%s %% {0}",
    "ä 😀 \u2028 \xa0",
    '<![CDATA[<Odd x="1">]]>',
    '<!-- a="b" -->text',
]


@pytest.mark.parametrize("text", SNEAKY)
def test_a_text_that_looks_like_markup_stays_what_it_is(text):
    attribute = text.replace('"', "&quot;").replace("<", "&lt;")
    tables(
        event(
            f'<A><Result value="0">{text}</Result><Certificate subjectName="{attribute}"/><Odd x="{attribute}">y</Odd></A>'
        ),
        event('<A><Result value="0">plain</Result><Certificate subjectName="plain"/><Odd x="plain">y</Odd></A>'),
        event(
            f'<A><Result value="0">plain</Result><Certificate subjectName="{attribute}"/><Odd x="1">{text}</Odd></A>'
        ),
    )


NAMES = st.sampled_from(
    [
        "Result",
        "URL",
        "Certificate",
        "Flags",
        "Odd",
        "AdditionalInfo",
        "Action",
        "EventAuxInfo",
        "ChainElement",
        "X509Objects",
    ]
)
KEYS = st.sampled_from(["value", "subjectName", "fileRef", "name", "ProcessName", "odd"])
TEXTS = st.sampled_from(["0", "80092013", "true", "x", "", 'a"b', "a&b", "a<b", " ", "a\nb", "ü", "\ue0001\ue001"])


def element(name: str, attributes: dict[str, str], *, parts: list) -> etree._Element:
    made = etree.Element(name, attributes)
    for part in parts:
        if not isinstance(part, str):
            made.append(part)
        elif len(made):
            made[-1].tail = part
        else:
            made.text = part
    return made


ATTRIBUTES = st.dictionaries(KEYS, TEXTS, max_size=3)
TREES = st.recursive(
    st.builds(lambda *found: element(*found[:2], parts=found[2:]), NAMES, ATTRIBUTES, TEXTS),
    lambda inner: st.builds(
        lambda *found: element(*found[:2], parts=found[2]), NAMES, ATTRIBUTES, st.lists(inner | TEXTS)
    ),
    max_leaves=6,
)


@given(st.lists(TREES, min_size=1, max_size=4))
@settings(max_examples=25, deadline=None)
def test_the_quick_way_gives_what_the_walk_gives(trees):
    tables(*(event(etree.tostring(tree, encoding="unicode")) for tree in trees))


def test_a_log_that_never_repeats_itself_does_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr("capi2kit.winevent.skeletons._MOST", 5)
    skeletons = Skeletons()
    rows = [skeletons.read(event(f"<A{number}><URL>u{number}</URL></A{number}>")) for number in range(20)]
    assert len(skeletons._known) == 5
    assert all(f"u{number}" in made[0][1] for number, made in enumerate(rows))
