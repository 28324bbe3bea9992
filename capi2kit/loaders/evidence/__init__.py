"""Evidence as a loader gets it: the bytes of one file, and the list of what was wrong with them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from capi2kit.columns.cells import masked, strings
from capi2kit.knowledge import columns
from capi2kit.knowledge.providers import providers
from capi2kit.loaders.evidence.filebytes import Buffer, sha256_of


def is_outside(member: str) -> bool:
    """Whether the name of a member leads out of its archive: from the root, from a drive, or upwards."""
    return ".." in re.split(r"[/\\]", member) or bool(re.match(r"[/\\]|[A-Za-z]:", member))


@dataclass(frozen=True)
class EvidenceFile:
    """One file, read-only: a path, or archive!member, and its bytes."""

    name: str
    data: Buffer

    @cached_property
    def sha256(self) -> str:
        """The hash of its bytes; it reads them all."""
        return sha256_of(self.data)


KIT_MANIFEST = "kit manifest"  # `settings.origin` of what the collection kit says about its own files
LOAD_THE_FOLDER = "load the folder"  # what to do with what holds files
Providers = Mapping[str, frozenset[str] | None]
_PROVIDER = re.compile(r"<Provider\b[^<>]*?\bName=(?:\"([^\"]*)\"|'([^']*)')")
_EVENT_ID = re.compile(r"<EventID\b[^<>]*>\s*(\d+)")


@dataclass(frozen=True)
class Asked:
    """What the caller asked of a loader; each takes what concerns it.

    `engine`: who decodes records of an .evtx. `providers`: whose events to keep, all of them (None) or those
    with these ids; None keeps everything. `tz`: the zone of logs that are in local time, None if it was not
    given. `progress`: called with done and promised. `tables`: only these tables of a log are needed, and no `extra`;
    a loader may give more.
    """

    engine: str = "auto"
    providers: Providers | None = field(default_factory=providers)
    tz: str | None = None
    progress: Callable[[int, int], None] | None = None
    tables: tuple[str, ...] | None = None

    def wants(self, provider: str | None, event_id: str | None) -> bool:
        """Whether an event is to be kept; one that does not say whose it is, always."""
        if self.providers is None or provider is None:
            return True
        if provider not in self.providers:
            return False
        listed = self.providers[provider]
        return listed is None or event_id in listed

    def wants_text(self, xml: str) -> bool:
        """The same for the XML of an event."""
        if self.providers is None:
            return True
        found = _PROVIDER.search(xml)
        provider = (found[1] or found[2]) if found else None
        if provider is None or self.providers.get(provider, ()) is None:
            return True
        event_id = _EVENT_ID.search(xml)
        return self.wants(provider, event_id[1] if event_id else None)


class Problems:
    """Collects rows of the `problems` table. `lost` is their sum of lost records.

    A file gives at most `MOST` rows for one kind of problem, then one for all the others.
    """

    MOST = 10_000

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], int] = {}
        self._others: dict[tuple[str, str], int] = {}  # what the others lost
        self._rows: list[dict[str, str | int | None]] = []
        self.lost = 0

    def add(self, stage: str, error: str, *, message: str, lost: int = 0, **where: int) -> None:
        """Note one problem; `where`: chunk, record, offset."""
        self.lost += lost
        kind = stage, error
        self._counts[kind] = self._counts.get(kind, 0) + 1
        if self._counts[kind] > self.MOST:
            self._others[kind] = self._others.get(kind, 0) + lost
        else:
            self._rows.append({"stage": stage, "error": error, "message": message, "lost": lost, **where})

    def says(self, error: str) -> bool:
        """Whether a problem of this kind was noted."""
        return any(known == error for _, known in self._counts)

    def table(self) -> pd.DataFrame:
        """The rows as a `problems` table (source 0)."""
        made: dict[str, object] = {}
        rows = [*self._rows]
        for (stage, error), lost in self._others.items():
            more = self._counts[stage, error] - self.MOST
            rows.append({"stage": stage, "error": error, "message": f"and {more} more like it", "lost": lost})
        for column, dtype in columns("problems").items():
            values = [row.get(column) for row in rows]
            if dtype == "string":
                made[column] = strings(values)  # type: ignore[arg-type]
            else:
                absent = np.array([value is None for value in values], dtype=bool)
                numbers = np.array([value or 0 for value in values], dtype="int64")
                made[column] = numbers if dtype == "int64" else masked(numbers, absent, dtype=dtype)
        return pd.DataFrame(made)
