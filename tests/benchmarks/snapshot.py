"""Every figure of every known log in one folder, and where two such folders differ.

    python tests/benchmarks/snapshot.py write FOLDER      all tables of all logs, as pickles of pandas
    python tests/benchmarks/snapshot.py compare OLD NEW   what differs, cell by cell; exit code 1 if anything does

The logs: the lab's scenarios, the posts, the lists, and the real logs in CAPI2KIT_REAL_LOGS where that is set. Take one before
a change that must not alter a figure, and one after it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pandas as pd

from capi2kit.analysis import analyse
from capi2kit.case import load
from capi2kit.errors import EvidenceError
from capi2kit.lab.simulate.timezone import IANA

ROOT = Path(__file__).resolve().parents[2]
DATASETS = ROOT / "datasets"
_MOST = 5  # differences of one table that are shown


def evidence() -> Iterator[tuple[str, Path]]:
    """A name for each log or folder of logs that belong together, and its place."""
    yield from ((f"lab.{folder.name}", folder) for folder in sorted((DATASETS / "lab").iterdir()) if folder.is_dir())
    yield from ((f"posts.{post.name}", post) for post in sorted((DATASETS / "posts").iterdir()))
    yield "lists", DATASETS / "lists"
    real = os.environ.get("CAPI2KIT_REAL_LOGS")
    files = sorted(path for path in Path(real).rglob("*") if path.is_file()) if real else []
    yield from ((f"real.{path.name}", path) for path in files)


def write(folder: Path) -> int:
    """Write all tables of all logs below a folder; returns the exit code."""
    os.chdir(ROOT)
    for name, path in evidence():
        place = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
        target = folder / name
        target.mkdir(parents=True, exist_ok=True)
        try:
            analysis = analyse(load(place, tz=IANA))
        except EvidenceError as err:
            (target / "refused.txt").write_text(type(err).__name__, encoding="utf-8")
            continue
        tables = {field.name: getattr(analysis.case, field.name) for field in fields(analysis.case)}
        tables |= {field.name: getattr(analysis, field.name) for field in fields(analysis) if field.name != "case"}
        for table, rows in tables.items():
            (rows.reset_index() if table == "events" else rows).to_pickle(target / f"{table}.pkl")
        print(name, *(f"{table} {len(rows)}" for table, rows in tables.items() if len(rows)))
    return 0


def differences(old: Path, new: Path) -> Iterator[str]:
    """Each cell, column, row count, table or log that two folders do not have alike."""
    names = sorted({path.relative_to(folder) for folder in (old, new) for path in folder.rglob("*") if path.is_file()})
    for name in names:
        if not (old / name).exists() or not (new / name).exists():
            yield f"{name}: only in {old if (old / name).exists() else new}"
        elif name.suffix == ".pkl":
            yield from (f"{name}: {what}" for what in _cells(pd.read_pickle(old / name), pd.read_pickle(new / name)))
        elif (old / name).read_bytes() != (new / name).read_bytes():
            yield f"{name}: {(old / name).read_text()} became {(new / name).read_text()}"


def _cells(old: pd.DataFrame, new: pd.DataFrame) -> Iterator[str]:
    if list(old.columns) != list(new.columns):
        yield f"columns {sorted(set(old.columns) ^ set(new.columns))} are in one of them only"
    if len(old) != len(new):
        yield f"{len(old)} rows became {len(new)}"
        return
    for column in [name for name in old.columns if name in new.columns]:
        before, after = old[column], new[column]
        if before.dtype != after.dtype:
            yield f"{column}: {before.dtype} became {after.dtype}"
        differ = (before.astype(object) != after.astype(object)) & ~(before.isna() & after.isna())
        rows = list(differ.index[differ.fillna(True).astype(bool)])
        shown = ", ".join(f"row {row}: {before[row]!r} became {after[row]!r}" for row in rows[:_MOST])
        if rows:
            yield f"{column}: {len(rows)} cells differ: {shown}"


def main(arguments: list[str]) -> int:
    """Run one of the two commands; returns the exit code."""
    match arguments:
        case ["write", folder]:
            return write(Path(folder).absolute())
        case ["compare", old, new]:
            found = list(differences(Path(old), Path(new)))
            print("\n".join(found) or "no difference")
            return int(bool(found))
    print(__doc__)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
