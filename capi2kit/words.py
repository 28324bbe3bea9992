"""Words: values as a reader sees them, on a terminal, in a report and in a chart alike.

The one place that writes a duration, a bound, a moment, an account or a result code in words, shortens a name, and makes
text from a log harmless. No number without its unit, no wait without what bounds it, no digit that its bounds do not allow.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from capi2kit.knowledge import account, code_text

ABSENT = "–"
NO_HOST = "server not named"
_LONG_SID = 5  # dashes in a SID from which on its middle says nothing to a reader
_NAMED = 3
SHORTEST = 8  # a name cut to less says nothing
HIDDEN = re.compile(  # controls, half characters, marks of direction, and what shows as nothing: blanks without width, tags
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164"
    "\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_SID = re.compile(r"\bS-1-\d+(?:-\d+){4,}")
_ESCAPES = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}
_ROOT = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/\\]*|[A-Za-z]:|[\\/]{2}[^\\/]+")
_PARTS = re.compile(r"(?:/|\\(?!x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}))+")  # not at what `visible` wrote
_SURE_S = 0.05  # bounds nearer than this to each other change nothing that a reader would see


# ---- Durations.


def seconds(value: Any) -> str:
    """A duration: ``0.32 s`` below one second, ``14.2 s`` below 100, then ``7 min 50 s``, from two hours on ``3 h 5 min``."""
    number = _number(value)
    if math.isnan(number):
        return ABSENT
    sign, size = "-" if number < 0 else "", abs(number)
    if size < 0.005:
        return "under 0.01 s" if size else "0 s"
    if size < 0.995:
        return f"{sign}{size:.2f} s"
    return sign + (f"{size:.1f} s" if size < 99.95 else _minutes(round(size)))


def saved_at_least(value: Any) -> str:
    """The lower bound of a saving; where it may cost a fraction of a second instead, it saves none."""
    return seconds(0.0 if not is_missing(value) and -1 < float(value) < 0 else value)


def at_most(value: Any) -> str:
    """An upper bound, never rounded down: ``at most 15.1 s`` for 15.016."""
    return f"at most {_bound(_number(value), up=True)}"


def at_least(value: Any) -> str:
    """A lower bound, never rounded up."""
    return f"at least {_bound(_number(value), up=False)}"


def duration(value: Any, *, low: Any, high: Any, quality: Any) -> str:
    """A duration with no more digits than its bounds allow.

    ``14.2 s`` if it is exact; else ``about 8 s``, ``6 to 8 s``, ``at most 15.1 s``, ``at least 5.0 s``; ``unknown, at most
    15.1 s`` and ``unknown`` where nothing gives its length.
    """
    best, least, most = _number(value), _number(low), _number(high)
    if math.isnan(best) or quality == "unknown":
        return "unknown" if math.isnan(most) else f"unknown, {at_most(most)}"
    if quality == "exact" or most - least < _SURE_S:
        return seconds(best)
    if math.isnan(most):
        return at_least(best if math.isnan(least) else least)
    if not least > 0.05 * most:
        return at_most(most)
    return _about(best, low=least, high=most)


def waited(startup: Any) -> str:
    """The waiting of one row of `startups`, as a sentence may claim it."""
    sure = startup["waiting_high_s"] - startup["waiting_low_s"] < _SURE_S
    bounds = {"low": startup["waiting_low_s"], "high": startup["waiting_high_s"]}
    return duration(startup["waiting_wall_s"], **bounds, quality="exact" if sure else "bounded")


def _about(best: float, *, low: float, high: float) -> str:
    """One rounded number if both bounds round to it, else from one to the other."""
    for step in (0.1, 1.0, 5.0, 10.0):
        if step < 0.15 * best and round(low / step) == round(high / step):
            return f"about {_plain(round(best / step) * step)}"
    step = 0.01 if high < 1 else 0.1 if high - low < 1 or high < 10 else 1.0
    first, last = math.floor(low / step + 1e-6) * step, math.ceil(high / step - 1e-6) * step
    if last < 100:
        digits = 2 if step == 0.01 else 1 if step == 0.1 else 0
        return f"{first:.{digits}f} to {last:.{digits}f} s"
    return f"{_bound(low, up=False)} to {_bound(high, up=True)}"


def _bound(value: float, *, up: bool) -> str:
    if math.isnan(value):
        return ABSENT
    step = 0.01 if value < 0.995 else 0.1 if value < 99.95 else 1.0
    places = value / step
    whole = math.ceil(places - 1e-6) if up else math.floor(places + 1e-6)
    if value >= 99.95:
        return _minutes(int(whole))
    return f"{whole * step:.2f} s" if step == 0.01 else f"{whole * step:.1f} s"


def _plain(value: float) -> str:
    if value >= 100:
        return _minutes(round(value))
    return f"{value:.0f} s" if value == round(value) else f"{value:.1f} s"


def _minutes(total: int) -> str:
    minutes, rest = divmod(total, 60)
    return f"{minutes} min {rest} s" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def _number(value: Any) -> float:
    """A cell as a float, a missing one as NaN."""
    return math.nan if is_missing(value) else float(value)


# ---- Other values.


def is_missing(value: Any) -> bool:
    """Whether a cell is <NA>, NaN, NaT or None."""
    return (
        value is None
        or type(value).__name__ in ("NAType", "NaTType")
        or (isinstance(value, float) and math.isnan(value))
    )


def moment(time: Any, tz: str = "UTC", *, digits: int = 3) -> str:
    """A time in a zone, with its offset: ``2016-07-22 16:36:41.148Z``."""
    if is_missing(time):
        return ABSENT
    local = time.tz_convert(tz)
    fraction = f".{local.microsecond:06d}"[: digits + 1] if digits else ""
    offset = local.strftime("%z")
    shown = "Z" if tz == "UTC" else f"{offset[:3]}:{offset[3:]}"
    return f"{local:%Y-%m-%d %H:%M:%S}{fraction}{shown}"


def who(sid: Any) -> str:
    """An account: its SID, with the name where it is well known."""
    if is_missing(sid):
        return ABSENT
    kind, name = account(str(sid))
    return visible(sid) if kind in ("user", "unknown") else f"{visible(sid)} ({name})"


def brief_account(sid: Any) -> str:
    """An account in a few characters: its name, where every Windows has it, else the ends of its SID: ``S-1-5-21-…-1107``."""
    if is_missing(sid):
        return ABSENT
    kind, name = account(str(sid))
    if name and kind not in ("user", "unknown") and str(sid).count("-") < _LONG_SID:
        return name
    text = visible(sid)
    parts = text.split("-")
    short_sid = "-".join([*parts[:4], "…", parts[-1]]) if len(parts) > _LONG_SID else text
    return f"{name} {short_sid}" if name and kind not in ("user", "unknown") else short_sid


def brief_sids(text: Any) -> str:
    """A text in which the middle of long SIDs is left out."""
    return _SID.sub(lambda found: brief_account(found[0]), str(text))


def code(value: Any) -> str:
    """A result code with its symbol."""
    return ABSENT if is_missing(value) else code_text(int(value))


def clock(offset: Any) -> str:
    """A clock offset in words: ``384 s slow``."""
    number = _number(offset)
    if math.isnan(number):
        return ABSENT
    if abs(number) < 2:
        return "right ±2 s"
    size = f"{abs(number):.0f} s" if abs(number) < 600 else f"{abs(number) / 60:.0f} min"
    return f"{size} {'slow' if number < 0 else 'fast'}"


def count(number: int, noun: str, *, plural: str = "") -> str:
    """``1 wait``, ``1,234 waits``, ``2 addresses``."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def inferred(text: Any) -> str:
    """The sentence for what follows from what was seen, with a blank before it; empty if nothing does."""
    return "" if is_missing(text) or not str(text).strip() else f" Inferred: {visible(text)}."


