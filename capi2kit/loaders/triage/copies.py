"""Copies: of a setting that a collection holds several times, the newest counts.

Shadow copies of a volume, `Windows.old` and what Windows itself puts by (`RegBack`, the history of IIS) say how things were, not how
they are. Their logs are read as any other; their settings and URL caches only where the live file was not collected.
"""

from __future__ import annotations

import pandas as pd

from capi2kit.loaders.triage import iispools, urlcaches
from capi2kit.loaders.triage.collected import note
from capi2kit.loaders.triage.places import place_of
from capi2kit.winevent import Batch

_STATES = ("settings", "cache_entries")  # tables that say how things are
_AS_ONE = (urlcaches.NAME, iispools.NAME)  # loaders whose files make one state together
_PLACED = ["source", "path", "sha256", "root", "inside", "age", "live", "key"]
Tables = dict[str, pd.DataFrame]


def leave_out_older(sources: pd.DataFrame, beside: Tables) -> list[Batch]:
    """Take the rows of older copies out of `beside`, and count them as `other`; a note for each folder of copies."""
    placed = _placed(sources, beside)
    if placed.empty or (placed["age"] == placed["age"].max()).all():
        return []
    newest = placed.groupby(["root", "key"])["age"].transform("max")
    older = placed[placed["age"] < newest]
    _take_out(older["source"].tolist(), sources, beside=beside, counted_as="other")
    kept = placed[(placed["age"] == newest) & ~placed["live"]]
    notes = []
    for rows, why in ((older, "left out, as newer ones are there"), (kept, "read, as no live ones were collected")):
        for root, some in rows.groupby("root"):
            first, where = some.iloc[0], str(root) or "."
            message = f"older copies below {where}: {len(some):,} with settings or URL caches are {why}; the first: {first['path']}"
            notes.append(note(int(first["source"]), message, error="older copy"))
    return notes


def leave_out_repeated(sources: pd.DataFrame, beside: Tables) -> list[Batch]:
    """Take the rows of a file out of `beside` that the case has already, of the same computer and place; they are duplicates."""
    placed = _placed(sources, beside)
    if placed.empty:
        return []
    hosts = (
        pd.concat([beside[name][["source", "host"]] for name in _STATES])
        .drop_duplicates("source")
        .set_index("source")["host"]
    )
    placed = placed.assign(host=placed["source"].map(hosts).fillna(placed["root"]))
    twice = placed.duplicated(["host", "inside", "sha256"])
    _take_out(placed.loc[twice, "source"].tolist(), sources, beside=beside, counted_as="duplicates")
    roots = placed[~twice].groupby("host")["root"].unique()
    return [
        note(
            int(placed.loc[placed["host"] == host, "source"].iloc[0]),
            f"{host} was collected {len(several)} times, and settings and URL caches of each time are in the tables: "
            f"{', '.join(several)}. Load one of these folders to see one of them",
            error="collected twice",
        )
        for host, several in roots.items()
        if len(several) > 1
    ]


def _placed(sources: pd.DataFrame, beside: Tables) -> pd.DataFrame:
    """The files at usual places that gave rows of a state: source, path, sha256, root, inside, age, live, key."""
    giving = {number for name in _STATES for number in beside[name]["source"].unique()}
    if not giving:
        return pd.DataFrame(columns=_PLACED)
    rows = []
    for number, path, digest, loader in sources[["source", "path", "sha256", "loader"]].itertuples(index=False):
        place = place_of(path) if number in giving else None
        if place:
            inside = place.path.casefold()
            key = loader if loader in _AS_ONE else inside.replace("/regback/", "/")
            rows.append((number, path, digest, place.root, inside, place.age, place.is_live, key))
    return pd.DataFrame(rows, columns=_PLACED)


def _take_out(numbers: list[int], sources: pd.DataFrame, *, beside: Tables, counted_as: str) -> None:
    for name in _STATES:
        beside[name] = beside[name][~beside[name]["source"].isin(numbers)].reset_index(drop=True)
    mine = sources["source"].isin(numbers)
    sources.loc[mine, counted_as] += sources.loc[mine, "loaded"]
    sources.loc[mine, "loaded"] = 0
