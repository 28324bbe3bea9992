"""`capi2kit accounts`: account by proxy, server and outcome, with seconds."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from capi2kit.cli import options
from capi2kit.cli.opening import open_analysis
from capi2kit.cli.options import Common
from capi2kit.cli.output import Below, form_of, say_below, write_table

if TYPE_CHECKING:
    import pandas as pd

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
    from capi2kit.questions.accounts import accounts, names_of, profile_names
    from capi2kit.questions.proxies import proxies

    given = names_of(Path(sids)) if sids else {}
    common = replace(common, beside=(sids,) if sids else ())
    analysis = open_analysis(common)
    names = profile_names(analysis.case.settings) | given
    table = accounts(analysis.waits, names=names)
    set_up = _said(proxies(analysis.case.settings), names=names)
    nameless = sorted({sid for sid in table["user_sid"][table["account"].isna()].dropna() if _SID.fullmatch(sid)})
    if table.empty:
        text = " ".join(["No retrieval from the network: no account waited.", *set_up])
        write_table(table, common=common, key=_KEY, below=say_below(text))
        return
    below = None if common.quiet else _how_to_name(nameless, set_up=set_up)
    write_table(table, common=common, key=_KEY, spare=_SPARE, below=below)


def _said(set_up: pd.DataFrame, *, names: Mapping[str, str]) -> list[str]:
    """A sentence for each account on the proxy that is set for it."""
    from capi2kit.words import brief_account, is_missing, visible

    said = []
    for row in set_up.to_dict("records"):
        whose = (
            "the computer (WinHTTP)"
            if is_missing(row["account"])
            else visible(names.get(row["account"]) or brief_account(row["account"]))
        )
        ways = [] if is_missing(row["proxy"]) else [visible(row["proxy"])]
        ways += [] if is_missing(row["script"]) else [f"the script {visible(row['script'])}"]
        ways += ["a search for one (WPAD)"] if not is_missing(row["detect"]) and row["detect"] else []
        host = "" if is_missing(row["host"]) else f" on {visible(row['host'])}"
        said.append(f"Proxy that is set for {whose}{host}: {', '.join(ways)}.")
    return said


def _how_to_name(sids: list[str], *, set_up: list[str]) -> Below:
    """Lines on the proxies that are set, and on how the names of accounts are found."""

    def lines(width: int) -> list[str]:
        from capi2kit.questions.accounts import resolving
        from capi2kit.render.wrapping import command, wrapped

        first = ["", *(line for text in set_up for line in wrapped(text, width=width))] if set_up else []
        if not sids:
            return first
        text = "Only their domain knows these names. Run this there in PowerShell, save it as map.csv, then use --sids map.csv:"
        return [*first, "", *wrapped(text, width=width), *command(resolving(sids), width=width)]

    return lines
