"""Remedies: the sections that say what would confirm a finding, and how each remedy is carried out, with the names of this log."""

from __future__ import annotations

from collections.abc import Iterable

from capi2kit import words
from capi2kit.analysis import Analysis
from capi2kit.diagnosis.fixes import KINDS, Fix, fixes_of
from capi2kit.diagnosis.names import merged, names_in
from capi2kit.diagnosis.steps import PS, SENTENCE, Names, Step, filled, read_steps
from capi2kit.render.parts import Card, Line, Section
from capi2kit.render.ticket import TEAMS


def confirmations(analysis: Analysis) -> Section | None:
    """What would confirm each finding, on the computer itself; None if nothing is to be confirmed."""
    found = analysis.findings.dropna(subset=["confirm"]).drop_duplicates("rule")
    if found.empty:
        return None
    cards = [
        Card(
            f"confirm-{row['rule']}",
            row["title"],
            row["severity"],
            [("run this", _lines(read_steps(row["confirm"].split("\n")), names=names_in(row["names"])))],
        )
        for row in found.to_dict("records")
    ]
    prose = [
        "A log shows what happened, not how a computer is set up. Run these lines on it to check whether a finding is right. "
        "Lines without a mark are for cmd.exe."
    ]
    return Section("confirm", "What would confirm it", prose, cards=cards)


def remedies(analysis: Analysis) -> Section | None:
    """The cards of all remedies that the findings name, each once, with the findings it is for."""
    wanted: dict[Fix, list[dict]] = {}
    for row in analysis.findings.to_dict("records"):
        for fix in fixes_of(row["fixes"]):
            wanted.setdefault(fix, []).append(row)
    if not wanted:
        return None
    cards = [_card(fix, against) for fix, against in sorted(wanted.items(), key=lambda one: KINDS.index(one[0].kind))]
    prose = [
        "Cures first, then workarounds, then common advice to avoid. Replace names in <angle brackets>. Lines without a mark are for "
        "cmd.exe, run as an administrator. `capi2kit remedy ID LOG` prints one of them ready for a ticket."
    ]
    return Section("remedies", "All remedies", prose, cards=cards)


def _card(fix: Fix, against: list[dict]) -> Card:
    """One remedy with its aspects."""
    names = merged(names_in(row["names"]) for row in against)
    aspects = [("against", [Line(title) for title in dict.fromkeys(row["title"] for row in against)])]
    aspects += [("what to do", _lines(fix.commands, names=names))]
    aspects += [("carried out by", [Line(TEAMS[fix.team])])]
    texts = (("for", fix.account), ("effect", fix.effect), ("risk", fix.risk), ("what it does not do", fix.does_not))
    aspects += [(aspect, [Line(text)]) for aspect, text in (*texts, ("versions", fix.versions))]
    aspects += [("how to check", _lines(fix.check, names=names)), ("how to undo", _lines(fix.undo, names=names))]
    return Card(fix.id, fix.title, fix.kind, aspects)


def _lines(steps: Iterable[Step], *, names: Names) -> list[Line]:
    lines = []
    for step in filled(steps, names):
        mark = "PowerShell: " if step.kind == PS else ""
        lines.append(Line(words.visible(f"{mark}{step.text}"), command=step.kind != SENTENCE))
        if step.warning and step.kind != SENTENCE:
            lines.append(Line(f"Before that: {step.warning}."))
    return lines
