"""Palette: the few colours and sizes of all charts.

Colours differ in lightness, not in hue alone, so that a grey print and a
colour-blind reader see the same picture; patterns distinguish what shares one.
"""

from __future__ import annotations

from typing import Any

WAIT = "#9C1C1C"  # the one strong colour: waiting for the network
CHECK = "#CBD5DE"  # everything else that took time
EDGE = "#768491"  # outline of CHECK, and the mark of what is too short to see
INK = "#1B1F23"
QUIET = "#56616C"  # text that is not the message
GRID = "#E4E8EC"
PAPER = "#FFFFFF"

BOUNDED = "////"  # known within bounds only
FAILED = "xxx"  # ended without an answer

TITLE_PT = 11.0
TEXT_PT = 8.5
SMALL_PT = 7.0

AS_IS: dict[str, Any] = {"parse_math": False, "usetex": False}  # a $ in a file name is a $

WIDE_BLANK = "\N{NO-BREAK SPACE} "  # two plain blanks are one in SVG
