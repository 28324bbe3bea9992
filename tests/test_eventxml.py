"""Exports: the same events, whatever program wrote them, and what each kind of damage costs."""

import csv
import io
import json
from pathlib import Path

import pandas as pd
import pytest
from evtx import PyEvtxParser
from hypothesis import given
from hypothesis import strategies as st

import capi2kit as c2
from capi2kit.case import Case, load
from capi2kit.errors import EvidenceError, NoEvents, UnknownFormat
from capi2kit.loaders import eventxml
from capi2kit.loaders.eventxml import cuts
from capi2kit.loaders.evidence import Asked, EvidenceFile

LAB = Path(__file__).parent.parent / "datasets" / "lab"
SCENARIOS = sorted(path.parent.name for path in LAB.glob("*/*.evtx"))
APART = ["event", "source", "offset", "time_written"]  # where a record stands, and when it was written there
EVENT = (
    "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>"
    "<Provider Name='Microsoft-Windows-CAPI2'/><EventID>{id}</EventID><Level>4</Level><Task>11</Task>"
    "<Opcode>2</Opcode><TimeCreated SystemTime='2024-05-06T07:08:09.1234567Z'/>"
    "<EventRecordID>{record}</EventRecordID><Channel>Microsoft-Windows-CAPI2/Operational</Channel>"
    "<Computer>SP01</Computer></System>{payload}</Event>"
)


def event(record: int, *, event_id: int = 11, payload: str = "") -> str:
    return EVENT.format(id=event_id, record=record, payload=payload)


def loaded(tmp_path: Path, content: str | bytes, *, name: str = "export.xml", **how: object) -> Case:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return load(path, **how)


def cells(case: Case) -> pd.DataFrame:
    events = case.events.reset_index().sort_values(["host", "channel", "record"]).reset_index(drop=True)
    return events.drop(columns=APART)


def cut(table: pd.DataFrame) -> pd.DataFrame:
    """The table of a log as far as one that was exported can have it: the library that writes XML cuts times to the microsecond."""
    return table.assign(time=table["time"].dt.floor("us"))


def balanced(case: Case) -> bool:
    rows = case.sources
    return bool((rows["promised"] == rows["loaded"] + rows["other"] + rows["duplicates"] + rows["lost"]).all())


# The same table from every form.


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_log_as_xml_and_as_json_lines_gives_the_table_of_the_log(scenario, tmp_path):
    log = next((LAB / scenario).glob("*.evtx"))
    texts = [record["data"].split("?>", 1)[1] for record in PyEvtxParser(str(log)).records()]
    rows = [json.dumps(json.loads(record["data"])) for record in PyEvtxParser(str(log)).records_json()]
    from_log = load(log)
    from_xml = loaded(tmp_path, f"<Events>{''.join(texts)}</Events>")
    from_json = loaded(tmp_path, "\n".join(rows), name="export.jsonl")
    for case in (from_xml, from_json):
        pd.testing.assert_frame_equal(cells(case), cut(cells(from_log)))
        assert [len(case.steps), len(case.chain), len(case.certificates)] == [
            len(from_log.steps),
            len(from_log.chain),
            len(from_log.certificates),
        ]
        assert case.problems.empty


def plaso(texts: list[str]) -> str:
    table = io.StringIO()
    rows = csv.writer(table)
    rows.writerow(["datetime", "source_short", "xml_string"])
    rows.writerows(["2024-05-06T07:08:09", "EVT", text] for text in texts)
    return table.getvalue()


def evtxecmd(record: int, payload: dict) -> str:
    row = {
        "EventRecordId": record, "EventId": 11, "Provider": "Microsoft-Windows-CAPI2", "Computer": "SP01",
        "Channel": "Microsoft-Windows-CAPI2/Operational", "TimeCreated": "2024-05-06T07:08:09.1234567+00:00",
        "ProcessId": 7, "Payload": json.dumps(payload),
    }  # fmt: skip
    return json.dumps(row)


