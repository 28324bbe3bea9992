"""Computers: which computer each file of a collection is from, and whose profile each folder is.

Everything that lies at its usual place below one folder is from one computer. It is called as its logs call it, else as its SYSTEM
hive or the collection does. A profile's folder has the SID that ProfileList in the SOFTWARE hive gives it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import pandas as pd

from capi2kit.loaders.triage import clients, hives
from capi2kit.loaders.triage.places import place_of
from capi2kit.loaders.triage.stored import add_contents

_PROFILE_LIST = re.compile(r"\\ProfileList\\(S-1-[0-9-]+)$", re.IGNORECASE)
_COMPUTER_NAME = r"\Control\ComputerName\ComputerName"
_TCPIP = r"\Services\Tcpip\Parameters"
_USERS = "HKEY_USERS"
_OTHER_DRIVE = re.compile(
    r"(?P<root>.*/)?[A-Z](?:%3A|:)?\$?/", re.IGNORECASE
)  # of files at no usual place: D/IISLogs/…
Tables = dict[str, pd.DataFrame]


def name_computers(events: pd.DataFrame, sources: pd.DataFrame, *, beside: Tables) -> None:
    """Fill `host` in all tables, and SIDs in the place of names of profiles, for the files of collections; see also `stored`."""
    add_contents(beside["cache_entries"], sources)
    roots = _roots(sources)
    if not roots:
        return
    for root in dict.fromkeys(roots.values()):
        files = [number for number, known in roots.items() if known == root]
        settings = beside["settings"][beside["settings"]["source"].isin(files)]
        host = _host(events[events["source"].isin(files)], settings)
        if host:
            for table in (events, *beside.values()):
                if "host" in table and "source" in table:
                    table.loc[table["source"].isin(files) & table["host"].isna(), "host"] = host
        _name_profiles(_profiles(settings), beside, files=files)


def _roots(sources: pd.DataFrame) -> dict[int, str]:
    """The folder of the computer of each file of a collection, by the number of the file."""
    found: dict[int, str] = {}
    for number, path, loader in zip(sources["source"], sources["path"], sources["loader"], strict=True):
        if loader == clients.NAME:
            found[number] = "/".join(re.split(r"[/\\!]", path)[:-1])
        elif place := place_of(path):
            found[number] = place.root
    known = set(found.values())
    for number, path in zip(sources["source"], sources["path"], strict=True):
        drive = _OTHER_DRIVE.match(re.sub(r"[\\!]", "/", path))
        if number not in found and drive and (root := (drive["root"] or "").rstrip("/")) in known:
            found[number] = root
    return found


def _host(events: pd.DataFrame, settings: pd.DataFrame) -> str | None:
    """What a computer is called: by its logs, the name that fits that of its hive if they have several."""
    logged = [str(name) for name in events["host"].value_counts().index]
    own = _own_names(settings)
    fits = [
        name
        for name in logged
        if name.partition(".")[0].casefold() in {one.partition(".")[0].casefold() for one in own}
    ]
    if fits:
        return max(fits, key=lambda name: ("." in name, len(name)))
    same = {name.partition(".")[0].casefold() for name in logged}
    return max(logged, key=len) if len(same) == 1 else next(iter(own), None)


def _own_names(settings: pd.DataFrame) -> list[str]:
    """The names that the collection and the SYSTEM hive give, the whole ones first."""
    rows = settings[["origin", "path", "name", "value"]].fillna("")
    said: Mapping[tuple[str, str], str] = {
        (path.rpartition("ControlSet")[2][3:] if origin == hives.ORIGIN else origin, name): value
        for origin, path, name, value in rows.itertuples(index=False)
    }
    host, domain = said.get((_TCPIP, "Hostname"), ""), said.get((_TCPIP, "Domain"), "")
    names = [said.get((clients.ORIGIN, "Fqdn"), ""), f"{host}.{domain}" if host and domain else host]
    names += [said.get((_COMPUTER_NAME, "ComputerName"), ""), said.get((clients.ORIGIN, "Hostname"), "")]
    return sorted(filter(None, names), key=lambda name: "." not in name)


def _profiles(settings: pd.DataFrame) -> dict[str, str]:
    """The SID of every profile by the name of its folder, in small letters."""
    rows = settings[(settings["origin"] == hives.ORIGIN) & (settings["name"] == "ProfileImagePath")]
    found: dict[str, str] = {}
    for path, value in zip(rows["path"].fillna(""), rows["value"].fillna(""), strict=True):
        sid = _PROFILE_LIST.search(path)
        folder = re.split(r"[/\\]", value.rstrip("\\/"))[-1].casefold()
        if sid and folder:
            found.setdefault(folder, sid[1])
    return found


def _name_profiles(sids: dict[str, str], beside: Tables, *, files: list[int]) -> None:
    """Put the SID of a profile in the place of the name of its folder."""
    if not sids:
        return
    for name in ("settings", "cache_entries"):
        table = beside[name]
        mine = table["source"].isin(files) & table["account"].notna()
        known = table.loc[mine, "account"].str.casefold().map(sids)
        known = known[known.notna()].astype("string")
        if known.empty:
            continue
        if "path" in table:
            before = table.loc[known.index, "account"]
            table.loc[known.index, "path"] = [
                str(path).replace(f"{_USERS}\\{old}\\", f"{_USERS}\\{sid}\\", 1)
                for path, old, sid in zip(table.loc[known.index, "path"], before, known, strict=True)
            ]
        table.loc[known.index, "account"] = known.astype(table["account"].dtype)
