"""Chains: building one chain, checking its certificates for revocation, CA before leaf.

With one budget for the chain each URL is given half of what is left of it; without, each has the same limit.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import NamedTuple

from capi2kit.lab.eventforms import SECOND
from capi2kit.lab.scenario import Caller, windows
from capi2kit.lab.simulate.authorities import Certificate, Signed, Source
from capi2kit.lab.simulate.caches import roots_url
from capi2kit.lab.simulate.logbook import ERROR, Task
from capi2kit.lab.simulate.retrieval import retrieve, whole_milliseconds
from capi2kit.lab.simulate.workers import fail, remembered
from capi2kit.lab.simulate.world import Thread

REVOKED, NO_CHECK, OFFLINE, UNKNOWN = 0x80092010, 0x80092012, 0x80092013, 0x80092014
UNTRUSTED, PARTIAL = 0x800B0109, 0x800B010A
_ERRORS = {REVOKED: 0x4, NO_CHECK: 0x40, OFFLINE: 0x1000040, UNKNOWN: 0x40, UNTRUSTED: 0x20, PARTIAL: 0x10000}
_CHECKS_REVOCATION = 0x70000000  # END_CERT, CHAIN or CHAIN_EXCLUDE_ROOT
# what is wrong with a certificate, apart from revocation: result and error bit, by winerror.h and wincrypt.h
_FLAWS = {
    "expired": (0x800B0101, 0x1),
    "wrong-usage": (0x800B0110, 0x10),
    "bad-signature": (0x80096004, 0x8),
    "distrusted": (0x800B0111, 0x4000000),
    "no-issuer": (PARTIAL, 0x10000),
    "unknown-status": (UNKNOWN, 0x40),
}
_WORST_FIRST = (
    PARTIAL,
    UNTRUSTED,
    REVOKED,
    *(code for code, _ in _FLAWS.values()),
    OFFLINE,
)  # a chain without a source of revocation still succeeds
ROOT_LIMIT_S = 15.0  # of the automatic root update and of issuer downloads: no source; the per-URL default


class Check(NamedTuple):
    """How the revocation check of one certificate ended, and by which list."""

    result: int
    source: Source | None = None
    location: str = ""
    freshness: int | None = None


@dataclass
class Chain:
    """A chain while it is built. `clock` is the system time when it began."""

    signed: Signed
    asked: Caller
    clock: int
    reference: str
    elements: tuple[Certificate, ...] = ()
    checks: dict[str, Check] = field(default_factory=dict)
    sources: list[Source] = field(default_factory=list)
    troubles: set[int] = field(default_factory=set)

    @property
    def result(self) -> int:
        """The worst of its troubles."""
        return next((code for code in _WORST_FIRST if code in self.troubles), 0)

    @property
    def freshness(self) -> int | None:
        """The age of the oldest list used."""
        return max((one.freshness for one in self.checks.values() if one.freshness is not None), default=None)


def build_chain(
    thread: Thread, task: Task, *, signed: Signed, asked: Caller, top: bool, store: tuple[Certificate, ...] = ()
) -> Generator[int, None, Chain]:
    """Build and check one chain; `top`: it is the outermost call, so that the objects it used are dumped with it."""
    operation = thread.open("BuildChain", task)
    thread.begin("chain_start", task)
    chain = Chain(signed, asked, thread.log.clock.read(thread.now), thread.dice.guid())
    yield thread.dice.between(0.0002, 0.004)
    chain.elements = yield from _find_elements(thread, task, chain=chain)
    if asked.chain_flags & _CHECKS_REVOCATION:
        for certificate in reversed(chain.elements[:-1]):
            if certificate.lists:
                check = yield from _check(thread, task, chain=chain, certificate=certificate)
            else:
                check = Check(NO_CHECK)
            chain.checks[certificate.thumbprint] = check
            chain.troubles |= {check.result} - {0}
    yield thread.dice.between(0.0001, 0.001)
    if top:
        dump(thread, task, chains=[chain])
    thread.close(operation, _write_chain(thread, task, chain=chain, store=store))
    operation.facts |= {
        "troubles": frozenset(chain.troubles),
        "subject": signed.chain[0].name,
        "cache_only": asked.cache_only,
    }
    return chain


def _find_elements(thread: Thread, task: Task, *, chain: Chain) -> Generator[int, None, tuple[Certificate, ...]]:
    """The chain's certificates: an issuer that is not at hand is fetched, for a root that is not trusted the list of roots."""
    elements = chain.signed.chain
    missing, memory = chain.signed.issuer_at, thread.running.memory
    if missing and missing.url not in memory:
        found = yield from _fetch(
            thread, task, source=missing, forms=("issuer", "RetrieveIssuerCertificateFromNetwork")
        )
        if not found:
            chain.troubles.add(PARTIAL)
            return elements[:1]
        memory[missing.url] = found
    if chain.signed.signer.flaw not in ("", "unknown-status"):
        chain.troubles.add(_FLAWS[chain.signed.signer.flaw][0])
        if chain.signed.signer.flaw == "no-issuer":
            return elements[:1]
    if not elements[-1].trusted:
        yield from _update_roots(thread, task, chain=chain)
        chain.troubles.add(UNTRUSTED)
    return elements


