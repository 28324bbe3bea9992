"""Causes: the sections that say what is broken, what only looks broken, and what each remedy would save."""

from __future__ import annotations

from capi2kit import words
from capi2kit.analysis import Analysis
from capi2kit.diagnosis.fixes import fixes_of
from capi2kit.questions import sentences
from capi2kit.questions.answer import Answer, Charge
from capi2kit.questions.tickets import lines_cited
from capi2kit.render.parts import Chart, Column, Section, Table, drawn

_MOST = 20
_SEEN = 3  # findings of one rule of which is said what was seen
_LINES = 5  # lines of one file that are named one by one


def findings(analysis: Analysis, answer: Answer) -> Section | None:
    """What was found, the leading causes first; None if no rule fired."""
    if not answer.charges:
        return None
    shown = answer.charges[:_MOST]
    columns = [
        Column("severity", badge=True),
        Column("finding", long=True),
        Column("of the start"),
        Column("start of", spare=1),
        Column("all together", spare=2),
        Column("first remedy", long=True),
        Column("seen and inferred", prose=True, brief=False),
    ]
    rows = [_row(charge, analysis) for charge in shown]
    more = f" {len(answer.charges) - len(shown)} more are not shown." if len(answer.charges) > len(shown) else ""
    prose = [
        "“Of the start”: what it costs the start-up named beside it, each moment once. “All together”: all waits that the finding is "
        f"about, in all processes and threads, added up. Where findings look at the same seconds, that is said; such "
        f"seconds must not be added.{more}"
    ]
    return Section(
        "findings", "The findings in detail", prose, Table(columns, rows, [_cited(one, analysis) for one in shown])
    )


def _cited(charge: Charge, analysis: Analysis) -> list[int]:
    """The events behind a finding, those of the start-up that is named beside it first."""
    events = list(charge.cause.evidence)
    if charge.startup is None:
        return events
    waits = analysis.waits
    mine = set(waits.loc[waits["startup"].eq(charge.startup["startup"]).fillna(False).to_numpy(bool), "event"])
    return sorted(events, key=lambda event: event not in mine)


def _row(charge: Charge, analysis: Analysis) -> list[str]:
    cause, row = charge.cause, charge.startup
    first = next((fix.title for fix in fixes_of(cause.fixes)), words.ABSENT)
    cost = words.ABSENT if row is None else sentences.cost_of_start(charge)
    cost += " (the same seconds)" if charge.shares and row is not None else ""
    bounds = {"low": cause.low_s, "high": cause.high_s, "quality": "bounded"}
    together = words.duration(cause.cost_s, **bounds) if cause.cost_s > 0 else words.ABSENT
    who = words.ABSENT if row is None else words.with_pid(row["process"], row["pid"])
    return [cause.severity, sentences.titled(cause), cost, who, together, first, _said(charge, analysis)]


def _said(charge: Charge, analysis: Analysis) -> str:
    """What was seen and in which lines, what follows from it, and how sure that is."""
    rows = analysis.findings.iloc[list(charge.cause.rows)]
    seen = [words.visible(text) for text in rows["finding"]]
    more = f" (and {words.count(len(seen) - _SEEN, 'more finding')} like this)" if len(seen) > _SEEN else ""
    inferred = "".join(dict.fromkeys(words.inferred(text) for text in rows["inferred"]))
    sure = f"{charge.cause.certainty.capitalize()}: {words.visible(charge.cause.because)}."
    names = analysis.case.sources.set_index("source")["path"]
    places = [
        f"{words.file_name(names[source])}, {words.numbered(lines, 'line', most=_LINES)}"
        for source, lines in lines_cited(rows).items()
    ]
    where = f" ({'; '.join(places[:_SEEN])})" if places else ""
    return f"Seen: {'; '.join(seen[:_SEEN])}{more}{where}.{inferred} {sure}"


def savings(analysis: Analysis, answer: Answer) -> Section | None:
    """What each remedy would save in the start-up that the answer is about; None if nothing can be calculated."""
    effects, row = answer.effects, answer.startup
    if effects.empty or row is None:
        return None
    chosen = effects.sort_values("saved_s", ascending=False, kind="stable")
    columns = [Column("remedy", long=True), Column("saved", number=True)]
    columns += [Column(name, number=True, spare=2) for name in ("at least", "at most")]
    columns += [Column("start takes then", number=True), Column("retrievals then", number=True, spare=1)]
    rows = [
        [
            row["title"], words.seconds(row["saved_s"]), words.saved_at_least(row["low_s"]), words.seconds(row["high_s"]),
            words.seconds(row["wall_after_s"]),
            str(row["waits_after"]),
        ]
        for row in chosen.to_dict("records")
    ]  # fmt: skip
    prose = [
        f"For {sentences.place(row)}, whose start took {words.seconds(row['wall_s'])}: its retrievals replayed with each remedy in place. "
        "Fetched objects stay cached. Time saved on one URL partly goes to the next URL of its chain, so savings do not add up. A remedy "
        "by which checks are no longer made saves the time of these checks, too."
    ]
    chart = Chart(
        "savings",
        "The start-up without its causes, and with each remedy",
        drawn("plot_savings", analysis, found=answer),
    )
    return Section("savings", "What each remedy would save", prose, Table(columns, rows), [chart])
