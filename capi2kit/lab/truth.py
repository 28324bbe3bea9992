"""Truth: what really happened in a scenario, for the oracle and the teacher.

Times are those of each computer's own clock, without its ticks, so that they
compare with what its log says; `clock_error_s` tells how far that was from true
time. Durations are true. `record` is the EventRecordID of the record that ends an
operation; `null` where it left none in the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from capi2kit.binxml import filetime_text
from capi2kit.knowledge import normal_code
from capi2kit.lab.causes import causes_of
from capi2kit.lab.eventforms import SECOND
from capi2kit.lab.scenario import After, Message, Process, windows
from capi2kit.lab.simulate.messageforms import message_forms
from capi2kit.lab.simulate.webserver import find_requests, started_up
from capi2kit.lab.simulate.world import Operation, Thread, World

NOTE = "True by our model of Windows, which only real logs can prove."
WIRE, _OUTERMOST = "RetrieveObjectFromNetwork", "VerifyTrust"
_OPERATIONS = ("operation", "host", "pid", "tid", "task_id", "start", "stop", "duration_s", "record")


def tell_truth(world: World, kept: dict[str, set[int]], *, after: Sequence[tuple[After, World]] = ()) -> dict[str, Any]:
    """The truth about a world; `kept`: the record ids that are in each computer's file; `after`: the same with remedies."""
    scenario = world.scenario
    wires = [one for one in world.operations if one.name == WIRE]
    waits = [one for one in wires if one.facts["was"] == "waited"]
    return {
        "scenario": scenario.id,
        "title": scenario.title,
        "note": NOTE,
        "hosts": [
            {
                "host": host.name,
                "windows": windows()[host.windows].title,
                "clock_error_s": host.clock_error_s,
                "starts": "late" if windows()[host.windows].late else "on time",
                "records": len(kept[host.name]),
            }
            for host in scenario.host
        ],
        "main_cause": scenario.main_cause or None,
        "causes": sorted(causes_of(world, kept)) if scenario.drawn else list(scenario.causes),
        "not_causes": list(scenario.not_causes),
        "waits": [_wait(world, one, kept=kept) for one in waits],
        "beside": _beside(world, wires, kept=kept),
        "refusals": _refusals(world, kept=kept),
        "keys": [_key(one, kept=kept) for one in world.keys],
        "messages": [_message(world, one) for one in scenario.message],
        "startups": [found for process in scenario.process if (found := _startup(world, process, kept=kept))],
        **({"after": [_remedied(remedy, then, before=world) for remedy, then in after]} if after else {}),
        "operations": {
            "columns": list(_OPERATIONS),
            "rows": [
                [_cell(world, one, column=column, kept=kept) for column in _OPERATIONS] for one in world.operations
            ],
        },
    }


def _cell(world: World, one: Operation, *, column: str, kept: dict[str, set[int]]) -> Any:
    if column == "operation":
        return one.name
    if column in ("start", "stop"):
        return _time(world, one, at=getattr(one, column))
    if column == "duration_s":
        return _seconds(_stop(one) - one.start)
    if column == "record":
        return one.record if one.record in kept[one.host] else None
    return getattr(one, column)


def _stop(one: Operation) -> int:
    assert one.stop is not None, f"{one.name} of {one.process} never ended"
    return one.stop


def _ended(one: Operation) -> int:
    """When a retrieval had what it asked for, or gave up: what is done with the answer is not waiting."""
    return int(str(one.facts["ended"]))


def _time(world: World, one: Operation, *, at: int) -> str:
    return filetime_text(world.logs[one.host].clock.exact(at))


def _seconds(length: int) -> float:
    return round(length / SECOND, 7)


def _wait(world: World, one: Operation, *, kept: dict[str, set[int]]) -> dict[str, Any]:
    """One network retrieval."""
    return {
        "host": one.host,
        "process": one.process,
        "pid": one.pid,
        "tid": one.tid,
        "task_id": one.task_id.strip("{}"),
        "user_sid": one.facts["sid"],
        "url": one.facts["url"],
        "start": _time(world, one, at=one.start),
        "stop": _time(world, one, at=_ended(one)),
        "wait_s": _seconds(_ended(one) - one.start),
        "limit_s": _seconds(int(str(one.facts["limit"]))),
        "accumulative": one.facts["accumulative"],
        "result": f"{normal_code(int(str(one.facts['result']))):08X}",
        "answer": one.facts["answer"],
        "record": _cell(world, one, column="record", kept=kept),
    }


def _beside(world: World, wires: Sequence[Operation], *, kept: dict[str, set[int]]) -> list[dict[str, Any]]:
    """Records that nobody waited for: what each was, and its URL."""
    found: list[dict[str, Any]] = [
        {"host": one.host, "kind": one.facts["was"], "url": one.facts["url"], "record": one.record}
        for one in wires
        if one.facts["was"] != "waited"
    ]
    found += [{"host": host, "kind": kind, "url": url, "record": record} for host, kind, record, url in world.echoes]
    return [one for one in found if one["record"] in kept[one["host"]]]


