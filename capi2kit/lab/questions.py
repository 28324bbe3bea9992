"""Questions: what the course asks about a case, with the right answer, the wrong ones that people give, and why.

`questions.toml` has the texts, `choices` the answers to choose from, `facts` the figures.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from capi2kit.lab.choices import CHOICES, choices_of, course_words
from capi2kit.lab.facts import Facts, Truth, facts_of

LEVELS = ("Easy", "Medium", "Hard")
_MOST = {"Easy": 5, "Medium": 4, "Hard": 4}  # questions of a level, per case
_TOLERANCE, _LEAST_S = 0.005, 0.06  # of a number of seconds: a part of it, and a few ticks of the clock
_TICK_S = 0.004  # for each wait in a sum: a quarter of a tick
_FORMAT = "{:,.2f}"


@dataclass(frozen=True)
class Wrong:
    """A wrong answer that people commonly give, and what to say to it."""

    answer: str
    says: str


@dataclass(frozen=True)
class Question:
    """A question about a case.

    `kind`: count, seconds, code, name or choice. `answers`: what is right, the best one first; of a choice, its text. `options`: of a
    choice, all of them, in the order in which they are shown. `tolerance`: by how much a number may differ.
    """

    id: str
    level: str
    kind: str
    text: str
    answers: tuple[str, ...]
    because: str
    hints: tuple[str, ...]
    options: tuple[str, ...] = ()
    wrong: tuple[Wrong, ...] = ()
    tolerance: float = 0.0


def questions_of(truth: Truth, *, find: str = "", name: str = "") -> list[Question]:
    """The questions about a story, easy ones first. `find`: what there is to find; `name`: gives the order of choices."""
    facts = facts_of(truth)
    facts["inner_code"] = _cause(facts).get("inner", "")
    words = _words(facts)
    words["find"] = " ".join(find.split()) or words["cause_shows"]
    asked = [one for one in course_words("questions")["question"] if _fits(one, facts)]
    made = [(one, _question(one, facts, words=words, name=name or truth["scenario"])) for one in asked]
    found = []
    for level in LEVELS:
        there = [(one.get("rank", 0), question) for one, question in made if question and question.level == level]
        kept = sorted(there, key=lambda each: each[0])[: _MOST[level]]  # stable: of one rank, the first ones stay
        found += [question for rank, question in there if (rank, question) in kept]
    return found


def _fits(one: dict[str, Any], facts: Facts) -> bool:
    """Whether a story has what a question needs, and nothing that makes it needless."""
    return all(map(facts.get, one.get("needs", ()))) and not any(map(facts.get, one.get("unless", ())))


def _cause(facts: Facts) -> dict[str, str]:
    """What answers.toml says of the main cause, or of one of several."""
    return course_words("answers")[facts["main_cause"] or facts["some_cause"]]


def _words(facts: Facts) -> dict[str, str]:
    """The facts as texts, with what codes and causes are in words."""
    words = {name: _FORMAT.format(fact) if isinstance(fact, float) else str(fact) for name, fact in facts.items()}
    cause = _cause(facts)
    meanings, endings = (
        {one["code"]: one["is"] for one in course_words("questions")[key]} for key in ("meaning", "ending")
    )
    return words | {
        "cause_is": cause["is"],
        "cause_shows": _as_seen(cause["shows"]),
        "ending_is": endings.get(facts.get("ending", ""), ""),
        "refused_meaning": meanings.get(facts.get("refused", ""), ""),
        "message_meaning": meanings.get(facts.get("message_code", ""), "c2.explain says more"),
    }


def _as_seen(shows: str) -> str:
    """'Then it looks so.' as 'It looks so.'"""
    rest = shows.removeprefix("Then ")
    return rest[:1].upper() + rest[1:]


def _question(one: dict[str, Any], facts: Facts, *, words: dict[str, str], name: str) -> Question | None:
    """A question with its answers; None where the facts give no answer, or too few to choose from."""
    answer = facts.get(one["answer"], one["answer"])
    if answer in ("", None):
        return None
    texts = {key: one[key].format(**words) for key in ("text", "because")}
    hints = tuple(hint.replace("{refused}", words.get("refused", "")) for hint in one["hints"])
    base = {"id": one["id"], "level": one["level"], "kind": one["kind"], "hints": hints, **texts}
    if one["kind"] == "choice":
        options = choices_of(one, facts, words=words, dice=Random(f"{name} {one['id']}"))
        right = tuple(option.text for option in options if option.key == answer)
        if not right or len(options) < CHOICES - 1:
            return None
        wrong = tuple(Wrong(option.text, option.says) for option in options if option.key != answer)
        return Question(**base, answers=right, options=tuple(option.text for option in options), wrong=wrong)
    answers = tuple(dict.fromkeys(_plain(each) for each in (answer, *facts.get(one.get("accept", ""), ()))))
    seconds = one["kind"] == "seconds"
    tolerance = (
        max(one.get("least_s", 0), near(answer) + _TICK_S * facts.get(one.get("ticks", ""), 0)) if seconds else 0.0
    )
    asked = Question(**base, answers=answers, tolerance=tolerance)
    return Question(
        **base, answers=answers, tolerance=tolerance, wrong=tuple(_mistakes(one, facts, words=words, asked=asked))
    )


def _plain(answer: object) -> str:
    return f"{answer:.3f}" if isinstance(answer, float) else str(answer)


def near(seconds: float) -> float:
    """By how much a number of seconds may differ from this one and still be taken for it."""
    return max(_LEAST_S, _TOLERANCE * seconds)


def _mistakes(one: dict[str, Any], facts: Facts, *, words: dict[str, str], asked: Question) -> Iterator[Wrong]:
    """The wrong answers that this story allows: those that are not taken for the right one, or for one another."""
    taken: list[str] = []
    for mistake in one.get("mistake", ()):
        given = facts.get(mistake["fact"])
        if given in (None, ""):
            continue
        text = _plain(given)
        if asked.kind == "seconds":
            right = abs(float(text) - float(asked.answers[0])) <= asked.tolerance + near(float(text))
            right |= any(abs(float(text) - float(other)) <= near(float(text)) + near(float(other)) for other in taken)
        else:
            right = text in (*asked.answers, *taken)
        if not right:
            taken.append(text)
            yield Wrong(text, mistake["says"].format(**words))
