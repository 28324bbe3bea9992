"""Choices: the answers to choose from: the right one, and others that are taken for it, each with what to say to it."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import cache
from random import Random
from typing import Any, NamedTuple

from capi2kit.knowledge import DATA
from capi2kit.lab.facts import Facts
from capi2kit.lab.scenario import LAB

CHOICES = 5  # answers to choose from, at most: one who draws them by lot is right in a fifth of the cases


class Choice(NamedTuple):
    """An answer: its key, its text, and what to say to whoever chooses it wrongly."""

    key: str
    text: str
    says: str


@cache
def course_words(name: str) -> dict[str, Any]:
    """The words of the course: `questions` or `answers`."""
    return tomllib.loads((LAB / f"{name}.toml").read_text(encoding="utf-8"))


def choices_of(one: dict[str, Any], facts: Facts, *, words: dict[str, str], dice: Random) -> list[Choice]:
    """What a question gives to choose from: in its own order, or in one by lot that is the same each time."""
    if "option" in one:
        every = [Choice(own["key"], own["text"].format(**words), own["says"].format(**words)) for own in one["option"]]
    else:
        every = _LISTS[one["options"]](facts, dice)
    if not one.get("ordered"):
        dice.shuffle(every)
    return every


def _some(right: str, every: Sequence[Choice], *, dice: Random) -> list[Choice]:
    """The right one and others by lot."""
    others = [one for one in every if one.key != right]
    return [*[one for one in every if one.key == right], *dice.sample(others, min(CHOICES - 1, len(others)))]


def _endings(facts: Facts, dice: Random) -> list[Choice]:
    every = [Choice(one["code"], one["is"], one["says"]) for one in course_words("questions")["ending"]]
    return _some(facts["ending"], every, dice=dice)


def _meanings(facts: Facts, dice: Random) -> list[Choice]:
    rows = [one for one in course_words("questions")["meaning"] if one["code"] not in facts["refused_codes"][1:]]
    return _some(
        facts["refused"],
        [Choice(one["code"], one["is"], f"That is what {one['code']} says.") for one in rows],
        dice=dice,
    )


def _accounts(sid: str) -> list[Choice]:
    """Kinds of accounts; the key of the right one is the whole SID."""
    rows = course_words("questions")["account"]
    kind = max((one["sid"] for one in rows if f"{sid}-".startswith(f"{one['sid']}-")), key=len)
    says = "A SID that begins with {} is that account's; the one here is {}."
    return [Choice(sid if one["sid"] == kind else one["sid"], one["is"], says.format(one["sid"], sid)) for one in rows]


def _causes(facts: Facts, dice: Random) -> list[Choice]:
    causes = course_words("answers")
    return [Choice(key, causes[key]["is"], causes[key]["shows"]) for key in _likely(facts, dice)]


def _advice(facts: Facts, dice: Random) -> list[Choice]:
    """The right advice, some for other causes, and one that is always bad."""
    causes, main = course_words("answers"), facts["main_cause"]
    bad = dice.sample([one for one in course_words("questions")["bad"] if main not in one.get("not_for", ())], 2)
    found = [Choice(main, causes[main]["tell"], "")]
    others = [
        key for key in _likely(facts, dice, most=2 * CHOICES)[1:] if not set(_remedies(key)[:1]) & set(_remedies(main))
    ]
    for key in others[: CHOICES - 3]:
        says = f"That is for another cause ({causes[key]['is']}). {causes[key]['shows']}"
        found.append(Choice(key, causes[key]["tell"], says))
    return [*found, *(Choice("bad", one["tell"], one["says"]) for one in bad)]


@cache
def _remedies(cause: str) -> tuple[str, ...]:
    """The remedies of the rule of this name, the first one first."""
    path = DATA / "rules" / f"{cause}.toml"
    return tuple(tomllib.loads(path.read_text(encoding="utf-8"))["say"]["fixes"]) if path.exists() else ()


def _likely(facts: Facts, dice: Random, *, most: int = CHOICES) -> list[str]:
    """The right cause and those that are taken for it: first those that the scenario names, then some of its family, then others."""
    causes = course_words("answers")
    right = facts["main_cause"] or facts["some_cause"]
    family = [key for key, one in causes.items() if one["family"] == causes[right]["family"]]
    rest = [*dice.sample(family, len(family)), *dice.sample(sorted(causes), len(causes))]
    others = [key for key in dict.fromkeys((*facts["not_causes"], *rest)) if key not in {*facts["causes"], right}]
    return [right, *others[: most - 1]]


_LISTS = {
    "endings": _endings,
    "meanings": _meanings,
    "accounts": lambda facts, _: _accounts(facts["account"]),
    "key_accounts": lambda facts, _: _accounts(facts["key_account"]),
    "causes": _causes,
    "advice": _advice,
}
