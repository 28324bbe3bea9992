"""Callers: who asks for a check, and what becomes of them when it fails, by callers.csv."""

from __future__ import annotations

from functools import cache

from capi2kit.knowledge import rows

CALLERS = ("process", "operation", "policy", "auth_type", "usage_oid")  # of an event: what tells who asks


@cache
def caller_of(cells: tuple[str | None, ...]) -> tuple[str, str] | None:
    """Who asks for a check, and how that fails, by the cells of `CALLERS`; None if callers.csv does not know it.

    An empty cell of the table fits anything; the row that names most counts.
    """
    given = [(cell or "").lower() for cell in cells]
    fits = [
        row
        for row in rows("callers")
        if all(row[name].lower() in ("", value) for name, value in zip(CALLERS, given, strict=True))
    ]
    best = max(fits, key=lambda row: sum(bool(row[name]) for name in CALLERS), default=None)
    return (best["caller"], best["fails"]) if best else None
