"""Loader `url cache`: files of the folder MetaData of a CryptnetUrlCache, one per URL that Windows fetched for an account.

Layout (little-endian): URL size at 12, time of the retrieval at 16, kind of object at 28, Last-Modified at 88, ETag size at 100, size
of the object at 112, then the URL and the ETag in UTF-16. There is no hash in it; the name of the file is the MD5 of the URL. The
object itself lies under the same name in the folder Content: one that is no certificate, list or answer of OCSP is not looked into.

Sources: the parsers at https://github.com/AbdulRhmanAlfaifi/CryptnetURLCacheParser and in Velociraptor's artifact
Windows.Forensics.CertUtil, which agree; the kind of object from CRYPTNET_URL_CACHE_PRE_FETCH_INFO. No original file was at hand.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from capi2kit.columns.cells import instants
from capi2kit.knowledge.urls import url_role
from capi2kit.loaders.evidence import Asked, EvidenceFile, Problems
from capi2kit.loaders.text.lines import source_of, table_of
from capi2kit.loaders.triage.places import account_of, place_of
from capi2kit.winevent import Batch

NAME = "url cache"
LOOKS_FOR = "a URL cache of Windows as files (CryptnetUrlCache: MetaData and Content)"
ORIGIN = "urlcache"
_FOLDER = re.compile(r"cryptneturlcache[/\\](metadata|content)[/\\]([^/\\!]+)$", re.IGNORECASE)
_FIXED = struct.Struct("<12xIQII56xQ4xI8xI")
_OF_EXPLORER = re.compile(r"desktop\.ini|thumbs\.db", re.IGNORECASE)
_LONGEST = 1 << 16
_NAMED = re.compile(r"(?:[0-9A-F]{32}_)?([0-9A-F]{32})", re.IGNORECASE)
_SCHEME = re.compile(r"(?:https?|ldaps?|file)://", re.IGNORECASE)
_SINCE_1601 = 11_644_473_600 * 10_000_000  # ticks of 100 ns between 1601 and 1970
_LAST = 92 * 10**15  # ticks from 1970 to the last time that fits into nanoseconds
_KINDS = {1: "blob", 2: "CRL", 3: "OCSP", 5: "CTL", 6: "CTL", 7: "CTL"}
_NAT = -(1 << 63)  # a missing time


def sniff(head: bytes, name: str) -> bool:
    """True for a file in a folder MetaData or Content of such a cache; an object that another loader knows is read by that."""
    found = _FOLDER.search(name)
    return found is not None and not _OF_EXPLORER.fullmatch(found[2])


def read(file: EvidenceFile, *, asked: Asked) -> Iterator[Batch]:
    """Yield one batch: a row of `cache_entries` for a file of MetaData, with the `sources` row and `problems`."""
    problems = Problems()
    found = _FOLDER.search(file.name)
    entry, stamp = None, _NAT
    if found and found[1].casefold() == "metadata":
        try:
            entry, stamp = _entry(bytes(file.data[: _FIXED.size + 2 * _LONGEST]), file=file)
        except ValueError as err:
            problems.add("record", "unreadable entry", message=f"{file.name}: {err}", lost=1)
    batch: Batch = {}
    if entry is not None:
        table = table_of("cache_entries", {name: [cell] for name, cell in entry.items()}, kinds={"bytes": "int"})
        table["last_sync"] = instants(np.array([stamp], dtype="int64"))
        batch["cache_entries"] = table
    facts: dict[str, Any] = {
        "unit": "bytes",
        "units": len(file.data),
        "understood": len(file.data) if entry is not None else 0,
    }
    yield batch | {"sources": source_of(problems, loaded=len(batch), **facts), "problems": problems.table()}


def _entry(data: bytes, *, file: EvidenceFile) -> tuple[dict[str, str | None], int]:
    """The entry in a file of MetaData, and the time of the retrieval in nanoseconds. Raises ValueError if it is laid out otherwise."""
    if len(data) < _FIXED.size:
        raise ValueError(f"{len(data)} bytes are too few for an entry of a URL cache")
    url_size, synced, _, kind, modified, etag_size, size = _FIXED.unpack_from(data)
    ends = _FIXED.size + url_size, _FIXED.size + url_size + etag_size
    if not 2 <= url_size <= _LONGEST or etag_size > _LONGEST or ends[1] > len(data):
        raise ValueError("the sizes in it do not fit the file: it is damaged, or of another layout")
    url, etag = (_text(data[begin:end]) for begin, end in ((_FIXED.size, ends[0]), ends))
    if not _SCHEME.match(url):
        raise ValueError(f"there is no URL at its place: {url!r:.60}")
    name = re.split(r"[/\\!]", file.name)[-1]
    more: dict[str, object] = {"ETag": etag, "Last-Modified": _iso(modified), "object type": _KINDS.get(kind)}
    stem = _NAMED.fullmatch(name)
    if stem and stem[1].upper() != hashlib.md5(url.encode("utf-16-le"), usedforsecurity=False).hexdigest().upper():
        more["name"] = "not the MD5 of the URL: the file was renamed, or the URL in it changed"
    place = place_of(file.name)
    meta = f"C:\\{place.path}".replace("/", "\\") if place else None
    local = re.sub(r"(?i)\\metadata\\", r"\\Content\\", meta) if meta else None
    kept = {key: value for key, value in more.items() if value}
    entry = {
        "command": ORIGIN,
        "account": account_of(place),
        "url": url,
        "url_role": url_role(url) or (_KINDS.get(kind) if kind in (2, 3, 5, 6, 7) else None),
        "local_file": local,
        "meta_file": meta,
        "bytes": str(size),
        "extra": json.dumps(kept, ensure_ascii=False) if kept else None,
    }
    return entry, _nanoseconds(synced)


def _text(data: bytes) -> str:
    return data.decode("utf-16-le", errors="replace").partition("\0")[0]


def _nanoseconds(filetime: int) -> int:
    """A FILETIME as nanoseconds since 1970; the least integer for none."""
    ticks = filetime - _SINCE_1601
    return ticks * 100 if filetime and abs(ticks) < _LAST else _NAT


def _iso(filetime: int) -> str | None:
    stamp = _nanoseconds(filetime)
    return None if stamp == _NAT else pd.Timestamp(stamp, tz="UTC").isoformat()
