"""Wrapping: sentences and commands as lines of a terminal. A command is continued as its shell allows, and never cut inside a word."""

from __future__ import annotations

import re

from rich.cells import cell_len

from capi2kit.diagnosis.steps import CMD, PS
from capi2kit.render.tables import fold

_CONTINUED = {CMD: " ^", PS: " `"}  # at the end of a line that goes on
_UNIT = re.compile(r"""(?:[^\s"']|"[^"]*"|'[^']*')+|\s+""")  # a word of a command, quoted parts whole


def wrapped(text: str, *, width: int, first: str = "", rest: str = "") -> list[str]:
    """A sentence as lines of at most `width` cells: `first` before the first one, `rest` before the others."""
    room = max(width - max(cell_len(first), cell_len(rest)), 1)
    return [(first if not place else rest) + line for place, line in enumerate(fold(text, room))]


def command(text: str, *, width: int, shell: str = PS, indent: str = "  ") -> list[str]:
    """A command as lines that can be pasted: cut only between words, with the sign of its shell for a line that goes on."""
    end = _CONTINUED.get(shell, _CONTINUED[PS])
    lines, line = [], indent
    for unit in _UNIT.findall(text):
        if line.strip() and not unit.isspace() and cell_len(line) + cell_len(unit) + len(end) > width:
            lines.append(line.rstrip() + end)
            line = 2 * indent
        line += unit if line.strip() or not unit.isspace() else ""
    return [*lines, line.rstrip()]
