"""Selection: an analysis narrowed to a time range, process, pid or computer.

Durations are not recomputed: the length of a wait does not depend on what is
shown. A row is kept if it *begins* inside [start, stop).
"""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from capi2kit.analysis import Analysis
from capi2kit.columns.cells import numbers_in
from capi2kit.startups import attribute_delays


def narrow(
    analysis: Analysis,
    *,
    start: pd.Timestamp | None = None,
    stop: pd.Timestamp | None = None,
    process: str | None = None,
    pid: int | None = None,
    host: str | None = None,
) -> Analysis:
    """Keep what begins in [start, stop) and belongs to the process (name), pid and host (name, any case).

    Start-ups and their ledger are kept or left whole; delays are summed again. Returns a new Analysis.
    """
    if not any(value is not None for value in (start, stop, process, pid, host)):
        return analysis

    def kept(table: pd.DataFrame, time: str) -> pd.DataFrame:
        keep = pd.Series(True, index=table.index)
        if start is not None:
            keep &= table[time] >= start
        if stop is not None:
            keep &= table[time] < stop
        for column, wanted in (("process", process), ("host", host)):
            if wanted is not None:
                keep &= (table[column].str.lower() == wanted.lower()).fillna(False).astype(bool)
        if pid is not None:
            keep &= (table["pid"] == pid).fillna(False).astype(bool)
        return table[keep]

    events = kept(analysis.case.events.reset_index(), "time")
    startups = kept(analysis.startups, "start")
    spans = kept(analysis.spans, "start")
    parts = {name: getattr(analysis.case, name) for name in ("steps", "chain", "certificates")}
    parts = {name: table[table["event"].isin(events["event"]) | table["event"].isna()] for name, table in parts.items()}
    case = replace(analysis.case, events=events.set_index(["task_id", "process"]), **parts)
    ledger = analysis.ledger[analysis.ledger["startup"].isin(startups["startup"])]
    waits = kept(analysis.waits, "start")
    parts = {"spans": spans, "waits": waits, "delays": attribute_delays(spans), "startups": startups, "ledger": ledger}
    return replace(analysis, case=case, findings=_cited(analysis.findings, set(events["event"]), host=host), **parts)


def _cited(findings: pd.DataFrame, events: set[int], *, host: str | None) -> pd.DataFrame:
    """The findings that are based on at least one of these events; those that cite none (on the log itself) by their computer.

    Their costs and texts stay those of the whole analysis: a finding does not depend on what is shown.
    """
    rests = [
        not events.isdisjoint(numbers_in(cited))
        if isinstance(cited, str)
        else host is None or str(where).lower() == host.lower()
        for cited, where in zip(findings["evidence"], findings["host"], strict=True)
    ]
    return findings[pd.array(rests, dtype="boolean")]
