"""Analysis: a case and everything derived from it; `analyse` is the steps in order.

The headline says in one sentence where the seconds went, and no more than the
tables support: how many, which process, which account, which server, and
whether anything failed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from html import escape

import pandas as pd

from capi2kit import words
from capi2kit.case import Case
from capi2kit.diagnosis.costs import weigh
from capi2kit.diagnosis.rules import Rule, diagnose, rules
from capi2kit.knowledge import account, operations_where, trust_columns
from capi2kit.spans import build_spans
from capi2kit.startups import GAP_S, attribute_delays, draw_ledger, find_startups, mark_startups, mark_waits
from capi2kit.startups.clocks import correct_events, measure_clocks
from capi2kit.startups.cross_checks import confirm_drops, confirm_spans
from capi2kit.startups.outer_interval import frame_startups
from capi2kit.waits import correct_spans, recover_waits
from capi2kit.words import count, listed

# the tables of a case that rules may ask
_READ = ("events", "steps", "chain", "certificates", "coverage", "cache_entries", "settings")


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
    confirmations: pd.DataFrame
    clocks: pd.DataFrame

    def _repr_html_(self) -> str:
        return f"<p><b>{escape(headline(self))}</b></p>{self.startups.to_html(index=False, escape=True)}"


def analyse(
    case: Case,
    *,
    gap_s: float = GAP_S,
    correct_clocks: bool = False,
    more_rules: tuple[Rule, ...] = (),
    progress: Callable[[str], None] | None = None,
) -> Analysis:
    """Derive spans, waits, delays, start-ups and ledger from a case.

    `gap_s`: silence that ends a start-up. `correct_clocks`: show all times as a right clock would have shown them, as
    far as servers sent theirs. `more_rules`: asked besides the rules of capi2kit. `progress` is called with the name of each step.
    Raises TableError if the case's tables were altered.
    """
    tell = progress or (lambda step: None)
    if correct_clocks:
        tell("measuring the clocks")
        logged = build_spans(case.events)
        clocks = measure_clocks(recover_waits(logged, case.events, steps=case.steps))
        case = replace(case, events=correct_events(case.events, clocks))
    tell("pairing start and stop records")
    logged = build_spans(case.events)
    tell("recovering the true waits")
    waits = confirm_drops(recover_waits(logged, case.events, steps=case.steps), case.events)
    spans = correct_spans(logged, waits)
    tell("measuring start-ups")
    startups = find_startups(spans, waits, coverage=case.coverage, gap_s=gap_s)
    startups = frame_startups(startups, case.events, settings=case.settings, gap_s=gap_s)
    ledger = draw_ledger(startups, spans, waits=waits)
    delays = attribute_delays(spans)
    spans, waits = mark_startups(spans, startups), mark_waits(waits, startups)
    confirmed, clocks = confirm_spans(spans, case.events), measure_clocks(waits)
    tell("looking for causes")
    derived = {"spans": spans, "waits": waits, "delays": delays, "startups": startups, "clocks": clocks}
    read = {name: getattr(case, name) for name in _READ}
    findings = weigh(
        diagnose(read | derived, asked=(*rules(), *more_rules)), spans=spans, waits=waits, startups=startups
    )
    return Analysis(case, spans, waits, delays, startups, ledger, findings, confirmed, clocks)


def headline(analysis: Analysis) -> str:
    """One sentence: seconds, process, account, server, and whether anything failed."""
    spans, waits = analysis.spans, analysis.waits
    if waits.empty:
        return _nothing_waited(analysis)
    startups = analysis.startups[analysis.startups["waiting_wall_s"] > 0]
    worst = startups.sort_values(["waiting_wall_s", "wall_s"], ascending=False, kind="stable").head(1)
    if worst.empty:
        processes = waits.groupby(["host", "process", "pid"], dropna=False).ngroups
        among = "one process" if processes == 1 else f"{processes} processes"
        subject = f"{among} waited {words.at_most(waits['high_s'].sum())} in all for the network"
        inside, retrievals = waits, count(len(waits), "retrieval")
    else:
        row = worst.iloc[0]
        inside = waits[waits["startup"].eq(row["startup"]).fillna(False)]
        cut = row["start_from"] == "log begins"
        wall = (
            f"{words.seconds(row['wall_s'])} that the log has of it" if cut else f"first {words.seconds(row['wall_s'])}"
        )
        pid = "not logged" if pd.isna(row["pid"]) else row["pid"]
        subject = f"{row['process']} (PID {pid} on {row['host']}) spent {words.waited(row)} of the {wall} waiting for the network"
        shown = "" if len(inside) == row["waits"] else f"{len(inside)} of "
        retrievals = f"{shown}{count(row['waits'], 'retrieval')}"
    unknown = int((inside["quality"] == "unknown").sum())
    hedge = f" ({unknown} of unknown length)" if unknown else ""
    return f"{subject}: {retrievals}{hedge} {_who_and_where(inside)}; {_how_it_ended(inside, spans)}."


def _nothing_waited(analysis: Analysis) -> str:
    spans = analysis.spans
    if spans.empty:
        if analysis.case.events.empty:
            return "No event in what was read: nothing to time."
        events = count(len(analysis.case.events), "event")
        return f"{events}, but no certificate check with start and stop among them; nothing to time."
    text = f"No finished network retrieval among {count(len(spans), 'logged operation')}"
    hanging = spans["operation"].isin(operations_where(wire=True)) & (spans["state"] == "no stop")
    if hanging.any():
        text += f", but {int(hanging.sum())} began and did not end in this log"
    failed = int(_wrong(spans).sum())
    return f"{text}; {failed} of them did not succeed." if failed else f"{text}."


def _who_and_where(waits: pd.DataFrame) -> str:
    names = [f"{sid} ({account(sid)[1]})" if account(sid)[1] else sid for sid in waits["user_sid"].dropna().unique()]
    hosts = waits.groupby("url_host")["high_s"].sum().sort_values(ascending=False).index.tolist()
    where = listed(hosts, "server") or "a server that the log does not name"
    return f"from {where} as {listed(names, 'account') or 'an account that the log does not name'}"


def _how_it_ended(waits: pd.DataFrame, spans: pd.DataFrame) -> str:
    failed = waits["outcome"].ne("ok") & waits["outcome"].notna()
    around = spans[spans["root"].isin(spans.loc[spans["span"].isin(waits["span"]), "root"])]
    wrong, untold = int(_wrong(around).sum()), int(around["result"].isna().sum())
    errors = [name for name in trust_columns() if around[name].fillna(False).any()]
    if failed.any():
        words = [f"{times} × {word}" for word, times in waits.loc[failed, "outcome"].value_counts().items()]
        many = "all" if failed.all() and len(failed) > 1 else "it" if failed.all() else f"{int(failed.sum())} of them"
        end = f"{many} failed ({', '.join(words)})"
    elif wrong:
        known = "failed" if waits["outcome"].notna().all() else "is known to have failed"
        end = f"no retrieval {known}, but {count(wrong, 'check')} around them did"
    elif errors:
        end = f"every result is 0, but there are chains with errors ({', '.join(errors)})"
    elif untold:
        end = f"no logged result is a failure, but {count(untold, 'operation')} logged none"
    else:
        end = "nothing failed (every result is 0)"
    lookups = int(waits["wpad_failures"].fillna(0).sum())
    unsaved = int(waits["cache_write_failed"].fillna(False).sum())
    if lookups:
        end += f", but the search for a proxy (WPAD) failed {count(lookups, 'time')} inside them"
    if unsaved:
        end += f", but {count(unsaved, 'answer')} could not be stored, so the next process asks again"
    return end


def _wrong(spans: pd.DataFrame) -> pd.Series:
    return spans["result"].ne(0).fillna(False).astype(bool)
