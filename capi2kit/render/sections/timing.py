"""Timing: the sections that say where the seconds went."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pandas as pd

from capi2kit import words
from capi2kit.analysis import Analysis
from capi2kit.columns.cells import numbers_in
from capi2kit.columns.instants import SECOND
from capi2kit.questions.answer import Answer
from capi2kit.render.parts import Chart, Column, Section, Table, drawn

TOP = 15


def _by_waiting(startups: pd.DataFrame) -> pd.DataFrame:
    waited, wall = startups["waiting_wall_s"].to_numpy(float), startups["wall_s"].to_numpy(float)
    return startups.iloc[np.lexsort((-wall, -waited))]


def startups(analysis: Analysis, answer: Answer, *, tz: str = "UTC") -> Section | None:
    """One row per process start, the one that waited longest first."""
    found = _by_waiting(analysis.startups)
    if found.empty:
        return None
    top = found.head(TOP)
    waits_of, first_event = _waits_of(analysis), _first_events(analysis)
    rows, events = [], []
    for row in top.to_dict("records"):
        mine = waits_of.get(row["startup"], [])
        events.append([wait["event"] for wait in mine] or first_event.get(row["startup"], []))
        rows.append(_startup_row(row, mine, tz=tz))
    columns = [Column("process (PID)", whole=True)]
    columns += [Column(name, number=True) for name in ("wall", "waiting", "checking", "unexplained")]
    columns += [Column(name, number=True, brief=False) for name in ("waits", "targets")]
    columns += [
        Column("proxy", spare=2),
        Column("clock", spare=3),
        Column("start", whole=True, spare=4),
        Column("host", spare=1) if _hosts(top) > 1 else Column("host", brief=False),
        Column("note"),
    ]
    prose = [
        "Wall: from the best evidence of the start (else the first recovered one) until the process went quiet, or answered its "
        "first request. Waiting counts each moment once, however many "
        "threads waited. Wall = waiting + checking + unexplained; unexplained is the program itself and what no record shows."
    ]
    if (top["start_from"] == "log begins").any():
        prose.append("Cut: the process was busy before the log begins; its true start is not in evidence.")
    if len(found) > len(top):
        prose.append(f"The {len(top)} that waited longest, of {len(found)}.")
    meant = answer.startup or top.iloc[0].to_dict()
    name = words.with_pid(meant["process"], meant["pid"])
    draw = drawn("plot_startup", analysis, startup=int(meant["startup"]))
    chart = Chart("startup", f"Start-up of {name}: who waited for what", draw)
    return Section("startups", "Process start-ups", prose, Table(columns, rows, events), [chart])


def _hosts(table: pd.DataFrame) -> int:
    return int(table["host"].str.split(".", n=1).str[0].nunique())


def _startup_row(row: dict, waits: list[dict], *, tz: str) -> list[str]:
    offsets = [wait["clock_offset_s"] for wait in waits if not pd.isna(wait["clock_offset_s"])]
    return [
        words.with_pid(row["process"], row["pid"]),
        *(words.seconds(row[name]) for name in ("wall_s", "waiting_wall_s", "checking_s", "unexplained_s")),
        str(row["waits"]),
        str(row["targets"]),
        _routes(waits),
        words.clock(float(np.median(offsets))) if offsets else words.ABSENT,
        words.moment(row["start"], tz, digits=0),
        words.visible(row["host"]),
        "cut" if row["start_from"] == "log begins" else "warm" if row["warm"] else "",
    ]


def _waits_of(analysis: Analysis) -> dict[int, list[dict]]:
    """The waits of each start-up, by its number."""
    waits = analysis.waits[["startup", "event", "proxy", "wpad_failures", "clock_offset_s"]].dropna(subset=["startup"])
    found: dict[int, list[dict]] = defaultdict(list)
    for wait in waits.to_dict("records"):
        found[wait["startup"]].append(wait)
    return found


def _first_events(analysis: Analysis) -> dict[int, list[int]]:
    """One event for each start-up: the end of its first operation."""
    spans = analysis.spans[["startup", "stop_event", "depth"]]
    roots = spans[(spans["depth"] == 0).to_numpy(bool)].dropna().drop_duplicates("startup")
    return {int(number): [int(event)] for number, event in zip(roots["startup"], roots["stop_event"], strict=True)}


def _routes(waits: list[dict]) -> str:
    routes = dict.fromkeys(words.visible(wait["proxy"]) for wait in waits if not pd.isna(wait["proxy"]))
    failed = sum(int(wait["wpad_failures"]) for wait in waits if not pd.isna(wait["wpad_failures"]))
    shown = ", ".join(routes) or ("not logged" if waits else words.ABSENT)
    return f"{shown}, no WPAD ×{failed}" if failed else shown


def ledger(analysis: Analysis, answer: Answer) -> Section | None:
    """The account of the start-up that the answer is about."""
    number = int(answer.startup["startup"]) if answer.startup else None
    lines = (
        analysis.ledger[(analysis.ledger["startup"] == number).to_numpy(bool)]
        if number is not None
        else analysis.ledger
    )
    if lines.empty:
        return None
    startup = analysis.startups.set_index("startup").loc[number]
    total = int(lines["ns"].sum())
    rows, events = [], []
    for line in _folded(lines.to_dict("records")):
        target = f"{line['more']} more" if "more" in line else words.visible(line["target"])
        cells = (line["kind"], words.visible(line["url_host"]), target, words.brief_account(line["user_sid"]))
        rows.append([*cells, words.seconds(line["seconds"]), f"{line['ns'] / total:.1%}" if total else ""])
        events.append(numbers_in(line["events"]))
    rows.append(["sum = wall", "", "", "", words.seconds(total / SECOND), ""])
    prose = ["Each line is a part of the wall time; together they are all of it."]
    if (lines["kind"] == "other wait").any():
        prose.append(
            "An “other wait” is known within bounds only; where only the gap before it is known, its line shows the upper bound."
        )
    columns = [
        Column("kind"),
        Column("server"),
        Column("while checking", long=True, spare=1),
        Column("account", long=True, spare=2),
    ]
    columns += [Column("seconds", number=True), Column("share", number=True)]
    title = f"Ledger of {words.with_pid(startup['process'], startup['pid'])}"
    return Section("ledger", title, prose, Table(columns, rows, [*events, []]))


def _folded(lines: list[dict]) -> list[dict]:
    """The lines of a ledger, all but the longest waits of a long one folded: one line per server and account.

    What is folded keeps its seconds and its records, so that the whole still adds up.
    """
    waiting = [line for line in lines if line["kind"] == "wait"]
    if len(waiting) <= TOP + 1:
        return lines
    rest: dict[tuple, dict] = {}
    for line in waiting[TOP:]:
        fold = rest.setdefault((line["url_host"], line["user_sid"]), {**line, "ns": 0, "events": "", "more": 0})
        fold["ns"] += line["ns"]
        fold["more"] += 1
        fold["events"] = f"{fold['events']} {line['events']}".strip()
    for fold in rest.values():
        fold["seconds"] = fold["ns"] / SECOND
    folded = sorted(rest.values(), key=lambda fold: -fold["ns"])
    return [*waiting[:TOP], *folded, *(line for line in lines if line["kind"] != "wait")]


def waits(analysis: Analysis, *, tz: str = "UTC") -> Section | None:
    """The longest network waits."""
    found = analysis.waits
    if found.empty:
        return None
    top = found.iloc[np.argsort(-found["high_s"].to_numpy(float, na_value=0), kind="stable")[:TOP]]
    rows = [_wait_row(row, tz) for row in top.to_dict("records")]
    columns = [
        Column("true wait", number=True),
        Column("as logged", number=True, spare=3),
        Column("process (PID)", whole=True),
        Column("account", long=True, spare=2),
        Column("URL", long=True),
    ]
    columns += [
        Column("while checking", long=True, spare=1),
        Column("outcome"),
        *(Column(name, brief=False) for name in ("proxy", "true start")),
    ]
    prose = [_how_sure(found)]
    if len(found) > len(top):
        prose.append(f"The {len(top)} longest of {len(found)}; `capi2kit waits` lists all.")
    prose += _accounts(found)
    pictures = [Chart("hosts", "Seconds per server", drawn("plot_hosts", found))]
    if max(found["host"].nunique(), found["user_sid"].nunique()) > 1:
        pictures.append(Chart("outcomes", "Who could reach which server", drawn("plot_outcomes", found)))
    table = Table(columns, rows, [[event] for event in top["event"]])
    return Section("waits", "Longest waits for the network", prose, table, pictures)


def _accounts(waits: pd.DataFrame) -> list[str]:
    """Which account is meant by the ends of its SID."""
    brief = {words.brief_account(sid): words.who(sid) for sid in waits["user_sid"].dropna().unique()}
    meant = [f"{short} is {whole}" for short, whole in brief.items() if "…" in short]
    return [f"Accounts: {'; '.join(meant)}."] if meant else []


def _wait_row(row: dict, tz: str) -> list[str]:
    outcome = words.visible(row["outcome"])
    return [
        words.duration(row["wait_s"], low=row["low_s"], high=row["high_s"], quality=row["quality"]),
        words.seconds(row["logged_s"]),
        words.with_pid(row["process"], row["pid"]),
        words.brief_account(row["user_sid"]),
        words.visible(row["url"]),
        words.visible(row["target"]),
        outcome if row["result"] == 0 else f"{outcome}, {words.code(row['result'])}",
        words.visible(row["proxy"]),
        words.moment(row["start"], tz) if row["quality"] != "unknown" else words.ABSENT,
    ]


def _how_sure(waits: pd.DataFrame) -> str:
    counts = waits["quality"].value_counts()
    kinds = ", ".join(f"{counts[kind]} {kind}" for kind in ("exact", "bounded", "unknown") if kind in counts)
    logged, total = (words.seconds(waits[name].fillna(0).sum()) for name in ("logged_s", "wait_s"))
    return f"{words.count(len(waits), 'retrieval')} ({kinds}). Stop minus start as logged: {logged} in all. Recovered waits: {total}."


def targets(analysis: Analysis) -> Section | None:
    """What was checked, slowest first."""
    found = analysis.delays[(analysis.delays["total_s"] > 0).to_numpy(bool, na_value=False)]
    if found.empty:
        return None
    cited = _checks_of(analysis.spans)
    rows, events = [], []
    for row in found.head(TOP).to_dict("records"):
        events.append(cited[row["host"], row["pid"], row["target"]])
        cells = [
            words.visible(row["target"]),
            row["target_kind"],
            words.with_pid(row["process"], row["pid"]),
            words.brief_account(row["user_sid"]),
        ]
        numbers = [
            str(row["checks"]),
            words.seconds(row["total_s"]),
            words.seconds(row["network_s"]),
            str(row["timeouts"]),
        ]
        rows.append([*map(words.visible, cells), *numbers, words.visible(row["slowest_url"])])
    columns = [
        Column("what was checked", long=True),
        Column("kind", spare=1),
        Column("process (PID)", whole=True),
        Column("account", brief=False, long=True),
    ]
    columns += [Column(name, number=True) for name in ("checks", "seconds", "of it waiting", "timeouts")] + [
        Column("slowest URL", brief=False, long=True)
    ]
    prose = [
        f"The {len(rows)} slowest of {len(analysis.delays)}. Where retrieval works, the first file of a signer waits for all that "
        "follow: they find the list in memory. Checks that overlap all count with their full time."
    ]
    picture = Chart("targets", "Seconds per target", drawn("plot_targets", analysis))
    if analysis.waits["wait_s"].gt(0).any():  # else nothing but checking took time
        picture = Chart("signers", "Seconds per signer and address", drawn("plot_signers", analysis))
    return Section("targets", "What was being checked", prose, Table(columns, rows, events), [picture])


def _checks_of(spans: pd.DataFrame) -> dict[tuple, list[int]]:
    """The ends of the outermost operations on each target, by computer, process id and target."""
    spans = spans[["host", "pid", "target", "stop_event", "depth"]]
    cited: dict[tuple, list[int]] = defaultdict(list)
    for row in spans[(spans["depth"] == 0).to_numpy(bool)].dropna(subset=["stop_event"]).to_dict("records"):
        cited[row["host"], row["pid"], row["target"]].append(int(row["stop_event"]))
    return cited
