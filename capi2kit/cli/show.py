"""`capi2kit show`: one task as a waterfall, by its id, a record id or a URL."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from capi2kit.cli import options
from capi2kit.cli.opening import open_analysis, say
from capi2kit.cli.options import Common
from capi2kit.cli.output import console_of, encoding_of, form_of, opened
from capi2kit.errors import NoEvents
from capi2kit.writer import plain

if TYPE_CHECKING:
    pass

_MOST = 5
_SHORTEST, _LONGEST = 10, 32  # cells of a bar


def add_options(verb: argparse.ArgumentParser) -> None:
    """What to show, and the shared options."""
    verb.add_argument("what", metavar="WHAT", help="TaskId (its beginning is enough), record id, or a part of a URL")
    verb.add_argument("--xml", action="store_true", help="also print the original records of the task")
    options.add_options(verb)


def run(common: Common, *, what: str, xml: bool) -> None:
    """Show a task as a text waterfall, with its related tasks."""
    form_of(common, allowed=("text", "txt"))
    analysis = open_analysis(common)
    from capi2kit.case import record_xml
    from capi2kit.questions.tasks import tasks_of
    from capi2kit.render.tables import fold, print_table
    from capi2kit.render.waterfall import draw, folded, head, related

    tasks = tasks_of(analysis.case.events, analysis.waits, what=what)
    if not tasks:
        raise NoEvents(f"nothing in the log matches {what!r}: give a TaskId, a record id, or a part of a URL")
    if what.isdigit() and len(tasks) > 1:
        say(common, f"{len(tasks)} tasks have a record {what}: the log of each computer counts its own")
    with opened(common) as file:
        console, encoding = console_of(file, common), encoding_of(file)

        def write(lines: list[str]) -> None:
            file.writelines(f"{line}\n" for text in lines for line in fold(plain(text, encoding), console.width))

        for task in tasks[:_MOST]:
            write([*head(analysis, task, tz=common.tz), ""])
            bar = max(_SHORTEST, min(_LONGEST, console.width // 4 - _SHORTEST))
            print_table(draw(analysis, task, tz=common.tz, bar=bar), console=console, encoding=encoding)
            write(["", *folded(related(analysis, task)), ""])
            if xml:
                for event in analysis.case.events.loc[[task], "event"]:
                    file.write(f"\n{_tame(record_xml(analysis.case, int(event)))}")
        if len(tasks) > _MOST:
            write([f"{len(tasks) - _MOST} more tasks: {' '.join(name[:8] for name in tasks[_MOST:])}"])


def _tame(xml: str) -> str:
    from capi2kit.words import visible

    return "\n".join(line[: len(line) - len(line.lstrip())] + visible(line.lstrip()) for line in xml.split("\n")) + "\n"
