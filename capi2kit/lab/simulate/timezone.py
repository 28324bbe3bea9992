"""Timezone: that of the lab's computers: one hour before UTC, all year.

A trace log or the output of a tool does not tell its zone; the System log does,
in its daily record of the uptime.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from capi2kit.lab.eventforms import SECOND
from capi2kit.lab.simulate.world import EPOCH

OFFSET_H = 1
NAME = "W. Central Africa Standard Time"  # UTC+1, and no summer time
IANA = "Africa/Lagos"  # the same, as other systems call it
OFFSET = OFFSET_H * 3600 * SECOND


def utc_time(shown: int) -> datetime:
    """What a clock shows, in UTC; to the microsecond."""
    return EPOCH + timedelta(microseconds=shown // 10)


def local_time(shown: int) -> datetime:
    """What a clock shows, in local time."""
    return utc_time(shown + OFFSET)
