"""The other evidence of a simulated incident: all of it must tell the same story on the same clock."""

import re
from collections import Counter
from datetime import datetime, timedelta

import pytest
from lxml import etree

from capi2kit.errors import ScenarioError
from capi2kit.lab.eventforms import SECOND, write_event
from capi2kit.lab.reading import make_scenario
from capi2kit.lab.simulate.certutil import cached_name
from capi2kit.lab.simulate.companions import write_companions
from capi2kit.lab.simulate.messageforms import CHANNELS, OLD_INTERFACE, message_forms
from capi2kit.lab.simulate.messages import message_records
from capi2kit.lab.simulate.programs import happen
from capi2kit.lab.simulate.sharepoint import HEADER, Line, format_line
from capi2kit.lab.simulate.timezone import utc_time
from capi2kit.lab.simulate.webserver import find_requests, find_resets, started_up

BEGINS = datetime(2012, 3, 5, 6)
FARM = "S-1-5-21-1-2-3-1107"
HOST = "SP01.contoso.example"
FILES = {"caller": "authenticode", "signers": ["code"], "folder": "C:\\x\\", "files": ["a.dll", "b.dll"]}
TOKENS = {"caller": "dotnet", "signers": ["sts"], "repeat": 2}


def incident(*, answer="drop", work=(FILES, TOKENS), error_s=37.5, **other):
    """A SharePoint server whose portal loads two signed files and checks the token service's certificate twice."""
    table = {
        "id": "incident",
        "title": "t",
        "story": "s",
        "find": "f",
        "begins": BEGINS,
        "seed": 7,
        "companions": True,
        "host": [{"name": HOST, "clock_error_s": error_s, "retrievals": "sends"}],
        "account": [{"id": "net", "sid": "S-1-5-20"}, {"id": "farm", "sid": FARM}],
        "signer": [
            {"id": "code", "subject": "Code", "ca": "Code CA", "root": "Root", "host": "crl.contoso.example"},
            {"id": "sts", "subject": "Tokens", "ca": "Services", "root": "Farm", "host": "x.example"}
            | {"revocation": "none", "trusted": False},
        ],
        "server": [{"host": "*", "answer": answer}],
        "process": [
            process("timer", image="OWSTIMER.EXE", pid=2212, account="farm", start_s=20, work=[FILES]),
            process("portal", app_pool="SharePoint - 80", work=list(work)),
        ],
    }
    return happen(make_scenario(table | other, file="incident.toml"))


def process(name, **other):
    """A worker process, if nothing else is said."""
    return {"id": name, "image": "w3wp.exe", "pid": 4120, "account": "net", "start_s": 30} | other


@pytest.fixture(scope="module")
def world():
    return incident()


def events(world, channel, host=HOST):
    return [record.event for record in message_records(world, host, channel=channel)]


def strings(event):
    return [data.text or "" for data in event.iter("Data")]


def time_of(event):
    return datetime.fromisoformat(event.find("System/TimeCreated").get("SystemTime")[:26])


def named(form, found):
    return [one for one in found if one.findtext("System/EventID") == str(message_forms()[form].id)]


def on_the_clock(world, moment, host=HOST):
    return utc_time(world.logs[host].clock.exact(moment))


def table_of(files, pattern):
    """The lines of the one file whose name fits, without its headers."""
    (name,) = [one for one in files if re.fullmatch(pattern, one)]
    return [line for line in files[name].decode().split("\r\n") if line and not line.startswith(("#", "Timestamp"))]


def w3c(files):
    rows = []
    for line in table_of(files, r"u_ex\d{6}\.log"):
        cells = line.split(" ")
        ended = datetime.fromisoformat(f"{cells[0]}T{cells[1]}")
        rows.append((ended - timedelta(milliseconds=int(cells[-1])), ended, int(cells[-1]) / 1000))
    return rows


def uls(files):
    return [line.split("\t") for line in table_of(files, r"SP01-\d{8}-\d{4}\.log")]


def test_the_request_that_woke_the_process_waited_for_its_start_up(world):
    (portal,) = [one for one in world.scenario.process if one.id == "portal"]
    created = world.begins + 30 * SECOND
    ready = started_up(world, HOST, process=portal)
    assert (ready - created) / SECOND > 35  # two chains of 15 s, at least one file of 10 s
    slow = [row for row in w3c(write_companions(world, HOST)) if row[2] > 5]
    first = min(slow)
    assert first[2] >= (ready - created) / SECOND
    assert first[2] < (ready - created) / SECOND + 2
    assert all(abs((ended - on_the_clock(world, ready)).total_seconds()) < 3 for _, ended, _ in slow)


