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
from capi2kit.diagnosis.certainty import judge
from capi2kit.diagnosis.costs import weigh
from capi2kit.diagnosis.names import name_findings
from capi2kit.diagnosis.rules import Rule, diagnose, rules
from capi2kit.questions.answer import Answer, answer, failures_in, unfinished
from capi2kit.spans import build_spans
from capi2kit.startups import GAP_S, attribute_delays, draw_ledger, find_startups, mark_startups, mark_waits
from capi2kit.startups.clocks import correct_events, measure_clocks
from capi2kit.startups.cross_checks import confirm_drops, confirm_spans
from capi2kit.startups.outer_interval import frame_startups
from capi2kit.startups.parts import parts_of
from capi2kit.waits import correct_spans, recover_waits
from capi2kit.waits.doubts import doubts_of
from capi2kit.waits.objects import tell_objects

# the tables of a case that rules may ask
_READ = ("events", "steps", "chain", "certificates", "coverage", "cache_entries", "verifications", "settings")


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

    Parameters
    ----------
    case : what `load` returned.
    gap_s : silence (s) that ends a start-up.
    correct_clocks : show all times by a correct clock, as far as servers sent their dates.
    more_rules : rules to ask besides those of capi2kit.
    progress : called with the name of each step.

    Returns
    -------
    Analysis : the case and the tables made of it; nothing of the case is changed.

    Raises
    ------
    TableError : the case's tables were altered.
    """
    report_step = progress or (lambda step: None)
    if correct_clocks:
        report_step("measuring the clocks")
        logged = build_spans(case.events, steps=case.steps)
        clocks = measure_clocks(recover_waits(logged, case.events, steps=case.steps))
        case = replace(case, events=correct_events(case.events, clocks))
    report_step("pairing start and stop records")
    logged = build_spans(case.events, steps=case.steps)
    report_step("recovering the true waits")
    waits = confirm_drops(recover_waits(logged, case.events, steps=case.steps), case.events)
    spans = correct_spans(logged, waits)
    beside = {"certificates": case.certificates, "cache_entries": case.cache_entries}
    waits = tell_objects(waits, events=case.events, spans=spans, **beside)
    report_step("measuring start-ups")
    parts = parts_of(spans, waits)
    startups = find_startups(spans, waits, coverage=case.coverage, gap_s=gap_s, parts=parts)
    startups = frame_startups(startups, case.events, settings=case.settings, gap_s=gap_s)
    ledger = draw_ledger(startups, spans, waits=waits, parts=parts)
    delays = attribute_delays(spans)
    spans, waits = mark_startups(spans, startups), mark_waits(waits, startups)
    confirmed, clocks = confirm_spans(spans, case.events), measure_clocks(waits)
    if len(doubts := doubts_of(spans, waits, events=case.events)):
        case = replace(case, problems=pd.concat([case.problems, doubts], ignore_index=True))
    report_step("looking for causes")
    derived = {"spans": spans, "waits": waits, "delays": delays, "startups": startups, "clocks": clocks}
    read = {name: getattr(case, name) for name in _READ}
    found = weigh(diagnose(read | derived, asked=(*rules(), *more_rules)), spans=spans, waits=waits, startups=startups)
    found = judge(found, waits=waits, coverage=case.coverage)
    findings = name_findings(found, events=case.events, waits=waits, spans=spans, startups=startups)
    return Analysis(case, spans, waits, delays, startups, ledger, findings, confirmed, clocks)


def headline(analysis: Analysis) -> str:
    """One sentence: seconds, process, account, server, and whether anything failed.

    Parameters
    ----------
    analysis : what `analyse` returned.

    Returns
    -------
    str : no more than the tables support, each duration with its bounds. Raises nothing.
    """
    if analysis.waits.empty:
        return _nothing_waited(analysis)
    found = answer(analysis.spans, analysis.waits, startups=analysis.startups)
    if found.startup is None:
        among = "one process" if found.processes == 1 else f"{found.processes} processes"
        most = words.at_most(found.waits["high_s"].sum())
        return f"{among} waited {most} in all for the network: {_retrievals(found)}; {_how_it_ended(found)}."
    row = found.startup
    cut = row["start_from"] == "log begins"
    wall = f"{words.seconds(row['wall_s'])} that the log has of it" if cut else f"first {words.seconds(row['wall_s'])}"
    who = f"{row['process']} (PID {'not logged' if pd.isna(row['pid']) else row['pid']} on {row['host']})"
    waited = f"spent {words.waited(row)} of the {wall} waiting for the network"
    return f"{who} {waited}: {_retrievals(found)}; {_how_it_ended(found)}."


def _retrievals(found: Answer) -> str:
    """How many, of how many, from where and as whom."""
    inside, logged = len(found.waits), len(found.waits) if found.startup is None else int(found.startup["waits"])
    count = f"{'' if inside == logged else f'{inside} of '}{words.count(logged, 'retrieval')}"
    hedge = f" ({found.unknown} of unknown length)" if found.unknown else ""
    names = list(map(words.who, found.accounts))
    where = words.listed(found.servers, "server") or "a server that the log does not name"
    return f"{count}{hedge} from {where} as {words.listed(names, 'account') or 'an account that the log does not name'}"


def _how_it_ended(found: Answer) -> str:
    failed, all_said = sum(found.outcomes.values()), found.waits["outcome"].notna().all()
    if failed:
        kinds = ", ".join(f"{times} × {outcome}" for outcome, times in found.outcomes.items())
        every = "all" if failed > 1 else "it"
        end = f"{every if failed == len(found.waits) else f'{failed} of them'} failed ({kinds})"
    elif found.wrong:
        end = f"no retrieval {'failed' if all_said else 'is known to have failed'}"
        end += f", but {words.count(found.wrong, 'check')} around them did"
    elif found.trust_errors:
        end = f"every result is 0, but there are chains with errors ({', '.join(found.trust_errors)})"
    elif found.no_result:
        end = f"no logged result is a failure, but {words.count(found.no_result, 'operation')} logged none"
    else:
        end = "nothing failed (every result is 0)"
    if found.failed_lookups:
        end += f", but the search for a proxy (WPAD) failed {words.count(found.failed_lookups, 'time')} inside them"
    if found.unsaved:
        end += f", but {words.count(found.unsaved, 'answer')} could not be stored, so the next process asks again"
    return end


def _by_certutil(analysis: Analysis) -> str:
    """What evidence without an event log says: the chains that certutil checked."""
    chains = analysis.case.verifications
    if chains.empty:
        return "No event in what was read: nothing to time."
    failed = chains[chains["result"].fillna(0).ne(0) | chains["error_status"].fillna(0).ne(0)]
    what = f"No event log, but {words.count(len(chains), 'chain')} that certutil checked"
    if failed.empty:
        return f"{what}; none of them failed."
    codes = dict.fromkeys(words.code(code) for code in failed["result"].dropna() if code)
    why = f" ({words.listed(list(codes), 'code')})" if codes else ""
    return f"{what}; {len(failed)} failed{why}."


def _nothing_waited(analysis: Analysis) -> str:
    spans, events = analysis.spans, len(analysis.case.events)
    if spans.empty:
        if not events:
            return _by_certutil(analysis)
        found = words.count(events, "event")
        return f"{found}, but no certificate check with start and stop among them; nothing to time."
    text = f"No finished network retrieval among {words.count(len(spans), 'logged operation')}"
    if hanging := unfinished(spans):
        text += f", but {hanging} began and did not end in this log"
    failed = int(failures_in(spans).sum())
    return f"{text}; {failed} of them did not succeed." if failed else f"{text}."
