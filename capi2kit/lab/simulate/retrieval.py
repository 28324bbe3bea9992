"""Retrievals: one attempt to fetch one URL, with its way out, its answer and its limit.

The search for a proxy happens inside and uses up the same time. An attempt that
would take longer than its limit ends at the limit.
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import timedelta
from fnmatch import fnmatch
from typing import NamedTuple
from urllib.parse import urlsplit

from capi2kit.lab.eventforms import MILLISECOND, SECOND
from capi2kit.lab.scenario import Account, Server, windows
from capi2kit.lab.simulate.authorities import Source, outdated
from capi2kit.lab.simulate.caches import Stored
from capi2kit.lab.simulate.logbook import Task
from capi2kit.lab.simulate.randomness import digest
from capi2kit.lab.simulate.world import EPOCH, Thread

TIMED_OUT, NO_PROXY_FOUND, NOT_STORED = 0x2EE2, 0x2F94, 0x80070002


class Ending(NamedTuple):
    """How an attempt ends: its result, the status line if the server answered, and what it answered with."""

    result: int
    status: str = ""
    content_type: str = ""


class Fetched(NamedTuple):
    """What came, or None, and the result of the attempt."""

    source: Source | None
    result: int


# ok and 2F94, WriteToCache: real log; 2EE7, 2EFD, 8CA, HTTP codes: errors.csv of winerror.h and seed 000
ENDINGS = {
    "ok": Ending(0, "200 OK", "application/pkix-crl"),
    "expired": Ending(0, "200 OK", "application/pkix-crl"),
    "refuse": Ending(0x2EFD),
    "no-dns": Ending(0x2EE7),
    "no-connection": Ending(0x8CA),
    "no-directory": Ending(0x203A),
    "missing": Ending(0x80190194, "404 Not Found", "text/html"),
    "denied": Ending(0x80190193, "403 Forbidden", "text/html"),
    "login": Ending(0x80190197, "407 Proxy Authentication Required", "text/html"),
    "broken": Ending(0x801901F7, "503 Service Unavailable", "text/html"),
    "page": Ending(0x80092002, "200 OK", "text/html"),
    "drop": Ending(TIMED_OUT),
}


def retrieve(
    thread: Thread, task: Task, *, source: Source, limit: int, accumulative: bool
) -> Generator[int, None, Fetched]:
    """Fetch a source within `limit`. Logs and notes the attempt."""
    operation = thread.open("RetrieveObjectFromNetwork", task)
    thread.begin("wire_start", task)
    old = thread.world.disk.get((thread.log.host.name, thread.running.account.id, source.url))
    account, server = thread.running.account, _server(thread, source)
    ending, length = ENDINGS[server.answer], _length(thread, account, server=server)
    if ending.result == TIMED_OUT or length >= limit:
        ending, length = ENDINGS["drop"], limit + thread.dice.between(0, 0.012)
    yield length
    answered = thread.now
    yield thread.dice.between(0.00002, 0.0015)
    came = None
    if ending.result == 0:
        came = outdated(source, thread.now) if server.answer == "expired" else source
    record = _write_attempt(
        thread, task, source=came or source, limit=limit, ending=ending, came=came, answered=answered
    )
    thread.close(operation, record)
    operation.facts |= {
        "url": source.url,
        "ended": answered if came else thread.now,
        "sid": thread.caller.impersonated or thread.caller.sid,
        "limit": limit,
        "accumulative": accumulative,
        "result": ending.result,
        "answer": server.answer,
        "kind": source.kind,
        "account": account.id,
        "replaces": old is not None and 0 < old.source.next_update <= thread.log.clock.read(operation.start),
    }
    if came and account.stores:
        where = (thread.log.host.name, account.id, source.url)
        thread.world.disk[where] = Stored(came, thread.log.clock.read(answered), _proxy_id(account))
    return Fetched(came, ending.result)


def _write_attempt(
    thread: Thread, task: Task, *, source: Source, limit: int, ending: Ending, came: Source | None, answered: int
) -> int | None:
    """The record of an attempt. It is red where one of its steps failed, whatever its result."""
    account = thread.running.account
    store_error = NOT_STORED if came and not account.stores else 0
    actions = _actions(thread, account, ending=ending)
    return thread.write(
        "wire",
        task,
        asked=source,
        limit=limit,
        network=1,
        actions=actions,
        request=_request(thread, source) if ending.status else (),
        response=_response(source, account, ending=ending, now=answered),
        store_error=store_error,
        synced=thread.log.clock.read(answered) if came else None,
        proxy_id=_proxy_id(account) if came else "",
        failed_step=bool(store_error) or any(code for *_, code in actions),
        result=ending.result,
    )


def _proxy_id(account: Account) -> str:
    """How the disk cache names the proxy that an object came through."""
    return digest(account.proxy)[:8] if ":" in account.proxy else ""


def _server(thread: Thread, source: Source) -> Server:
    """The first rule that fits the URL's host and the account; a server without one answers."""
    host, account = urlsplit(source.url).hostname or "", thread.running.account.id
    fits = (
        rule
        for rule in thread.world.scenario.server
        if fnmatch(host, rule.host) and (not rule.accounts or account in rule.accounts)
    )
    return next(fits, Server(host, "ok"))


