"""Pasted events: what people's mails and forums made of them, and that nothing is invented to mend it."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capi2kit.case import Case, load
from capi2kit.errors import EvidenceError, UnknownFormat
from capi2kit.loaders import pasted
from capi2kit.loaders.evidence import Asked, EvidenceFile
from capi2kit.loaders.pasted.lost_tags import payloads, rebuild, tags_in
from capi2kit.loaders.text.dates import local_date

EVENT = """<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event">
<System><Provider Name="Microsoft-Windows-CAPI2" /><EventID>41</EventID><Level>2</Level><Task>41</Task>
<Opcode>2</Opcode><TimeCreated SystemTime="2010-08-03T16:06:39.848Z" /><EventRecordID>520397</EventRecordID>
<Channel>Microsoft-Windows-CAPI2/Operational</Channel><Computer>PC1</Computer></System>
<UserData><CertVerifyRevocation><Certificate fileRef="AB.cer" subjectName="Contoso Signing" />
<EventAuxInfo ProcessName="consent.exe" /><CorrelationAuxInfo TaskId="{1DEDDADF-26EC-40C5-81BC-C6F0FA87DF56}" SeqNumber="16" />
<Result value="80092013">The revocation server was offline.</Result></CertVerifyRevocation></UserData></Event>"""


def loaded(tmp_path, text: str, **how) -> Case:
    path = tmp_path / "mail.txt"
    path.write_text(text, encoding="utf-8")
    return load(path, **how)


def only(case: Case) -> pd.Series:
    assert len(case.events) == 1
    return case.events.reset_index().iloc[0]


def repairs(case: Case) -> str:
    return "\n".join(case.problems["message"])


# One event, and what was done to it on its way.

WORN = {
    "nothing": (lambda text: text, ""),
    "a browser's view": (
        lambda text: text.replace("\n<", "\n*-* <").replace("<System>", "\n- <System>"),
        "browser's view",
    ),
    "emphasis": (lambda text: text.replace('="', '="*').replace('" ', '*" ').replace('">', '*">'), "asterisks"),
    "typographic quotes": (lambda text: text.replace('"', "\u201d"), "typographic quotes"),
    "spaces that do not break": (lambda text: text.replace(" ", "\u00a0").replace("<Event\u00a0", "<Event "), "spaces"),
    "a quoted mail": (lambda text: "> " + text.replace("\n", "\n> "), "quoted mail"),
    "escaped brackets": (lambda text: text.replace("<", "&lt;").replace(">", "&gt;"), "angle brackets"),
    "mixed line ends": (lambda text: text.replace("\n", "\r\n", 3), ""),
}


@pytest.mark.parametrize(("wear", "repair"), WORN.values(), ids=WORN)
def test_an_event_is_read_whatever_was_done_to_it_and_the_repair_is_reported(wear, repair, tmp_path):
    case = loaded(tmp_path, f"Hello all,\n\nI get this:\n\n{wear(EVENT)}\n\nAny ideas?\n")
    row = only(case)
    assert (row["event_id"], row["record"], row["process"], row["seq"]) == (41, 520397, "consent.exe", 16)
    assert (row["result"], row["subject"]) == (0x80092013, "Contoso Signing")
    assert row["task_id"] == "1DEDDADF-26EC-40C5-81BC-C6F0FA87DF56"
    assert (repair in repairs(case)) if repair else set(case.problems["error"]) == {"not understood"}


def test_a_truncated_event_is_read_as_far_as_it_goes(tmp_path):
    case = loaded(tmp_path, "See:\n" + EVENT[: EVENT.index("<EventAuxInfo")])
    row = only(case)
    assert (row["event_id"], row["subject"]) == (41, "Contoso Signing")
    assert row[["process", "result", "seq"]].isna().all()
    assert "cut off" in repairs(case)


def test_what_the_author_left_out_is_missing_and_reported(tmp_path):
    case = loaded(tmp_path, f"See: {EVENT.replace('80092013', '[...]')}")
    row = only(case)
    assert pd.isna(row["result"])
    assert "left something out" in repairs(case)


def test_two_events_and_prose_between_them(tmp_path):
    case = loaded(tmp_path, f"First:\n{EVENT}\nthen\n{EVENT.replace('520397', '520398')}\n")
    assert case.events["record"].tolist() == [520397, 520398]
    assert case.sources[["promised", "loaded", "lost"]].iloc[0].tolist() == [2, 2, 0]


# Event Viewer's General tab and its like.

FAILED = (
    "Failed extract of third-party root list from auto update cab at: <http://ctl.example/authrootstl.cab> with error: "
)
EXPIRED_JA = "現在のシステム時計または署名ファイルのタイムスタンプで確認すると、必要な証明書の有効期間が過ぎています。"
BLOCKS = {
    "General tab": f"""Log Name:      Application
