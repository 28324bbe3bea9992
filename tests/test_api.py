"""The public names: each is there, is what it says, and has types that an editor and mypy see."""

import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from types import ModuleType

import pandas as pd
import pytest

import capi2kit as c2
from capi2kit.errors import Capi2kitError, KnowledgeError
from capi2kit.knowledge import columns

SCRIPT = """
import capi2kit as c2

case = c2.load("WEB01.evtx")
analysis = c2.analyse(case)
reveal_type(case)
reveal_type(analysis.waits)
reveal_type(c2.headline(analysis))
"""


def functions() -> list[str]:
    return [name for name in c2.__all__ if inspect.isfunction(getattr(c2, name))]


def test_every_public_name_stays_what_it_is_when_every_module_is_imported():
    """A module at the top level that had the name of a public function would take its place."""
    for found in pkgutil.walk_packages(c2.__path__, "capi2kit."):
        importlib.import_module(found.name)
    modules = {name for name in c2.__all__ if isinstance(getattr(c2, name), ModuleType)}
    assert modules == {"charts", "knowledge", "render"}
    for name in set(c2.__all__) - modules:
        assert callable(getattr(c2, name)), name
    assert set(dir(c2)) == {*c2.__all__, "__version__"}
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = c2.nothing


def test_errors_have_one_root():
    kinds = [getattr(c2, name) for name in c2.__all__ if inspect.isclass(getattr(c2, name))]
    errors = [kind for kind in kinds if issubclass(kind, Exception)]
    assert len(errors) >= 8 and all(issubclass(kind, Capi2kitError) for kind in errors)


@pytest.mark.parametrize("name", functions())
def test_a_public_function_says_what_it_takes_gives_and_raises(name):
    function = getattr(c2, name)
    said = inspect.getdoc(function) or ""
    for heading in ("Parameters", "Returns"):
        assert re.search(rf"^{heading}\n-+$", said, re.M), f"{name} has no section {heading}"
    taken = said.partition("Parameters\n")[2].partition("Returns\n")[0]
    for parameter in inspect.signature(function).parameters:
        assert re.search(rf"^[\w, *]*\b{parameter}\b[\w, ]*:", taken, re.M), f"{name} does not say what {parameter} is"
    assert "Raises" in said, f"{name} does not say what it raises"


def test_a_table_can_be_described():
    found = c2.describe("waits")
    assert list(found) == ["table", "column", "dtype", "unit", "meaning", "origin"]
    assert found["column"].tolist() == list(columns("waits"))
    assert found.set_index("column").loc["wait_s", ["dtype", "unit"]].tolist() == ["Float64", "s"]
    assert (found["meaning"].str.len() > 3).all()
    assert set(c2.describe()["table"]) >= {"events", "spans", "waits", "startups", "ledger", "findings"}
    assert pd.api.types.is_string_dtype(found["meaning"])
    with pytest.raises(KnowledgeError, match=r"no table 'nothing'; there are .*waits"):
        c2.describe("nothing")


@pytest.mark.slow
def test_a_type_checker_sees_real_types(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), str(script)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    revealed = re.findall(r'Revealed type is "(.*)"', done.stdout)
    assert revealed == ["capi2kit.case.Case", "pandas.core.frame.DataFrame", "str"], done.stdout + done.stderr
