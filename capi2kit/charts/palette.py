"""Palette: the few colours and sizes of all charts.

Colours differ in lightness, not in hue alone, so that a grey print and a
colour-blind reader see the same picture; patterns distinguish what shares one.
"""

from __future__ import annotations

from typing import Any

FAILED = "#9C1C1C"  # the one strong colour: waited for nothing
SEARCH = "#3A7CA5"  # answered, but the search for a proxy took its time
ANSWERED = "#D9962B"  # answered
WAIT = FAILED  # where outcomes are not distinguished
LEFT, LEFT_AT_MOST = "#2A6F4B", "#A9CDB9"  # what would be left with a remedy, and at most
CHECK = "#CBD5DE"  # everything else that took time
EDGE = "#768491"  # outline of CHECK, and the mark of what is too short to see
INK = "#1B1F23"
QUIET = "#56616C"  # text that is not the message
GRID = "#E4E8EC"
PAPER = "#FFFFFF"

BOUNDED = "////"  # known within bounds only

TITLE_PT = 11.0
TEXT_PT = 8.5
SMALL_PT = 7.0

AS_IS: dict[str, Any] = {"parse_math": False, "usetex": False}  # a $ in a file name is a $

WIDE_BLANK = "\N{NO-BREAK SPACE} "  # two plain blanks are one in SVG
