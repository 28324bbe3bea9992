"""`capi2kit accounts`: account by proxy, server and outcome, with seconds."""

from __future__ import annotations

import argparse
import re
from dataclasses import replace
from pathlib import Path

from capi2kit.cli import options
from capi2kit.cli.opening import open_analysis
from capi2kit.cli.options import Common
from capi2kit.cli.output import Below, form_of, say_below, write_table

_KEY = "host user_sid account proxy url_host outcome waits unknown wait_s low_s high_s".split()
_SPARE = "unknown low_s high_s host proxy account".split()
_SID = re.compile(r"S-1(-\d+)+")


def add_options(verb: argparse.ArgumentParser) -> None:
    """Names for accounts, and the shared options."""
    verb.add_argument("--sids", metavar="FILE", help="names of accounts: CSV lines of SID,name")
    options.add_options(verb)


def run(common: Common, *, sids: str | None) -> None:
    """Print what each account waited for; at the end the line that resolves the SIDs without a name."""
    form_of(common)
    from capi2kit.questions.accounts import accounts, names_of

    names = names_of(Path(sids)) if sids else {}
    common = replace(common, beside=(sids,) if sids else ())
    table = accounts(open_analysis(common).waits, names=names)
    nameless = sorted({sid for sid in table["user_sid"][table["account"].isna()].dropna() if _SID.fullmatch(sid)})
    if table.empty:
        write_table(
            table, common=common, key=_KEY, below=say_below("No retrieval from the network: no account waited.")
        )
        return
    write_table(table, common=common, key=_KEY, spare=_SPARE, below=None if common.quiet else _how_to_name(nameless))


def _how_to_name(sids: list[str]) -> Below:
    """Lines that say how the names of accounts are found."""

    def lines(width: int) -> list[str]:
        from capi2kit.questions.accounts import resolving
        from capi2kit.render.wrapping import command, wrapped

        if not sids:
            return []
        text = "Only their domain knows these names. Run this there in PowerShell, save it as map.csv, then use --sids map.csv:"
        return ["", *wrapped(text, width=width), *command(resolving(sids), width=width)]

    return lines
