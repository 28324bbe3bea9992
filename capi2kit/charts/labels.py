"""Labels: durations in words with their quality, and how wide a text will be.

Nothing here draws. Widths come from the font itself, so that a label is only
put where it fits.
"""

from __future__ import annotations

import math
from functools import cache

import pandas as pd
from matplotlib.font_manager import FontProperties, findfont, get_font

from capi2kit.columns.instants import TICK_S


def seconds(value: float) -> str:
    """A duration as people read it: ``14.49 s``, ``123.5 s``, ``1,235 s``, ``<0.01 s``."""
    if value < 0.005:
        return "<0.01 s" if value > 0 else "0 s"
    return f"{value:.2f} s" if value < 99.995 else f"{value:.1f} s" if value < 999.95 else f"{value:,.0f} s"


def at_most(value: float) -> str:
    """An upper bound."""
    return f"≤ {_rounded_up(value).removesuffix('0')} s"


def _rounded_up(value: float) -> str:
    """Two digits that stay an upper bound, to the millisecond."""
    return f"{math.ceil(value * 100 - 0.1) / 100:.2f}"


def measured(value: float, *, low: float, high: float, quality: str) -> str:
    """A duration with how sure it is: ``4.98 s ±0.02``, ``4.90–5.10 s``, ``≥ 5.00 s``, ``≤ 15.0 s``, ``unknown, ≤ 15.0 s``."""
    if quality == "unknown" or math.isnan(value):
        return "unknown" if math.isnan(high) else f"unknown, {at_most(high)}"
    if quality == "exact":
        if value < TICK_S:
            return f"<{TICK_S:.2f} s"
        half = TICK_S if math.isnan(high - low) else max((high - low) / 2, 0.01)
        return f"{seconds(value)} ±{half:.2f}"
    if math.isnan(high):
        return f"≥ {seconds(value)}"
    if high - low < 2 * TICK_S < high:
        return f"{seconds(value)} ±{TICK_S:.2f}"
    if low > 0.05 * high:
        return f"{low:.2f}–{_rounded_up(high)} s"
    return at_most(max(high, TICK_S))


def number(value: object) -> float:
    """A cell as a float, <NA> as NaN."""
    return float(value) if isinstance(value, int | float) and not pd.isna(value) else math.nan


def count(number: int, noun: str) -> str:
    """``1 wait``, ``1,234 waits``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def points(text: str, size: float, *, bold: bool = False) -> float:
    """The width of the widest line of a text, in points."""
    weight = "bold" if bold else "normal"
    return max(sum(_advance(char, weight) for char in line) for line in text.split("\n")) * size


@cache
def _advance(char: str, weight: str) -> float:
    """Width of a character in parts of the font size; a character the font lacks is taken for a wide one."""
    font = get_font(findfont(FontProperties(weight=weight)))
    font.set_size(100.0, 72.0)
    index = font.get_char_index(ord(char))
    return font.load_glyph(index).linearHoriAdvance / 65536 / 100 if index else 1.0
