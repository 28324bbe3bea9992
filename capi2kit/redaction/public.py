"""Public: names that everybody may know, and that stay: of Windows, of its programs and folders, of public CAs and their servers."""

from __future__ import annotations

import re
from fnmatch import translate
from functools import cache

from capi2kit.knowledge import rows
from capi2kit.knowledge.urls import server


@cache
def _pattern(kind: str) -> re.Pattern[str]:
    names = [row["name"].casefold() for row in rows("publicnames") if row["kind"] == kind]
    return re.compile("|".join(translate(name) for name in names))


@cache
def is_public(kind: str, name: str) -> bool:
    """Whether a name of this kind stays: folder, file, image, subject, pool, user, urlpart, host."""
    low = name.strip().casefold()
    if kind == "host" and server(low):
        return True
    return _pattern(kind).match(low) is not None


def is_public_account(sid: str) -> bool:
    """Whether every Windows has this account; those of a domain, of an application pool and of a service have names behind them."""
    return re.match(r"S-1-(?:5-21-|5-8\d-\d+-|12-1-)", sid, re.IGNORECASE) is None
