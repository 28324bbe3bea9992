"""Exports: one event 53, or one 4107, in the form of every program that people export events with; what each keeps of it."""

from __future__ import annotations

import csv
import io
import json

import pandas as pd
import pytest

from capi2kit.case import Case, load
from capi2kit.errors import UnknownFormat

OPERATIONAL = "Microsoft-Windows-CAPI2/Operational"
TASK = "AD28C3AB-7CFE-4CF0-A623-F6CAC805A73C"
URL = "http://crl.contoso.example/ca.crl"
PAYLOAD = (
    f'<CryptRetrieveObjectByUrlWire><URL scheme="http">{URL}</URL><Object type="CONTEXT_OID_CRL" constant="2"/><Timeout>PT15S</Timeout>'
    f'<EventAuxInfo ProcessName="spoolsv.exe"/><CorrelationAuxInfo TaskId="{{{TASK}}}" SeqNumber="3"/>'
    '<Result value="2EE2">The operation timed out</Result></CryptRetrieveObjectByUrlWire>'
)
XML = (
    '<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event"><System><Provider Name="Microsoft-Windows-CAPI2"/>'
    "<EventID>53</EventID><Level>2</Level><Task>53</Task><Opcode>2</Opcode>"
    '<TimeCreated SystemTime="2024-09-13T05:55:33.0809929Z"/><EventRecordID>44</EventRecordID>'
    f'<Execution ProcessID="872" ThreadID="876"/><Channel>{OPERATIONAL}</Channel><Computer>SRV01</Computer>'
    f'<Security UserID="S-1-5-18"/></System><UserData>{PAYLOAD}</UserData></Event>'
)
WINLOGBEAT = {
    "@timestamp": "2024-09-13T05:55:33.080Z", "log": {"level": "error"}, "event": {"code": "53"}, "message": "For more details …",
    "winlog": {
        "provider_name": "Microsoft-Windows-CAPI2", "event_id": "53", "channel": OPERATIONAL, "computer_name": "SRV01",
        "record_id": 44, "task": "Retrieve Object from Network", "opcode": "Stop", "keywords": ["Path Discovery"],
        "process": {"pid": 872, "thread": {"id": 876}}, "user": {"identifier": "S-1-5-18"},
        "user_data": {"URL": URL, "Timeout": "PT15S", "Result": "The operation timed out", "xml_name": "CryptRetrieveObjectByUrlWire"},
    },
}  # fmt: skip
NXLOG = {
    "EventTime": "2024-09-13 07:55:33", "Hostname": "SRV01", "Keywords": -9214364837600034816, "EventType": "ERROR",
    "SeverityValue": 4, "EventID": 53, "SourceName": "Microsoft-Windows-CAPI2", "Task": 53, "OpcodeValue": 2, "RecordNumber": 44,
    "ProcessID": 872, "ThreadID": 876, "Channel": OPERATIONAL, "UserID": "S-1-5-18", "UserData": f"<UserData>{PAYLOAD}</UserData>",
    "SourceModuleType": "im_msvistalog",
}  # fmt: skip
CHAINSAW = {
    "Event": {
        "System": {
            "Channel": OPERATIONAL, "Computer": "SRV01", "Correlation": None, "EventID": 53, "EventRecordID": 44, "Level": 2,
            "Task": 53, "Opcode": 2, "Execution_attributes": {"ProcessID": 872, "ThreadID": 876},
            "Provider_attributes": {"Name": "Microsoft-Windows-CAPI2"}, "Security_attributes": {"UserID": "S-1-5-18"},
            "TimeCreated_attributes": {"SystemTime": "2024-09-13T05:55:33.080992Z"},
        },
        "UserData": {
            "CryptRetrieveObjectByUrlWire": {
                "URL": URL, "URL_attributes": {"scheme": "http"}, "Timeout": "PT15S",
                "EventAuxInfo_attributes": {"ProcessName": "spoolsv.exe"},
                "CorrelationAuxInfo_attributes": {"TaskId": f"{{{TASK}}}", "SeqNumber": "3"},
                "Result": "The operation timed out", "Result_attributes": {"value": "2EE2"},
            }
        },
    },
    "Event_attributes": {"xmlns": "http://schemas.microsoft.com/win/2004/08/events/event"},
}  # fmt: skip
EVTXECMD = {
    "RecordNumber": "44", "EventRecordId": "44", "TimeCreated": "2024-09-13 05:55:33.0809929", "EventId": "53", "Level": "Error",
    "Provider": "Microsoft-Windows-CAPI2", "Channel": OPERATIONAL, "ProcessId": "872", "ThreadId": "876", "Computer": "SRV01",
    "ChunkNumber": "0", "UserId": "S-1-5-18", "MapDescription": "", "PayloadData1": "", "SourceFile": "x.evtx",
    "Payload": json.dumps({"UserData": {"CryptRetrieveObjectByUrlWire": {
        "URL": {"@scheme": "http", "#text": URL}, "Timeout": "PT15S", "EventAuxInfo": {"@ProcessName": "spoolsv.exe"},
        "CorrelationAuxInfo": {"@TaskId": f"{{{TASK}}}", "@SeqNumber": "3"}, "Result": {"@value": "2EE2"}}}}),
}  # fmt: skip
HAYABUSA = {
    "Timestamp": "2024-09-13 07:55:33.080 +02:00", "RuleTitle": "CAPI2 error", "Level": "med", "Computer": "SRV01",
    "Channel": "MS-Win-CAPI2/Op", "EventID": 53, "RecordID": 44, "RuleID": "x",
    "AllFieldInfo": {"URL": URL, "ProcessName": "spoolsv.exe", "TaskId": f"{{{TASK}}}", "SeqNumber": 3, "value": "2EE2"},
}  # fmt: skip
HAYABUSA_CELL = " ¦ ".join(f"{name}: {value}" for name, value in HAYABUSA["AllFieldInfo"].items())
HUNTER = {
    "EventTime": "2024-09-13T05:55:33.0809929Z", "Computer": "SRV01", "Channel": OPERATIONAL, "Provider": "Microsoft-Windows-CAPI2",
    "EventID": 53, "EventRecordID": 44, "UserSID": "S-1-5-18", "Username": "", "EventData": None, "Message": "For more details …",
    "UserData": {
        "CryptRetrieveObjectByUrlWire": {
            "URL": {"scheme": "http", "Value": URL}, "Timeout": "PT15S", "EventAuxInfo": {"ProcessName": "spoolsv.exe"},
            "CorrelationAuxInfo": {"TaskId": f"{{{TASK}}}", "SeqNumber": 3},
            "Result": {"value": "2EE2", "Value": "The operation timed out"},
        }
    },
}  # fmt: skip
POWERSHELL = {
    "Id": 53, "Version": 0, "Qualifiers": None, "Level": 2, "Task": 53, "Opcode": 2, "Keywords": 4611686018427387909, "RecordId": 44,
    "ProviderName": "Microsoft-Windows-CAPI2", "LogName": OPERATIONAL, "ProcessId": 872, "ThreadId": 876, "MachineName": "SRV01",
    "UserId": {"BinaryLength": 12, "Value": "S-1-5-18"}, "TimeCreated": "/Date(1726206933080)/", "LevelDisplayName": "Error",
    "Properties": [{"Value": "x"}], "Message": "For more details …",
}  # fmt: skip
DISSECT = {
    "ts": "2024-09-13T05:55:33.080992+00:00", "Provider_Name": "Microsoft-Windows-CAPI2", "EventID": 53, "Level": "2", "Task": "53",
    "Opcode": "2", "EventRecordID": "44", "Execution_ProcessID": "872", "Execution_ThreadID": "876", "Channel": OPERATIONAL,
    "Computer": "SRV01", "Security_UserID": "S-1-5-18", "CryptRetrieveObjectByUrlWire_URL": URL, "Result_value": "2EE2",
    "EventAuxInfo_ProcessName": "spoolsv.exe", "CorrelationAuxInfo_TaskId": f"{{{TASK}}}", "CorrelationAuxInfo_SeqNumber": "3",
    "CryptRetrieveObjectByUrlWire_Timeout": "PT15S",
}  # fmt: skip