Source:        Microsoft-Windows-CAPI2
Date:          8/5/2010 4:05:35 PM
Event ID:      4107
Task Category: None
Level:         Error
Keywords:      Classic
User:          N/A
Computer:      PC1.contoso.example
Description:
{FAILED}The data is invalid.
""",
    "German": """Protokollname: Application
Quelle:        Microsoft-Windows-CAPI2
Datum:         05.08.2010 16:05:35
Ereignis-ID:   4107
Aufgabenkategorie:Keine
Ebene:         Fehler
Benutzer:      Nicht zutreffend
Computer:      PC1.contoso.example
""",
    "Japanese": """ログの名前: Application
ソース: Microsoft-Windows-CAPI2
日付: 2010/08/05 16:05:35
イベント ID: 4107
レベル: エラー
ユーザー: N/A
コンピューター: PC1.contoso.example
説明:
<http://ctl.example/authrootstl.cab> にある自動更新 cab ファイルからサード パーティのルート一覧を抽出できませんでした。エラー: {expired}
""".replace("{expired}", EXPIRED_JA),
    "Format-List": f"""TimeCreated  : 8/5/2010 4:05:35 PM
ProviderName : Microsoft-Windows-CAPI2
LogName      : Application
Id           : 4107
LevelDisplayName : Error
MachineName  : PC1.contoso.example
Message      : {FAILED}The data is invalid.
""",
}  # fmt: skip
RESULTS = {"General tab": 0x8007000D, "Format-List": 0x8007000D, "Japanese": 0x800B0101}


@pytest.mark.parametrize("form", BLOCKS)
def test_lines_of_label_and_value_are_an_event(form, tmp_path):
    case = loaded(tmp_path, f"Our servers log this every day:\n\n{BLOCKS[form]}\nWhat is it?", tz="Europe/Berlin")
    row = only(case)
    assert (row["event_id"], row["provider"], row["channel"]) == (4107, "Microsoft-Windows-CAPI2", "Application")
    assert (row["level"], row["host"], row["operation"]) == (2, "PC1.contoso.example", "RootListExtractFailed")
    assert (row["time"], row["zone"]) == (pd.Timestamp("2010-08-05T14:05:35Z"), "Europe/Berlin")
    assert row[["user_name", "user_sid", "task", "record"]].isna().all()
    if form in RESULTS:
        assert (row["url"], row["result"]) == ("http://ctl.example/authrootstl.cab", RESULTS[form])


def test_a_local_time_without_a_zone_is_read_as_utc_and_said_so(tmp_path):
    case = loaded(tmp_path, BLOCKS["General tab"])
    assert only(case)["time"] == pd.Timestamp("2010-08-05T16:05:35Z")
    assert "--tz" in repairs(case)


def test_a_block_with_its_xml_below_is_one_event(tmp_path):
    block = BLOCKS["General tab"].replace("4107", "41").split("Description")[0]
    case = loaded(tmp_path, f"{block}Event Xml:\n{EVENT}\n")
    assert only(case)["record"] == 520397


def test_prose_with_colons_is_no_event(tmp_path):
    with pytest.raises(UnknownFormat):
        loaded(tmp_path, "Source: a friend\nDate: yesterday\nUser: me\n\nNo event id here.\n")


# Event Viewer's Friendly View, which shows all elements below UserData on one level.

FRIENDLY = """- System

  - Provider

   [ Name]  Microsoft-Windows-CAPI2
   [ Guid]  {5bbca4a8-b209-48dc-a8c7-b23d3e5216fb}

   EventID 11

   Level 2

   Task 11

   Opcode 2

  - TimeCreated

   [ SystemTime]  2022-07-25T07:59:02.256483700Z

   EventRecordID 1834

   Correlation

   Channel Microsoft-Windows-CAPI2/Operational

   Computer SP01.contoso.example

