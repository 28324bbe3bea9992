"""Lists: where a revocation check gets a list from: memory, disk, the network; and which servers it does not ask meanwhile."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from capi2kit.lab.eventforms import SECOND
from capi2kit.lab.simulate.authorities import Certificate, Source
from capi2kit.lab.simulate.chainstate import Chain
from capi2kit.lab.simulate.logbook import ERROR, Task
from capi2kit.lab.simulate.retrieval import OFFLINE_RESULTS, Fetched, retrieve, whole_milliseconds
from capi2kit.lab.simulate.workers import fail, remembered
from capi2kit.lab.simulate.world import Thread

_MOST_ANSWERS = 50  # CRYPTNET_CACHED_OCSP_SWITCH_TO_CRL_COUNT_DEFAULT in wincrypt.h
WRONG_PURPOSE = 0x800B0106  # CERT_E_PURPOSE: its authority may not sign lists


def first_list(
    thread: Thread, task: Task, *, chain: Chain, certificate: Certificate
) -> Generator[int, None, tuple[Source | None, str]]:
    """The first of a certificate's lists that can be had: what is at hand before what is fetched.

    A server that could not be reached is remembered from the end of the check on, and not asked meanwhile.
    """
    lists = _in_order(thread, certificate)
    for source in lists:
        found, location = yield from _at_hand(thread, task, certificate=certificate, source=source)
        if found:
            return found, location
    failed = []
    for source in lists:
        key = f"{certificate.issuer.thumbprint if certificate.issuer else ''} {source.url}"  # for one issuer
        if remembered(thread, key):
            record = thread.write("remembered", task, subject=certificate, action="CanRetrieveFromNetwork", level=ERROR)
            thread.world.echoes.append((thread.log.host.name, "remembered", record or 0, source.url))
            continue
        came = yield from _fetched(thread, task, chain=chain, certificate=certificate, source=source)
        if came.source:
            return came.source, "Wire"
        failed += [key] if came.result in OFFLINE_RESULTS else []
    for key in failed:
        fail(thread, key)
    return None, ""


def _in_order(thread: Thread, certificate: Certificate) -> tuple[Source, ...]:
    """A certificate's places to ask: the responder first, unless the account has too many answers of responders in its cache."""
    here = (thread.log.host.name, thread.running.account.id)
    answers = sum(key[:2] == here and stored.source.kind == "ocsp" for key, stored in thread.world.disk.items())
    if answers <= _MOST_ANSWERS:
        return certificate.lists
    return tuple(sorted(certificate.lists, key=lambda source: source.kind == "ocsp"))


def left_of(thread: Thread, chain: Chain) -> int:
    """What is left of the chain's budget, by the clock that Windows reads; or the limit of each URL."""
    if chain.asked.budget_s is None:
        return round((chain.asked.limit_s or 0) * SECOND)
    return max(round(chain.asked.budget_s * SECOND) - (thread.log.clock.read(thread.now) - chain.clock), 0)


def _at_hand(
    thread: Thread, task: Task, *, certificate: Certificate, source: Source
) -> Generator[int, None, tuple[Source | None, str]]:
    """A list that is in memory, or on disk and still good."""
    memory, clock = thread.running.memory, thread.log.clock
    known = memory.get(source.url)
    if known and known.next_update > clock.read(thread.now):
        return known, "TvoCache"
    stored = thread.world.disk.get((thread.log.host.name, thread.running.account.id, source.url))
    if not stored:
        return None, ""
    operation = thread.open("RetrieveObjectFromCache", task)
    thread.begin("cached_start", task)
    yield thread.dice.between(0.0003, 0.012)
    facts = {"source": stored.source, "synced": stored.synced, "proxy_id": stored.proxy_id, "result": 0}
    thread.close(operation, thread.write("cached", task, **facts))
    if not _accepted(thread, task, certificate=certificate, source=stored.source, location="UrlCache"):
        return None, ""
    memory[source.url] = stored.source
    return stored.source, "UrlCache"


def _fetched(
    thread: Thread, task: Task, *, chain: Chain, certificate: Certificate, source: Source
) -> Generator[int, None, Fetched]:
    """A list from the network, if the caller wants that and its chain has time left."""
    left = left_of(thread, chain)
    shared = chain.asked.budget_s is not None
    limit = whole_milliseconds(left // 2 if shared else left)
    if chain.asked.cache_only or not limit:
        return Fetched(None, 0)
    came, result = yield from retrieve(thread, task, source=source, limit=limit, accumulative=shared)
    if came is None:
        return Fetched(None, result)
    if not _accepted(thread, task, certificate=certificate, source=came, location="Wire"):
        return Fetched(None, 0)
    thread.running.memory[source.url] = came
    return Fetched(came, 0)


def _accepted(thread: Thread, task: Task, *, certificate: Certificate, source: Source, location: str) -> bool:
    """Whether a list is one that can be used: not out of date, and of an issuer that may sign lists. If not, the log says why."""
    why: dict[str, Any] = {}
    if source.next_update <= thread.log.clock.read(thread.now):
        why = {"action": "CheckTimeValidity"}
    elif not source.issuer.signs_lists:
        why = {"action": "CheckIssuer", "result": WRONG_PURPOSE}
    if why:
        thread.write("rejected", task, subject=certificate, source=source, location=location, level=ERROR, **why)
    return not why
