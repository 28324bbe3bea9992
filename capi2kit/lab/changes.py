"""Changes: a scenario as it would have happened after a remedy."""

from __future__ import annotations

from dataclasses import replace

from capi2kit.lab.scenario import Account, After, Cached, Process, Scenario


def changed(scenario: Scenario, after: After) -> Scenario:
    """The same incident with one remedy in place."""
    ways = {way.id: way for way in after.account}
    signers = tuple(
        replace(one, trusted=True, intermediate_missing=False) if one.id in after.installed else one
        for one in scenario.signer
    )
    installed = tuple(Cached(one.id, after.lists, installed=True) for one in scenario.account if after.lists)
    hosts = tuple(replace(one, limit_s=after.limit_s) for one in scenario.host) if after.limit_s else scenario.host
    return replace(
        scenario,
        host=hosts,
        server=(*after.server, *scenario.server),
        account=tuple(_sent(one, ways) for one in scenario.account),
        signer=signers,
        cached=(*scenario.cached, *installed),
        process=tuple(_unchecked(one, after.unchecked) for one in scenario.process),
    )


def _unchecked(process: Process, callers: tuple[str, ...]) -> Process:
    """The process, whose files these callers no longer have checked."""
    return replace(
        process, work=tuple(replace(one, checked=one.checked and one.caller not in callers) for one in process.work)
    )


def _sent(account: Account, ways: dict) -> Account:
    way = ways.get(account.id)
    return replace(account, proxy=way.proxy, wpad_s=0.0, stores=way.stores) if way else account
