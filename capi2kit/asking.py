"""Asking: the questions of `questions`, put to an analysis: each takes the whole of it (or the table it needs) and gives a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from capi2kit.errors import TableError
from capi2kit.given import analyses_of, analysis_of, case_of, table_of

if TYPE_CHECKING:
    from capi2kit.analysis import Analysis
    from capi2kit.case import Case

_SHARE = 0.99


def whatif(analysis: Analysis, *, servers: Sequence[str] | str = ()) -> pd.DataFrame:
    """What each remedy of the findings would save in each start-up, alone and together.

    Parameters
    ----------
    analysis : what `analyse` returned.
    servers : the remedies are for this server or these only; all if empty. Shorter limits are for no server alone, and left out then.

    Returns
    -------
    whatif : DataFrame
        One row per remedy and start-up that it changes, in the columns of table `whatif`; durations in s. `saved_s` lies
        between `low_s` and `high_s`. All remedies together come first, then those that save most.

    Raises
    ------
    TableError : `analysis` is no analysis; the message says what to pass.
    NoEvents : no retrieval asked such a server; the message names those that are like it.
    """
    from capi2kit.questions.whatif import servers_meant
    from capi2kit.questions.whatif import whatif as ask

    whole = analysis_of(analysis)
    meant = servers_meant(whole.waits, servers)
    return ask(whole.findings, spans=whole.spans, waits=whole.waits, startups=whole.startups, servers=meant)


def prefetch(analysis: Analysis, *, share: float = _SHARE) -> pd.DataFrame:
    """The smallest set of CRLs and other objects to install in advance, so that most of the waiting is gone.

    Parameters
    ----------
    analysis : what `analyse` returned.
    share : the part of what all objects together would save that is enough.

    Returns
    -------
    prefetch : DataFrame
        One row per object, the one that saves most first, in the columns of table `prefetch`; seconds of waiting, threads added up.

    Raises
    ------
    TableError : `analysis` is no analysis; the message says what to pass.
    ValueError : `share` is not above 0 and at most 1.
    """
    from capi2kit.questions.prefetch import prefetch as ask

    whole = analysis_of(analysis)
    return ask(whole.spans, whole.waits, share=share, chain=whole.case.chain)


def accounts(waits: Analysis | pd.DataFrame, *, names: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Which account asked which server through which proxy, how it ended, and how long it waited.

    Parameters
    ----------
    waits : an Analysis, or table `waits`.
    names : names of accounts by SID; they take precedence over the well-known ones.

    Returns
    -------
    accounts : DataFrame
        One row per host, account, proxy, server and outcome, the most expensive first, in the columns of table `accounts`.

    Raises
    ------
    TableError : it is neither; the message says what to pass.
    """
    from capi2kit.questions.accounts import accounts as ask

    return ask(table_of(waits, "waits"), names=names)


def error_records(analysis: Analysis) -> pd.DataFrame:
    """The CAPI2 records of level error, and which of them are failures: most are not.

    Parameters
    ----------
    analysis : what `analyse` returned.

    Returns
    -------
    error_records : DataFrame
        One row per record, in the columns of table `error_records`: `verdict` is by result, `why` the fault that the record names.

    Raises
    ------
    TableError : `analysis` is no analysis; the message says what to pass.
    """
    from capi2kit.questions.error_records import error_records as ask

    whole = analysis_of(analysis)
    return ask(whole.case.events, whole.spans, steps=whole.case.steps, findings=whole.findings)


def records_behind(analysis: Analysis, rule: str | None = None) -> pd.DataFrame:
    """The records that a finding rests on: a finding is a claim, and these are to be looked at.

    Parameters
    ----------
    analysis : what `analyse` returned.
    rule : id of a rule that fired, such as ``firewall-drops``; the first finding that cites records if not given.

    Returns
    -------
    events : DataFrame
        The rows of table `events` that all findings of the rule cite, in the order of the case.

    Raises
    ------
    TableError : `analysis` is no analysis, or the rule did not fire; the message lists those that did.
    """
    whole = analysis_of(analysis)
    cited = whole.findings[whole.findings["evidence"].notna()]
    fired = list(dict.fromkeys(whole.findings["rule"]))
    if rule is not None and rule not in fired:
        raise TableError(f"rule {rule!r} did not fire; fired: {', '.join(fired) or 'none'}")
    mine = cited[cited["rule"].eq(rule)] if rule is not None else cited.head(1)
    numbers = {int(event) for row in mine["evidence"] for event in row.split()}
    return whole.case.events[whole.case.events["event"].isin(numbers)]


def side_by_side(analyses: Mapping[str, Analysis]) -> pd.DataFrame:
    """Several logs in one table, a line each: what tells stories apart that begin with the same complaint.

    Parameters
    ----------
    analyses : what `analyse` returned, by the name that its line gets.

    Returns
    -------
    side_by_side : DataFrame
        One row per analysis, in the columns of table `side_by_side`; durations in s.

    Raises
    ------
    TableError : it is no mapping of names to analyses; the message says what to pass.
    """
    from capi2kit.questions.alike import one_line
    from capi2kit.questions.alike import side_by_side as together

    wholes = analyses_of(analyses, call="c2.side_by_side")
    return together(
        one_line(name, findings=one.findings, waits=one.waits, events=one.case.events) for name, one in wholes.items()
    )


def list_verdicts(case: Case, *, at: str | pd.Timestamp | None = None) -> pd.DataFrame:
    """Whether the trust lists of a case are good: who signed them, until when, and whether the issuers are at hand.

    Parameters
    ----------
    case : what `load` returned, of lists (.cab, .stl, .sst) with or without certificates beside them.
    at : judge at this moment (UTC, if it names no zone); without one, whenever a verdict changes.

    Returns
    -------
    list_verdicts : DataFrame
        One row per list, and per change of its verdict if `at` is not given, in the columns of table `list_verdicts`.

    Raises
    ------
    TableError : it is no case; the message says what to pass.
    ValueError : `at` is no time.
    """
    from capi2kit.questions.list_history import list_verdicts as ask

    whole = case_of(case)
    moment = None if at is None else pd.Timestamp(at)
    return ask(whole.trust_lists, whole.certificates, sources=whole.sources, at=moment)
