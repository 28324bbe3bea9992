"""What keeps the house small and plain: ceilings, names, docstrings, and what must not stand in it."""

import ast
import csv
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence

import pytest
from test_layers import LAYER_OF, PACKAGE, ROOT, unit_of

MODULE_LINES = 300
FUNCTION_LINES = 40
POSITIONAL = 2
DRAWERS = {"utils", "util", "helpers", "helper", "common", "misc", "core", "base"}
VAGUE_VERBS = ("get", "do", "process", "handle", "manage")
NO_ROW_LOOPS = range(3, 10)  # layers: tables are worked on by columns there
TOP_LEVEL = {
    *(
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "pyproject.toml",
        "environment.yml",
        "Makefile",
        ".git-blame-ignore-revs",
    ),
    *(".ci", ".gitattributes", ".gitignore", "docs", "notebooks", "datasets", PACKAGE, "tests"),
}

Function = ast.FunctionDef | ast.AsyncFunctionDef
Offences = Iterator[tuple[int, str]]


def definitions(tree: ast.Module) -> Iterator[tuple[Function | ast.ClassDef, str]]:
    """Functions, classes and methods with the class they sit in; what a function nests is its own affair."""

    def inside(body: Sequence[ast.AST], owner: str) -> Iterator[tuple[Function | ast.ClassDef, str]]:
        for node in body:
            if isinstance(node, Function | ast.ClassDef):
                yield node, owner
            if isinstance(node, ast.ClassDef):
                yield from inside(node.body, node.name)
            elif isinstance(node, ast.If | ast.Try | ast.ExceptHandler | ast.With):
                yield from inside(list(ast.iter_child_nodes(node)), owner)

    yield from inside(tree.body, "")


def functions(tree: ast.Module) -> Iterator[tuple[Function, str]]:
    return ((node, owner) for node, owner in definitions(tree) if isinstance(node, Function))


def is_public(*names: str) -> bool:
    return not any(name.startswith("_") for name in names)


def long_modules(tree: ast.Module, *, source: str) -> Offences:
    lines = len(source.splitlines())
    if lines > MODULE_LINES:
        yield 1, f"{lines} lines, the ceiling is {MODULE_LINES}: split by subject"


def long_functions(tree: ast.Module) -> Offences:
    for node, _ in functions(tree):
        first = node.body[0]
        spoken = ast.get_docstring(node) is not None
        lines = node.end_lineno - node.lineno + 1 - (first.end_lineno - first.lineno + 1 if spoken else 0)
        if lines > FUNCTION_LINES:
            yield node.lineno, f"{node.name} has {lines} lines, the ceiling is {FUNCTION_LINES}"


def positional_parameters(tree: ast.Module) -> Offences:
    for node, owner in functions(tree):
        names = [parameter.arg for parameter in (*node.args.posonlyargs, *node.args.args)]
        if owner and names and names[0] in ("self", "cls"):
            names = names[1:]
        if len(names) > POSITIONAL:
            yield node.lineno, f"{node.name}({', '.join(names)}): at most {POSITIONAL}, the rest by keyword"


def vague_verbs(tree: ast.Module) -> Offences:
    for node, owner in functions(tree):
        if is_public(node.name, owner) and node.name.split("_")[0] in VAGUE_VERBS:
            yield node.lineno, f"{node.name}: say what it does (load, read, build, recover, plot, ...)"


def missing_docstrings(tree: ast.Module) -> Offences:
    if ast.get_docstring(tree) is None:
        yield 1, "the module has no docstring"
    for node, owner in definitions(tree):
        if is_public(node.name, owner) and ast.get_docstring(node) is None:
            yield node.lineno, f"{node.name} has no docstring"


def drawer_names(name: str) -> list[str]:
    """The words of a dotted module name that say nothing about what is inside."""
    return [part for part in name.split(".") if {part.strip("_"), *part.split("_")} & DRAWERS]


def says_event_id(node: ast.expr) -> bool:
    """Is this `event_id`, `x.event_id`, `x["event_id"]`, or one of these converted or picked from?"""

    def matches(text: object) -> bool:
        return isinstance(text, str) and "eventid" in text.lower().replace("_", "")

    match node:
        case ast.Name(id=name):
            return matches(name)
        case ast.Attribute(value=value, attr=name):
            return matches(name) or (name in ("iloc", "loc", "iat", "at", "values", "array") and says_event_id(value))
        case ast.Subscript(value=value, slice=key):
            keys = [part.value for part in ast.walk(key) if isinstance(part, ast.Constant)]
            return any(map(matches, keys)) or says_event_id(value)
        case ast.Call(func=ast.Attribute(attr="astype" | "to_numpy" | "fillna" | "item", value=value)):
            return says_event_id(value)
        case ast.Call(func=ast.Attribute(attr="get" | "find" | "findtext" | "attrib"), args=[ast.Constant(value=key)]):
            return matches(key)
        case ast.Call(func=ast.Name(id="int" | "str"), args=[value]):
            return says_event_id(value)
    return False


