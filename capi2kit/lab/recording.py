"""Recording: a scenario that has happened → its files, and the truth about them.

One CAPI2 log per computer; for incidents with companions also the System and
Application logs and the text files beside them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from capi2kit.binxml.evtxfile import Log, LogRecord, build_log
from capi2kit.lab.changes import changed
from capi2kit.lab.eventforms import write_event
from capi2kit.lab.scenario import After, Scenario
from capi2kit.lab.simulate.companions import write_companions
from capi2kit.lab.simulate.logbook import ERROR, Logbook
from capi2kit.lab.simulate.messageforms import CHANNELS
from capi2kit.lab.simulate.messages import message_records
from capi2kit.lab.simulate.programs import happen
from capi2kit.lab.simulate.world import World
from capi2kit.lab.truth import tell_truth, write_truth

CHANNEL_FILE = "Microsoft-Windows-CAPI2%4Operational.evtx"


class Recording(NamedTuple):
    """Everything that a scenario leaves: file name → bytes, and the truth as a JSON text."""

    files: dict[str, bytes]
    truth: str


def record_scenario(scenario: Scenario) -> Recording:
    """Let a scenario happen and write down what it leaves. The same scenario gives the same bytes."""
    world = happen(scenario)
    after = [(remedy, happen(changed(scenario, remedy), like=world)) for remedy in scenario.after]
    return _recorded(world, after)


def record_after(scenario: Scenario, remedy: After) -> Recording:
    """What the same incident would have left with a remedy in place: programs pause as they did, answers differ."""
    return _recorded(happen(changed(scenario, remedy), like=happen(scenario)), [])


def _recorded(world: World, after: Sequence[tuple[After, World]]) -> Recording:
    files: dict[str, bytes] = {}
    live: dict[str, Log] = {}
    for host, log in world.logs.items():
        folder = f"{short_name(host)}/" if len(world.logs) > 1 else ""
        live[host] = _write_log(log)
        files[f"{folder}{CHANNEL_FILE}"] = live[host].data
        files |= {f"{folder}{name}": data for name, data in _beside(world, host).items()}
    kept = {host: _kept(world.logs[host], live[host]) for host in live}
    return Recording(files, write_truth(tell_truth(world, kept, after=after)))


def short_name(host: str) -> str:
    """The first part of a computer's name, as a folder."""
    return re.sub(r"[^A-Za-z0-9-]", "_", host.split(".", maxsplit=1)[0])


def log_records(log: Logbook) -> list[LogRecord]:
    """The records of a CAPI2 log, overwritten ones too.

    An export of errors only is numbered anew in its record headers, as Event Viewer does it.
    """
    if not log.host.errors_only:
        return [LogRecord(entry.number, entry.written, write_event(entry.form, entry.facts)) for entry in log.entries]
    errors = [entry for entry in log.entries if entry.facts["level"] == ERROR]
    return [LogRecord(place, one.written, write_event(one.form, one.facts)) for place, one in enumerate(errors, 1)]


def _write_log(log: Logbook) -> Log:
    return build_log(log_records(log), max_bytes=log.host.log_bytes, dirty=log.host.dirty)


def _kept(log: Logbook, live: Log) -> set[int]:
    """The EventRecordIDs that are in the file: not filtered out, not overwritten."""
    if log.host.errors_only:
        return {entry.number for entry in log.entries if entry.facts["level"] == ERROR}
    return set(range(live.first, live.last + 1)) if live.first is not None and live.last is not None else set()


def _beside(world: World, host: str) -> dict[str, bytes]:
    """System, Security and Application log where they have something to say, and text files."""
    found = {}
    for channel in CHANNELS:
        records = [LogRecord(*record) for record in message_records(world, host, channel=channel)]
        if records:
            found[f"{channel}.evtx"] = build_log(records).data
    return found | (write_companions(world, host) if world.scenario.companions else {})
