"""Remedies: the sections that say what would confirm a finding, and how each remedy is carried out, with the names of this log."""

from __future__ import annotations

from collections.abc import Iterable

from capi2kit import words
from capi2kit.analysis import Analysis
from capi2kit.diagnosis.fixes import KINDS, Fix, fixes_of
from capi2kit.diagnosis.names import merged, names_in
from capi2kit.diagnosis.steps import PS, SENTENCE, Names, Step, filled, read_steps
from capi2kit.render.parts import Column, Section, Table


def confirmations(analysis: Analysis) -> Section | None:
    """What would confirm each finding, on the computer itself; None if nothing is to be confirmed."""
    found = analysis.findings.dropna(subset=["confirm"]).drop_duplicates("rule")
    if found.empty:
        return None
    rows = []
    for row in found.to_dict("records"):
        steps = filled(read_steps(row["confirm"].split("\n")), names_in(row["names"]))
        rows += [[row["title"] if not place else "", line] for place, line in enumerate(lines_of(steps))]
    prose = [
        "A log shows what happened, not how a computer is set up. Run these lines on it to check whether a finding is right. "
        "Lines without a mark are for cmd.exe."
    ]
    columns = [Column("finding", whole=True), Column("what would confirm it", long=True)]
    return Section("confirm", "What would confirm it", prose, Table(columns, rows))


def remedies(analysis: Analysis) -> Section | None:
    """The cards of all remedies that the findings name, each once, with the findings it is for."""
    wanted: dict[Fix, list[dict]] = {}
    for row in analysis.findings.to_dict("records"):
        for fix in fixes_of(row["fixes"]):
            wanted.setdefault(fix, []).append(row)
    if not wanted:
        return None
    cards = sorted(wanted.items(), key=lambda one: KINDS.index(one[0].kind))
    rows = [row for fix, against in cards for row in _card(fix, against)]
    prose = [
        "Cures first, then workarounds, then common advice to avoid. Replace names in <angle brackets>. Lines without a mark are for "
        "cmd.exe, run as an administrator. `capi2kit remedy ID LOG` prints one of them ready for a ticket."
    ]
    columns = [Column("remedy", long=True), Column("kind"), Column("aspect", whole=True), Column("what to know")]
    return Section("remedies", "Remedies", prose, Table(columns, rows))


def _card(fix: Fix, against: list[dict]) -> list[list[str]]:
    """One remedy, a row for each of its aspects."""
    names = merged(names_in(row["names"]) for row in against)
    aspects = [("against", title) for title in dict.fromkeys(row["title"] for row in against)]
    aspects += _lines("what to do", fix.commands, names=names)
    aspects += [("for", fix.account), ("effect", fix.effect), ("risk", fix.risk), ("what it does not do", fix.does_not)]
    aspects += [("versions", fix.versions)]
    aspects += _lines("how to check", fix.check, names=names) + _lines("how to undo", fix.undo, names=names)
    shown: set[str] = set()
    rows = []
    for aspect, text in aspects:
        first = ["", ""] if shown else [f"{fix.title} ({fix.id})", fix.kind]
        rows.append([*first, "" if aspect in shown else aspect, text])
        shown.add(aspect)
    return rows


def _lines(aspect: str, steps: Iterable[Step], *, names: Names) -> list[tuple[str, str]]:
    return [(aspect, line) for line in lines_of(filled(steps, names))]


def lines_of(steps: Iterable[Step]) -> list[str]:
    """Steps as lines to read: a mark for PowerShell, and below a command what to know before it is run."""
    lines: list[str] = []
    for step in steps:
        mark = "PowerShell: " if step.kind == PS else ""
        lines.append(words.visible(f"{mark}{step.text}"))
        if step.warning and step.kind != SENTENCE:
            lines.append(f"Before that: {step.warning}.")
    return lines
