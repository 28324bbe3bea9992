"""Changes: a scenario as it would have happened after a remedy."""

from __future__ import annotations

from dataclasses import replace

from capi2kit.lab.scenario import Account, After, Scenario


def changed(scenario: Scenario, after: After) -> Scenario:
    """The same incident with one remedy in place."""
    ways = {way.id: way for way in after.account}
    signers = tuple(
        replace(one, trusted=True, intermediate_missing=False) if one.id in after.installed else one
        for one in scenario.signer
    )
    hosts = tuple(replace(one, limit_s=after.limit_s) for one in scenario.host) if after.limit_s else scenario.host
    return replace(
        scenario,
        host=hosts,
        server=(*after.server, *scenario.server),
        account=tuple(_sent(one, ways) for one in scenario.account),
        signer=signers,
    )


def _sent(account: Account, ways: dict) -> Account:
    way = ways.get(account.id)
    return replace(account, proxy=way.proxy, wpad_s=0.0, stores=way.stores) if way else account
