"""The command line: one verb per file, each one call of the public API.

Data goes to stdout, talk and progress to stderr. Exit codes: 0 ok, 2 usage,
3 nothing usable, 4 losses under --strict.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

import typer

import capi2kit
from capi2kit.errors import Capi2kitError, DamagedEvidence

VERBS = ("summary", "report", "info", "events", "spans", "waits", "show")
USAGE, NOTHING, LOSSES = 2, 3, 4

app = typer.Typer(
    name="capi2kit",
    help="Where did the seconds go? Measures what certificate checks cost, from Windows CAPI2 logs.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def _version(version: bool = typer.Option(False, "--version", help="Print the version and stop.")) -> None:
    if version:
        typer.echo(f"capi2kit {capi2kit.__version__}")
        raise typer.Exit


def main() -> None:
    """Entry point: runs a verb; our errors become one line on stderr and an exit code."""
    for verb in VERBS:
        module = import_module(f"capi2kit.cli.{verb}")
        app.command(verb)(module.command)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        app()
    except DamagedEvidence as err:
        _stop(err, LOSSES)
    except Capi2kitError as err:
        _stop(err, NOTHING)
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _stop(err: Exception, code: int) -> None:
    from capi2kit.render.words import visible

    print(f"capi2kit: {visible(str(err))}", file=sys.stderr)
    sys.exit(code)
