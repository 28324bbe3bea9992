"""List history: the same trust lists, judged whenever something about them changes: the verdict depends on the moment.

Nobody touches a computer, and yet a list that was good becomes a bad one: its signer expires, or the next list is due.
"""

from __future__ import annotations

import pandas as pd

from capi2kit.columns.cells import shaped
from capi2kit.questions.trust_lists import judge_lists
from capi2kit.words import file_name

_TURNS = ("this_update", "next_update", "signer_not_before", "signer_not_after")
_SECOND = pd.Timedelta(seconds=1)


def list_verdicts(
    trust_lists: pd.DataFrame, certificates: pd.DataFrame, *, sources: pd.DataFrame, at: pd.Timestamp | None = None
) -> pd.DataFrame:
    """The verdict over each list at a moment, or whenever it changes, as table `list_verdicts`.

    Parameters
    ----------
    trust_lists, certificates, sources : tables of a case.
    at : the moment (UTC, if it names no zone); without one, whenever a verdict changes.

    Returns
    -------
    list_verdicts : DataFrame
        One row per list, and per change of its verdict if `at` is not given.
    """
    if at is None:
        judged = list_history(trust_lists, certificates)
    else:
        judged = judge_lists(trust_lists, certificates, at=at if at.tzinfo else at.tz_localize("UTC"))
    files = {row["source"]: file_name(row["path"]) for row in sources.to_dict("records")}
    return shaped(judged.assign(file=judged["source"].map(files)), "list_verdicts")


def list_history(trust_lists: pd.DataFrame, certificates: pd.DataFrame) -> pd.DataFrame:
    """When the verdict over each list changes, and to what.

    Parameters
    ----------
    trust_lists, certificates : tables of a case.

    Returns
    -------
    list_history : DataFrame
        The columns of `judge_lists`, one row per list and change of its verdict, by list and `at`, the moment from which it holds.
    """
    moments = pd.concat([trust_lists[name] for name in _TURNS]).dropna().drop_duplicates().sort_values()
    judged = [judge_lists(trust_lists, certificates, at=moment + _SECOND) for moment in moments]
    if not judged:
        return judge_lists(trust_lists, certificates).iloc[:0]
    table = pd.concat(judged, ignore_index=True).sort_values(["source", "at"], kind="stable")
    before = table.groupby("source")["verdict"].shift()
    return table[before.isna() | table["verdict"].ne(before)].reset_index(drop=True)
