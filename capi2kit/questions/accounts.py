"""Accounts: which account asked which server through which proxy, with what result, and how long it waited.

The same list often arrives for one account and not for another: the way out depends on the account.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from capi2kit.columns.cells import joined, shaped
from capi2kit.errors import EvidenceError
from capi2kit.knowledge import account

GROUPS = ("host", "user_sid", "proxy", "url_host", "outcome")
_PROFILE_PATH = "ProfileImagePath"
NO_NAME = ("user", "unknown")  # kinds of accounts whose SID alone does not give their name


def accounts(waits: pd.DataFrame, *, names: Mapping[str, str] | None = None) -> pd.DataFrame:
    """What each account waited for, by proxy, server and outcome.

    Parameters
    ----------
    waits : the table `waits` of an analysis.
    names : names of accounts by SID; they take precedence over the well-known ones.

    Returns
    -------
    accounts : DataFrame
        One row per host, account, proxy (missing: none was logged), server and outcome, the most expensive first, in
        the columns of table `accounts`. Waits of several threads at the same time all count: sums are of waits, not of
        wall time; `low_s` and `high_s` are sums of the waits' bounds, `unknown` counts waits of unknown length.
    """
    given = names or {}
    groups = waits.groupby(list(GROUPS), dropna=False, sort=True)
    table = groups.agg(
        waits=("event", "size"),
        unknown=("wait_s", lambda seconds: int(seconds.isna().sum())),
        wait_s=("wait_s", "sum"),
        low_s=("low_s", "sum"),
        high_s=("high_s", lambda seconds: seconds.sum(skipna=False)),
        first=("start", "min"),
        evidence=("event", lambda events: joined(sorted(events))),
    ).reset_index()
    sids = table["user_sid"].astype(object).where(table["user_sid"].notna(), None)
    table["account"] = [given.get(sid, _well_known(sid)) if sid else None for sid in sids]
    table = shaped(table, "accounts")
    return table.sort_values("wait_s", ascending=False, kind="stable").reset_index(drop=True)


def _well_known(sid: str) -> str | None:
    kind, name = account(sid)
    return None if kind in NO_NAME else name


def profile_names(settings: pd.DataFrame) -> dict[str, str]:
    """Names of accounts by SID, as the folders of their profiles are called, where a SOFTWARE hive lists these."""
    listed = settings[
        settings["name"].eq(_PROFILE_PATH).fillna(False) & settings["path"].notna() & settings["value"].notna()
    ]
    found = {}
    for path, folder in zip(listed["path"], listed["value"], strict=True):
        sid, name = path.rpartition("\\")[2], re.split(r"[/\\]", folder.rstrip("/\\"))[-1]
        if sid.startswith("S-1-") and name and account(sid)[0] in NO_NAME:
            found[sid] = f"{name} (profile)"
    return found


def names_of(path: Path) -> dict[str, str]:
    """A map of accounts: CSV lines ``SID,name``, with or without a header line.

    Raises EvidenceError if the file cannot be read or a line names no SID.
    """
    try:
        lines = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as err:
        raise EvidenceError(f"{path}: cannot be read as lines of SID,name ({err})") from err
    found = {line[0].strip(): line[1].strip() for line in lines if len(line) > 1 and line[0].strip().startswith("S-1-")}
    wrong = [n for n, line in enumerate(lines, 1) if line and not line[0].strip().startswith("S-1-")]
    if wrong and (wrong != [1] or not found):
        raise EvidenceError(f"{path}: line {wrong[-1]} does not begin with a SID; write lines of SID,name")
    return found


def resolving(sids: list[str]) -> str:
    """The PowerShell line that prints the names of SIDs, to be run in their domain."""
    listed = ",".join(f"'{sid}'" for sid in sids)
    return f'{listed} | % {{ "$_," + (New-Object Security.Principal.SecurityIdentifier $_).Translate([Security.Principal.NTAccount]) }}'
