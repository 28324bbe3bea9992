"""Scenarios: what an incident consists of: machines, accounts, servers, signers, and what programs do.

Only the words; `reading` makes them from a TOML file, `simulate` lets them happen.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

LAB = Path(__file__).parent
ANSWERS = (
    "ok", "drop", "refuse", "block", "no-dns", "no-connection", "no-directory", "missing", "denied", "login", "page", "broken", "expired",
    "reset", "dead-first",
)  # fmt: skip
REVOCATIONS = ("crl", "ocsp", "none")
STATES = ("fresh", "stale")
SCHEMES = ("http", "ldap")
SENDS, WORKER = "sends", "worker"
RETRIEVALS = (SENDS, WORKER)
FLAWS = (
    "", "expired", "wrong-usage", "bad-signature", "distrusted", "no-issuer", "unknown-status", "no-crl-sign", "list-judged",
)  # of a certificate  # fmt: skip
FILE_FLAWS = ("", "changed", "unsigned")


class Caller(NamedTuple):
    """How a program asks for checks; see callers.toml."""

    chain_flags: int
    check_flags: int
    policy: list
    source: str
    trust: bool = False
    catalog: bool = False
    key: bool = False
    key_result: int = 0
    server: bool = False
    cache_only: bool = False
    trust_flags: int = 0
    revocation_check: int = 0
    budget_s: float | None = None
    limit_s: float | None = None
    strict: bool = False
    usage: str = ""
    auth: str = "server"


class Windows(NamedTuple):
    """What one version of Windows logs; see windows.toml."""

    title: str
    late: bool
    tick_us: int
    fine: bool
    proxy_actions: bool
    agent: str
    provider: str
    retrievals: str
    connect_s: float
    refused_s: list[float]
    addresses_tried: int
    memory_s: list[float]
    sure: dict[str, str]
    source: str


@dataclass(frozen=True)
class Host:
    """A computer and its log. `log_bytes`: the largest the log may grow; `channel_on_s`: when it was switched on.

    `limit_s`: what each URL gets at most (policy); a chain with one budget gets twice that. 0: as Windows has it.
    `retrievals`: how they fail, sends or worker (see windows.toml); empty: as its Windows has it. `remembers`: whether a failure is
    remembered for a while.
    `measures`: Windows writes how long each call took (DiagLevel 5).
    """

    name: str
    windows: str = "2008 R2"
    clock_error_s: float = 0.0
    log_bytes: int = 8 << 20
    channel_on_s: float = 0.0
    errors_only: bool = False
    dirty: bool = False
    limit_s: float = 0.0
    retrievals: str = ""
    remembers: bool = True
    measures: bool = False

    @property
    def has_workers(self) -> bool:
        """Whether a thread of its own does the work of a retrieval."""
        return (self.retrievals or windows()[self.windows].retrievals) == WORKER


@dataclass(frozen=True)
class Account:
    """Who asks, and by which way out: direct, wpad (the look-up fails after `wpad_s`), or a proxy's host:port."""

    id: str
    sid: str
    proxy: str = "direct"
    wpad_s: float = 0.0
    stores: bool = True


@dataclass(frozen=True)
class Server:
    """How a server (a name, or * for all) answers `accounts` (all if none are named), and after how long.

    `seconds`: of an answer, or of a block on the computer itself. Where packets are dropped or refused, windows.toml has the time
    that each of the `addresses` of the name takes.
    """

    host: str
    answer: str
    seconds: float = 0.08
    addresses: int = 1
    accounts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Signer:
    """Who signed: a certificate, its CA and its root; `host` publishes their lists; `timestamp` is another signer.

    `flaw`: what is wrong with the certificate, its lists or what is known of it; `scheme`: how its lists are to be fetched; `mirror`:
    another server that has each list, too. `list_bytes`: the size of its lists. `says_next`: whether they say when the next comes.
    """

    id: str
    subject: str
    ca: str
    root: str
    host: str
    timestamp: str = ""
    revocation: str = "crl"
    digest: str = "SHA1"
    trusted: bool = True
    intermediate_missing: bool = False
    self_signed: bool = False
    revoked: bool = False
    names: tuple[str, ...] = ()
    flaw: str = ""
    scheme: str = "http"
    mirror: str = ""
    list_bytes: int = 0
    says_next: bool = True


