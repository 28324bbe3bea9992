"""Asking in a notebook: `c2.quiz("case-017")`: widgets where they are installed, and calls that do without."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from capi2kit.errors import ScenarioError, TableError
from capi2kit.lab.course.marking import AnswerError, how_to
from capi2kit.lab.course.paper import about, take_case, write_evidence
from capi2kit.lab.course.sitting import Sitting, asked, said, summed
from capi2kit.render.notebook.cards import Card

_CALLS = 'Without widgets: q.ask(1), q.hint(1), q.answer(1, "…"), q.score(). The evidence is q.log: c2.analyse(c2.load(q.log)).'
_LACKING = "To click: pip install 'capi2kit[lab]'."


def quiz(case: str | None = None, *, folder: str | Path | None = None) -> Quiz | Card:
    """Take a case of the course: it asks, gives hints, marks and explains.

    Parameters
    ----------
    case : such as "case-017" or "17"; without one, all cases are listed.
    folder : where the evidence is written when the case is first taken; a folder named like the case if not given.

    Returns
    -------
    Quiz, or Card
        The case; shown in a notebook it asks its questions. Its `log` is the folder with the evidence. Without a case: the list.

    Raises
    ------
    ScenarioError : there is no such case; the message names those that are like it.
    OutputError : the evidence cannot be written, or other files are there.
    """
    if case is None:
        return _listed()
    if not isinstance(case, str):
        raise TableError(f"this is of type {type(case).__name__}; needed is the name of a case, such as 'case-017'")
    paper = take_case(case)
    place = Path(folder) if folder is not None else Path(paper.name)
    write_evidence(paper, place)
    return Quiz(Sitting(paper), log=place)


def _listed() -> Card:
    from capi2kit.lab.cases import cases
    from capi2kit.render.notebook.markup import grid
    from capi2kit.render.parts import Column, Table
    from capi2kit.render.tables import table_lines

    columns = [
        Column("case", whole=True),
        Column("level"),
        Column("minutes", number=True),
        Column("complaint", long=True),
    ]
    table = Table(columns, [[one.name, one.level.lower(), str(one.minutes), one.complaint] for one in cases()])
    return Card(grid(table), "\n".join(table_lines(table, width=96)))


class Quiz:
    """A case while somebody answers it. `log`: the folder with the evidence, for `c2.load`."""

    def __init__(self, sitting: Sitting, *, log: Path) -> None:
        self._sitting = sitting
        self.log = log

    def ask(self, number: int) -> Card:
        """A question, with what there is to choose from. Raises ScenarioError if there is no such question."""
        question = self._known(number)
        total = len(self._sitting.paper.questions)
        lines = asked(question, number=number, of=total)
        return _card([*lines, f"Answer: {how_to(question)}."])

    def hint(self, number: int) -> Card:
        """The next hint; a right answer counts half after it. Raises ScenarioError if there is no such question."""
        self._known(number)
        return _card([f"Hint: {self._sitting.hint(number)}"])

    def answer(self, number: int, given: object) -> Card:
        """Mark an answer and explain it; the first one counts. Raises ScenarioError if there is no such question."""
        question = self._known(number)
        try:
            return _card(said(question, self._sitting.answer(number, str(given))))
        except AnswerError as err:
            return _card([f"{err}."])

    def score(self) -> Card:
        """The points so far, and what to look at again."""
        return _card(summed(self._sitting))

    def __len__(self) -> int:
        return len(self._sitting.paper.questions)

    def __repr__(self) -> str:
        paper = self._sitting.paper
        return "\n".join(
            [about(paper), f"“{paper.complaint}”", f"Evidence: {self.log}", *summed(self._sitting), _CALLS]
        )

    def _known(self, number: int) -> Any:
        try:
            return self._sitting.question(number)
        except (IndexError, TypeError) as err:
            raise ScenarioError(f"{err}") from err

    def _html(self) -> str:
        paper = self._sitting.paper
        parts = [f"<p><strong>{escape(about(paper))}</strong></p><p><em>“{escape(paper.complaint)}”</em></p>"]
        for number, question in enumerate(paper.questions, 1):
            parts.append(_html(asked(question, number=number, of=len(paper.questions))))
        return "".join([*parts, f"<p>{escape(_CALLS)}</p>"])

    def _ipython_display_(self, **_: Any) -> None:
        """The form; and folded below it the questions, for whoever reads the notebook where no kernel runs."""
        from IPython.display import HTML, display

        from capi2kit.render.notebook.markup import folded

        try:
            from capi2kit.lab.course.widgets import form
        except ImportError:
            display(HTML(self._repr_mimebundle_()["text/html"]))
            return
        display(form(self._sitting, log=self.log))
        display(HTML(folded("The questions, where nothing can be clicked", self._html())))

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        shown = {"text/plain": repr(self), "text/html": self._html()}
        try:
            from capi2kit.lab.course.widgets import form
        except ImportError:
            shown["text/html"] += f"<p>{escape(_LACKING)}</p>"
            return shown
        return {**form(self._sitting, log=self.log)._repr_mimebundle_(), **shown}


def _card(lines: list[str]) -> Card:
    return Card(_html(lines), "\n".join(lines))


def _html(lines: list[str]) -> str:
    return f'<div style="max-width:64rem;line-height:1.4;margin:.4em 0">{"<br>".join(map(escape, lines))}</div>'
