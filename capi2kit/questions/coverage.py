"""Coverage: what each stretch of log can and cannot support, and how to collect again."""

from __future__ import annotations

import pandas as pd

from capi2kit.columns.cells import shaped
from capi2kit.diagnosis.fixes import Fix, fix_of
from capi2kit.knowledge import rows

OPERATIONAL = "Operational"  # end of the name of a channel that can log operations


def coverage(stretches: pd.DataFrame) -> pd.DataFrame:
    """The table `coverage` of a case with what its verdicts mean.

    Returns
    -------
    support : DataFrame
        One row per stretch, in the columns of table `support`: the stretch, and in words what it supports and what it does not.
    """
    words = {row["verdict"]: row for row in rows("verdicts")}
    verdicts = stretches["verdict"]
    table = stretches.assign(
        supports=[words[verdict]["supports"] for verdict in verdicts],
        does_not=[words[verdict]["does_not"] for verdict in verdicts],
    )
    return shaped(table, "support")


def again(stretches: pd.DataFrame) -> list[Fix]:
    """How to collect again what these stretches cannot support; empty if the operational logs are complete."""
    words = {row["verdict"]: row["fix"] for row in rows("verdicts")}
    logged = stretches[stretches["channel"].str.endswith(OPERATIONAL).fillna(False)]
    wanted = dict.fromkeys(words[verdict] for verdict in (logged if len(logged) else stretches)["verdict"])
    return [fix_of(name) for name in wanted if name]
