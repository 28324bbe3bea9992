"""Sections: the content of every report, once, in order. Outputs turn them into a terminal page, HTML and so on."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from capi2kit.analysis import Analysis, answer_of
from capi2kit.questions.answer import Answer
from capi2kit.render.parts import Section
from capi2kit.render.sections import (
    beside,
    causes,
    drilldown,
    error_records,
    inventory,
    opening,
    remedies,
    servers,
    surroundings,
    timing,
)

_FOLDED = {
    "servers",
    "targets",
    "errors",
    "confirm",
    "remedies",
    "clocks",
    "verifications",
    "fetched",
    "caches",
    "proxies",
    "settings",
    "lists",
    "drilldown",
}
_FOLDED |= {"coverage", "operations", "problems", "method"}
_NOT_PRINTED = {"caches", "settings", "lists", "operations", "drilldown"}


def tell(
    analysis: Analysis, *, tz: str = "UTC", only: Collection[str] | None = None, answer: Answer | None = None
) -> list[Section]:
    """The sections of a report on one analysis, the answer first; `only`: names of the wanted ones; `answer`: if it is there already."""
    found = answer or answer_of(analysis)
    makers: dict[str, Callable[[], Section | None]] = {
        "answer": lambda: opening.answer(analysis, found, tz=tz),
        "findings": lambda: causes.findings(analysis, found),
        "startups": lambda: timing.startups(analysis, found, tz=tz),
        "incident": lambda: surroundings.incident(analysis),
        "savings": lambda: causes.savings(analysis, found),
        "ledger": lambda: timing.ledger(analysis, found),
        "waits": lambda: timing.waits(analysis, tz=tz),
        "servers": lambda: servers.servers(analysis),
        "targets": lambda: timing.targets(analysis),
        "errors": lambda: error_records.errors(analysis),
        "chains": lambda: surroundings.chains(analysis),
        "drilldown": lambda: drilldown.drilldown(analysis),
        "confirm": lambda: remedies.confirmations(analysis),
        "remedies": lambda: remedies.remedies(analysis),
        "clocks": lambda: surroundings.clocks(analysis, tz=tz),
        "verifications": lambda: beside.verifications(analysis),
        "fetched": lambda: beside.fetched(analysis),
        "caches": lambda: beside.caches(analysis, tz=tz),
        "proxies": lambda: surroundings.proxies_set(analysis),
        "settings": lambda: surroundings.settings(analysis),
        "lists": lambda: surroundings.lists(analysis, tz=tz),
        "coverage": lambda: inventory.coverage(analysis, tz=tz),
        "evidence": lambda: inventory.evidence(analysis),
        "operations": lambda: inventory.operations(analysis),
        "problems": lambda: inventory.problems(analysis),
        "method": lambda: inventory.method(analysis),
    }
    return [_finished(part) for name, make in makers.items() if only is None or name in only if (part := make())]


def _finished(part: Section) -> Section:
    """A section without columns that are empty, and with its place on a screen and on paper."""
    table = part.table and part.table.filled()
    return replace(part, table=table, folded=part.name in _FOLDED, printed=part.name not in _NOT_PRINTED)
