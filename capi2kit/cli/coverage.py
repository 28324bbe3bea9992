"""`capi2kit coverage`: what the logs can and cannot support, and the lines to collect again."""

from __future__ import annotations

from capi2kit.cli.opening import open_analysis
from capi2kit.cli.options import Common, add_options
from capi2kit.cli.output import form_of, opened, write_table

__all__ = ["add_options", "run"]


def run(common: Common) -> None:
    """Print each stretch of log with its verdict in words."""
    form = form_of(common)
    from capi2kit.questions.coverage import again, coverage
    from capi2kit.words import moment, visible

    stretches = open_analysis(common).case.coverage
    table = coverage(stretches)
    if form != "text":
        write_table(table, common=common, key=[])
        return
    with opened(common) as file:
        for row in table.to_dict("records"):
            extent = f"{moment(row['start'], common.tz)} to {moment(row['stop'], common.tz)}"
            file.write(f"{visible(row['host'])}, {visible(row['channel'])}: {row['verdict']}\n")
            file.write(
                f"  {row['records']} records, {extent}; missing between: {row['gaps']}, tasks cut: {row['cut_tasks']}\n"
            )
            file.write(f"  supports: {row['supports']}\n  does not: {row['does_not']}\n\n")
        for fix in again(stretches):
            lines = [f"  {step.text}" for step in fix.commands]
            file.write(
                "\n".join([f"{fix.title}:", *lines, "to undo:", *(f"  {step.text}" for step in fix.undo)]) + "\n"
            )
