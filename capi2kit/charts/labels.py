"""Labels: how wide a text will be, so that it is only put where it fits. Widths come from the font itself."""

from __future__ import annotations

from functools import cache

from matplotlib.font_manager import FontProperties, findfont, get_font


def points(text: str, size: float, *, bold: bool = False) -> float:
    """The width of the widest line of a text, in points."""
    weight = "bold" if bold else "normal"
    return max(sum(_advance(char, weight) for char in line) for line in text.split("\n")) * size * _SLACK


_SLACK = 1.01  # glyphs are placed on parts of a pixel
_UNKNOWN = 1.25  # of the size of the font: the box for a character that it lacks


@cache
def _advance(char: str, weight: str) -> float:
    """Width of a character in parts of the font size; a character the font lacks is taken for a wide one."""
    font = get_font(findfont(FontProperties(weight=weight)))
    font.set_size(100.0, 72.0)
    index = font.get_char_index(ord(char))
    return font.load_glyph(index).linearHoriAdvance / 65536 / 100 if index else _UNKNOWN
