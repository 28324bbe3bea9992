"""Opening: the section that every text begins with: the answer in sentences, and what it is based on."""

from __future__ import annotations

from capi2kit import words
from capi2kit.analysis import Analysis
from capi2kit.knowledge.providers import lane_of_checks, lanes_of
from capi2kit.questions import sentences
from capi2kit.questions.answer import WELL, Answer
from capi2kit.questions.cautions import cautions, zone
from capi2kit.render.parts import Section


def answer(analysis: Analysis, found: Answer, *, tz: str = "UTC") -> Section:
    """The headline, the figures behind it, the first step, how sure; the zone and the evidence."""
    case = analysis.case
    said = sentences.headline(found, case=case, findings=analysis.findings)
    texts = [
        said,
        "" if found.verdict == WELL and not said.startswith("Healthy") else sentences.figures(found),
        " ".join(sentences.first_step(found)),
        f"How sure: {sentences.how_sure(found)}" if found.charges else "",
        *cautions(case, tz=tz),
        zone(case, tz=tz),
        based_on(analysis),
    ]
    return Section("answer", "The answer", list(dict.fromkeys(filter(None, texts))))


def based_on(analysis: Analysis) -> str:
    """How many files and events there are, and what is lost."""
    sources = analysis.case.sources
    lost = int(sources["lost"].sum())
    verdicts = ", ".join(sorted(set(analysis.case.coverage["verdict"])))
    counts = lanes_of(analysis.case.events).value_counts()
    checks = int(counts.get(lane_of_checks(), 0))
    others = len(analysis.case.events) - checks
    entries = "1 entry" if others == 1 else f"{others} entries"
    other = f"{entries} of other logs, " if others else ""
    read = f"{words.count(len(sources), 'file')}, {words.count(checks, 'CAPI2 event')}"
    return (
        f"Evidence: {read}, {other}{lost or 'no'} record{'s' * (lost != 1)} lost. Coverage: {verdicts or 'no events'}."
    )
