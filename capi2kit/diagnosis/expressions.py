"""Expressions: the small language of rules and of user questions, over the columns of one table.

Names of columns, texts, numbers, ``true`` and ``false``, lists; ``== != < <= > >=``, ``in`` and ``not in`` a list,
``is missing`` and ``is not missing``; ``and``, ``or``, ``not``. Nothing else: no calls, no attributes, no arithmetic, so an
expression from anywhere can only read. A comparison with a missing value is false, and ``not`` of it is true.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from capi2kit.errors import KnowledgeError

LONGEST = 2000  # characters
_DEEPEST = 40
_LONGEST_LIST = 200
_WORDS = {"true": True, "false": False}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


@dataclass(frozen=True)
class Expression:
    """A parsed expression; `names` are the columns it reads. `file` and `line` say where it is."""

    text: str
    tree: ast.expr
    names: frozenset[str]
    file: str = ""
    line: int | None = None

    def holds(self, table: pd.DataFrame, *, seen: dict[Hashable, np.ndarray] | None = None) -> np.ndarray:
        """Whether it holds, for each row. Raises KnowledgeError for a column that is missing or cannot be compared so.

        `seen`: results of comparisons in other expressions on the same rows; those of this one are added.
        """
        if lacking := [name for name in self.names if name not in table.columns]:
            _refuse(f"there is no column {min(lacking)!r}", self)
        try:
            found = _as_bool(_value(self.tree, table, seen={} if seen is None else seen))
        except (TypeError, ValueError) as err:
            _refuse(f"cannot be compared like this ({err})", self)
        return np.broadcast_to(np.asarray(found, bool), (len(table),)).copy()


def parse(text: str, *, known: Collection[str] | None = None, file: str = "", line: int | None = None) -> Expression:
    """An expression from its text; `known`: the columns it may name, None for any.

    Raises KnowledgeError, with `file` and `line`, for anything that the language does not have.
    """
    made = Expression(text, ast.Constant(True), frozenset(), file, line)
    if len(text) > LONGEST:
        _refuse(f"longer than {LONGEST} characters", made)
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as err:
        _refuse(f"is not a valid expression ({getattr(err, 'msg', err)})", made)
    names: set[str] = set()
    _check(tree, names, made=made, depth=0)
    if known is not None and (strange := names - set(known)):
        _refuse(f"there is no column {min(strange)!r}", made)
    return Expression(text, tree, frozenset(names), file, line)


def _refuse(why: str, made: Expression) -> NoReturn:
    raise KnowledgeError(f"expression {made.text[:200]!r}: {why}", file=made.file, line=made.line)


def _check(node: ast.expr, names: set[str], *, made: Expression, depth: int) -> None:
    """Refuse anything that the language does not have; collect the names of columns."""
    if depth > _DEEPEST:
        _refuse(f"nested deeper than {_DEEPEST}", made)
    if isinstance(node, ast.BoolOp):
        parts = node.values
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        parts = [node.operand]
    elif isinstance(node, ast.Compare):
        _check_comparison(node, names, made=made)
        return
    elif isinstance(node, ast.Name) and node.id != "missing":
        names |= {node.id} - _WORDS.keys()
        return
    else:
        _refuse(f"{type(node).__name__} is not part of the language", made)
    for part in parts:
        _check(part, names, made=made, depth=depth + 1)


def _check_comparison(node: ast.Compare, names: set[str], *, made: Expression) -> None:
    if len(node.ops) != 1:
        _refuse("one comparison at a time: join them with `and`", made)
    (op,), (right,) = node.ops, node.comparators
    if not isinstance(node.left, ast.Name) or node.left.id in {"missing", *_WORDS}:
        _refuse("a comparison must begin with the name of a column", made)
    names.add(node.left.id)
    if isinstance(op, ast.Is | ast.IsNot):
        if not (isinstance(right, ast.Name) and right.id == "missing"):
            _refuse("`is` must be followed by `missing`", made)
    elif isinstance(op, ast.In | ast.NotIn):
        if not isinstance(right, ast.List) or len(right.elts) > _LONGEST_LIST or not all(map(_is_plain, right.elts)):
            _refuse(f"`in` must be followed by a list of at most {_LONGEST_LIST} texts or numbers", made)
    elif isinstance(right, ast.Name) and right.id != "missing":
        names |= {right.id} - _WORDS.keys()
    elif type(op) not in _COMPARE or not _is_plain(right):
        _refuse("a column can only be compared with a text, a number or another column", made)


def _is_plain(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return isinstance(node.operand, ast.Constant) and type(node.operand.value) in (int, float)
    return isinstance(node, ast.Constant) and type(node.value) in (str, int, float)


def _value(node: ast.expr, table: pd.DataFrame, *, seen: dict[Hashable, np.ndarray]) -> Any:
    """The value of a part: a column of booleans, or one boolean for all rows."""
    if isinstance(node, ast.BoolOp):
        return _joined(node, table, seen=seen)
    if isinstance(node, ast.UnaryOp):
        return ~np.broadcast_to(np.asarray(_as_bool(_value(node.operand, table, seen=seen)), bool), (len(table),))
    if isinstance(node, ast.Name):
        return _WORDS[node.id] if node.id in _WORDS else table[node.id]
    assert isinstance(node, ast.Compare)
    said = _said(node)
    if said not in seen:
        seen[said] = np.asarray(_compared(node, table), bool)
    return seen[said]


def _said(node: ast.Compare) -> Hashable:
    """What a comparison says, the same for all that say the same; `1`, `1.0` and `true`, which is a name, say different things."""
    (op,), (right,) = node.ops, node.comparators
    parts = right.elts if isinstance(right, ast.List) else [right]
    others = tuple(
        (type(one), one.id) if isinstance(one, ast.Name) else (type(_plain(one)), _plain(one)) for one in parts
    )
    return node.left.id, type(op), type(right), others  # type: ignore[attr-defined]


def _joined(node: ast.BoolOp, table: pd.DataFrame, *, seen: dict[Hashable, np.ndarray]) -> np.ndarray:
    """`and` and `or`, only as far as a part can still change a row. With no rows every part is looked at: so a fault in one is found."""
    every = isinstance(node.op, ast.And)
    whole = np.full(len(table), every)
    for part in node.values:
        is_settled = not whole.any() if every else whole.all()
        if is_settled and len(table):
            break
        found = np.broadcast_to(np.asarray(_as_bool(_value(part, table, seen=seen)), bool), (len(table),))
        whole = whole & found if every else whole | found
    return whole


def _compared(node: ast.Compare, table: pd.DataFrame) -> Any:
    """One comparison, row by row; with a missing value it is false."""
    (op,), (right,) = node.ops, node.comparators
    left: pd.Series = table[node.left.id]  # type: ignore[attr-defined,assignment]
    if isinstance(op, ast.Is | ast.IsNot):
        missing = np.asarray(left.array.isna())
        return missing if isinstance(op, ast.Is) else ~missing
    if isinstance(right, ast.List):
        others = list(map(_plain, right.elts))
    else:
        others = [_value(right, table, seen={}) if isinstance(right, ast.Name) else _plain(right)]
    if isinstance(op, ast.In | ast.NotIn | ast.Eq | ast.NotEq) and _are_texts(left, others):
        return _among(left, others, wanted=isinstance(op, ast.In | ast.Eq))
    if isinstance(right, ast.List):
        inside = _inside(left, others)
        return inside if isinstance(op, ast.In) else ~inside & left.notna()
    numbers = [_numbers(left), _numbers(others[0])]
    if all(numbers):
        (mine, known), (theirs, also) = numbers  # type: ignore[misc]
        return _COMPARE[type(op)](mine, theirs) & known & also
    return _as_bool(_COMPARE[type(op)](left, others[0]) & left.notna())


def _numbers(value: Any) -> tuple[Any, Any] | None:
    """Numbers, and where there is one; None if the value is something else. NumPy compares them faster than pandas."""
    if type(value) in (int, float):
        return value, True
    array = getattr(value, "array", None)
    if isinstance(array, pd.arrays.IntegerArray | pd.arrays.FloatingArray):
        known = ~array.isna()
        return array.to_numpy(str(array.dtype).lower(), na_value=0), known
    return None


def _inside(column: pd.Series, others: list[Any]) -> Any:
    """Whether a value of a column is one of these; whole numbers are looked for in NumPy, which is faster at it than pandas."""
    if isinstance(column.array, pd.arrays.IntegerArray) and all(type(one) is int for one in others):
        mine, known = _numbers(column)  # type: ignore[misc]
        ends = np.iinfo(mine.dtype)
        return np.isin(mine, np.array([one for one in others if ends.min <= one <= ends.max], mine.dtype)) & known
    return column.isin(others)


def _are_texts(column: pd.Series, others: list[Any]) -> bool:
    return isinstance(column.array, pd.arrays.ArrowStringArray) and all(isinstance(text, str) for text in others)


def _among(column: pd.Series, texts: list[str], *, wanted: bool) -> np.ndarray:
    """Where a text of a column is one of these; or, if that is not `wanted`, is another one. Arrow is faster at it than pandas."""
    found = pa.array(column.array, pa.large_string())
    inside = pc.is_in(found, value_set=pa.array(texts, pa.large_string()))
    inside = inside if wanted else pc.and_(pc.invert(inside), pc.is_valid(found))
    return inside.to_numpy(zero_copy_only=False)


def _plain(node: ast.expr) -> Any:
    if isinstance(node, ast.UnaryOp):
        return -node.operand.value  # type: ignore[attr-defined]
    return node.value  # type: ignore[attr-defined]


def _as_bool(found: Any) -> Any:
    """Booleans without <NA>: an unknown value counts as false."""
    if not isinstance(found, pd.Series):
        return found
    if found.dtype.kind not in "b" and str(found.dtype) not in ("boolean", "bool[pyarrow]"):
        raise TypeError(f"the column {found.name!r} does not hold true or false")
    return found.array.to_numpy(bool, na_value=False)