FORMS = {
    "xml": f"<Events>{event(1)}{event(2)}</Events>",
    "xml without a root": event(1) + "\r\n" + event(2),
    "xml as evtx_dump writes it": f"Record 1\n<?xml version='1.0'?>\n{event(1)}\nRecord 2\n<?xml version='1.0'?>\n{event(2)}",
    "xml with a prefix": (f"<w:Events xmlns:w='urn:x'>{event(1)}{event(2)}</w:Events>")
    .replace("<Event ", "<w:Event ")
    .replace("</Event>", "</w:Event>"),
    "rows of plaso": plaso([event(1), "", event(2)]),
    "rows of plaso as json": "\n".join(json.dumps({"xml_string": event(n)}) for n in (1, 2)),
    "rows of EvtxECmd": f"{evtxecmd(1, {})}\n{evtxecmd(2, {})}",
    "json over several lines": "\n".join(
        json.dumps({"Event": {"System": {"Provider": {"#attributes": {"Name": "Microsoft-Windows-CAPI2"}}, "EventID": 11,
                                         "EventRecordID": n}}}, indent=2) for n in (1, 2)),
    "a json list": f"[{evtxecmd(1, {})},\n{evtxecmd(2, {})}]",
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_its_two_events(form, tmp_path):
    case = loaded(tmp_path, FORMS[form], name="export.txt")
    assert case.events["record"].tolist() == [1, 2]
    assert case.events["event_id"].tolist() == [11, 11]
    assert (case.sources["loader"].item(), case.sources["promised"].item(), balanced(case)) == ("eventxml", 2, True)


ENCODINGS = {
    "UTF-8 with a mark": ("utf-8-sig", "utf-8"),
    "UTF-16 with a mark": ("utf-16", "utf-16"),
    "UTF-16 without a mark": ("utf-16-le", "utf-16"),
    "UTF-16 declared, UTF-8 in truth": ("utf-8", "utf-16"),
    "IBM437, as a console writes it": ("cp437", "IBM437"),
    "Windows-1252": ("cp1252", "windows-1252"),
    "declared as something unknown": ("utf-8", "x-klingon"),
}


@pytest.mark.parametrize(("encoding", "declared"), ENCODINGS.values(), ids=ENCODINGS)
def test_texts_are_read_in_the_encoding_that_their_bytes_have(encoding, declared, tmp_path):
    text = event(1, payload="<UserData><X><Result value='0'>Prüfung</Result></X></UserData>")
    case = loaded(tmp_path, f"<?xml version='1.0' encoding='{declared}'?><Events>{text}</Events>".encode(encoding))
    assert case.events["result_text"].tolist() == ["Prüfung"]


def test_a_rendering_in_any_language_is_kept_beside_and_changes_nothing(tmp_path):
    rendering = "<RenderingInfo Culture='ja-JP'><Level>エラー</Level><Keywords><Keyword>パス</Keyword></Keywords></RenderingInfo>"
    plain, rendered = (
        loaded(tmp_path, f"<Events>{event(1, payload=part)}</Events>", name=name)
        for part, name in (("", "plain.xml"), (rendering, "rendered.xml"))
    )
    kept_as_json = json.loads(rendered.events["extra"].item())
    assert kept_as_json == {
        "RenderingInfo@Culture": "ja-JP",
        "RenderingInfo/Level": "エラー",
        "RenderingInfo/Keywords/Keyword": "パス",
    }
    pd.testing.assert_frame_equal(cells(plain).drop(columns="extra"), cells(rendered).drop(columns="extra"))


CLIXML = """<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04"><Obj RefId="0">
<TN RefId="0"><T>System.Diagnostics.Eventing.Reader.EventLogRecord</T><T>System.Object</T></TN>
<ToString>System.Diagnostics.Eventing.Reader.EventLogRecord</ToString><Props><I32 N="Id">4107</I32><By N="Level">2</By>
<I64 N="Keywords">-9187343239835811840</I64><I64 N="RecordId">35951</I64><S N="ProviderName">Microsoft-Windows-CAPI2</S>
<S N="LogName">Application</S><I32 N="ProcessId">1256</I32><S N="MachineName">Ralf-PC</S><Nil N="UserId"/>
<DT N="TimeCreated">2010-08-05T16:05:35.2763671+02:00</DT><Obj N="Properties" RefId="1"><LST>{values}</LST></Obj>
</Props></Obj></Objs>"""
VALUE = '<Obj RefId="{n}"><Props><S N="Value">{text}</S></Props></Obj>'


def test_a_record_of_export_clixml_is_an_event(tmp_path):
    values = VALUE.format(n=2, text="http://ctl.example/authrootstl.cab") + VALUE.format(
        n=3, text="The data is invalid."
    )
    row = loaded(tmp_path, CLIXML.format(values=values)).events.reset_index().iloc[0]
    assert (row["event_id"], row["record"], row["pid"], row["host"]) == (4107, 35951, 1256, "Ralf-PC")
    assert row["keywords"] == "0x8080000000000000"
    assert row["time"] == pd.Timestamp("2010-08-05T14:05:35.2763671Z")
    assert (row["url"], row["result"]) == ("http://ctl.example/authrootstl.cab", 0x8007000D)
    assert pd.isna(row["user_sid"])


def test_an_export_of_two_levels_says_that_its_values_stayed_behind(tmp_path):
    case = loaded(tmp_path, CLIXML.format(values="<S>System.Diagnostics.Eventing.Reader.EventProperty</S>"))
    assert pd.isna(case.events["url"].item())
    assert case.problems["message"].str.contains("-Depth 4").any()


# Damage: every event that is whole is read, every other one is counted and reported.


def test_an_event_that_is_cut_off_is_lost_alone(tmp_path):
    case = loaded(tmp_path, f"<Events>{event(1)}{event(2)}{event(3)[:200]}")
    assert (case.events["record"].tolist(), case.sources["lost"].item(), balanced(case)) == ([1, 2], 1, True)
    assert case.problems["message"].str.contains("event 3 at offset .* is cut off").all()


def test_an_event_without_an_end_does_not_take_the_next_one_with_it(tmp_path):
    case = loaded(tmp_path, event(1) + event(2)[:150] + event(3))
    assert (case.events["record"].tolist(), case.sources["lost"].item()) == ([1, 3], 1)
    assert case.problems["message"].str.contains("another one begins inside it").all()


def test_an_event_that_is_no_xml_is_lost_alone(tmp_path):
    case = loaded(tmp_path, event(1) + event(2, payload="<UserData><A></B></UserData>") + event(3))
    assert (case.events["record"].tolist(), case.sources["lost"].item()) == ([1, 3], 1)


@given(st.integers(0, 3000))
def test_wherever_an_export_is_cut_the_events_before_are_read_and_all_are_accounted_for(at):
    text = f"<Events>{''.join(event(n) for n in range(1, 5))}</Events>".encode()[:at]
    batches = list(eventxml.read(EvidenceFile("x", text), asked=Asked()))
    facts = batches[-1]["sources"].iloc[0]
    assert facts["loaded"] == text.count(b"</Event>") == sum(len(batch["events"]) for batch in batches)
    assert facts["promised"] == facts["loaded"] + facts["lost"]
    assert facts["lost"] == (text.count(b"<Event ") > text.count(b"</Event>"))


def test_an_event_in_a_comment_is_none(tmp_path):
    case = loaded(tmp_path, f"<Events><!-- {event(1)} -->{event(2)}</Events>")
    assert case.events["record"].tolist() == [2]


def test_an_event_longer_than_any_is_refused_and_the_next_one_read(tmp_path):
    long = event(1, payload=f"<UserData><X>{'x' * cuts.LONGEST}</X></UserData>")
    case = loaded(tmp_path, long + event(2))
    assert (case.events["record"].tolist(), case.sources["lost"].item()) == ([2], 1)
    assert case.problems["message"].str.contains("longer than").all()


def test_json_that_is_no_event_or_cut_off_is_counted(tmp_path):
    case = loaded(
        tmp_path, f'{evtxecmd(1, {})}\n{{"no": "event"}}\n17\n{evtxecmd(2, {})}\n{evtxecmd(3, {})[:40]}', name="x.json"
    )
    assert (case.events["record"].tolist(), case.sources["lost"].item(), balanced(case)) == ([1, 2], 3, True)


# Hostile documents.

BOMB = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c SYSTEM "file:///etc/hostname">]>'


