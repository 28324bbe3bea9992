"""Expressions: what the small language can say, and that nothing else gets in."""

import ast
import dataclasses

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capi2kit.columns.cells import shaped
from capi2kit.diagnosis.expressions import LONGEST, parse
from capi2kit.errors import KnowledgeError

ROWS = [
    {"outcome": "timeout", "wait_s": 10.0, "budget_s": 10.0, "accumulative": True, "result": 0x80072EE2},
    {"outcome": "ok", "wait_s": 0.1, "budget_s": 9.9, "accumulative": False, "result": 0},
    {"outcome": None, "wait_s": None, "budget_s": 15.0, "accumulative": None, "result": None},
]


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return shaped(pd.DataFrame(ROWS), "waits")


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("outcome == 'timeout'", [True, False, False]),
        ("outcome != 'timeout'", [False, True, False]),
        ("not outcome == 'timeout'", [False, True, True]),
        ("outcome in ['timeout', 'unreachable']", [True, False, False]),
        ("outcome not in ['timeout']", [False, True, False]),
        ("outcome is missing", [False, False, True]),
        ("outcome is not missing", [True, True, False]),
        ("wait_s >= 5", [True, False, False]),
        ("wait_s > -1.5 and wait_s < 1", [False, True, False]),
        ("wait_s < budget_s", [False, True, False]),
        ("result == 0x80072EE2", [True, False, False]),
        ("result in [0x80072EE2, -1, 99999999999999999999]", [True, False, False]),
        ("result in [2147954402.0]", [True, False, False]),
        ("result not in [0x80072EE2]", [False, True, False]),
        ("accumulative", [True, False, False]),
        ("not accumulative", [False, True, True]),
        ("accumulative == true", [True, False, False]),
        ("accumulative == false", [False, True, False]),
        ("(outcome == 'ok' or outcome is missing) and budget_s > 9", [False, True, True]),
        ("true", [True, True, True]),
        ("not true", [False, False, False]),
    ],
)
def test_each_form_of_the_language(table, text, holds):
    assert parse(text, known=table.columns).holds(table).tolist() == holds
    assert parse(text).holds(table.iloc[:0]).tolist() == []


HOSTILE = [
    "__import__('os').system('id')",
    "outcome.__class__",
    "outcome.str",
    "open('x')",
    "outcome[0] == 'a'",
    "[x for x in outcome]",
    "lambda: 1",
    "wait_s + 1 > 2",
    "wait_s ** 9999999 > 1",
    "9 ** 9 ** 9 == wait_s",
    "f'{outcome}' == 'a'",
    "outcome == f'{result}'",
    "(outcome := 'a') == 'a'",
    "outcome if accumulative else result",
    "outcome in outcome",
    "outcome in ('a',)",
    "outcome in ['a' * 99]",
    "outcome is None",
    "1 == 1",
    "'a' == outcome",
    "1 < wait_s < 3",
    "outcome == b'a'",
    "outcome == None",
    "wait_s == 1j",
    "missing",
    "missing == 1",
    "outcome == missing",
    "~accumulative",
    "-wait_s > 1",
    "wait_s > -budget_s",
    "wait_s > -'1'",
    "wait_s > 1 < 2",
    "outcome; result",
    "outcome = 'a'",
    "",
    "import os",
    "not " * 5000 + "accumulative",
    "(" * 500 + "accumulative" + ")" * 500,
    "accumulative and " * 2000 + "accumulative",
    "\x00",
    "wait_s == 1" + "0" * 10_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:30] or "nothing")
def test_what_the_language_does_not_have_is_refused_with_its_place(text):
    with pytest.raises(KnowledgeError, match=r"^x\.toml, line 7: expression "):
        parse(text, file="x.toml", line=7)


def test_a_column_that_is_not_there_is_named():
    with pytest.raises(KnowledgeError, match="there is no column 'colour'"):
        parse("colour == 'red'", known={"outcome"})
    with pytest.raises(KnowledgeError, match="there is no column 'colour'"):
        parse("shape == 'round' and colour == 'red'").holds(pd.DataFrame({"outcome": ["a"]}))  # the first by name


def test_what_cannot_be_compared_is_an_error_not_a_guess(table):
    with pytest.raises(KnowledgeError, match="cannot be compared like this"):
        parse("outcome").holds(table)
    with pytest.raises(KnowledgeError, match="cannot be compared like this"):
        parse("wait_s > 'a'").holds(table)


def test_an_expression_knows_the_columns_that_it_reads():
    found = parse("wait_s < budget_s and accumulative and outcome in ['ok'] and result is missing and missed == true")
    assert found.names == {"wait_s", "budget_s", "accumulative", "outcome", "result", "missed"}
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.text = "other"


@given(st.text(max_size=60) | st.text("abcdefouw_s()[]'.,=<> 0123456789", max_size=80))
def test_any_text_is_refused_or_only_looks(text):
    try:
        found = parse(text)
    except KnowledgeError:
        return
    allowed = ast.BoolOp | ast.UnaryOp | ast.Compare | ast.Name | ast.Constant | ast.List
    assert len(text) <= LONGEST
    assert all(isinstance(node, allowed) for node in ast.walk(found.tree) if isinstance(node, ast.expr))


def names(count: int) -> str:
    return f"outcome in [{', '.join(repr(str(n)) for n in range(count))}]"


def nested(depth: int) -> str:
    return "not " * depth + "accumulative"


@pytest.mark.parametrize(
    ("longest", "longer", "reason"),
    [
        (names(200), names(201), "at most 200"),
        (nested(40), nested(41), "nested"),
        ("accumulative" + " " * (LONGEST - 12), "accumulative" + " " * (LONGEST - 11), "2000"),
    ],
)
def test_the_limits_of_an_expression(longest, longer, reason):
    parse(longest)
    with pytest.raises(KnowledgeError, match=reason):
        parse(longer)