def listed(names: list[str], kind: str) -> str:
    """Three names at most, else two and how many more there are: ``a, b and 3 more servers``."""
    if len(names) > _NAMED:
        return f"{', '.join(names[:2])} and {count(len(names) - 2, f'more {kind}')}"
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def numbered(numbers: Sequence[int], kind: str, *, most: int) -> str:
    """The first numbers, and how many more there are: ``line 7``, ``lines 3, 4, 9 and 2 more``."""
    more = f" and {len(numbers) - most} more" if len(numbers) > most else ""
    return f"{kind}{'s' if len(numbers) != 1 else ''} {', '.join(map(str, numbers[:most]))}{more}"


# ---- Text from a log.


def visible(text: Any) -> str:
    """Text from a log on one line, with control and direction characters shown as ``\\u202e``; <NA> is ``–``."""
    return ABSENT if is_missing(text) else HIDDEN.sub(_escaped, unicodedata.normalize("NFC", str(text)))


def visible_lines(text: str) -> str:
    """The same for a text of several lines: its line ends stay."""
    return "\n".join(visible(line) for line in text.split("\n"))


def with_pid(name: Any, pid: Any) -> str:
    """A process as the tables show it: ``w3wp.exe (2616)``."""
    return f"{visible(name)} ({'PID not logged' if is_missing(pid) else pid})"


def label(text: Any) -> str:
    """The same for a name: every run of blanks and line ends is one blank; what is missing is an empty text."""
    return "" if is_missing(text) else visible(" ".join(str(text).split()))


def _escaped(found: re.Match[str]) -> str:
    char, point = found[0], ord(found[0])
    if char in _ESCAPES:
        return _ESCAPES[char]
    return f"\\x{point:02x}" if point < 0x100 else f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"


def file_name(path: Any) -> str:
    """The last part of a path or URL."""
    text = label(path)
    return _PARTS.split(text.rstrip("\\/"))[-1] or text


def short(text: Any, width: int) -> str:
    r"""At most `width` characters, cut in the middle: drive and file name stay, ``C:\…\Setup.exe``."""
    whole = label(text)
    if len(whole) <= width:
        return whole
    found = _ROOT.match(whole)
    head, rest = (found[0], whole[found.end() :]) if found else ("", whole)
    if "\\" not in whole and not found and not whole.startswith("/"):
        return shorter(whole, width)  # a subject or a server, no path
    parts = [part for part in _PARTS.split(rest) if part]
    slash = "\\" if "\\" in whole else "/"
    lead = f"{head}{slash}…" if head or rest[:1] in ("\\", "/") else "…"
    tail = ""
    for part in reversed(parts):
        if len(lead) + len(tail) + 1 + len(part) > width:
            break
        tail = f"{slash}{part}{tail}"
    name = parts[-1] if parts else whole
    room = width - len(lead) - 1
    if not tail and (len(name) <= width or room < SHORTEST) and "://" not in head:
        return shorter(name, width)
    return lead + (tail or slash + shorter(name, max(room, 1)))


def shorter(name: str, width: int) -> str:
    """A name cut in its middle; an ending such as .msp stays."""
    if len(name) <= width:
        return name
    stem, dot, ending = name.rpartition(".")
    keep = len(ending) + 1 if dot and 0 < len(ending) <= 4 and stem else (width - 1) // 3
    keep = min(keep, max(width - 2, 0))
    return f"{name[: max(width - 1 - keep, 0)]}…{name[len(name) - keep :] if keep else ''}"