- UserData

  - CertGetCertificateChain

  - Certificate

   [ fileRef]  AA.cer
   [ subjectName]  graph.contoso.example

   ValidationTime 2022-07-25T07:57:14.515Z

  - AdditionalStore

  - Certificate

   [ fileRef]  BB.cer
   [ subjectName]  Contoso CA

  - CertificateChain

   [ chainRef]  {15DE00A4-2C51-42E0-A086-C85E1B51E30A}

  - TrustStatus

  - ErrorStatus

   [ value]  1000040

  - ChainElement

  - Certificate

   [ fileRef]  AA.cer
   [ subjectName]  graph.contoso.example

  - TrustStatus

  - ErrorStatus

   [ value]  1000040

  - ChainElement

  - Certificate

   [ fileRef]  BB.cer
   [ subjectName]  Contoso CA

  - TrustStatus

  - ErrorStatus

   [ value]  0

  - EventAuxInfo

   [ ProcessName]  w3wp.exe

  - CorrelationAuxInfo

   [ TaskId]  {0FBD18B4-EFAD-4CFE-B4E8-1DE60B22ED57}
   [ SeqNumber]  11

  - Result The revocation function was unable to check revocation because the revocation server was offline.

   [ value]  80092013
"""


def test_a_friendly_view_gets_its_nesting_back(tmp_path):
    case = loaded(tmp_path, f"The details:\n\n{FRIENDLY}\n\n\n\n\n\nThanks in advance!")
    row = only(case)
    assert (row["event_id"], row["record"], row["host"], row["phase"]) == (11, 1834, "SP01.contoso.example", "stop")
    assert (row["process"], row["seq"], row["result"]) == ("w3wp.exe", 11, 0x80092013)
    assert (row["subject"], row["trust_error"]) == ("graph.contoso.example", 0x1000040)
    assert case.chain[["subject", "error_status"]].to_numpy().tolist() == [
        ["graph.contoso.example", 0x1000040],
        ["Contoso CA", 0],
    ]
    assert "nesting worked out" in repairs(case)


# Loose tags: what is left when a web site drops every tag without attributes.

LEFT = """
<UIChoice value="2">WTD_UI_NONE</UIChoice>
<StateAction value="0">WTD_STATEACTION_IGNORE</StateAction>
<CertificateChain chainRef="{963B980F-686F-4510-B7BA-4E400027465B}" />
<EventAuxInfo ProcessName="spoolsv.exe" />
<CorrelationAuxInfo TaskId="{4A74C3A9-C2A6-4C10-A05C-5452578D2010}" SeqNumber="6" />
<Result value="800B010F">The certificate's CN name does not match the passed value.</Result>
"""


def test_the_event_of_loose_tags_is_inferred_from_them_and_said_so(tmp_path):
    case = loaded(tmp_path, f"And then this:\n{LEFT}\nStrange.")
    row = only(case)
    assert (row["event_id"], row["operation"], row["result"]) == (81, "VerifyTrust", 0x800B010F)
    assert row[["time", "host", "record", "level", "opcode"]].isna().all()
    assert "no event id is given; 81 inferred from its elements" in repairs(case)


def test_loose_tags_that_fit_several_events_are_none(tmp_path):
    with pytest.raises(UnknownFormat):
        loaded(tmp_path, 'Hello\n<EventAuxInfo ProcessName="a.exe" />\nbye')


def test_html_is_no_event(tmp_path):
    with pytest.raises(UnknownFormat):
        loaded(tmp_path, '<p>An article</p>\n<div class="x"><Header>Certificate</Header></div>')


def test_a_value_that_is_lost_is_not_taken_from_the_next_element(tmp_path):
    usages = '<Usage oid="" name="Server Authentication" /><Usage oid="2.16.840.1.113730.4.1" />'
    block = BLOCKS["General tab"].replace("4107", "11").replace("Application", "Microsoft-Windows-CAPI2/Operational")
    text = f'{block.split("Description")[0]}\n<ExtendedKeyUsage orMatch="true">{usages}\n<EventAuxInfo ProcessName="x.exe" />\n'
    row = only(loaded(tmp_path, text))
    assert row["usage_name"] == "Server Authentication"
    assert pd.isna(row["usage_oid"])


@given(
    st.sampled_from(payloads()).flatmap(
        lambda one: st.tuples(st.just(one), st.lists(st.sampled_from(one.paths), max_size=30))
    )
)
def test_every_tag_finds_a_place_and_none_is_lost(drawn):
    payload, paths = drawn
    text = "".join(f'<{path[-1].rstrip("*")} n="{number}" />' for number, path in enumerate(paths))
    root = rebuild(payload, tags_in(text))
    numbers = sorted(int(element.get("n")) for element in root.iter() if element.get("n") is not None)
    assert numbers == list(range(len(paths)))


@pytest.mark.parametrize("payload", payloads(), ids=lambda payload: payload.root)
def test_tags_in_the_order_of_windows_come_back_as_the_tree_they_were(payload):
    text = "".join(f'<{path[-1].rstrip("*")} n="1" />' for path in payload.paths)
    root = rebuild(payload, tags_in(text))
    found = {
        tuple(reversed([part.tag for part in [element, *element.iterancestors()]][:-1])) for element in root.iter()
    } - {()}
    assert found == {tuple(step.rstrip("*") for step in path) for path in payload.paths}


# Dates that can mean one thing only.


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("8/6/2007 6:40:34 PM", "2007-08-06T18:40:34"),
        ("\u200e8/\u200e6/\u200e2007 12:05 AM", "2007-08-06T00:05:00"),
        ("2011/03/03 5:34:22", "2011-03-03T05:34:22"),
        ("06.08.2007 18:40:34", "2007-08-06T18:40:34"),
        ("2024-05-06 07:08:09.25", "2024-05-06T07:08:09.250"),
        ("13/03/2011 21:00:00", "2011-03-13T21:00:00"),
        ("4/4/2011 21:00:00", "2011-04-04T21:00:00"),
        ("3/4/2011 21:00:00", None),  # in March or in April?
        ("31.02.2011 21:00:00", None),
        ("yesterday", None),
        ("YYYY/MM/DD HH:MM:SS", None),
    ],
)
def test_a_date_is_read_if_it_can_mean_one_day_only(text, date):
    assert local_date(text) == (pd.Timestamp(date) if date else None)


ROWS = ("events", "cache_entries", "settings")  # what a part of a text becomes

# Whatever is in it: no crash, and everything accounted for.


@given(
    st.text(max_size=400).flatmap(
        lambda text: st.sampled_from([text, text + EVENT, EVENT[:300] + text, text + FRIENDLY])
    )
)
def test_any_text_is_read_or_refused_but_never_breaks_the_reader(text):
    file = EvidenceFile("mail.txt", text.encode("utf-8", "replace"))
    if pasted.sniff(file.data, "mail.txt"):
        batches = list(pasted.read(file, asked=Asked()))
        facts = batches[-1]["sources"].iloc[0]
        assert facts["promised"] == facts["loaded"] + facts["lost"] > 0
        assert sum(len(batch.get(table, ())) for batch in batches for table in ROWS) == facts["loaded"]
        assert facts["understood"] <= facts["units"]


def test_a_text_longer_than_anybody_pastes_is_refused_with_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(pasted, "LONGEST", 1000)
    with pytest.raises(EvidenceError, match="more than 1000 characters"):
        loaded(tmp_path, f"Hello,\n{EVENT}" + "x" * 2000)


# The documents this project began with.


@pytest.fixture(scope="module")
def seed(real_logs):
    """The seed document with this number, loaded."""
    folder = real_logs.parent / "seeds"
    if not folder.is_dir():
        pytest.skip("the five documents that the project began with are not beside the real logs, in a folder `seeds`")
    return lambda number: load(next(folder.glob(f"{number:03}_*")))


@pytest.mark.real
def test_seed_0_has_the_event_53_of_which_its_author_kept_the_account_and_the_error(seed):
    case = seed(0)
    row = only(case)
    assert (row["event_id"], row["operation"]) == (53, "RetrieveObjectFromNetwork")
    assert (row["user_sid"], row["url_scheme"]) == ("S-1-[MORE-STUFF-HERE]", "http")
    assert (row["result_text"], row["result"]) == ("This network connection does not exist.", 0x800708CA)
    assert row[["url", "time", "host"]].isna().all()
    assert "left something out" in repairs(case)


@pytest.mark.real
def test_seed_1_has_three_whole_events(seed):
    case = seed(1)
    events = case.events.reset_index()
    assert events["event_id"].tolist() == [4107, 41, 11]
    assert events["record"].tolist() == [35951, 520397, 520398]
    assert events["result"].tolist() == [0x800B0101, 0x80092013, 0x80092013]
    assert events["flags"].tolist()[1:] == [0x6, 0xC8000005]
    assert events["process"].tolist()[1:] == ["consent.exe", "consent.exe"]
    assert events["seq"].tolist()[1:] == [16, 17]
    assert events["task_id"].nunique() == 1
    assert events["time"].tolist()[0] == pd.Timestamp("2010-08-05T14:05:35.276367100Z")
    assert events["url"].tolist()[0].endswith("/trustedr/en/authrootstl.cab")
    assert events["trust_error"].tolist()[2] == 0x1000040
    assert case.chain["subject"].tolist() == [
        "Microsoft Time-Stamp Service",
        "Microsoft Time-Stamp PCA",
        "Microsoft Root Certificate Authority",
    ]
    assert case.chain["error_status"].tolist() == [0x1000040, 0, 0]
    assert case.chain["revocation_result"].tolist()[:2] == [0x80092013, 0]
    assert case.sources["lost"].item() == 0


@pytest.mark.real
def test_seed_2_has_the_japanese_4107(seed):
    row = only(seed(2))
    assert (row["event_id"], row["channel"], row["level"]) == (4107, "Application", 2)
    assert (row["operation"], row["result"]) == ("RootListExtractFailed", 0x800B0101)
    assert row["url"] == "http://ctldl.windowsupdate.com/msdownload/update/v3/static/trustedr/en/authrootstl.cab"
    assert row[["time", "host"]].isna().all()  # placeholders in the article


@pytest.mark.real
def test_seed_3_has_two_cache_entries_inside_a_sentence_and_one_is_the_corrected_list(seed):
    entries = seed(3).cache_entries
    assert entries["bytes"].tolist() == [30436, 29367]
    assert entries["url_role"].tolist() == ["CTL", "CTL"]
    assert entries["account"].tolist() == ["LocalAdmin", "LocalAdmin"]


@pytest.mark.real
def test_seed_4_has_two_events_with_lost_tags_and_one_without_its_head(seed):
    case = seed(4)
    events = case.events.reset_index()
    assert events["event_id"].tolist() == [80, 11, 81]
    assert events["seq"].tolist() == [1, 11, 6]
    assert events["process"].tolist() == ["spoolsv.exe"] * 3
    assert events["result"].tolist()[1:] == [0x800B0109, 0x800B010F]
    assert events["user_name"].tolist()[:2] == [r"CRISCO1\administrator"] * 2
    assert events["time"].tolist()[:2] == [pd.Timestamp("2007-08-06T18:40:34Z"), pd.Timestamp("2007-08-06T18:40:35Z")]
    assert events["trust_error"].tolist()[1] == 0x20
    assert events["flags"].tolist()[2] == 0x80000000
    assert case.chain[["subject", "error_status"]].to_numpy().tolist() == [["HP Jetdirect 0AF8ACE8", 0x20]]
    assert pd.isna(events["usage_oid"].tolist()[1])  # the site lost it; that of the third usage is not it
    assert "81 inferred from its elements" in repairs(case)
