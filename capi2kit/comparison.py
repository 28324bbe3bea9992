"""Comparison: two states of the same programs, before and after a change: what each start-up and each cause cost, and what was predicted.

Input: analyses of logs from before and from after. Output: one table, `comparison`. Start-ups are paired by computer, program and
application pool; where several belong together, their mean counts, and their least and most are the spread: a difference inside
it proves nothing. Nothing in this module reads a file or draws.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from capi2kit.analysis import Analysis
from capi2kit.columns.cells import empty, shaped
from capi2kit.diagnosis.names import merged, names_in
from capi2kit.errors import NoEvents
from capi2kit.given import analysis_of
from capi2kit.questions.leading import Cause, causes_in
from capi2kit.questions.whatif import whatif

STARTUP, PART, SERVER, FILE, ACCOUNT, CAUSE, REMEDY = "start-up", "part", "server", "file", "account", "cause", "remedy"
FASTER, SLOWER, SAME, GONE, NEW, STAYED, NOT_SEEN = (
    "faster",
    "slower",
    "inside the spread",
    "gone",
    "new",
    "stayed",
    "not seen again",
)
_LEDGER = {SERVER: "url_host", FILE: "target", ACCOUNT: "user_sid"}
_PARTS = {"waiting": "waiting_wall_s", "checking": "checking_s", "unexplained": "unexplained_s"}
_PAIRED_BY = (("host", "process", "app_pool"), ("host", "process"), ("process", "app_pool"), ("process",))
_TICK_S = 0.016  # the clock of a log is not finer
_WAITS = ("wait", "other wait")


class Pair(NamedTuple):
    """Start-ups that belong together: rows of `startups`, each with the number of its analysis; `name`: host, process, pool."""

    name: tuple[Any, Any, Any]
    before: list[dict[Any, Any]]
    after: list[dict[Any, Any]]


def compare(
    before: Analysis | Iterable[Analysis],
    after: Analysis | Iterable[Analysis],
    *,
    remedy: str | None = None,
    servers: Sequence[str] = (),
) -> pd.DataFrame:
    """Compare what was logged before a change with what was logged after it.

    Parameters
    ----------
    before, after : analyses of one state each; several of one state show how much two start-ups differ by themselves.
    remedy : id of the remedy that was carried out, if it is known: only its prediction is compared then.
    servers : it was carried out for these servers only (names as in `url_host`); for all if empty.

    Returns
    -------
    comparison : DataFrame
        In the columns of table `comparison`: a row per pair of start-ups, then what each of its parts, servers, files and accounts
        took, then a row per cause (gone, new, stayed, not seen again), then a row per remedy with what it was predicted to leave.

    Raises
    ------
    TableError : a side is no analysis; the message says what to pass.
    NoEvents : a side without operations. Start-ups that have no partner are no error: they are in no row.
    """
    old, new = _several(before), _several(after)
    for side, name in ((old, "before"), (new, "after")):
        if not any(len(one.spans) for one in side):
            raise NoEvents(
                f"the log from {name} the change holds no operation with start and stop: there is nothing to compare"
            )
    pairs = pair_startups(old, new)
    rows = [row for group, pair in enumerate(pairs) for row in _of_pair(pair, group, sides=(old, new))]
    rows += _causes(old, new, pairs=pairs)
    rows += [
        row
        for group, pair in enumerate(pairs)
        for row in _predictions(pair, group, analyses=old, asked=(remedy, tuple(servers)))
    ]
    return shaped(pd.DataFrame(rows), "comparison") if rows else empty("comparison")


def _several(given: Analysis | Iterable[Analysis]) -> list[Analysis]:
    several = isinstance(given, Iterable) and not isinstance(given, str | pd.DataFrame)
    return [analysis_of(one) for one in (given if several else [given])]  # type: ignore[union-attr]


# ---- Start-ups.


def pair_startups(before: Sequence[Analysis], after: Sequence[Analysis]) -> list[Pair]:
    """The start-ups that belong together: those of one computer, program and pool first, then by less; the longest pair first."""
    left = [_rows(before), _rows(after)]
    pairs: list[Pair] = []
    for columns in _PAIRED_BY:
        sides = [_grouped(rows, columns) for rows in left]
        for key in sides[0]:
            if key in sides[1]:
                first = sides[0][key][0]
                name = (first["host"], first["process"], first["app_pool"])
                pairs.append(Pair(name, sides[0][key], sides[1][key]))
        taken = [id(row) for pair in pairs for row in (*pair.before, *pair.after)]
        left = [[row for row in rows if id(row) not in taken] for rows in left]
    return sorted(pairs, key=lambda pair: -max(row["wall_s"] for row in (*pair.before, *pair.after)))


def _rows(analyses: Sequence[Analysis]) -> list[dict[Any, Any]]:
    return [
        {**row, "analysis": number} for number, one in enumerate(analyses) for row in one.startups.to_dict("records")
    ]


def _grouped(rows: Iterable[dict[Any, Any]], columns: Sequence[str]) -> dict[tuple[str, ...], list[dict[Any, Any]]]:
    """The rows by these columns; one that lacks a value of them is in no group."""
    found: dict[tuple[str, ...], list[dict[Any, Any]]] = {}
    for row in rows:
        if not any(pd.isna(row[name]) for name in columns):
            key = tuple(_plain_name(name, str(row[name])) for name in columns)
            found.setdefault(key, []).append(row)
    return found


def _plain_name(column: str, value: str) -> str:
    """A name as it is compared: in any case, and a computer without its domain."""
    return (value.partition(".")[0] if column == "host" else value).casefold()


def _of_pair(pair: Pair, group: int, *, sides: tuple[list[Analysis], list[Analysis]]) -> Iterator[dict[str, Any]]:
    """The rows of a pair: the whole, its parts, and what its waits were for."""
    whole = {"group": group, **dict(zip(("host", "process", "app_pool"), pair.name, strict=True))}
    numbers = {"before_startups": len(pair.before), "after_startups": len(pair.after)}
    walls = [[float(row["wall_s"]) for row in side] for side in (pair.before, pair.after)]
    yield {**whole, **numbers, "kind": STARTUP, "name": pair.name[1], **_figures(*walls), "change": _change(*walls)}
    for name, column in _PARTS.items():
        seconds = [[float(row[column]) for row in side] for side in (pair.before, pair.after)]
        yield {**whole, **numbers, "kind": PART, "name": name, **_figures(*seconds), "change": _change(*seconds)}
    for kind, column in _LEDGER.items():
        spent = [
            _spent(rows, analyses, column=column)
            for rows, analyses in zip((pair.before, pair.after), sides, strict=True)
        ]
        for name in sorted(
            {*spent[0], *spent[1]}, key=lambda name: -max(spent[0].get(name, [0])[0], spent[1].get(name, [0])[0])
        ):
            values = [spent[0].get(name, [0.0] * len(pair.before)), spent[1].get(name, [0.0] * len(pair.after))]
            yield {
                **whole,
                **numbers,
                "kind": kind,
                "name": name,
                **_figures(*values),
                "change": _came_or_went(*values),
            }


def _spent(rows: list[dict[Any, Any]], analyses: list[Analysis], *, column: str) -> dict[str, list[float]]:
    """Seconds of waiting by server, file or account, for each start-up, as its ledger has them."""
    found: dict[str, list[float]] = {}
    for place, row in enumerate(rows):
        lines = analyses[row["analysis"]].ledger
        mine = lines[(lines["startup"] == row["startup"]).to_numpy(bool) & lines["kind"].isin(_WAITS).to_numpy(bool)]
        for name, seconds in mine.groupby(column)["seconds"].sum().items():
            found.setdefault(str(name), [0.0] * len(rows))[place] = float(seconds)
    return found


def _figures(before: list[float], after: list[float]) -> dict[str, float]:
    """Means, least and most of both sides, and the difference of the means."""
    figures: dict[str, float] = {}
    for side, values in (("before", before), ("after", after)):
        figures |= {f"{side}_s": float(np.mean(values)), f"{side}_low_s": min(values), f"{side}_high_s": max(values)}
    return figures | {"saved_s": figures["before_s"] - figures["after_s"]}


def _change(before: list[float], after: list[float]) -> str:
    """Faster or slower, unless the mean of one side lies inside the spread of the other."""
    old, new = float(np.mean(before)), float(np.mean(after))
    if min(before) - _TICK_S <= new <= max(before) + _TICK_S or min(after) - _TICK_S <= old <= max(after) + _TICK_S:
        return SAME
    return FASTER if new < old else SLOWER


def _came_or_went(before: list[float], after: list[float]) -> str:
    if not any(after):
        return GONE
    return NEW if not any(before) else _change(before, after)


# ---- Causes.


def _causes(before: list[Analysis], after: list[Analysis], *, pairs: list[Pair]) -> list[dict[str, Any]]:
    """A row per cause: what it cost on the mean of each side, and whether it went, came or stayed."""
    sides = [_by_rule(before), _by_rule(after)]
    again = {
        str(row["process"]).casefold()
        for one in after
        for row in one.spans[["process"]].drop_duplicates().to_dict("records")
    }
    rows = []
    for rule in dict.fromkeys([*sides[0], *sides[1]]):
        old, new = (side.get(rule, []) for side in sides)
        one, _ = (old or new)[0]
        programs = {name.casefold() for cause, analysis in old for name in _programs(cause, analysis)}
        change = STAYED if old and new else NEW if new else GONE if not programs or programs & again else NOT_SEEN
        costs = [sum(cause.cost_s for cause, _ in side) / len(all_) for side, all_ in ((old, before), (new, after))]
        figures = {"before_s": costs[0], "after_s": costs[1], "saved_s": costs[0] - costs[1]}
        counts = {"before_startups": len(old), "after_startups": len(new)}
        rows.append(
            {
                "kind": CAUSE,
                "id": rule,
                "name": one.title,
                "severity": one.severity,
                "change": change,
                **counts,
                **figures,
            }
        )
    return rows


def _by_rule(analyses: list[Analysis]) -> dict[str, list[tuple[Cause, Analysis]]]:
    found: dict[str, list[tuple[Cause, Analysis]]] = {}
    for one in analyses:
        for cause in causes_in(one.findings):
            found.setdefault(cause.rule, []).append((cause, one))
    return found


def _programs(cause: Cause, analysis: Analysis) -> list[str]:
    return [*merged(names_in(text) for text in analysis.findings["names"].iloc[list(cause.rows)])["process"]]


# ---- Predictions.


def _predictions(
    pair: Pair, group: int, *, analyses: list[Analysis], asked: tuple[str | None, tuple[str, ...]]
) -> Iterator[dict[str, Any]]:
    """A row per remedy of the findings from before: what it was predicted to leave of this start-up, and whether that came true."""
    remedy, servers = asked
    effects = pd.concat(
        [_effects(analyses[row["analysis"]], row, servers=servers) for row in pair.before], ignore_index=True
    )
    figures = _figures(*([float(row["wall_s"]) for row in side] for side in (pair.before, pair.after)))
    own = [float(np.mean([float(row["unexplained_s"]) for row in side])) for side in (pair.before, pair.after)]
    checks = figures["saved_s"] - (own[0] - own[1])
    whole = {"group": group, **dict(zip(("host", "process", "app_pool"), pair.name, strict=True)), "kind": REMEDY}
    for fix, rows in effects.groupby("fix", sort=False):
        if remedy not in (None, fix) or len(rows) < len(pair.before):
            continue
        wall = rows["wall_s"].astype("float64")
        low, high = (float((wall - rows[name].astype("float64")).mean()) for name in ("high_s", "low_s"))
        best = float(rows["wall_after_s"].astype("float64").mean())
        yield {
            **whole,
            "id": fix,
            "name": rows["title"].iloc[0],
            **figures,
            "checks_saved_s": checks,
            "predicted_s": best,
            "predicted_low_s": low,
            "predicted_high_s": high,
            "fits": _fits(figures, checks, low=figures["before_s"] - high, high=figures["before_s"] - low),
            "off_s": figures["after_s"] - best,
        }


def _fits(figures: dict[str, float], checks: float, *, low: float, high: float) -> bool:
    """Whether a predicted saving holds for the whole start-up, or for its checks: what the program does itself differs each time."""
    saved = [figures["before_s"] - figures[f"after_{side}_s"] for side in ("high", "low")]
    return min(*saved, checks) - _TICK_S <= high and low <= max(*saved, checks) + _TICK_S


def _effects(analysis: Analysis, row: dict[Any, Any], *, servers: tuple[str, ...]) -> pd.DataFrame:
    tables = {name: getattr(analysis, name) for name in ("spans", "waits", "startups")}
    table = whatif(analysis.findings, **tables, servers=servers)
    return table[table["startup"].eq(row["startup"]).fillna(False).to_numpy(bool)]
