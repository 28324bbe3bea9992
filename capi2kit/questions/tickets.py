"""Tickets: one remedy with the reasons for it in this log, ready to be handed to the team that carries it out.

Input: findings, waits, spans and start-ups of an analysis. Nothing here writes a sentence: `render.ticket` does.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pandas as pd

from capi2kit.columns.cells import numbers_in
from capi2kit.diagnosis.fixes import Fix, fix_of, fixes_of
from capi2kit.diagnosis.names import merged, names_in
from capi2kit.diagnosis.steps import Names
from capi2kit.questions.whatif import whatif


class Ticket(NamedTuple):
    """One remedy for one log.

    `reasons`: the findings that name it, the worst first, in the columns of table `findings`. `names`: what they are about, for
    the lines of the remedy. `savings`: the rows of `whatif` for it.
    `others`: remedies that findings of this log name, too, in their order.
    """

    fix: Fix
    reasons: pd.DataFrame
    names: Names
    savings: pd.DataFrame
    others: tuple[Fix, ...]


def ticket(
    findings: pd.DataFrame,
    fix: str | None = None,
    *,
    team: str | None = None,
    tables: dict[str, pd.DataFrame] | None = None,
) -> Ticket | None:
    """The ticket for one remedy.

    Parameters
    ----------
    findings : table `findings`, the worst first.
    fix : id of the remedy; None: the first one that the findings name.
    team : only remedies that this team carries out, a word of `diagnosis.fixes.TEAMS`.
    tables : spans, waits and startups, for the seconds that the remedy would save; without them none are said.

    Returns
    -------
    ticket : Ticket, or None if no finding names a remedy like that; a remedy given by its id has one even so, without reasons.
    """
    named: dict[Fix, list[int]] = {}
    for place, ids in enumerate(findings["fixes"].tolist()):
        for one in fixes_of(ids):
            named.setdefault(one, []).append(place)
    asked = [one for one in named if one.id == fix] if fix else [one for one in named if team in (None, one.team)]
    if not asked and fix is None:
        return None
    chosen = asked[0] if asked else fix_of(str(fix))
    reasons = findings.iloc[named.get(chosen, [])]
    effects = (
        whatif(findings, spans=tables["spans"], waits=tables["waits"], startups=tables["startups"])
        if tables and asked
        else pd.DataFrame({"fix": []})
    )
    return Ticket(
        chosen,
        reasons,
        merged(map(names_in, reasons["names"].tolist())),
        effects[effects["fix"] == chosen.id],
        tuple(one for one in named if one is not chosen),
    )


def cited_by(findings: pd.DataFrame, *, events: pd.DataFrame, sources: pd.DataFrame) -> list[dict[str, Any]]:
    """What findings cite, by file: path, sha256, the numbers of records in `records`, of lines in `lines`."""
    numbers = {number for cited in findings["evidence"].tolist() for number in numbers_in(cited)}
    cited = events.loc[events["event"].isin(numbers), ["source", "record"]].dropna()
    records = {file: set(cited.loc[cited["source"] == file, "record"].astype("int64")) for file in set(cited["source"])}
    lines = lines_cited(findings)
    files = sources.set_index("source")
    return [
        {
            "path": files.at[number, "path"],
            "sha256": files.at[number, "sha256"],
            "records": sorted(records.get(number, ())),
            "lines": lines.get(number, []),
        }
        for number in sorted({*records, *lines})
    ]


def lines_cited(findings: pd.DataFrame) -> dict[int, list[int]]:
    """The lines of files that findings cite where these are no records, by the number of the file."""
    lines: dict[int, set[int]] = {}
    for cited in findings["evidence_lines"].dropna():
        for place in cited.split():
            source, line = map(int, place.split(":"))
            lines.setdefault(source, set()).add(line)
    return {source: sorted(found) for source, found in lines.items()}
