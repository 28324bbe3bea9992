"""SharePoint: the certificate checks that it makes itself, and what its trace log (ULS) says of them and of requests.

SharePoint measures the chains that it asks for (`SPCertificateValidator`); of the
signed files that Windows checks while they are loaded it knows nothing. Times
are local, and the file does not say so. Places and levels of the lines: traces
that administrators published; that the validator is traced at all needs verbose
tracing of the category Monitoring.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple
from urllib.parse import quote

from capi2kit.lab.eventforms import SECOND
from capi2kit.lab.simulate.lines import join_lines, plain
from capi2kit.lab.simulate.messageforms import message_forms
from capi2kit.lab.simulate.randomness import Randomness
from capi2kit.lab.simulate.timezone import local_time
from capi2kit.lab.simulate.webserver import (
    TIMER,
    WORKER,
    created,
    find_requests,
    processes_on,
    short_name,
    started_up,
)
from capi2kit.lab.simulate.world import Operation, World

SLOW = "sharepoint-validation-slow"
HEADER = "\t".join(
    [
        *(f"{'Timestamp':<23}", f"{'Process':<40}", "TID   ", f"{'Area':<30}", f"{'Category':<30}"),
        *("EventID", f"{'Level':<10}", "Message ", "Correlation"),
    ]
)
_LONGEST = 800  # characters of a message in one line, as in a published trace of SharePoint 2013
_UNSAFE = re.compile("[^A-Za-z0-9-]")  # in a file name
_FILE = timedelta(minutes=30)  # then a new file begins
_JOBS = ("job-timer-locks", "job-workflow")
_VALIDATE = "SPCertificateValidator.Validate"


class Line(NamedTuple):
    """One message of the trace log, in true time. `event` is its tag, or the number it has in the Application log."""

    at: int
    process: str
    pid: int
    tid: int
    category: str
    event: str
    level: str
    message: str
    correlation: str = "00000000-0000-0000-0000-000000000000"


def validations(world: World, host: str) -> list[Operation]:
    """The chains that SharePoint's processes on a computer asked for themselves, first begun first."""
    pids = {one.pid for image in (WORKER, TIMER) for one in processes_on(world, host, image=image)}
    mine = [one for one in world.operations if one.host == host and one.pid in pids and one.stop is not None]
    of_files = {one.task_id for one in mine if one.name == "VerifyTrust"}
    return [one for one in mine if one.name == "BuildChain" and one.task_id not in of_files]


def slow_validations(world: World, host: str) -> list[Operation]:
    """Those that took longer than SharePoint finds good."""
    least = message_forms()[SLOW].at_least_ms
    return [one for one in validations(world, host) if _length(one) >= least * 10_000]


def milliseconds(length: int) -> str:
    """A length as .NET writes a number of milliseconds: up to four decimals."""
    return f"{length / 10_000:.4f}".rstrip("0").rstrip(".")


def taken(one: Operation) -> str:
    """How long a validation took, as SharePoint says it."""
    return milliseconds(_length(one))


def _length(one: Operation) -> int:
    assert one.stop is not None
    return one.stop - one.start


def write_uls(world: World, host: str) -> dict[str, bytes]:
    """The trace logs of a computer: file name → bytes; none without SharePoint's processes."""
    clock = world.logs[host].clock
    stamped = sorted(((clock.read(line.at), line) for line in _lines(world, host)), key=lambda pair: pair[0])
    files: dict[str, list[str]] = {}
    for shown, line in stamped:
        first, moment = local_time(stamped[0][0]), local_time(shown)
        begun = first + (moment - first) // _FILE * _FILE
        name = f"{_UNSAFE.sub('_', short_name(host))}-{begun:%Y%m%d-%H%M}.log"
        files.setdefault(name, [HEADER]).extend(format_line(line, shown))
    return {name: join_lines(lines) for name, lines in files.items()}


