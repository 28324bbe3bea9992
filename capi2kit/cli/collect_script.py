"""`capi2kit collect-script`: the PowerShell script that collects the evidence on a Windows server."""

from __future__ import annotations

import argparse
import sys

SCRIPT = "Collect-Capi2.ps1"
FOR_OLD = "Collect-Capi2.cmd"  # a server with PowerShell 2, such as a stock Windows Server 2008 R2


def add_options(script: argparse.ArgumentParser) -> None:
    """Where to put the script."""
    script.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help=f"write it to this file, in the form that Windows PowerShell reads best; e.g. {SCRIPT}",
    )
    script.add_argument(
        "--cmd",
        action="store_true",
        help=f"the short one for cmd.exe instead, for a server with PowerShell 2: {FOR_OLD}",
    )
    script.add_argument("--force", action="store_true", help="overwrite an existing file")


def run(given: argparse.Namespace) -> int:
    """Print the script, or write it with a byte order mark and CRLF. Raises OutputError if it cannot be written."""
    from capi2kit.knowledge import DATA
    from capi2kit.writer import write_file

    old = given.cmd or str(given.output or "").lower().endswith(".cmd")
    text = (DATA / (FOR_OLD if old else SCRIPT)).read_text(encoding="utf-8")
    if given.output in (None, "-"):
        sys.stdout.write(text)
        return 0
    lines = text.replace("\n", "\r\n")
    write_file(given.output, lines.encode("ascii" if old else "utf-8-sig"), force=given.force)
    first = "" if old else ", with -WhatIf first"
    print(f"capi2kit: wrote {given.output}; run it as administrator{first}", file=sys.stderr)
    return 0