def test_entities_of_a_document_are_never_expanded_or_fetched(tmp_path):
    inside = event(2, payload="<UserData><X>&b;&c;</X></UserData>")
    case = loaded(tmp_path, f"<?xml version='1.0'?>{BOMB}<Events>{event(1)}{inside}</Events>")
    host = Path("/etc/hostname").read_text().strip() if Path("/etc/hostname").exists() else "no such host"
    kept_as_json = case.events.to_csv()
    assert 1 in case.events["record"].tolist()
    assert "haha" not in kept_as_json
    assert host not in kept_as_json


def test_entities_of_an_export_by_powershell_are_not_expanded_either(tmp_path):
    text = CLIXML.format(values=VALUE.format(n=2, text="&b;&c;"))
    case = loaded(tmp_path, f"<?xml version='1.0'?>{BOMB}{text}")
    assert "haha" not in case.events.to_csv()


def test_deep_nesting_does_not_break_the_reader(tmp_path):
    deep = event(1, payload=f"<UserData>{'<a>' * 3000}{'</a>' * 3000}</UserData>")
    case = loaded(tmp_path, deep + event(2))
    assert 2 in case.events["record"].tolist()
    assert balanced(case)
    nested = '{"Event":' * 20_000
    with pytest.raises((UnknownFormat, NoEvents)):
        loaded(tmp_path, nested, name="deep.json")


