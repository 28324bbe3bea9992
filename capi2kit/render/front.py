"""Front: the first page of a report: what is wrong, what it costs, what to do, how sure; the parts of it, before they get a form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from capi2kit import words
from capi2kit.analysis import Analysis
from capi2kit.diagnosis.fixes import KINDS, fixes
from capi2kit.diagnosis.names import merged, names_in
from capi2kit.diagnosis.rules import rules
from capi2kit.diagnosis.steps import PS, SENTENCE, Step, filled
from capi2kit.questions import sentences
from capi2kit.questions.answer import HARMLESS, MINOR, WELL, WRONG, Answer, Charge
from capi2kit.questions.cautions import cautions
from capi2kit.questions.whatif import TOGETHER
from capi2kit.render.parts import Line
from capi2kit.render.ticket import TEAMS

_FINDINGS, _BARS, _STEPS = 6, 5, 5  # at most
_SHORT_S = 0.1  # a start-up shorter than this is no story, where something is wrong
_BARS_NOTE = (
    "The first remedy comes first, then those that save most. A workaround may save more than a cure, and leave the "
    "cause as it is."
)
HEADS = ("of this start", "program", "how sure")
_TITLES = {WRONG: "Do this first", MINOR: "Not urgent", HARMLESS: "What to do"}


@dataclass(frozen=True)
class Tile:
    """A figure in large letters and what it is."""

    value: str
    text: str


@dataclass(frozen=True)
class Stretch:
    """A bar of the wall time: its parts in per cent with their kind, and what it says at its end."""

    title: str
    parts: list[tuple[str, float, str]]
    value: str


@dataclass(frozen=True)
class Finding:
    """A line of the list of findings."""

    severity: str
    title: str
    cost: str
    who: str
    sure: str
    events: list[int]


@dataclass(frozen=True)
class Front:
    """The first page. `about`: computers, time and files; `lead`: the figures behind the headline; `heads`: of the columns of the findings
    behind the first two; `linked`: whether the report has a card for each of them."""

    about: str
    headline: str
    severity: str
    lead: list[str]
    tiles: list[Tile]
    stretches: list[Stretch]
    key: list[tuple[str, str]]
    bars_note: str
    findings: list[Finding]
    note: str
    step_title: str
    step: str
    step_id: str
    steps: list[tuple[str, list[Line]]] = field(default_factory=list)
    cautions: list[str] = field(default_factory=list)
    heads: tuple[str, ...] = HEADS
    linked: bool = True


def front(analysis: Analysis, answer: Answer, *, tz: str = "UTC", plain: bool = False, servers: str = "") -> Front:
    """The first page of a report on one analysis. `plain`: it begins with the answer for a person who is no expert. `servers`: where the
    report lists all servers."""
    case = analysis.case
    named = answer.charges[: answer.named]
    inferred = [words.inferred(analysis.findings["inferred"].iloc[one.cause.rows[0]]).strip() for one in named]
    return Front(
        about=_about(analysis, tz=tz),
        headline=sentences.headline(answer, case=case, findings=analysis.findings),
        severity=named[0].cause.severity if named else "none",
        lead=[
            text
            for text in (sentences.plainly(answer) if plain else "", sentences.figures(answer), *inferred[:1])
            if text
        ],
        tiles=list(_tiles(answer, events=len(case.events))),
        stretches=(bars := _stretches(answer)),
        key=_key(bars),
        bars_note=_BARS_NOTE if len(bars) > 2 else "",
        findings=[_finding(one, analysis.findings) for one in answer.charges[:_FINDINGS]],
        note=_note(answer),
        step_title=_TITLES.get(answer.verdict, ""),
        step=" ".join(sentences.first_step(answer)),
        step_id=answer.first.id if answer.first else "",
        steps=_steps(answer, servers=servers),
        cautions=[*cautions(case, tz=tz)],
    )


def _about(analysis: Analysis, *, tz: str) -> str:
    """Computers, from when to when, files."""
    events = analysis.case.events
    named = sorted(events["host"].dropna().unique(), key=len, reverse=True)
    longer = [host for host in named if not any(other.startswith(f"{host}.") for other in named)]
    hosts = [words.visible(host) for host in sorted(longer)]
    files = words.count(len(analysis.case.sources), "file")
    times = events["time"].dropna()
    when = (
        [f"{words.moment(times.min(), tz, digits=0)} to {words.moment(times.max(), tz, digits=0)}"]
        if len(times)
        else []
    )
    return " · ".join([*([words.listed(hosts, "computer")] if hosts else []), *when, files])


def _tiles(answer: Answer, *, events: int) -> list[Tile]:
    named, found = answer.charges[: answer.named], answer.waiting
    tiles: list[Tile] = []
    costly = [one for one in named if one.startup]
    if costly:
        most = max(costly, key=lambda one: one.here_s)
        wall = most.startup["wall_s"] if most.startup else 0.0
        part = min(most.here_s / wall, 1.0) if wall else 0.0
        share = f", {'nearly all' if part > 0.994 else f'{part:.0%}'} of it" if wall else ""
        tiles.append(Tile(sentences.spent(most), f"lost per start of {words.seconds(wall)}{share}"))
    if answer.retrievals and len(found.waits):
        failed = sum(found.outcomes.values())
        kinds = ", ".join(f"{times} × {outcome}" for outcome, times in found.outcomes.items())
        tiles.append(Tile(f"{failed} of {len(found.waits)}", f"retrievals failed{f' ({kinds})' if kinds else ''}"))
    elif not events:
        tiles.append(Tile(f"{len(answer.charges)}", "findings; there is no event log"))
    elif not costly:
        what = words.count(events, "event").partition(" ")[2]
        tiles.append(Tile(f"{events:,}", f"{what} in the log; {words.count(answer.operations, 'operation')}"))
    if sentences.after(answer) and answer.effect:
        tiles.append(Tile(sentences.left(answer.effect), "the start after the first remedy"))
    if named:
        cause = named[0].cause
        tiles.append(Tile(cause.certainty.capitalize(), f"of the first finding: {words.visible(cause.because)}"))
    else:
        tiles.append(Tile(f"0 of {len(rules())}", "rules found something"))
    return tiles


def _stretches(answer: Answer) -> list[Stretch]:
    """The start-up as logged, and with each of the remedies that save most."""
    row = answer.startup
    if row is None or not row["wall_s"] > (0 if answer.verdict == WELL else _SHORT_S):
        return []
    wall, ended = float(row["wall_s"]), answer.waiting
    kind = "waiting" if ended.outcomes else "searched" if ended.failed_lookups else "answered"
    parts = [(kind, row["waiting_wall_s"]), ("checking", row["checking_s"]), ("rest", row["unexplained_s"])]
    names = {kind: "waiting for the network", "checking": "checking", "rest": "the program itself (unexplained)"}
    logged = [
        (kind, 100 * seconds / wall, f"{names[kind]} {words.seconds(seconds)}")
        for kind, seconds in parts
        if seconds > 0
    ]
    bars = [Stretch("As logged", logged, words.seconds(wall))]
    effects = answer.effects
    if len(effects):
        alone = effects[(effects["fix"] != TOGETHER) & effects["wall_after_s"].notna() & (effects["saved_s"] > 0.05)]
        first = answer.first.id if answer.first else ""
        ordered = sorted(alone.to_dict("records"), key=lambda effect: (effect["fix"] != first, -effect["saved_s"]))
        bars += [_effect(effect, wall=wall) for effect in ordered[:_BARS]]
    return bars


def _key(bars: list[Stretch]) -> list[tuple[str, str]]:
    """What the colours of the bars mean."""
    known = [(kind, text) for kind, _, text in (bars[0].parts if bars else [])]
    return known + ([("after", "with this remedy alone"), ("unsure", "at most")] if len(bars) > 1 else [])


def _effect(effect: dict[Any, Any], *, wall: float) -> Stretch:
    left, most = float(effect["wall_after_s"]), min(wall - float(effect["low_s"]), wall)
    parts = [("after", 100 * left / wall, f"about {words.seconds(left)}")]
    if most > left:
        parts.append(("unsure", 100 * (most - left) / wall, f"at most {words.seconds(most)}"))
    known = fixes().get(effect["fix"])
    kind = f" ({known.kind})" if known and known.kind != KINDS[0] else ""
    return Stretch(f"{effect['title']}{kind}", parts, sentences.left(effect))


def _names(charge: Charge, findings: pd.DataFrame) -> str:
    """The programs that a finding without a start-up is about; nothing if it names none."""
    named = merged(names_in(text) for text in findings["names"].iloc[list(charge.cause.rows)])["process"]
    return words.listed([words.visible(name) for name in named], "program")


def _finding(charge: Charge, findings: pd.DataFrame) -> Finding:
    cause, row = charge.cause, charge.startup
    cost = sentences.cost_of_start(charge)
    cost += ", the same seconds" if charge.shares and row is not None else ""
    who = sentences.place(row, host=len(cause.hosts) != 1) if row is not None else _names(charge, findings)
    computers = words.listed([words.visible(host) for host in cause.hosts], "computer") if len(cause.hosts) > 1 else ""
    return Finding(
        cause.severity, cause.title, cost, who or computers or words.ABSENT, cause.certainty, list(cause.evidence)
    )


def _note(answer: Answer) -> str:
    more = len(answer.charges) - _FINDINGS
    silent = {rule.id for rule in rules()} - {one.cause.rule for one in answer.charges}
    texts = [f"{words.count(more, 'more finding')} below."] if more > 0 else []
    if any(one.shares for one in answer.charges):
        texts.append("Findings that say “the same seconds” look at one wait from different sides: do not add them up.")
    texts.append(f"{len(silent)} other kinds of problem were looked for and not found.")
    return " ".join(texts)


def lines_of(steps: list[Step]) -> Iterator[Line]:
    """Steps as lines; before the first one for PowerShell a sentence that says so."""
    said = False
    for step in steps:
        if step.kind == PS and not said:
            said = True
            yield Line("In PowerShell:")
        yield Line(words.visible(step.text), command=step.kind != SENTENCE)


def _steps(answer: Answer, *, servers: str) -> list[tuple[str, list[Line]]]:
    """The first remedy's lines with the names of this log: what to do, how to check and to undo it, its risk."""
    fix = answer.first
    if fix is None:
        return []
    asks = any("{server" in step.text for step in fix.commands)
    where = f" All servers: {servers}." if servers and asks and len(answer.names["server"]) > 1 else ""
    parts = [("", [Line(f"For {TEAMS[fix.team]}.{where}")])]
    for title, steps in (("", fix.commands), ("Check", fix.check), ("Undo", fix.undo)):
        parts.append((title, list(lines_of(list(filled(steps, answer.names))[: _STEPS if not title else 2]))))
    return [*parts, ("Risk", [Line(fix.risk)])]
