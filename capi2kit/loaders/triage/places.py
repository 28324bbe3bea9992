"""Places: where in Windows a collected file was, by the end of its path, whatever folder or archive it is in now.

Velociraptor writes signs that a name cannot have as %3A (utils/sanitize.go in https://github.com/Velocidex/velociraptor); KAPE and CyLR
leave the colon of the drive out.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote

from capi2kit.loaders.text.profiles import account_of as owner_of

_USUAL = re.compile(
    r"(?:^|/)(?:(?:[a-z]|[^/]*[a-z]:)[:$]?/)?(?P<path>"
    r"windows/(?:system32|syswow64|sysnative)/(?:winevt/logs|config|logfiles|drivers/etc|inetsrv/config)/"
    r"|windows/serviceprofiles/|windows/appcompat/|inetpub/(?:logs|history)/"
    r"|(?:users|documents and settings)/[^/]+/(?:ntuser\.dat"
    r"|(?:appdata/(?:local(?:low)?|roaming)/(?:packages/[^/]+/ac/)?|(?:local settings/)?application data/)"
    r"microsoft/(?:cryptneturlcache/|windows/usrclass\.dat))"
    r"|program files(?: \(x86\))?/common files/microsoft shared/web server extensions/)",
    re.IGNORECASE,
)
_UPLOADS = re.compile(r"/uploads/[a-z_]+(?:/\.)?/?$")
_OLDER = re.compile(
    r"(?:^|/)(?:vss|(?:[.?]/globalroot/device/)?harddiskvolumeshadowcopy)(?P<number>\d{1,9})(?=/|$)"
    r"|(?:^|/)(?:[a-z]:?\$?/)?windows\.old(?:\(\d+\))?(?=/|$)",
    re.IGNORECASE,
)  # shadow copies of a volume, a former Windows
_KEPT = re.compile(
    r"/regback/|/inetpub/history/|\.(?:bak|old|orig)(?:$|\.)|^inetpub/history/", re.IGNORECASE
)  # what is put by
_NEWEST = 1 << 30
_DEFAULT = re.compile(r"windows/system32/config/default$", re.IGNORECASE)  # the hive of LocalSystem
_SYSTEM = "S-1-5-18"


class Place(NamedTuple):
    """The folder that everything of one computer lies in, and the path of a file on that computer, with slashes.

    `age` orders copies of one file: the live one is the newest, then shadow copies by their number; 0 for what was put by.
    """

    root: str
    path: str
    age: int = _NEWEST

    @property
    def is_live(self) -> bool:
        """True if it is no older copy."""
        return self.age == _NEWEST


def place_of(name: str) -> Place | None:
    """Where in Windows the file of this name was; None if it does not lie at one of the usual places."""
    parts = [unquote(part) for part in re.split(r"[/\\!]", name)]
    whole = "/".join(part.replace("\\", "/").strip("/") for part in parts)
    found = list(_USUAL.finditer(whole))
    if not found:
        return None
    root, path = whole[: found[-1].start()], whole[found[-1].start("path") :]
    older = _OLDER.search(root)
    root = _UPLOADS.sub("", root[: older.start()] if older else root)
    if _KEPT.search(path):
        return Place(root, path, 0)
    return Place(root, path, min(int(older["number"] or 0), _NEWEST - 1) if older else _NEWEST)


def account_of(place: Place | None) -> str | None:
    """Whose profile a place is in: the SID of a service account, else the name of the profile; None if in none."""
    if place is None:
        return None
    return _SYSTEM if _DEFAULT.match(place.path) else owner_of(f"C:\\{place.path}".replace("/", "\\"))
