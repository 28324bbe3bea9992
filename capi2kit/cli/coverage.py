"""`capi2kit coverage`: what the logs can and cannot support, and the lines to collect again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from capi2kit.cli.opening import open_analysis
from capi2kit.cli.options import Common, add_options
from capi2kit.cli.output import console_of, encoding_of, form_of, opened, write_table
from capi2kit.writer import plain

if TYPE_CHECKING:
    from capi2kit.diagnosis.steps import Step

__all__ = ["add_options", "run"]


def run(common: Common) -> None:
    """Print each stretch of log with its verdict in words."""
    form = form_of(common)
    from capi2kit.questions.coverage import again, coverage
    from capi2kit.render.wrapping import wrapped
    from capi2kit.words import moment, visible

    stretches = open_analysis(common).case.coverage
    table = coverage(stretches)
    if form != "text":
        write_table(table, common=common, key=[])
        return
    with opened(common) as file:
        width = console_of(file, common).width
        for row in table.to_dict("records"):
            extent = f"{moment(row['start'], common.tz)} to {moment(row['stop'], common.tz)}"
            counts = (
                f"{row['records']} records, {extent}; missing between: {row['gaps']}, tasks cut: {row['cut_tasks']}"
            )
            lines = wrapped(f"{visible(row['host'])}, {visible(row['channel'])}: {row['verdict']}", width=width)
            for text in (counts, f"supports: {row['supports']}", f"does not: {row['does_not']}"):
                lines += wrapped(text, width=width, first="  ", rest="    ")
            print(*(plain(line, encoding_of(file)) for line in [*lines, ""]), sep="\n", file=file)
        for fix in again(stretches):
            lines = [f"{fix.title}:", *_steps(fix.commands, width=width), "to undo:", *_steps(fix.undo, width=width)]
            print(*(plain(line, encoding_of(file)) for line in lines), sep="\n", file=file)


def _steps(steps: tuple[Step, ...], *, width: int) -> list[str]:
    """Steps as lines: sentences wrapped, commands continued."""
    from capi2kit.diagnosis.steps import SENTENCE
    from capi2kit.render.wrapping import command, wrapped

    lines: list[str] = []
    for step in steps:
        is_text = step.kind == SENTENCE
        lines += (
            wrapped(step.text, width=width, first="  ", rest="    ")
            if is_text
            else command(step.text, width=width, shell=step.kind)
        )
    return lines