@dataclass(frozen=True)
class Cached:
    """What an account has in its disk cache when the story begins: both lists of some signers.

    `installed`: the lists are in a store of the computer instead, where no answers of a responder
    can be. `roots_bytes`: it also has a list of roots of that size. `answers`: so many answers of each signer's responder, on other
    certificates.
    """

    account: str
    signers: tuple[str, ...]
    state: str = "fresh"
    lists: tuple[str, ...] = ("ca", "leaf")
    roots_bytes: int = 0
    installed: bool = False
    answers: int = 0


@dataclass(frozen=True)
class Work:
    """A run of checks in one thread: `files` below `folder`, signed by `signers` in turn, `pause_s` apart.

    `flaw`: what is wrong with the files. `checked`: whether they are checked at all.
    """

    caller: str
    signers: tuple[str, ...]
    files: tuple[str, ...] = ("",)
    folder: str = ""
    thread: int = 1
    at_s: float = 0.0
    pause_s: float = 0.05
    repeat: int = 1
    own_chain: bool = False
    startup: bool = True
    server_name: str = ""
    flaw: str = ""
    checked: bool = True


@dataclass(frozen=True)
class Process:
    """A program: created at `start_s`. Its thread ids follow from the pid."""

    id: str
    image: str
    pid: int
    account: str
    start_s: float
    host: str = ""
    app_pool: str = ""
    impersonates: str = ""
    work: tuple[Work, ...] = ()


@dataclass(frozen=True)
class Message:
    """A record of the Application log around the incident. `texts` are its strings in order."""

    form: str
    at_s: float
    texts: tuple[str, ...]
    host: str = ""


@dataclass(frozen=True)
class Way:
    """An account's way out after a remedy; `stores`: it can keep what it got."""

    id: str
    proxy: str = "direct"
    stores: bool = True


@dataclass(frozen=True)
class After:
    """The same incident after a remedy (its id): what changes. `server` goes before the scenario's own.

    `account`: their new ways out. `installed`: signers whose chain is now whole and trusted. `lists`: signers whose lists are
    installed on every computer. `unchecked`: callers whose files are no longer checked. `limit_s`: what each URL gets. `only`: the
    remedy is for these servers.
    """

    fix: str
    server: tuple[Server, ...] = ()
    account: tuple[Way, ...] = ()
    installed: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()
    limit_s: float = 0.0
    only: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scenario:
    """One incident, complete. `causes` and `not_causes` name what a diagnosis must and must not find.

    `main_cause`: the one of them that the story is about.
    """

    id: str
    title: str
    story: str
    find: str
    begins: datetime
    seed: int
    host: tuple[Host, ...]
    account: tuple[Account, ...]
    signer: tuple[Signer, ...]
    process: tuple[Process, ...]
    server: tuple[Server, ...] = ()
    cached: tuple[Cached, ...] = ()
    message: tuple[Message, ...] = ()
    after: tuple[After, ...] = ()
    main_cause: str = ""
    causes: tuple[str, ...] = ()
    not_causes: tuple[str, ...] = ()
    companions: bool = False
    root_update: str = "ctldl.windowsupdate.example"
    drawn: bool = False
    file: str = field(default="", compare=False)


@cache
def callers() -> dict[str, Caller]:
    """callers.toml by name."""
    return {name: Caller(**row) for name, row in tables("callers").items()}


@cache
def windows() -> dict[str, Windows]:
    """windows.toml by name."""
    return {name: Windows(**row) for name, row in tables("windows").items()}


@cache
def tables(name: str) -> dict[str, Any]:
    """One of the lab's own TOML files; not to be changed."""
    return tomllib.loads((LAB / f"{name}.toml").read_text(encoding="utf-8"))
