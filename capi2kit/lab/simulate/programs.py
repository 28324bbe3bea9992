"""Programs: what processes do, check by check, each in its threads."""

from __future__ import annotations

from collections.abc import Generator

from capi2kit.lab.eventforms import SECOND
from capi2kit.lab.scenario import Caller, Process, Scenario, Work, callers
from capi2kit.lab.simulate.authorities import Signed
from capi2kit.lab.simulate.chains import build_chain, dump
from capi2kit.lab.simulate.chainstate import OFFLINE, REVOKED, Chain
from capi2kit.lab.simulate.logbook import Task
from capi2kit.lab.simulate.randomness import digest
from capi2kit.lab.simulate.world import Steps, Thread, World

_CATALOG = r"C:\Windows\system32\CatRoot\{F750E6C3-38EE-11D1-85E5-00C04FC295EE}\nt5.cat"
_EXPLICITLY_REVOKED, _WRONG_NAME = 0x800B010C, 0x800B010F
_FILE_FLAWS = {"": 0, "unsigned": 0x800B0100, "changed": 0x80096010}
_TIME_STAMP = ("CERT_CHAIN_POLICY_AUTHENTICODE_TS", 3)


def happen(scenario: Scenario, *, like: World | None = None) -> World:
    """Let a scenario happen from beginning to end; `like`: with the same pauses as in another world."""
    world = World(scenario, like=like)
    for process in scenario.process:
        for number in sorted({work.thread for work in process.work}):
            steps = _run(world.thread(process, number), process, number=number)
            world.start(steps, world.begins + round(process.start_s * SECOND))
    world.run()
    return world


def _run(thread: Thread, process: Process, *, number: int) -> Steps:
    """The work of one thread in order."""
    for work in process.work:
        if work.thread != number:
            continue
        begins = thread.world.begins + round((process.start_s + work.at_s) * SECOND)
        yield max(begins - thread.now, 0)
        thread.in_startup = work.startup
        for turn in range(work.repeat):
            for place, file in enumerate(work.files):
                signed = thread.world.authorities[work.signers[(place + turn) % len(work.signers)]]
                yield thread.own(round(work.pause_s * SECOND * (0.5 + thread.dice.share())))
                if work.checked:
                    yield from _perform(thread, work, signed=signed, path=f"{work.folder}{file}")


def _perform(thread: Thread, work: Work, *, signed: Signed, path: str) -> Steps:
    asked = _limited(callers()[work.caller], thread.log.host.limit_s)
    if asked.key:
        yield thread.dice.between(0.0005, 0.004)
        record = thread.write("key", thread.task(), subject=signed.chain[0], result=asked.key_result)
        thread.world.keys.append((thread, signed.chain[0].name, asked.key_result, record))
    elif asked.trust:
        yield from _verify(thread, asked, signed=signed, path=path, flaw=_FILE_FLAWS[work.flaw])
        if work.own_chain:
            yield thread.own(thread.dice.between(0.001, 0.02))
            yield from _chain_alone(thread, callers()["unchecked"], signed=signed, server_name="")
    else:
        yield from _chain_alone(thread, asked, signed=signed, server_name=work.server_name)


def _limited(asked: Caller, limit_s: float) -> Caller:
    """A caller where a policy limits what each URL gets."""
    if not limit_s:
        return asked
    shared = asked.budget_s is not None
    return asked._replace(budget_s=2 * limit_s) if shared else asked._replace(limit_s=limit_s)


def _verify(thread: Thread, asked: Caller, *, signed: Signed, path: str, flaw: int) -> Steps:
    """WinVerifyTrust: hash the file, the signer's chain, the time stamp's chain, their policies, the verdict.

    A file without a signature, or whose digest is not the signed one, is refused before any chain (`flaw`: why).
    """
    file_digest = digest(f"file {path}")
    if asked.catalog:
        yield thread.dice.between(0.0005, 0.006)
        thread.write("catalog", thread.task(), digest=file_digest, path=path, catalog=_CATALOG, result=0)
    task = thread.task()
    operation = thread.open("VerifyTrust", task)
    thread.begin("trust_start", task)
    yield thread.own(thread.dice.between(0.001, 0.03))  # reading and hashing the file, which no record shows
    stamp = thread.world.authorities.get(signed.signer.timestamp)
    store = (*signed.chain[:-1], *(stamp.chain[:-1] if stamp else ()))
    chains = []
    for part in filter(None, (signed, stamp) if not flaw else ()):
        chain = yield from build_chain(thread, task, signed=part, asked=asked, top=False, store=store)
        chains.append(chain)
        yield thread.dice.between(0.0001, 0.001)
    policies = [tuple(asked.policy), _TIME_STAMP]
    results = [
        _judge(thread, task, chain=chain, policy=policy, server_name="")
        for chain, policy in zip(chains, policies, strict=False)
    ]
    yield thread.dice.between(0.0002, 0.002)
    if chains:
        dump(thread, task, chains=chains)
    record = thread.write(
        "trust",
        task,
        revocation_check=asked.revocation_check,
        flags=asked.trust_flags,
        catalog=_CATALOG if asked.catalog else "",
        digest=file_digest,
        path=path,
        chain_ref=chains[0].reference if chains else "",
        timestamp_ref=chains[1].reference if len(chains) > 1 else "",
        signed_at=signed.signed_at,
        result=(verdict := flaw or next(filter(None, results), 0)),
    )
    thread.close(operation, record)
    operation.facts |= {"target": path, "subject": None if flaw else signed.chain[0].name, "verdict": verdict}


def _chain_alone(thread: Thread, asked: Caller, *, signed: Signed, server_name: str) -> Generator[int, None, None]:
    """A program that asks for a chain itself, and then whether the chain fits its policy."""
    task = thread.task()
    chain = yield from build_chain(thread, task, signed=signed, asked=asked, top=True)
    if not asked.policy:
        return  # nobody judges the chain: it was built only to choose a certificate
    yield thread.dice.between(0.0001, 0.002)
    verdict = _judge(thread, thread.task(), chain=chain, policy=tuple(asked.policy), server_name=server_name)
    built = next(one for one in reversed(thread.world.operations) if (one.task_id, one.name) == (task.id, "BuildChain"))
    built.facts["verdict"] = verdict


def _judge(thread: Thread, task: Task, *, chain: Chain, policy: tuple[str, int], server_name: str) -> int:
    """Log whether a chain fits a policy. Authenticode tolerates that nobody could be asked."""
    result = _EXPLICITLY_REVOKED if chain.result == REVOKED else chain.result
    if result == OFFLINE and "AUTHENTICODE" in policy[0]:
        result = 0
    if not result and server_name and chain.signed.signer.names and server_name not in chain.signed.signer.names:
        result = _WRONG_NAME
    name, constant = policy
    facts = {"policy": name, "constant": constant, "chain": chain.elements, "chain_ref": chain.reference}
    facts |= {"auth": chain.asked.auth}
    thread.write("policy", task, **facts, server_name=server_name, culprit=0, result=result)
    return result
