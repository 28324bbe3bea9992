"""Start-ups: what each process spent while it came up, on what, and what other evidence says of it.

`find` finds them, `ledger` accounts for their seconds, `outer_interval` widens them to other evidence, `delays` says which target
waited; `cross_checks` compares with what other programs measured, `clocks` with the clocks of servers.
"""

from capi2kit.startups.delays import attribute_delays
from capi2kit.startups.find import GAP_S, find_startups, mark_startups, mark_waits
from capi2kit.startups.ledger import draw_ledger

__all__ = ["GAP_S", "attribute_delays", "draw_ledger", "find_startups", "mark_startups", "mark_waits"]