def _length(thread: Thread, account: Account, *, server: Server) -> int:
    """How long the search for a proxy and the answer take together, give or take a third."""
    vary = 0.7 + 0.6 * thread.dice.share()
    search = round(account.wpad_s * SECOND * (0.9 + 0.2 * thread.dice.share())) if account.proxy == "wpad" else 0
    return search + round(server.seconds * SECOND * vary)


def _actions(thread: Thread, account: Account, *, ending: Ending) -> list[tuple[str, str, int]]:
    """The steps as the record lists them: name, parameter, error."""
    steps: list[tuple[str, str, int]] = []
    if thread.world.knows_proxy_steps(thread):
        if account.proxy == "direct":
            steps = [("NoProxy", "", 0)] * 2
        elif account.proxy == "wpad":
            steps = [("Call_WinHttpGetProxyForUrl", "", NO_PROXY_FOUND), ("NoProxy", "", 0)] * 2
        else:
            steps = [("ProxyListAndByPassList", account.proxy, 0)]
    if ending.result and not ending.status:
        steps.append(("Call_WinHttpSendRequest", "", ending.result))
    return steps


def _request(thread: Thread, source: Source) -> list[str]:
    way = "Proxy-Connection" if ":" in thread.running.account.proxy else "Connection"
    agent = windows()[thread.log.host.windows].agent
    path = urlsplit(source.url).path
    return [f"GET {path} HTTP/1.1", "Accept: */*", f"User-Agent: Microsoft-CryptoAPI/{agent}", f"{way}: Keep-Alive"]


def _response(source: Source, account: Account, *, ending: Ending, now: int) -> list[str]:
    if not ending.status:
        return []
    via = ['Via: 1.1 ["proxy.contoso.example"] (squid/3.5.27)'] if ":" in account.proxy else []
    kinds = {
        "ocsp": "application/ocsp-response",
        "certificate": "application/pkix-cert",
        "ctl": "application/octet-stream",
    }
    content = ending.content_type if "html" in ending.content_type else kinds.get(source.kind, ending.content_type)
    size = source.size if ending.result == 0 else 1254
    changed = (
        [f"Last-Modified: {_http_date(source.this_update)}", f'ETag: "{source.etag}"'] if ending.result == 0 else []
    )
    head = [f"HTTP/1.1 {ending.status}", "Connection: keep-alive", f"Date: {_http_date(now)}"]
    return [*head, *via, f"Content-Length: {size}", f"Content-Type: {content}", *changed]


def _http_date(moment: int) -> str:
    return (EPOCH + timedelta(seconds=moment // SECOND)).strftime("%a, %d %b %Y %H:%M:%S GMT")


def whole_milliseconds(length: int) -> int:
    """A length as Windows hands it on: cut to milliseconds."""
    return length - length % MILLISECOND