def test_only_what_came_during_the_start_up_is_slow(world):
    rows = w3c(write_companions(world, HOST))
    before = [row for row in rows if row[1] < on_the_clock(world, find_resets(world, HOST)[0].begins)]
    slow = [row for row in rows if row[2] > 5]
    after = rows[len(before) + len(slow) :]
    assert len(before) >= 2 and len(slow) >= 2 and len(after) >= 5
    assert max(row[2] for row in before + after) < 1


def test_no_request_ends_or_arrives_while_the_web_service_stands(world):
    (reset,) = find_resets(world, HOST)
    for request in find_requests(world, HOST):
        assert request.ended < reset.begins or request.arrived > reset.running[0]


def test_each_line_of_the_w3c_log_has_the_fields_of_its_header(world):
    files = write_companions(world, HOST)
    lines = files["u_ex120305.log"].decode().splitlines()
    headers = [line for line in lines if line.startswith("#Fields:")]
    assert len(headers) == 2  # the service was started once
    assert len(set(headers)) == 1
    assert headers[0].endswith(" sc-win32-status time-taken")
    widths = {len(line.split(" ")) for line in lines if not line.startswith("#")}
    assert widths == {len(headers[0].split(" ")) - 1}


def test_iis_since_windows_8_logs_the_referrer():
    newer = incident(host=[{"name": HOST, "windows": "2019"}])
    assert b"10.0\r\n" in write_companions(newer, HOST)["u_ex120305.log"]
    assert b" cs(Referer) " in write_companions(newer, HOST)["u_ex120305.log"]


def test_a_coarse_clock_measures_requests_in_its_ticks(world):
    fast = {round(row[2] * 1000) for row in w3c(write_companions(world, HOST)) if row[2] < 5}
    assert fast <= {int(ticks * 15.625) for ticks in range(30)}


def test_requests_across_midnight_lie_in_two_files():
    late = incident(begins=datetime(2012, 3, 5, 23, 58, 50), error_s=0.0)
    files = write_companions(late, HOST)
    assert {"u_ex120305.log", "u_ex120306.log"} <= set(files)
    for name in ("u_ex120305.log", "u_ex120306.log"):
        lines = files[name].decode().splitlines()
        assert lines[0].startswith("#Software:")
        assert {line[2:10].replace("-", "") for line in lines if not line.startswith("#")} == {name[4:10]}


def test_the_trace_log_is_in_local_time_and_in_order(world):
    lines = uls(write_companions(world, HOST))
    stamps = [datetime.strptime(cells[0][:22], "%m/%d/%Y %H:%M:%S.%f") for cells in lines]
    assert stamps == sorted(stamps)
    (start,) = [
        stamp for stamp, cells in zip(stamps, lines, strict=True) if "ULS Init" in cells[7] and "w3wp" in cells[1]
    ]
    ahead = start - on_the_clock(world, world.begins + 30 * SECOND)
    assert timedelta(hours=1) < ahead < timedelta(hours=1, seconds=1)


def test_the_system_log_tells_the_time_zone_of_the_trace_log(world):
    (uptime,) = named("uptime", events(world, "System"))
    assert strings(uptime)[6].split(" ")[0] == "-60"
    assert time_of(uptime).strftime("%H:%M:%S") == "11:00:00"


def test_columns_of_the_trace_log_are_as_wide_as_real_ones(world):
    widths = [len(cell) for cell in HEADER.split("\t")]
    assert widths == [23, 40, 6, 30, 30, 7, 10, 8, 11]
    for cells in uls(write_companions(world, HOST)):
        assert [len(cell) for cell in cells[:5]] == widths[:5]
        assert len(cells) == 9
        assert len(cells[8]) == 36


def test_a_long_message_goes_on_behind_a_star():
    text = "".join(f"{number:05d}" for number in range(400))
    lines = [line.split("\t") for line in format_line(Line(0, "w3wp.exe", 1, 2, "Topology", "x", "High", text), 0)]
    assert [cells[0][-1] for cells in lines] == [" ", "*", "*"]
    assert [len(cells[7]) for cells in lines] == [803, 806, 403]
    assert "".join(cells[7].strip(".") for cells in lines) == text


