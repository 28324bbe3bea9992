"""Local times: columns of times as certutil prints them in the language of the machine, put into UTC.

They are read where they can mean one thing only (see `dates`). With slashes the month comes first, unless a
time of the same file shows that the day does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from capi2kit.columns.cells import instants
from capi2kit.loaders.evidence import Problems
from capi2kit.loaders.text.dates import local_date
from capi2kit.loaders.text.lines import in_utc

_TIME = re.compile(
    r"(?:\d{1,2}[./]\d{1,2}[./]\d{4}|\d{4}[-/]\d{1,2}[-/]\d{1,2}),?[T\s\u200e\u200f]{1,3}"
    r"\d{1,2}:\d\d(?::\d\d)?(?![\d:])(?:\s?[AaPp]\.?\s?[Mm]\b\.?)?"
)
_SLASHES = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}.*)", re.DOTALL)
_MONTHS = 12


def time_at_start(text: str) -> str | None:
    """The time that a text begins with, as printed, or None."""
    found = _TIME.match(text)
    return found[0] if found else None


def columns_in_utc(
    texts: Mapping[str, Sequence[str | None]], *, tz: str | None, problems: Problems
) -> tuple[dict[str, pd.Series], dict[str, list[int]]]:
    """Columns of local times in UTC (datetime64[ns, UTC]), and by column the positions of texts that are not a time.

    Such texts are <NA> and noted once for the file; so is what the zone rests on (see `texts.in_utc`).
    """
    every = [text for column in texts.values() for text in column]
    day_first = any(_says_day_first(text) for text in every if text)
    read = [None if text is None else _read(text, day_first=day_first) for text in every]
    bad = [i for i, text in enumerate(every) if text is not None and read[i] is None]
    if bad:
        message = f"{len(bad)} times are in no form that means one thing only, or too late to store: <NA>. The first: "
        problems.add("value", "time not understood", message=message + repr(every[bad[0]])[:60])
    local = pd.Series(read, dtype="datetime64[ns]").sort_values()  # their order tells nothing of an hour shown twice
    stamps = in_utc(local, tz=tz, problems=problems).sort_index()
    columns: dict[str, pd.Series] = {}
    wrong: dict[str, list[int]] = {}
    start = 0
    for column, values in texts.items():
        stop = start + len(values)
        columns[column] = stamps.iloc[start:stop].reset_index(drop=True)
        wrong[column] = [i - start for i in bad if start <= i < stop]
        start = stop
    return columns, wrong


def _says_day_first(text: str) -> bool:
    found = _SLASHES.match(text)
    return bool(found) and int(found[1]) > _MONTHS  # type: ignore[index]


def _read(text: str, *, day_first: bool) -> pd.Timestamp | None:
    """A local time that fits into nanoseconds, or None."""
    if day_first and (found := _SLASHES.match(text)):
        text = f"{found[2]}/{found[1]}/{found[3]}"
    read = local_date(text)
    fits = read is not None and pd.Timestamp.min < read < pd.Timestamp.max - pd.Timedelta(2, "D")
    return read if fits else None


class LocalTimes:
    """Reads the local times of a file batch by batch, and says what that rests on once."""

    def __init__(self, *, tz: str | None, problems: Problems) -> None:
        self._tz, self._problems = tz, problems
        self._messages: set[str] = set()
        self.zone = tz or "UTC"

    def in_utc(self, times: pd.Series, *, where: np.ndarray) -> pd.Series:
        """`times` with those at `where`, which are local although they are marked as UTC, moved to UTC."""
        if not where.any():
            return times
        notes = Problems()
        moved = in_utc(times[where].dt.tz_localize(None), tz=self._tz, problems=notes)
        stamps = times.to_numpy("datetime64[ns]").view("int64").copy()
        stamps[where] = moved.to_numpy("datetime64[ns]").view("int64")
        for stage, error, message in notes.table()[["stage", "error", "message"]].to_numpy():
            if message not in self._messages:
                self._messages.add(message)
                self._problems.add(stage, error, message=message)
        return pd.Series(instants(stamps), index=times.index)
