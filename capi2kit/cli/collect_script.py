"""`capi2kit collect-script`: the PowerShell script that collects the evidence on a Windows server."""

from __future__ import annotations

import argparse
import sys

SCRIPT = "Collect-Capi2.ps1"


def add_options(script: argparse.ArgumentParser) -> None:
    """Where to put the script."""
    script.add_argument(
        "-o", "--output", metavar="FILE", help=f"write it there, as Windows PowerShell reads it best; e.g. {SCRIPT}"
    )


def run(given: argparse.Namespace) -> int:
    """Print the script, or write it with a byte order mark and CRLF. Raises Capi2kitError if it cannot be written."""
    from capi2kit.errors import Capi2kitError
    from capi2kit.knowledge import DATA

    text = (DATA / SCRIPT).read_text(encoding="utf-8")
    if given.output in (None, "-"):
        sys.stdout.write(text)
        return 0
    try:
        with open(given.output, "w", encoding="utf-8-sig", newline="\r\n") as file:
            file.write(text)
    except OSError as err:
        raise Capi2kitError(f"{given.output}: cannot be written ({err.strerror})") from err
    print(f"capi2kit: wrote {given.output}; run it as administrator, with -WhatIf first", file=sys.stderr)
    return 0
