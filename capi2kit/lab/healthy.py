"""Healthy mixtures: a computer on which nothing is wrong, drawn by chance, with what looks wrong and is not.

Programs that look for a certificate to use, web servers and services that use their private keys, remote desktops with self-signed
certificates, and checks whose servers all answer. No rule may call any of it a serious fault.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from capi2kit.lab.random_scenarios import one_of, some_of
from capi2kit.lab.reading import make_scenario
from capi2kit.lab.scenario import Scenario, tables
from capi2kit.lab.simulate.randomness import Randomness

_OF_FILES = ("contoso", "fabrikam", "tailspin", "northwind")
_MINE = (
    {"like": "web", "id": "old", "subject": "rudi 2019", "flaw": "expired"},
    {"like": "web", "id": "own", "subject": "rudi", "self_signed": True, "trusted": False},
    {"like": "web", "id": "usage", "subject": "rudi sign", "flaw": "wrong-usage"},
    {"like": "web", "id": "desktop", "subject": "SRV07.contoso.example", "self_signed": True, "trusted": False},
)
_KEYS = (
    ("w3wp.exe", "pool"),
    ("svchost.exe", "network"),
    ("lsass.exe", "system"),
    ("Microsoft.IdentityServer.ServiceHost.exe", "farm"),
)
_CHOOSERS = ("OUTLOOK.EXE", "iexplore.exe", "chrome.exe")


def draw_healthy(seed: int) -> Scenario:
    """A healthy computer drawn by a seed."""
    dice = Randomness(seed, "healthy")
    begins = datetime(2012, 1, 2, tzinfo=UTC) + timedelta(seconds=dice.share() * 4e8)
    signers = some_of(dice, _OF_FILES, most=4)
    parts: list[Callable[..., dict[str, Any]]] = [_choosing, _using_keys, _desktop, _checking]
    table: dict[str, Any] = {
        "id": f"healthy-{seed}",
        "title": f"Healthy mixture {seed}",
        "story": "Drawn by chance; nothing is wrong.",
        "find": "No rule of high severity.",
        "begins": begins,
        "seed": seed,
        "drawn": True,
        "host": [{"name": "LAB02.contoso.example", "windows": one_of(dice, tuple(tables("windows")))}],
        "account": [{"like": name, "proxy": "direct"} for name in ("network", "system", "farm", "pool", "user")],
        "signer": [*signers, "web", *_MINE],
        "server": [{"host": "*", "answer": "ok", "seconds": one_of(dice, (0.03, 0.1, 0.3))}],
        "process": [
            part(dice, 1200 + 400 * number + 4 * int(dice.share() * 90), signers=signers) | {"id": f"p{number}"}
            for number, part in enumerate(parts)
            if part is not _checking or dice.share() < 0.8
        ],
    }
    return make_scenario(table, file=f"healthy {seed}")


def _process(dice: Randomness, pid: int, *, image: str, account: str, work: list[dict[str, Any]]) -> dict[str, Any]:
    return {"image": image, "pid": pid, "account": account, "start_s": round(1 + 30 * dice.share(), 3), "work": work}


def _choosing(dice: Randomness, pid: int, *, signers: list[str]) -> dict[str, Any]:
    """A program that looks through all certificates of its user."""
    mine = some_of(dice, ("old", "own", "usage"), most=3)
    work = {
        "caller": "choosing",
        "signers": mine,
        "files": [""] * len(mine),
        "repeat": 1 + int(dice.share() * 6),
        "pause_s": 0.1,
    }
    return _process(dice, pid, image=one_of(dice, _CHOOSERS), account="user", work=[work])


def _using_keys(dice: Randomness, pid: int, *, signers: list[str]) -> dict[str, Any]:
    """A service that uses the private key of its own certificate."""
    image, account = one_of(dice, _KEYS)
    work = {
        "caller": "key",
        "signers": ["web"],
        "repeat": 1 + int(dice.share() * 30),
        "pause_s": one_of(dice, (0.2, 5, 20)),
    }
    return _process(dice, pid, image=image, account=account, work=[work])


def _desktop(dice: Randomness, pid: int, *, signers: list[str]) -> dict[str, Any]:
    """A remote desktop, whose computer shows a certificate that it made itself."""
    work = {
        "caller": "printer",
        "signers": ["desktop"],
        "server_name": "SRV07.contoso.example",
        "repeat": 1 + int(dice.share() * 4),
    }
    return _process(dice, pid, image="mstsc.exe", account="user", work=[work])


def _checking(dice: Randomness, pid: int, *, signers: list[str]) -> dict[str, Any]:
    """A program whose files are checked; all servers answer."""
    work = {
        "caller": one_of(dice, ("authenticode", "observer", "cache-only")),
        "signers": signers,
        "files": [f"@portal:{1 + int(dice.share() * 6)}"],
        "folder": "C:\\app\\",
        "pause_s": one_of(dice, (0.005, 0.05, 0.4)),
    }
    return _process(dice, pid, image="w3wp.exe", account="pool", work=[work])
