"""Triage: hives, URL caches and settings of IIS in a collection; whose they are; the flagship as KAPE and Velociraptor copy it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pandas as pd
import pytest
import scenarios
from collections_of import files_of, kape, metadata, name_of, proxied, velociraptor
from hive_bytes import hive
from hypothesis import given
from hypothesis import strategies as st

import capi2kit as c2
from capi2kit.errors import EvidenceError
from capi2kit.loaders import loader_for
from capi2kit.loaders.evidence import Asked, EvidenceFile
from capi2kit.loaders.triage import clients, computers, hives, urlcaches
from capi2kit.loaders.triage.places import account_of, place_of
from capi2kit.questions.proxies import proxies

KIT = Path(__file__).parent.parent / "datasets" / "lab" / "sharepoint-drop" / "evidence.zip"
HOST, ZONE = "SP01.contoso.example", "Africa/Lagos"
FARM = "S-1-5-21-1004336348-1177238915-682003330-1107"


# The flagship, as triage tools collect it.


@pytest.fixture(scope="module")
def collected(tmp_path_factory) -> dict[str, c2.Case]:
    files = files_of(KIT, host=HOST, users={"farm": FARM})
    folder = tmp_path_factory.mktemp("collected")
    where = {"KAPE": kape(folder / "kape", files), "Velociraptor": velociraptor(folder / "v.zip", files, host=HOST)}
    return {tool: c2.load(path, tz=ZONE) for tool, path in where.items()}


@pytest.mark.parametrize("tool", ["KAPE", "Velociraptor"])
def test_a_collection_gives_the_findings_of_the_kit(tool, collected):
    found, kit = c2.analyse(collected[tool]).findings, scenarios.analysed("sharepoint-drop").findings
    said = ["rule", "host", "finding", "severity", "certainty", "cost_s", "fixes"]
    pd.testing.assert_frame_equal(found[said], kit[said])


@pytest.mark.parametrize("tool", ["KAPE", "Velociraptor"])
def test_every_file_of_a_collection_is_read_and_its_computer_is_known(tool, collected):
    case = collected[tool]
    rows = case.sources
    assert rows["lost"].sum() == 0
    assert (rows["promised"] == rows["loaded"] + rows["other"] + rows["duplicates"] + rows["lost"]).all()
    assert (rows["understood"] == rows["units"]).all()
    for table in (case.settings, case.cache_entries):
        assert set(table["host"]) == {HOST}
    assert set(case.events["host"]) == {HOST, "SP01"}  # the trace log is called so
    strange = case.problems["message"].tolist()
    assert len(strange) == (tool == "Velociraptor") and all(
        "JSON with the names session_id, state" in text for text in strange
    )


@pytest.mark.parametrize("tool", ["KAPE", "Velociraptor"])
def test_the_caches_of_a_collection_are_those_that_certutil_lists(tool, collected):
    own, listed = collected[tool].cache_entries, c2.load(KIT, tz=ZONE).cache_entries
    assert set(own["account"]) == {FARM, "S-1-5-20"}  # certutil gives the name of the profile
    for table in (own, listed):
        table["account"] = table["account"].replace({"farm": FARM})
    same = ["account", "url", "url_role", "bytes", "last_sync"]
    ordered = [table[same].sort_values(same[:2]).reset_index(drop=True) for table in (own, listed)]
    pd.testing.assert_frame_equal(*ordered)


@pytest.mark.parametrize("tool", ["KAPE", "Velociraptor"])
def test_proxies_per_account_come_from_the_hives(tool, collected):
    table = proxies(collected[tool].settings)
    assert table[["host", "account", "proxy", "origin"]].to_numpy().tolist() == [
        [HOST, "S-1-5-20", "direct", hives.ORIGIN],
        [HOST, FARM, "proxy.contoso.example:8080", hives.ORIGIN],
    ]


# Whose a file is, by its place.


@pytest.mark.parametrize(
    ("name", "root", "account"),
    [
        ("E:\\triage\\SRV01\\C\\Windows\\ServiceProfiles\\NetworkService\\NTUSER.DAT", "E:/triage/SRV01", "S-1-5-20"),
        ("/cases/x.zip!uploads/auto/C%3A/Users/rudi/NTUSER.DAT", "/cases/x.zip", "rudi"),
        ("/cases/x.zip!uploads/ntfs/%5C%5C.%5CC%3A/Users/rudi/NTUSER.DAT", "/cases/x.zip", "rudi"),
        (
            "C:\\Users\\analyst\\cases\\SRV01\\Windows\\System32\\config\\DEFAULT",
            "C:/Users/analyst/cases/SRV01",
            "S-1-5-18",
        ),
        ("/a/SRV01/c$/Windows/SysWOW64/config/systemprofile/AppData/LocalLow/x", "/a/SRV01", "S-1-5-18"),
        ("/a/SRV01.zip!C/windows/system32/winevt/Logs/System.evtx", "/a/SRV01.zip", None),
        ("/home/users/rudi/logs/System.evtx", None, None),
        ("kit/registry/proxy.txt", None, None),
        ("C:/Users/analyst/AppData/Local/Temp/case1/CryptnetUrlCache/MetaData/A", None, None),  # not of the analyst
        (
            "SRV01/C/Documents and Settings/NetworkService/Application Data/Microsoft/CryptnetUrlCache/x",
            "SRV01",
            "S-1-5-20",
        ),
    ],
)
def test_a_place_in_windows_is_known_by_the_end_of_a_path(name, root, account):
    place = place_of(name)
    assert (place.root if place else None) == root
    assert account_of(place) == account


def test_two_computers_in_one_folder_stay_apart(tmp_path):
    for host, proxy in (("SRV01", "a:1"), ("SRV02", "b:2")):
        name = "ControlSet001\\Control\\ComputerName\\ComputerName"
        files = {
            "Windows/System32/config/SYSTEM": hive({"Select": {"Current": 1}, name: {"ComputerName": host}}),
            "Users/rudi/NTUSER.DAT": hive(proxied(proxy)),
        }
        kape(tmp_path / host, files)
    table = proxies(c2.load(tmp_path).settings)
    assert table[["host", "account", "proxy"]].to_numpy().tolist() == [
        ["SRV01", "rudi", "a:1"],
        ["SRV02", "rudi", "b:2"],
    ]


def system_of(host: str, zone: str = "UTC") -> bytes:
    """A SYSTEM hive that names a computer and its zone."""
    control = "ControlSet001\\Control"
    keys = {"Select": {"Current": 1}, f"{control}\\TimeZoneInformation": {"TimeZoneKeyName": zone}}
    return hive(keys | {f"{control}\\ComputerName\\ComputerName": {"ComputerName": host}})


# Copies: only the newest says how things are.

RUDI, COPIES = "Users/rudi/NTUSER.DAT", Path("SRV01")
SHADOW = "%5C%5C%3F%5CGLOBALROOT%5CDevice%5CHarddiskVolumeShadowCopy7"


@pytest.mark.parametrize(
    ("places", "read", "said"),
    [
        (["C", "VSS1"], ["C"], "left out, as newer ones are there"),
        (["C", "C/Windows.old"], ["C"], "left out, as newer ones are there"),
        (["VSS2", "VSS10"], ["VSS10"], "read, as no live ones were collected"),
        (["uploads/auto/C%3A", f"uploads/ntfs/{SHADOW}"], ["uploads/auto/C%3A"], "left out, as newer ones are there"),
    ],
)
def test_of_older_copies_only_the_newest_is_read(places, read, said, tmp_path):
    for place in places:
        path = tmp_path / COPIES / place / RUDI
        path.parent.mkdir(parents=True)
        path.write_bytes(hive(proxied(f"{name_of(place)[:6]}:1")))
    case = c2.load(tmp_path)
    assert proxies(case.settings)["proxy"].tolist() == [f"{name_of(place)[:6]}:1" for place in read]
    notes = case.problems.loc[case.problems["error"] == "older copy", "message"]
    assert said in " ".join(notes)
    rows = case.sources
    assert (rows["promised"] == rows["loaded"] + rows["other"] + rows["duplicates"] + rows["lost"]).all()
    assert rows["other"].sum() > 0


def test_what_was_deleted_since_a_shadow_copy_is_not_in_the_cache(tmp_path):
    folder = "Users/rudi/AppData/LocalLow/Microsoft/CryptnetUrlCache/MetaData"
    for place, url in (("C", URL), ("VSS1", "http://crl.contoso.example/gone.crl")):
        path = tmp_path / place / folder / name_of(url)
        path.parent.mkdir(parents=True)
        path.write_bytes(metadata(url, synced=SYNCED, size=5))
    assert c2.load(tmp_path).cache_entries["url"].tolist() == [URL]


def test_a_computer_that_was_collected_twice_has_each_setting_once(tmp_path):
    same = {"Windows/System32/config/SYSTEM": system_of("SRV01"), RUDI: hive(proxied("a:1"))}
    for run in ("monday", "tuesday"):
        kape(tmp_path / run, same)
    case = c2.load(tmp_path)
    assert proxies(case.settings)[["host", "account", "proxy"]].to_numpy().tolist() == [["SRV01", "rudi", "a:1"]]
    assert case.sources["duplicates"].sum() == case.sources["loaded"].sum() > 0
    assert case.problems.empty
    kape(tmp_path / "tuesday", {RUDI: hive(proxied("b:2"))})  # it was changed between them
    case = c2.load(tmp_path)
    (message,) = case.problems["message"]
    assert message.startswith("SRV01 was collected 2 times") and "monday" in message and "tuesday" in message


# The zone of local times, of each computer.

LINE = (
    "Timestamp              \tProcess \tTID   \tArea  \tCategory \tEventID\tLevel     \tMessage \tCorrelation\n"
    "03/05/2012 09:00:00.00 \tw3wp.exe (SRV01:0x1124)\t0x01\tA\tMonitoring\tnasq\tVerbose\tEntering monitored scope (A)\t\n"
)
LOGS = "Program Files/Common Files/microsoft shared/Web Server Extensions/14/LOGS"


def test_local_times_are_read_in_the_zone_of_their_own_computer(tmp_path):
    zones = {"SRV01": "W. Europe Standard Time", "SRV02": "Tokyo Standard Time"}
    for host, zone in zones.items():
        files = {
            f"{LOGS}/{host}-20120305-0900.log": LINE.encode(),
            "Windows/System32/config/SYSTEM": system_of(host, zone),
        }
        kape(tmp_path / host, files)
    old = tmp_path / "SRV01" / "VSS1" / "Windows" / "System32" / "config" / "SYSTEM"
    old.parent.mkdir(parents=True)
    old.write_bytes(system_of("SRV01", "Pacific Standard Time"))  # it was moved
    case = c2.load(tmp_path)
    rows = case.events.reset_index().merge(case.sources[["source", "path"]])
    hours = {path.split("/")[-1][:5]: time.hour for path, time in zip(rows["path"], rows["time"], strict=True)}
    assert hours == {"SRV01": 8, "SRV02": 0}
    said = case.problems.loc[case.problems["error"] == "time zone named", "message"]
    assert [text.split()[5] for text in said] == ["Europe/Berlin,", "Asia/Tokyo,"]
    (tmp_path / "SRV01.log").write_text(LINE)  # of one or the other
    assert c2.load(tmp_path).problems["error"].tolist().count("time zone unknown") == 1


# Whose computer it is.


@pytest.mark.parametrize(
    ("logged", "hives_say", "host"),
    [
        (["SP01", "SP01.contoso.example"], [], "SP01.contoso.example"),
        (["SP01", "SP02"], [], None),
        (["SP01.contoso.example", "DC01.contoso.example"], ["DC01"], "DC01.contoso.example"),
        ([], ["SP01"], "SP01"),
    ],
)
def test_a_computer_is_called_as_its_logs_call_it(logged, hives_say, host):
    settings = pd.DataFrame(
        [[clients.ORIGIN, None, "Hostname", name] for name in hives_say], columns=["origin", "path", "name", "value"]
    )
    assert computers._host(pd.DataFrame({"host": logged}), settings) == host


def test_logs_on_another_drive_are_of_the_same_computer(tmp_path):
    kape(tmp_path / "SRV01", {"Windows/System32/config/SYSTEM": system_of("SRV01")})
    log = tmp_path / "SRV01" / "D" / "IISLogs" / "u_ex120305.log"
    log.parent.mkdir(parents=True)
    fields = "date time cs-method cs-uri-stem sc-status time-taken"
    log.write_text(f"#Software: Microsoft IIS 7.5\n#Fields: {fields}\n2012-03-05 08:00:00 GET / 200 5\n")
    assert c2.load(tmp_path).events["host"].tolist() == ["SRV01"]


@pytest.mark.parametrize(
    "info",
    [
        {"Hostname": "SRV01", "Fqdn": "SRV01.contoso.example", "OS": "windows"},
        {"client_id": "C.1", "os_info": {"hostname": "SRV01", "fqdn": "SRV01.contoso.example", "system": "windows"}},
    ],
)
def test_the_collected_computer_is_named_by_the_collector_or_its_server(info, tmp_path):
    path = tmp_path / "client_info.json"
    path.write_text(json.dumps(info))
    rows = c2.load(path).settings.set_index("name")["value"]
    assert rows.to_dict() == {"Hostname": "SRV01", "Fqdn": "SRV01.contoso.example", "OS": "windows"}


# Hives.


def read_hive(data: bytes, name: str = "C/Windows/System32/config/SOFTWARE") -> tuple[pd.DataFrame, list[str]]:
    (batch,) = hives.read(EvidenceFile(name, data), asked=Asked())
    source = batch["sources"].iloc[0]
    assert source["promised"] == source["loaded"] + source["lost"]
    return batch["settings"], batch["problems"]["error"].tolist()


ENGINE = "Microsoft\\Cryptography\\OID\\EncodingType 0\\CertDllCreateCertificateChainEngine\\Config"
UPDATE = "Microsoft\\SystemCertificates\\AuthRoot\\AutoUpdate"


def test_the_keys_that_matter_are_read_as_reg_query_would_print_them():
    data = hive(
        {
            "Classes": {"x": 1},
            ENGINE: {"ChainUrlRetrievalTimeoutMilliseconds": 5000, "Options": 2},
            UPDATE: {"RootDirUrl": "file://srv/roots", "LastSyncTime": bytes(range(8)), "EncodedCtl": bytes(70_000)},
            "Microsoft\\Windows NT\\CurrentVersion": {"ProductName": "Windows Server 2019", "PathName": "C:\\Windows"},
            "Microsoft\\Other": {"Secret": "nobody asked for it"},
        }
    )
    rows, said = read_hive(data)
    root = "HKEY_LOCAL_MACHINE\\SOFTWARE\\"
    assert rows[["path", "name", "value", "kind"]].astype(object).where(rows.notna(), None).to_numpy().tolist() == [
        [root + UPDATE, "RootDirUrl", "file://srv/roots", "REG_SZ"],
        [root + UPDATE, "LastSyncTime", "0001020304050607", "REG_BINARY"],
        [root + UPDATE, "EncodedCtl", None, "REG_BINARY"],
        [root + ENGINE, "ChainUrlRetrievalTimeoutMilliseconds", "5000", "REG_DWORD"],
        [root + ENGINE, "Options", "2", "REG_DWORD"],
        [root + "Microsoft\\Windows NT\\CurrentVersion", "ProductName", "Windows Server 2019", "REG_SZ"],
    ]  # fmt: skip
    assert json.loads(rows["extra"].iloc[2]) == {"bytes": 70_000}
    assert said == []


def test_the_control_set_in_use_counts():
    sets = {f"ControlSet00{n}\\Control\\ComputerName\\ComputerName": {"ComputerName": f"OLD{n}"} for n in (1, 2)}
    rows, _ = read_hive(hive({"Select": {"Current": 2}} | sets))
    assert rows.loc[rows["name"] == "ComputerName", "value"].tolist() == ["OLD2"]


def test_the_time_zone_of_a_hive_is_a_zone_that_the_evidence_names(tmp_path):
    zone = "ControlSet001\\Control\\TimeZoneInformation"
    kape(
        tmp_path,
        {
            "Windows/System32/config/SYSTEM": hive(
                {"Select": {"Current": 1}, zone: {"TimeZoneKeyName": "Tokyo Standard Time"}}
            )
        },
    )
    from capi2kit.columns.zones import zones_named

    case = c2.load(tmp_path)
    assert zones_named(case.events, case.settings) == {"Tokyo Standard Time": "Asia/Tokyo"}


def test_a_hive_that_was_not_closed_and_a_transaction_log_are_reported():
    rows, said = read_hive(hive(proxied("a:1"), closed=False), "C/Users/rudi/NTUSER.DAT")
    assert len(rows) and said == ["hive not closed"]
    log = bytearray(hive({}))
    log[28] = 6
    rows, said = read_hive(bytes(log), "C/Users/rudi/NTUSER.DAT.LOG1")
    assert rows.empty and said == ["not applied"]


def test_a_hive_without_any_of_the_keys_says_so():
    assert read_hive(hive({"Local Settings": {"x": 1}}), "C/Users/rudi/AppData/Local/Microsoft/Windows/UsrClass.dat")[
        1
    ] == ["no entry"]


def test_without_the_extra_the_message_says_what_to_install(monkeypatch):
    def refuse(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(hives, "import_module", refuse)
    with pytest.raises(EvidenceError, match=r"pip install 'capi2kit\[triage\]'"):
        read_hive(hive({}))


SMALL = hive({"Select": {"Current": 1}} | proxied("proxy.contoso.example:8080"))


@given(
    st.lists(st.tuples(st.integers(0, len(SMALL) - 1), st.binary(min_size=1, max_size=8)), max_size=12),
    st.integers(0, len(SMALL)),
)
def test_a_damaged_hive_is_read_in_part_or_refused_but_never_breaks_the_reader(changes, length):
    data = bytearray(SMALL)
    for at, new in changes:
        data[at : at + len(new)] = new
    data = bytes(data[:length])
    if hives.sniff(data[: 1 << 20], "NTUSER.DAT"):
        try:
            read_hive(data, "C/Users/rudi/NTUSER.DAT")
        except EvidenceError as err:
            assert "copy it again" in str(err)


# URL caches.

CACHED = "C/Users/rudi/AppData/LocalLow/Microsoft/CryptnetUrlCache/MetaData/"
URL = "http://crl.contoso.example/pki/ContosoRoot.crl"
SYNCED = pd.Timestamp("2024-03-05T07:00:00Z")


def read_entry(data: bytes, name: str = CACHED + name_of(URL)) -> tuple[list[dict], list[str]]:
    (batch,) = urlcaches.read(EvidenceFile(name, data), asked=Asked())
    source = batch["sources"].iloc[0]
    assert source["promised"] == source["loaded"] + source["lost"]
    assert source["units"] == len(data)
    rows = batch.get("cache_entries", pd.DataFrame()).to_dict("records")
    return rows, batch["problems"]["error"].tolist()


def test_a_file_of_metadata_is_an_entry_of_the_cache():
    (row,), said = read_entry(metadata(URL, synced=SYNCED, size=5250))
    assert said == []
    assert (row["url"], row["url_role"], row["bytes"], row["last_sync"], row["account"]) == (
        URL,
        "CRL",
        5250,
        SYNCED,
        "rudi",
    )
    assert (
        row["meta_file"] == f"C:\\Users\\rudi\\AppData\\LocalLow\\Microsoft\\CryptnetUrlCache\\MetaData\\{name_of(URL)}"
    )
    assert row["local_file"] == row["meta_file"].replace("MetaData", "Content")
    assert json.loads(row["extra"]) == {"ETag": '"5b1e-2c"', "object type": "CRL"}


def test_the_name_is_the_md5_of_the_url_as_in_public_samples():
    assert name_of("http://x1.c.lencr.org/") == "103621DE9CD5414CC2538780B4B75751"
    assert "renamed" in read_entry(metadata(URL, synced=SYNCED, size=1), CACHED + "0" * 32)[0][0]["extra"]


@pytest.mark.parametrize("ticks", [0, 1, 1 << 62, (1 << 64) - 1])
def test_a_time_that_no_clock_can_show_is_missing(ticks):
    data = bytearray(metadata(URL, synced=SYNCED, size=1))
    data[16:24] = data[88:96] = ticks.to_bytes(8, "little")
    (row,), said = read_entry(bytes(data))
    assert pd.isna(row["last_sync"]) and "Last-Modified" not in json.loads(row["extra"]) and said == []


def test_an_entry_that_was_never_synchronised_has_no_time():
    assert pd.isna(read_entry(metadata(URL, synced=None, size=1))[0][0]["last_sync"])


@given(st.binary(max_size=400) | st.integers(0, 300).map(lambda cut: metadata(URL, synced=SYNCED, size=1)[:cut]))
def test_any_bytes_in_metadata_are_read_or_reported(data):
    rows, said = read_entry(data)
    assert len(rows) == 1 or said == ["unreadable entry"]


def test_an_object_of_the_cache_is_read_by_the_loader_that_knows_it_and_has_its_hash(tmp_path):
    folder = "Users/rudi/AppData/LocalLow/Microsoft/CryptnetUrlCache"
    crl = (KIT.parents[2] / "lists" / "ContosoTrustListPCA.crl").read_bytes()
    other = "http://aia.contoso.example/page.html"
    files = {f"{folder}/MetaData/{name_of(url)}": metadata(url, synced=SYNCED, size=len(crl)) for url in (URL, other)}
    files |= {f"{folder}/Content/{name_of(URL)}": crl, f"{folder}/Content/{name_of(other)}": b"<html>blocked</html>"}
    case = c2.load(kape(tmp_path, files))
    assert dict(case.sources["loader"].value_counts()) == {"url cache": 3, "pki": 1}
    assert case.certificates["kind"].tolist() == ["crl"]
    entries = case.cache_entries.set_index("url")["extra"].map(json.loads)
    digest = case.sources.loc[case.sources["loader"] == "pki", "sha256"].iloc[0]
    assert entries[URL]["sha256"] == digest
    assert entries[other]["stored bytes"] == 20  # not as many as Windows noted


def test_what_is_wrong_with_a_file_of_a_cache_names_the_file(tmp_path):
    folder = tmp_path / "CryptnetUrlCache" / "MetaData"
    folder.mkdir(parents=True)
    (folder / name_of(URL)).write_bytes(metadata(URL, synced=SYNCED, size=5))
    (folder / ("C" * 32)).write_bytes(b"short")
    (folder / "desktop.ini").write_text("[.ShellClassInfo]")
    case = c2.load(tmp_path)
    assert case.sources["lost"].sum() == 1  # desktop.ini is not the cache's
    first, second = sorted(case.problems["message"], key=len, reverse=True)
    assert "C" * 32 + ": 5 bytes are too few" in first and second.endswith("desktop.ini has no known format")


# Settings of IIS.

IIS = """<?xml version="1.0" encoding="UTF-8"?>
<configuration><system.applicationHost><applicationPools>
<add name="SharePoint - 80" managedRuntimeVersion="v2.0">
<processModel identityType="SpecificUser" userName="CONTOSO\\farm" password="[enc:x]"/></add>
</applicationPools></system.applicationHost></configuration>"""


def test_pools_and_their_accounts_are_read_but_no_password(tmp_path):
    path = tmp_path / "C" / "Windows" / "System32" / "inetsrv" / "config" / "applicationHost.config"
    path.parent.mkdir(parents=True)
    path.write_text(IIS)
    rows = c2.load(path).settings
    assert rows[["path", "name", "value"]].to_numpy().tolist() == [
        ["SharePoint - 80", "managedRuntimeVersion", "v2.0"],
        ["SharePoint - 80", "processModel.identityType", "SpecificUser"],
        ["SharePoint - 80", "processModel.userName", "CONTOSO\\farm"],
    ]
    path.write_text(IIS.replace("<add name", '<add name="DefaultAppPool"/><add name', 1))
    rows = c2.load(path).settings  # one with nothing of its own is there, too
    assert rows[["path", "name", "value"]].iloc[0].tolist() == ["DefaultAppPool", "name", "DefaultAppPool"]
    path.write_text(IIS[:-20])
    with pytest.raises(EvidenceError, match="is not XML"):
        c2.load(path)


# Files that are no evidence.


def test_many_files_of_no_known_format_are_one_note_that_counts_them(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for number in range(30):
            archive.writestr(f"C/Windows/Prefetch/A{number}.pf", b"MAM\4" + bytes(50))
        archive.writestr("C/Users/rudi/NTUSER.DAT", SMALL)
    case = c2.load(tmp_path / "x.zip")
    (message,) = case.problems.loc[case.problems["error"] == "not read", "message"]
    assert "30 files are of no known format and were not read (30 × .pf)" in message


PACKED = [
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it"),
    (b"\x1f\x8b\x08\0", "a gzip archive", "unpack it"),
    (b"vhdxfile", "a disk image (VHDX)", "mount it"),
    (bytes(257) + b"ustar", "a TAR archive", "unpack it"),
]


@pytest.mark.parametrize(("magic", "kind", "then"), PACKED)
def test_what_holds_files_and_is_not_opened_says_what_to_do(magic, kind, then, tmp_path):
    (tmp_path / "SRV01").write_bytes(magic + bytes(600))
    with pytest.raises(EvidenceError) as caught:
        c2.load(tmp_path / "SRV01")
    assert str(caught.value).endswith(f"SRV01 is {kind}, and was not opened: {then} and load the folder")
    with pytest.raises(EvidenceError, match=r"Unpack or mount what holds files, and load the folder\.$"):
        c2.load(tmp_path)


def test_an_archive_inside_an_archive_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "inner.zip", "w") as archive:
        archive.writestr("x.txt", "x")
    with zipfile.ZipFile(tmp_path / "outer.zip", "w") as archive:
        archive.write(tmp_path / "inner.zip", "data.zip")
    with pytest.raises(EvidenceError, match=r"outer.zip!data.zip is a ZIP archive .*unpack it and load the folder"):
        c2.load(tmp_path / "outer.zip")


def test_a_hive_is_no_text_and_no_other_loader_claims_it():
    assert loader_for(SMALL[: 1 << 20], "x").NAME == "hive"
