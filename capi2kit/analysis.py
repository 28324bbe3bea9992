"""Analysis: a case and everything derived from it; `analyse` is the steps in order.

The headline says in one sentence where the seconds went, and no more than the
tables support: how many, which process, which account, which server, and
whether anything failed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape

import pandas as pd

from capi2kit.case import Case
from capi2kit.cells import empty
from capi2kit.corrections import correct_spans
from capi2kit.delays import attribute_delays
from capi2kit.knowledge import account
from capi2kit.spans import build_spans
from capi2kit.startups import GAP_S, draw_ledger, find_startups, mark_startups
from capi2kit.waits import recover_waits


@dataclass(frozen=True)
class Analysis:
    """A Case and the tables derived from it; see `data/columns.csv` for their columns."""

    case: Case
    spans: pd.DataFrame
    waits: pd.DataFrame
    delays: pd.DataFrame
    startups: pd.DataFrame
    ledger: pd.DataFrame
    findings: pd.DataFrame

    def _repr_html_(self) -> str:
        return f"<p><b>{escape(headline(self))}</b></p>{self.startups.to_html(index=False, escape=True)}"


def analyse(case: Case, *, gap_s: float = GAP_S, progress: Callable[[str], None] | None = None) -> Analysis:
    """Derive spans, waits, delays, start-ups and ledger from a case.

    `gap_s`: silence that ends a start-up. `progress` is called with the name of each step.
    Raises TableError if the case's tables were altered.
    """
    tell = progress or (lambda step: None)
    tell("pairing start and stop records")
    logged = build_spans(case.events)
    tell("recovering the true waits")
    waits = recover_waits(logged, case.events, steps=case.steps)
    spans = correct_spans(logged, waits)
    tell("measuring start-ups")
    startups = find_startups(spans, waits, gap_s=gap_s)
    ledger = draw_ledger(startups, spans, waits=waits)
    delays = attribute_delays(spans)
    return Analysis(case, mark_startups(spans, startups), waits, delays, startups, ledger, empty("findings"))


def headline(analysis: Analysis) -> str:
    """One sentence: seconds, process, account, server, and whether anything failed."""
    startups, waits = analysis.startups, analysis.waits
    if waits.empty:
        if analysis.spans.empty:
            return f"{len(analysis.case.events)} events, but no certificate check with start and stop among them; nothing to time."
        return f"No network wait in {len(analysis.spans)} logged operations: every check was answered by a cache or needed none."
    worst = startups.sort_values(["waiting_wall_s", "wall_s"], ascending=False, kind="stable").head(1)
    inside = waits
    if len(worst) and worst["waiting_wall_s"].iloc[0] > 0:
        row = worst.iloc[0]
        inside = waits[(waits["host"] == row["host"]) & (waits["pid"] == row["pid"]) & (waits["start"] <= row["stop"])]
        hedge = "" if row["other_wait_s"] == 0 else "up to "
        subject = (
            f"{row['process']} (PID {row['pid']} on {row['host']}) spent {hedge}{row['waiting_wall_s']:.2f} of the first "
            f"{row['wall_s']:.2f} s waiting for the network"
        )
    else:
        total = inside["high_s"].sum()
        subject = (
            f"{len(inside)} network waits of {inside['process'].nunique()} processes took up to {total:.2f} s in all"
        )
    return f"{subject}: {_who_and_where(inside)}; {_how_it_ended(inside, analysis.spans)}."


def _who_and_where(waits: pd.DataFrame) -> str:
    sids = [sid for sid in waits["user_sid"].dropna().unique()]
    names = [f"{sid} ({account(sid)[1]})" if account(sid)[1] else sid for sid in sids]
    hosts = waits.groupby("url_host")["high_s"].sum().sort_values(ascending=False).index.tolist()
    shown = " and ".join(hosts[:2]) + (f" and {len(hosts) - 2} more servers" if len(hosts) > 2 else "")
    who = ", ".join(names[:2]) + (f" and {len(names) - 2} more accounts" if len(names) > 2 else "")
    count = f"{len(waits)} retrieval{'s' if len(waits) != 1 else ''}"
    return f"{count} from {shown or 'a server that the log does not name'} as {who or 'an account that the log does not name'}"


def _how_it_ended(waits: pd.DataFrame, spans: pd.DataFrame) -> str:
    failed = waits[waits["outcome"].ne("ok").fillna(True)]
    lookups = int(waits["wpad_failures"].fillna(0).sum())
    unsaved = int(waits["cache_write_failed"].fillna(False).sum())
    if len(failed):
        words = ", ".join(
            f"{count} × {word}" for word, count in failed["outcome"].fillna("no result").value_counts().items()
        )
        end = f"{len(failed)} of them failed ({words})"
    else:
        checks = spans["root"].isin(spans.loc[spans["span"].isin(waits["span"]), "root"]) & spans["result"].ne(
            0
        ).fillna(False)
        wrong = int(checks.sum())
        end = (
            f"no retrieval failed, but {wrong} checks around them did"
            if wrong
            else "nothing failed (every result is 0)"
        )
    if lookups:
        end += f", but the search for a proxy (WPAD) failed {lookups} times inside them"
    if unsaved:
        end += f", but {unsaved} of the answers could not be stored, so the next process asks again"
    return end