@pytest.mark.parametrize(
    "content", ["", "<Events></Events>", "<html><Event/></html>", "{}", '{"a": 1}\n', "\x00\x01<Event>"]
)
def test_a_file_without_an_event_is_an_error_that_says_so(content, tmp_path):
    with pytest.raises(EvidenceError):
        loaded(tmp_path, content)


# What is asked for.


def test_only_events_that_are_asked_for_are_kept_and_the_rest_counted(tmp_path):
    other = event(2).replace("Microsoft-Windows-CAPI2", "ESENT")
    boot = event(3, event_id=6005).replace("Microsoft-Windows-CAPI2'", "EventLog'")
    chatter = event(4, event_id=6000).replace("Microsoft-Windows-CAPI2'", "EventLog'")
    text = event(1) + other + boot + chatter
    case = loaded(tmp_path, text)
    assert (case.events["record"].tolist(), case.sources["other"].item(), balanced(case)) == ([1, 3], 2, True)
    assert len(loaded(tmp_path, text, providers="*").events) == 4


def test_a_log_and_its_export_together_count_every_event_once(tmp_path):
    log = LAB / "jetdirect" / "Microsoft-Windows-CAPI2%4Operational.evtx"
    texts = [record["data"].split("?>", 1)[1] for record in PyEvtxParser(str(log)).records()]
    export = tmp_path / "export.xml"
    export.write_text(f"<Events>{''.join(texts)}</Events>")
    case = load([log, export])
    assert case.sources["duplicates"].tolist() == [0, len(texts)]
    assert balanced(case)


@pytest.mark.real
def test_a_real_system_log_and_its_event_viewer_export_give_the_same_table(real_logs):
    log = load(real_logs / "evtx" / "system_win11_2025.evtx", providers="*", engine="python-evtx")
    export = load(real_logs / "xml" / "eventviewer_export_system_win11_2025.xml", providers="*")
    assert (len(log.events), len(export.events)) == (1247, 1247)
    ours, theirs = cells(log), cells(export)
    for table in (ours, theirs):  # its rendering, and line ends that XML does not keep
        kept_as_json = [json.loads(text) if isinstance(text, str) else {} for text in table["extra"]]
        kept = [
            {name: text for name, text in row.items() if not name.startswith("RenderingInfo")} for row in kept_as_json
        ]
        table["extra"] = [json.dumps(row, sort_keys=True).replace("\\r\\n", "\\n") for row in kept]
    pd.testing.assert_frame_equal(ours, theirs)
    columnar, texts = (
        cells(load(real_logs / "evtx" / "system_win11_2025.evtx", providers="*", engine=engine))
        for engine in ("auto", "evtx")
    )
    assert columnar["time"].tolist() == theirs["time"].tolist()
    assert texts["time"].tolist() == theirs["time"].dt.floor("us").tolist()  # the library cuts there


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "record", "event_id"), [("51_setup_2017_rec25", 25, 51), ("53_setup_2017_rec28", 28, 53)]
)
def test_single_events_of_evtx_dump_equal_the_record_of_the_log(real_logs, name, record, event_id):
    case = load(real_logs / "xml" / f"evtxdump_event{name}.xml")
    row = case.events.reset_index().iloc[0]
    assert (row["record"], row["event_id"], row["process"], row["result"]) == (record, event_id, "Setup.exe", 0)
    assert row["url"] == "http://crl.microsoft.com/pki/crl/products/microsoftrootcert.crl"
    assert case.problems.empty


def test_the_record_behind_an_event_of_an_export_is_shown_again(tmp_path):
    case = loaded(tmp_path, f"<Events>{event(1)}{event(2, payload='<UserData><X>ü</X></UserData>')}</Events>")
    assert ">2</EventRecordID>" in c2.record_xml(case, 1)
    assert ">ü</X>" in c2.record_xml(case, 1)
    (tmp_path / "export.xml").write_text(f"<Events>{event(3)}</Events>")
    with pytest.raises(EvidenceError, match="not there any more"):
        c2.record_xml(case, 1)


def test_an_event_from_a_text_has_no_record_to_show():
    case = load(Path(__file__).parent / "samples" / "pasted" / "mail.txt")
    with pytest.raises(EvidenceError, match="only logs and exports of events hold records"):
        c2.record_xml(case, 0)
