"""Waits: how long each network retrieval really took, and the spans corrected by that.

`late_starts` judges whether a log writes its start records late, `budgets` finds the time limits, `steps` reads what a
retrieval says of its proxy and answer, `recover` makes the waits, `correct` gives the spans their true start.
"""

from capi2kit.waits.correct import correct_spans
from capi2kit.waits.recover import recover_waits

__all__ = ["correct_spans", "recover_waits"]