def _refusals(world: World, *, kept: dict[str, set[int]]) -> list[dict[str, Any]]:
    """How checks ended that ended badly, for the program that asked: one row per process, file or chain, and verdict."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for one in world.operations:
        if not one.facts.get("verdict"):
            continue
        about = {"host": one.host, "process": one.process, "pid": one.pid, "target": one.facts.get("target")}
        about |= {"subject": one.facts["subject"], "result": f"{one.facts['verdict']:08X}"}
        row = found.setdefault(tuple(about.values()), {**about, "times": 0, "record": None})
        row["times"] += 1
        row["record"] = row["record"] or _cell(world, one, column="record", kept=kept)
    return list(found.values())


def _key(used: tuple[Thread, str, int, int | None], *, kept: dict[str, set[int]]) -> dict[str, Any]:
    """A private key that a program acquired, or tried to."""
    thread, subject, result, record = used
    who, host = thread.caller, thread.log.host.name
    about = {"host": host, "process": who.process, "pid": who.pid, "user_sid": thread.running.account.sid}
    return {**about, "subject": subject, "result": f"{result:08X}", "record": record if record in kept[host] else None}


def _message(world: World, one: Message) -> dict[str, Any]:
    """A record of the System or Application log that stands beside the incident."""
    form = message_forms()[one.form]
    host = one.host or world.scenario.host[0].name
    return {"host": host, "channel": form.channel, "event": form.id, "texts": list(one.texts)}


def _of_startup(world: World, process: Process) -> list[Operation]:
    """What a process did until it was up."""
    host = process.host or world.scenario.host[0].name
    return [one for one in world.operations if (one.host, one.pid) == (host, process.pid) and one.facts["startup"]]


def _begin(world: World, process: Process) -> int | None:
    return min((one.start for one in _of_startup(world, process)), default=None)


def _startup(
    world: World, process: Process, *, kept: dict[str, set[int]], start: int | None = None
) -> dict[str, Any] | None:
    """What a process did until it was up: its checks from first to last, and its waiting, overlaps counted once.

    `start`: when it began, if that was before the first check.
    """
    host = process.host or world.scenario.host[0].name
    mine = _of_startup(world, process)
    if not mine:
        return None
    start = min(one.start for one in mine) if start is None else start
    stop = max(_stop(one) for one in mine)
    waits = [one for one in mine if one.name == WIRE and one.facts["was"] == "waited"]
    created = world.begins + round(process.start_s * SECOND)
    return {
        "host": host,
        "process": process.image,
        "pid": process.pid,
        "app_pool": process.app_pool or None,
        "created": _time(world, mine[0], at=created),
        "served": _served(world, process, host=host, first=mine[0]),
        "start": _time(world, mine[0], at=start),
        "stop": _time(world, mine[0], at=stop),
        "wall_s": _seconds(stop - start),
        "waiting_s": _seconds(union((one.start, _ended(one)) for one in waits)),
        "unexplained_s": _seconds(stop - start - union((one.start, _stop(one)) for one in mine)),
        "unrecorded_s": _unrecorded(world, mine, host=host),
        "waits": len(waits),
        "targets": len({one.facts["target"] for one in mine if "target" in one.facts}),
        "in_log": all(one.record in kept[host] for one in mine),
    }


def _unrecorded(world: World, operations: list[Operation], *, host: str) -> float:
    """Seconds of work that leaves no record: what a check does before its first call, where start records are written with that."""
    late = windows()[world.logs[host].host.windows].late and not world.logs[host].host.measures
    inner: dict[str, int] = {}
    for one in operations:
        if one.name != _OUTERMOST:
            inner[one.task_id] = min(one.start, inner.get(one.task_id, one.start))
    begun = (inner.get(one.task_id, _stop(one)) if one.name == _OUTERMOST else one.start for one in operations)
    seen = union((start, _stop(one)) for start, one in zip(begun, operations, strict=True))
    return _seconds(union((one.start, _stop(one)) for one in operations) - seen) if late else 0.0


def _remedied(remedy: After, world: World, *, before: World) -> dict[str, Any]:
    """How long the start-ups of a world took in which a remedy was in place, from the moment when they began without it."""
    keys = ("host", "process", "pid", "wall_s", "waiting_s", "waits")
    begun = {process.id: _begin(before, process) for process in before.scenario.process}
    nothing: dict[str, set[int]] = {host: set() for host in world.logs}
    found = (_startup(world, process, kept=nothing, start=begun[process.id]) for process in world.scenario.process)
    return {
        "fix": remedy.fix,
        "only": list(remedy.only),
        "startups": [{key: one[key] for key in keys} for one in found if one],
    }


def _served(world: World, process: Process, *, host: str, first: Operation) -> str | None:
    """When the first request that waited for a process was answered; null if nobody asked it for anything."""
    if not world.scenario.companions:
        return None
    ready = started_up(world, host, process=process)
    ended = [one.ended for one in find_requests(world, host) if one.pid == process.pid and one.ended >= ready]
    return _time(world, first, at=min(ended)) if ended else None


def union(intervals: Iterable[tuple[int, int]]) -> int:
    """The length that some intervals cover together."""
    total, reach = 0, None
    for start, stop in sorted(intervals):
        if reach is None or start > reach:
            total, reach = total + stop - start, stop
        elif stop > reach:
            total, reach = total + stop - reach, stop
    return total


def write_truth(truth: dict[str, Any]) -> str:
    """The truth as JSON that people can read and compare: one line per wait, start-up and operation."""
    parts = []
    for key, value in truth.items():
        if key == "operations":
            rows = ",\n".join(f"  {_line(row)}" for row in value["rows"])
            parts.append(f'"operations": {{"columns": {_line(value["columns"])}, "rows": [\n{rows}\n]}}')
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            rows = ",\n".join(f"  {_line(row)}" for row in value)
            parts.append(f"{_line(key)}: [\n{rows}\n]")
        else:
            parts.append(f"{_line(key)}: {_line(value)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