def test_every_complaint_is_a_validation_of_that_length(world):
    chains = {
        f"{(one.stop - one.start) / 10_000:.4f}": one
        for one in world.operations
        if one.name == "BuildChain" and one.stop - one.start >= 14.988 * SECOND
    }
    complaints = named("sharepoint-validation-slow", events(world, "Application"))
    assert len(complaints) == 2
    for event in complaints:
        one = chains[f"{float(strings(event)[0]):.4f}"]
        execution = event.find("System/Execution")
        assert (execution.get("ProcessID"), execution.get("ThreadID")) == (str(one.pid), str(one.tid))
        assert timedelta(0) <= on_the_clock(world, one.stop) - time_of(event) < timedelta(milliseconds=16)
        assert event.find("System/Security").get("UserID") == "S-1-5-20"
    given = [cells for cells in uls(write_companions(world, HOST)) if cells[6] == "Critical"]
    sentence = "A certificate validation operation took {} milliseconds and has exceeded the execution time threshold."
    assert [cells[7].split("  ")[0] for cells in given] == [sentence.format(*strings(event)) for event in complaints]


def test_sharepoint_does_not_complain_of_files():
    files = incident(work=[FILES], account=[{"id": "net", "sid": "S-1-5-20"}, {"id": "farm", "sid": FARM}])
    longest = max(one.stop - one.start for one in files.operations if one.name == "BuildChain")
    assert longest > 14.988 * SECOND  # 10 s and 5 s: long enough, but a file's chain is not SharePoint's
    assert not named("sharepoint-validation-slow", events(files, "Application"))


def test_nothing_that_is_fast_is_complained_of():
    assert not events(incident(answer="refuse"), "Application")


def test_the_reset_is_over_before_the_first_worker_process_does_anything(world):
    system = events(world, "System")
    first = min(one.start for one in world.operations if one.process == "w3wp.exe")
    stop, start = named("iis-stopped", system) + named("iis-started", system)
    states = [strings(event) for event in named("service-state", system)]
    assert time_of(stop) <= time_of(start) < on_the_clock(world, first)
    assert strings(stop) == strings(start) == ["CONTOSO\\Administrator"]
    iis = [state for state in states if "Timer" not in state[0]]
    assert [state for _, state in iis] == ["stopped"] * 3 + ["running"] * 3
    assert [name for name, _ in iis] == [name for name, _ in iis][::-1]
    order = [event.findtext("System/EventID") for event in system]
    assert order.index(str(message_forms()["iis-stopped"].id)) < order.index(str(message_forms()["iis-started"].id))
    assert order[-1] == str(message_forms()["iis-started"].id)


def test_the_state_of_a_service_is_also_shown_by_its_short_name(world):
    states = named("service-state", events(world, "System"))
    given = {
        (bytes.fromhex(event.findtext("EventData/Binary")).decode("utf-16-le"), *strings(event)) for event in states
    }
    assert ("W3SVC/1\0", "World Wide Web Publishing Service", "stopped") in given
    assert ("W3SVC/4\0", "World Wide Web Publishing Service", "running") in given
    assert ("SPTimerV4/4\0", "SharePoint 2010 Timer", "running") in given


def test_a_pool_that_starts_again_was_reset_again():
    work = [FILES | {"at_s": 0}]
    twice = incident(
        process=[
            process("first", app_pool="p", work=work),
            process("other", app_pool="q", work=work, pid=5000, start_s=32),
            process("again", app_pool="p", work=work, pid=6000, start_s=75),
        ]
    )
    resets = find_resets(twice, HOST)
    assert [[one.id for one in reset.processes] for reset in resets] == [["first", "other"], ["again"]]
    requests = find_requests(twice, HOST)
    assert all(one.ended < resets[1].begins or one.arrived > resets[1].done for one in requests)
    assert sum(one.pid == 4120 and one.arrived == one.began for one in requests) < 7  # the second reset cut them short
    assert len(named("iis-started", events(twice, "System"))) == 2


def test_records_are_numbered_in_the_order_of_their_writing():
    given = {"form": "root-added", "texts": ["CN=Root", "00"]}
    world = incident(message=[given | {"at_s": 5 + number / 1000} for number in range(20)])
    for channel in CHANNELS:
        records = message_records(world, HOST, channel=channel)
        assert [record.number for record in records] == list(range(1, len(records) + 1))
        assert [record.written for record in records] == sorted(record.written for record in records)
        assert [record.event.findtext("System/EventRecordID") for record in records] == [
            str(record.number) for record in records
        ]


