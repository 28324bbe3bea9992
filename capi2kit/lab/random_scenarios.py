"""Drawing: random mixtures of conditions, so that the oracle does not only see the stories that we thought of.

A drawn scenario is made from the same parts and passes the same checks as a
written one. The same seed draws the same scenario.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from capi2kit.lab.reading import make_scenario
from capi2kit.lab.scenario import RETRIEVALS, WORKER, Scenario, tables
from capi2kit.lab.simulate.randomness import Randomness

One = TypeVar("One")
_OF_FILES = ("contoso", "fabrikam", "tailspin", "northwind")
_OF_SERVICES = {"tls": ("web", "shop"), "dotnet": ("web", "shop", "sts")}  # who else is checked, by caller
_HOSTS = (
    "crl.contoso.example",
    "pki.fabrikam.example",
    "crl.tailspin.example",
    "crl.northwind.example",
    "*.wingtip.example",
    "*",
)
_ANSWERS = (
    "ok",
    "ok",
    "ok",
    "ok",
    "drop",
    "drop",
    "drop",
    "refuse",
    "no-dns",
    "denied",
    "login",
    "page",
    "expired",
    "missing",
)
_CALLERS = ("authenticode", "authenticode", "authenticode", "dotnet", "tls", "observer", "cache-only")
_IMAGES = ("w3wp.exe", "OWSTIMER.EXE", "Setup.exe", "powershell.exe", "svchost.exe")
_ACCOUNTS = ("network", "system", "farm", "pool")
_PROXIES = ("direct", "direct", "wpad", "10.20.0.8:8080")


def draw_scenario(seed: int) -> Scenario:
    """A scenario drawn by a seed."""
    dice = Randomness(seed, "draw")
    begins = datetime(2012, 1, 2, tzinfo=UTC) + timedelta(seconds=dice.share() * 2e8)
    signers = some_of(dice, _OF_FILES, most=4)
    shop = {"like": "web", "id": "shop", "subject": "shop.wingtip.example", "names": [], "revocation": "crl"}
    accounts = [_account(dice, name) for name in some_of(dice, _ACCOUNTS, most=3)]
    table: dict[str, Any] = {
        "id": f"random-{seed}",
        "title": f"Mixture {seed}",
        "story": "Drawn by chance.",
        "find": "Whatever there is.",
        "begins": begins,
        "seed": seed,
        "drawn": True,
        "host": [_host(dice)],
        "account": accounts,
        "signer": [*signers, "web", {**shop, "intermediate_missing": dice.share() < 0.2}, "sts"],
        "server": [_server(dice, host) for host in some_of(dice, _HOSTS, most=3)],
        "cached": [one for account in accounts for one in _cached(dice, account["like"], signers=signers)],
    }
    names = [account["like"] for account in accounts]
    table["process"] = [
        _process(dice, number, accounts=names, signers=signers) for number in range(1 + int(dice.share() * 3))
    ]
    (host,), fails = table["host"], Randomness(seed, "how retrievals fail")
    host |= {
        "retrievals": one_of(fails, RETRIEVALS),
        "remembers": fails.share() < 0.7,
        "measures": fails.share() < 0.15,
    }
    if host["retrievals"] == WORKER and fails.share() < 0.3:
        table["server"].append({"host": "*", "answer": "ok", "seconds": 12.5})  # later than its callers wait
    for server in table["server"]:
        server["addresses"] = 3 if fails.share() < 0.2 else 1
        if server["answer"] == "refuse" and fails.share() < 0.3:
            server |= {"answer": "block", "seconds": 0.004}
    return make_scenario(table, file=f"random {seed}")


def one_of(dice: Randomness, choices: Sequence[One]) -> One:
    """One of some choices, by chance."""
    return choices[int(dice.share() * len(choices))]


def some_of(dice: Randomness, choices: Sequence[str], *, most: int) -> list[str]:
    """One to `most` different ones, in an order of chance."""
    drawn = [one_of(dice, choices) for _ in range(1 + int(dice.share() * most))]
    return list(dict.fromkeys(drawn))


def _host(dice: Randomness) -> dict[str, Any]:
    error = one_of(dice, (0.0, 0.0, 16.5, -384.0, 51878.0))
    host: dict[str, Any] = {"name": "LAB01.contoso.example", "windows": one_of(dice, tuple(tables("windows")))}
    host["clock_error_s"] = error
    if dice.share() < 0.03:
        host["log_bytes"] = 4096 + 65_536 * (2 + int(dice.share() * 3))
    return host


def _account(dice: Randomness, name: str) -> dict[str, Any]:
    account: dict[str, Any] = {"like": name, "proxy": one_of(dice, _PROXIES), "stores": dice.share() > 0.15}
    if account["proxy"] == "wpad":
        account["wpad_s"] = one_of(dice, (0.02, 0.3, 2.4, 4.6))
    return account


def _server(dice: Randomness, host: str) -> dict[str, Any]:
    return {"host": host, "answer": one_of(dice, _ANSWERS), "seconds": one_of(dice, (0.03, 0.2, 0.9, 3.0, 6.5))}


def _cached(dice: Randomness, account: str, *, signers: list[str]) -> list[dict[str, Any]]:
    if dice.share() < 0.4:
        return []
    lists = one_of(dice, (["ca"], ["leaf"], ["ca", "leaf"]))
    return [
        {"account": account, "signers": signers, "lists": lists, "state": one_of(dice, ("fresh", "fresh", "stale"))}
    ]


def _process(dice: Randomness, number: int, *, accounts: list[str], signers: list[str]) -> dict[str, Any]:
    work = [
        _work(dice, thread, signers=signers)
        for thread in range(1, 2 + int(dice.share() * 2))
        for _ in range(1 + int(dice.share() * 2))
    ]
    return {
        "id": f"p{number}",
        "image": one_of(dice, _IMAGES),
        "pid": 1200 + 4 * int(dice.share() * 200) + 1000 * number,
        "account": one_of(dice, accounts),
        "start_s": round(1 + 40 * dice.share(), 3),
        "work": work,
    }


def _work(dice: Randomness, thread: int, *, signers: list[str]) -> dict[str, Any]:
    caller = one_of(dice, _CALLERS)
    return {
        "caller": caller,
        "thread": thread,
        "signers": some_of(dice, _OF_SERVICES[caller], most=2) if caller in _OF_SERVICES else signers,
        "files": [f"@portal:{1 + int(dice.share() * 5)}"],
        "folder": "C:\\app\\",
        "pause_s": one_of(dice, (0.005, 0.05, 0.4, 3.0)),
        "own_chain": dice.share() < 0.3,
        "server_name": "portal.wingtip.example" if caller == "tls" else "",
    }
