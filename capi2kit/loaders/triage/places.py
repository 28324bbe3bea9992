"""Places: where in Windows a collected file was, by the end of its path, whatever folder or archive it is in now.

Velociraptor writes signs that a name cannot have as %3A (utils/sanitize.go in https://github.com/Velocidex/velociraptor); KAPE and CyLR
leave the colon of the drive out.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote

from capi2kit.loaders.certutil.urlcache import account_of as owner_of

_USUAL = re.compile(
    r"(?:^|/)(?:(?:[a-z]|[^/]*[a-z]:)[:$]?/)?(?P<path>"
    r"windows/(?:system32|syswow64|sysnative)/(?:winevt/logs|config|logfiles|drivers/etc|inetsrv/config)/"
    r"|windows/serviceprofiles/|windows/appcompat/|inetpub/logs/"
    r"|(?:users|documents and settings)/[^/]+/(?:ntuser\.dat|usrclass\.dat|appdata/|local settings/)"
    r"|program files(?: \(x86\))?/common files/microsoft shared/web server extensions/)",
    re.IGNORECASE,
)
_UPLOADS = re.compile(r"/uploads/[a-z_]+(?:/\.)?/?$")
_DEFAULT = re.compile(r"windows/system32/config/default$", re.IGNORECASE)  # the hive of LocalSystem
_SYSTEM = "S-1-5-18"


class Place(NamedTuple):
    """The folder that everything of one computer lies in, and the path of a file on that computer, with slashes."""

    root: str
    path: str


def place_of(name: str) -> Place | None:
    """Where in Windows the file of this name was; None if it does not lie at one of the usual places."""
    parts = [unquote(part) for part in re.split(r"[/\\!]", name)]
    whole = "/".join(part.replace("\\", "/").strip("/") for part in parts)
    found = list(_USUAL.finditer(whole))
    if not found:
        return None
    return Place(_UPLOADS.sub("", whole[: found[-1].start()]), whole[found[-1].start("path") :])


def account_of(place: Place | None) -> str | None:
    """Whose profile a place is in: the SID of a service account, else the name of the profile; None if in none."""
    if place is None:
        return None
    return _SYSTEM if _DEFAULT.match(place.path) else owner_of(f"C:\\{place.path}".replace("/", "\\"))
