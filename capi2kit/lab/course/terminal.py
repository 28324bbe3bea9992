"""Asking on a terminal: one question after the other, with hints, marks and explanations."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable

from capi2kit.lab.course.marking import AnswerError
from capi2kit.lab.course.sitting import Sitting, asked, said, summed

Read = Callable[[], str]
Say = Callable[[str], None]
_HINT, _STOP = ("?", "hint", "h"), ("q", "quit", "stop")
_WIDEST = 100
_HOW = "Answer, or: ? for a hint (a right answer counts half then), Enter to leave a question out, q to stop."


def sit(sitting: Sitting, *, read: Read, say: Say, width: int) -> None:
    """Ask all questions. `read` gives a line, or raises EOFError at the end; `say` shows one."""
    total = len(sitting.paper.questions)
    _show([_HOW], say=say, width=width)
    for number in range(1, total + 1):
        say("")
        _show(asked(sitting.question(number), number=number, of=total), say=say, width=width)
        if not _answered(sitting, number, read=read, say=say, width=width):
            break
    say("")
    _show(summed(sitting), say=say, width=width)


def _answered(sitting: Sitting, number: int, *, read: Read, say: Say, width: int) -> bool:
    """Read until there is an answer, and say what it is worth. False if the person wants to stop."""
    question = sitting.question(number)
    while True:
        try:
            given = read().strip()
        except EOFError:
            return False
        if given.lower() in _STOP:
            return False
        if given.lower() in _HINT:
            _show([f"Hint: {sitting.hint(number)}"], say=say, width=width)
            continue
        try:
            found = sitting.answer(number, given) if given else sitting.skip(number)
        except AnswerError as err:
            _show([f"{err}."], say=say, width=width)
            continue
        _show(said(question, found) if given else ["Left out.", *said(question, found)], say=say, width=width)
        return True


def _show(lines: Iterable[str], *, say: Say, width: int) -> None:
    """Lines that fit; what there is to choose from is indented."""
    for line in lines:
        letter = line[1:3] == ") "
        room = max(min(width, _WIDEST) - 1, 20)
        for part in textwrap.wrap(
            line, room, initial_indent="  " if letter else "", subsequent_indent="     " if letter else ""
        ):
            say(part)
