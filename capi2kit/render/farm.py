"""Farm: a store of many computers as a report: the same outputs, other sections."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import pyarrow.dataset as ds

from capi2kit import words
from capi2kit.columns.cells import numbers_in
from capi2kit.diagnosis.fixes import fixes
from capi2kit.diagnosis.names import merged, names_in
from capi2kit.diagnosis.steps import filled
from capi2kit.questions.farm import between_computers, by_weight, computers, first_remedy, shared_causes
from capi2kit.render.edition import Edition
from capi2kit.render.front import Finding, Front, Tile, lines_of
from capi2kit.render.parts import Chart, Column, Line, Section, Table, drawn
from capi2kit.render.report import Report, numbered
from capi2kit.render.ticket import TEAMS
from capi2kit.store import Store

_FINDINGS = 6
_RECORDS = 3  # that are cited of a cause
_STEPS = 8
_MOST = 500  # rows of a table
_COMPARED = ("waits", "spans", "settings", "cache_entries")  # tables in which computers are compared
_TEAM = "For {team}, on {where}."


def assemble_farm(store: Store, *, tz: str = "UTC", edition: Edition | None = None) -> Report:
    """The report on a store: who waited, what the computers have in common, which of them are unlike the others, what to do first."""
    edition = edition or Edition()
    known = [name for names in store.collections["machines"] for name in str(names).split(", ") if name]
    findings = _findings_of(store)
    table = computers(store.waits, findings, startups=store.startups, known=known)
    causes = shared_causes(findings)
    notes = [Section("notes", "Notes of the examiner", blocks=edition.notes)] if edition.notes else []
    sections = [
        *notes,
        _heat(store),
        _causes(causes, _cited(store, findings)),
        _outliers(table),
        _computers(table),
        _evidence(store),
    ]
    front = _front(store, findings, table=table, causes=causes, tz=tz)
    return Report(
        title=edition.title or "capi2kit report: a farm",
        opening=Section("answer", "The answer", [front.headline, *front.lead, front.step]),
        front=front,
        sections=numbered(section for section in sections if section),
        places=[],
        records=[],
        look="",
        edition=edition,
        tables=lambda: {"computers": table, "shared_causes": causes},
        tz=tz,
    )


def _findings_of(store: Store) -> pd.DataFrame:
    """The findings of all computers, and those that show only beside other computers."""
    between = between_computers({name: getattr(store, name) for name in _COMPARED})
    return pd.concat([store.findings, between], ignore_index=True) if len(between) else store.findings


def _front(store: Store, findings: pd.DataFrame, *, table: pd.DataFrame, causes: pd.DataFrame, tz: str) -> Front:
    remedy = first_remedy(causes)
    fix = fixes().get(remedy) if remedy else None
    mine = causes[causes["fixes"].str.split().str[0].eq(remedy).fillna(False)] if remedy else causes.head(0)
    where = sorted({name for names in mine["which"].dropna() for name in names.split(", ")})
    names = merged(names_in(text) for text in findings.loc[findings["rule"].isin(mine["rule"]), "names"].dropna())
    steps: list[tuple[str, list[Line]]] = []
    if fix:
        who = _TEAM.format(team=TEAMS[fix.team], where=words.listed(list(map(words.visible, where)), "computer"))
        parts = (("", fix.commands), ("Check", fix.check), ("Undo", fix.undo))
        steps = [
            ("", [Line(who)]),
            *((title, list(lines_of(list(filled(some, names))[:_STEPS]))) for title, some in parts),
        ]
        steps.append(("Risk", [Line(fix.risk)]))
    return Front(
        about=_about(store, table, tz=tz),
        headline=_headline(table, causes),
        severity=str(by_weight(causes)["severity"].iloc[0]) if len(causes) else "none",
        lead=_lead(table),
        tiles=_tiles(table, causes),
        stretches=[],
        key=[],
        bars_note="",
        findings=[_finding(row) for row in by_weight(causes).head(_FINDINGS).to_dict("records")],
        note=f"{words.count(len(causes) - _FINDINGS, 'more cause')} below." if len(causes) > _FINDINGS else "",
        step_title="One first step for the farm" if fix else "",
        step=f"{fix.title}: on {words.count(len(where), 'computer')}." if fix else "No remedy would save waiting.",
        step_id="",
        steps=steps,
        cautions=_cautions(store),
        heads=("together", "on"),
        linked=False,
    )


def _headline(table: pd.DataFrame, causes: pd.DataFrame) -> str:
    """The cause that costs most, and how many computers have it; or that none waits."""
    waited = table[table["wait_s"] > 0]
    if waited.empty:
        return f"None of {words.count(len(table), 'computer')} waited for the network."
    total = words.seconds(waited["wait_s"].sum())
    if causes.empty:
        return f"{words.count(len(waited), 'computer')} waited {total} together; no rule found a cause."
    first = by_weight(causes).iloc[0]
    many = f"{first['computers']} of {words.count(len(table), 'computer')}"
    together = " together" if first["computers"] > 1 else ""
    cost = f", {words.seconds(first['cost_s'])}{together}" if pd.notna(first["cost_s"]) else ""
    return f"{words.visible(first['title'])}: on {many}{cost}."


def _lead(table: pd.DataFrame) -> list[str]:
    waited = table[table["wait_s"] > 0]
    if waited.empty:
        return []
    worst = waited.iloc[0]
    texts = [
        f"All computers together waited {words.seconds(waited['wait_s'].sum())} for the network, all threads added up; "
        f"{words.visible(worst['computer'])} waited longest: {words.seconds(worst['wait_s'])}."
    ]
    if table["outlier"].any():
        names = words.listed([words.visible(name) for name in table.loc[table["outlier"], "computer"]], "computer")
        texts.append(f"Unlike the others: {names}.")
    return texts


def _tiles(table: pd.DataFrame, causes: pd.DataFrame) -> list[Tile]:
    retrievals, failed = int(table["waits"].sum()), int(table["failed"].sum())
    common = int((causes["computers"] > 1).sum())
    longest = table["longest_start_s"].max()
    tiles = [
        Tile(str(len(table)), "computers in the store"),
        Tile(words.seconds(table["wait_s"].sum()), "waited for the network, all threads of all computers"),
        Tile(f"{failed:,} of {retrievals:,}", "retrievals failed"),
        Tile(str(common), "causes that several computers share"),
    ]
    return tiles + ([Tile(words.seconds(longest), "the longest start of a program")] if pd.notna(longest) else [])


def _finding(row: dict) -> Finding:
    cost = words.seconds(row["cost_s"]) if pd.notna(row["cost_s"]) else "no waiting"
    return Finding(
        str(row["severity"]), words.visible(row["title"]), cost, words.count(row["computers"], "computer"), "", []
    )


def _about(store: Store, table: pd.DataFrame, *, tz: str) -> str:
    times = store.coverage[["start", "stop"]].dropna()
    when = (
        [f"{words.moment(times['start'].min(), tz, digits=0)} to {words.moment(times['stop'].max(), tz, digits=0)}"]
        if len(times)
        else []
    )
    files = words.count(int(store.collections["evidence"].sum()), "file")
    return " · ".join([words.count(len(table), "computer"), *when, files])


def _cautions(store: Store) -> list[str]:
    failed = store.collections[store.collections["error"].notna()]
    if failed.empty:
        return []
    names = words.listed([words.visible(name) for name in failed["collection"]], "collection")
    return [f"Not everything could be read: {names}. The last section says why."]


def _heat(store: Store) -> Section | None:
    if not store.waits["url_host"].notna().any():
        return None
    draw = drawn("plot_outcomes", store.waits.assign(host=store.waits["machine"]), rows="host")
    prose = ["A cell for each computer and server: how many retrievals failed there, and for how many seconds."]
    chart = Chart("outcomes", "Which computer could reach which server", draw)
    return Section("reach", "Computers and servers", prose, charts=[chart])


def _cited(store: Store, findings: pd.DataFrame) -> dict[str, str]:
    """For each rule the first records behind it, on the computer that it costs most."""
    worst = (
        findings.sort_values("cost_s", ascending=False, kind="stable").drop_duplicates("rule").dropna(subset="machine")
    )
    cites = {str(row["rule"]): (str(row["machine"]), numbers_in(row["evidence"])) for row in worst.to_dict("records")}
    shown = [number for _, numbers in cites.values() for number in numbers[:_RECORDS]]
    is_asked = ds.field("machine").isin(worst["machine"].tolist()) & ds.field("event").isin(shown)
    found = store.dataset("events").to_table(columns=["machine", "event", "record"], filter=is_asked).to_pandas()
    records = found.dropna().astype({"record": "int64"}).set_index(["machine", "event"])["record"].to_dict()
    said = {}
    for rule, (machine, numbers) in cites.items():
        first = [str(records[machine, one]) for one in numbers[:_RECORDS] if (machine, one) in records]
        more = f" and {len(numbers) - len(first)} more" if len(numbers) > len(first) else ""
        said[rule] = f"{words.visible(machine)}: {', '.join(first)}{more}" if first else words.ABSENT
    return said


def _causes(causes: pd.DataFrame, cited: dict[str, str]) -> Section | None:
    if causes.empty:
        return None
    columns = [Column("cause", long=True), Column("severity", badge=True), Column("computers", number=True)]
    columns += [Column("cost together", number=True), Column("which", long=True, spare=1)]
    columns += [Column("remedies", long=True, spare=2), Column("records, for example", long=True, spare=3)]
    rows = [
        [
            words.visible(row["title"]),
            str(row["severity"]),
            str(row["computers"]),
            _seconds(row["cost_s"]),
            words.visible(row["which"]),
            words.visible(row["fixes"]) if pd.notna(row["fixes"]) else words.ABSENT,
            cited.get(row["rule"], words.ABSENT),
        ]
        for row in causes.head(_MOST).to_dict("records")
    ]
    prose = [
        "What several computers have in common is one cause, and one change. Causes may look at one wait from two sides: do not add "
        "them up. The records are those of the computer that a cause costs most; a report on its evidence (capi2kit report) shows all."
    ]
    return Section("causes", "Causes that computers share", prose, Table(columns, rows))


def _outliers(table: pd.DataFrame) -> Section | None:
    some = table[table["outlier"]]
    if some.empty:
        return None
    prose = [
        "These computers waited more than twice as long as the one in the middle, and by three median deviations more. What they have that "
        "the others do not is the first thing to look at: a proxy, a hosts file, a firewall, an image of its own."
    ]
    return Section("outliers", "Computers unlike the others", prose, _table(some))


def _computers(table: pd.DataFrame) -> Section:
    more = f" {len(table) - _MOST} more are not shown." if len(table) > _MOST else ""
    prose = [f"The one that waited longest first; all threads added up.{more}"]
    return Section("computers", "All computers", prose, _table(table.head(_MOST)))


def _table(table: pd.DataFrame) -> Table:
    columns = [
        Column("computer", whole=True),
        Column("waiting", number=True),
        Column("times the median", number=True, spare=4),
    ]
    columns += [
        Column("retrievals", number=True, spare=3),
        Column("failed", number=True),
        Column("longest start", number=True, spare=2),
    ]
    columns += [Column("longest for", spare=1), Column("most expensive cause", long=True)]
    rows = [
        [
            words.visible(row["computer"]),
            _seconds(row["wait_s"]),
            f"{row['times_median']:.1f}" if pd.notna(row["times_median"]) else words.ABSENT,
            str(row["waits"]),
            str(row["failed"]),
            _seconds(row["longest_start_s"]),
            _said(row["worst_server"]),
            _said(row["cause"]),
        ]
        for row in table.to_dict("records")
    ]
    return Table(columns, rows)


def _evidence(store: Store) -> Section:
    columns = [Column("collection", whole=True), Column("computers", long=True), Column("files", number=True)]
    columns += [
        Column("rows", number=True, spare=1),
        Column("ingested", whole=True, spare=2),
        Column("what was wrong", long=True),
    ]
    found: Sequence[dict] = store.collections.to_dict("records")
    rows = [
        [
            words.visible(row["collection"]),
            _said(row["machines"] or None),
            str(row["evidence"]),
            f"{row['rows']:,}",
            words.visible(row["made"]),
            _said(row["error"]),
        ]
        for row in found
    ]
    prose = ["What the store was made of. The hashes of all files are in its manifest, and in its table `sources`."]
    return Section("evidence", "Evidence", prose, Table(columns, rows))


def _seconds(value: object) -> str:
    return words.seconds(value) if pd.notna(value) else words.ABSENT  # type: ignore[call-overload]


def _said(value: object) -> str:
    return words.visible(value) if value is not None and pd.notna(value) else words.ABSENT  # type: ignore[call-overload]
