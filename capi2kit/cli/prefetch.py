"""`capi2kit prefetch`: the smallest set of CRLs to pre-install, with commands."""

from __future__ import annotations

import argparse

from capi2kit.cli import options
from capi2kit.cli.errors import UsageError
from capi2kit.cli.opening import open_analysis
from capi2kit.cli.options import Common
from capi2kit.cli.output import Below, form_of, say_below, write_table

_KEY = ["url", "url_role", "waits", "saved_s", "total_s"]
_SPARE = ["total_s", "waits"]
_NOTE = "note"
_BELOW = (
    ("On a computer that reaches them, in PowerShell", "fetch"),
    ("On the server, elevated, in PowerShell", "install"),
    ("Note", _NOTE),
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
    if table.empty:
        empty = "No list that can be installed in advance would have saved a wait in this log."
        write_table(table, common=common, key=_KEY, below=say_below(empty))
        return
    texts = {column: list(dict.fromkeys(visible(line) for line in table[column].dropna())) for _, column in _BELOW}
    write_table(table, common=common, key=_KEY, spare=_SPARE, below=None if common.quiet else _commands(texts))


def _commands(texts: dict[str, list[str]]) -> Below:
    """The lines to fetch and install them, under a heading each."""

    def lines(width: int) -> list[str]:
        from capi2kit.render.wrapping import command, wrapped

        found: list[str] = []
        for heading, column in _BELOW:
            found += ["", *wrapped(f"{heading}:", width=width)] if texts[column] else []
            for text in texts[column]:
                is_note = column == _NOTE
                found += wrapped(text, width=width, first="  ", rest="  ") if is_note else command(text, width=width)
        return found

    return lines
