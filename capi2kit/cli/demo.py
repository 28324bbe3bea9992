"""`capi2kit demo`: the SharePoint incident of the lab, from its log to its report, without a log of your own."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

SCENARIO = "sharepoint-drop"
_FOLDER = "capi2kit-demo"


def add_options(demo: argparse.ArgumentParser) -> None:
    """Where to put what it makes."""
    demo.add_argument(
        "-o", "--output", metavar="FOLDER", default=_FOLDER, help=f"where to write evidence and report ({_FOLDER})"
    )
    demo.add_argument("--force", action="store_true", help="overwrite existing files that have other contents")


def run(given: argparse.Namespace) -> int:
    """Make the evidence anew, analyse it, write the report; print its path and the headline."""
    from capi2kit.analysis import analyse, headline
    from capi2kit.case import load
    from capi2kit.lab.datasets import make_dataset
    from capi2kit.lab.simulate.timezone import IANA
    from capi2kit.render import save
    from capi2kit.words import visible
    from capi2kit.writer import unused

    folder = Path(given.output)
    print("capi2kit: making the incident, as Windows would have logged it", file=sys.stderr)
    evidence = [
        path
        for path in make_dataset(SCENARIO, folder, force=given.force, again=True)
        if path.suffix in (".zip", ".evtx")
    ]
    analysis = analyse(load(evidence, tz=IANA))
    report = unused(folder / "report.html")
    save(analysis, report, force=False)
    print(f"\n{visible(headline(analysis))}\n\nReport: {visible(report)}\nWhat happened, and questions: "
          f"{visible(folder / SCENARIO / 'README.md')}")  # fmt: skip
    return 0
