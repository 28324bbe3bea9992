"""Steps: the lines of a remedy or of a confirmation, each typed: a command for cmd.exe, one for PowerShell, or a sentence.

In the data a line begins with ``cmd: ``, ``ps: `` or ``do: ``. It may name what only the log knows, such as ``{server}`` or
``{accounts}``: `filled` puts the names of a finding there. A singular word makes one line for each name, a plural one lists them
all. What the log does not name stays a word in angle brackets, which a person replaces.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import product
from typing import NamedTuple

from capi2kit.knowledge import rows

CMD, PS, SENTENCE = "cmd", "ps", "do"
_KINDS = (CMD, PS, SENTENCE)
# what a line may name: the word for one name → the word for all of them
NAMES = {
    "host": "hosts",
    "server": "servers",
    "port": "ports",
    "url": "urls",
    "sid": "sids",
    "account": "accounts",
    "process": "processes",
    "pool": "pools",
    "service": "services",
    "target": "targets",
    "subject": "subjects",
    "issuer": "issuers",
    "proxy": "proxies",
}
_PLURALS = {many: one for one, many in NAMES.items()}
_PLACE = re.compile("\\{(" + "|".join([*NAMES, *_PLURALS]) + ")\\}")
_LINES, _LISTED = 5, 8  # lines made of one, and names in one list, at most
_HARMFUL = re.compile(
    r"[\"'`$%;&|<>^\r\n\x00-\x1f]"
)  # of a name from a log: what a command line would not take as a part of a name
_OF_A_PATH = re.compile(r"[\"`$;&|<>^\r\n\x00-\x1f]")

Names = Mapping[str, Sequence[str]]


class Step(NamedTuple):
    """One line: its kind (``cmd``, ``ps`` or ``do``), its text, and what to know before it is run."""

    kind: str
    text: str
    warning: str = ""


def read_step(line: str) -> Step:
    """A line of the data. Raises ValueError if it has no kind."""
    kind, apart, text = line.partition(": ")
    if kind not in _KINDS or not apart or not text.strip():
        raise ValueError(f"a line begins with one of {', '.join(f'{one}: ' for one in _KINDS)}, not {line[:40]!r}")
    return Step(kind, text.strip(), disturbs(text) if kind != SENTENCE else "")


def read_steps(lines: Iterable[str]) -> tuple[Step, ...]:
    """Lines of the data, in their order. Raises ValueError for one without a kind."""
    return tuple(map(read_step, lines))


@cache
def _disturbing() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple(
        (re.compile(row["form"], re.IGNORECASE), row["disturbs"]) for row in rows("commands") if row["disturbs"]
    )


def disturbs(command: str) -> str:
    """What a command changes of that which it is to show, by commands.csv; empty if nothing."""
    return next((warning for form, warning in _disturbing() if form.search(command)), "")


def filled(steps: Iterable[Step], names: Names) -> list[Step]:
    """The steps with the names of a finding in them; a step with a singular word once for each name, but not too often."""
    return [one for step in steps for one in _filled(step, names)]


def _filled(step: Step, names: Names) -> list[Step]:
    wanted = list(dict.fromkeys(_PLACE.findall(step.text)))
    if not wanted:
        return [step]
    choices: list[list[str]] = []
    for word in wanted:
        known = _safe(names.get(_PLURALS.get(word, word), ()), kind=step.kind)
        if word in _PLURALS:
            choices.append([_listed(known) if known else f"<{_PLURALS[word]}>"])
        else:
            choices.append(known[:_LINES] or [f"<{word}>"])
    made = list(
        dict.fromkeys(
            _put(step.text, dict(zip(wanted, one, strict=True))) for one in _paired(wanted, choices, names=names)
        )
    )
    return [step._replace(text=text) for text in made[:_LINES]]


def _paired(wanted: list[str], choices: list[list[str]], *, names: Names) -> Iterable[tuple[str, ...]]:
    """The combinations of names: a server goes with its own port."""
    if {"server", "port"} <= set(wanted) and names.get("server"):
        ports = dict(zip(names["server"], names.get("server_ports", ()), strict=False))
        at, port = wanted.index("server"), wanted.index("port")
        for one in product(*(choice if place != port else [""] for place, choice in enumerate(choices))):
            yield tuple(ports.get(one[at], "80") if place == port else text for place, text in enumerate(one))
        return
    yield from product(*choices)


def _put(text: str, values: Mapping[str, str]) -> str:
    return _PLACE.sub(lambda place: values[place[1]], text)


def _safe(known: Sequence[str], *, kind: str) -> list[str]:
    """The names that a line of this kind can hold: text from a log is never a part of a command that does something else."""
    if kind == SENTENCE:
        return list(known)
    return [name for name in known if not (_OF_A_PATH if "\\" in name else _HARMFUL).search(name)]


def _listed(known: Sequence[str]) -> str:
    more = f" and {len(known) - _LISTED} more" if len(known) > _LISTED else ""
    return ", ".join(known[:_LISTED]) + more
