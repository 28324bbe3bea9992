"""The two ways to install, pip and conda, bring the same packages in the same ranges."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
TOOLS_OF_CONDA = {"pip"}  # conda must be asked for it; it is no package that capi2kit uses

Ranges = dict[str, frozenset[str]]


def read_project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def read_environment() -> list[Any]:
    return yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]


def ranges(lines: list[str]) -> Ranges:
    """Name -> the set of its clauses; a package that stands twice is an error."""
    found: Ranges = {}
    for requirement in map(Requirement, lines):
        name = canonicalize_name(requirement.name)
        assert name not in found, f"{name} stands twice"
        found[name] = frozenset(map(str, requirement.specifier))
    return found


def pip_ranges(project: dict[str, Any]) -> Ranges:
    return ranges([f"python{project['requires-python']}", *project["dependencies"]])


def conda_ranges(dependencies: list[Any]) -> Ranges:
    lines = [line for line in dependencies if isinstance(line, str)]
    lines += [line for part in dependencies if isinstance(part, dict) for line in part["pip"]]
    return {name: clauses for name, clauses in ranges(lines).items() if name not in TOOLS_OF_CONDA}


def not_a_range(lines: list[str]) -> list[str]:
    """The requirements that have no lower bound, or fix one version."""
    allowed = {">=", ">", "<", "<=", "!="}
    operators = {line: {clause.operator for clause in Requirement(line).specifier} for line in lines}
    return [line for line, used in operators.items() if not used & {">=", ">"} or used - allowed]


def test_pip_and_conda_name_the_same_packages_in_the_same_ranges():
    assert conda_ranges(read_environment()) == pip_ranges(read_project())


def test_versions_are_ranges_with_a_lower_bound():
    project = read_project()
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    assert not_a_range(project["dependencies"] + extras) == []


def test_a_package_has_one_range_even_when_an_extra_names_it_again():
    project = read_project()
    core = ranges(project["dependencies"])
    for lines in project["optional-dependencies"].values():
        again = ranges(lines)
        assert {name: again[name] for name in again.keys() & core.keys()} == {
            name: core[name] for name in again.keys() & core.keys()
        }


@pytest.mark.parametrize("line", ["pandas", "pandas==2.3", "pandas===2.3", "pandas~=2.3", "pandas<4"])
def test_a_pin_or_a_missing_lower_bound_is_seen(line):
    assert not_a_range([line, "lxml>=5,<7"]) == [line]


def test_a_difference_between_the_two_is_seen():
    pip = pip_ranges({"requires-python": ">=3.11", "dependencies": ["pandas>=2.3,<4"]})
    assert conda_ranges(["python >=3.11", "pip", {"pip": ["pandas <4, >=2.3"]}]) == pip
    assert conda_ranges(["python >=3.11", "pandas >=2.2,<4"]) != pip
    assert conda_ranges(["python >=3.12", "pandas >=2.3,<4"]) != pip
    assert conda_ranges(["python >=3.11", "pandas >=2.3,<4", "numpy >=2"]) != pip
