"""Packing: an Office file with the same bytes each time: its members in their order, without the time of day."""

from __future__ import annotations

import zipfile
from io import BytesIO

_DAY = (1980, 1, 1, 0, 0, 0)  # the first one that a zip file can name


def repacked(content: bytes) -> bytes:
    """The same members, compressed the same way, all with one date."""
    made = BytesIO()
    with zipfile.ZipFile(BytesIO(content)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for member in old.infolist():
            one = zipfile.ZipInfo(member.filename, date_time=_DAY)
            one.compress_type = zipfile.ZIP_DEFLATED
            one.external_attr = 0o600 << 16
            new.writestr(one, old.read(member))
    return made.getvalue()
