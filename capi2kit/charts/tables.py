"""Tables: the table that a chart draws, from what it was given: an Analysis, or the table itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from capi2kit.knowledge import check

if TYPE_CHECKING:
    from capi2kit.analysis import Analysis


def table_of(given: Analysis | pd.DataFrame, name: str, *, needs: Sequence[str] | None = None) -> pd.DataFrame:
    """The table with this name, checked. Raises TableError for anything else."""
    table: Any = given if isinstance(given, pd.DataFrame) else getattr(given, name, given)
    check(table, name, **({"needs": needs} if needs else {}))
    return table