@pytest.mark.parametrize(("windows", "whole"), [("2008 R2", True), ("2012 R2", True), ("2019", False)])
def test_records_of_the_old_interface_have_whole_seconds_before_windows_10(windows, whole):
    system = events(incident(host=[{"name": HOST, "windows": windows}]), "System")
    old = [event for event in system if event.findtext("System/Keywords") == OLD_INTERFACE]
    assert len(old) == 3
    assert all(event.find("System/Execution").get("ProcessID") == "0" for event in old)
    assert all(time_of(event).microsecond == 0 for event in old) is whole
    states = named("service-state", system)
    assert any(time_of(event).microsecond for event in states)


def test_names_of_cached_files_are_the_known_ones():
    list_of_roots = "http://www.download.windowsupdate.com/msdownload/update/v3/static/trustedr/en/authrootstl.cab"
    assert cached_name(list_of_roots) == "94308059B57B3142E455B38A6EB92015"
    issuer = "http://www.microsoft.com/pki/certs/MicCerTruLisPCA_2009-04-02.crt"
    assert cached_name(issuer) == "52FE9FFE4780FF24EC690DB2F1D013CE"


def test_the_cache_of_an_account_is_what_is_on_its_disk():
    world = incident(answer="ok", cached=[{"account": "farm", "signers": ["code"], "lists": ["ca"]}])
    files = write_companions(world, HOST)
    for account in ("net", "farm"):
        text = files[f"certutil_urlcache_{account}.txt"].decode()
        urls = {url for host, whose, url in world.disk if (host, whose) == (HOST, account)}
        assert urls
        assert set(re.findall(r'Source Url Name: "(.*)"', text)) == urls
        for url in urls:
            assert rf"\Content\{cached_name(url)}" in text
        assert text.endswith(
            f"WinHttp Cache entries: {len(urls)}\r\n\r\nCertUtil: -URLCache command completed successfully.\r\n"
        )
    assert r"ServiceProfiles\NetworkService\AppData\LocalLow" in files["certutil_urlcache_net.txt"].decode()
    (old,) = [kept.synced for (_, whose, url), kept in world.disk.items() if whose == "farm" and "Root" in url]
    local = utc_time(old) + timedelta(hours=1)
    assert (
        f"{local.month}/{local.day}/{local.year} {local:%I:%M %p}".replace(" 0", " ")
        in files["certutil_urlcache_farm.txt"].decode()
    )


def test_an_empty_cache_is_shown_too(world):
    text = write_companions(world, HOST)["certutil_urlcache_net.txt"]
    assert text == b"CertUtil: -URLCache command completed successfully.\r\n"


@pytest.mark.parametrize(
    ("ways", "said"),
    [
        (("direct", "direct"), "Direct access (no proxy server)."),
        (("proxy.contoso.example:8080", "proxy.contoso.example:8080"), "Proxy Server(s) :  proxy.contoso.example:8080"),
        (("direct", "proxy.contoso.example:8080"), "Direct access (no proxy server)."),
        (("wpad", "wpad"), "Direct access (no proxy server)."),
    ],
)
def test_a_proxy_of_the_machine_is_one_that_all_use(ways, said):
    accounts = [{"id": "net", "sid": "S-1-5-20", "proxy": ways[0]}, {"id": "farm", "sid": FARM, "proxy": ways[1]}]
    files = write_companions(incident(account=accounts), HOST)
    assert said in files["netsh_winhttp_show_proxy.txt"].decode()


def test_the_same_seed_gives_the_same_bytes():
    assert write_companions(incident(), HOST) == write_companions(incident(), HOST)
    again = [[etree.tostring(event) for event in events(incident(), "System")] for _ in range(2)]
    assert again[0] == again[1]
    assert write_companions(incident(seed=8), HOST) != write_companions(incident(), HOST)


def test_a_wrong_clock_moves_all_evidence_alike(world):
    right = incident(error_s=0.0)
    moved = timedelta(seconds=37.5)
    pairs = zip(w3c(write_companions(right, HOST)), w3c(write_companions(world, HOST)), strict=True)
    assert all(abs(late[1] - early[1] - moved) <= timedelta(seconds=1) for early, late in pairs)
    system = zip(events(right, "System")[1:], events(world, "System")[1:], strict=True)
    assert all(abs(time_of(late) - time_of(early) - moved) <= timedelta(seconds=1) for early, late in system)