def is_number(node: ast.expr) -> bool:
    """Is this a whole number, or a collection or range that holds one?"""
    match node:
        case ast.Constant(value=bool()):
            return False
        case ast.Constant(value=int()):
            return True
        case ast.Constant(value=str(text)):
            return text.isdigit()
        case ast.List(elts=parts) | ast.Set(elts=parts) | ast.Tuple(elts=parts):
            return any(map(is_number, parts))
        case ast.Call(func=ast.Name(id="set" | "frozenset" | "list" | "tuple" | "range"), args=parts):
            return any(map(is_number, parts))
    return False


def event_id_literals(tree: ast.Module) -> Offences:
    """Event ids stand in data/operations.csv and data/fields.csv, never in Python."""
    compared = {"isin", "eq", "ne", "lt", "le", "gt", "ge", "between"}
    in_words = re.compile(r"event_?id\W*(==|!=|[<>]=?|\b(not\s+)?in\b)\W*\d", re.IGNORECASE)
    for node in ast.walk(tree):
        match node:
            case ast.Compare(left=left, comparators=others):
                found = any(map(says_event_id, (left, *others))) and any(map(is_number, (left, *others)))
            case ast.Call(func=ast.Attribute(value=value, attr=attr), args=args) if attr in compared:
                found = says_event_id(value) and any(map(is_number, args))
            case ast.Call(func=ast.Attribute(attr="query" | "eval"), args=[ast.Constant(value=str(text)), *_]):
                found = bool(in_words.search(text))
            case ast.Match(subject=subject, cases=cases):
                patterns = [part for case in cases for part in ast.walk(case.pattern)]
                values = [part.value for part in patterns if isinstance(part, ast.MatchValue)]
                found = says_event_id(subject) and any(map(is_number, values))
            case _:
                found = False
        if found:
            yield node.lineno, "an event id in Python: make it a row in data/"


def row_loops(tree: ast.Module) -> Offences:
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr="iterrows" | "itertuples" as name):
                yield node.lineno, f"{name}: work on columns"
            case ast.Call(func=ast.Attribute(attr="apply"), args=args, keywords=keywords):
                axis = [*args[1:2], *(keyword.value for keyword in keywords if keyword.arg == "axis")]
                if any(isinstance(value, ast.Constant) and value.value in (1, "columns") for value in axis):
                    yield node.lineno, "apply along rows: work on columns"


def strangers(names: set[str]) -> set[str]:
    """The names at the top level that the house does not know."""
    return {name.partition("/")[0] for name in names} - TOP_LEVEL


