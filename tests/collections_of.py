"""Collections: the evidence of a scenario as triage tools copy it: each file at its usual place in Windows, caches and hives included.

What the kit of the scenario holds as text (certutil, netsh) is written here as Windows keeps it: in MetaData and in hives.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zipfile
from pathlib import Path

import pandas as pd
from hive_bytes import hive

import capi2kit as c2

LOGS = "Windows/System32/winevt/logs"
CACHE = "AppData/LocalLow/Microsoft/CryptnetUrlCache"
HOMES = {
    "S-1-5-18": "Windows/System32/config/systemprofile",
    "S-1-5-19": "Windows/ServiceProfiles/LocalService",
    "S-1-5-20": "Windows/ServiceProfiles/NetworkService",
}
SETTINGS = r"Software\Microsoft\Windows\CurrentVersion\Internet Settings"
_SINCE_1601 = 11_644_473_600 * 10_000_000


def metadata(url: str, *, synced: pd.Timestamp | None, size: int, etag: str = '"5b1e-2c"', kind: int = 2) -> bytes:
    """A file of MetaData for one URL."""
    text, tag = f"{url}\0".encode("utf-16-le"), f"{etag}\0".encode("utf-16-le")
    ticks = 0 if synced is None or pd.isna(synced) else synced.value // 100 + _SINCE_1601
    fixed = struct.pack("<I8xIQII", 112, len(text), ticks, 40, kind) + bytes(56)
    fixed += struct.pack("<QIIIII", 0, 0, len(tag), 0, 0, size)
    assert len(fixed) == 116
    return fixed + text + tag


def name_of(url: str) -> str:
    """The name under which Windows keeps a URL."""
    return hashlib.md5(url.encode("utf-16-le"), usedforsecurity=False).hexdigest().upper()


def proxied(server: str | None) -> dict[str, dict[str, object]]:
    """The values of an account's hive that set its proxy."""
    values = {"ProxyEnable": 1, "ProxyServer": server} if server else {"ProxyEnable": 0}
    flags, address = (3, server.encode()) if server else (1, b"")
    raw = struct.pack("<III", 70, 4, flags) + struct.pack("<I", len(address)) + address + bytes(40)
    return {SETTINGS: values, f"{SETTINGS}\\Connections": {"DefaultConnectionSettings": raw}}


def files_of(kit: Path, *, host: str, users: dict[str, str], zone: str = "W. Europe Standard Time") -> dict[str, bytes]:
    """The files of a kit at their places below the drive; `users`: SID by the name of the profile."""
    found: dict[str, bytes] = {}
    with zipfile.ZipFile(kit) as archive:
        for name in archive.namelist():
            data = archive.read(name)
            if name.endswith(".evtx"):
                found[f"{LOGS}/{name}"] = data
            elif name.startswith("u_ex"):
                found[f"inetpub/logs/LogFiles/W3SVC1/{name}"] = data
            elif name.endswith(".log"):
                place = "Program Files/Common Files/microsoft shared/Web Server Extensions/14/LOGS"
                found[f"{place}/{name}"] = data
    short, _, domain = host.partition(".")
    for row in c2.load(kit, tz="Africa/Lagos").cache_entries.to_dict("records"):
        home = HOMES.get(row["account"], f"Users/{row['account']}")
        data = metadata(row["url"], synced=row["last_sync"], size=int(row["bytes"]))
        found[f"{home}/{CACHE}/MetaData/{name_of(row['url'])}"] = data
    current = {"ControlSet001\\Control\\ComputerName\\ComputerName": {"ComputerName": short.upper()}}
    current["ControlSet001\\Services\\Tcpip\\Parameters"] = {"Hostname": short, "Domain": domain}
    current["ControlSet001\\Control\\TimeZoneInformation"] = {"TimeZoneKeyName": zone, "Bias": 0xFFFFFFC4}
    found["Windows/System32/config/SYSTEM"] = hive({"Select": {"Current": 1}} | current)
    profiles = "Microsoft\\Windows NT\\CurrentVersion\\ProfileList"
    listed = {f"{profiles}\\{sid}": {"ProfileImagePath": f"C:\\Users\\{name}"} for name, sid in users.items()}
    found["Windows/System32/config/SOFTWARE"] = hive({"Classes": {"x": 1}} | listed)
    found["Windows/ServiceProfiles/NetworkService/NTUSER.DAT"] = hive(proxied(None))
    found |= {f"Users/{name}/NTUSER.DAT": hive(proxied("proxy.contoso.example:8080")) for name in users}
    found["Windows/System32/drivers/etc/hosts"] = (
        b"# Copyright (c) 1993-2009 Microsoft Corp.\r\n127.0.0.1 localhost\r\n"
    )
    return found


def kape(folder: Path, files: dict[str, bytes]) -> Path:
    """The files as KAPE copies them into a folder: below the letter of the drive."""
    for name, data in files.items():
        path = folder / "C" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def velociraptor(path: Path, files: dict[str, bytes], *, host: str) -> Path:
    """The files as the offline collector of Velociraptor packs them."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        short = host.partition(".")[0]
        archive.writestr("client_info.json", json.dumps({"Hostname": short, "Fqdn": host, "OS": "windows"}, indent=2))
        archive.writestr("collection_context.json", json.dumps({"session_id": "F.X", "state": 2}))
        for name, data in files.items():
            archive.writestr(f"uploads/auto/C%3A/{name.replace('%', '%25')}", data)
    return path
