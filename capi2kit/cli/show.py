"""`capi2kit show`: one task as a waterfall, by its id, a record id or a URL."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from capi2kit.cli import options
from capi2kit.cli.opening import open_analysis
from capi2kit.cli.options import Common
from capi2kit.cli.output import form_of, opened
from capi2kit.errors import NoEvents

if TYPE_CHECKING:
    from capi2kit.analysis import Analysis

_MOST = 5


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
    from capi2kit.render import waterfall

    tasks = _tasks(analysis, what)
    if not tasks:
        raise NoEvents(f"nothing in the log matches {what!r}: give a TaskId, a record id, or a part of a URL")
    with opened(common) as file:
        for task in tasks[:_MOST]:
            file.write("\n".join(waterfall.draw(analysis, task, tz=common.tz)) + "\n\n")
            for other, reason in waterfall.related(analysis, task).items():
                file.write(f"  related: {other}  {reason}\n")
            if xml:
                for event in analysis.case.events.loc[[task], "event"]:
                    file.write(f"\n{_tame(record_xml(analysis.case, int(event)))}")
            file.write("\n")
        if len(tasks) > _MOST:
            file.write(f"{len(tasks) - _MOST} more tasks: {' '.join(tasks[_MOST:])}\n")


def _tasks(analysis: Analysis, what: str) -> list[str]:
    """Tasks by id, record id or URL; those that waited longest first."""
    events = analysis.case.events.reset_index()
    events = events[events["task_id"].notna()]
    wanted = what.strip("{}").upper()
    hits = events[events["task_id"].str.startswith(wanted)]
    if hits.empty and what.isdigit():
        hits = events[(events["record"] == int(what)).fillna(False)]
    if hits.empty:
        urls = analysis.waits[analysis.waits["url"].str.contains(what, case=False, regex=False).fillna(False)]
        return list(dict.fromkeys(urls.sort_values("high_s", ascending=False)["task_id"].dropna()))
    return list(dict.fromkeys(hits["task_id"]))


def _tame(xml: str) -> str:
    from capi2kit.words import visible

    return "\n".join(line[: len(line) - len(line.lstrip())] + visible(line.lstrip()) for line in xml.split("\n")) + "\n"
