"""Processes: the audit records of their creation, and which application pool each worker process serves.

Windows Server 2008 R2 tells the image only; later ones the command line too, which names
the pool. `appcmd list wp` names it on all of them, while the process lives.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from capi2kit.lab.scenario import Account, Process, windows
from capi2kit.lab.simulate.lines import join_lines, plain
from capi2kit.lab.simulate.randomness import digest
from capi2kit.lab.simulate.webserver import TIMER, WORKER, created, domain_name, processes_on, short_name
from capi2kit.lab.simulate.world import World

FORM = "process-created-"
_WITH_COMMAND_LINE = "10.0"  # of Windows; older ones say it only after an update of 2015
_IMAGES = {
    WORKER: r"C:\Windows\System32\inetsrv\w3wp.exe",
    TIMER: r"C:\Program Files\Common Files\Microsoft Shared\Web Server Extensions\14\BIN\OWSTIMER.EXE",
}
_NEWER = (r"Extensions\14", r"Extensions\16")  # SharePoint 2010, and that of Windows Server 2016 and later
_ACTIVATION, _SERVICES = 2760, 548  # the processes that start worker processes and services
_LOGONS = {"S-1-5-18": "0x3e7", "S-1-5-19": "0x3e5", "S-1-5-20": "0x3e4"}


class Creation(NamedTuple):
    """An audit record: when, in true time, its form and its strings."""

    at: int
    form: str
    texts: tuple[str, ...]


def creations(world: World, host: str) -> Iterator[Creation]:
    """The records of the creation of worker processes and of SharePoint's timer."""
    version = windows()[world.logs[host].host.windows].agent
    has_command = version == _WITH_COMMAND_LINE
    form = f"{FORM}{_WITH_COMMAND_LINE if has_command else '6.1'}"
    for image in (WORKER, TIMER):
        for one in processes_on(world, host, image=image):
            path = _IMAGES[image].replace(*_NEWER) if has_command else _IMAGES[image]
            texts = _subject(host) + _process(one, path=path)
            if has_command:
                texts += (_command_line(one, path=path), *_target(world.running[one.id].account, host))
            yield Creation(created(world, one), form, texts)


def write_workers(world: World, host: str) -> dict[str, bytes]:
    """`appcmd list wp`: file name -> bytes; none without a worker process of a known pool."""
    named = [one for one in processes_on(world, host, image=WORKER) if one.app_pool]
    lines = [f'WP "{one.pid}" (applicationPool:{plain(one.app_pool)})' for one in named]
    return {"appcmd_list_wp.txt": join_lines(lines)} if lines else {}


def _subject(host: str) -> tuple[str, ...]:
    """Who started it: the computer."""
    return "S-1-5-18", f"{short_name(host).upper()}$", domain_name(host), _LOGONS["S-1-5-18"]


def _process(one: Process, *, path: str) -> tuple[str, ...]:
    parent = _ACTIVATION if one.image.lower() == WORKER else _SERVICES
    return f"{one.pid:#x}", path, "%%1936", f"{parent:#x}"


def _command_line(one: Process, *, path: str) -> str:
    if not one.app_pool:
        return f'"{path}"' if " " in path else path
    pipe = digest(f"pipe {one.id} {one.app_pool}")[:32].lower()
    guid = "-".join((pipe[:8], pipe[8:12], pipe[12:16], pipe[16:20], pipe[20:]))
    config = rf"C:\inetpub\temp\apppools\{one.app_pool}\{one.app_pool}.config"
    return (
        f'c:\\windows\\system32\\inetsrv\\w3wp.exe -ap "{one.app_pool}" -v "v4.0" -l "webengine4.dll" '
        rf'-a \\.\pipe\iisipm{guid} -h "{config}" -w "" -m 0'
    )


def _target(account: Account, host: str) -> tuple[str, ...]:
    """Whose token it was given, who made it, and how trusted it is."""
    logon = _LOGONS.get(account.sid, f"{0x20000 + int(digest(account.sid)[:4], 16):#x}")
    return account.sid, account.id, domain_name(host), logon, r"C:\Windows\System32\svchost.exe", "S-1-16-16384"
