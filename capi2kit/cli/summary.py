"""`capi2kit summary`: what is wrong and where the seconds went, on one screen."""

from __future__ import annotations

import argparse

from capi2kit.cli import options
from capi2kit.cli.opening import open_analysis
from capi2kit.cli.options import Common
from capi2kit.cli.output import form_of, opened, quoted, shape_of

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
_BESIDE = ("operations", "verifications", "fetched", "caches", "settings", "lists")  # where nothing was timed


def add_options(verb: argparse.ArgumentParser) -> None:
    """How much, and the shared options."""
    verb.add_argument("--full", action="store_true", help="also all tables: start-ups, waits, remedies, coverage")
    options.add_options(verb)


def run(common: Common, *, full: bool) -> None:
    """Say what is wrong, what it costs and what to do, on one screen; with --full in all tables."""
    form_of(common, allowed=("text", "txt"))
    analysis = open_analysis(common)
    from capi2kit.render.screen import write_screen
    from capi2kit.render.sections import tell
    from capi2kit.render.text import write

    parts = _PARTS if len(analysis.spans) else (*_PARTS, *_BESIDE)
    with opened(common) as file:
        shape = shape_of(file, common)
        if full:
            write(tell(analysis, tz=common.tz, only=parts), file=file, **shape)
        else:
            write_screen(analysis, file=file, tz=common.tz, log=quoted(common.logs), **shape)
