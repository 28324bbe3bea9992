"""Sections: the content of every report, once. Outputs turn them into a terminal page, HTML and so on.

A section is a title, some sentences, a table whose rows cite events, and
perhaps a chart that is drawn only when somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from capi2kit.analysis import Analysis, headline
from capi2kit.render import reds, words

TOP_WAITS = 15


@dataclass(frozen=True)
class Table:
    """Cells as text. `right`: columns of numbers; `events`: those each row rests on; `brief`: enough for a terminal."""

    headings: list[str]
    rows: list[list[str]]
    right: frozenset[str] = frozenset()
    events: list[list[int]] = field(default_factory=list)
    brief: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Chart:
    """A picture to be: `draw` returns Axes."""

    name: str
    caption: str
    draw: Callable[[], Any]


@dataclass(frozen=True)
class Section:
    """One part of a report."""

    name: str
    title: str
    prose: list[str] = field(default_factory=list)
    table: Table | None = None
    charts: list[Chart] = field(default_factory=list)


def tell(analysis: Analysis, *, tz: str = "UTC", only: Collection[str] | None = None) -> list[Section]:
    """The sections of a report on one analysis, the answer first; `only` names those wanted."""
    makers: dict[str, Callable[[], Section | None]] = {
        "answer": lambda: _answer(analysis),
        "startups": lambda: _startups(analysis, tz),
        "ledger": lambda: _ledger(analysis),
        "waits": lambda: _waits(analysis, tz),
        "targets": lambda: _targets(analysis),
        "reds": lambda: reds.section(analysis, tz=tz),
        "coverage": lambda: _coverage(analysis, tz),
        "evidence": lambda: _evidence(analysis),
        "problems": lambda: _problems(analysis),
        "method": lambda: _method(analysis),
    }
    parts = [make() for name, make in makers.items() if only is None or name in only]
    return [part for part in parts if part]


def _answer(analysis: Analysis) -> Section:
    sources = analysis.case.sources
    lost = int(sources["lost"].sum())
    verdicts = sorted(set(analysis.case.coverage["verdict"]))
    prose = [
        headline(analysis),
        f"Evidence: {len(sources)} file{'s' * (len(sources) != 1)}, {len(analysis.case.events)} CAPI2 events, "
        f"{lost if lost else 'no'} record{'s' * (lost != 1)} lost. Coverage: {', '.join(verdicts)}.",
    ]
    return Section("answer", "Where the seconds went", prose)


def worst_startup(analysis: Analysis) -> int | None:
    """The start-up that waited longest, if any waited or ran at all."""
    order = analysis.startups.sort_values(["waiting_wall_s", "wall_s"], ascending=False, kind="stable")
    return int(order["startup"].iloc[0]) if len(order) else None


def _startups(analysis: Analysis, tz: str) -> Section | None:
    startups = analysis.startups.sort_values(["waiting_wall_s", "wall_s"], ascending=False, kind="stable")
    if startups.empty:
        return None
    number = worst_startup(analysis)
    rows, events = [], []
    roots = analysis.spans[(analysis.spans["depth"] == 0) & analysis.spans["startup"].notna()]
    for row in startups.itertuples():
        mine = analysis.waits[(analysis.waits["host"] == row.host) & (analysis.waits["pid"] == row.pid)]
        first = roots.loc[roots["startup"] == row.startup, "stop_event"].dropna()
        cited = mine["event"].tolist() or first.head(1).tolist()
        events.append([int(event) for event in cited])
        rows.append([
            f"{words.visible(row.process)} ({row.pid})",
            words.visible(row.host),
            words.moment(row.start, tz),
            *(words.seconds(value) for value in (row.wall_s, row.waiting_wall_s, row.checking_s, row.unexplained_s)),
            f"{row.waits} / {row.targets}",
            _routes(mine),
            words.clock(mine["clock_offset_s"].median()) if len(mine) else words.ABSENT,
            "cut: log begins later" if row.start_from == "log begins" else "warm" if row.warm else "",
        ])  # fmt: skip
    headings = [
        "process (PID)",
        "host",
        "start",
        "wall",
        "waiting",
        "checking",
        "unexplained",
        "waits / targets",
        "proxy",
        "clock",
        "note",
    ]
    right = frozenset({"wall", "waiting", "checking", "unexplained", "waits / targets"})
    prose = [
        "Wall = from the first recovered start until the process went quiet. Waiting counts each moment once, however many "
        "threads waited. Waiting + checking + unexplained = wall, exactly; unexplained is the program itself and whatever "
        "the log does not show."
    ]
    charts = [
        Chart(
            "startup",
            f"Start-up {number}: who waited for what",
            lambda: _chart("plot_startup", analysis, startup=number),
        )
    ]
    return Section(
        "startups",
        "Process start-ups",
        prose,
        Table(headings, rows, right, events),
        charts if number is not None else [],
    )


def _routes(waits: pd.DataFrame) -> str:
    if waits.empty:
        return words.ABSENT
    routes = [words.visible(route) for route in waits["proxy"].dropna().unique()]
    failed = int(waits["wpad_failures"].fillna(0).sum())
    return ", ".join(routes or ["not logged"]) + (f" ({failed} failed look-ups)" if failed else "")


def _chart(name: str, *args: Any, **options: Any) -> Any:
    from capi2kit import charts

    return getattr(charts, name)(*args, **options)


def _ledger(analysis: Analysis) -> Section | None:
    number = worst_startup(analysis)
    lines = analysis.ledger[analysis.ledger["startup"] == number] if number is not None else analysis.ledger.iloc[:0]
    if lines.empty:
        return None
    startup = analysis.startups.set_index("startup").loc[number]
    total = lines["ns"].sum() / 1e9
    rows = [
        [
            line.kind,
            words.visible(line.url_host),
            words.visible(line.target),
            words.who(line.user_sid),
            words.seconds(line.seconds),
            f"{line.seconds / total:.1%}" if total else "",
        ]
        for line in lines.itertuples()
    ]
    events = [
        [int(event) for event in str(line.events).split()]
        if line.events is not pd.NA and isinstance(line.events, str)
        else []
        for line in lines.itertuples()
    ]
    rows.append(["sum = wall", "", "", "", words.seconds(total), ""])
    title = f"Ledger of {words.visible(startup['process'])} ({startup['pid']})"
    prose = ["Each line is a part of the wall time; together they are all of it."]
    if (lines["kind"] == "other wait").any():
        prose.append("An “other wait” is known within bounds only: its line is the most it can be.")
    headings = ["kind", "server", "while checking", "account", "seconds", "share"]
    return Section("ledger", title, prose, Table(headings, rows, frozenset({"seconds", "share"}), [*events, []]))


def _waits(analysis: Analysis, tz: str) -> Section | None:
    waits = analysis.waits
    if waits.empty:
        return None
    top = waits.sort_values("high_s", ascending=False, kind="stable").head(TOP_WAITS)
    rows = [
        [
            words.wait(row.wait_s, low=row.low_s, high=row.high_s, quality=row.quality),
            words.seconds(row.logged_s),
            row.quality,
            words.moment(row.start, tz) if row.quality != "unknown" else words.ABSENT,
            f"{words.visible(row.process)} ({row.pid})",
            words.who(row.user_sid),
            words.visible(row.url),
            words.visible(row.target),
            words.visible(row.proxy),
            f"{words.visible(row.outcome)} ({words.code(row.result)})",
        ]
        for row in top.itertuples()
    ]
    headings = [
        "true wait",
        "as logged",
        "quality",
        "true start",
        "process (PID)",
        "account",
        "URL",
        "while checking",
        "proxy",
        "outcome",
    ]
    prose = [_how_sure(waits)]
    if len(waits) > len(top):
        prose.append(f"The {len(top)} longest of {len(waits)}; `capi2kit waits` lists all.")
    hosts = Chart("hosts", "Seconds per server", lambda: _chart("plot_hosts", waits))
    return Section(
        "waits",
        "Longest waits for the network",
        prose,
        Table(headings, rows, frozenset({"true wait", "as logged"}), [[int(event)] for event in top["event"]]),
        [hosts],
    )


def _how_sure(waits: pd.DataFrame) -> str:
    counts = waits["quality"].value_counts()
    kinds = ", ".join(f"{counts[kind]} {kind}" for kind in ("exact", "bounded", "unknown") if kind in counts)
    logged = words.seconds(waits["logged_s"].fillna(0).sum())
    total = words.seconds(waits["wait_s"].fillna(0).sum())
    return f"{len(waits)} retrievals ({kinds}). Stop minus start as logged: {logged} in all. True waits: {total}."


def _targets(analysis: Analysis) -> Section | None:
    delays = analysis.delays[analysis.delays["total_s"] > 0].head(TOP_WAITS)
    if delays.empty:
        return None
    roots = analysis.spans[analysis.spans["depth"] == 0].dropna(subset=["stop_event"])
    rows, events = [], []
    for row in delays.itertuples():
        mine = roots[(roots["host"] == row.host) & (roots["pid"] == row.pid) & (roots["target"] == row.target)]
        events.append([int(event) for event in mine["stop_event"]])
        rows.append(
            [
                words.visible(row.target),
                words.visible(row.target_kind),
                f"{words.visible(row.process)} ({row.pid})",
                words.who(row.user_sid),
                str(row.checks),
                words.seconds(row.total_s),
                words.seconds(row.network_s),
                str(row.timeouts),
                words.visible(row.slowest_url),
            ]
        )
    headings = [
        "what was checked",
        "kind",
        "process (PID)",
        "account",
        "checks",
        "seconds",
        "of it waiting",
        "timeouts",
        "slowest URL",
    ]
    prose = [
        f"The {len(delays)} slowest of {len(analysis.delays)}. The first file of a signer pays for all that follow: later ones find the list in memory."
    ]
    chart = Chart("targets", "Seconds per target", lambda: _chart("plot_targets", analysis.delays))
    return Section(
        "targets",
        "What was being checked",
        prose,
        Table(headings, rows, frozenset({"checks", "seconds", "of it waiting", "timeouts"}), events),
        [chart],
    )


def _coverage(analysis: Analysis, tz: str) -> Section:
    rows = [
        [
            words.visible(row.host),
            words.visible(row.channel),
            words.moment(row.start, tz),
            words.moment(row.stop, tz),
            str(row.records),
            str(row.gaps),
            str(row.cut_tasks),
            row.verdict,
        ]
        for row in analysis.case.coverage.itertuples()
    ]
    headings = ["host", "channel", "first event", "last event", "records", "gaps", "cut tasks", "verdict"]
    prose = ["What happened outside these stretches is not in evidence; a start-up may have begun before its log does."]
    return Section(
        "coverage",
        "What the log can support",
        prose,
        Table(headings, rows, frozenset({"records", "gaps", "cut tasks"})),
    )


def _evidence(analysis: Analysis) -> Section:
    columns = ["promised", "loaded", "other", "duplicates", "lost"]
    rows = [
        [
            words.visible(row["path"]),
            str(row["bytes"]),
            row["sha256"],
            row["engine"],
            *(str(row[name]) for name in columns),
        ]
        for row in analysis.case.sources.to_dict("records")
    ]
    headings = [
        "file",
        "bytes",
        "SHA-256",
        "engine",
        "records promised",
        "loaded",
        "of other providers",
        "duplicates",
        "lost",
    ]
    prose = ["Promised = loaded + of other providers + duplicates + lost. The files were opened read-only."]
    return Section("evidence", "Evidence", prose, Table(headings, rows, frozenset({"bytes", *headings[4:]})))


def _problems(analysis: Analysis) -> Section | None:
    problems = analysis.case.problems
    if problems.empty:
        return None
    rows = [
        [str(row.source), row.stage, row.error, words.visible(row.message), str(row.lost)]
        for row in problems.head(200).itertuples()
    ]
    prose = [
        f"{int(problems['lost'].sum())} records lost, {len(problems)} notes."
        + (" The first 200 are shown." if len(problems) > 200 else "")
    ]
    return Section(
        "problems",
        "Problems of the evidence",
        prose,
        Table(["file", "stage", "problem", "what and where", "lost"], rows, frozenset({"lost"})),
    )


def _method(analysis: Analysis) -> Section:
    from capi2kit import __version__

    verdicts = analysis.spans.drop_duplicates("host")[["host", "starts"]]
    judged = (
        "; ".join(f"{words.visible(row.host)}: {row.starts}" for row in verdicts.itertuples())
        or "no operations to judge"
    )
    prose = [
        f"capi2kit {__version__}. Start records, judged per computer by the log's own clocks: {judged}. Where they are late, "
        "stop minus start is nothing, and the true start is recovered: the time limit that a retrieval was given tells how "
        "much of the chain's budget was used when it began. Exact means within one tick of the log's clock (0.016 s); bounded "
        "means between the two figures shown; unknown means that the log cannot tell.",
        "Times are those of the computer that logged. Where servers sent their date, the column clock says how far it was off.",
    ]
    return Section("method", "How the times were recovered", prose)
