"""Stored: the objects that lie in a URL cache, beside what Windows noted of them: their hash, and whether they are still whole."""

from __future__ import annotations

import json
import re

import pandas as pd

from capi2kit.loaders.triage import urlcaches

_METADATA = re.compile(r"([/\\])metadata([/\\][^/\\!]+)$", re.IGNORECASE)


def add_contents(entries: pd.DataFrame, sources: pd.DataFrame) -> None:
    """Add to `extra` of entries from the files of a cache the SHA-256 of their object, and its size where that is another."""
    mine = sources[sources["loader"] == urlcaches.NAME]
    if mine.empty or entries.empty:
        return
    paths = dict(zip(mine["source"], mine["path"], strict=True))
    facts = zip(sources["path"], sources["sha256"], sources["bytes"], strict=True)
    objects = {path.casefold(): (digest, int(size)) for path, digest, size in facts}
    hashed = set()
    for index, source, size, extra in zip(
        entries.index, entries["source"], entries["bytes"], entries["extra"], strict=True
    ):
        path, found = _METADATA.subn(r"\1content\2", paths.get(source, ""))
        stored = objects.get(path.casefold()) if found else None
        if stored:
            hashed.add(path.casefold())
            more = json.loads(extra) if isinstance(extra, str) else {}
            more["sha256"] = stored[0]
            more |= {} if stored[1] == size else {"stored bytes": stored[1]}
            entries.loc[index, "extra"] = json.dumps(more, ensure_ascii=False)
    whole = mine.index[mine["path"].str.casefold().isin(hashed)]
    sources.loc[whole, "understood"] = sources.loc[whole, "units"]  # as much as can be: it is known by its hash
