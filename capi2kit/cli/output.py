"""Output: tables as text, CSV or JSON lines, to stdout or a file. Text from a log cannot act here."""

from __future__ import annotations

import glob
import io
import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, cast

from capi2kit.cli.errors import UsageError
from capi2kit.cli.options import Common
from capi2kit.writer import check_target, refuse_stream, written

if TYPE_CHECKING:
    import pandas as pd

FORMS = ("text", "csv", "jsonl")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


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


def inputs(common: Common) -> list[str]:
    """The files and folders that a verb reads: nothing may be written there."""
    from capi2kit.case import evidence_behind

    rules = glob.glob(os.path.join(glob.escape(common.rules), "*")) if common.rules else []
    return [*evidence_behind(common.logs), *rules, *common.beside]


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


def write_table(table: pd.DataFrame, *, common: Common, key: list[str], below: Iterable[str] = ()) -> None:
    """Write a table: all columns as CSV or JSON lines, the `key` columns as text, and lines `below` that text."""
    form = form_of(common)
    with opened(common) as file:
        if form == "text":
            _write_text(table[key], tz=common.tz, file=file)
            file.writelines(f"{line}\n" for line in below)
        elif form == "csv":
            _write_csv(table, file)
        else:
            for row in table.to_dict("records"):
                file.write(_json({str(name): _plain(value) for name, value in row.items()}, file=file) + "\n")


def _json(row: dict[str, Any], *, file: IO[str]) -> str:
    """A row as JSON; what would act on a terminal, or what its encoding lacks, as ``\\u202e``: the data stay the same."""
    from capi2kit.words import HIDDEN

    text = json.dumps(row, ensure_ascii=not str(getattr(file, "encoding", None) or "utf-8").lower().startswith("utf"))
    return HIDDEN.sub(lambda found: json.dumps(found[0])[1:-1], text)


def _plain(value: Any) -> Any:
    import pandas as pd

    if value is None or pd.isna(value):
        return None
    return value.isoformat() if isinstance(value, pd.Timestamp) else value.item() if hasattr(value, "item") else value


def _write_csv(table: pd.DataFrame, file: IO[str]) -> None:
    import csv

    from capi2kit.words import visible

    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(table.columns)
    for row in table.itertuples(index=False):
        cells = ["" if (plain := _plain(value)) is None else plain for value in row]
        texts = [visible(cell) if isinstance(cell, str) and cell else cell for cell in cells]
        writer.writerow(["'" + text if isinstance(text, str) and text.startswith(_FORMULA) else text for text in texts])


def _write_text(table: pd.DataFrame, *, tz: str, file: IO[str]) -> None:
    import pandas as pd

    from capi2kit import words
    from capi2kit.render.parts import Column, Table
    from capi2kit.render.text import lay_out

    def cell(name: str, value: Any) -> str:
        if _plain(value) is None:
            return words.ABSENT
        if isinstance(value, pd.Timestamp):
            return words.moment(value, tz)
        if name in ("result", "policy_result"):
            return words.code(value)
        return f"{value:.3f}" if isinstance(value, float) else words.visible(value)

    cells = zip(*([cell(name, value) for value in table[name]] for name in table.columns), strict=True)
    shown = Table([Column(name, whole=True) for name in table.columns], list(map(list, cells)))
    file.writelines(f"{line}\n" for line in lay_out(shown, width=None))
