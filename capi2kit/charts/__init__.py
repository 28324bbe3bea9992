"""Charts: one module per picture; each draws a table on the axes it is given and returns them.

Input: the Analysis or its tables. Output: matplotlib Axes; `save_chart` and
`svg_text` turn them into files and text. A chart opens no pyplot figure and
does not change the tables. matplotlib is imported when a chart is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from capi2kit.charts.chain import plot_chain
    from capi2kit.charts.comparison import plot_comparison
    from capi2kit.charts.export import png_bytes, save_chart, svg_text
    from capi2kit.charts.freshness import plot_freshness
    from capi2kit.charts.heatmap import plot_outcomes
    from capi2kit.charts.hosts import plot_hosts
    from capi2kit.charts.lengths import plot_lengths
    from capi2kit.charts.lists import plot_lists
    from capi2kit.charts.savings import plot_savings
    from capi2kit.charts.signers import plot_signers
    from capi2kit.charts.startup import plot_startup
    from capi2kit.charts.targets import plot_targets
    from capi2kit.charts.task import plot_task
    from capi2kit.charts.timeline import plot_timeline

_WHERE = {
    "plot_chain": "chain",
    "plot_comparison": "comparison",
    "plot_freshness": "freshness",
    "plot_hosts": "hosts",
    "plot_lengths": "lengths",
    "plot_lists": "lists",
    "plot_outcomes": "heatmap",
    "plot_savings": "savings",
    "plot_signers": "signers",
    "plot_startup": "startup",
    "plot_targets": "targets",
    "plot_task": "task",
    "plot_timeline": "timeline",
    "png_bytes": "export",
    "save_chart": "export",
    "svg_text": "export",
}

__all__ = [
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
    "png_bytes",
    "save_chart",
    "svg_text",
]


def __getattr__(name: str) -> Any:
    """Import a chart when it is first used: matplotlib is slow to import."""
    if name in _WHERE:
        return getattr(import_module(f"capi2kit.charts.{_WHERE[name]}"), name)
    raise AttributeError(f"module 'capi2kit.charts' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