def lines(*rows: object) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def table(*rows: dict[str, str], sign: str = ",") -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter=sign)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


# name: the text, and which of process, task id, URL, result and level the program keeps

ALL = ("process", "task_id", "url", "result", "level")
FORMS = {
    "Winlogbeat": (lines(WINLOGBEAT), ("url", "result", "level")),
    "Winlogbeat with the XML": (lines(WINLOGBEAT | {"event": {"original": XML}}), ALL),
    "an answer of Elasticsearch": (json.dumps({"hits": {"hits": [{"_source": WINLOGBEAT}]}}, indent=2), ("url", "result", "level")),
    "NXLog": (lines(NXLOG), ALL),
    "NXLog by syslog": (f"<14>Sep 13 07:55:33 SRV01 nxWinEvt: {lines(NXLOG)}", ALL),
    "Splunk, JSON": (lines({"preview": False, "offset": 0, "result": {"_raw": XML, "host": "x", "sourcetype": "XmlWinEventLog"}}), ALL),
    "Splunk, CSV": (table({"_time": "2024", "_raw": XML}), ALL),
    "Splunk, XML lines": (f"{XML}\n", ALL),
    "EvtxECmd, CSV": ("\ufeff" + table(EVTXECMD), ALL),
    "EvtxECmd, JSON": (lines(EVTXECMD | {"TimeCreated": "2024-09-13T05:55:33.0809929+00:00"}), ALL),
    "Hayabusa, JSON": (json.dumps(HAYABUSA, indent=4), ("process", "task_id", "url")),
    "Hayabusa, CSV": (table({name: str(cell) for name, cell in HAYABUSA.items() if name != "AllFieldInfo"}), ()),
    "Hayabusa, details": (
        table({name: str(cell) for name, cell in HAYABUSA.items() if name != "AllFieldInfo"} | {"Details": HAYABUSA_CELL}),
        ("process", "task_id", "url"),
    ),
    "Velociraptor, hunt": (lines(HUNTER), ("process", "task_id", "url", "result")),
    "Chainsaw, hunt": (json.dumps([{"group": "Sigma", "document": {"kind": "evtx", "data": CHAINSAW}, "level": "low"}]), ALL),
    "Chainsaw, search": (lines(CHAINSAW), ALL),
    "ConvertTo-Json": (json.dumps([POWERSHELL], indent=4), ("level",)),
    "ConvertTo-Json of one": (json.dumps(POWERSHELL, indent=4), ("level",)),
    "ConvertTo-Json of XML": (json.dumps([XML]), ALL),
    "dissect": (lines(DISSECT), ALL),
}  # fmt: skip
RIGHT = {"process": "spoolsv.exe", "task_id": TASK, "url": URL, "level": 2}


