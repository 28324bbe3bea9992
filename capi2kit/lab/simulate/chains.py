"""Chains: building one chain, checking its certificates for revocation, CA before leaf.

With one budget for the chain each URL is given half of what is left of it; without, each has the same limit.
"""

from __future__ import annotations

from collections.abc import Generator

from capi2kit.lab.eventforms import SECOND
from capi2kit.lab.scenario import Caller, windows
from capi2kit.lab.simulate.authorities import Certificate, Signed, Source
from capi2kit.lab.simulate.caches import roots_url
from capi2kit.lab.simulate.chainstate import (
    AFTER_THE_CHECK,
    ERRORS,
    FLAWS,
    JUDGED_BY_LIST,
    NO_CHECK,
    OFFLINE,
    PARTIAL,
    REVOKED,
    UNKNOWN,
    UNTRUSTED,
    Chain,
    Check,
)
from capi2kit.lab.simulate.lists import first_list, left_of
from capi2kit.lab.simulate.logbook import Task
from capi2kit.lab.simulate.retrieval import retrieve
from capi2kit.lab.simulate.world import Thread

ROOT_LIMIT_S = 15.0  # of the automatic root update and of issuer downloads: no source; the per-URL default
_CHECKS_REVOCATION = 0x70000000  # END_CERT, CHAIN or CHAIN_EXCLUDE_ROOT
_NO_AIA = 0x2000  # DISABLE_AIA


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
            if chain.signed.signer.flaw == "list-judged":
                check = Check(OFFLINE)  # by the list of distrusted certificates, which is out of date
            elif certificate.lists:
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
        "result": chain.result,
        "cache_only": asked.cache_only,
    }
    return chain


def _find_elements(thread: Thread, task: Task, *, chain: Chain) -> Generator[int, None, tuple[Certificate, ...]]:
    """The chain's certificates: an issuer that is not at hand is fetched, for a root that is not trusted the list of roots."""
    elements = chain.signed.chain
    missing, memory = chain.signed.issuer_at, thread.running.memory
    if missing and chain.asked.chain_flags & _NO_AIA:
        chain.troubles.add(PARTIAL)
        return elements[:1]
    if missing and missing.url not in memory:
        found = yield from _fetch(
            thread, task, source=missing, forms=("issuer", "RetrieveIssuerCertificateFromNetwork")
        )
        if not found:
            chain.troubles.add(PARTIAL)
            return elements[:1]
        memory[missing.url] = found
    if chain.signed.signer.flaw not in AFTER_THE_CHECK:
        chain.troubles.add(FLAWS[chain.signed.signer.flaw][0])
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
    left = left_of(thread, chain)
    yield thread.dice.between(0.00005, 0.0008)
    found, location = yield from first_list(thread, task, chain=chain, certificate=certificate)
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


def _valid_at(chain: Chain) -> int:
    """For which time a chain must be good: that of the signature, or now where no signature is checked."""
    return chain.signed.signed_at if _signed(chain) else chain.clock


def _signed(chain: Chain) -> bool:
    """Whether a signature is checked; else the caller passes the current time, to the millisecond."""
    return chain.asked.trust or not chain.asked.chain_flags


def _write_chain(thread: Thread, task: Task, *, chain: Chain, store: tuple[Certificate, ...]) -> int | None:
    errors = [ERRORS.get(_result_of(chain, one), 0) for one in chain.elements]
    if UNTRUSTED in chain.troubles:
        errors[-1] |= ERRORS[UNTRUSTED]
    if PARTIAL in chain.troubles:
        errors[0] |= ERRORS[PARTIAL]
    if chain.signed.signer.flaw not in AFTER_THE_CHECK:
        errors[0] |= FLAWS[chain.signed.signer.flaw][1]
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
        judged=_judged_by_list(chain),
        checks=[chain.checks.get(one.thumbprint) for one in chain.elements],
        result=chain.result,
    )


def _judged_by_list(chain: Chain) -> list[int]:
    """The bits of InfoStatus of certificates whose revocation the list of distrusted certificates says."""
    judged = chain.signed.signer.flaw == "list-judged"
    return [JUDGED_BY_LIST[one.is_ca] if judged and one.issuer else 0 for one in chain.elements]


def _result_of(chain: Chain, certificate: Certificate) -> int:
    check = chain.checks.get(certificate.thumbprint)
    return check.result if check else 0


def dump(thread: Thread, task: Task, *, chains: list[Chain]) -> None:
    """Log the certificates and lists that an outermost call used."""
    certificates = list(dict.fromkeys(one for chain in chains for one in chain.elements))
    sources = list(dict.fromkeys(source for chain in chains for source in chain.sources))
    thread.write("objects", task, certificates=certificates, sources=sources)
