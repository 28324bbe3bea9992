"""Caches: what need not be fetched again. In memory per process, on disk per account."""

from __future__ import annotations

from dataclasses import dataclass, replace

from capi2kit.lab.eventforms import SECOND
from capi2kit.lab.scenario import Cached, Scenario
from capi2kit.lab.simulate.authorities import DAY, Signed, Source, outdated
from capi2kit.lab.simulate.randomness import digest


@dataclass(frozen=True)
class Stored:
    """An object on disk, when it came, and through which proxy."""

    source: Source
    synced: int
    proxy_id: str = ""


Disk = dict[tuple[str, str, str], Stored]  # by computer, account and URL
Memory = dict[str, Source]  # of one process, by URL


def roots_url(scenario: Scenario) -> str:
    """Where the list of roots is fetched."""
    return f"http://{scenario.root_update}/msdownload/update/v3/static/trustedr/en/authrootstl.cab"


def fill_disk(scenario: Scenario, authorities: dict[str, Signed], *, now: int) -> Disk:
    """What is on disk when the story begins."""
    disk: Disk = {}
    for cached in scenario.cached:
        if cached.roots_bytes:
            url = roots_url(scenario)
            root = next(iter(authorities.values())).chain[-1]
            listed = Source("ctl", url, root, this_update=now - 20 * DAY, bytes=cached.roots_bytes)
            disk |= {(host.name, cached.account, url): Stored(listed, now - 3 * DAY) for host in scenario.host}
        for name in cached.signers:
            for host in scenario.host:
                for list_of, certificate in zip(("leaf", "ca"), authorities[name].chain, strict=False):
                    if list_of in cached.lists:
                        for source in certificate.lists:
                            if cached.installed and source.kind != "crl":
                                continue
                            found = source if cached.state == "fresh" else outdated(source, now)
                            synced = found.this_update + 3 * 3600 * SECOND + int(found.thumbprint[:4], 16) * 10_000
                            disk[host.name, cached.account, source.url] = Stored(found, synced)
                disk |= _answers(host.name, cached, responses=authorities[name].chain[0].lists, now=now)
    return disk


def _answers(host: str, cached: Cached, *, responses: tuple[Source, ...], now: int) -> Disk:
    """Answers of a responder on other certificates, each under a URL of its own."""
    found: Disk = {}
    for response in (one for one in responses if one.kind == "ocsp"):
        for number in range(cached.answers):
            url = f"{response.url}/{digest(f'{response.url} {number}')}"
            found[host, cached.account, url] = Stored(replace(response, url=url), now - DAY)
    return found
