"""Sittings: a paper while somebody answers it: the marks so far, the hints that were taken, and what it comes to."""

from __future__ import annotations

from collections.abc import Sequence

from capi2kit.lab.cards import LETTERS
from capi2kit.lab.course.marking import Mark, best, mark, others, skipped
from capi2kit.lab.course.paper import Paper
from capi2kit.lab.questions import Question


class Sitting:
    """A paper while somebody answers it. Questions count from 1; each counts once, by its first answer."""

    def __init__(self, paper: Paper) -> None:
        self.paper = paper
        self.marks: dict[int, Mark] = {}
        self.hints: dict[int, int] = {}

    def question(self, number: int) -> Question:
        """The question of a number. Raises IndexError with the numbers that there are."""
        questions = self.paper.questions
        if not 1 <= number <= len(questions):
            raise IndexError(f"there is no question {number}; {self.paper.name} has 1 to {len(questions)}")
        return questions[number - 1]

    def hint(self, number: int) -> str:
        """The next hint of a question, or that all are given. A right answer counts half after one."""
        hints, taken = self.question(number).hints, self.hints.get(number, 0)
        self.hints[number] = min(taken + 1, len(hints))
        return hints[taken] if taken < len(hints) else "There are no more hints."

    def answer(self, number: int, given: str) -> Mark:
        """Mark an answer. Raises AnswerError if it cannot be one."""
        found = mark(self.question(number), given, hints=self.hints.get(number, 0))
        self.marks.setdefault(number, found)
        return found

    def skip(self, number: int) -> Mark:
        """Leave a question out."""
        return self.marks.setdefault(number, skipped(self.question(number)))

    @property
    def points(self) -> float:
        """The points so far."""
        return sum(one.points for one in self.marks.values())

    @property
    def share(self) -> float:
        """The points as a share of all that can be had."""
        return self.points / len(self.paper.questions)

    @property
    def next(self) -> int | None:
        """The first question that has no mark."""
        return next((one for one in range(1, len(self.paper.questions) + 1) if one not in self.marks), None)


def asked(question: Question, *, number: int, of: int) -> list[str]:
    """A question as lines: where it stands, its text, and what there is to choose from."""
    lines = [f"Question {number} of {of} · {question.level.lower()}", question.text]
    return lines + [f"{LETTERS[place]}) {option}" for place, option in enumerate(question.options)]


def said(question: Question, found: Mark) -> list[str]:
    """What is said to an answer: right or wrong, why, and the right one from the records."""
    if found.right:
        half = " Half a point, after a hint." if found.points < 1 else ""
        return [f"Right.{half}", question.because]
    more = f" ({others(question)})" if others(question) else ""
    return [*([f"No. {found.says}"] if found.says else []), f"Right would be: {best(question)}{more}", question.because]


def summed(sitting: Sitting) -> list[str]:
    """The score in words: points, and where to read more about what was wrong."""
    total = len(sitting.paper.questions)
    missed = [number for number, one in sorted(sitting.marks.items()) if not one.right]
    lines = [f"{sitting.points:g} of {total} points ({sitting.share:.0%})"]
    if missed:
        lines.append(f"Look again at {_numbered(missed)}.")
    elif sitting.next is None and sitting.points == total:
        lines.append("All right.")
    return lines


def _numbered(numbers: Sequence[int]) -> str:
    names = [str(one) for one in numbers]
    return f"question {names[0]}" if len(names) == 1 else f"questions {', '.join(names[:-1])} and {names[-1]}"
