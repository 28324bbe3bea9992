"""Who may import whom: down only, and sideways only inside a folder."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = "capi2kit"
ROOT = Path(__file__).resolve().parents[1]

# "/" after a name: a folder, and inside its layer nobody but itself looks into it.
# Modules without it lie at the root of the package; the others of their layer may import them.
LAYERS = (
    ("errors",),
    ("knowledge", "columns", "binxml", "writer", "words"),
    ("winevent", "coverage", "loaders/"),
    ("case",),
    ("spans/",),
    ("waits/",),
    ("startups/",),
    ("diagnosis/",),
    ("questions/",),
    ("analysis", "selection", "given"),
    ("comparison", "redaction/", "asking", "store"),
    ("charts/", "fleet"),
    ("render/", "accuracy", "score"),
    ("cli/", "quizzes"),
)
TABLES = range(4, 9)  # tables -> tables: no evidence, so a new loader cannot break an analysis
TOP = len(LAYERS) - 1
LAB = "lab"  # beside the layers: it writes evidence and shares no code with what reads it

LAYER_OF = {name.rstrip("/"): number for number, layer in enumerate(LAYERS) for name in layer}
FOLDERS = {name.rstrip("/") for layer in LAYERS for name in layer if name.endswith("/")} | {LAB}
UNITS = {*LAYER_OF, LAB}

# Foreign packages that belong to some places only, or to none.
ONLY_IN = {
    "matplotlib": {"charts", "render"},
    "evtx": {"loaders"},
    "Evtx": {"loaders"},
    "duckdb": {"store"},
    "distributed": {"fleet", "cli"},
    "dask": {"fleet"},
    # no network access in package code
    **{name: set() for name in ("socket", "http.client", "urllib.request", "urllib3", "requests", "httpx", "aiohttp")},
}
NOT_IN = {"binxml": {"pandas"}}


def unit_of(module: str) -> str:
    """`capi2kit.loaders.evtx` -> `loaders`; the package itself -> "" ."""
    return module.partition(".")[2].partition(".")[0]


def modules() -> dict[str, Path]:
    """Dotted name -> file, for every module in the package."""
    found = {}
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(tree: ast.AST, *, module: str, is_package: bool) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything imported, wherever it stands; `from a import b` is `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = node.module or ""
            if node.level:
                folders = module.split(".") if is_package else module.split(".")[:-1]
                source = ".".join([*folders[: len(folders) - node.level + 1], *filter(None, [source])])
            yield from ((node.lineno, f"{source}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            names = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
            yield from ((node.lineno, name) for name in names)


REPRS = {"__repr__", "_repr_html_"}


def without_reprs(tree: ast.Module) -> ast.Module:
    """The module without what its objects show of themselves: a renderer draws that, and is asked only when somebody looks."""

    class Without(ast.NodeTransformer):
        def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
            return ast.Pass() if node.name in REPRS else node

    return Without().visit(tree)


def wrong_inside(importer: str, target: str) -> str | None:
    """Why a module of the unit `importer` may not import the unit `target`, or None if it may."""
    if importer == target or (importer == "cli" and target in UNITS):
        return None
    if target not in UNITS:
        return "the package itself, or a module without a layer: name the module that has it"
    if target == LAB:
        return None if importer == "quizzes" else "nobody imports lab but cli and quizzes"
    below = LAYER_OF[target]
    if importer == LAB:
        return None if below <= 1 else "lab imports layers 0 and 1 only"
    above = LAYER_OF[importer]
    if below > above:
        return f"layer {above} imports layer {below}: down only"
    if above in TABLES and below in (2, 3):
        return f"layer {above} works on tables: of what reads evidence it imports nothing"
    if below == above and target in FOLDERS:
        return f"both are layer {above}: sideways only inside a folder"
    return None


def wrong_outside(importer: str, name: str) -> str | None:
    """Why a module of the unit `importer` may not import the foreign `name`, or None if it may."""
    for package, homes in ONLY_IN.items():
        if f"{name}.".startswith(f"{package}.") and importer not in homes:
            return f"{package} only in {', '.join(sorted(homes))}" if homes else f"{package}: no network access"
    if name.partition(".")[0] in NOT_IN.get(importer, ()):
        return f"not in {importer}"
    return None


def wrong_imports(source: str, *, module: str, is_package: bool = False) -> list[str]:
    """Every import of a module that section 4 of the house forbids."""
    importer = unit_of(module)
    if not importer:
        return wrong_at_the_front_door(source)
    if importer not in UNITS:
        return [f"{module}: has no layer; put its name into LAYERS"]
    offences = []
    for line, name in imports(without_reprs(ast.parse(source)), module=module, is_package=is_package):
        if f"{name}.".startswith(f"{PACKAGE}."):
            target = unit_of(name)
            free = target.startswith("__") or (importer == "cli" and target not in UNITS)  # a public name, __version__
            why = None if free else wrong_inside(importer, target)
        else:
            why = wrong_outside(importer, name)
        if why:
            offences.append(f"{module}:{line}: {name}: {why}")
    return offences


def wrong_at_the_front_door(source: str) -> list[str]:
    """`capi2kit/__init__.py` may name everything, but what it names loads when it is first used."""
    lazily = (ast.FunctionDef, ast.If)  # __getattr__, and `if TYPE_CHECKING:`
    top = ast.Module([node for node in ast.parse(source).body if not isinstance(node, lazily)], [])
    named = imports(top, module=PACKAGE, is_package=True)
    slow = ("pandas", "pyarrow", "matplotlib", "lxml", "numpy", *(f"{PACKAGE}.{unit}" for unit in UNITS - {"errors"}))
    return [
        f"{PACKAGE}:{line}: {name}: imported before anyone asked for it"
        for line, name in named
        if any(f"{name}.".startswith(f"{package}.") for package in slow)
    ]


def test_imports_go_down_only():
    offences = []
    for module, path in modules().items():
        source = path.read_text(encoding="utf-8")
        offences += wrong_imports(source, module=module, is_package=path.stem == "__init__")
    assert not offences, "\n".join(offences)


def test_a_name_stands_in_one_layer():
    assert len(LAYER_OF) == sum(len(layer) for layer in LAYERS)
    assert LAYER_OF["errors"] == 0
    assert LAYER_OF["cli"] == TOP


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("knowledge", "from capi2kit.case import load"),
        ("knowledge", "from .case import load"),
        ("knowledge", "from . import case"),
        ("loaders.evtx", "from ..case import load"),
        ("spans.build", "from capi2kit import winevent"),
        ("spans", "def f():\n    from capi2kit.case import Case"),
        ("spans", "import importlib\nx = importlib.import_module('capi2kit.charts.ledger')"),
        ("questions.whatif", "import capi2kit.loaders"),
        ("diagnosis.rules", "from capi2kit.questions import whatif"),
        ("winevent", "from capi2kit.loaders import framing"),
        ("analysis", "from capi2kit.charts import startup"),
        ("render.html", "from capi2kit.cli import main"),
        ("score", "from capi2kit.lab import scenario"),
        ("lab.recording", "from capi2kit.winevent import read"),
        ("lab.simulate.clock", "from ...spans import build_spans"),
        ("case", "import capi2kit"),
        ("case", "from capi2kit import build_spans"),
        ("case", "from capi2kit import *"),
        ("spans", "import matplotlib.pyplot as plt"),
        ("cli.waits", "from matplotlib.figure import Figure"),
        ("binxml", "import pandas as pd"),
        ("selection", "from Evtx import Evtx"),
        ("loaders.pki", "from urllib import request"),
        ("utils", "x = 1"),
        ("helpers.text", "x = 1"),
    ],
)
def test_an_import_against_the_layers_is_seen(module, line):
    assert len(wrong_imports(line, module=f"{PACKAGE}.{module}")) == 1


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("winevent", "from capi2kit.errors import EvidenceError"),
        ("knowledge", "from capi2kit import errors, binxml"),
        ("loaders.evtx", "from evtx import PyEvtxParser\nfrom .framing import chunks\nfrom ..winevent import batch"),
        ("spans", "from capi2kit.columns.intervals import union\nimport pandas as pd"),
        ("questions.whatif", "from capi2kit.spans.build import build_spans\nfrom . import prefetch"),
        ("analysis", "from capi2kit.case import Case\nfrom capi2kit.questions import coverage"),
        ("analysis", "class A:\n    def _repr_html_(self):\n        from capi2kit.render.notebook.cards import card"),
        ("charts.startup", "from matplotlib.figure import Figure"),
        ("render.html", "from capi2kit import __version__\nfrom .sections import Section"),
        ("cli.lab", "from capi2kit.lab import scenario"),
        ("cli.waits", "import capi2kit as c2\nfrom capi2kit import load"),
        ("lab.simulate.clock", "from ...knowledge import accounts\nfrom ..scenario import read"),
        ("loaders.w3c", "from urllib.parse import unquote\nimport http"),
    ],
)
def test_an_import_along_the_layers_is_let_through(module, line):
    assert wrong_imports(line, module=f"{PACKAGE}.{module}") == []


def test_only_what_an_object_shows_of_itself_may_reach_up():
    line = "class A:\n    def show(self):\n        from capi2kit.render.notebook.cards import card"
    (offence,) = wrong_imports(line, module=f"{PACKAGE}.analysis")
    assert "capi2kit.render.notebook.cards" in offence


def test_a_relative_import_in_an_init_starts_at_its_own_folder():
    line = "from . import evtx\nfrom ..case import load"
    (offence,) = wrong_imports(line, module=f"{PACKAGE}.loaders", is_package=True)
    assert "capi2kit.case.load" in offence


def test_the_front_door_is_light():
    assert wrong_imports("from .errors import EvidenceError\nimport importlib", module=PACKAGE) == []
    assert wrong_imports("def __getattr__(name):\n    from .case import load", module=PACKAGE) == []
    assert wrong_imports("if TYPE_CHECKING:\n    from .case import load", module=PACKAGE) == []
    assert len(wrong_imports("from .case import load", module=PACKAGE)) == 1
    assert len(wrong_imports("import pandas as pd", module=PACKAGE)) == 1
