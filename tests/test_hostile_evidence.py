"""Hostile evidence: files made to stop the readers, to make them lose something in silence, or to invent something."""

import json
import re
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path
from xml.sax.saxutils import escape

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from outlines import EPOCH, spans, waits

import capi2kit as c2
from capi2kit.case import Case, load
from capi2kit.cli import main
from capi2kit.columns.cells import empty, shaped
from capi2kit.columns.nearby import short_names
from capi2kit.columns.urls import url_columns
from capi2kit.errors import EvidenceError
from capi2kit.knowledge import operations_marking
from capi2kit.loaders import pasted
from capi2kit.loaders.evidence import Problems
from capi2kit.loaders.text.lines import in_utc
from capi2kit.startups import find_startups
from capi2kit.startups.clocks import correct_events
from capi2kit.startups.cross_checks import confirm_drops, confirm_spans
from capi2kit.startups.outer_interval import frame_startups
from capi2kit.winevent.skeletons import Skeletons, parse

EVENT = (
    "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>"
    "<Provider Name='Microsoft-Windows-CAPI2'/><EventID>11</EventID>"
    "<Channel>Microsoft-Windows-CAPI2/Operational</Channel><Computer>SP01</Computer></System></Event>"
)
BARE = "<Event ><System><EventID>1</EventID></System>"
BLOCK = "Log Name: Application\nSource: CAPI2\nEvent ID: 4107\nLevel: Error\n"
TAGS = '<EventAuxInfo ProcessName="a.exe"/>'
IIS = "#Software: Microsoft Internet Information Services 10.0\n#Fields: date time s-computername cs-uri-stem sc-status time-taken\n"
ULS = "Timestamp\tProcess\tTID\tArea\tCategory\tEventID\tLevel\tMessage\tCorrelation\n"
ULS_PASTED = "03/05/2024 07:57:38.30 w3wp.exe (0x1EFC) 0x1234 SharePoint Foundation Topology e5mc Medium message\n"
CLIXML = '<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">{}</Objs>'
RECORD = (
    '<Obj RefId="0"><TN RefId="0"><T>System.Diagnostics.Eventing.Reader.EventLogRecord</T></TN><Props>'
    '<I32 N="Id">11</I32><S N="ProviderName">Microsoft-Windows-CAPI2</S>{}</Props></Obj>'
)
VALUE = '<Obj N="Properties"><LST><Obj><Props><S N="Value">{}</S></Props></Obj></LST></Obj>'


def loaded(tmp_path: Path, content: str | bytes, *, name: str = "x.txt", **how: object) -> Case:
    """The case of one file. What was promised must be accounted for, and every loss reported."""
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    case = load(path, **how)
    rows = case.sources
    assert (rows["promised"] == rows["loaded"] + rows["other"] + rows["duplicates"] + rows["lost"]).all()
    assert case.problems["lost"].sum() == rows["lost"].sum()
    return case


def figures(case: Case) -> tuple[str, int, int]:
    row = case.sources.iloc[0]
    return row["loader"], int(row["loaded"]), int(row["lost"])


# Time: what a reader spends must grow with the length of a text, not with its square or worse.

