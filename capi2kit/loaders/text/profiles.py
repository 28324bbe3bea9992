"""Profiles: whose folder of Windows a path is in, as caches and hives are kept per account."""

from __future__ import annotations

import re

_PROFILES = (
    (re.compile(r"\\(?:ServiceProfiles|Documents and Settings)\\NetworkService\\", re.IGNORECASE), "S-1-5-20"),
    (re.compile(r"\\(?:ServiceProfiles|Documents and Settings)\\LocalService\\", re.IGNORECASE), "S-1-5-19"),
    (re.compile(r"\\config\\systemprofile\\", re.IGNORECASE), "S-1-5-18"),
)
_HOME = re.compile(r"[A-Za-z]:\\(?:Users|Documents and Settings)\\([^\\]+)\\", re.IGNORECASE)


def account_of(path: str | None) -> str | None:
    """Whose profile a path lies in: the SID of a service account, else the name of the profile; None if in none."""
    if not path:
        return None
    known = next((sid for form, sid in _PROFILES if form.search(path)), None)
    home = _HOME.match(path)
    return known or (home[1] if home else None)
