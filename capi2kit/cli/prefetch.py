"""`capi2kit prefetch`: the smallest set of CRLs to pre-install, with commands."""

from __future__ import annotations

import argparse

from capi2kit.cli import options
from capi2kit.cli.errors import UsageError
from capi2kit.cli.opening import open_analysis
from capi2kit.cli.options import Common
from capi2kit.cli.output import form_of, write_table

_KEY = ["url", "url_role", "waits", "saved_s", "total_s"]
_BELOW = (
    ("On a computer that reaches them, in PowerShell", "fetch"),
    ("On the server, elevated, in PowerShell", "install"),
    ("Note", "note"),
)


def add_options(verb: argparse.ArgumentParser) -> None:
    """How much is to be saved, and the shared options."""
    verb.add_argument(
        "--share",
        type=float,
        default=99.0,
        metavar="PERCENT",
        help="percentage of what all lists together would save (99)",
    )
    options.add_options(verb)


def run(common: Common, *, share: float) -> None:
    """Print the objects, what they save, and the lines to fetch and install them."""
    form_of(common)
    if not 0 < share <= 100:
        raise UsageError(f"--share {share:g}: not a percentage above 0 and at most 100")
    from capi2kit.questions.prefetch import prefetch
    from capi2kit.words import visible

    analysis = open_analysis(common)
    table = prefetch(analysis.spans, analysis.waits, share=share / 100, chain=analysis.case.chain)
    lines: list[str] = []
    for heading, column in () if common.quiet else _BELOW:
        texts = dict.fromkeys(visible(line) for line in table[column].dropna())
        lines += [f"\n{heading}:", *(f"  {line}" for line in texts)] if texts else []
    write_table(table, common=common, key=_KEY, below=lines)