SLOW = {
    "events without an end": lambda n: "<Events>" + EVENT + "<Event " * (n // 7),
    "events before one end": lambda n: "<Events>" + EVENT + "<Event >" * (n // 8) + "</Event>",
    "events with many prefixes": lambda n: EVENT + "".join(f"<a{i}:Event >" for i in range(n // 14)),
    "comments without an end": lambda n: EVENT + "<!-- " * (n // 5),
    "providers without an end": lambda n: EVENT + BARE + "<Provider " * (n // 10) + "</Event>",
    "brackets in a mixed text": lambda n: BARE + "<a>" + ">" * n + "<b/></a></Event>",
    "a quote and many lines": lambda n: BARE + '<a>="' + "\n" * n + "</a></Event>",
    "an element of many attributes": lambda n: (
        BARE + "<a " + " ".join(f'b{i}="1"' for i in range(n // 12)) + "/></Event>"
    ),
    "comments above no event": lambda n: "see\n" + EVENT + "<!---->" * (n // 7),
    "a long object of JSON": lambda n: '{"Event": {"System": {"EventID": 1,\n"a": [\n' + '{"a": "b"},\n' * (n // 12) + "{}]}}}",
    "a list of event texts": lambda n: "see\n" + (EVENT + "\n") * (n // len(EVENT)),
    "blocks": lambda n: "see\n" + (BLOCK + "\nfoo\n") * (n // 80),
    "blocks with descriptions": lambda n: "see\n" + (BLOCK + "Description:\nfoo bar\n") * (n // 100),
    "blocks with tags": lambda n: "see\n" + (BLOCK + f"Description:\nfoo\n{TAGS}\n\n") * (n // 140),
    "loose tags": lambda n: "see\n" + f"event id: 53\n{TAGS}\nfoo\n" * (n // 60),
    "tags that close": lambda n: "see\n" + EVENT + TAGS + "</a>" * (n // 4) + "x" + TAGS,
    "typographic quotes": lambda n: "see\n" + EVENT + "<a" + "\u201c" * n,
    "an elision without an end": lambda n: "see\n" + EVENT + "<Event ><a/>[" + "..." * (n // 3),
    "tabs in a line": lambda n: EVENT + "see " + "\t" * n,
    "a page of parts without an end": lambda n: "<html>" + EVENT + "<p>" * (n // 3),
    "lines of braces": lambda n: EVENT + "{\n" * (n // 2),
    "rows of a table": lambda n: EVENT + "| a | b |\n" * (n // 10),
    "headings of events": lambda n: BLOCK * (n // len(BLOCK)),
    "the same lines below a description": lambda n: BLOCK + "Description:\n" + "x\n" * (n // 2),
    "a line of fields": lambda n: IIS + "2024-05-06 07:08:09 SP01 /a 200 1\n#Fields: " + "x " * (n // 2) + "\n",
    "blanks in a trace log": lambda n: "see\n" + ULS_PASTED + ("03/05/2024 07:57:38.30" + " " * 400 + "x\n") * (n // 424),
}  # fmt: skip
TIMED = """
import sys, time
import capi2kit as c2
start = time.process_time()
c2.load(sys.argv[1], providers="*")
print(time.process_time() - start)
"""


@pytest.mark.slow
@pytest.mark.parametrize("what", SLOW)
def test_a_text_of_half_a_megabyte_is_read_in_seconds(what, tmp_path):
    """Before each of these was fixed it took from half a minute to years."""
    path = tmp_path / "x.txt"
    path.write_text(SLOW[what](500_000), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", TIMED, str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr[-500:]
    assert float(done.stdout) < 20


@pytest.mark.parametrize("begin", ["<!---->", "<?a?>", "<!DOCTYPE a []>"])
def test_what_stands_above_a_document_does_not_stop_the_search_for_its_reader(begin, tmp_path):
    path = tmp_path / "x.txt"
    path.write_text(begin * 40 + "no event", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", TIMED, str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert "UnknownFormat" in done.stderr


def test_a_file_of_bad_lines_gives_so_many_rows_of_one_kind_and_one_for_the_rest(tmp_path, monkeypatch):
    monkeypatch.setattr(Problems, "MOST", 3)
    case = loaded(tmp_path, IIS + "2024-05-06 07:08:09 SP01 /a 200 1\n" + "x\n" * 10)
    assert figures(case) == ("w3c", 1, 10)
    assert case.problems["lost"].tolist() == [1, 1, 1, 7]
    assert case.problems["message"].iloc[-1] == "and 7 more like it"


# Exports.


@pytest.mark.parametrize("name", ["base64", "zlib", "rot13", "undefined", "idna", "unicode_escape", "utf-7", "utf-16"])
def test_a_declared_encoding_that_is_none_of_texts_does_no_harm(name, tmp_path):
    case = loaded(tmp_path, f"<?xml version='1.0' encoding='{name}'?><Events>{EVENT}</Events>")
    assert figures(case) == ("eventxml", 1, 0)


def test_events_in_a_comment_without_an_end_are_reported(tmp_path):
    case = loaded(tmp_path, f"<Events>{EVENT}<!--{EVENT}")
    assert figures(case) == ("eventxml", 1, 1)
    assert case.problems["message"].str.contains("comment that begins at offset").all()


ROWS = {
    "no event in it": ("<foo/>", 0),
    "a declaration above it": (f"<?xml version='1.0' encoding='utf-8'?>{EVENT}", 1),
    "an entity": (f"<!DOCTYPE x [<!ENTITY a 'b'>]><Events>&a;{EVENT}</Events>", 0),
    "half a sign": (EVENT.replace("SP01", "\ud800"), 1),
}


@pytest.mark.parametrize(("xml", "more"), ROWS.values(), ids=ROWS)
def test_a_row_of_plaso_with_odd_xml_costs_no_more_than_itself(xml, more, tmp_path):
    rows = [json.dumps({"xml_string": text}) for text in (EVENT, xml, EVENT)]
    assert figures(loaded(tmp_path, "\n".join(rows))) == ("eventxml", 2 + more, 1 - more)


@pytest.mark.parametrize("content", [EVENT, json.dumps({"xml_string": EVENT})], ids=["xml", "json"])
def test_signs_of_another_encoding_are_reported(content, tmp_path):
    case = loaded(tmp_path, content.replace("SP01", "SP\u00e401").encode("cp1252").replace(b"\\u00e4", b"\xe4"))
    assert case.problems["error"].tolist() == ["wrong encoding"]


def row(number: int, **how: object) -> str:
    system = {"Provider": {"#attributes": {"Name": "Microsoft-Windows-CAPI2"}}, "EventID": 11, "EventRecordID": number}
    return json.dumps({"Event": {"System": system}}, **how)


def test_a_list_on_one_line_has_all_its_events(tmp_path):
    case = loaded(tmp_path, f"[{row(1)},{row(2)}, {row(3)}]")
    assert case.events["record"].tolist() == [1, 2, 3]


@pytest.mark.parametrize("how", [{}, {"indent": 2}], ids=["a line each", "over several lines"])
def test_a_row_of_json_that_is_cut_off_does_not_take_the_next_ones_with_it(how, tmp_path):
    cut = row(1, **how)[:-20]
    case = loaded(tmp_path, "\n".join([row(0, **how), cut, row(2, **how), row(3, **how)]))
    assert case.events["record"].tolist() == [0, 2, 3]
    assert figures(case) == ("eventxml", 3, 1)


def test_braces_inside_of_texts_do_not_count(tmp_path):
    case = loaded(tmp_path, '{"Event": {"System": {"EventID": 11,\n"Computer": "}}{\\"}"}}}\n' + row(2))
    assert case.events["host"].tolist()[-1] == '}}{"}'
    assert figures(case) == ("eventxml", 2, 0)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("a_x0001_b_xD800_", "a\ufffdb\ufffd"),
        ("_xD83D__xDE00_", "\U0001f600"),
        ("&lt;unknown&gt;", "<unknown>"),
        ("&lt;?xml version='1.0' encoding='utf-8'?&gt;&lt;a&gt;b&lt;/a&gt;", None),
    ],
)
def test_a_value_that_xml_cannot_hold_does_not_end_an_export_of_powershell(value, kept, tmp_path):
    content = CLIXML.format(RECORD.format(VALUE.format(value)) + RECORD.format(VALUE.format("next")))
    case = loaded(tmp_path, content, name="x.clixml")
    assert figures(case) == ("eventxml", 2, 0)
    assert kept is None or json.loads(case.events["extra"].iloc[0])["EventData/Data"] == kept


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_a_stream_of_powershell_has_a_line_above_its_xml(encoding, tmp_path):
    content = "#< CLIXML\r\n" + CLIXML.format(RECORD.format(VALUE.format("\u00e4")))
    case = loaded(tmp_path, content.encode(encoding), name="x.clixml")
    assert figures(case) == ("eventxml", 1, 0)
    assert "\u00e4" in case.events["extra"].iloc[0]


# Skeletons: what is read by the shape of an event equals what a walk of it finds.

ODD = [*"ab1 \t\n\r<>&\"'[]@~/%{}=", *"\u00e9\u2028\ue000\ue001\ue002\ue003\x85\xa0\U0001f600"]
SIGNS = st.text(st.sampled_from(ODD), max_size=8)
WORDS = st.sampled_from(["true", "NewProcessId", "TargetUserSid", "0x1f4", "</Data>", "", "\ue0000\ue001"])
FORMS = {
    "labelled": '<Data Name="{0}">{1}</Data>',
    "without a label": "<Data>{1}</Data>",
    "behind another attribute": '<Data Type="x" Name="{0}">{1}</Data>',
    "with blanks": '<Data  Name = "{0}" >{1}</Data >',
    "with a prefix": '<x:Data xmlns:x="u" Name="{0}">{1}</x:Data>',
    "empty": '<Data Name="{0}"/>',
    "with a child": '<Data Name="{0}"><b c="{0}">{1}</b>{1}</Data>',
    "with a tail": '<Data Name="{0}">{1}</Data>{1}',
}


def data(form: str, label: str, text: str) -> str:
    returned = {"\r": "&#13;"}
    return form.format(escape(label, returned | {'"': "&quot;"}), escape(text, returned))


DATA = st.builds(data, st.sampled_from(list(FORMS.values())), SIGNS | WORDS, SIGNS | WORDS)
EVENTS = st.builds(
    "<Event><System><EventID>{}</EventID{}><Channel>{}</Channel></System><EventData>{}</EventData></Event>".format,
    st.sampled_from(["4688", "11"]),
    st.sampled_from(["", " "]),
    st.sampled_from(["Security", "Application"]),
    st.lists(DATA, max_size=4).map("".join),
)


def comparable(rows: list) -> list:
    return [(layout.table, layout.columns, layout.extra, values) for layout, values in rows]


@settings(max_examples=500, deadline=None)
@given(st.lists(EVENTS, min_size=1, max_size=3))
def test_reading_by_shape_equals_walking_whatever_the_labels_are(events):
    skeletons = Skeletons()
    for xml in [*events, *reversed(events)]:
        try:
            walked = comparable(Skeletons().walk(parse(xml)))
        except etree.XMLSyntaxError:  # signs that no XML may hold
            continue
        assert comparable(skeletons.read(xml)) == walked


@pytest.mark.parametrize("form", ["behind another attribute", "with blanks", "with a prefix"])
def test_a_label_chooses_the_column_wherever_it_stands(form):
    xml = "<Event><System><EventID>4688</EventID><Channel>Security</Channel></System><EventData>{}</EventData></Event>"
    layout, values = Skeletons().read(xml.format(data(FORMS[form], "NewProcessId", "0x1f4")))[0]
    assert dict(zip(layout.columns, values, strict=False))["new_pid"] == "0x1f4"


# Pasted text.


def test_a_text_that_ends_in_the_name_of_an_event_is_read(tmp_path):
    assert figures(loaded(tmp_path, f"see\n{EVENT}\n<Event ")) == ("pasted", 1, 0)


def test_speaking_of_an_event_makes_none(tmp_path):
    assert figures(loaded(tmp_path, f"see\n{EVENT}\nbelow the <Event> element there is more -> here")) == (
        "pasted",
        1,
        0,
    )


def test_the_beginning_of_a_long_article_may_end_anywhere(tmp_path):
    for shift in range(0, len(EVENT), 16):
        text = "see" + " " * shift + "\n" + f"{EVENT}\n" * (400_000 // len(EVENT))
        assert pasted.sniff(text.encode(), "x.txt")


def test_a_block_and_the_xml_below_it_are_one_event_wherever_they_stand(tmp_path):
    block = BLOCK.replace("4107", "11")
    case = loaded(tmp_path, f"see\n{EVENT}\nand then\n{block}Event Xml:\n{EVENT}")
    assert figures(case) == ("pasted", 2, 0)


def test_a_block_above_the_xml_of_another_event_stays(tmp_path):
    case = loaded(tmp_path, f"see\n{BLOCK}\n{EVENT}")
    assert case.events["event_id"].tolist() == [4107, 11]


@pytest.mark.parametrize("date", ["12/31/9999 11:59:59 PM", "4/11/2262 11:40:59 PM", "9/22/1677 1:40:59 AM"])
@pytest.mark.parametrize("tz", ["America/New_York", "Asia/Tokyo"])
def test_a_date_beyond_what_can_be_stored_is_missing_and_reported(date, tz, tmp_path):
    case = loaded(tmp_path, f"{BLOCK}Date: {date}\n", tz=tz)
    assert case.events["time"].isna().all()
    assert case.problems["message"].str.contains("the time is missing").any()


def test_names_that_xml_cannot_have_do_not_stop_a_reader(tmp_path):
    view = "see\n- System\n\n  EventID 11\n\n  EventID\u00b2 3\n\n   [ 1x:]  a\n\n- UserData\n\n  - X\u00b2\n\n   [ 9]  B\n\n"
    case = loaded(tmp_path, view)
    assert case.events["event_id"].tolist() == [11]
    assert "B" in case.events["extra"].iloc[0]
    tags = 'event id: 53\n<EventAuxInfo 1x="a" :="b" xmlns:foo="c" ProcessName="d"/>\n<Security x:y="1" UserID="S-1-5-18"/>'
    assert loaded(tmp_path, tags).events.index.get_level_values("process").tolist() == ["d"]


# Other texts.


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_lines_may_end_as_they_like(end, tmp_path):
    line = "2024-05-06 07:08:09 SP01 /a 200 1"
    assert figures(loaded(tmp_path, end.join([*IIS.splitlines(), line, line]))) == ("w3c", 2, 0)
    trace = "03/05/2024 07:57:38.30\tw3wp.exe (0x1EFC)\t0x1234\tSP\tTopology\te5mc\tMedium\tmessage\t"
    assert figures(loaded(tmp_path, end.join([ULS.strip(), trace, trace]))) == ("uls", 2, 0)


def test_a_list_of_processes_says_what_it_could_not_read(tmp_path):
    head = '"name","pid","parent","started_utc","command_line"\r\n'
    case = loaded(tmp_path, head + '"a.exe","x","4","yesterday","a"\r\n"b.exe","12","4","2026-01-01T00:00:00Z","c"\r\n')
    assert case.problems["message"].tolist() == [
        "1 cells do not fit `time` and are missing there",
        "1 cells do not fit `new_pid` and are missing there",
    ]


def test_a_giant_line_in_facts_of_a_computer_is_a_value(tmp_path):
    case = loaded(tmp_path, "A" * 200_000 + "\nDate: x\n", name="machine/machine.txt")
    assert case.settings["value"].str.len().tolist() == [200_000, 1]


def test_a_hash_that_the_manifest_does_not_give_is_no_difference(tmp_path):
    with zipfile.ZipFile(tmp_path / "kit.zip", "w") as packed:
        packed.writestr("machine/wp.txt", 'WP "1" (applicationPool:A)\r\n')
        packed.writestr(
            "manifest.csv", '"file","bytes","sha256","command","utc"\r\n"machine/wp.txt","1","","","2026"\r\n'
        )
    assert load(tmp_path / "kit.zip").problems.empty


def test_an_archive_with_two_files_of_one_name_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as packed, warnings.catch_warnings(action="ignore"):
        packed.writestr("a.xml", EVENT)
        packed.writestr("a.xml", EVENT.replace("11", "12"))
    with pytest.raises(EvidenceError, match="two of its files have one name"):
        load(tmp_path / "x.zip")


def test_a_folder_with_files_that_nobody_knows_is_read_all_the_same(tmp_path):
    for name, content in {"a.xml": EVENT.encode(), "b.bin": b"\x00\x01", "c.txt": b"once", "d.txt": b""}.items():
        (tmp_path / name).write_bytes(content)
    case = load(tmp_path)
    assert len(case.events) == 1
    assert [Path(re.split(" is | has ", message)[0]).name for message in case.problems["message"]] == [
        "b.bin",
        "c.txt",
        "d.txt",
    ]


def test_a_folder_called_as_two_computers_are_names_neither(tmp_path):
    log = IIS.replace("s-computername ", "") + "2024-05-06 07:08:09 /{} 200 1\n"
    for folder, computer in {"one": "web.a.example", "two": "web.b.example", "three": "db.a.example"}.items():
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "export.xml").write_text(EVENT.replace("SP01", computer))
    for folder in ("web", "web.a.example", "db"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "u_ex240506.log").write_text(log.format(folder))
    requests = load(tmp_path).events.query("channel == 'IIS W3C log'")
    assert requests["host"].fillna("").tolist() == ["db.a.example", "web.a.example", ""]


# Computers, processes and clocks that are not what they seem.

CHECKS = """
VerifyTrust                       10.0  14.0  target=a.dll
  RetrieveObjectFromNetwork       11.0  13.0  url=http://crl.test/a
"""


def at_home(table: pd.DataFrame, name: str, *, host: str | None, pid: int | None) -> pd.DataFrame:
    return shaped(table.assign(host=host, process="w3wp.exe", pid=pd.array([pid] * len(table), "Int64")), name)


def evidence(*rows: dict) -> pd.DataFrame:
    made = [
        {"time": EPOCH + pd.Timedelta(seconds=row["at"]), "event": 100 + n}
        | {key: value for key, value in row.items() if key != "at"}
        for n, row in enumerate(rows)
    ]
    return shaped(pd.DataFrame(made), "events").set_index(["task_id", "process"])


def framed(*rows: dict, host: str | None = "WEB01", pid: int | None = 4000, listed: str = "1") -> pd.Series:
    table = at_home(spans(CHECKS), "spans", host=host, pid=pid)
    startups = find_startups(table, at_home(waits(CHECKS), "waits", host=host, pid=pid))
    pools = shaped(pd.DataFrame([{"path": "applicationPool", "name": listed, "value": "Portal"}]), "settings")
    return frame_startups(startups, evidence(*rows), settings=pools, gap_s=60).iloc[0]


def created(at: float, **more: object) -> dict:
    return {"at": at, "operation": "ProcessCreated", "host": "WEB01", "new_pid": 4000} | more


def request(at: float, took: float, **more: object) -> dict:
    return {"at": at, "operation": "HttpRequest", "host": "WEB01", "duration_s": took, "resolution_s": 1.0} | more


FOREIGN = {
    "a process without an id is not every process": (created(8, new_pid=None), {"pid": None}),
    "two unknown computers are not one": (created(8, host=None), {"host": None}),
    "computers of one short name": (created(8, host="WEB01.b.example"), {"host": "WEB01.a.example"}),
    "no time": (created(8) | {"time": pd.NaT}, {}),
}


@pytest.mark.parametrize(("row", "how"), FOREIGN.values(), ids=FOREIGN)
def test_evidence_of_something_else_does_not_move_a_start(row, how):
    other = {"at": 0, "operation": "other", "host": how.get("host", "WEB01")}
    assert framed(other, row, **how)["start_from"] == "first operation"


def test_a_whole_name_and_a_short_one_are_one_computer_if_there_is_only_one_such():
    hosts = pd.Series(["WEB01.a.example", "web01", "DB.a.example", "db.b.example", "DB", None], dtype="string[pyarrow]")
    assert short_names(hosts).tolist()[:5] == ["WEB01", "WEB01", "DB.A.EXAMPLE", "DB.B.EXAMPLE", "DB"]
    assert framed(created(8, host="web01"), host="WEB01.a.example")["start_from"] == "process created"


def test_of_two_processes_with_one_id_the_one_right_before_counts():
    assert framed(created(2), created(8), created(12))["start"] == EPOCH + pd.Timedelta(seconds=8)


@pytest.mark.parametrize("listed", ["9" * 30, "1.5", "inf", "nan", "\u0663", "", "4000"])
def test_what_is_no_process_id_has_no_pool(listed):
    assert framed(created(8), listed=listed)["app_pool"] is not None  # <NA> or a name, and no exception


def test_a_request_of_a_thousand_years_is_none():
    assert framed(request(15, 3e13))["stop_from"] == "last operation"
    assert framed(request(15, 14))["stop_from"] == "request served"


def test_a_busy_web_server_does_not_fill_the_memory():
    """Half a million requests beside a start-up: only those near it are looked at."""
    table = at_home(spans(CHECKS), "spans", host="WEB01", pid=4000)
    startups = find_startups(table, at_home(waits(CHECKS), "waits", host="WEB01", pid=4000))
    many = pd.concat([startups] * 300, ignore_index=True).assign(startup=range(300))
    count = 500_000
    asked = pd.DataFrame(
        {
            "time": EPOCH + pd.to_timedelta(range(100, 100 + count), unit="s"),
            "host": "WEB01",
            "operation": "HttpRequest",
            "duration_s": 0.1,
            "event": range(count),
        }
    )
    found = frame_startups(
        many, shaped(asked, "events").set_index(["task_id", "process"]), settings=empty("settings"), gap_s=60
    )
    assert set(found["stop_from"]) == {"last operation"}


def packet(at: float, server: str, **more: object) -> dict:
    return {"at": at, "operation": "Packet", "host": "WEB01", "category": "DROP TCP", "server": server} | more


def test_a_port_that_is_none_is_no_port():
    table = at_home(waits(CHECKS), "waits", host="WEB01", pid=4000)
    name = next(iter(operations_marking("packet")))
    rows = [
        packet(at, f"10.0.0.1:{port}", operation=name) for at, port in ((9, 443), (12, 80), (12.5, "9" * 30), (14, 80))
    ]
    assert confirm_drops(table, evidence(*rows))["firewall_drops"].tolist() == [1]
    nowhere = table.assign(**url_columns(pd.Series([f"HTTP://crl.test:{'9' * 30}/a"])))
    assert confirm_drops(nowhere, evidence(*rows))["firewall_drops"].tolist() == [0]
    assert confirm_drops(table, evidence(*[row | {"host": None} for row in rows]))["firewall_drops"].tolist() == [1]


def test_a_validation_of_an_unknown_computer_confirms_nothing():
    table = at_home(spans(CHECKS), "spans", host=None, pid=4000)
    row = {"at": 14, "operation": "SlowCertificateValidation", "duration_s": 4.0, "host": None}
    assert confirm_spans(table, evidence(row)).empty
    assert len(confirm_spans(at_home(table, "spans", host="WEB01", pid=4000), evidence(row | {"host": "WEB01"}))) == 1
    endless = evidence(row | {"host": "WEB01", "duration_s": float("inf")})
    assert confirm_spans(at_home(table, "spans", host="WEB01", pid=4000), endless).empty


@pytest.mark.parametrize("offset", [5.0, -1.2e10, 1.2e10])
def test_a_date_of_another_century_does_not_break_the_clock(offset):
    events = evidence({"at": 0, "host": "WEB01"}, {"at": 0, "host": None}, {"at": 0, "host": "WEB01", "time": pd.NaT})
    clocks = shaped(pd.DataFrame([{"host": "WEB01", "time": EPOCH, "offset_s": offset}]), "clocks")
    moved = correct_events(events, clocks)["time"]
    expected = EPOCH - pd.Timedelta(seconds=5) if offset == 5.0 else EPOCH
    assert moved.iloc[0] == expected
    assert (moved.iloc[1], moved.isna().tolist()) == (EPOCH, [False, False, True])


# The hour that a clock shows twice.


def local(*times: str | None) -> pd.Series:
    return pd.Series(times, dtype="datetime64[ns]")


@pytest.mark.parametrize(
    ("times", "hours"),
    [
        (("2024-10-27 02:30", "2024-10-27 02:10", None), [0, 1]),  # it went back: the order tells
        (("2024-10-27 02:30", None, "2024-10-27 02:40"), [1, 1]),  # nothing tells: the second time
        (("2024-03-31 02:30", None), [1]),  # no clock showed it
    ],
)
def test_an_hour_shown_twice_or_never_is_read_and_nothing_breaks(times, hours):
    problems = Problems()
    read = in_utc(local(*times), tz="Europe/Berlin", problems=problems)
    assert read.dropna().dt.hour.tolist() == hours
    assert problems.table()["error"].tolist() == (["time shown twice"] if hours == [1, 1] else [])


# A case without any event.


def test_settings_alone_can_be_analysed_shown_and_reported(tmp_path, capsys):
    case = loaded(tmp_path, 'WP "4120" (applicationPool:Portal)\n')
    assert case.events.empty and len(case.settings) == 1
    analysis = c2.analyse(case, correct_clocks=True)
    assert c2.headline(analysis)
    assert "Case" in case._repr_html_() and analysis._repr_html_()
    path = str(tmp_path / "x.txt")
    for words in (
        ["summary", path],
        ["info", path],
        ["events", path, "-f", "csv"],
        ["report", path, "-o", str(tmp_path / "r.html")],
    ):
        main(words)
        assert capsys.readouterr().out, words
    assert (tmp_path / "r.html").stat().st_size > 1000
