"""`capi2kit quiz`: take a case of the course, or make and mark an examination."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from textwrap import wrap

from capi2kit.cli.errors import UsageError

_NARROW, _WIDEST = 80, 100


def add_options(verb: argparse.ArgumentParser) -> None:
    """Which case, or what to do with an examination."""
    verb.add_argument("case", metavar="CASE", nargs="?", help="such as case-017; none: list all cases")
    verb.add_argument("-o", "--output", metavar="FOLDER", help="where the evidence goes (a folder named like the case)")
    verb.add_argument("--force", action="store_true", help="overwrite existing files")
    verb.add_argument("--level", choices=("easy", "medium", "hard"), help="list only cases of this level")
    exam = verb.add_argument_group("examinations")
    exam.add_argument(
        "--new", action="store_true", help="make an incident that nobody has seen, with its key beside it"
    )
    exam.add_argument("--seed", metavar="N", type=int, help="with --new: the same number makes the same incident")
    exam.add_argument("--key", metavar="FILE", help="the key that --new wrote: ask its questions")
    exam.add_argument("--answers", metavar="FILE", nargs="+", help="mark filled forms, of a CASE or of a --key")


def run(given: argparse.Namespace) -> int:
    """Do what is asked for."""
    if sum((given.case is not None, given.new, given.key is not None)) > 1:
        raise UsageError("quiz: choose one of CASE, --new and --key")
    if given.seed is not None and not given.new:
        raise UsageError("--seed: only with --new")
    if given.new:
        return _make(given)
    if given.case is None and given.key is None:
        if given.answers:
            raise UsageError("--answers: name the CASE, or the --key, that they answer")
        return _list(given)
    return _mark(given) if given.answers else _ask(given)


def _list(given: argparse.Namespace) -> int:
    from capi2kit.lab.cases import cases
    from capi2kit.render.parts import Column, Table
    from capi2kit.render.tables import print_table
    from capi2kit.render.text import console_on

    chosen = [one for one in cases() if given.level in (None, one.level.lower())]
    rows = [[one.name, one.level.lower(), str(one.minutes), one.complaint] for one in chosen]
    columns = [
        Column("case", whole=True),
        Column("level"),
        Column("minutes", number=True),
        Column("complaint", long=True),
    ]
    print_table(Table(columns, rows), console=console_on(sys.stdout, width=_width(), color=False))
    print(f"\n{len(rows)} cases. Take one: capi2kit quiz {rows[0][0]}")
    return 0


def _width() -> int:
    return shutil.get_terminal_size((_NARROW, 24)).columns


def _ask(given: argparse.Namespace) -> int:
    from capi2kit.lab.course.paper import about, read_key, take_case, write_evidence
    from capi2kit.lab.course.sitting import Sitting
    from capi2kit.lab.course.terminal import sit

    paper = read_key(given.key) if given.key else take_case(given.case)
    print(about(paper), "", *wrap(f"“{paper.complaint}”", min(_width(), _WIDEST)), "", sep="\n")
    if paper.files:
        folder = Path(given.output or paper.name)
        for path in write_evidence(paper, folder, force=given.force):
            print(f"The evidence: {path} ({path.stat().st_size:,} bytes)")
        print(f"Look at it in a second window, with any tool: capi2kit summary {folder}")
        print(f"In Python: import capi2kit as c2; a = c2.analyse(c2.load({str(folder)!r}))\n")
    sit(Sitting(paper), read=_read, say=print, width=_width())
    return 0


def _read() -> str:
    return input("> " if sys.stdin.isatty() else "")


def _make(given: argparse.Namespace) -> int:
    from random import SystemRandom

    from capi2kit.lab.course.exam import write_exam
    from capi2kit.lab.course.paper import draw_paper

    seed = SystemRandom().randrange(1_000_000_000) if given.seed is None else given.seed
    paper = draw_paper(seed)
    folder = Path(given.output or paper.name)
    *files, answers, key = write_exam(paper, folder, force=given.force)
    for path in files:
        print(path)
    print(
        f"Hand out the folder {folder}; keep {answers} and {key}, and the seed {seed}: whoever knows it can make the key."
    )
    print(f"To mark: capi2kit quiz --key {key} --answers FILE ...")
    return 0


def _mark(given: argparse.Namespace) -> int:
    from capi2kit.lab.course.exam import mark_form
    from capi2kit.lab.course.paper import read_key, take_case
    from capi2kit.lab.course.sitting import summed
    from capi2kit.words import visible

    paper = read_key(given.key) if given.key else take_case(given.case)
    for name in given.answers:
        print(f"{visible(name)}: {' '.join(summed(mark_form(paper, Path(name))))}")
    return 0