def sources(folder: str = PACKAGE) -> Iterator[tuple[str, str, ast.Module]]:
    """Dotted name, text and tree of every module in a folder."""
    for path in sorted((ROOT / folder).rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        yield ".".join(path.relative_to(ROOT).with_suffix("").parts), source, ast.parse(source)


def assert_none(offences: list[str]) -> None:
    assert not offences, "\n" + "\n".join(offences)


@pytest.mark.parametrize("check", [long_functions, positional_parameters, vague_verbs, event_id_literals])
def test_every_module_keeps(check):
    assert_none([f"{name}:{line}: {text}" for name, _, tree in sources() for line, text in check(tree)])


def test_modules_are_short():
    assert_none(
        [f"{name}: {text}" for name, source, tree in sources() for _, text in long_modules(tree, source=source)]
    )


def test_what_is_public_says_what_it_is():
    public = [(name, tree) for name, _, tree in sources() if is_public(name.removesuffix(".__init__").split(".")[-1])]
    assert_none([f"{name}:{line}: {text}" for name, tree in public for line, text in missing_docstrings(tree)])


def test_tables_are_worked_on_by_columns():
    inner = [(name, tree) for name, _, tree in sources() if LAYER_OF.get(unit_of(name)) in NO_ROW_LOOPS]
    assert_none([f"{name}:{line}: {text}" for name, tree in inner for line, text in row_loops(tree)])


def test_no_module_is_a_drawer():
    assert_none([name for folder in (PACKAGE, "tests") for name, _, _ in sources(folder) if drawer_names(name)])


def test_what_is_called_equivalent_stands_in_its_module():
    with (ROOT / "tests" / "mutants" / "equivalent.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    lines = {
        row["module"]: (ROOT / "capi2kit" / f"{row['module']}.py").read_text(encoding="utf-8").splitlines()
        for row in rows
    }
    assert [row for row in rows if row["line"] not in map(str.strip, lines[row["module"]]) or not row["reason"]] == []


def test_the_top_level_is_tidy():
    git = shutil.which("git")
    command = [git or "git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, capture_output=True, text=True, check=False) if git else None
    if listing is None or listing.returncode:
        pytest.skip("no git checkout: what belongs to the project and what was left here cannot be distinguished")
    assert strangers(set(listing.stdout.splitlines())) == set()


# Each inspector on bad and good lines: a test that cannot fail keeps nothing.


def lines_of(check, source: str) -> list[int]:
    return [line for line, _ in check(ast.parse(source))]


def test_a_long_module_is_seen():
    source = "x = 1\n" * MODULE_LINES
    assert list(long_modules(ast.parse(source), source=source)) == []
    assert len(list(long_modules(ast.parse(source), source=source + "x = 1\n"))) == 1


def test_a_long_function_is_seen_and_its_docstring_is_free():
    docstring = '    """One.\n\n' + "    More.\n" * 30 + '    """\n'
    fits = "def f():\n" + docstring + "    x = 1\n" * (FUNCTION_LINES - 1)
    assert lines_of(long_functions, fits) == []
    assert lines_of(long_functions, fits + "    x = 2\n") == [1]
    assert lines_of(long_functions, "class A:\n    def f(self):\n" + "        x = 1\n" * FUNCTION_LINES) == [2]


@pytest.mark.parametrize(
    ("source", "seen"),
    [
        ("def f(a, b, c): ...", True),
        ("def f(a, /, b, c=1): ...", True),
        ("async def f(a, b, c): ...", True),
        ("class A:\n    def f(self, a, b, c): ...", True),
        ("class A:\n    @staticmethod\n    def f(a, b, c): ...", True),
        ("try:\n    import x\nexcept ImportError:\n    def f(a, b, c): ...", True),
        ("def f(a, b, *, c, d): ...", False),
        ("class A:\n    def f(self, a, b): ...", False),
        ("def f(a, b):\n    def g(a, b, c): ...", False),
        ("f = lambda a, b, c: a", False),
    ],
)
def test_a_third_positional_parameter_is_seen(source, seen):
    assert bool(lines_of(positional_parameters, source)) is seen


def test_a_vague_verb_is_seen():
    bad = "def get_span(): ...\ndef process(): ...\nclass A:\n    def handle_it(self): ..."
    assert lines_of(vague_verbs, bad) == [1, 2, 4]
    assert lines_of(vague_verbs, "def _get_span(): ...\ndef processes(): ...\ndef double(): ...") == []


def test_a_missing_docstring_is_seen():
    assert lines_of(missing_docstrings, "def f(): ...\nclass A:\n    def g(self): ...") == [1, 1, 2, 3]
    good = (
        '"""M."""\ndef f():\n    "F."\n    def g(): ...\ndef _h(): ...\nclass A:\n    "A."\n    def __len__(self): ...'
    )
    assert lines_of(missing_docstrings, good) == []


def test_a_drawer_is_seen():
    bad = ["capi2kit.utils", "capi2kit._helpers", "capi2kit.render.text_utils", "capi2kit.core.spans", "tests.common"]
    assert all(map(drawer_names, bad))
    assert not any(
        map(drawer_names, ["capi2kit.spans.build", "capi2kit.lab.score", "capi2kit.database", "capi2kit.coredump"])
    )


@pytest.mark.parametrize(
    "line",
    [
        "if event_id == 53: pass",
        "if 53 != record.event_id: pass",
        "rows = events[events['event_id'] == 53]",
        "rows = events[events['event_id'].isin([51, 53])]",
        "rows = events[events.event_id.eq(53)]",
        "stop = row['event_id'] in (51, 53)",
        "stop = event_id in {51, 53}",
        "stop = int(element.findtext('EventID')) == 53",
        "stop = element.findtext('EventID') == '53'",
        "stop = events['event_id'].iloc[0] == 53",
        "stop = events.loc[3, 'event_id'] == 53",
        "rows = events['event_id'].astype('Int64') >= 50",
        "rows = events.query('event_id == 53')",
        "rows = events.query('event_id in [51, 53]')",
        "match event_id:\n    case 51 | 53: pass",
    ],
)
def test_an_event_id_in_python_is_seen(line):
    assert lines_of(event_id_literals, line) == [1]


@pytest.mark.parametrize(
    "line",
    [
        "if event_id == other: pass",
        "if events['event_id'].isna().sum() == 0: pass",
        "if len(event_ids) == 0: pass",
        "if counts[event_id] > 1: pass",
        "rows = events[events['opcode'] == 1]",
        "rows = events.merge(operations, on='event_id', how='left')",
        "known = event_id in known_ids",
        "'Use --where \"event_id == 53\"'",
    ],
)
def test_a_line_without_a_fixed_event_id_is_let_through(line):
    assert lines_of(event_id_literals, line) == []


def test_a_loop_over_rows_is_seen():
    bad = [
        "for r in t.iterrows(): ...",
        "t.itertuples()",
        "t.apply(f, axis=1)",
        "t.apply(f, 1)",
        "t.apply(f, axis='columns')",
    ]
    assert [lines_of(row_loops, line) for line in bad] == [[1]] * len(bad)
    assert lines_of(row_loops, "t['a'].apply(f)\nt.apply(f, axis=0)\nt.groupby('a').apply(f)") == []


def test_a_stranger_at_the_top_is_seen():
    assert strangers({"README.md", "capi2kit/spans.py", "scratch.py", "logs/WEB01.evtx"}) == {"scratch.py", "logs"}
