"""Loader `workers`: which application pool each worker process of IIS serves, as `appcmd list wp` prints it.

It shows the moment when somebody asked, and it does not say on which computer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from capi2kit.loaders.evidence import Asked, EvidenceFile, Problems
from capi2kit.loaders.text.lines import lines, source_of, table_of
from capi2kit.winevent import Batch

NAME = "workers"
LOOKS_FOR = 'worker processes as `appcmd list wp` prints them: WP "4120" (applicationPool:…)'
_LINE = re.compile(r'\s*WP "(\d+)" \(applicationPool:(.*)\)\s*')


def own_lines(texts: Sequence[str]) -> list[range]:
    """The lines of `appcmd list wp`."""
    return [range(at, at + 1) for at, text in enumerate(texts) if _LINE.fullmatch(text)]


def read(file: EvidenceFile, *, asked: Asked) -> Iterator[Batch]:
    """Yield one batch: `settings` with the process id as name and the pool as value, `sources` and `problems`."""
    problems = Problems()
    found: list[tuple[str, str, str]] = []
    for line in lines(file, problems):
        worker = _LINE.fullmatch(line.text)
        if worker:
            found.append((str(line.number), worker[1], worker[2]))
        elif line.text.strip():
            message = f"line {line.number} is not a worker process; it was left out: {line.text.strip()[:80]!r}"
            problems.add("record", "unreadable line", message=message, lost=1, offset=line.offset)
    columns = dict(zip(("line", "name", "value"), zip(*found, strict=True), strict=False)) if found else {}
    same = {"origin": "appcmd list wp", "path": "applicationPool"}
    cells = {name: list(values) for name, values in columns.items()} | {
        name: [text] * len(found) for name, text in same.items()
    }
    batch: Batch = {"settings": table_of("settings", cells, kinds={"line": "int"})} if found else {}
    batch["problems"] = problems.table()
    batch["sources"] = source_of(problems, loaded=len(found))
    yield batch
