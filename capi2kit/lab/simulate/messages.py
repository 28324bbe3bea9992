"""Messages: the records of the System and Application logs beside an incident.

What a scenario says itself; with companions also what follows from what
happened: the reset of IIS before worker processes start, the restart of
SharePoint's timer, SharePoint's complaints about slow validations, and the
daily record that tells the time zone. The two records of a reset command
carry its result, so they come when it is carried out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from lxml import etree

from capi2kit.errors import ScenarioError
from capi2kit.lab.eventforms import SECOND, write_event
from capi2kit.lab.scenario import windows
from capi2kit.lab.simulate.clock import Clock
from capi2kit.lab.simulate.messageforms import OLD_INTERFACE, MessageForm, message_forms
from capi2kit.lab.simulate.processes import creations
from capi2kit.lab.simulate.randomness import Randomness
from capi2kit.lab.simulate.sharepoint import SLOW, slow_validations, taken
from capi2kit.lab.simulate.timezone import NAME, OFFSET, OFFSET_H
from capi2kit.lab.simulate.webserver import SERVICES, TIMER, Service, created, domain_name, find_resets, processes_on
from capi2kit.lab.simulate.world import World

_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_DAY, _NOON = 86_400 * SECOND, 43_200 * SECOND
_WHOLE_SECONDS = ("6.1", "6.3")  # versions of Windows that stamp records of the old interface with whole seconds
_STATES = {"stopped": 1, "running": 4}
_TIMERS = {"6.1": Service("SPTimerV4", "SharePoint 2010 Timer")}
_LATER_TIMER = Service("SPTimerV4", "SharePoint Timer Service")
_WRITERS = {
    "kernel": (4, 8),
    "services": (548, 2964),
    "crypto": (1108, 1944),
    "time": (1032, 1676),
    "audit": (4, 60),
    "lsass": (684, 1212),
    "backup": (2204, 2260),
    "": (0, 0),
}


class Note(NamedTuple):
    """A record to be written, in true time."""

    at: int
    form: str
    texts: tuple[str, ...]
    binary: str = ""
    sid: str = ""
    pid: int = 0
    tid: int = 0


class MessageRecord(NamedTuple):
    """A record: its number, when it was written (FILETIME ticks), its Event element."""

    number: int
    written: int
    event: etree._Element


def message_records(world: World, host: str, *, channel: str) -> list[MessageRecord]:
    """The records of a computer's System or Application log, in order. Raises ScenarioError."""
    notes = [note for note in _notes(world, host) if message_forms()[note.form].channel == channel]
    clock, dice = world.logs[host].clock, Randomness(world.scenario.seed, f"companions {channel} {host}")
    records: list[MessageRecord] = []
    for number, note in enumerate(sorted(notes, key=lambda note: note.at), 1):
        written = clock.exact(note.at) + dice.between(0.0001, 0.005)
        if records:
            written = max(written, records[-1].written)
        records.append(MessageRecord(number, written, _write(world, host, note=note, number=number)))
    return records


def _notes(world: World, host: str) -> list[Note]:
    notes = [*_scenario_notes(world, host)]
    if world.scenario.companions:
        notes += [*_reset(world, host), *_timer(world, host), *_slow(world, host)]
        notes += [Note(one.at, one.form, one.texts) for one in creations(world, host)]
        if notes:
            notes.append(_uptime(world, host, before=min(note.at for note in notes)))
    return notes


def _scenario_notes(world: World, host: str) -> Iterator[Note]:
    """What the scenario says itself."""
    scenario = world.scenario
    for number, message in enumerate(scenario.message, 1):
        form = message_forms().get(message.form)
        where = f"{scenario.file}: message[{number}]"
        if form is None:
            raise ScenarioError(f"{where}.form: {message.form!r} is not one of {', '.join(message_forms())}")
        if len(message.texts) != len(form.strings):
            raise ScenarioError(f"{where}.texts: {message.form} has {len(form.strings)}: {', '.join(form.strings)}")
        if any(map(_NO_XML.search, message.texts)):
            raise ScenarioError(f"{where}.texts: a control character, which no record can hold")
        if (message.host or scenario.host[0].name) == host:
            yield Note(world.begins + round(message.at_s * SECOND), message.form, message.texts)


def _reset(world: World, host: str) -> Iterator[Note]:
    """Stop and start of IIS."""
    user = f"{domain_name(host)}\\Administrator"
    for reset in find_resets(world, host):
        for service, stopped, running in zip(SERVICES, reset.stopped, reset.running, strict=True):
            yield _state(stopped, service, state="stopped")
            yield _state(running, service, state="running")
        yield Note(reset.all_stopped, "iis-stopped", (user,))
        yield Note(reset.done, "iis-started", (user,))


def _timer(world: World, host: str) -> Iterator[Note]:
    """The restart of SharePoint's timer, whose process is the service."""
    dice = Randomness(world.scenario.seed, f"companions timer {host}")
    service = _TIMERS.get(windows()[world.logs[host].host.windows].agent, _LATER_TIMER)
    for process in processes_on(world, host, image=TIMER):
        start = created(world, process)
        yield _state(start - dice.between(0.5, 3), service, state="stopped")
        yield _state(start + dice.between(0.2, 1), service, state="running")


def _state(at: int, service: Service, *, state: str) -> Note:
    """What the service control manager says; its binary part names the service and the number of the state."""
    binary = f"{service.key}/{_STATES[state]}\0".encode("utf-16-le").hex().upper()
    return Note(at, "service-state", (service.name, state), binary)


def _slow(world: World, host: str) -> Iterator[Note]:
    """SharePoint's complaint about each validation that took too long."""
    processes = {one.pid: one for one in world.scenario.process if (one.host or world.scenario.host[0].name) == host}
    for one in slow_validations(world, host):
        assert one.stop is not None
        sid = world.running[processes[one.pid].id].account.sid
        yield Note(one.stop, SLOW, (taken(one),), sid=sid, pid=one.pid, tid=one.tid)


def _uptime(world: World, host: str, *, before: int) -> Note:
    """The record of the last noon, local time, before all others: how long the computer was up, and its time zone."""
    clock, dice = world.logs[host].clock, Randomness(world.scenario.seed, f"companions uptime {host}")
    shown = clock.exact(before) + OFFSET
    noon = shown - (shown - _NOON) % _DAY - OFFSET
    up = 2 * 86_400 + int(dice.share() * 40 * 86_400)
    zone = f"{-60 * OFFSET_H} {NAME}"
    return Note(noon - clock.error + clock.tick + 1, "uptime", ("", "", "", "", str(up), "60", zone))


def _write(world: World, host: str, *, note: Note, number: int) -> etree._Element:
    form = message_forms()[note.form]
    pid, tid = _WRITERS.get(form.writer, (note.pid, note.tid))
    facts = {
        "form": form,
        "stamp": _stamp(world.logs[host].clock, note.at, old=_whole(world, host, form=form)),
        "record": number,
        "pid": pid,
        "tid": tid,
        "host": host,
        "sid": note.sid or form.sid,
        "strings": list(zip(form.strings, note.texts, strict=True)),
        "binary": note.binary or form.binary,
    }
    return write_event("message", facts)


def _whole(world: World, host: str, *, form: MessageForm) -> bool:
    version = windows()[world.logs[host].host.windows].agent
    return form.keywords == OLD_INTERFACE and version in _WHOLE_SECONDS


def _stamp(clock: Clock, at: int, *, old: bool) -> int:
    stamp = clock.stamp(at)
    return stamp - stamp % SECOND if old else stamp
