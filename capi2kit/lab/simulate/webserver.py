"""Web server: when IIS was reset so that its worker processes could start, and the requests of those minutes.

A request that wakes a worker process waits until that process has done the work
of its start-up. There are no requests between the stop of the web service and its start.
All requests are for one site; each application pool serves a part of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from capi2kit.lab.eventforms import SECOND
from capi2kit.lab.scenario import Process
from capi2kit.lab.simulate.randomness import Randomness
from capi2kit.lab.simulate.world import World

WORKER, TIMER = "w3wp.exe", "owstimer.exe"
_WAITING = 6  # users who try while a process starts
_CALM = 7  # requests afterwards, and half as many before
_USERS = ("anna", "boris", "chen", "dilek", "emeka", "farah")
_PAGES = (
    "/SitePages/Home.aspx",
    "/_layouts/viewlsts.aspx",
    "/Lists/Tasks/AllItems.aspx",
    "/Shared Documents/Forms/AllItems.aspx",
)
# part of an application pool's name → what it serves, as farms have it
_SERVICES = (
    ("securitytoken", "/SecurityTokenServiceApplication/securitytoken.svc"),
    ("web services", "/Topology/topology.svc"),
)


class Service(NamedTuple):
    """A service that a reset stops and starts: its short and its full name."""

    key: str
    name: str


SERVICES = (
    Service("W3SVC", "World Wide Web Publishing Service"),
    Service("WAS", "Windows Process Activation Service"),
    Service("IISADMIN", "IIS Admin Service"),
)


@dataclass(frozen=True)
class Reset:
    """A reset of IIS, in true time: when it began, when each service stopped and ran again, when it was done."""

    begins: int
    stopped: tuple[int, ...]  # in the order of SERVICES
    all_stopped: int
    running: tuple[int, ...]  # in the same order, so the last comes first
    done: int
    processes: tuple[Process, ...]  # what started after it


class Request(NamedTuple):
    """A request, in true time. `began`: when the worker process turned to it."""

    arrived: int
    began: int
    ended: int
    pid: int
    method: str
    path: str
    query: str
    user: str
    client: int


def short_name(host: str) -> str:
    """The first part of a computer's name."""
    return host.partition(".")[0]


def domain_name(host: str) -> str:
    """The short name of a computer's domain; its own name if it has none."""
    name, _, rest = host.partition(".")
    return (rest.partition(".")[0] or name).upper()


def processes_on(world: World, host: str, *, image: str) -> list[Process]:
    """The processes of an image on a computer, first started first."""
    first = world.scenario.host[0].name
    mine = [one for one in world.scenario.process if (one.host or first) == host and one.image.lower() == image]
    return sorted(mine, key=lambda one: one.start_s)


def created(world: World, process: Process) -> int:
    """When a process was created."""
    return world.begins + round(process.start_s * SECOND)


def started_up(world: World, host: str, *, process: Process) -> int:
    """When a process has done the work of its start-up; two seconds after its creation if it has none to do."""
    mine = (one for one in world.operations if (one.host, one.pid) == (host, process.pid) and one.facts["startup"])
    return max((one.stop for one in mine if one.stop is not None), default=created(world, process) + 2 * SECOND)


def find_resets(world: World, host: str) -> list[Reset]:
    """The resets of IIS behind the starts of worker processes: one before a pool's process, one before its next."""
    waves: list[list[Process]] = []
    for process in processes_on(world, host, image=WORKER):
        if not waves or _pool(process) in map(_pool, waves[-1]):
            waves.append([])
        waves[-1].append(process)
    dice = Randomness(world.scenario.seed, f"companions reset {host}")
    return [_reset(created(world, wave[0]), tuple(wave), dice=dice) for wave in waves]


def _pool(process: Process) -> str:
    return process.app_pool or process.id


def _reset(first: int, processes: tuple[Process, ...], *, dice: Randomness) -> Reset:
    """A reset that is done shortly before its first process: each step so long before the next."""
    done = first - dice.between(0.3, 1.2)
    web = done - dice.between(0.01, 0.05)
    activation = web - dice.between(0.1, 0.4)
    admin = activation - dice.between(0.1, 0.4)
    all_stopped = admin - dice.between(0.05, 0.2)
    admin_stopped = all_stopped - dice.between(0.01, 0.05)
    activation_stopped = admin_stopped - dice.between(0.1, 0.5)
    web_stopped = activation_stopped - dice.between(0.2, 0.8)
    begins = web_stopped - dice.between(0.5, 6)  # the old worker processes are let finish
    stopped = (web_stopped, activation_stopped, admin_stopped)
    return Reset(begins, stopped, all_stopped, (web, activation, admin), done, processes)


def find_requests(world: World, host: str) -> list[Request]:
    """All requests of a computer around its resets, first ended first."""
    dice = Randomness(world.scenario.seed, f"companions requests {host}")
    resets = find_resets(world, host)
    found: list[Request] = []
    for number, reset in enumerate(resets):
        if not number:
            found += _before(world, reset=reset, dice=dice)
        until = resets[number + 1].begins if number + 1 < len(resets) else None
        for process in reset.processes:
            served = _served(world, host, process=process, dice=dice)
            found += [one for one in served if until is None or one.ended < until]
    return sorted(found, key=lambda one: (one.ended, one.arrived))


def _before(world: World, *, reset: Reset, dice: Randomness) -> Iterator[Request]:
    """Requests of quiet minutes, to the process that the reset ended."""
    taken = {one.pid for one in world.scenario.process}
    old = next(pid for pid in range(reset.processes[0].pid + 1204, 1 << 20, 4) if pid not in taken)
    moment = reset.begins - dice.between(100, 180)
    for _ in range(_CALM // 2):  # the last of them at least 20 s before the reset
        moment += dice.between(2, 25)
        ended = moment + dice.between(0.015, 0.25)
        yield _ask(moment, moment, ended=ended, pid=old, process=reset.processes[0], dice=dice)


def _served(world: World, host: str, *, process: Process, dice: Randomness) -> Iterator[Request]:
    """The request that woke a process, those that came while it started, and some afterwards."""
    ready = started_up(world, host, process=process)
    moment = created(world, process) - dice.between(0.02, 0.08)
    for _ in range(_WAITING):
        ended = ready + dice.between(0.2, 1.5)
        yield _ask(moment, max(moment, ready), ended=ended, pid=process.pid, process=process, dice=dice)
        moment += dice.between(1, 14)
        if moment >= ready:
            break
    moment = ready + 2 * SECOND
    for _ in range(_CALM):
        moment += dice.between(1, 15)
        ended = moment + dice.between(0.015, 0.25)
        yield _ask(moment, moment, ended=ended, pid=process.pid, process=process, dice=dice)


def _ask(arrived: int, began: int, *, ended: int, pid: int, process: Process, dice: Randomness) -> Request:
    person, page = int(dice.share() * len(_USERS)), int(dice.share() * len(_PAGES))
    service = next((path for part, path in _SERVICES if part in process.app_pool.lower()), "")
    if service:
        return Request(arrived, began, ended, pid, "POST", service, "", "", 0)
    query = "Source=/SitePages/Home.aspx" if page == 1 else ""
    return Request(arrived, began, ended, pid, "GET", _PAGES[page], query, _USERS[person], 21 + person)
