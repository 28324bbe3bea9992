"""The form of a quiz: one question at a time, to be clicked. Needs the extra `lab` (ipywidgets)."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import ipywidgets

from capi2kit.lab.cards import LETTERS
from capi2kit.lab.course.marking import AnswerError, how_to
from capi2kit.lab.course.sitting import Sitting, said, summed

_GREEN, _RED = "#2e7d32", "#b3261e"


def form(sitting: Sitting, *, log: Path) -> Any:
    """The widgets that ask a paper."""
    return Form(sitting, log=log).whole


class Form:
    """One question at a time. `question`, `choice` or `line`: where it is answered; `check`, `hint`, `onward`: what is clicked."""

    def __init__(self, sitting: Sitting, *, log: Path) -> None:
        self._sitting, self.number = sitting, sitting.next or 1
        paper = sitting.paper
        title = f"<strong>{escape(paper.name)}</strong>: <em>“{escape(paper.complaint)}”</em>"
        where = f"Its evidence: <code>c2.analyse(c2.load({str(log)!r}))</code>"
        self.question, self.said = ipywidgets.HTML(), ipywidgets.HTML()
        self.choice = ipywidgets.RadioButtons(options=[], layout=ipywidgets.Layout(width="auto"))
        self.line = ipywidgets.Text(layout=ipywidgets.Layout(width="24em"))
        self.check = ipywidgets.Button(description="Check", button_style="primary")
        self.hint = ipywidgets.Button(description="Hint (half a point)")
        self.onward = ipywidgets.Button(description="Next")
        self.score = ipywidgets.HTML()
        self.check.on_click(lambda _: self._check())
        self.hint.on_click(lambda _: self._hint())
        self.onward.on_click(lambda _: self._onward())
        buttons = ipywidgets.HBox([self.check, self.hint, self.onward, self.score])
        head = ipywidgets.HTML(f"<p>{title}<br>{where}</p>")
        self.whole = ipywidgets.VBox([head, self.question, self.choice, self.line, buttons, self.said])
        self._show()

    def _show(self) -> None:
        """The question of the moment, without an answer."""
        question, total = self._sitting.question(self.number), len(self._sitting.paper.questions)
        head = f"Question {self.number} of {total} · {question.level.lower()}"
        self.question.value = f"<p><strong>{head}</strong><br>{escape(question.text)}</p>"
        choices = [(f"{LETTERS[place]}) {option}", option) for place, option in enumerate(question.options)]
        self.choice.options, self.choice.value = choices, None
        self.choice.layout.display = "" if choices else "none"
        self.line.value, self.line.placeholder = "", how_to(question)
        self.line.layout.display = "none" if choices else ""
        done = self.number in self._sitting.marks
        self.check.disabled = self.hint.disabled = done
        self.said.value = ""
        self.score.value = f"<span style='margin-left:1em'>{escape(summed(self._sitting)[0])}</span>"

    def _check(self) -> None:
        question = self._sitting.question(self.number)
        given = (self.choice.value if question.options else self.line.value.strip()) or ""
        try:
            found = self._sitting.answer(self.number, given)
        except AnswerError as err:
            self.said.value = f"<p>{escape(str(err))}.</p>"
            return
        color = _GREEN if found.right else _RED
        lines = "<br>".join(map(escape, said(question, found)))
        self.said.value = f'<p style="border-left:4px solid {color};padding-left:.6em;max-width:60rem">{lines}</p>'
        self.check.disabled = self.hint.disabled = True
        ended = self._sitting.next is None
        score = " ".join(summed(self._sitting)) if ended else summed(self._sitting)[0]
        self.score.value = f"<span style='margin-left:1em'>{escape(score)}</span>"

    def _hint(self) -> None:
        self.said.value = f"<p>Hint: {escape(self._sitting.hint(self.number))}</p>"

    def _onward(self) -> None:
        """To the next question; from the last one to the first that has no mark."""
        total = len(self._sitting.paper.questions)
        self.number = self.number + 1 if self.number < total else (self._sitting.next or 1)
        self._show()
