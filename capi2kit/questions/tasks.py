"""Tasks: which tasks somebody means: by TaskId or its beginning, by the id of a record, by a part of a URL."""

from __future__ import annotations

import pandas as pd


def tasks_of(events: pd.DataFrame, waits: pd.DataFrame, *, what: str | int | None = None) -> list[str]:
    """The TaskIds that fit, those that waited longest first.

    Parameters
    ----------
    events, waits : tables of an analysis; nothing in them is changed.
    what : a TaskId, with or without braces, or its beginning; the id of a record; a part of a URL. The task that waited longest, else
        the first one of the log, if not given.

    Returns
    -------
    list of str : TaskIds as logged; empty if nothing fits. Raises nothing.
    """
    events = events.reset_index()
    events = events[events["task_id"].notna()]
    longest = waits.sort_values("high_s", ascending=False, kind="stable")
    if what is None:
        return [str(task) for task in (*longest["task_id"].dropna().head(1), *events["task_id"].head(1))][:1]
    text = str(what).strip()
    wanted = text.strip("{}").upper()
    hits = events[(events["record"] == int(text)).fillna(False)] if text.isdecimal() else events.head(0)
    if hits.empty and wanted:
        hits = events[events["task_id"].str.startswith(wanted)]
    if hits.empty and text:
        urls = longest[longest["url"].str.contains(text, case=False, regex=False).fillna(False)]
        return list(dict.fromkeys(urls["task_id"].dropna()))
    found = dict.fromkeys(hits["task_id"])
    order = [task for task in dict.fromkeys(longest["task_id"].dropna()) if task in found]
    return list(dict.fromkeys([*order, *found]))
