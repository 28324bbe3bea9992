"""Command output: what certutil and netsh print about an account's URL cache and the computer's proxy.

The words of a cache entry are those of a published output whose line breaks were
lost; how far its lines are indented is not known.
"""

from __future__ import annotations

import hashlib
from urllib.parse import quote

from capi2kit.lab.scenario import Account
from capi2kit.lab.simulate.caches import Stored
from capi2kit.lab.simulate.lines import join_lines, plain
from capi2kit.lab.simulate.timezone import local_time
from capi2kit.lab.simulate.world import World

_PROFILES = {
    "S-1-5-18": r"C:\Windows\System32\config\systemprofile",
    "S-1-5-19": r"C:\Windows\ServiceProfiles\LocalService",
    "S-1-5-20": r"C:\Windows\ServiceProfiles\NetworkService",
}
_CACHE = r"AppData\LocalLow\Microsoft\CryptnetUrlCache"


def cached_name(url: str) -> str:
    """The name of a cached file: the MD5 of its URL as UTF-16."""
    return hashlib.md5(url.encode("utf-16-le"), usedforsecurity=False).hexdigest().upper()


def write_caches(world: World, host: str) -> dict[str, bytes]:
    """`certutil -urlcache -v` of each account that has a process or a cache on a computer: file name → bytes."""
    first = world.scenario.host[0].name
    at_home = {one.account for one in world.scenario.process if (one.host or first) == host}
    at_home |= {account for where, account, _ in world.disk if where == host}
    accounts = [one for one in world.scenario.account if one.id in at_home]
    return {f"certutil_urlcache_{quote(one.id, safe='')}.txt": _cache(world, host, account=one) for one in accounts}


def _cache(world: World, host: str, *, account: Account) -> bytes:
    """The entries in the order of their files; no count is printed where there are none."""
    entries = [
        (url, stored) for (where, whose, url), stored in world.disk.items() if (where, whose) == (host, account.id)
    ]
    lines: list[str] = []
    for url, stored in sorted(entries, key=lambda entry: cached_name(entry[0])):
        lines += [*_entry(url, stored, account=account), ""]
    if entries:
        lines += [f"WinHttp Cache entries: {len(entries)}", ""]
    return join_lines([*lines, "CertUtil: -URLCache command completed successfully."])


def _entry(url: str, stored: Stored, *, account: Account) -> list[str]:
    profile = _PROFILES.get(account.sid, rf"C:\Users\{account.id}")
    folder, synced = plain(rf"{profile}\{_CACHE}"), local_time(stored.synced)
    day = f"{synced.month}/{synced.day}/{synced.year}"
    time = f"{synced.hour % 12 or 12}:{synced.minute:02d} {'AM' if synced.hour < 12 else 'PM'}"
    return [
        "WinHttp Cache entry: 52 Bytes",
        f'  Source Url Name: "{plain(url)}"',
        rf'  Local File Name: "{folder}\Content\{cached_name(url)}"',
        rf'  Meta File Name: "{folder}\MetaData\{cached_name(url)}"',
        f"  File Size: {stored.source.size}",
        f"  Last Sync Time: {day} {time}",
    ]


def write_proxy(world: World) -> bytes:
    """`netsh winhttp show proxy`: a proxy set in this way is used by all, so there is one only if all accounts use the same."""
    ways = {one.proxy for one in world.scenario.account}
    way = ways.pop() if len(ways) == 1 else ""
    services = any(one.sid in _PROFILES for one in world.scenario.account)
    lines = ["    Direct access (no proxy server)."]
    if services and ":" in way:
        lines = [f"    Proxy Server(s) :  {plain(way)}", "    Bypass List     :  (none)"]
    return join_lines(["", "Current WinHTTP proxy settings:", "", *lines, ""])
