"""Asking: the questions of `questions`, put to an analysis: each takes the whole of it (or the table it needs) and gives a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from capi2kit.given import analysis_of, table_of

if TYPE_CHECKING:
    from capi2kit.analysis import Analysis

_SHARE = 0.99


def whatif(analysis: Analysis, *, servers: tuple[str, ...] = ()) -> pd.DataFrame:
    """What each remedy of the findings would save in each start-up, alone and together.

    Parameters
    ----------
    analysis : what `analyse` returned.
    servers : the remedies are for these servers only (names as in `url_host`); all if empty.

    Returns
    -------
    whatif : DataFrame
        One row per remedy and start-up that it changes, in the columns of table `whatif`; durations in s. `saved_s` lies
        between `low_s` and `high_s`. All remedies together come first, then those that save most.

    Raises
    ------
    TableError : `analysis` is no analysis; the message says what to pass.
    """
    from capi2kit.questions.whatif import whatif as ask

    whole = analysis_of(analysis)
    return ask(whole.findings, spans=whole.spans, waits=whole.waits, startups=whole.startups, servers=servers)


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