def _update_roots(thread: Thread, task: Task, *, chain: Chain) -> Generator[int, None, None]:
    """Ask Windows Update whether the root is one to trust: the list of roots, unless it is fresh on disk."""
    url = roots_url(thread.world.scenario)
    stored = thread.world.disk.get((thread.log.host.name, thread.running.account.id, url))
    if stored:
        return
    source = Source("ctl", url, chain.signed.chain[-1], this_update=thread.world.begins - 20 * 86_400 * SECOND)
    yield from _fetch(thread, task, source=source, forms=("root", "RetrieveThirdPartyRootCertificateFromNetwork"))


def _fetch(
    thread: Thread, task: Task, *, source: Source, forms: tuple[str, str]
) -> Generator[int, None, Source | None]:
    """A retrieval outside revocation checks, with its own operation around it. No budget covers it."""
    form, name = forms
    operation = thread.open(name, task)
    thread.begin(f"{form}_start", task)
    limit = round(ROOT_LIMIT_S * SECOND)
    found = yield from retrieve(thread, task, source=source, limit=limit, accumulative=False)
    yield thread.dice.between(0.00005, 0.0005)
    thread.close(operation, thread.write(form, task, url=source.url, result=found.result))
    return found.source


def _check(thread: Thread, task: Task, *, chain: Chain, certificate: Certificate) -> Generator[int, None, Check]:
    """The revocation check of one certificate: memory, then disk, then the network, for each of its lists."""
    operation = thread.open("VerifyRevocation", task)
    thread.begin("check_start", task)
    left = _left(thread, chain)
    yield thread.dice.between(0.00005, 0.0008)
    found, location = yield from _first_list(thread, task, chain=chain, certificate=certificate)
    result = OFFLINE if not found else REVOKED if certificate.revoked else 0
    if found and found.subject and chain.signed.signer.flaw == "unknown-status":
        result = UNKNOWN  # the responder knows nothing of its certificate
    freshness = chain.clock - found.this_update if found else None
    yield thread.dice.between(0.00002, 0.0003)
    record = thread.write(
        "check",
        task,
        subject=certificate,
        flags=chain.asked.check_flags,
        valid_at=_valid_at(chain),
        chain_start=chain.clock,
        left=left,
        reason=1 if result == REVOKED else 0,
        freshness=freshness,
        provider=windows()[thread.log.host.windows].provider,
        source=found,
        location=location,
        result=result,
    )
    thread.close(operation, record)
    if found and found not in chain.sources:
        chain.sources.append(found)
    return Check(result, found, location, freshness)


def _first_list(
    thread: Thread, task: Task, *, chain: Chain, certificate: Certificate
) -> Generator[int, None, tuple[Source | None, str]]:
    """The first of a certificate's lists that can be had; a server that failed is remembered, and not asked meanwhile."""
    for source in certificate.lists:
        key = f"{certificate.issuer.thumbprint if certificate.issuer else ''} {source.url}"  # for one issuer
        if remembered(thread, key):
            record = thread.write("remembered", task, subject=certificate, action="CanRetrieveFromNetwork", level=ERROR)
            thread.world.echoes.append((thread.log.host.name, "remembered", record or 0, source.url))
            continue
        found, location = yield from _look_up(thread, task, chain=chain, certificate=certificate, source=source)
        if found:
            return found, location
        if not chain.asked.cache_only:
            fail(thread, key)
    return None, ""


