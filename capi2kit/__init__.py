"""capi2kit: where did the seconds of a Windows CAPI2 log go?

>>> import capi2kit as c2
>>> analysis = c2.analyse(c2.load("WEB01.evtx"))        # doctest: +SKIP
>>> c2.save(analysis, "spinup.html")                    # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from capi2kit.errors import (
    Capi2kitError,
    DamagedEvidence,
    EvidenceError,
    KnowledgeError,
    NoEvents,
    OutputError,
    ScenarioError,
    StoreError,
    TableError,
    UnknownFormat,
)

if TYPE_CHECKING:  # what an editor completes and mypy checks; at run time a name is imported when it is first used
    from capi2kit import charts, knowledge, render
    from capi2kit.analysis import Analysis, analyse, headline
    from capi2kit.asking import (
        accounts,
        error_records,
        list_verdicts,
        prefetch,
        records_behind,
        side_by_side,
        whatif,
    )
    from capi2kit.case import Case, load, record_xml
    from capi2kit.charts import (
        plot_chain,
        plot_comparison,
        plot_freshness,
        plot_hosts,
        plot_lengths,
        plot_lists,
        plot_outcomes,
        plot_savings,
        plot_signers,
        plot_startup,
        plot_targets,
        plot_task,
        plot_timeline,
    )
    from capi2kit.comparison import compare
    from capi2kit.diagnosis.rulefiles import rules
    from capi2kit.fleet import ingest
    from capi2kit.knowledge.vocabulary import describe
    from capi2kit.quizzes import quiz
    from capi2kit.redaction import redact
    from capi2kit.render import save
    from capi2kit.render.notebook.cards import Card, card
    from capi2kit.render.notebook.explore import explore
    from capi2kit.render.notebook.shown import explain, remedy, show
    from capi2kit.render.notebook.truths import truth
    from capi2kit.render.notebook.views import view
    from capi2kit.spans import build_spans
    from capi2kit.startups import attribute_delays, draw_ledger, find_startups
    from capi2kit.store import open_store
    from capi2kit.waits import correct_spans, recover_waits

__version__ = "0.2.0"

_PLOTS = (
    "plot_chain",
    "plot_comparison",
    "plot_freshness",
    "plot_hosts",
    "plot_lengths",
    "plot_lists",
    "plot_outcomes",
    "plot_savings",
    "plot_signers",
    "plot_startup",
    "plot_targets",
    "plot_task",
    "plot_timeline",
)
_WHERE = {
    "Analysis": "analysis",
    "Card": "render.notebook.cards",
    "Case": "case",
    "accounts": "asking",
    "analyse": "analysis",
    "attribute_delays": "startups",
    "build_spans": "spans",
    "card": "render.notebook.cards",
    "compare": "comparison",
    "correct_spans": "waits",
    "describe": "knowledge.vocabulary",
    "draw_ledger": "startups",
    "error_records": "asking",
    "find_startups": "startups",
    "headline": "analysis",
    "ingest": "fleet",
    "list_verdicts": "asking",
    "load": "case",
    **dict.fromkeys(_PLOTS, "charts"),
    "open_store": "store",
    "prefetch": "asking",
    "quiz": "quizzes",
    "record_xml": "case",
    "records_behind": "asking",
    "recover_waits": "waits",
    "redact": "redaction",
    "rules": "diagnosis.rulefiles",
    **dict.fromkeys(("explain", "remedy", "show"), "render.notebook.shown"),
    "explore": "render.notebook.explore",
    "save": "render",
    "side_by_side": "asking",
    "truth": "render.notebook.truths",
    "view": "render.notebook.views",
    "whatif": "asking",
}
_MODULES = ("charts", "knowledge", "render")

__all__ = [
    "Analysis",
    "Capi2kitError",
    "Card",
    "Case",
    "DamagedEvidence",
    "EvidenceError",
    "KnowledgeError",
    "NoEvents",
    "OutputError",
    "ScenarioError",
    "StoreError",
    "TableError",
    "UnknownFormat",
    "accounts",
    "analyse",
    "attribute_delays",
    "build_spans",
    "card",
    "charts",
    "compare",
    "correct_spans",
    "describe",
    "draw_ledger",
    "error_records",
    "explain",
    "explore",
    "find_startups",
    "headline",
    "ingest",
    "knowledge",
    "list_verdicts",
    "load",
    "open_store",
    "plot_chain",
    "plot_comparison",
    "plot_freshness",
    "plot_hosts",
    "plot_lengths",
    "plot_lists",
    "plot_outcomes",
    "plot_savings",
    "plot_signers",
    "plot_startup",
    "plot_targets",
    "plot_task",
    "plot_timeline",
    "prefetch",
    "quiz",
    "record_xml",
    "records_behind",
    "recover_waits",
    "redact",
    "remedy",
    "render",
    "rules",
    "save",
    "show",
    "side_by_side",
    "truth",
    "view",
    "whatif",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: `--help` needs none of them."""
    if name in _WHERE:
        return getattr(import_module(f"capi2kit.{_WHERE[name]}"), name)
    if name in _MODULES:
        return import_module(f"capi2kit.{name}")
    raise AttributeError(f"module 'capi2kit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