def format_line(line: Line, shown: int) -> Iterator[str]:
    """A message in as many lines as it needs: a star behind the time and dots where one goes on."""
    stamp = local_time(shown)
    text = plain(line.message)
    parts = [text[at : at + _LONGEST] for at in range(0, len(text), _LONGEST)] or [""]
    for number, part in enumerate(parts):
        cells = [
            f"{stamp:%m/%d/%Y %H:%M:%S}.{stamp.microsecond // 10_000:02d}{'*' if number else ' '}",
            f"{plain(line.process)} (0x{line.pid:04X})".ljust(40),
            f"0x{line.tid:04X}",
            "SharePoint Foundation".ljust(30),
            line.category.ljust(30),
            line.event,
            line.level.ljust(8),
            f"{'...' if number else ''}{part}{'...' if number < len(parts) - 1 else ''}",
            line.correlation,
        ]
        yield "\t".join(cells)


def _lines(world: World, host: str) -> Iterator[Line]:
    yield from _begun(world, host)
    yield from _validated(world, host)
    yield from _requested(world, host)
    yield from _jobs(world, host)


def _begun(world: World, host: str) -> Iterator[Line]:
    dice = Randomness(world.scenario.seed, f"companions trace {host}")
    for image in (WORKER, TIMER):
        for one in processes_on(world, host, image=image):
            at = created(world, one) + dice.between(0.2, 0.6)
            message = f"ULS Init Completed ({one.image}, onetnative.dll)"
            yield Line(at, one.image, one.pid, one.pid + 4, "Unified Logging Service", "8wsv", "High", message)


def _validated(world: World, host: str) -> Iterator[Line]:
    """What the validator says of each chain, and the warning that is also in the Application log."""
    dice = Randomness(world.scenario.seed, f"companions validations {host}")
    form = message_forms()[SLOW]
    slow = {id(one) for one in slow_validations(world, host)}
    for one in validations(world, host):
        assert one.stop is not None
        who, which = (one.process, one.pid, one.tid), _correlation(dice)
        yield Line(one.start, *who, "Monitoring", "nasq", "Verbose", f"Entering monitored scope ({_VALIDATE})", which)
        if id(one) in slow:
            yield Line(one.stop, *who, "Topology", str(form.id), "Critical", form.message([taken(one)]), which)
        message = f"Leaving Monitored Scope ({_VALIDATE}). Execution Time={taken(one)}"
        yield Line(one.stop, *who, "Monitoring", "b4ly", "High" if id(one) in slow else "Verbose", message, which)


def _requested(world: World, host: str) -> Iterator[Line]:
    """The scope of each request; one that waited for its process enters it only when that is up."""
    dice = Randomness(world.scenario.seed, f"companions scopes {host}")
    for one in find_requests(world, host):
        query = f"?{one.query}" if one.query else ""
        scope = f"Request ({one.method}:http://{short_name(host).lower()}:80{quote(one.path)}{query})"
        begin = min(one.began + dice.between(0.001, 0.01), one.ended)
        yield from _scope(scope, begin, ended=one.ended, who=(WORKER, one.pid, _some_thread(one.pid, dice)), dice=dice)


def _jobs(world: World, host: str) -> Iterator[Line]:
    dice = Randomness(world.scenario.seed, f"companions jobs {host}")
    for process in processes_on(world, host, image=TIMER):
        at = started_up(world, host, process=process)
        for job in _JOBS:
            at += SECOND + dice.between(0.5, 6)
            who = (process.image, process.pid, _some_thread(process.pid, dice))
            yield from _scope(f"Timer Job {job}", at, ended=at + dice.between(0.004, 0.3), who=who, dice=dice)


def _scope(name: str, at: int, *, ended: int, who: tuple[str, int, int], dice: Randomness) -> Iterator[Line]:
    """What is written around a piece of work: its name, its beginning, and its end with how long it took."""
    which = _correlation(dice)
    yield Line(at, *who, "Monitoring", "nasq", "Medium", f"Entering monitored scope ({name})", which)
    yield Line(at, *who, "Logging Correlation Data", "xmnv", "Medium", f"Name={name}", which)
    message = f"Leaving Monitored Scope ({name}). Execution Time={milliseconds(ended - at)}"
    yield Line(ended, *who, "Monitoring", "b4ly", "Medium", message, which)


def _correlation(dice: Randomness) -> str:
    return dice.guid().strip("{}").lower()


def _some_thread(pid: int, dice: Randomness) -> int:
    return pid + 4 * int(20 + 9 * dice.share())
