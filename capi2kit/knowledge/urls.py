"""URLs: what an address is fetched for, and whose server it is, by `data/object_roles.csv`, `servers.csv` and `url_roles.csv`."""

from __future__ import annotations

import re
from functools import cache
from urllib.parse import urlsplit

from capi2kit.knowledge import rows


@cache
def url_role(url: str | None, *, object_type: str | None = None) -> str | None:
    """What a URL is fetched for: CRL, OCSP, AIA, CTL or None.

    The kind of object that the event names comes first, then the role of a known host (servers.csv), then the words of the URL.
    """
    worded = next(
        (row["role"] for row in rows("url_roles") if url and re.search(row["pattern"], url, re.IGNORECASE)), ""
    )
    for row in rows("object_roles"):
        if row["object_type"] == object_type:
            return worded if worded and worded == row["unless"] else row["role"]
    known = server(host_of(url))
    return (known["role"] if known and " " not in known["role"] else "") or worded or None


@cache
def server(host: str | None) -> dict[str, str] | None:
    """The row of servers.csv for a host, exact or by the longest wildcard; None if it is not known."""
    name, (exact, endings) = (host or "").lower(), _servers()
    return exact.get(name) or next((row for ending, row in endings if name.endswith(ending)), None)


@cache
def _servers() -> tuple[dict[str, dict[str, str]], list[tuple[str, dict[str, str]]]]:
    """The rows of servers.csv by host; and those of wildcards, which begin with their only star, by what follows it, the longest first."""
    by_host = {row["host"]: row for row in rows("servers")}
    wild = sorted((host for host in by_host if host.startswith("*")), key=len, reverse=True)
    return by_host, [(host[1:], by_host[host]) for host in wild]


def host_of(url: str | None) -> str | None:
    """The server name of a URL, in small letters and without its port; None if it has none."""
    try:
        return urlsplit(url or "").hostname or None
    except ValueError:  # half a bracket, or letters that a host name cannot have
        return None


@cache
def known_object(url_role: str | None, size: int | None) -> str:
    """What is known of a cached object by its kind and size; empty if nothing is."""
    for row in rows("knownobjects"):
        if row["url_role"] == url_role and row["bytes"] == str(size):
            return row["meaning"]
    return ""
