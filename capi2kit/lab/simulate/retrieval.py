"""Retrievals: one attempt to fetch one URL, with its way out, its answer and its limit.

The search for a proxy happens inside and uses up the same time. An attempt that
would take longer than its limit ends at the limit.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple

from capi2kit.lab.eventforms import MILLISECOND, SECOND
from capi2kit.lab.scenario import Account, Server
from capi2kit.lab.simulate.attempts import (
    ENDINGS,
    GAVE_UP,
    NO_CONNECTION,
    TIMED_OUT,
    Ending,
    proxy_id,
    server_of,
    write_attempt,
)
from capi2kit.lab.simulate.authorities import Source, outdated
from capi2kit.lab.simulate.caches import Stored
from capi2kit.lab.simulate.logbook import Task
from capi2kit.lab.simulate.workers import Rest, come_back_at_once, connect_fails, fail, go_on, nothing_sent
from capi2kit.lab.simulate.world import Thread

OFFLINE_RESULTS = {TIMED_OUT, GAVE_UP, *(one.result for one in ENDINGS.values() if one.result and not one.status)}


class Fetched(NamedTuple):
    """What came, or None, and the result of the attempt."""

    source: Source | None
    result: int


def retrieve(
    thread: Thread, task: Task, *, source: Source, limit: int, accumulative: bool
) -> Generator[int, None, Fetched]:
    """Fetch a source within `limit`. Logs and notes the attempt."""
    operation = thread.open("RetrieveObjectFromNetwork", task)
    thread.begin("wire_start", task)
    if at_once := nothing_sent(thread, source):
        yield from come_back_at_once(thread, task, operation=operation, source=source, limit=limit, why=at_once)
        return Fetched(None, at_once.result)
    old = thread.world.disk.get((thread.log.host.name, thread.running.account.id, source.url))
    account, server = thread.running.account, server_of(thread, source)
    ending, length = _ending(thread, source, server=server, limit=limit)
    yield length
    answered = thread.now
    yield thread.dice.between(0.00002, 0.0015)
    came = None
    if ending.result == 0:
        came = outdated(source, thread.now) if server.answer == "expired" else source
    record = write_attempt(
        thread, task, source=came or source, limit=limit, ending=ending, came=came, answered=answered
    )
    thread.close(operation, record)
    if ending.result == GAVE_UP and source.kind == "ctl":
        fail(thread, source.url)  # the root list is asked for with the flag that looks at the memory
    operation.facts |= {
        "was": "waited",
        "url": source.url,
        "ended": answered if came else thread.now,
        "sid": thread.caller.impersonated or thread.caller.sid,
        "limit": limit,
        "accumulative": accumulative,
        "result": ending.result,
        "answer": server.answer,
        "kind": source.kind,
        "account": account.id,
        "replaces": old is not None and 0 < old.source.next_update <= thread.log.clock.read(operation.start),
    }
    if came and account.stores:
        where = (thread.log.host.name, account.id, source.url)
        thread.world.disk[where] = Stored(came, thread.log.clock.read(answered), proxy_id(account))
    return Fetched(came, ending.result)


def _ending(thread: Thread, source: Source, *, server: Server, limit: int) -> tuple[Ending, int]:
    """How an attempt ends for its caller, and after how long."""
    ending, length = ENDINGS[server.answer], _length(thread, thread.running.account, server=server)
    if not thread.log.host.has_workers:
        late = ending.result == TIMED_OUT or length >= limit
        return (ENDINGS["drop"], limit + thread.dice.between(0, 0.012)) if late else (ending, length)
    if server.answer == "drop":
        ending = Ending(NO_CONNECTION)
    if length < limit:
        return ending, length
    go_on(thread, Rest(source, server, ending, thread.now + length, limit))
    return Ending(GAVE_UP), limit + thread.dice.between(0, 0.012)


def _length(thread: Thread, account: Account, *, server: Server) -> int:
    """How long the search for a proxy and the answer (give or take a third) or the attempts to connect take together."""
    vary = 0.7 + 0.6 * thread.dice.share()
    search = round(account.wpad_s * SECOND * (0.9 + 0.2 * thread.dice.share())) if account.proxy == "wpad" else 0
    no_answer = server.answer in ("drop", "refuse")
    if server.answer == "dead-first":  # one address is dead, the next one answers
        return search + connect_fails(thread, server) + round(server.seconds * SECOND * vary)
    return search + (connect_fails(thread, server) if no_answer else round(server.seconds * SECOND * vary))


def whole_milliseconds(length: int) -> int:
    """A length as Windows hands it on: cut to milliseconds."""
    return length - length % MILLISECOND
