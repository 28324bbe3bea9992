"""Output: tables as text, CSV or JSON lines, to stdout or a file. Text from a log cannot act here."""

from __future__ import annotations

import glob
import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, cast

from capi2kit.cli.errors import UsageError
from capi2kit.cli.options import Common
from capi2kit.writer import check_target, plain, refuse_stream, written

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

Below = Callable[[int], Iterable[str]]
FORMS = ("text", "csv", "jsonl")
WIDTH = 120
_CODES = ("result", "policy_result")
_WHOLE = ("start", "stop", "time", "task")


@contextmanager
def opened(common: Common) -> Iterator[IO[str]]:
    """Standard output, or the file of ``-o``, which is there when the block has ended without an error."""
    if common.output in (None, "-"):
        yield sys.stdout
        return
    with written(common.output, evidence=inputs(common), force=common.force) as file:
        text = io.TextIOWrapper(cast(IO[bytes], file), encoding="utf-8", errors="backslashreplace", newline="")
        try:
            yield text
            text.flush()
        finally:
            text.detach()


def shape_of(file: IO[str], common: Common) -> dict[str, Any]:
    """How wide a page is, and whether in colour: as the terminal is; elsewhere as COLUMNS says, else 120, without colour."""
    if file.isatty():
        return {"width": None, "color": False if common.no_color else None}
    asked = os.environ.get("COLUMNS", "")
    return {"width": int(asked) if asked.isdigit() and int(asked) else WIDTH, "color": False}


def quoted(logs: list[str]) -> str:
    """The logs as they are typed in a shell."""
    return " ".join(f'"{log}"' if " " in log else log for log in logs)


def inputs(common: Common) -> list[str]:
    """The files and folders that a verb reads: nothing may be written there."""
    from capi2kit.case import evidence_behind

    rules = glob.glob(os.path.join(glob.escape(common.rules), "*")) if common.rules else []
    key = [common.redact] if common.redact else []
    return [*evidence_behind(common.logs), *rules, *key, *common.beside]


CHOSEN = {  # options that change results, by the field that holds them
    "since": "--from",
    "until": "--to",
    "local": "--tz",
    "process": "--process",
    "pid": "--pid",
    "host": "--host",
    "engine": "--engine",
    "rules": "--rules",
    "correct_clock": "--correct-clock",
    "follow": "--follow",
    "redact": "--redact",
}


def chosen(common: Common) -> dict[str, Any]:
    """The options that change results, as far as they were used, by the names of their fields."""
    from capi2kit.cli.opening import as_shown

    values = {name: getattr(common, name) for name in CHOSEN}
    values["host"] = as_shown(common, common.host, kind="host")
    values["process"] = as_shown(common, common.process, kind="image")
    return {name: value for name, value in values.items() if value not in (None, False, "auto")}


def options_said(common: Common) -> dict[str, str]:
    """The same, as they are typed."""
    said = {CHOSEN[name]: "yes" if value is True else str(value) for name, value in chosen(common).items()}
    return said | ({"--redact": "names are pseudonyms"} if common.redact else {})


def check_output(common: Common) -> None:
    """Before anything is read: raises OutputError if what the verb writes would go into evidence, or over a file."""
    refuse_stream(sys.stdout, inputs(common))
    if common.output not in (None, "-"):
        check_target(common.output, evidence=inputs(common), force=common.force)


def form_of(common: Common, *, allowed: tuple[str, ...] = FORMS) -> str:
    """The format asked for: by ``-f``, else by the ending of ``-o``, else the first allowed one."""
    asked = common.form
    if asked is None and common.output and "." in common.output:
        ending = common.output.rsplit(".", 1)[1].lower()
        asked = ending if ending in allowed else None
    if asked is not None and asked not in allowed:
        raise UsageError(f"-f: {asked!r} is not possible here; choose {', '.join(allowed)}")
    return asked or allowed[0]


def write_table(
    table: pd.DataFrame, *, common: Common, key: Sequence[str], spare: Sequence[str] = (), below: Below | None = None
) -> None:
    """Write a table: all columns as CSV or JSON lines, the `key` columns as text.

    `spare`: of these, those that a narrow terminal does without, the first one first. `below`: lines under the text, for a width.
    """
    form = form_of(common)
    with opened(common) as file:
        if form == "text":
            _write_text(table[list(key)], common=common, spare=spare, file=file)
            width = console_of(file, common).width
            file.writelines(f"{plain(line, encoding_of(file))}\n" for line in (below(width) if below else ()))
        elif form == "csv":
            from capi2kit.render.exports.csvfile import write_csv

            write_csv(table, file)
        else:
            from capi2kit.render.exports.jsonlines import json_rows

            ascii_only = not (encoding_of(file) or "utf-8").lower().startswith("utf")
            file.writelines(f"{line}\n" for line in json_rows(table, ascii_only=ascii_only))


def say_below(*sentences: str) -> Below:
    """Sentences under a table, in lines that fit."""

    def lines(width: int) -> list[str]:
        from capi2kit.render.tables import fold

        return [line for sentence in sentences for line in fold(sentence, width)]

    return lines


def encoding_of(file: IO[str]) -> str | None:
    """The encoding of an open text file; None if it has none, as one in memory."""
    return getattr(file, "encoding", None)


def console_of(file: IO[str], common: Common) -> Console:
    """A console on the output, as wide as `shape_of` says."""
    from capi2kit.render.text import console_on

    return console_on(file, **shape_of(file, common))


def _write_text(table: pd.DataFrame, *, common: Common, spare: Sequence[str], file: IO[str]) -> None:
    import pandas as pd

    from capi2kit import words
    from capi2kit.render.parts import Column, Table
    from capi2kit.render.tables import print_table

    if table.empty:
        return
    cells = {name: [_cell(name, value, tz=common.tz) for value in table[name]] for name in table.columns}
    if "pid" in cells and "process" in cells:  # one column: what a process is called
        pids = zip(table["process"], table["pid"], strict=True)
        cells["process"] = [words.with_pid(name, pid) for name, pid in pids]
        del cells["pid"]
    ranks = {name: len(spare) - place for place, name in enumerate(spare)}
    numbers = {name for name in cells if pd.api.types.is_numeric_dtype(table[name])} - {*_CODES}
    columns = [Column(name, number=name in numbers, whole=name in _WHOLE, spare=ranks.get(name, 0)) for name in cells]
    rows = list(map(list, zip(*cells.values(), strict=True)))
    print_table(Table(columns, rows), console=console_of(file, common), encoding=encoding_of(file), even=True)


def _cell(name: str, value: Any, *, tz: str) -> str:
    """A value as a terminal shows it."""
    import pandas as pd

    from capi2kit import words

    if words.is_missing(value):
        return words.ABSENT
    if isinstance(value, pd.Timestamp):
        return words.moment(value, tz)
    if name in _CODES:
        return words.code(value)
    if name == "user_sid":
        return words.brief_account(value)
    return f"{value:.3f}" if isinstance(value, float) else words.visible(value)
