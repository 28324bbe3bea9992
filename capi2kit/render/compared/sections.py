"""Sections: a comparison as tables: start-ups, servers, files and accounts before and after, causes, predictions, evidence."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from capi2kit import __version__, words
from capi2kit.analysis import Analysis
from capi2kit.render.compared.sentences import of_kind
from capi2kit.render.parts import Chart, Column, Section, Table, drawn

_TOP = 20
_SECONDS = (Column("before", number=True), Column("after", number=True), Column("saved", number=True))
_SPENT = {
    "server": ("servers", "Waiting per server", "server"),
    "file": ("files", "Waiting per file that was checked", "while checking"),
    "account": ("accounts", "Waiting per account", "account"),
}


def tell(comparison: pd.DataFrame, *, before: Sequence[Analysis], after: Sequence[Analysis], tz: str) -> list[Section]:
    """All sections of a comparison, in order; those without content are left out."""
    made = [_startups(comparison), _causes(comparison), _predictions(comparison)]
    made += [_spent(comparison, kind) for kind in _SPENT]
    made += [_evidence(before, after, tz=tz), _method()]
    return [section for section in made if section]


def _startups(comparison: pd.DataFrame) -> Section | None:
    wholes = of_kind(comparison, "start-up")
    if wholes.empty:
        return None
    parts = of_kind(comparison, "part")
    rows = []
    for row in wholes.to_dict("records"):
        mine = parts[parts["group"].eq(row["group"]).to_numpy(bool, na_value=False)].set_index("name")
        waiting = [words.seconds(mine.loc["waiting", f"{side}_s"]) for side in ("before", "after")]
        cells = [words.visible(row[name]) for name in ("process", "app_pool", "host")]
        counts = [str(row[f"{side}_startups"]) for side in ("before", "after")]
        rows.append([*cells, " and ".join(counts), *_seconds(row), *waiting, words.visible(row["change"])])
    columns = [
        Column("process"),
        Column("application pool", spare=3),
        Column("host", spare=2),
        Column("start-ups", spare=4),
    ]
    columns += [
        *_SECONDS,
        Column("waiting before", number=True, spare=1),
        Column("waiting after", number=True, spare=1),
    ]
    prose = [
        "Start-ups are paired by computer, program and application pool. Of several start-ups of one side the mean is "
        "shown; where the mean of one side lies between the least and the most of the other, the difference is inside the "
        "spread and proves nothing."
    ]
    chart = Chart("comparison", "Start-ups before and after the change", drawn("plot_comparison", comparison))
    return Section(
        "startups", "Start-ups, before and after", prose, Table([*columns, Column("verdict")], rows), [chart]
    )


def _seconds(row: dict) -> list[str]:
    return [words.seconds(row[name]) for name in ("before_s", "after_s", "saved_s")]


def _causes(comparison: pd.DataFrame) -> Section | None:
    causes = of_kind(comparison, "cause")
    if causes.empty:
        return None
    order = {name: place for place, name in enumerate(("gone", "new", "stayed", "not seen again"))}
    causes = causes.assign(place=causes["change"].map(order)).sort_values("place", kind="stable")
    rows = [
        [words.visible(row["change"]), words.visible(row["severity"]), words.visible(row["name"]), *_seconds(row)]
        for row in causes.to_dict("records")
    ]
    columns = [Column("now", whole=True), Column("severity", badge=True), Column("cause", long=True), *_SECONDS]
    prose = [
        "Seconds of all processes and threads, added up, as a mean of the logs of each side. “Not seen again”: the log from "
        "after shows no operation of the programs concerned, so nothing can be said."
    ]
    return Section("causes", "Causes gone, new and still there", prose, Table(columns, rows))


def _predictions(comparison: pd.DataFrame) -> Section | None:
    found = of_kind(comparison, "remedy")
    if found.empty:
        return None
    rows = []
    for row in found.to_dict("records"):
        bounds = f"{words.seconds(max(row['predicted_low_s'], 0))} to {words.seconds(row['predicted_high_s'])}"
        best = words.ABSENT if pd.isna(row["predicted_s"]) else words.seconds(row["predicted_s"])
        fits = "inside the bounds" if row["fits"] else "outside"
        rows.append(
            [
                words.visible(row["name"]),
                words.visible(row["process"]),
                best,
                bounds,
                words.seconds(row["after_s"]),
                fits,
            ]
        )
    columns = [Column("remedy", long=True), Column("start of", spare=1), Column("predicted", number=True)]
    columns += [Column("bounds", spare=2), Column("measured", number=True), Column("the measurement is")]
    prose = [
        "What the start-up was predicted to take with each remedy alone, from the log from before, and what it took. The logs "
        "do not say which remedy was carried out. What a program does itself differs from start to start; a prediction is "
        "about its certificate checks."
    ]
    return Section("predictions", "What was predicted, and what was measured", prose, Table(columns, rows))


def _spent(comparison: pd.DataFrame, kind: str) -> Section | None:
    found = of_kind(comparison, kind)
    if found.empty:
        return None
    name, title, heading = _SPENT[kind]
    shown = found.assign(size=found["saved_s"].abs()).sort_values("size", ascending=False, kind="stable").head(_TOP)
    say = words.brief_account if kind == "account" else words.visible
    rows = [
        [say(row["name"]), words.visible(row["process"]), *_seconds(row), words.visible(row["change"])]
        for row in shown.to_dict("records")
    ]
    more = f" The {len(shown)} largest differences of {len(found)}." if len(found) > len(shown) else ""
    prose = [f"Waiting for the network in the paired start-ups; a moment shared by several threads counts once.{more}"]
    columns = [Column(heading, long=True), Column("start of", spare=1), *_SECONDS, Column("now")]
    return Section(name, title, prose, Table(columns, rows), folded=kind != "server")


def _evidence(before: Sequence[Analysis], after: Sequence[Analysis], *, tz: str) -> Section:
    rows = []
    for name, side in (("before", before), ("after", after)):
        for one in side:
            ends = one.case.events.groupby("source")["time"].agg(["min", "max"])
            for row in one.case.sources.to_dict("records"):
                times = ends.loc[row["source"]] if row["source"] in ends.index else {"min": None, "max": None}
                moments = [words.moment(times[end], tz, digits=0) for end in ("min", "max")]
                counts = [str(row[column]) for column in ("promised", "loaded", "lost")]
                rows.append([name, words.visible(row["path"]), row["sha256"], *moments, *counts])
    columns = [Column("side", whole=True), Column("file", long=True), Column("SHA-256", long=True)]
    columns += [Column("first event", spare=1), Column("last event", spare=1)]
    columns += [Column(name, number=True, spare=2) for name in ("promised", "loaded", "lost")]
    return Section("evidence", "Evidence", ["The files were opened read-only."], Table(columns, rows))


def _method() -> Section:
    prose = [
        f"capi2kit {__version__}. Each log was analysed by itself, as `capi2kit report` does it; the true waits were "
        "recovered, and the lines of a ledger add up to the wall time of its start-up. What is compared is what these tables "
        "hold; nothing was estimated across the two sides.",
        "A comparison shows that two start-ups differ. That the change is the reason is inferred: other things may have "
        "changed between them, such as caches that were empty before, the load of the computer, or the answers of servers.",
    ]
    return Section("method", "How this was compared", prose, folded=True)
