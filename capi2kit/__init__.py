"""capi2kit: where did the seconds of a Windows CAPI2 log go?

>>> import capi2kit as c2
>>> analysis = c2.analyse(c2.load("WEB01.evtx"))        # doctest: +SKIP
>>> c2.save(analysis, "spinup.html")                    # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from capi2kit.errors import (
    Capi2kitError,
    DamagedEvidence,
    EvidenceError,
    KnowledgeError,
    NoEvents,
    ScenarioError,
    TableError,
    UnknownFormat,
)

__version__ = "0.1.0"

_WHERE = {
    "Analysis": "analysis",
    "Case": "case",
    "analyse": "analysis",
    "attribute_delays": "startups",
    "build_spans": "spans",
    "correct_spans": "waits",
    "draw_ledger": "startups",
    "find_startups": "startups",
    "headline": "analysis",
    "load": "case",
    "record_xml": "case",
    "recover_waits": "waits",
    "save": "render",
}
_MODULES = ("charts", "knowledge", "render")

__all__ = [
    "Analysis",
    "Capi2kitError",
    "Case",
    "DamagedEvidence",
    "EvidenceError",
    "KnowledgeError",
    "NoEvents",
    "ScenarioError",
    "TableError",
    "UnknownFormat",
    "analyse",
    "attribute_delays",
    "build_spans",
    "correct_spans",
    "draw_ledger",
    "find_startups",
    "headline",
    "load",
    "record_xml",
    "recover_waits",
    "save",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: `--help` needs none of them."""
    if name in _WHERE:
        return getattr(import_module(f"capi2kit.{_WHERE[name]}"), name)
    if name in _MODULES:
        return import_module(f"capi2kit.{name}")
    raise AttributeError(f"module 'capi2kit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_MODULES, "__version__"])
