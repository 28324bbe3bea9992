"""`capi2kit lab`: invented incidents as genuine logs, and how accurate an analysis of them is."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from capi2kit.cli.errors import UsageError

MISSED = 1
_FOLDER = "datasets/lab"


def add_options(lab: argparse.ArgumentParser) -> None:
    """The four things that the lab does."""
    verbs = lab.add_subparsers(dest="action", metavar="ACTION", required=True)
    listed = verbs.add_parser("list", help="list all scenarios; --files FOLDER lists the files made of them")
    listed.add_argument("--files", metavar="FOLDER", help="a folder of made scenarios: their files, sizes and SHA-256")
    show = verbs.add_parser("show", help="show a scenario's story and questions; --answers also the answers")
    show.add_argument("name", metavar="SCENARIO")
    show.add_argument("--answers", action="store_true", help="also show the answers and the expected findings")
    make = verbs.add_parser("make", help="write the files of scenarios; --check compares them with the existing ones")
    make.add_argument(
        "names", metavar="SCENARIO", nargs="*", help="a scenario's name or TOML file; all if none is named"
    )
    make.add_argument(
        "-o", "--output", metavar="FOLDER", help=f"folder to write to (the current one; for --check {_FOLDER})"
    )
    make.add_argument("--force", action="store_true", help="overwrite existing files")
    make.add_argument("--check", action="store_true", help="write nothing; exit code 1 if a byte differs")
    farm = verbs.add_parser("farm", help="write the logs of many computers, a few of which are unlike the others")
    farm.add_argument("-o", "--output", metavar="FOLDER", required=True, help="folder to write to")
    farm.add_argument("--computers", metavar="N", type=int, default=40, help="how many (40)")
    farm.add_argument("--seed", metavar="S", type=int, default=1, help="another seed makes another farm (1)")
    farm.add_argument("--force", action="store_true", help="overwrite existing files")
    score = verbs.add_parser("score", help="compare the analysis with the truth; exit code 1 if a limit is missed")
    score.add_argument("names", metavar="SCENARIO", nargs="*", help="all written scenarios if none is named")
    score.add_argument("--random", metavar="N", type=int, default=0, help="also N random mixtures")
    score.add_argument(
        "--healthy",
        metavar="N",
        type=int,
        default=0,
        help="with --rules: also N random computers on which nothing is wrong",
    )
    score.add_argument("--rules", action="store_true", help="instead: every rule on every written scenario")
    score.add_argument("--seed", metavar="S", type=int, default=1, help="of the first drawn mixture (1)")


def run(given: argparse.Namespace) -> int:
    """Run one action; returns the exit code."""
    actions = {"list": _list, "show": _show, "make": _make, "farm": _farm, "score": _score}
    return actions[given.action](given)


def _list(given: argparse.Namespace) -> int:
    from capi2kit.lab.reading import names, read_scenario

    if given.files:
        from capi2kit.lab.datasets import write_index

        print(write_index(Path(given.files)), end="")
        return 0
    for name in names():
        print(f"{name:<28}{read_scenario(name).title}")
    return 0


def _show(given: argparse.Namespace) -> int:
    import json

    from capi2kit.lab.cards import LETTERS
    from capi2kit.lab.questions import questions_of
    from capi2kit.lab.reading import read_scenario
    from capi2kit.lab.recording import record_scenario

    scenario = read_scenario(given.name)
    print(f"{scenario.title}\n\n{scenario.story.strip()}\n")
    for question in questions_of(json.loads(record_scenario(scenario).truth), find=scenario.find):
        print(f"{question.level}: {question.text}")
        for letter, option in zip(LETTERS, question.options, strict=False):
            print(f"   {letter}) {option}")
        if given.answers:
            print(f"   = {question.answers[0]}: {question.because}")
    if given.answers:
        print(f"\n{scenario.find.strip()}")
    return 0


def _make(given: argparse.Namespace) -> int:
    from capi2kit.lab.datasets import check_dataset, make_dataset
    from capi2kit.lab.reading import names

    wanted = given.names or names()
    if given.check:
        if given.force:
            raise UsageError("lab make: --check writes nothing, so --force makes no sense with it")
        folder = Path(given.output or _FOLDER)
        wrong = [line for name in wanted for line in check_dataset(name, folder)]
        for line in wrong:
            print(line)
        print(f"{len(wanted)} scenarios checked, {len(wrong)} differences", file=sys.stderr)
        return MISSED if wrong else 0
    for name in wanted:
        for path in make_dataset(name, Path(given.output or "."), force=given.force):
            print(path)
    return 0


def _farm(given: argparse.Namespace) -> int:
    from capi2kit.lab.farms import EVIDENCE, write_farm

    folder = Path(given.output)
    files = write_farm(folder, computers=given.computers, seed=given.seed, force=given.force)
    print(f"{folder / EVIDENCE}: the logs of {len(files) - 1} computers; {files[-1]} says what is wrong with them")
    return 0


def _score(given: argparse.Namespace) -> int:
    from capi2kit.cli.scoring import score_healthy, score_rules, score_scenarios
    from capi2kit.lab.healthy import draw_healthy
    from capi2kit.lab.random_scenarios import draw_scenario
    from capi2kit.lab.reading import names, read_scenario

    if min(given.random, given.healthy) < 0:
        raise UsageError("--random, --healthy: a number of mixtures, 0 or more")
    if given.healthy and not given.rules:
        raise UsageError("--healthy: only with --rules")
    written = given.names or names()
    seeds = range(given.seed, given.seed + given.random)
    named = [(name, lambda name=name: read_scenario(name)) for name in written]
    drawn = [(f"random-{seed}", lambda seed=seed: draw_scenario(seed)) for seed in seeds]
    if given.rules:
        fine = range(given.seed, given.seed + given.healthy)
        healthy = [(f"healthy-{seed}", lambda seed=seed: draw_healthy(seed)) for seed in fine]
        good = [score_rules(named, drawn=drawn), score_healthy(healthy)]
        return 0 if all(good) else MISSED
    return MISSED if not score_scenarios([*named, *drawn]) else 0
