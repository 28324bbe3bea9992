"""Analysis: a case and everything derived from it; `analyse` is the steps in order.

The headline says in one sentence where the seconds went, and no more than the
tables support: how many, which process, which account, which server, and
whether anything failed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from weakref import ref

import pandas as pd

from capi2kit.case import Case
from capi2kit.diagnosis.certainty import judge
from capi2kit.diagnosis.costs import weigh
from capi2kit.diagnosis.names import name_findings
from capi2kit.diagnosis.rules import Rule, diagnose, rules
from capi2kit.given import analysis_of, case_of
from capi2kit.questions import sentences
from capi2kit.questions.answer import Answer, answer
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

_LAST: list[tuple[ref[Analysis], Answer]] = []  # the analysis that was asked last, and its answer


@dataclass(frozen=True, repr=False)
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
        from capi2kit.render.notebook.cards import card

        return card(self)._repr_html_()

    def __repr__(self) -> str:
        from capi2kit.render.notebook.cards import card

        return repr(card(self))


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
    TableError : it is no case, or its tables were altered; the message says what to pass.
    """
    case = case_of(case)
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
    """What the analysis comes down to, in one or two sentences: the cause, what it costs, and who waits.

    Parameters
    ----------
    analysis : what `analyse` returned.

    Returns
    -------
    str : no more than the tables support, each duration with its bounds. Where nothing is wrong, a verdict.

    Raises
    ------
    TableError : `analysis` is no analysis; the message says what to pass.
    """
    analysis = analysis_of(analysis)
    return sentences.headline(answer_of(analysis, effects=False), case=analysis.case, findings=analysis.findings)


def answer_of(analysis: Analysis, *, effects: bool = True) -> Answer:
    """The answer to one analysis; see `questions.answer`. The last one is remembered: a notebook asks for it as HTML and as text."""
    if effects and _LAST and _LAST[-1][0]() is analysis:
        return _LAST[-1][1]
    tables = {name: getattr(analysis, name) for name in ("spans", "waits", "startups")}
    found = answer(analysis.findings, **tables, effects=effects)
    if effects:
        _LAST[:] = [(ref(analysis), found)]
    return found
