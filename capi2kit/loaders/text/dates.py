"""Dates: local dates as programs print them, in the few forms that can mean one thing only."""

from __future__ import annotations

import re

import pandas as pd

_MARKS = dict.fromkeys(map(ord, "\u200e\u200f\u202a\u202c"))  # of writing direction: Windows puts these into dates
_HALVES = {"am": "AM", "pm": "PM", "午前": "AM", "午後": "PM", "上午": "AM", "下午": "PM", "오전": "AM", "오후": "PM"}
_HALF = r"[AaPp]\.?\s?[Mm]\.?|午前|午後|上午|下午|오전|오후"
_TIME = (
    rf"(?:(?P<before>{_HALF})\s*)?(\d{{1,2}}):(\d{{2}})(?::(\d{{2}})(?:[.,](\d{{1,9}}))?)?(?:\s*(?P<after>{_HALF}))?"
)
_FORMS = (
    re.compile(rf"(?P<y>\d{{4}})[-/.](?P<m>\d{{1,2}})[-/.](?P<d>\d{{1,2}})\.?[ T,]+{_TIME}"),
    re.compile(rf"(?P<y>\d{{4}})\. ?(?P<m>\d{{1,2}})\. ?(?P<d>\d{{1,2}})\.? {_TIME}"),
    re.compile(rf"(?P<d>\d{{1,2}})[.-](?P<m>\d{{1,2}})[.-](?P<y>\d{{4}})[ ,]+{_TIME}"),
)
_SLASHES = re.compile(rf"(?P<m>\d{{1,2}})/(?P<d>\d{{1,2}})/(?P<y>\d{{4}})[ ,]+{_TIME}")
_FIRST, _LAST = 1678, 2262  # years that fit into nanoseconds in every zone
_ONE_WAY = 12  # a number above it is not a month


def local_date(text: str, *, day_first: bool | None = None) -> pd.Timestamp | None:
    """A local date and time without a zone; None if the text has another form, or may mean two days.

    With slashes and AM or PM the month comes first, as in the United States; without, only a day above 12
    tells which is which, unless `day_first` says it.
    """
    found = possible_dates(text)
    if len(found) > 1 and day_first is None:
        text = " ".join(text.translate(_MARKS).split())
        slashes = _SLASHES.fullmatch(text)
        return found[0] if slashes and _half(slashes) else None
    return found[-1 if day_first else 0] if found else None


def possible_dates(text: str) -> list[pd.Timestamp]:
    """The days and times that a text can mean, the one with the month first before the one with the day first."""
    text = " ".join(text.translate(_MARKS).split())
    for form in _FORMS:
        if found := form.fullmatch(text):
            return _made(found, month=int(found["m"]), day=int(found["d"]))
    found = _SLASHES.fullmatch(text)
    if not found:
        return []
    one, other = int(found["m"]), int(found["d"])
    both = [_made(found, month=one, day=other), _made(found, month=other, day=one) if one != other else []]
    return [date for dates in both for date in dates]


def _half(found: re.Match[str]) -> str | None:
    """AM, PM or nothing."""
    said = found["before"] or found["after"]
    return _HALVES["".join(filter(str.isalpha, said)).lower()] if said else None


def _made(found: re.Match[str], *, month: int, day: int) -> list[pd.Timestamp]:
    year, half = int(found["y"]), _half(found)
    hour, minute, second, fraction = (part for name, part in _numbers(found))
    hours = int(hour) % 12 + 12 * (half == "PM") if half else int(hour)
    rest = (fraction or "").ljust(9, "0")
    try:
        whole = pd.Timestamp(year, month, day, hours, int(minute), int(second or 0))
    except ValueError:
        return []
    return [whole.as_unit("ns") + pd.Timedelta(int(rest), "ns")] if _FIRST <= year < _LAST else []


def _numbers(found: re.Match[str]) -> list[tuple[int, str]]:
    """Hour, minute, second and fraction: the groups without a name."""
    named = set(found.re.groupindex.values())
    return [(number, found[number]) for number in range(1, found.re.groups + 1) if number not in named]
