"""Palette: the few colours of all charts, and how texts from a log are made fit to print.

Colours differ in lightness, not in hue alone, so that a grey print and a
colour-blind reader see the same picture; patterns tell apart what shares one.
"""

from __future__ import annotations

import re
import unicodedata
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

NO_HOST = "server not named"
WIDE_BLANK = "\N{NO-BREAK SPACE} "  # two plain blanks are one in SVG
SHORTEST = 8  # a name cut to less says nothing

_ROOT = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/\\]*|[A-Za-z]:|[\\/]{2}[^\\/]+")
_PARTS = re.compile(r"[\\/]+")
_TAGS = 0xE0000  # characters that show as nothing, and can say anything


def clean(text: object) -> str:
    """A text from the log on one line, without control, format and unassigned characters; tags are shown; <NA> is ""."""
    if not isinstance(text, str):
        return ""
    return " ".join("".join(map(_printable, text)).split())


def _printable(char: str) -> str:
    category = unicodedata.category(char)
    if category in ("Cc", "Zl", "Zp"):
        return " "
    if category == "Cf":  # among them those that turn the direction of reading, and tags
        return f"\\U{ord(char):08x}" if ord(char) >= _TAGS else ""
    return "\N{REPLACEMENT CHARACTER}" if category in ("Cs", "Cn", "Co") else char


def file_name(path: object) -> str:
    """The last part of a path or URL."""
    text = clean(path)
    return _PARTS.split(text.rstrip("\\/"))[-1] or text


def short(text: object, width: int) -> str:
    r"""At most `width` characters, cut in the middle: drive and file name stay, ``C:\…\Setup.exe``."""
    whole = clean(text)
    if len(whole) <= width:
        return whole
    found = _ROOT.match(whole)
    head, rest = (found[0], whole[found.end() :]) if found else ("", whole)
    parts = [part for part in _PARTS.split(rest) if part]
    slash = "\\" if "\\" in whole else "/"
    if "\\" not in whole and not found and not whole.startswith("/"):
        return shorter(whole, width)  # a subject or a server, no path
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
