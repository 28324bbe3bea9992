"""Local zones: the zone in which a text with local times was written, where other files of the same computer name one.

These are the files that lie nearest: in the same folder or archive, else in one above it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import pandas as pd

from capi2kit.columns.cells import empty
from capi2kit.columns.zones import NAMED, UNKNOWN, zones_named
from capi2kit.loaders.triage.collected import note
from capi2kit.loaders.triage.places import place_of
from capi2kit.winevent import Batch


def zones_to_read_in(read: Mapping[int, list[Batch]]) -> dict[int, str]:
    """The zone by the number of the file, for those whose local times were read without one.

    What the file itself names comes first. Another one speaks for all that lies below its computer's folder, else below its own;
    where those that lie nearest name several, or one that is not known, the file has no zone.
    """
    unread = [number for number, batches in read.items() if _lacks(batches)]
    if not unread:
        return {}
    zones = {number: _zones(batches) for number, batches in read.items()}
    named = [(_home(read[number]), some) for number, some in zones.items() if some]
    found: dict[int, str] = {}
    for number in unread:
        near = zones[number] or next(
            (some for folder in _folders(read[number]) if (some := _below(folder, named))), set()
        )
        if len(near) == 1 and (zone := near.pop()) is not None:
            found[number] = zone
    return found


def read_in(number: int, zone: str) -> Batch:
    """The note that a file was read in a zone that other evidence names."""
    message = f"local times are read in {zone}, which the evidence names; --tz sets another zone"
    return note(number, message, error=NAMED)


def _lacks(batches: Iterable[Batch]) -> bool:
    return any("problems" in batch and batch["problems"]["error"].eq(UNKNOWN).any() for batch in batches)


def _zones(batches: list[Batch]) -> set[str | None]:
    """The zones that one file names; those of an older copy do not count."""
    place = place_of(_path(batches))
    if place and not place.is_live:
        return set()
    tables = (_tables(batch) for batch in batches if "events" in batch or "settings" in batch)
    return {zone for events, settings in tables for zone in zones_named(events, settings).values()}


def _tables(batch: Batch) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The events and settings of a batch; empty where it has none."""
    return tuple(batch[name] if name in batch else empty(name) for name in ("events", "settings"))  # type: ignore[return-value]


def _path(batches: Iterable[Batch]) -> str:
    return str(next(batch["sources"]["path"].iloc[0] for batch in batches if "sources" in batch))


def _home(batches: Iterable[Batch]) -> str:
    """The folder for which a file speaks."""
    path = _path(batches)
    place = place_of(path)
    return place.root if place else _parts(path)[-2]


def _folders(batches: Iterable[Batch]) -> list[str]:
    """The folders that a file lies in, the nearest first."""
    return list(reversed(_parts(_path(batches))[:-1]))


def _parts(path: str) -> list[str]:
    """A path, and all folders above it, with slashes; the empty one first."""
    parts = re.split(r"[/\\!]", path)
    return ["", *("/".join(parts[: count + 1]) for count in range(len(parts)))]


def _below(folder: str, named: list[tuple[str, set[str | None]]]) -> set[str | None]:
    return {
        zone for home, zones in named if home == folder or home.startswith(f"{folder}/") or not folder for zone in zones
    }