def loaded(tmp_path, text: str, *, tz: str | None = "Europe/Berlin") -> Case:
    path = tmp_path / "export.txt"
    path.write_text(text, encoding="utf-8")
    return load(path, tz=tz)


@pytest.mark.parametrize("form", FORMS)
def test_an_export_keeps_its_event_and_as_much_of_its_payload_as_the_program_wrote(form, tmp_path):
    text, kept = FORMS[form]
    case = loaded(tmp_path, text)
    (row,) = case.events.reset_index().to_dict("records")
    assert (row["event_id"], row["record"], row["host"], row["channel"]) == (53, 44, "SRV01", OPERATIONAL)
    assert (row["operation"], row["phase"]) == ("RetrieveObjectFromNetwork", "stop")
    assert row["time"].floor("s") == pd.Timestamp("2024-09-13T05:55:33Z")
    assert [name for name in ("process", "task_id", "url", "result", "level") if not pd.isna(row[name])] == list(kept)
    assert {name: row[name] for name in kept if name != "result"} == {
        name: RIGHT[name] for name in kept if name != "result"
    }
    assert "result" not in kept or row["result"] in (0x2EE2, 0x80072EE2)
    assert case.sources["loader"].tolist() == ["eventxml"] and case.sources["lost"].tolist() == [0]


