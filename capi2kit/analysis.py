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

from capi2kit.case import Case
from capi2kit.diagnosis.costs import weigh
from capi2kit.diagnosis.rules import Rule, diagnose, rules
from capi2kit.knowledge import account, operations_where, trust_columns
from capi2kit.spans import build_spans
from capi2kit.startups import GAP_S, attribute_delays, claim_waiting, draw_ledger, find_startups, mark_startups
from capi2kit.startups.clocks import correct_events, measure_clocks
from capi2kit.startups.cross_checks import confirm_drops, confirm_spans
from capi2kit.startups.outer_interval import frame_startups
from capi2kit.waits import correct_spans, recover_waits

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
    spans = mark_startups(spans, startups)
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
        subject = f"{among} waited up to {waits['high_s'].sum():.2f} s in all for the network"
        inside, count = waits, f"{_number(len(waits), 'retrieval')}"
    else:
        row = worst.iloc[0]
        inside = waits[_is_of(waits, row)]
        whole = row["start_from"] != "log begins"
        subject = (
            f"{row['process']} (PID {'not logged' if pd.isna(row['pid']) else row['pid']} on {row['host']}) spent "
            f"{claim_waiting(row, inside)} of the "
            f"{'first ' if whole else ''}{row['wall_s']:.2f} s {'' if whole else 'that the log has of it '}"
            "waiting for the network"
        )
        shown = "" if len(inside) == row["waits"] else f"{len(inside)} of "
        count = f"{shown}{_number(row['waits'], 'retrieval')}"
    unknown = int((inside["quality"] == "unknown").sum())
    hedge = f" ({unknown} of unknown length)" if unknown else ""
    return f"{subject}: {count}{hedge} {_who_and_where(inside)}; {_how_it_ended(inside, spans)}."


def _nothing_waited(analysis: Analysis) -> str:
    spans = analysis.spans
    if spans.empty:
        if analysis.case.events.empty:
            return "No event in what was read: nothing to time."
        events = _number(len(analysis.case.events), "event")
        return f"{events}, but no certificate check with start and stop among them; nothing to time."
    text = f"No finished network retrieval among {_number(len(spans), 'logged operation')}"
    hanging = spans["operation"].isin(operations_where(wire=True)) & (spans["state"] == "no stop")
    if hanging.any():
        text += f", but {int(hanging.sum())} began and did not end in this log"
    failed = int(_wrong(spans).sum())
    return f"{text}; {failed} of them did not succeed." if failed else f"{text}."


def _is_of(waits: pd.DataFrame, startup: pd.Series) -> pd.Series:
    """The waits that began in a start-up."""
    inside = (waits["start"] >= startup["start"]) & (waits["start"] <= startup["stop"])
    for column in ("host", "process", "pid"):
        same = waits[column].isna() if pd.isna(startup[column]) else waits[column].eq(startup[column])
        inside &= same.fillna(False).astype(bool)
    return inside


def _who_and_where(waits: pd.DataFrame) -> str:
    names = [f"{sid} ({account(sid)[1]})" if account(sid)[1] else sid for sid in waits["user_sid"].dropna().unique()]
    hosts = waits.groupby("url_host")["high_s"].sum().sort_values(ascending=False).index.tolist()
    where = _listed(hosts, "server") or "a server that the log does not name"
    return f"from {where} as {_listed(names, 'account') or 'an account that the log does not name'}"


def _how_it_ended(waits: pd.DataFrame, spans: pd.DataFrame) -> str:
    failed = waits["outcome"].ne("ok") & waits["outcome"].notna()
    around = spans[spans["root"].isin(spans.loc[spans["span"].isin(waits["span"]), "root"])]
    wrong, untold = int(_wrong(around).sum()), int(around["result"].isna().sum())
    errors = [name for name in trust_columns() if around[name].fillna(False).any()]
    if failed.any():
        words = [f"{count} × {word}" for word, count in waits.loc[failed, "outcome"].value_counts().items()]
        many = "all" if failed.all() and len(failed) > 1 else "it" if failed.all() else f"{int(failed.sum())} of them"
        end = f"{many} failed ({', '.join(words)})"
    elif wrong:
        known = "failed" if waits["outcome"].notna().all() else "is known to have failed"
        end = f"no retrieval {known}, but {_number(wrong, 'check')} around them did"
    elif errors:
        end = f"every result is 0, but there are chains with errors ({', '.join(errors)})"
    elif untold:
        end = f"no logged result is a failure, but {_number(untold, 'operation')} logged none"
    else:
        end = "nothing failed (every result is 0)"
    lookups = int(waits["wpad_failures"].fillna(0).sum())
    unsaved = int(waits["cache_write_failed"].fillna(False).sum())
    if lookups:
        end += f", but the search for a proxy (WPAD) failed {_number(lookups, 'time')} inside them"
    if unsaved:
        end += f", but {_number(unsaved, 'answer')} could not be stored, so the next process asks again"
    return end


def _wrong(spans: pd.DataFrame) -> pd.Series:
    return spans["result"].ne(0).fillna(False).astype(bool)


def _number(count: int, name: str) -> str:
    return f"{count} {name}{'' if count == 1 else 's'}"


def _listed(names: list[str], kind: str) -> str:
    more = f" and {_number(len(names) - 2, f'more {kind}')}" if len(names) > 2 else ""
    return (", " if more else " and ").join(names[:2]) + more
