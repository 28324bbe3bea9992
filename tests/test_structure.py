"""How many rooms the house has, and how many doors between them: what a newcomer must hold in mind.

A room is a .py file or a folder directly under a folder (`__main__` aside); an arrow an ordered pair of rooms with at least
one import, a lazy one, too, but not one for type checking only, nor one by which an object shows itself.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_layers import PACKAGE, ROOT, imports, without_reprs

CEILINGS = {PACKAGE: (32, 128), f"{PACKAGE}.loaders": (17, 38)}  # rooms, arrows


def rooms(folder: Path) -> set[str]:
    """The names of the rooms directly under a folder."""
    files = {path.stem for path in folder.glob("*.py")} - {"__main__"}
    return files | {path.name for path in folder.iterdir() if path.is_dir() and path.name != "__pycache__"}


def run_time(tree: ast.Module) -> ast.Module:
    """The module without what only a type checker reads."""

    class Without(ast.NodeTransformer):
        def visit_If(self, node: ast.If) -> ast.AST:
            return ast.Pass() if "TYPE_CHECKING" in ast.unparse(node.test) else self.generic_visit(node)

    return Without().visit(tree)


def arrows(package: str) -> set[tuple[str, str]]:
    """The pairs of rooms of a package of which the first imports the second."""
    folder = ROOT.joinpath(*package.split("."))
    names = rooms(folder)
    return {
        (room, target)
        for room, target in _imports(folder, package)
        for target in [target if target in names else "__init__"]
        if room != target
    }


def _imports(folder: Path, package: str) -> Iterator[tuple[str, str]]:
    for path in folder.rglob("*.py"):
        inside = path.relative_to(folder).with_suffix("").parts
        is_package = inside[-1] == "__init__"
        module = ".".join((package, *(inside[:-1] if is_package else inside)))
        tree = without_reprs(run_time(ast.parse(path.read_text(encoding="utf-8"))))
        for _, name in imports(tree, module=module, is_package=is_package):
            if name.startswith(f"{package}."):
                yield inside[0], name.removeprefix(f"{package}.").partition(".")[0]


def circles(pairs: set[tuple[str, str]]) -> set[str]:
    """Rooms from which arrows lead back to themselves."""
    ahead = {one: {other for first, other in pairs if first == one} for one, _ in pairs}

    def reached(start: str) -> set[str]:
        seen, todo = set[str](), [start]
        while todo:
            for other in ahead.get(todo.pop(), ()):
                if other not in seen:
                    seen.add(other)
                    todo.append(other)
        return seen

    return {room for room in ahead if room in reached(room)}


@pytest.mark.parametrize("package", CEILINGS)
def test_there_are_few_rooms_and_few_doors_and_no_circle(package):
    most_rooms, most_arrows = CEILINGS[package]
    found = arrows(package)
    assert len(rooms(ROOT.joinpath(*package.split(".")))) <= most_rooms
    assert len(found) <= most_arrows
    assert circles(found) == set()


def test_the_top_level_stays_small():
    top = ROOT / PACKAGE
    folders = [path for path in top.iterdir() if path.is_dir() and path.name != "__pycache__"]
    assert len(list(top.glob("*.py"))) <= 16 and len(folders) <= 16


ANALYSIS = ("columns", "spans", "waits", "startups", "diagnosis", "questions")


@pytest.mark.parametrize("folder", ANALYSIS)
def test_every_module_of_the_analysis_has_a_test_file_of_its_own(folder):
    modules = {path.stem for path in (ROOT / PACKAGE / folder).glob("*.py")} - {"__init__"}
    tests = {path.stem.removeprefix("test_") for path in (ROOT / "tests" / folder).glob("test_*.py")}
    assert modules == tests


def test_a_circle_is_seen():
    assert circles({("a", "b"), ("b", "c")}) == set()
    assert circles({("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")}) == {"a", "b", "c"}


def test_what_only_a_type_checker_reads_is_no_import():
    tree = run_time(ast.parse("if TYPE_CHECKING:\n    from capi2kit.case import Case\nfrom capi2kit.errors import X\n"))
    assert [name for _, name in imports(tree, module="capi2kit.x", is_package=False)] == ["capi2kit.errors.X"]
