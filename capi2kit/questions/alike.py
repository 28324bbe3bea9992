"""Alike: several logs in one table, a line each: what tells stories apart that begin with the same complaint.

How long one retrieval took, with which code it ended, for which accounts it came and for which it did not.
"""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from capi2kit.columns.cells import shaped
from capi2kit.knowledge import code_text

_RED = 2  # level of an error record
TABLE = "side_by_side"


def one_line(name: str, *, findings: pd.DataFrame, waits: pd.DataFrame, events: pd.DataFrame) -> dict[str, object]:
    """A log in one line of table `side_by_side`."""
    came = waits["outcome"].eq("ok").fillna(False).astype(bool)
    red = events[events["level"].eq(_RED).fillna(False)]
    codes = (code_text(int(code)).split()[-1] for code in waits["result"].dropna().unique() if code)
    return {
        "name": name,
        "rules": _words(findings["rule"].unique()),
        "wait_s": float(waits["wait_s"].sum()),
        "waits": len(waits),
        "typical_s": waits["wait_s"].median(),
        "results": _words(codes),
        "in_vain": _words(sorted(waits.loc[~came, "account_kind"].dropna().unique())),
        "came": _words(sorted(waits.loc[came, "account_kind"].dropna().unique())),
        "red": len(red),
        "red_good": int(red["result"].eq(0).fillna(False).sum()),
    }


def side_by_side(lines: Iterable[dict[str, object]]) -> pd.DataFrame:
    """Lines of `one_line` as table `side_by_side`, in their order."""
    return shaped(pd.DataFrame(list(lines)), TABLE)


def _words(found: Iterable[object]) -> str | None:
    return ", ".join(map(str, found)) or None
