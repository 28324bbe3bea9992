"""TOML files that a person wrote: read within limits, each fault reported with its file and line."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

from capi2kit.errors import KnowledgeError

LARGEST = 64 << 10  # bytes
MOST_KEYS = 2000  # and values
DEEPEST = 8
_MOST_DOTS = 8  # in one key
_INTEGERS = 1 << 63
_LINE = re.compile(r"at line (\d+)")
_LONG_NUMBER = re.compile(r"(?<![\w.\"'])[+-]?\d[\d_]{40,}")
_LONG_KEY = re.compile(rf"(?m)^\s{{0,200}}\[{{0,2}}[^=\n\"']{{0,2000}}?(?:\.[^=.\n\"']{{0,200}}){{{_MOST_DOTS + 1},}}")


class TomlFile(NamedTuple):
    """What a file says, and its text, by which a fault finds its line. `is_proven`: it came with capi2kit."""

    name: str
    said: dict[str, Any]
    text: str
    is_proven: bool = False

    def fault(self, message: str, key: str = "") -> KnowledgeError:
        """An error about the value of a key: ``say.finding`` is looked for below ``[say]``, or anywhere as ``finding``."""
        return KnowledgeError(message, file=self.name, line=self._line_of(key) if key else None)

    def _line_of(self, key: str) -> int | None:
        table, _, name = key.rpartition(".")
        begin = 0
        if table and (found := re.search(rf"(?m)^\s*\[+\s*{re.escape(table)}\s*\]", self.text)):
            begin = found.start()
            if not name:
                return self.text.count("\n", 0, found.start() + 1) + 1
        found = re.compile(rf"(?m)^[ \t]*{re.escape(name)}\b").search(self.text, begin)
        return self.text.count("\n", 0, found.start()) + 1 if found else None


def read_toml(path: Path, *, is_proven: bool = False) -> TomlFile:
    """A TOML file. Raises KnowledgeError if it is not a regular file, too large, too deep, or not TOML.

    `is_proven`: it came with capi2kit, whose tests have read it within the limits; they are not looked at again.
    """
    text = _text_of(path)
    for pattern, why in (
        () if is_proven else ((_LONG_NUMBER, "a number of more than 40 digits"), (_LONG_KEY, "a key of too many parts"))
    ):
        if found := pattern.search(text):
            raise KnowledgeError(why, file=path.name, line=text.count("\n", 0, found.end()) + 1)
    try:
        said = tomllib.loads(text)
    except RecursionError as err:
        raise KnowledgeError(f"nested deeper than {DEEPEST}", file=path.name) from err
    except ValueError as err:
        line = _LINE.search(str(err))
        raise KnowledgeError(f"is not valid TOML ({err})", file=path.name, line=int(line[1]) if line else None) from err
    file = TomlFile(path.name, said, text, is_proven)
    if not is_proven:
        _check(file)
    return file


def _text_of(path: Path) -> str:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise KnowledgeError("is not a regular file", file=path.name)
        with open(path, "rb", opener=_without_waiting) as file:
            raw = file.read(LARGEST + 1)
        if len(raw) > LARGEST:
            raise KnowledgeError(f"is longer than {LARGEST} bytes", file=path.name)
        return raw.decode("utf-8").replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError) as err:
        raise KnowledgeError(f"is not valid TOML ({err})", file=path.name) from err


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _check(file: TomlFile) -> None:
    """Raises KnowledgeError for too many keys and values, too many levels, a number beyond 64 bits."""
    level: list[tuple[str, Any]] = list(file.said.items())
    count = len(level)
    for _ in range(DEEPEST):
        if large := next((name for name, value in level if isinstance(value, int) and abs(value) >= _INTEGERS), None):
            raise file.fault("a number beyond 64 bits", large)
        inner = [(name, value) for name, value in level if isinstance(value, dict | list)]
        level = [
            (name, one)
            for where, value in inner
            for name, one in (value.items() if isinstance(value, dict) else ((where, one) for one in value))
        ]
        count += len(level)
        if count > MOST_KEYS:
            raise file.fault(f"more than {MOST_KEYS} keys and values")
        if not level:
            return
    raise file.fault(f"nested deeper than {DEEPEST}", level[0][0])
