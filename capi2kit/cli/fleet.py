"""`capi2kit fleet`: a report on a store: who waited, what the computers have in common, what to do first."""

from __future__ import annotations

import argparse
import sys

from capi2kit.cli.report import add_edition

_FILE = "fleet.html"


def add_options(verb: argparse.ArgumentParser) -> None:
    """The store, the file, the edition."""
    verb.add_argument("store", metavar="STORE", help="the folder of the store")
    verb.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        default=_FILE,
        help=f"the report; its ending decides ({_FILE}); - for a text here",
    )
    verb.add_argument("--force", action="store_true", help="overwrite an existing file; never evidence")
    verb.add_argument("--tz", metavar="ZONE", default="UTC", help="show times in this zone (UTC)")
    add_edition(verb)


def run(given: argparse.Namespace) -> int:
    """Write the report; print its path and its headline."""
    from capi2kit.render import write_comparison
    from capi2kit.render.edition import read_edition
    from capi2kit.render.farm import assemble_farm
    from capi2kit.render.text import write
    from capi2kit.store import open_store
    from capi2kit.words import visible

    names = ("title", "client", "case", "examiner", "logo", "notes")
    edition = read_edition(**{name: getattr(given, name) for name in names}, day=given.date)
    report = assemble_farm(open_store(given.store), tz=given.tz, edition=edition)
    if given.output == "-":
        write([report.opening, *report.sections], file=sys.stdout)
        return 0
    write_comparison(report, given.output, template=given.template, evidence=[given.store], force=given.force)
    print(visible(given.output))
    print(visible(report.front.headline))
    return 0
