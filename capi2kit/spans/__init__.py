"""Spans: events → operations as the log claims them.

`record_order` puts the records of a task in order, `pairing` finds each start's stop, `references` joins what other
records say of a call, `build` makes the table of it.
"""

from capi2kit.spans.build import BROKEN, build_spans

__all__ = ["BROKEN", "build_spans"]
