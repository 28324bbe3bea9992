"""Retrievals: what happened inside a network wait, by its ordered steps.

Which proxy was used, how often the look-up of one failed, what the server
answered, and how the computer's clock differs from the server's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

import numpy as np
import pandas as pd

from capi2kit.columns.cells import integers, strings
from capi2kit.knowledge import check, http_status
from capi2kit.knowledge.actions import actions

_STATUS = re.compile(r"HTTP/\S+ (\d{3})")


@dataclass(slots=True)
class _Story:
    """What the steps of one retrieval add up to; None where they do not say."""

    proxy: str | None = None
    wpad_failures: int | None = None
    cache_write_failed: bool | None = None
    http_status: int | None = None
    content_type: str | None = None
    response_bytes: int | None = None
    date: str | None = None
    age: int = 0  # s: since a cache fetched what it hands out; the date is that of then


def tell_retrievals(waits: pd.DataFrame, steps: pd.DataFrame) -> pd.DataFrame:
    """Add proxy, wpad_failures, cache_write_failed, http_status, content_type, response_bytes, clock_offset_s, server_answers.

    Source: Action elements and headers in order; what an action means is in actions.csv. The status is also known from a result
    that says it. A new table.
    """
    check(steps, "steps")
    stories = {event: _Story() for event in waits["event"].tolist()}
    mine = steps[steps["event"].isin(stories.keys())]
    texts = (mine[name].to_numpy(object) for name in ("event", "kind", "name", "value"))
    _read(stories, zip(*texts, integers(mine["error"], missing=0), strict=True))
    per_wait = [stories[event] for event in waits["event"].tolist()]
    ends = waits["stop"].tolist()
    offsets = [_clock_offset(story.date, end, age=story.age) for story, end in zip(per_wait, ends, strict=True)]
    statuses = [http_status(code) for code in waits["result"].fillna(0).astype("int64")]  # where no header was logged
    found = [
        code if story.http_status is None else story.http_status for story, code in zip(per_wait, statuses, strict=True)
    ]
    status = pd.array(found, dtype="Int64")
    came = (waits["outcome"].eq("ok").fillna(False) | ~pd.isna(status)) & waits["url_host"].notna()
    asked = [waits[name] for name in ("host", "process", "pid", "user_sid", "url_host")]
    return waits.assign(
        server_answers=came.groupby(asked, dropna=False).transform("any").astype("boolean"),
        proxy=strings([story.proxy for story in per_wait]),
        wpad_failures=pd.array([story.wpad_failures for story in per_wait], dtype="Int64"),
        cache_write_failed=pd.array([story.cache_write_failed for story in per_wait], dtype="boolean"),
        http_status=status,
        content_type=strings([story.content_type for story in per_wait]),
        response_bytes=pd.array([story.response_bytes for story in per_wait], dtype="Int64"),
        clock_offset_s=pd.array(np.array(offsets, float), dtype="Float64"),
    )


def _read(stories: dict[int, _Story], steps: Iterable[tuple]) -> None:
    """Go through the steps in order; a later answer replaces an earlier one."""
    roles = {name: one.role for name, one in actions().items()}
    for event, kind, name, value, error in steps:
        story = stories[event]
        if kind == "action":
            role = roles.get(name)
            if role in (
                "lookup",
                "direct",
                "proxy",
            ):  # newer Windows logs no step of the search: nothing is known of it
                story.wpad_failures = (story.wpad_failures or 0) + (role == "lookup" and error != 0)
            story.cache_write_failed = bool(story.cache_write_failed) or (role == "store" and error != 0)
            if role in ("direct", "proxy"):
                story.proxy = "direct" if role == "direct" else None if pd.isna(value) else str(value)
        elif kind == "response header" and not pd.isna(value):
            _read_header(story, None if pd.isna(name) else name, value=str(value))


def _read_header(story: _Story, name: str | None, *, value: str) -> None:
    if name is None:
        status = _STATUS.match(value)
        story.http_status = int(status[1]) if status else story.http_status
    elif name.lower() == "content-type":
        story.content_type = value.partition(";")[0].strip()
    elif name.lower() == "content-length":
        story.response_bytes = int(value) if value.isdecimal() and len(value) < 19 else None
    elif name.lower() == "date":
        story.date = value
    elif name.lower() == "age":
        story.age = int(value) if value.isdecimal() and len(value) < 9 else 0


def _clock_offset(date: str | None, end: datetime, *, age: int) -> float:
    """Clock of the computer minus clock of the server, in seconds; NaN if the server sent no date."""
    try:
        return (end - parsedate_to_datetime(date)).total_seconds() - age if date else float("nan")
    except (ValueError, TypeError, OverflowError):
        return float("nan")
