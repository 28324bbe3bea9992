"""Examinations: an incident that nobody has seen, a form to fill, and a key that stays with the teacher."""

from __future__ import annotations

import re
from pathlib import Path

from capi2kit.errors import ScenarioError
from capi2kit.lab.course.marking import AnswerError, best, how_to
from capi2kit.lab.course.paper import Paper, about, as_key, write_evidence
from capi2kit.lab.course.sitting import Sitting, asked
from capi2kit.writer import write_file

FORM, QUESTIONS = "answers.txt", "questions.md"
_LINE = re.compile(r"^\s*(\d+)\s*[:.)]\s?(.*)$")


def write_exam(paper: Paper, folder: Path, *, force: bool = False) -> list[Path]:
    """Write what students get into a folder (evidence, questions, a form), and the key beside it. The last path is the key.

    Raises OutputError if a file is there already and `force` is not said, or cannot be written.
    """
    written = write_evidence(paper, folder, force=force)
    for name, text in ((QUESTIONS, _questions(paper)), (FORM, _form(paper))):
        write_file(folder / name, text.encode(), force=force)
        written.append(folder / name)
    for ending, text in (("md", _answers(paper)), ("json", as_key(paper))):
        path = folder.with_name(f"{folder.name}-key.{ending}")
        write_file(path, text.encode(), force=force)
        written.append(path)
    return written


def mark_form(paper: Paper, path: Path) -> Sitting:
    """Mark a filled form: lines such as `3: 80092013`.

    Raises ScenarioError if it cannot be read, or answers a question twice, or one that is not asked.
    """
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as err:
        raise ScenarioError(f"{path}: cannot be read ({err.strerror})") from err
    sitting = Sitting(paper)
    seen: set[int] = set()
    for line in text.splitlines():
        found = _LINE.match(line)
        if not found:
            continue
        number, given = int(found[1]), found[2].strip()
        if not 1 <= number <= len(paper.questions) or number in seen:
            again = "twice" if number in seen else f"but only 1 to {len(paper.questions)} are asked"
            raise ScenarioError(f"{path}: has an answer {number} {again}")
        seen.add(number)
        try:
            sitting.answer(number, given) if given else sitting.skip(number)
        except AnswerError:
            sitting.skip(number)
    for number in range(1, len(paper.questions) + 1):
        sitting.skip(number)
    return sitting


def _questions(paper: Paper) -> str:
    lines = [
        f"# {paper.name}",
        "",
        paper.complaint,
        "",
        f"{about(paper)}. The evidence: {', '.join(sorted(paper.files))}.",
        "",
    ]
    lines += [f"Write the answers into `{FORM}`: after each number, one line.", ""]
    for number, question in enumerate(paper.questions, 1):
        head, text, *options = asked(question, number=number, of=len(paper.questions))
        lines += [f"**{head}.** {text}", "", *(f"{option}<br>" for option in options), f"*{how_to(question)}*", ""]
    return "\n".join(lines)


def _form(paper: Paper) -> str:
    head = f"# {paper.name}. Name: "
    return "\n".join([head, *(f"{number}: " for number in range(1, len(paper.questions) + 1))]) + "\n"


def _answers(paper: Paper) -> str:
    lines = [f"# {paper.name}: the key", ""]
    for number, question in enumerate(paper.questions, 1):
        lines += [f"**{number}.** {question.text}", "", f"**{best(question)}.** {question.because}", ""]
        lines += [f"- {wrong.answer}: {wrong.says}" for wrong in question.wrong] + [""]
    return "\n".join(lines)
