"""Attempts: what the record of one attempt to fetch one URL says: its steps, its headers, its result."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from fnmatch import fnmatch
from typing import NamedTuple
from urllib.parse import urlsplit

from capi2kit.lab.eventforms import SECOND
from capi2kit.lab.scenario import Account, Server, windows
from capi2kit.lab.simulate.authorities import Source
from capi2kit.lab.simulate.logbook import Task
from capi2kit.lab.simulate.randomness import digest
from capi2kit.lab.simulate.world import EPOCH, Thread

TIMED_OUT, NO_PROXY_FOUND, NOT_STORED = 0x2EE2, 0x2F94, 0x80070002
GAVE_UP, STILL_RUNS, REMEMBERED, ENDED_LATER, NO_CONNECTION = 0x5B4, 0x3A, 0x8CA, 0x36, 0x2EFD
AT_LIMIT = (TIMED_OUT, GAVE_UP)


class Ending(NamedTuple):
    """How an attempt ends: its result, the status line if the server answered, and what it answered with."""

    result: int
    status: str = ""
    content_type: str = ""


# ok and 2F94, WriteToCache: real log; 2EE7, 2EFD, 8CA, HTTP codes: errors.csv of winerror.h and seed 000
ENDINGS = {
    "ok": Ending(0, "200 OK", "application/pkix-crl"),
    "expired": Ending(0, "200 OK", "application/pkix-crl"),
    "refuse": Ending(0x2EFD),
    "block": Ending(0x2EFD),
    "reset": Ending(0x2EFE),
    "dead-first": Ending(0, "200 OK", "application/pkix-crl"),
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


def write_attempt(
    thread: Thread,
    task: Task,
    *,
    source: Source,
    limit: int,
    ending: Ending,
    came: Source | None,
    answered: int,
    more: Sequence[tuple[str, str, int]] = (),
) -> int | None:
    """The record of an attempt. It is red where one of its steps failed, whatever its result."""
    account = thread.running.account
    store_error = NOT_STORED if came and not account.stores else 0
    actions = [*_actions(thread, account, ending=ending), *more]
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
        proxy_id=proxy_id(account) if came else "",
        failed_step=bool(store_error) or any(code for *_, code in actions),
        result=ending.result,
    )


def proxy_id(account: Account) -> str:
    """How the disk cache names the proxy that an object came through."""
    return digest(account.proxy)[:8] if ":" in account.proxy else ""


def server_of(thread: Thread, source: Source) -> Server:
    """The first rule that fits the URL's host and the account; a server without one answers."""
    host, account = urlsplit(source.url).hostname or "", thread.running.account.id
    fits = (
        rule
        for rule in thread.world.scenario.server
        if fnmatch(host, rule.host) and (not rule.accounts or account in rule.accounts)
    )
    return next(fits, Server(host, "ok"))


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
    if ending.result == GAVE_UP:
        return [("NetworkRetrievalTimeout", "", GAVE_UP)]  # the caller did nothing itself
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