def test_odd_names_break_no_line():
    odd = 'SP 01\t\r\n#"\u2028<&.co ntoso.example'
    account = '..\\n\tet\r\n"/\u0085<'
    pool = "Sec\tWeb Services\r\n\x1b[2J"
    world = incident(
        host=[{"name": odd}],
        account=[{"id": account, "sid": "S-1-5-21-1"}, {"id": "farm", "sid": FARM}],
        process=[process("portal", account=account, app_pool=pool, work=[TOKENS])],
        cached=[{"account": account, "signers": ["code"]}],
    )
    files = write_companions(world, odd)
    assert len(files) == 5
    assert all(re.fullmatch(r"[\w.%~-]+", name) for name in files)
    for name, data in files.items():
        text = data.decode()
        assert text.count("\r\n") == len(text.splitlines())
        assert "\r" not in text.replace("\r\n", "")
        if name.startswith("SP"):
            assert {line.count("\t") for line in text.split("\r\n")[:-1]} == {8}
        if name.startswith("u_ex"):
            assert Counter(len(line.split(" ")) for line in text.splitlines() if line[0] != "#").keys() == {14}
    for event in events(world, "System", odd):
        assert event.findtext("System/Computer") == odd.replace("\r\n", "\n")


def test_all_text_ends_its_lines_as_windows_does(world):
    for data in write_companions(world, HOST).values():
        assert data.endswith(b"\r\n")
        assert data.count(b"\n") == data.count(b"\r") == data.count(b"\r\n")


def test_a_scenario_tells_records_of_its_own_also_without_companions():
    given = {"form": "root-list-extract-failed", "at_s": 5, "texts": ["http://x.example/authrootstl.cab", "a <&> b"]}
    world = incident(companions=False, message=[given])
    (event,) = events(world, "Application")
    assert strings(event) == given["texts"]
    assert abs(time_of(event) - BEGINS - timedelta(seconds=42.5)) < timedelta(milliseconds=16)
    assert event.find("EventData/Data").get("Name") is None
    assert event.find("EventData/Binary") is not None
    assert not events(world, "System")


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"form": "no-such-form", "texts": []}, r"message\[1\].form: 'no-such-form' is not one of root-added"),
        ({"form": "root-list-extract-failed", "texts": ["one"]}, r"message\[1\].texts: .* has 2: URL, error"),
        ({"form": "root-list-updated", "texts": ["\x01"]}, r"message\[1\].texts: a control character"),
    ],
)
def test_a_record_that_cannot_be_is_refused(given, why):
    world = incident(companions=False, message=[{"at_s": 1, **given}])
    with pytest.raises(ScenarioError, match=why):
        message_records(world, HOST, channel="Application")


@pytest.mark.parametrize("name", message_forms())
def test_a_form_says_all_that_a_record_needs(name):
    form = message_forms()[name]
    assert form.source
    assert form.channel in CHANNELS
    assert set(map(int, re.findall(r"%(\d)", form.text))) <= set(range(1, len(form.strings) + 1))
    assert not form.guid or re.fullmatch(r"\{[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\}", form.guid)
    assert (form.keywords == OLD_INTERFACE) is (form.writer == "")


REAL = [
    ("root-added", "application_win10_rathbun_2022.evtx"),
    ("root-list-updated", "application_win10_rathbun_2022.evtx"),
    ("disallowed-list-updated", "application_win10_rathbun_2022.evtx"),
    ("booted", "system_win11_2025.evtx"),
    ("shut-down", "system_win11_2025.evtx"),
    ("uptime", "system_win11_2025.evtx"),
    ("time-source-chosen", "system_win11_2025.evtx"),
    ("time-source-unknown", "system_win11_2025.evtx"),
]


@pytest.mark.real
@pytest.mark.parametrize(("name", "log"), REAL)
def test_a_record_has_the_shape_of_a_real_one(name, log, real_logs):
    from evtx import PyEvtxParser

    form = message_forms()[name]
    for row in PyEvtxParser(str(real_logs / "evtx" / log)).records():
        real = etree.fromstring(re.sub(r' xmlns="[^"]*"', "", row["data"]).encode())
        if (real.find("System/Provider").get("Name"), real.findtext("System/EventID")) == (form.provider, str(form.id)):
            break
    else:
        pytest.fail(f"{log} holds no such record")
    facts = {"form": form, "stamp": 0, "record": 1, "pid": 0, "tid": 0, "host": "x", "sid": form.sid, "binary": ""}
    ours = write_event("message", facts | {"strings": [(each, "x") for each in form.strings]})
    assert shape(ours) == shape(real)


def shape(event):
    """Elements in order with the attributes that they have, and what of them does not vary."""
    fixed = ("EventID", "Version", "Level", "Task", "Opcode", "Keywords", "Channel")
    named = ("Name", "EventSourceName", "Qualifiers", "UserID")
    return [
        (one.tag, *one.attrib, *(one.get(key, "") for key in named), one.text if one.tag in fixed else "")
        for one in event.iter()
    ]
