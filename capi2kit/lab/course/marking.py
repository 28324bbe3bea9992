"""Marking: whether an answer is right, what to say to it, and what it counts.

A number may have a unit, a decimal comma or blanks; a code may be decimal or have a name; a choice is its letter, its number or its text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from capi2kit.knowledge import codes, normal_code
from capi2kit.lab.cards import LETTERS
from capi2kit.lab.questions import Question, near

_FULL, _HINTED = 1.0, 0.5  # points for a right answer, and for one after a hint
_SECONDS = {
    "ms": 0.001,
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "seconds": 1.0,
    "min": 60.0,
    "m": 60.0,
    "minutes": 60.0,
    "minute": 60.0,
}
_PART = re.compile(r"(-?\d[\d.,' ]*)\s*([a-z]*)")
_CODE = re.compile(r"(?:0x)?([0-9a-f]{8})|(-?\d{9,10})", re.IGNORECASE)
_NAMED = 6  # further right answers
_OTHER = "That is not it."


@dataclass(frozen=True)
class Mark:
    """What an answer is worth. `says`: to a wrong answer that people commonly give, what is wrong with it."""

    right: bool
    points: float
    says: str
    because: str


class AnswerError(ValueError):
    """What cannot be an answer, such as a word where a number is asked for. The message says what to write."""


def mark(question: Question, given: str, *, hints: int = 0) -> Mark:
    """What an answer is worth. Raises AnswerError if it cannot be one."""
    readings = [*_readings(question, given)]
    if any(_right(question, one) for one in readings):
        return Mark(True, _HINTED if hints else _FULL, "", question.because)
    said = next(
        (wrong.says for one in readings for wrong in question.wrong if _is_mistake(question, one, wrong=wrong.answer)),
        "",
    )
    return Mark(False, 0.0, said or _OTHER, question.because)


def skipped(question: Question) -> Mark:
    """What no answer is worth."""
    return Mark(False, 0.0, "", question.because)


def best(question: Question) -> str:
    """The right answer as a person would write it: of a choice its letter and text."""
    answer = question.answers[0]
    if question.options:
        return f"{LETTERS[question.options.index(answer)]}) {answer}"
    return f"{answer} s" if question.kind == "seconds" else answer


def others(question: Question) -> str:
    """What is right, too, in words; nothing if there is one answer only."""
    more = question.answers[1:]
    rest = f" and {len(more) - _NAMED} more" if len(more) > _NAMED else ""
    return f"also right: {', '.join(more[:_NAMED])}{rest}" if more else ""


def how_to(question: Question) -> str:
    """What an answer to this question looks like."""
    forms = {
        "count": "a whole number",
        "seconds": "a number of seconds, such as 12.3 or 2 min 3 s",
        "code": "a code, such as 80092013",
        "name": "a name",
        "choice": f"one of the letters {LETTERS[0]} to {LETTERS[max(len(question.options) - 1, 0)]}",
    }
    return forms[question.kind]


def _readings(question: Question, given: str) -> Iterator[str]:
    """What an answer may mean, in the form of the right answers."""
    text = " ".join(given.split())
    read = {"count": _counts, "seconds": _lengths, "code": _codes, "name": _names}
    found = [*(_choices(question, text) if question.kind == "choice" else read[question.kind](text))]
    if not found:
        raise AnswerError(f"{text[:60]!r} is no answer to this question: write {how_to(question)}")
    yield from dict.fromkeys(found)


def _choices(question: Question, text: str) -> Iterator[str]:
    """A letter, a number, the text, or a letter and the text as they are printed."""
    given = text.lower()
    for place, option in enumerate(question.options):
        letter = LETTERS[place]
        if given.rstrip(").") in (letter, str(place + 1)) or given in (option.lower(), f"{letter}) {option}".lower()):
            yield option


def _counts(text: str) -> Iterator[str]:
    if found := re.fullmatch(r"(\d[\d,.' ]*?)(?:\.0+)?(?: [A-Za-z ]+)?", text):
        yield re.sub(r"\D", "", found[1])


def _lengths(text: str) -> Iterator[str]:
    """A length of time; a single comma is that of decimals or of thousands."""
    parts = _PART.findall(text.lower().rstrip("."))
    if not parts or any(unit and unit not in _SECONDS for _, unit in parts) or _PART.sub("", text.lower()).strip(" .,"):
        return
    for decimal in (".", ","):
        plain = (re.sub(r"[' ]|[.,](?=.*[.,])", "", number.strip()) for number, _ in parts)
        try:
            numbers = [float(one.replace("," if decimal == "." else ".", "").replace(",", ".")) for one in plain]
        except ValueError:
            continue
        yield f"{sum(one * _SECONDS[unit or 's'] for one, (_, unit) in zip(numbers, parts, strict=True)):.3f}"


def _codes(text: str) -> Iterator[str]:
    named = [code for code, known in codes().items() if known.symbol and known.symbol.lower() == text.lower()]
    if named:
        yield f"{named[0]:08X}"
    elif found := _CODE.fullmatch(text):
        number = int(found[1], 16) if found[1] else int(found[2]) & 0xFFFFFFFF
        yield f"{normal_code(number):08X}"


def _names(text: str) -> Iterator[str]:
    if text:
        yield text


def _right(question: Question, reading: str) -> bool:
    if question.kind == "seconds":
        return abs(float(reading) - float(question.answers[0])) <= question.tolerance
    if question.kind == "name":
        return _bare(reading) in {_bare(one) for one in question.answers}
    return reading in question.answers


def _bare(name: str) -> str:
    """A name without its folder, its ending, quotes and `CN=`."""
    last = re.split(r"[\\/]", name.strip(" \"'"))[-1].lower().removeprefix("cn=")
    return re.sub(r"\.(exe|dll)$", "", last)


def _is_mistake(question: Question, reading: str, *, wrong: str) -> bool:
    if question.kind == "seconds":
        return abs(float(reading) - float(wrong)) <= near(float(wrong))
    return reading == wrong
