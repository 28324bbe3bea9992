"""Papers: a case with its evidence and its questions, and as a key: a file that holds the answers."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from capi2kit.errors import OutputError, ScenarioError
from capi2kit.lab.cases import case_named
from capi2kit.lab.datasets import evidence_of
from capi2kit.lab.questions import Question, Wrong, questions_of
from capi2kit.lab.random_scenarios import draw_scenario
from capi2kit.lab.reading import read_scenario
from capi2kit.lab.recording import record_scenario
from capi2kit.words import count
from capi2kit.writer import write_file

_LEAST = 5  # questions of an examination
_TRIES = 200  # seeds that are looked at, one after the other, until one has as many
_COMPLAINT = (
    "Something about certificates was slow here, or was refused. Nobody can be asked any more: the logs are all."
)
_FORM = 1  # of a key file


@dataclass(frozen=True)
class Paper:
    """What somebody is asked. `files`: the evidence, by name; empty where only the questions are at hand, as from a key."""

    name: str
    level: str
    minutes: int
    complaint: str
    questions: tuple[Question, ...]
    files: dict[str, bytes] = field(default_factory=dict, repr=False)


def take_case(what: str) -> Paper:
    """The paper of a case. Raises ScenarioError if there is no such case."""
    case = case_named(what)
    scenario = read_scenario(case.scenario)
    recording = record_scenario(scenario)
    questions = questions_of(json.loads(recording.truth), find=scenario.find)
    return Paper(case.name, case.level, case.minutes, case.complaint, tuple(questions), evidence_of(recording))


def draw_paper(seed: int) -> Paper:
    """A fresh incident for an examination: the same seed gives the same. Raises ScenarioError if no incident asks enough."""
    name = f"exam-{hashlib.sha256(f'{_COMPLAINT}{seed}'.encode()).hexdigest()[:6]}"  # the seed would give the key away
    for drawn in range(_TRIES):
        recording = record_scenario(draw_scenario(1_000_000 + seed * _TRIES + drawn))
        questions = questions_of(json.loads(recording.truth), name=name)
        asked = {one.id for one in questions}
        if len(questions) > _LEAST and "one-cause" in asked and asked & {"waiting", "verdict"}:
            return Paper(name, "Hard", 30, _COMPLAINT, tuple(questions), evidence_of(recording))
    raise ScenarioError(f"seed {seed} draws no incident that asks enough; take another one")


def write_evidence(paper: Paper, folder: Path, *, force: bool = False) -> list[Path]:
    """Write a paper's evidence into a folder. What is there with the same bytes stays.

    Raises OutputError if a file has other bytes and `force` is not said, or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise OutputError(
            f"{folder}: cannot be made ({err.strerror}); -o names another folder", path=str(folder)
        ) from err
    written = []
    for name, data in sorted(paper.files.items()):
        path = folder / name
        if not (path.is_file() and not path.is_symlink() and path.read_bytes() == data):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_file(path, data, force=force)
        written.append(path)
    return written


def as_key(paper: Paper) -> str:
    """A paper with its answers as JSON."""
    about: dict[str, Any] = {"form": _FORM, "name": paper.name, "level": paper.level, "minutes": paper.minutes}
    about |= {"complaint": paper.complaint, "questions": [asdict(one) for one in paper.questions]}
    return json.dumps(about, indent=1, ensure_ascii=False) + "\n"


def read_key(path: str | os.PathLike[str]) -> Paper:
    """The paper of a key file. Raises ScenarioError for anything else."""
    name = os.fspath(path)
    try:
        read = json.loads(Path(path).read_text(encoding="utf-8"))
        if read["form"] != _FORM:
            raise ScenarioError(f"{name}: a key of form {read['form']!r}; this capi2kit reads form {_FORM}")
        questions = tuple(_question(one) for one in read["questions"])
        return Paper(str(read["name"]), str(read["level"]), int(read["minutes"]), str(read["complaint"]), questions)
    except OSError as err:
        raise ScenarioError(f"{name}: cannot be read ({err.strerror}); name the key file that --new wrote") from err
    except (ValueError, KeyError, TypeError) as err:
        raise ScenarioError(
            f"{name}: is no key of an examination; name the file that `capi2kit quiz --new` wrote"
        ) from err


def _question(one: dict[str, Any]) -> Question:
    wrong = tuple(Wrong(**each) for each in one["wrong"])
    texts = {name: tuple(one[name]) for name in ("answers", "hints", "options")}
    return Question(**{**one, **texts, "wrong": wrong})


def about(paper: Paper) -> str:
    """A paper in one line: its name, its level, how long it takes, how much it asks."""
    asked: Sequence[Question] = paper.questions
    return f"{paper.name}: {paper.level.lower()}, about {paper.minutes} minutes, {count(len(asked), 'question')}"
