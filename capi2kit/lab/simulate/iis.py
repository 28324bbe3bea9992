"""IIS: requests → the W3C log of the site, one file per day, in UTC.

A line is written when its request ends; `time-taken` says how many milliseconds
earlier it had arrived, by a clock as coarse as the computer's. Each start of the
web service begins with the header anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from capi2kit.lab.eventforms import MILLISECOND
from capi2kit.lab.scenario import windows
from capi2kit.lab.simulate.lines import join_lines, plain
from capi2kit.lab.simulate.randomness import digest
from capi2kit.lab.simulate.timezone import utc_time
from capi2kit.lab.simulate.webserver import Request, domain_name, find_requests, find_resets
from capi2kit.lab.simulate.world import World

_VERSIONS = {"6.1": "7.5", "6.3": "8.5", "10.0": "10.0"}  # of Windows → of IIS
_FIELDS = (
    *("date", "time", "s-ip", "cs-method", "cs-uri-stem", "cs-uri-query", "s-port", "cs-username", "c-ip"),
    *("cs(User-Agent)", "cs(Referer)", "sc-status", "sc-substatus", "sc-win32-status", "time-taken"),
)
_REFERER_SINCE = "8.5"  # what is logged by default: since then the referrer, too
_AGENT = "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; WOW64; Trident/4.0)"


def write_w3c(world: World, host: str) -> dict[str, bytes]:
    """The W3C logs of a computer: file name → bytes; none without a worker process."""
    clock = world.logs[host].clock
    starts = [reset.running[0] for reset in find_resets(world, host)]
    files: dict[str, list[str]] = {}
    seen: dict[str, int] = {}
    for request in find_requests(world, host):
        ended = utc_time(clock.read(request.ended))
        name = f"u_ex{ended:%y%m%d}.log"
        runs = sum(start <= request.ended for start in starts)
        lines = files.setdefault(name, [])
        if seen.get(name) != runs:
            lines += _header(world, host, began=f"{ended:%Y-%m-%d %H:%M:%S}")
            seen[name] = runs
        lines.append(" ".join(_cells(world, host, request=request)))
    return {name: join_lines(lines) for name, lines in files.items()}


def _version(world: World, host: str) -> str:
    return _VERSIONS[windows()[world.logs[host].host.windows].agent]


def _fields(world: World, host: str) -> Iterator[str]:
    old = float(_version(world, host)) < float(_REFERER_SINCE)
    return (name for name in _FIELDS if not (old and name == "cs(Referer)"))


def _header(world: World, host: str, *, began: str) -> list[str]:
    return [
        f"#Software: Microsoft Internet Information Services {_version(world, host)}",
        "#Version: 1.0",
        f"#Date: {began}",
        f"#Fields: {' '.join(_fields(world, host))}",
    ]


def _cells(world: World, host: str, *, request: Request) -> Iterator[str]:
    """The fields of one line in the order of the header."""
    clock = world.logs[host].clock
    ended = clock.read(request.ended)
    shown = utc_time(ended)
    net = f"10.{int(digest(host)[:2], 16)}.20"
    values = {
        "date": f"{shown:%Y-%m-%d}",
        "time": f"{shown:%H:%M:%S}",
        "s-ip": f"{net}.11",
        "cs-method": request.method,
        "cs-uri-stem": request.path,
        "cs-uri-query": request.query,
        "s-port": "80",
        "cs-username": f"{domain_name(host)}\\{request.user}" if request.user else "",
        "c-ip": f"{net}.{request.client or 11}",
        "cs(User-Agent)": _AGENT if request.user else "",
        "sc-status": "200",
        "sc-substatus": "0",
        "sc-win32-status": "0",
        "time-taken": str((ended - clock.read(request.arrived)) // MILLISECOND),
    }
    return (_cell(values.get(name, "")) for name in _fields(world, host))


def _cell(text: str) -> str:
    """A field as IIS writes it: a plus for each space, a dash for nothing."""
    return re.sub(r"\s", "+", plain(text)) or "-"
