"""`capi2kit summary`: where the seconds went, on one screen."""

from __future__ import annotations

from capi2kit.cli.opening import open_analysis
from capi2kit.cli.options import Common, add_options
from capi2kit.cli.output import form_of, opened

__all__ = ["add_options", "run"]

_PARTS = (
    "answer",
    "findings",
    "savings",
    "startups",
    "incident",
    "ledger",
    "waits",
    "clocks",
    "errors",
    "coverage",
    "problems",
)
_BESIDE = ("operations", "verifications", "caches", "settings", "lists")  # where nothing was timed


def run(common: Common) -> None:
    """Say where the seconds went: headline, start-ups, longest waits."""
    form_of(common, allowed=("text", "txt"))
    analysis = open_analysis(common)
    from capi2kit.render.sections import tell
    from capi2kit.render.text import WIDTH, write

    parts = _PARTS if len(analysis.spans) else (*_PARTS, *_BESIDE)
    sections = tell(analysis, tz=common.tz, only=parts)
    with opened(common) as file:
        write(
            sections,
            file=file,
            color=False if common.no_color or common.output else None,
            width=None if file.isatty() else WIDTH,
        )