def _valid_at(chain: Chain) -> int:
    """For which time a chain must be good: that of the signature, or now where no signature is checked."""
    return chain.signed.signed_at if _signed(chain) else chain.clock


def _signed(chain: Chain) -> bool:
    """Whether a signature is checked; else the caller passes the current time, to the millisecond."""
    return chain.asked.trust or not chain.asked.chain_flags


def _left(thread: Thread, chain: Chain) -> int:
    """What is left of the chain's budget, by the clock that Windows reads; or the limit of each URL."""
    if chain.asked.budget_s is None:
        return round((chain.asked.limit_s or 0) * SECOND)
    return max(round(chain.asked.budget_s * SECOND) - (thread.log.clock.read(thread.now) - chain.clock), 0)


def _look_up(
    thread: Thread, task: Task, *, chain: Chain, certificate: Certificate, source: Source
) -> Generator[int, None, tuple[Source | None, str]]:
    """One list: from memory, from disk if it is still good, else from the network."""
    memory, clock = thread.running.memory, thread.log.clock
    known = memory.get(source.url)
    if known and known.next_update > clock.read(thread.now):
        return known, "TvoCache"
    stored = thread.world.disk.get((thread.log.host.name, thread.running.account.id, source.url))
    if stored:
        operation = thread.open("RetrieveObjectFromCache", task)
        thread.begin("cached_start", task)
        yield thread.dice.between(0.0003, 0.012)
        facts = {"source": stored.source, "synced": stored.synced, "proxy_id": stored.proxy_id, "result": 0}
        thread.close(operation, thread.write("cached", task, **facts))
        if stored.source.next_update > clock.read(thread.now):
            memory[source.url] = stored.source
            return stored.source, "UrlCache"
        _reject(thread, task, certificate=certificate, source=stored.source, location="UrlCache")
    left = _left(thread, chain)
    shared = chain.asked.budget_s is not None
    limit = whole_milliseconds(left // 2 if shared else left)
    if chain.asked.cache_only or not limit:
        return None, ""
    came, _ = yield from retrieve(thread, task, source=source, limit=limit, accumulative=shared)
    if came is None:
        return None, ""
    if came.next_update <= clock.read(thread.now):
        _reject(thread, task, certificate=certificate, source=came, location="Wire")
        return None, ""
    memory[source.url] = came
    return came, "Wire"


def _reject(thread: Thread, task: Task, *, certificate: Certificate, source: Source, location: str) -> None:
    thread.write("rejected", task, subject=certificate, source=source, location=location, level=ERROR)


def _write_chain(thread: Thread, task: Task, *, chain: Chain, store: tuple[Certificate, ...]) -> int | None:
    errors = [_ERRORS.get(_result_of(chain, one), 0) for one in chain.elements]
    if UNTRUSTED in chain.troubles:
        errors[-1] |= _ERRORS[UNTRUSTED]
    if PARTIAL in chain.troubles:
        errors[0] |= _ERRORS[PARTIAL]
    if chain.signed.signer.flaw not in ("", "unknown-status"):
        errors[0] |= _FLAWS[chain.signed.signer.flaw][1]
    total = 0
    for error in errors:
        total |= error
    first, thread.running.first_chain = thread.running.first_chain, False
    return thread.write(
        "chain",
        task,
        chain=chain.elements,
        valid_at=None if chain.asked.server else _valid_at(chain),
        now=not _signed(chain),
        store=store or chain.elements,
        asked=chain.signed.chain[0].usage if chain.asked.chain_flags else (),
        or_match=chain.asked.server,
        flags=chain.asked.chain_flags,
        first=first,
        network=1,
        chain_ref=chain.reference,
        freshness=chain.freshness,
        error=total,
        errors=errors,
        checks=[chain.checks.get(one.thumbprint) for one in chain.elements],
        result=chain.result,
    )


def _result_of(chain: Chain, certificate: Certificate) -> int:
    check = chain.checks.get(certificate.thumbprint)
    return check.result if check else 0


def dump(thread: Thread, task: Task, *, chains: list[Chain]) -> None:
    """Log the certificates and lists that an outermost call used."""
    certificates = list(dict.fromkeys(one for chain in chains for one in chain.elements))
    sources = list(dict.fromkeys(source for chain in chains for source in chain.sources))
    thread.write("objects", task, certificates=certificates, sources=sources)
