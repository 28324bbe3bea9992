"""Causes: what a complete diagnosis of a world must find, by what was set up in it and left a record.

Made for drawn scenarios, whose causes nobody wrote down. It looks at what really was so (how each server
answered, which way out each account had), never at records, and shares no code with the rules; it takes from
them only their names, and that a cause which shows once does not count yet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from capi2kit.lab.scenario import windows
from capi2kit.lab.simulate.chainstate import NO_CHECK, OFFLINE, UNTRUSTED
from capi2kit.lab.simulate.world import Operation, World
from capi2kit.lab.visits import Visit, Visits, visits_of

_TWICE = 2
_SLOW_S = 2.0
_HOUR_S = 3600
_NOT_ITS_FAULT = ("ok", "expired", "drop", "denied", "login", "no-dns")  # answers for which a responder is not to blame
_MANAGED = ("w3wp.exe", "OWSTIMER.EXE", "powershell.exe")
_TARGETS = 8  # assemblies that make a start-up one of many checks
_NEAR = 0.6  # of its limit: a refusal that takes so long looks like a lost packet
_LONGEST = 10.0  # that refusals can take, s


def causes_of(world: World, kept: dict[str, set[int]]) -> set[str]:
    """The ids of the rules that should fire on what a world left; `kept`: the records in each computer's file."""
    visits = list(visits_of(world, kept))
    found: set[str] = set()
    for host in world.scenario.host:
        here = [one for one in visits if one.host == host.name]
        proxy_logged = windows()[host.windows].proxy_actions
        found |= (
            _unanswered(here, proxy_logged=proxy_logged)
            | _refused(here)
            | _denied(here)
            | _answered(here, proxy_logged=proxy_logged)
            | _gone(here)
        )
        if abs(host.clock_error_s) >= _HOUR_S and any(one.answer not in _SILENT and not one.late for one in here):
            found.add("wrong-clock")
        if kept[host.name] and min(kept[host.name]) > 1:
            found.add("log-wrapped")
    offline = {one.pid for one in world.operations if one.name == "BuildChain" and OFFLINE in _troubles(one)}
    many = _checking(world)
    return (
        found
        | _not_sent(world, visits, kept=kept)
        | _per_process(visits, offline=offline, many=many)
        | _chains(world, kept)
    )


_SILENT = ("drop", "refuse", "block", "no-dns", "no-connection", "no-directory")


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
    silent = [one for one in visits if one.late and one.answer in ("drop", "refuse", "block")]
    if any(not (proxy_logged and (one.searches or one.proxied)) for one in silent):
        found.add("firewall-drops")
    if proxy_logged and _often((one for one in silent if one.proxied), lambda one: one.account.proxy):
        found.add("proxy-silent")
    nameless = [
        one
        for one in visits
        if one.answer == "no-dns" and one.kind != "ocsp" and not one.late and not (proxy_logged and one.searches)
    ]
    servers, accounts = ({key(one) for one in visits if one.came} for key in (_server, _sid))
    if _often((one for one in nameless if one.server not in servers), _server):
        found.add("name-not-resolved")
    if accounts and _often((one for one in nameless if one.sid not in accounts), _sid):
        found.add("services-without-proxy")
    lost = [one for one in visits if one.answer in ("no-dns", "refuse", "block", "drop") and one.searches]
    if proxy_logged and _often(lost, _sid):
        found.add("account-auto-detect")
    return found


def _gone(visits: Visits) -> set[str]:
    """Trust lists that nobody gives out to this computer, and responders whose name leads nowhere while other servers answer."""
    came = {one.server for one in visits if one.came}
    lists = [one for one in visits if one.kind == "ctl" and not one.came and one.server not in came]
    found = (
        {"root-list-unreachable"} if any(one.late or one.answer not in ("page", "missing") for one in lists) else set()
    )
    nameless = [one for one in visits if one.kind == "ocsp" and one.answer == "no-dns" and not one.late]
    if came and any(one.server not in came for one in nameless):
        found.add("responder-retired")
    return found


def _refused(visits: Visits) -> set[str]:
    """Connections that failed before their limit: blocked on the computer, refused, or given up because nobody answered."""
    failed = [one for one in visits if one.answer in ("refuse", "block", "drop") and not one.late]
    near = [one for one in failed if one.seconds >= 0.5]
    late = [one for one in near if one.answer == "drop" or one.seconds >= _NEAR * one.limit or one.seconds > _LONGEST]
    found = {"firewall-rejects"} if _often(one for one in failed if one not in near) else set()
    if _often(late):
        found.add("connect-fails-late")
    moment = [one for one in near if one not in late]
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


def _checking(world: World) -> set[int]:
    """The processes whose start checks many targets: files, or certificates without a file."""
    checked: dict[tuple[int, str], object] = {}
    for one in world.operations:
        if one.facts["startup"] and (target := one.facts.get("target", one.facts.get("subject"))):
            where = (one.pid, one.task_id)
            checked[where] = target if "target" in one.facts else checked.get(where, target)
    found = Counter(pid for pid, _ in {(pid, target) for (pid, _), target in checked.items()})
    return {pid for pid, count in found.items() if count >= _TARGETS}


def _per_process(visits: Visits, *, offline: set[int], many: set[int]) -> set[str]:
    """What shows per process. `offline`: those in which a chain found nobody to ask; there nothing is called harmless.

    `many`: those that check many targets.
    """
    found = set()
    for pid in {one.pid for one in visits}:
        mine = [one for one in visits if one.pid == pid]
        in_vain = [one for one in mine if not one.came and one.accumulative and one.process in _MANAGED]
        if pid in many and any(one.answer not in ("page", "missing", "expired") for one in in_vain):
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
