"""Examinations: an incident that nobody has seen, a form to fill, and a key that stays with the teacher."""

from __future__ import annotations

import codecs
import re
import textwrap
from pathlib import Path

from capi2kit.errors import ScenarioError
from capi2kit.lab.course.marking import AnswerError, best, how_to, others
from capi2kit.lab.course.paper import Paper, about, as_key, write_evidence
from capi2kit.lab.course.sitting import Sitting, asked
from capi2kit.writer import write_file

FORM, QUESTIONS, EVIDENCE = "answers.txt", "questions.txt", "evidence"
_WIDTH = 90
_NAMED = re.compile(r"^# (\S+)\. Name:", re.MULTILINE)
_LINE = re.compile(r"^\s*(\d+)\s*[:.)]\s?(.*)$")


def write_exam(paper: Paper, folder: Path, *, force: bool = False) -> list[Path]:
    """Write what students get into a folder (evidence, questions, a form), and the key beside it. The last path is the key.

    Raises OutputError if a file is there already and `force` is not said, or cannot be written.
    """
    written = write_evidence(paper, folder / EVIDENCE, force=force)
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
    text = _text(path)
    if (named := _NAMED.search(text)) and named[1] != paper.name:
        raise ScenarioError(f"{path}: is a form of {named[1]}; this is the key of {paper.name}")
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
    if not seen:
        raise ScenarioError(f"{path}: holds no answers; a line of a form is a number, a colon, and the answer: 1: b")
    for number in range(1, len(paper.questions) + 1):
        sitting.skip(number)
    return sitting


def _text(path: Path) -> str:
    """A text as Windows programs save it: UTF-8, or UTF-16 with its mark. Raises ScenarioError."""
    try:
        data = path.read_bytes()
    except OSError as err:
        raise ScenarioError(f"{path}: cannot be read ({err.strerror})") from err
    wide = data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    return data.decode("utf-16" if wide else "utf-8-sig", errors="replace")


def _questions(paper: Paper) -> str:
    lines = [paper.name, "=" * len(paper.name), "", paper.complaint, ""]
    lines += [
        f"{about(paper)}. The evidence is in the folder {EVIDENCE}.",
        f"Write the answers into {FORM}: after each number, one line.",
    ]
    for number, question in enumerate(paper.questions, 1):
        lines += ["", asked(question, number=number, of=len(paper.questions))[0]]
        for line in asked(question, number=number, of=len(paper.questions))[1:]:
            indent = "  " if line[1:3] == ") " else ""
            lines += textwrap.wrap(
                line, _WIDTH, initial_indent=indent, subsequent_indent=f"{indent}   " if indent else ""
            )
        lines.append(f"  ({how_to(question)})")
    return "\n".join(lines) + "\n"


def _form(paper: Paper) -> str:
    head = f"# {paper.name}. Name: "
    return "\n".join([head, *(f"{number}: " for number in range(1, len(paper.questions) + 1))]) + "\n"


def _answers(paper: Paper) -> str:
    lines = [f"# {paper.name}: the key", ""]
    for number, question in enumerate(paper.questions, 1):
        more = f" ({others(question)})" if others(question) else ""
        lines += [f"**{number}.** {question.text}", "", f"**{best(question)}**{more}. {question.because}", ""]
        lines += [f"- {wrong.answer}: {wrong.says}" for wrong in question.wrong] + [""]
    return "\n".join(lines)
