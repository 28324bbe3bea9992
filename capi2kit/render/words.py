"""Words: values as a reader sees them. No number without its unit, no wait without its quality."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import pandas as pd

from capi2kit.knowledge import account, code_text

ABSENT = "–"
HIDDEN = re.compile(  # controls, half characters, marks of direction, and what shows as nothing: blanks without width, tags
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164"
    "\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


def visible(text: Any) -> str:
    """Text from a log on one line, with control and direction characters shown as ``\\u202e``."""
    if text is None or text is pd.NA or (isinstance(text, float) and pd.isna(text)):
        return ABSENT
    return HIDDEN.sub(_escaped, unicodedata.normalize("NFC", str(text)))


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    if found[0] in "\t\n\r":
        return {"\t": "\\t", "\n": "\\n", "\r": "\\r"}[found[0]]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def seconds(value: Any) -> str:
    """A duration: three digits below a second, two above, minutes from 100 s on."""
    if value is None or pd.isna(value):
        return ABSENT
    number = float(value)
    if abs(number) >= 100:
        minutes, rest = divmod(abs(number), 60)
        return f"{'-' if number < 0 else ''}{int(minutes)} min {rest:04.1f} s"
    return f"{number:.2f} s" if abs(number) >= 1 else f"{number:.3f} s"


def duration(value: Any, *, low: Any, high: Any, quality: str) -> str:
    """A duration with its bounds: ``14.45 s``, ``≥ 14.45 s`` (it may have begun earlier), ``0.000 s to 0.266 s``."""
    if pd.isna(value):
        return ABSENT
    if quality == "exact" or (not pd.isna(high) and high - low < 0.05):
        return seconds(value)
    return f"≥ {seconds(value)}" if pd.isna(high) else f"{seconds(low)} to {seconds(high)}"


def wait(value: Any, *, low: Any, high: Any, quality: str) -> str:
    """A wait with its bounds: ``4.98 s ±0.02``, ``0 to 15.0 s``, ``unknown, at most 15.0 s``."""
    if quality == "exact":
        return f"{seconds(value)} ±{(float(high) - float(low)) / 2:.2f}"
    limit = ABSENT if pd.isna(high) else seconds(high)
    if quality == "unknown" or pd.isna(value):
        return f"unknown, at most {limit}"
    span = float(high) - float(low)
    return f"{seconds(value)} ±{span / 2:.2f}" if span < 0.05 else f"{seconds(low)} to {limit}"


def moment(time: Any, tz: str = "UTC", *, digits: int = 3) -> str:
    """A time in a zone, with its offset: ``2016-07-22 16:36:41.148Z``."""
    if time is None or pd.isna(time):
        return ABSENT
    local = pd.Timestamp(time).tz_convert(tz)
    fraction = f".{local.microsecond:06d}"[: digits + 1] if digits else ""
    offset = local.strftime("%z")
    shown = "Z" if tz == "UTC" else f"{offset[:3]}:{offset[3:]}"
    return f"{local:%Y-%m-%d %H:%M:%S}{fraction}{shown}"


def who(sid: Any) -> str:
    """An account: its SID, with the name where it is well known."""
    if sid is None or pd.isna(sid):
        return ABSENT
    kind, name = account(str(sid))
    return visible(sid) if kind in ("user", "unknown") else f"{visible(sid)} ({name})"


def code(value: Any) -> str:
    """A result code with its symbol."""
    return ABSENT if value is None or pd.isna(value) else code_text(int(value))


def clock(offset: Any) -> str:
    """A clock offset in words: ``384 s slow``."""
    if offset is None or pd.isna(offset):
        return ABSENT
    number = float(offset)
    if abs(number) < 2:
        return "right ±2 s"
    size = f"{abs(number):.0f} s" if abs(number) < 600 else f"{abs(number) / 60:.0f} min"
    return f"{size} {'slow' if number < 0 else 'fast'}"


def short(text: str, width: int) -> str:
    """Text of at most `width` characters, shortened in the middle: both ends of a path or URL tell most."""
    if len(text) <= width:
        return text
    left = (width - 1) // 3
    return f"{text[:left]}…{text[len(text) - (width - 1 - left) :]}"
