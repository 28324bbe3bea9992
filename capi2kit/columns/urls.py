"""URLs: a column of them → scheme, host, port and path, taken apart once for all who need a part."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlsplit

import pandas as pd
from pandas.api.extensions import ExtensionArray

from capi2kit.columns.cells import strings

_PORTS = {"http": 80, "https": 443, "ldap": 389, "ldaps": 636, "file": 445}
_SHARE = re.compile(
    r"(file:)[/\\]{2,}(?![A-Za-z]:)([^/\\].*)", re.IGNORECASE
)  # file://\\server\share\x as certutil writes it


class Url(NamedTuple):
    """The parts of one URL, None where it has none; the port is the usual one of its scheme if it names none."""

    scheme: str | None = None
    host: str | None = None
    port: int | None = None
    path: str | None = None


def split_url(url: str) -> Url:
    """Take one URL apart. What is not a URL with a scheme and `//` has no parts; an IPv6 address keeps its brackets."""
    if share := _SHARE.fullmatch(url):
        url = f"{share[1]}//{share[2]}".replace("\\", "/")
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:  # half a bracket, or letters that a host name cannot have
        return Url()
    if not parts.scheme or "//" not in url:
        return Url()
    try:
        port = parts.port
    except ValueError:  # above 65535, or no number
        port = None
    else:
        port = _PORTS.get(parts.scheme) if port is None and host else port
    host = f"[{host}]" if host and ":" in host else host
    return Url(parts.scheme, host or None, port, parts.path or None)


def url_columns(urls: pd.Series) -> dict[str, ExtensionArray]:
    """`url_scheme`, `url_host`, `url_port` and `url_path` of a column of URLs, <NA> where there is no such part."""
    cells = [url if isinstance(url, str) else "" for url in urls.to_numpy(object)]
    known = {url: split_url(url) for url in set(cells)}
    parts = [known[url] for url in cells]
    return {
        "url_scheme": strings([part.scheme for part in parts]),
        "url_host": strings([part.host for part in parts]),
        "url_port": pd.array([part.port for part in parts], dtype="Int64"),
        "url_path": strings([part.path for part in parts]),
    }
