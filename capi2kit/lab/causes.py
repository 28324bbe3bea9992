"""Causes: what a complete diagnosis of a world must find, by what was set up in it and left a record.

Made for drawn scenarios, whose causes nobody wrote down. It looks at what really was so (how each server
answered, which way out each account had), never at records, and shares no code with the rules; it takes from
them only their names, and that a cause which shows once does not count yet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

from capi2kit.lab.eventforms import SECOND
from capi2kit.lab.scenario import Account, windows
from capi2kit.lab.simulate.attempts import AT_LIMIT
from capi2kit.lab.simulate.chains import NO_CHECK, OFFLINE, UNTRUSTED
from capi2kit.lab.simulate.world import Operation, World

_TWICE = 2
_SLOW_S = 2.0
_HOUR_S = 3600
_NOT_ITS_FAULT = ("ok", "expired", "drop", "denied", "login")  # answers for which a responder is not to blame
_MANAGED = ("w3wp.exe", "OWSTIMER.EXE", "powershell.exe")
_TARGETS = 8  # assemblies that make a start-up one of many checks


class Visit(NamedTuple):
    """One retrieval that left a record."""

    account: Account
    sid: str
    host: str
    server: str
    kind: str
    answer: str
    late: bool  # the limit was reached
    later: int | None  # the result when its thread ended after that, if that left a record
    url: str
    ended: int
    seconds: float
    process: str
    pid: int
    accumulative: bool
    target: object
    replaces: bool

    @property
    def came(self) -> bool:
        """Whether something came."""
        return self.answer in ("ok", "expired") and not self.late

    @property
    def proxied(self) -> bool:
        """Whether its account has a proxy."""
        return ":" in self.account.proxy

    @property
    def searches(self) -> bool:
        """Whether its account looks for a proxy in vain."""
        return self.account.proxy == "wpad"


Visits = list[Visit]


def causes_of(world: World, kept: dict[str, set[int]]) -> set[str]:
    """The ids of the rules that should fire on what a world left; `kept`: the records in each computer's file."""
    visits = list(_visits(world, kept))
    found: set[str] = set()
    for host in world.scenario.host:
        here = [one for one in visits if one.host == host.name]
        proxy_logged = windows()[host.windows].proxy_actions
        found |= (
            _unanswered(here, proxy_logged=proxy_logged)
            | _refused(here)
            | _denied(here)
            | _answered(here, proxy_logged=proxy_logged)
        )
        if abs(host.clock_error_s) >= _HOUR_S and any(one.answer not in _SILENT and not one.late for one in here):
            found.add("wrong-clock")
        if kept[host.name] and min(kept[host.name]) > 1:
            found.add("log-wrapped")
    offline = {one.pid for one in world.operations if one.name == "BuildChain" and OFFLINE in _troubles(one)}
    return found | _not_sent(world, visits, kept=kept) | _per_process(visits, offline=offline) | _chains(world, kept)


_SILENT = ("drop", "refuse", "no-dns", "no-connection", "no-directory")


def _visits(world: World, kept: dict[str, set[int]]) -> Iterator[Visit]:
    accounts = {one.id: one for one in world.scenario.account}
    targets: dict[str, object] = {}
    for one in world.operations:
        targets.setdefault(one.task_id, one.facts.get("target", one.task_id))
    for one in world.operations:
        if "answer" in one.facts and one.record in kept[one.host]:
            said = one.facts
            yield Visit(
                account=accounts[str(said["account"])],
                sid=str(said["sid"]),
                host=one.host,
                server=urlsplit(str(said["url"])).hostname or "",
                kind=str(said["kind"]),
                answer=str(said["answer"]),
                late=said["result"] in AT_LIMIT,
                later=_later(world, one, kept=kept),
                url=str(said["url"]),
                ended=int(str(said["ended"])),
                seconds=(int(str(said["ended"])) - one.start) / SECOND,
                process=one.process,
                pid=one.pid,
                accumulative=bool(said["accumulative"]),
                target=targets[one.task_id],
                replaces=bool(said["replaces"]),
            )


def _later(world: World, wait: Operation, *, kept: dict[str, set[int]]) -> int | None:
    """How a retrieval ended after its caller had given up, if that left a record."""
    own = ("host", "pid")
    for one in world.operations:
        if (
            one.facts.get("was") == "background"
            and all(getattr(one, name) == getattr(wait, name) for name in own)
            and one.facts["url"] == wait.facts["url"]
            and one.start <= int(str(wait.facts["ended"])) <= (one.stop or 0)
            and one.record in kept[one.host]
        ):
            return int(str(one.facts["result"]))
    return None


def _not_sent(world: World, visits: Visits, *, kept: dict[str, set[int]]) -> set[str]:
    """Calls that came back at once: echoes of a failure in the log, or of one that is not in it."""
    found = set()
    for one in world.operations:
        was = one.facts.get("was")
        if was not in ("pending", "remembered") or one.record not in kept[one.host]:
            continue
        mine = [
            visit for visit in visits if (visit.host, visit.pid, visit.url) == (one.host, one.pid, one.facts["url"])
        ]
        now = int(str(one.facts["ended"]))
        echo = any(not visit.came and visit.ended <= now for visit in mine) or (was == "pending" and bool(mine))
        if echo:
            found.add("not-sent")
        elif was == "remembered":
            found.add("no-connectivity" if one.facts["network"] == 0 else "not-even-tried")
    return found


def _often(visits: Iterable[Visit], key: Callable[[Visit], object] = lambda one: one.host) -> bool:
    """Whether it shows at least twice for one computer, account or whatever the key is."""
    return max(Counter(key(one) for one in visits).values(), default=0) >= _TWICE


def _sid(one: Visit) -> str:
    return one.sid


def _server(one: Visit) -> str:
    return one.server


