"""`capi2kit compare`: what a change did: start-ups, causes and predictions, before and after."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from capi2kit.cli import options
from capi2kit.cli.errors import UsageError
from capi2kit.cli.opening import open_analysis, say
from capi2kit.cli.options import Common
from capi2kit.cli.output import check_output, inputs, opened, options_said, shape_of

if TYPE_CHECKING:
    import pandas as pd

SLOWER = 1


def add_options(verb: argparse.ArgumentParser) -> None:
    """The two sides, what to judge by, the edition, and the shared options."""
    from capi2kit.cli.report import add_edition

    options.add_options(verb, logs="")
    verb.add_argument("first", metavar="BEFORE", help="log, folder, pattern or .zip from before the change")
    verb.add_argument("second", metavar="AFTER", help="the same from after it")
    verb.add_argument(
        "--before", metavar="LOG", action="append", default=[], help="one more log from before the change"
    )
    verb.add_argument("--after", metavar="LOG", action="append", default=[], help="one more log from after it")
    verb.add_argument("--remedy", metavar="ID", help="the remedy that was carried out: only its prediction is compared")
    verb.add_argument(
        "--server",
        metavar="NAME",
        action="append",
        default=[],
        help="it was carried out for this server only; can be repeated",
    )
    verb.add_argument(
        "--fail-if-slower",
        metavar="PCT",
        type=_percent,
        help="exit code 1 if a start-up takes more than this many per cent longer than before",
    )
    add_edition(verb)


def _percent(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of per cent, such as 10")
    return value


def run(common: Common, *, first: str, second: str, before: list[str], after: list[str], **given: Any) -> int:
    """Compare and write the result; 1 if `--fail-if-slower` was broken."""
    sides = ([first, *before], [second, *after])
    common = replace(common, logs=[*sides[0], *sides[1]])
    check_output(common)
    _check_remedy(given["remedy"])
    from capi2kit.comparison import compare
    from capi2kit.errors import NoEvents

    quiet = replace(common, output=None)
    old, new = ([open_analysis(replace(quiet, logs=[log])) for log in side] for side in sides)
    table = compare(old, new, remedy=given["remedy"], servers=given["server"])
    _write(table, (old, new), common=common, given=given)
    most = given["fail_if_slower"]
    if most is None:
        return 0
    pairs = table[table["kind"].eq("start-up").to_numpy(bool, na_value=False)]
    if pairs.empty:
        raise NoEvents("--fail-if-slower: no start-up is in both logs, so nothing was measured")
    slower = pairs[(pairs["after_s"] > pairs["before_s"] * (1 + most / 100)).to_numpy(bool)]
    for row in slower.to_dict("records"):
        say(
            common,
            f"{row['process']}: {row['before_s']:.3f} s before, {row['after_s']:.3f} s after: more than {most:g}% slower",
        )
    return SLOWER if len(slower) else 0


def _check_remedy(remedy: str | None) -> None:
    """Raises UsageError for a remedy that does not exist."""
    from difflib import get_close_matches

    from capi2kit.diagnosis.fixes import fixes

    if remedy is not None and remedy not in fixes():
        near = get_close_matches(remedy, fixes(), n=1)
        meant = f", did you mean {near[0]}?" if near else ""
        raise UsageError(
            f"--remedy: there is no remedy {remedy!r}{meant}; `capi2kit whatif BEFORE` names those of a log"
        )


def _write(table: pd.DataFrame, sides: tuple[list[Any], list[Any]], *, common: Common, given: dict[str, Any]) -> None:
    """The comparison as a text on the screen, or as a file whose ending decides."""
    from capi2kit.render import OUTPUTS, write_comparison
    from capi2kit.render.compared import assemble_comparison
    from capi2kit.render.edition import read_edition, with_options
    from capi2kit.render.text import write

    edition = {name: given[name] for name in ("title", "client", "case", "examiner", "logo", "notes")}
    chosen = with_options(read_edition(**edition, day=given["date"]), options_said(common))
    report = assemble_comparison(table, before=sides[0], after=sides[1], tz=common.tz, edition=chosen)
    ending = os.path.splitext(common.output or "")[1].lower()
    if common.output not in (None, "-") and ending in OUTPUTS and ending != ".txt":
        write_comparison(report, common.output, template=given["template"], evidence=inputs(common), force=common.force)
        print(common.output)
        print(report.front.headline)
        return
    with opened(common) as file:
        write([report.opening, *report.sections], file=file, **shape_of(file, common))
