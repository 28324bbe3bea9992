"""Waiting: where the seconds went, in the parts of one sentence: which start-up, how long, for whom, and what failed.

Input: spans, waits and start-ups of an analysis. Nothing here writes a sentence: `sentences` does.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import pandas as pd

from capi2kit.knowledge import operations_where, trust_columns


class Waiting(NamedTuple):
    """The waits of the worst start-up in figures; all waits if no start-up waited.

    `startup`: its row in `startups`, None if none waited. `waits`: the waits that count. `unknown`: those of unknown
    length. `servers`: the one waited for longest first. `outcomes`: number of failed retrievals by outcome. `wrong`,
    `no_result`: operations around them that failed, or logged no result. `trust_errors`: the errors of their chains.
    `failed_lookups`: failed searches for a proxy inside them. `unsaved`: answers that could not be stored.
    """

    startup: pd.Series | None
    waits: pd.DataFrame
    processes: int
    unknown: int
    accounts: list[str]
    servers: list[str]
    outcomes: dict[str, int]
    wrong: int
    no_result: int
    trust_errors: list[str]
    failed_lookups: int
    unsaved: int
    failures: int
    unfinished: int


def waiting(
    spans: pd.DataFrame,
    waits: pd.DataFrame,
    *,
    startups: pd.DataFrame,
    number: int | None = None,
    harmless: Collection[int] = (),
) -> Waiting:
    """The start-up with a `number`, else the one that waited longest, and its waits. Changes nothing.

    `harmless`: events of operations that look failed, and are not: they count as not failed.
    """
    failed_at = failures_in(spans) & ~spans["stop_event"].isin(harmless).fillna(False)
    order = ["waiting_wall_s", "wall_s"]
    meant = startups["waiting_wall_s"] > 0 if number is None else startups["startup"] == number
    waited = startups[order].reset_index(drop=True)[meant.to_numpy(bool, na_value=False)]
    worst = waited.sort_values(order, ascending=False, kind="stable").index
    startup = startups.iloc[worst[0]] if len(worst) else None
    inside = waits if startup is None else waits[waits["startup"].eq(startup["startup"]).fillna(False)]
    around = spans["root"].isin(spans.loc[spans["span"].isin(inside["span"]), "root"]).to_numpy(bool)
    failed = inside.loc[inside["outcome"].ne("ok") & inside["outcome"].notna(), "outcome"]
    return Waiting(
        startup,
        inside,
        processes=inside.groupby(["host", "process", "pid"], dropna=False).ngroups,
        unknown=int((inside["quality"] == "unknown").sum()),
        accounts=inside["user_sid"].dropna().unique().tolist(),
        servers=inside.groupby("url_host")["high_s"].sum().sort_values(ascending=False, kind="stable").index.tolist(),
        outcomes={str(word): int(times) for word, times in failed.value_counts().items()},
        wrong=int(failed_at.to_numpy()[around].sum()),
        no_result=int(spans["result"].isna().to_numpy()[around].sum()),
        trust_errors=[name for name in trust_columns() if spans[name].to_numpy(bool, na_value=False)[around].any()],
        failed_lookups=int(inside["wpad_failures"].fillna(0).sum()),
        unsaved=int(inside["cache_write_failed"].fillna(False).sum()),
        failures=int(failed_at.sum()),
        unfinished=unfinished(spans),
    )


def failures_in(spans: pd.DataFrame) -> pd.Series:
    """Which operations failed, by their result; one without a result counts as not failed."""
    return spans["result"].ne(0).fillna(False).astype(bool)


def unfinished(spans: pd.DataFrame) -> int:
    """How many retrievals from the network began and did not end in this log."""
    return int((spans["operation"].isin(operations_where(wire=True)) & (spans["state"] == "no stop")).sum())
