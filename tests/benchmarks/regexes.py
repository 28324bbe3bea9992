"""How long every pattern takes on text made against it, at length n, 2n and 4n.

    python tests/benchmarks/regexes.py [N]      a row for each pattern and way of asking; exit code 1 if one grows as a square

The texts: repetitions of what the pattern itself consists of, behind what it begins with, in front of what it cannot match.
A pattern is asked in the ways in which the code asks it (`search`, `match`, `fullmatch`, `sub`, `split`, `finditer`).
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import capi2kit
from capi2kit.knowledge import rows

SQUARE = 3.2  # time at 4n over time at 2n: 2 is linear, 4 a square
NOTICEABLE_S = 0.02
_ASKED = ("fullmatch", "match", "search", "sub", "split", "finditer", "findall")
_ANYTHING = {codes.CATEGORY_SPACE: " ", codes.CATEGORY_DIGIT: "1", codes.CATEGORY_WORD: "a"}
_NEGATED = {codes.CATEGORY_NOT_SPACE: "x", codes.CATEGORY_NOT_DIGIT: "x", codes.CATEGORY_NOT_WORD: "-"}


def patterns() -> Iterator[tuple[str, re.Pattern[Any], str]]:
    """Name, pattern and source of every pattern that a module holds, or a table of knowledge."""
    for module in pkgutil.walk_packages(capi2kit.__path__, "capi2kit."):
        found = importlib.import_module(module.name)
        source = Path(str(found.__file__)).read_text(encoding="utf-8")
        for name, value in vars(found).items():
            if isinstance(value, re.Pattern) and re.search(rf"(?m)^{name}\b", source):
                yield f"{module.name.removeprefix('capi2kit.')}.{name}", value, source
    for table in ("phrases", "url_roles"):
        for number, row in enumerate(rows(table)):
            yield (
                f"{table}.{number}",
                re.compile(row["pattern"], re.IGNORECASE * (table == "url_roles")),
                f"{number}.search",
            )


def ways(name: str, source: str) -> list[str]:
    """How the code asks a pattern; in every way if that cannot be seen."""
    bare = name.rpartition(".")[2]
    return [way for way in _ASKED if re.search(rf"\b{bare}\.{way}\b", source)] or ["fullmatch", "match"]


def atoms(tree: Any) -> list[str]:
    """The signs and words that a pattern is made of, in their order."""
    found: list[str] = []
    word = ""
    for code, value in tree:
        if code is codes.LITERAL:
            word += chr(value)
            continue
        found += [word] if word else []
        word = ""
        if code is codes.IN:
            found += _of_class(value)
        elif code in (codes.MAX_REPEAT, codes.MIN_REPEAT, getattr(codes, "POSSESSIVE_REPEAT", None)):
            found += atoms(value[2])
        elif code is codes.SUBPATTERN:
            found += atoms(value[3])
        elif code is codes.BRANCH:
            found += [atom for branch in value[1] for atom in atoms(branch)]
        elif code in (codes.ASSERT, codes.ASSERT_NOT):
            found += atoms(value[1])
        elif code is getattr(codes, "ATOMIC_GROUP", None):
            found += atoms(value)
        elif code in (codes.ANY, codes.NOT_LITERAL):
            found.append("x")
    return found + ([word] if word else [])


def _of_class(items: list[tuple[Any, Any]]) -> list[str]:
    found = []
    negated = bool(items) and items[0][0] is codes.NEGATE
    for code, value in items:
        if code is codes.LITERAL and not negated:
            found.append(chr(value))
        elif code is codes.RANGE and not negated:
            found.append(chr(value[0]))
        elif code is codes.CATEGORY:
            found.append((_NEGATED if negated else _ANYTHING).get(value, "x"))
    return [*found[:4], "x", " "] if negated else found[:6]


def attacks(pattern: re.Pattern[Any]) -> list[tuple[str, str, str]]:
    """Beginnings, what is repeated behind them, and ends."""
    text = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    parts = list(
        dict.fromkeys(
            atoms(
                parser.parse(text, pattern.flags & ~re.UNICODE if isinstance(pattern.pattern, bytes) else pattern.flags)
            )
        )
    )
    bodies = [*parts, *(one + other for one in parts[:8] for other in parts[:8] if one != other)][:40]
    begins = ["", "".join(parts[:1]), "".join(parts[:2]), "".join(parts[:3])]
    return [(begin, body, end) for begin in dict.fromkeys(begins) for body in bodies for end in ("", "\0", "\n\0")]


def seconds(pattern: re.Pattern[Any], way: str, *, text: str) -> float:
    """The best of two runs."""
    given: Any = text.encode("utf-8", "replace") if isinstance(pattern.pattern, bytes) else text
    ask = getattr(pattern, way)
    took = []
    for _ in range(2):
        start = time.perf_counter()
        if way == "sub":
            ask(given[:0], given)
        elif way == "finditer":
            for _found in ask(given):
                pass
        else:
            ask(given)
        took.append(time.perf_counter() - start)
    return min(took)


def worst(pattern: re.Pattern[Any], way: str, *, n: int) -> tuple[float, float, float, str]:
    """Times at n, 2n and 4n for the text on which the pattern takes longest, and that text's recipe."""

    def made(attack: tuple[str, str, str], size: int) -> str:
        begin, body, end = attack
        return begin + body * (size // len(body)) + end

    slowest = max(attacks(pattern), key=lambda attack: seconds(pattern, way, text=made(attack, n // 8)))
    times = [seconds(pattern, way, text=made(slowest, size)) for size in (n, 2 * n, 4 * n)]
    return (*times, repr(slowest)[:70])  # type: ignore[return-value]


def main(arguments: list[str]) -> int:
    """Print the table; 1 if a pattern grows as a square, else 0."""
    n = int(arguments[0]) if arguments else 20_000
    bad = []
    print(f"{'pattern':<44}{'way':<10}{'n':>9}{'2n':>9}{'4n':>9}  on (n = {n} signs; times in ms)")
    for name, pattern, source in patterns():
        for way in ways(name, source):
            one, two, four, text = worst(pattern, way, n=n)
            square = four > NOTICEABLE_S and four / max(two, 1e-9) > SQUARE
            bad += [name] if square else []
            mark = "  SQUARE" if square else ""
            print(f"{name:<44}{way:<10}{one * 1e3:>9.2f}{two * 1e3:>9.2f}{four * 1e3:>9.2f}  {text}{mark}", flush=True)
    print(f"{len(bad)} patterns grow as a square" + (f": {', '.join(sorted(set(bad)))}" if bad else ""))
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
