"""Zones: the time zone of the computers, where the evidence names it, and in which zone local times were read.

Records of the uptime in the System log name it, and so do the collection kit and the SYSTEM hive; of an event that was copied with
its heading, the two times tell how far the computer is from UTC. The names are those of Windows; which zone of the tz database each
one is, the tables of Unicode say.
"""

from __future__ import annotations

import re

import pandas as pd

_OFFSET = re.compile(r"UTC[+-]\d\d:\d\d")
_OF_A_HIVE = "TimeZoneKeyName"
_KIT, _SETTING = "kit machine", "time_zone"
UNKNOWN = "time zone unknown"  # problem of a text with local times, read without a zone
NAMED = "time zone named"  # note on one that was read in the zone that the evidence names


def zones_named(events: pd.DataFrame, settings: pd.DataFrame) -> dict[str, str | None]:
    """The zones that the evidence names: name in Windows → name in the tz database, None where that is not known.

    A localised name, and one of Windows that Unicode does not list, is not known.
    """
    recorded = events["zone_name"].dropna().unique()
    names = [str(text).partition(" ")[2].strip() for text in recorded]
    said = ((settings["origin"] == _KIT) & (settings["name"] == _SETTING)) | (settings["name"] == _OF_A_HIVE)
    names += settings.loc[said, "value"].dropna().tolist()
    if not names:
        return {}
    from babel.core import get_global

    known = {**get_global("windows_zone_mapping"), "Coordinated Universal Time": "UTC"}
    return {name: known.get(name, name if _OFFSET.fullmatch(name) else None) for name in dict.fromkeys(names) if name}


def only_zone(events: pd.DataFrame, settings: pd.DataFrame) -> str | None:
    """The one zone that the evidence names; None if it names none, several, or one that is not known."""
    named = set(zones_named(events, settings).values())
    return named.pop() if len(named) == 1 else None
