"""Dates: local dates as programs print them, in the few forms that can mean one thing only."""

from __future__ import annotations

import re

import pandas as pd

_MARKS = dict.fromkeys(map(ord, "\u200e\u200f\u202a\u202c"))  # of writing direction: Windows puts these into dates
_TIME = r"(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,7}))?)?(?:\s*([AaPp])\.?[Mm]\.?)?"
_FORMS = (
    re.compile(rf"(?P<y>\d{{4}})[-/](?P<m>\d{{1,2}})[-/](?P<d>\d{{1,2}})[ T,]+{_TIME}"),
    re.compile(rf"(?P<d>\d{{1,2}})\.(?P<m>\d{{1,2}})\.(?P<y>\d{{4}})[ ,]+{_TIME}"),
    re.compile(rf"(?P<m>\d{{1,2}})/(?P<d>\d{{1,2}})/(?P<y>\d{{4}})[ ,]+{_TIME}"),
)
_FIRST, _LAST = 1678, 2262  # years that fit into nanoseconds in every zone
_ONE_WAY = 12  # a number above it is not a month


def local_date(text: str) -> pd.Timestamp | None:
    """A local date and time without a zone; None if the text has another form, or may mean two days.

    With slashes and AM or PM the month comes first, as in the United States; without, only a day above 12
    tells which is which.
    """
    text = " ".join(text.translate(_MARKS).split())
    for form in _FORMS:
        found = form.fullmatch(text)
        if found:
            return _made(found, slashes="/" in text and not text[:4].isdigit())
    return None


def _made(found: re.Match[str], *, slashes: bool) -> pd.Timestamp | None:
    year, month, day = (int(found[name]) for name in "ymd")
    hour, minute, second, fraction, half = found.groups()[-5:]
    if slashes and not half:
        if month > _ONE_WAY >= day:
            month, day = day, month
        elif month <= _ONE_WAY and day <= _ONE_WAY and month != day:
            return None
    hours = int(hour) % 12 + 12 * (half in "Pp") if half else int(hour)
    rest = (fraction or "").ljust(9, "0")
    try:
        whole = pd.Timestamp(year, month, day, hours, int(minute), int(second or 0))
    except ValueError:
        return None
    return whole.as_unit("ns") + pd.Timedelta(int(rest), "ns") if _FIRST <= year < _LAST else None
