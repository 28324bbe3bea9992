"""Mutants: small bugs put into the analysis on purpose, and whether the tests of that very module see them.

    python tests/mutants/run.py [--count 300] [--seed 1] [--jobs 2] [--only waits/passes]

Draws places in `columns spans waits startups diagnosis`: comparisons, arithmetic and boolean operators, constants ± 1, True and
False, `not`, and a condition left out (`mask &= …`). Each mutant is put into a copy of the package, whose own test file runs
there, tests/<folder>/test_<module>.py. Strings, messages and annotations are left alone. Prints the score
and the survivors; equivalent.csv says which of them change nothing that can be seen, and why.
Score = killed / (drawn − equivalent). Exit code 1 below 85 %, or if more than 10 % are called equivalent.
"""

from __future__ import annotations

import argparse
import ast
import csv
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("columns", "spans", "waits", "startups", "diagnosis")
KINDS = (
    *(
        f"ReplaceBinaryOperator_{pair}"
        for pair in ("Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "BitAnd_BitOr", "BitOr_BitAnd")
    ),
    *(f"ReplaceComparisonOperator_{pair}" for pair in ("Eq_NotEq", "NotEq_Eq", "Lt_LtE", "LtE_Lt", "Gt_GtE", "GtE_Gt")),
    *(f"ReplaceComparisonOperator_{pair}" for pair in ("Lt_GtE", "LtE_Gt", "Gt_LtE", "GtE_Lt")),
    *("ReplaceAndWithOr", "ReplaceOrWithAnd", "ReplaceTrueWithFalse", "ReplaceFalseWithTrue", "NumberReplacer"),
    *(
        "ReplaceUnaryOperator_Delete_Not",
        "ReplaceUnaryOperator_Delete_Invert",
        "ReplaceUnaryOperator_Delete_USub",
        "AddNot",
    ),
)
LEFT_OUT = "condition left out"
NOTHING = -1  # number of a mutant that is none: the module as it is
SECONDS = 120
LEAST, MOST_EQUIVALENT = 0.85, 0.10


class Mutant(NamedTuple):
    """One bug: where it is put, what the line says, and which of its kind in the module it is."""

    module: str
    line: int
    text: str
    kind: str
    number: int

    @property
    def name(self) -> tuple[str, str, str]:
        """What equivalent.csv calls it: line numbers move, texts stay."""
        return self.module, self.text, self.kind

    @property
    def code(self) -> str:
        """How the module reads with it."""
        source = _path(self.module).read_text(encoding="utf-8")
        if self.number == NOTHING:
            return source
        if self.kind != LEFT_OUT:
            return mutate_code(source, get_operator(f"core/{self.kind}")(), self.number) or ""
        lines, node = source.splitlines(), _narrowed(ast.parse(source))[self.number]
        kept = f"{' ' * node.col_offset}pass"
        return "\n".join([*lines[: node.lineno - 1], kept, *lines[node.end_lineno or node.lineno :]]) + "\n"


def modules(only: str) -> list[Path]:
    """The modules of those folders that have code."""
    found = [path for folder in FOLDERS for path in sorted((ROOT / "capi2kit" / folder).glob("*.py"))]
    return [path for path in found if path.stem != "__init__" and only in _name(path)]


def _name(path: Path) -> str:
    return path.relative_to(ROOT / "capi2kit").with_suffix("").as_posix()


def _path(module: str) -> Path:
    return ROOT / "capi2kit" / f"{module}.py"


def mutants_of(path: Path) -> Iterator[Mutant]:
    """Every mutant of a module that can be drawn."""
    source = path.read_text(encoding="utf-8")
    lines, tree = source.splitlines(), ast.parse(source)
    quiet, nodes = _annotated(tree), list(ast_nodes(get_ast(source)))
    for kind in KINDS:
        operator = get_operator(f"core/{kind}")()
        places = [place for node in nodes for place in operator.mutation_positions(node)]
        for number, ((line, _), _) in enumerate(places):
            if line not in quiet:
                yield Mutant(_name(path), line, lines[line - 1].strip(), kind, number)
    for number, node in enumerate(_narrowed(tree)):
        yield Mutant(_name(path), node.lineno, lines[node.lineno - 1].strip(), LEFT_OUT, number)


def _narrowed(tree: ast.Module) -> list[ast.AugAssign]:
    """Statements that only add a condition, such as ``mask &= known``."""
    found = (node for node in ast.walk(tree) if isinstance(node, ast.AugAssign))
    return [node for node in found if isinstance(node.op, ast.BitAnd | ast.BitOr)]


def _annotated(tree: ast.Module) -> set[int]:
    """Lines that hold nothing but annotations and signatures, or a default that only says what is absent."""
    found: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            found |= set(range(node.lineno, node.body[0].lineno))
        elif isinstance(node, ast.AnnAssign):
            found.add(node.lineno)
    return found


def sound(module: str) -> bool:
    """Whether the module's own tests pass there as they are; else every mutant would seem to be killed."""
    return survives(Mutant(module, 0, "", LEFT_OUT, NOTHING))


def survives(mutant: Mutant) -> bool:
    """Whether the module's own tests pass with the bug in it."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        shutil.copytree(ROOT / "capi2kit", copy / "capi2kit", ignore=shutil.ignore_patterns("__pycache__"))
        (copy / "capi2kit" / f"{mutant.module}.py").write_text(mutant.code, encoding="utf-8")
        area, module = mutant.module.split("/")
        own = ROOT / "tests" / area / f"test_{module}.py"
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(own)]
        environment = os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1", "CAPI2KIT_WORLDS": "10"}
        try:
            done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return False
    return done.returncode == 0


def equivalent() -> dict[tuple[str, str, str], str]:
    """What changes nothing that can be seen, with the reason."""
    with (Path(__file__).parent / "equivalent.csv").open(encoding="utf-8", newline="") as file:
        return {(row["module"], row["line"], row["kind"]): row["reason"] for row in csv.DictReader(file)}


def main(arguments: list[str]) -> int:
    """Draw, run, and print what was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=multiprocessing.cpu_count())
    parser.add_argument("--only", default="", help="a folder or module, such as waits/passes")
    given = parser.parse_args(arguments)
    every = [mutant for path in modules(given.only) for mutant in mutants_of(path)]
    drawn = random.Random(given.seed).sample(every, min(given.count, len(every)))
    with multiprocessing.Pool(given.jobs) as pool:
        names = sorted({mutant.module for mutant in drawn})
        if broken := [name for name, good in zip(names, pool.map(sound, names), strict=True) if not good]:
            raise SystemExit(f"these tests fail without any bug, or are missing: {', '.join(broken)}")
        alive = []
        for number, (mutant, lived) in enumerate(zip(drawn, pool.imap(survives, drawn), strict=True), 1):
            if lived:
                alive.append(mutant)
                print(
                    f"alive: {mutant.module}:{mutant.line}: {mutant.kind}: {mutant.text}", file=sys.stderr, flush=True
                )
            if number % 25 == 0:
                print(f"{number} of {len(drawn)}, {len(alive)} alive", file=sys.stderr, flush=True)
    known = equivalent()
    same = [mutant for mutant in alive if mutant.name in known]
    for mutant in sorted(alive):
        reason = f"  equivalent: {known[mutant.name]}" if mutant.name in known else ""
        print(f"{mutant.module}:{mutant.line}: {mutant.kind}: {mutant.text}{reason}")
    killed, counted = len(drawn) - len(alive), len(drawn) - len(same)
    score = killed / counted if counted else 1.0
    print(f"{len(drawn)} of {len(every)} mutants from seed {given.seed}: {killed} killed, {len(alive)} alive, of these "
          f"{len(same)} equivalent; score {score:.1%}")  # fmt: skip
    return int(score < LEAST or len(same) > MOST_EQUIVALENT * len(drawn))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