FAILED = "Failed extract of third-party root list from auto update cab at: "
LIST = f"{FAILED}<http://ctl.example/authrootstl.cab> with error: The data is invalid."
BY_MESSAGE = {
    "Event Viewer, CSV": f'Level,Date and Time,Source,Event ID,Task Category\nError,9/13/2024 7:55:33 AM,CAPI2,4107,None,"{LIST}"\n',
    "Event Viewer, German, with tabs": "Ebene\tDatum und Uhrzeit\tQuelle\tEreignis-ID\tAufgabenkategorie\n"
    f'Fehler\t13.09.2024 07:55:33\tMicrosoft-Windows-CAPI2\t4107\tKeine\t"{LIST}"\n',
    "Export-Csv": table({"TimeCreated": "9/13/2024 7:55:33 AM", "Id": "4107", "LevelDisplayName": "Error", "Message": LIST}),
    "Get-EventLog, JSON": lines(
        {"MachineName": "x", "Index": 3, "EventID": 4107, "EntryType": 1, "Message": LIST, "TimeGenerated": "/Date(1726206933000)/"}
    ),
    "wevtutil /f:text": "Event[0]:\n  Log Name: Application\n  Source: Microsoft-Windows-CAPI2\n  Date: 2024-09-13T07:55:33.000\n"
    f"  Event ID: 4107\n  Task: N/A\n  Level: Error\n  Opcode: Info\n  User: N/A\n  Computer: x\n  Description: \n{LIST}\n",
    "wevtutil /f:text, Windows 11": "Event[0]\n  Log Name: Application\n  Source: Microsoft-Windows-CAPI2\n"
    f"  Date: 2024-09-13T05:55:33.0000000Z\n  Event ID: 4107\n  Level: Error\n  Description: \n{LIST}\n",
    "Splunk, text": "09/13/2024 07:55:33 AM\nLogName=Application\nEventCode=4107\nEventType=2\nType=Error\n"
    f"SourceName=Microsoft-Windows-CAPI2\nComputerName=x\nMessage={LIST}\n",
    "Format-List": "TimeCreated  : 9/13/2024 7:55:33 AM\nProviderName : Microsoft-Windows-CAPI2\nId           : 4107\n"
    f"Level        : 2\nMessage      : {LIST[:80]}\n               {LIST[80:]}\n",
    "NT 5": "Event Type: Error\nEvent Source: crypt32\nEvent Category: None\nEvent ID: 11\nDate: 9/13/2024\nTime: 7:55:33 AM\n"
    f"User: N/A\nComputer: x\nDescription:\n{LIST}\n",
    "labels on one line": "Log Name: Application Source: Microsoft-Windows-CAPI2 Date: 9/13/2024 7:55:33 AM Event ID: 4107 Level: Error "
    f"Computer: x Description: {LIST}\n",
    "a Markdown table": "| Field | Value |\n|---|---|\n| Log Name | Application |\n| Source | Microsoft-Windows-CAPI2 |\n"
    f"| Date | 9/13/2024 7:55:33 AM |\n| Event ID | 4107 |\n| Level | Error |\n| Description | {LIST} |\n",
}  # fmt: skip


