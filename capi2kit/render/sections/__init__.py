"""Sections: the content of every report, once, in order. Outputs turn them into a terminal page, HTML and so on."""

from __future__ import annotations

from collections.abc import Callable, Collection

from capi2kit.analysis import Analysis
from capi2kit.render.parts import Section
from capi2kit.render.sections import causes, error_records, inventory, remedies, surroundings, timing


def tell(analysis: Analysis, *, tz: str = "UTC", only: Collection[str] | None = None) -> list[Section]:
    """The sections of a report on one analysis, the answer first; `only`: names of the wanted ones."""
    makers: dict[str, Callable[[], Section | None]] = {
        "answer": lambda: timing.answer(analysis, tz=tz),
        "findings": lambda: causes.findings(analysis),
        "startups": lambda: timing.startups(analysis, tz=tz),
        "incident": lambda: surroundings.incident(analysis),
        "ledger": lambda: timing.ledger(analysis),
        "waits": lambda: timing.waits(analysis, tz=tz),
        "targets": lambda: timing.targets(analysis),
        "errors": lambda: error_records.errors(analysis),
        "confirm": lambda: remedies.confirmations(analysis),
        "savings": lambda: causes.savings(analysis),
        "remedies": lambda: remedies.remedies(analysis),
        "clocks": lambda: surroundings.clocks(analysis, tz=tz),
        "verifications": lambda: surroundings.verifications(analysis),
        "caches": lambda: surroundings.caches(analysis, tz=tz),
        "settings": lambda: surroundings.settings(analysis),
        "lists": lambda: surroundings.lists(analysis, tz=tz),
        "coverage": lambda: inventory.coverage(analysis, tz=tz),
        "evidence": lambda: inventory.evidence(analysis),
        "operations": lambda: inventory.operations(analysis),
        "problems": lambda: inventory.problems(analysis),
        "method": lambda: inventory.method(analysis),
    }
    parts = [make() for name, make in makers.items() if only is None or name in only]
    return [part for part in parts if part]
