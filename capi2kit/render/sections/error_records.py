"""Error records: the section on records of level error, and which of them are failures."""

from __future__ import annotations

from typing import cast

from capi2kit import words
from capi2kit.analysis import Analysis
from capi2kit.knowledge import operations_by_name
from capi2kit.questions.error_records import FAILED, HARMLESS, error_records, late_ends
from capi2kit.render.parts import Column, Section, Table

_REASONS = 2  # that are named of the records of one operation and result


def errors(analysis: Analysis) -> Section | None:
    """The section on records of level error; None if there are none."""
    found = error_records(analysis.case.events, analysis.spans, steps=analysis.case.steps, findings=analysis.findings)
    if found.empty:
        return None
    rows, cited = [], []
    for verdict in (FAILED, HARMLESS):
        part = found[found["verdict"] == verdict]
        for key, members in part.groupby(["operation", "result"], dropna=False, sort=False):
            operation, result = cast(tuple, key)
            reasons = [words.visible(why) for why in members["why"].fillna("").value_counts(sort=False).index if why]
            why = "; ".join(reasons[:_REASONS]) + (
                f"; and {len(reasons) - _REASONS} more" if len(reasons) > _REASONS else ""
            )
            known = operations_by_name().get(operation)
            title = known.title if known else words.visible(operation)
            rows.append([verdict, title, str(len(members)), words.code(result), why or words.ABSENT])
            cited.append(members["event"].tolist())
    count, failed = len(found), int((found["verdict"] == FAILED).sum())
    prose = [
        f"{words.count(count, 'record')} of level error: {count - failed} no failure, {failed} failed, judged by result. "
        "Windows raises the level when a step inside goes wrong, even if the operation succeeds in the end."
    ]
    late = int(found.loc[found["verdict"] == FAILED, "event"].isin(late_ends(analysis.spans)).sum())
    if late:
        prose.append(
            f"{late} of the failed {'is the late end of a retrieval' if late == 1 else 'are the late ends of retrievals'} whose caller had "
            "given up before: the same failures once more. Their code is that of a connection that did not come about. Windows writes "
            "it after lost packets, too, so it does not show that somebody refused."
        )
    columns = [Column("verdict"), Column("operation"), Column("records", number=True), Column("result")]
    columns += [Column("what went wrong inside", long=True)]
    return Section("errors", "Error records, and which of them are failures", prose, Table(columns, rows, cited))
