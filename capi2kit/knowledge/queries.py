"""Queries: the named questions to a store, from ``data/queries``: a SELECT per file, its title and parameters in its first lines."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import NamedTuple


class Query(NamedTuple):
    """A named question: what it asks, its SELECT, its parameters with the values that they have if none is given."""

    title: str
    sql: str
    parameters: dict[str, object]


@cache
def queries() -> dict[str, Query]:
    """The named questions, by name: the files of ``data/queries``."""
    folder = files("capi2kit").joinpath("data", "queries")
    found = {}
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        sql = file.read_text(encoding="utf-8")
        said = dict(re.findall(r"^-- (\w+): (.+)$", sql, re.MULTILINE))
        parameters = dict(one.split("=", 1) for one in said.get("parameters", "").split() if one)
        found[file.name.removesuffix(".sql")] = Query(said["title"], sql, dict(parameters))
    return found
