"""Text: sections → a page for a terminal, or for a file."""

from __future__ import annotations

import io
from typing import IO, TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from capi2kit.render.parts import Card, Section
from capi2kit.render.tables import fold, print_table
from capi2kit.render.wrapping import command, wrapped
from capi2kit.writer import plain

if TYPE_CHECKING:
    from capi2kit.render.report import Report

WIDTH = 120


def render(report: Report) -> bytes:
    """The page as UTF-8 bytes, without colour."""
    page = io.StringIO()
    write([report.opening, *report.sections], file=page, width=WIDTH, color=False)
    return page.getvalue().encode("utf-8")


def console_on(file: IO[str], *, width: int | None = None, color: bool | None = None) -> Console:
    """A console on an open text file; `width` None takes that of the terminal, `color` None leaves it to the terminal and NO_COLOR."""
    options: dict[str, Any] = {} if color is None else {"no_color": not color}
    plain: dict[str, Any] = dict.fromkeys(("highlight", "markup", "emoji", "soft_wrap", "force_jupyter"), False)
    return Console(file=file, width=width, **plain, **options)


def write(sections: list[Section], *, file: IO[str], width: int | None = None, color: bool | None = None) -> None:
    """Print sections to an open text file, each with its title; the title of the first one is left out."""
    console = console_on(file, width=width, color=color)
    encoding = getattr(file, "encoding", None)
    for number, section in enumerate(sections):
        if number:
            console.print()
            _print(section.title, console=console, encoding=encoding, style="bold")
        for index, sentence in enumerate(section.prose):
            style = "bold" if not number and not index else ""
            _print(sentence, console=console, encoding=encoding, style=style)
        if section.table and section.table.rows:
            print_table(section.table, console=console, encoding=encoding)
        for block in section.blocks:
            _print(block.text, console=console, encoding=encoding, style="bold" if block.kind == "heading" else "")
        for card in section.cards:
            _print_card(card, console=console, encoding=encoding)


def _print_card(card: Card, *, console: Console, encoding: str | None) -> None:
    """A card: its title, and each aspect with its lines below it; a command is not cut inside a word."""
    console.print()
    _print(f"{card.title} ({card.mark})" if card.mark else card.title, console=console, encoding=encoding, style="bold")
    for aspect, lines in card.aspects:
        for place, line in enumerate(lines):
            lead = f"  {aspect}: " if aspect and not place else "    "
            text = plain(line.text, encoding)
            rows = (
                command(text, width=console.width, indent=lead)
                if line.command
                else wrapped(text, width=console.width, first=lead, rest="    ")
            )
            for row in rows:
                console.print(Text(row, no_wrap=True, overflow="ignore"), crop=False)


def _print(sentence: str, *, console: Console, encoding: str | None, style: str) -> None:
    for line in fold(plain(sentence, encoding), console.width):
        console.print(Text(line, style=style, no_wrap=True, overflow="ignore"), crop=False)
