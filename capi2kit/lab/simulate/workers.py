"""Workers: the thread that does the work of a retrieval, what goes on when its caller has given up, and what is remembered.

The caller waits for its limit and no longer. The thread ends later, and writes a record of its own. Meanwhile, and while the
failure is remembered, calls for the same URL come back at once, with nothing sent.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple

from capi2kit.lab.eventforms import SECOND
from capi2kit.lab.scenario import Server, windows
from capi2kit.lab.simulate.attempts import (
    ENDED_LATER,
    REMEMBERED,
    STILL_RUNS,
    Ending,
    proxy_id,
    server_of,
    write_attempt,
)
from capi2kit.lab.simulate.authorities import Source, outdated
from capi2kit.lab.simulate.caches import Stored
from capi2kit.lab.simulate.logbook import Task
from capi2kit.lab.simulate.randomness import Randomness
from capi2kit.lab.simulate.world import Offline, Operation, Thread


class Rest(NamedTuple):
    """What a thread still has to do when its caller has given up."""

    source: Source
    server: Server
    ending: Ending
    ends: int
    limit: int


class _AtOnce(NamedTuple):
    """Why nothing is sent: the step that says so, its code, and what the truth calls it."""

    action: str
    result: int
    was: str


_PENDING = _AtOnce("IsPendingNetworkRetrieval", STILL_RUNS, "pending")
_OFFLINE = _AtOnce("CanRetrieveFromNetwork", REMEMBERED, "remembered")


def _key(thread: Thread, url: str) -> tuple[str, str, str]:
    return thread.log.host.name, thread.running.process.id, url


def fail(thread: Thread, url: str) -> None:
    """Remember for a while that a server is offline; each time it is asked again in vain, for longer."""
    steps = windows()[thread.log.host.windows].memory_s
    if not thread.log.host.has_workers or not thread.log.host.remembers:
        return
    known = thread.world.memory.get(_key(thread, url), Offline(0, 0))
    step = steps[min(known.failures, len(steps) - 1)]
    thread.world.memory[_key(thread, url)] = Offline(thread.now + round(step * SECOND), known.failures + 1)


def remembered(thread: Thread, url: str) -> bool:
    """Whether a process still remembers that a server is offline."""
    known = thread.world.memory.get(_key(thread, url))
    return known is not None and known.until > thread.now


def nothing_sent(thread: Thread, source: Source) -> _AtOnce | None:
    """Why a call comes back at once, if it does."""
    if not thread.log.host.has_workers:
        return None
    if server_of(thread, source).answer == "no-connection" or (source.kind == "ctl" and remembered(thread, source.url)):
        return _OFFLINE
    return _PENDING if thread.world.pending.get(_key(thread, source.url), 0) > thread.now else None


def come_back_at_once(
    thread: Thread, task: Task, *, operation: Operation, source: Source, limit: int, why: _AtOnce
) -> Generator[int, None, None]:
    """The record of a call for which nothing is sent."""
    yield thread.dice.between(0.00002, 0.0004)
    server = server_of(thread, source)
    network = 0 if server.answer == "no-connection" and not server.accounts else 1
    record = thread.write(
        "wire",
        task,
        asked=source,
        limit=limit,
        network=network,
        actions=[(why.action, "", why.result)],
        request=(),
        response=(),
        store_error=0,
        synced=None,
        proxy_id="",
        failed_step=True,
        result=why.result,
    )
    thread.close(operation, record)
    operation.facts |= {
        "was": why.was, "url": source.url, "result": why.result, "ended": thread.now, "network": network,
    }  # fmt: skip


def connect_fails(thread: Thread, server: Server) -> int:
    """How long it takes until no address of a name is left to try: one after the other, refused, or given up if nobody answers."""
    how = windows()[thread.log.host.windows]
    shortest, longest = how.refused_s if server.answer == "refuse" else (0.99 * how.connect_s, 1.01 * how.connect_s)
    tried = min(server.addresses, how.addresses_tried)
    return sum(round((shortest + (longest - shortest) * thread.dice.share()) * SECOND) for _ in range(tried))


def go_on(thread: Thread, rest: Rest) -> None:
    """The thread that does the work goes on when its caller has given up."""
    thread.world.pending[_key(thread, rest.source.url)] = rest.ends
    caller = thread.caller._replace(tid=thread.caller.tid + 8)
    dice = Randomness(thread.world.scenario.seed, f"worker {caller.pid} {rest.source.url} {rest.ends}")
    worker = Thread(thread.world, thread.log, thread.running, caller, dice, in_startup=False)
    thread.world.start(_work(worker, rest), thread.now)


def _work(worker: Thread, rest: Rest) -> Generator[int, None, None]:
    """The thread that does the work, and ends when its caller has given up: nobody waits for it, but what came is kept."""
    task = worker.task()
    operation = worker.open("RetrieveObjectFromNetwork", task)
    worker.begin("wire_start", task)
    yield rest.ends - worker.now
    answered = worker.now
    yield worker.dice.between(0.00002, 0.0015)
    came = None
    if rest.ending.result == 0:
        came = outdated(rest.source, worker.now) if rest.server.answer == "expired" else rest.source
    later = ("PendingNetworkRetrievalComplete", "", ENDED_LATER)
    record = write_attempt(
        worker,
        task,
        source=came or rest.source,
        limit=rest.limit,
        ending=rest.ending,
        came=came,
        answered=answered,
        more=[later],
    )
    worker.close(operation, record)
    operation.facts |= {
        "was": "background", "url": rest.source.url, "result": rest.ending.result, "ended": worker.now,
    }  # fmt: skip
    account = worker.running.account
    if came and account.stores:
        where = (worker.log.host.name, account.id, rest.source.url)
        worker.world.disk[where] = Stored(came, worker.log.clock.read(answered), proxy_id(account))
