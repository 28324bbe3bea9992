"""Beside the log: what evidence without a single event says: chains and addresses that certutil checked, caches, settings.

Input: the tables of a case. Output: a sentence.
"""

from __future__ import annotations

import pandas as pd

from capi2kit import words
from capi2kit.questions.cautions import Read

_FETCHED, _LISTED = "urlfetch", "urlcache"
_GOOD = "verified"  # a verdict of certutil


def without_events(case: Read) -> str:
    """What there is where no event is, and how much of it failed; without its full stop."""
    entries = case.cache_entries
    fetched = _of(entries, _FETCHED)
    chains = case.verifications
    found = [
        _counted(chains, "chain", did="that certutil checked", failed=_failed_chains(chains)),
        _counted(fetched, "address", plural="addresses", did="that certutil fetched", failed=_failed(fetched))
        + (_unknown(fetched) if len(fetched) else ""),
    ]
    listed = len(_of(entries, _LISTED))
    found += [words.count(listed, "entry of a URL cache", plural="entries of URL caches")] if listed else []
    found += [words.count(len(case.settings), "setting")] if len(case.settings) else []
    said = [part for part in found if part]
    if not said:
        return "No event in what was read: nothing to time"
    return f"No event log, but {'; '.join(said)}"


def _of(entries: pd.DataFrame, command: str) -> pd.DataFrame:
    return entries[entries["command"].eq(command).fillna(False)]


def _failed_chains(chains: pd.DataFrame) -> pd.Series:
    failed = chains[chains["result"].fillna(0).ne(0) | chains["error_status"].fillna(0).ne(0)]
    return failed["result"]


def _failed(entries: pd.DataFrame) -> pd.Series:
    """The codes of those that failed; missing where certutil gave none."""
    bad = entries["verdict"].notna() & entries["verdict"].ne(_GOOD)
    return entries["result"][entries["result"].notna() | bad.fillna(False)]


def _unknown(entries: pd.DataFrame) -> str:
    """What is to be said of words for an outcome that are in no table."""
    unknown = int((entries["verdict"].isna() & entries["result"].isna()).sum())
    return f" ({unknown} with a verdict in words that are not known here)" if unknown else ""


def _counted(rows: pd.DataFrame, what: str, *, did: str, failed: pd.Series, plural: str = "") -> str:
    """So many of something, and how many of them failed, with their codes; empty if there are none."""
    if rows.empty:
        return ""
    text = f"{words.count(len(rows), what, plural=plural)} {did}"
    if failed.empty:
        return f"{text}, none of them failed"
    codes = dict.fromkeys(words.code(code) for code in failed.dropna() if code)
    return f"{text}, {len(failed)} failed" + (f" ({words.listed(list(codes), 'code')})" if codes else "")