@pytest.mark.parametrize("form", BY_MESSAGE)
def test_what_keeps_the_message_only_gives_time_level_url_and_code(form, tmp_path):
    case = loaded(tmp_path, BY_MESSAGE[form])
    (row,) = case.events.reset_index().to_dict("records")
    assert row["operation"] == "RootListExtractFailed"
    assert (row["channel"], row["level"], row["time"]) == ("Application", 2, pd.Timestamp("2024-09-13T05:55:33Z"))
    assert (row["url"], row["result"]) == ("http://ctl.example/authrootstl.cab", 0x8007000D)


TABLE = """PS C:\\> Get-WinEvent Microsoft-Windows-CAPI2/Operational

   ProviderName: Microsoft-Windows-CAPI2

TimeCreated                      Id LevelDisplayName Message
-----------                      -- ---------------- -------
2024-09-13 7:55:33               30 Error            For more details for this event, please refer to the "Details" sect...
9/13/2024 7:55:34 AM             51 Information      For more details for this event, please refer to the "Details" sect...
"""


@pytest.mark.parametrize("blanks", [False, True])
def test_a_table_of_powershell_is_read_even_if_its_blanks_were_lost(blanks, tmp_path):
    text = "\n".join(" ".join(line.split()) for line in TABLE.splitlines()) if blanks else TABLE
    case = loaded(tmp_path, text)
    assert case.events[["event_id", "level"]].to_numpy().tolist() == [[30, 2], [51, 4]]
    assert case.events["time"].tolist() == [pd.Timestamp("2024-09-13T05:55:33Z"), pd.Timestamp("2024-09-13T05:55:34Z")]
    assert set(case.events["operation"]) == {"VerifyChainPolicy", "RetrieveObjectFromCache"}
    assert case.problems["error"].tolist() == ["not understood"]  # the prompt


def test_a_record_that_several_rules_name_is_one_event(tmp_path):
    case = loaded(tmp_path, lines(HAYABUSA, HAYABUSA | {"RuleTitle": "another"}))
    assert case.sources[["promised", "loaded", "duplicates"]].iloc[0].tolist() == [2, 1, 1]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Name,Size,Modified\na,1,2\n", "a table (CSV) with the columns Name, Size, Modified"),
        ('{"a": 1, "level": "info", "id": 7, "message": "x"}\n', "JSON with the names a, level, id, message"),
        ('[{"b": {"c": 1}}]', "JSON with the names b.c"),
        (",".join(f"c{i}" for i in range(20)) + "\n" + ",".join("x" * 20) + "\n", "c10, c11 and 8 more"),
    ],
)
def test_unknown_json_and_tables_are_named_with_their_columns(text, named, tmp_path):
    with pytest.raises(UnknownFormat) as caught:
        loaded(tmp_path, text)
    assert named in str(caught.value)


def test_rows_inside_prose_are_read_beside_other_evidence(tmp_path):
    text = (
        f"This is what Kibana gave me:\n\n```json\n{json.dumps(WINLOGBEAT, indent=2)}\n```\n\nand the General tab:\n\n"
    )
    case = loaded(tmp_path, f"{text}{BY_MESSAGE['NT 5']}\nAny ideas?\n")
    assert case.events["event_id"].tolist() == [53, 11]
    assert case.problems["message"].str.partition(" w")[0].tolist() == ["line 1", "line 43", "line 56"]


def test_a_field_beside_an_event_is_not_the_value_at_its_place(tmp_path):
    message = "Failed extract of third-party root list from auto update cab at: <http://ctl.example/a.cab> with error: The data is invalid."
    row = NXLOG | {
        "EventID": 4107,
        "Channel": "Application",
        "Message": message,
        "SourceModuleName": "in",
        "OwnField": "x",
    }
    del row["UserData"]
    event = loaded(tmp_path, lines(row)).events.iloc[0]
    assert (event["url"], event["result"]) == ("http://ctl.example/a.cab", 0x8007000D)