def _unanswered(visits: Visits, *, proxy_logged: bool) -> set[str]:
    """Dropped packets, names without an address, accounts that find no proxy. `proxy_logged`: the log shows the search."""
    found = set()
    silent = [
        one
        for one in visits
        if one.late and one.answer in ("drop", "refuse")  # a refusal never takes that long
    ]
    if any(not (proxy_logged and (one.searches or one.proxied)) for one in silent):
        found.add("firewall-drops")
    if proxy_logged and _often((one for one in silent if one.proxied), lambda one: one.account.proxy):
        found.add("proxy-silent")
    nameless = [
        one for one in visits if one.answer == "no-dns" and not one.late and not (proxy_logged and one.searches)
    ]
    servers, accounts = ({key(one) for one in visits if one.came} for key in (_server, _sid))
    if _often((one for one in nameless if one.server not in servers), _server):
        found.add("name-not-resolved")
    if accounts and _often((one for one in nameless if one.sid not in accounts), _sid):
        found.add("services-without-proxy")
    lost = [one for one in visits if one.answer in ("no-dns", "refuse", "drop") and one.searches]
    if proxy_logged and _often(lost, _sid):
        found.add("account-auto-detect")
    return found


def _refused(visits: Visits) -> set[str]:
    """Refusals, by how long they took."""
    refused = [one for one in visits if one.answer in ("refuse", "drop") and not one.late]
    found = set()
    if _often(one for one in refused if one.seconds < 0.3):
        found.add("firewall-rejects")
    if _often(one for one in refused if one.seconds >= 2.5):
        found.add("connect-fails-late")
    moment = [one for one in refused if 0.3 <= one.seconds < 2.5]
    if any(one.came for one in visits):
        found |= {"loopback"} if _often(moment, lambda one: one.server) else set()
    elif _often(moment):
        found.add("all-refused")
    return found


def _denied(visits: Visits) -> set[str]:
    """What a proxy, a filter or a mirror answers instead of the list."""

    def answers(word: str) -> Visits:
        return [one for one in visits if one.answer == word and not one.late]

    found = set()
    served = {one.sid for one in visits if one.came}
    if served and _often((one for one in answers("denied") if one.sid not in served), _sid):
        found.add("account-denied-at-proxy")
    servers = {one.server for one in visits if one.came}
    if _often((one for one in answers("denied") if one.server not in servers), _server):
        found.add("denied-to-all")
    if _often(answers("login"), _sid):
        found.add("proxy-authentication")
    if answers("page"):
        found.add("filter-page")
    if _often((one for one in answers("missing") if one.kind != "ocsp"), lambda one: one.server):
        found.add("object-not-found")
    return found


def _answered(visits: Visits, *, proxy_logged: bool) -> set[str]:
    """What came, and what was wrong with how it came."""
    came = [one for one in visits if one.came]
    slow = [one for one in came if one.seconds >= _SLOW_S]
    answered = {(one.sid, one.pid, one.server) for one in visits if one.answer not in _SILENT and not one.late}
    late = [one for one in visits if one.late and one.later != 0 and (one.sid, one.pid, one.server) in answered]
    found = set()
    if proxy_logged and any(one.searches and one.account.wpad_s >= _SLOW_S for one in slow):
        found.add("wpad-slow")
    if proxy_logged and any(not one.searches for one in [*slow, *late]):
        found.add("slow-server")
    if not proxy_logged and (slow or late):
        found.add("slow-success")
    if any(one.late and one.later == 0 for one in visits):
        found.add("slow-not-dead")
    if _often((one for one in came if not one.account.stores), _sid):
        found.add("not-cached")
    if any(not one.account.stores or (proxy_logged and one.searches) for one in came):
        found.add("red-but-successful")
    failed = [one for one in visits if one.kind == "ocsp" and one.answer not in _NOT_ITS_FAULT and not one.late]
    if failed and any(one.kind == "crl" for one in came):
        found.add("ocsp-fails")
    if any(one.kind == "certificate" and not one.came for one in visits):
        found.add("intermediate-missing")
    return found


def _per_process(visits: Visits, *, offline: set[int]) -> set[str]:
    """What shows per process. `offline`: those in which a chain found nobody to ask; there nothing is called harmless."""
    found = set()
    for pid in {one.pid for one in visits}:
        mine = [one for one in visits if one.pid == pid]
        in_vain = [one for one in mine if not one.came and one.accumulative and one.process in _MANAGED]
        if len({one.target for one in in_vain if one.answer not in ("page", "missing", "expired")}) >= _TARGETS:
            found.add("publisher-evidence")
        if any(one.came and one.answer == "expired" and one.kind != "certificate" for one in mine):
            found.add("crl-expired-at-source")
        if (
            pid not in offline
            and any(one.came and one.replaces for one in mine)
            and all(one.came and one.answer == "ok" for one in mine)
        ):
            found.add("stale-cache-refreshed")
    return found


def _chains(world: World, kept: dict[str, set[int]]) -> set[str]:
    """What the chains show: certificates without a place to ask, roots that are not trusted, callers without the network."""
    found = set()
    for one in world.operations:
        if one.name != "BuildChain" or one.record not in kept[one.host]:
            continue
        troubles = _troubles(one)
        if NO_CHECK in troubles:
            found.add("no-revocation-source")
        if UNTRUSTED in troubles:
            found.add("sts-root-missing" if "SharePoint" in str(one.facts["subject"]) else "root-not-trusted")
        if one.facts["cache_only"] and OFFLINE in troubles:
            found.add("cache-only")
    return found


def _troubles(one: Operation) -> frozenset[int]:
    """What was wrong with a chain."""
    troubles = one.facts["troubles"]
    assert isinstance(troubles, frozenset)
    return troubles
