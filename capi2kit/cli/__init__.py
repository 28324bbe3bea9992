"""The command line: one verb per file, each one call of the public API.

Data goes to stdout, messages and progress to stderr. Exit codes: 0 ok, 1 explain knows none
of what was asked, 2 usage or no place to write to, 3 nothing usable, 4 losses under --strict. argparse, since it starts in a fifth
of the time of the larger libraries; a verb's module is imported only when it runs.
"""

from __future__ import annotations

import argparse
import atexit
import gc
import sys
from contextlib import suppress
from dataclasses import fields
from importlib import import_module
from types import ModuleType

import capi2kit
from capi2kit.cli import streams
from capi2kit.cli.errors import UsageError
from capi2kit.cli.options import Common
from capi2kit.errors import Capi2kitError, DamagedEvidence, OutputError

VERBS = {
    "summary": "say what is wrong, what it costs and what to do, on one screen; --full: all tables",
    "report": "write a report as HTML, PDF, Word, Markdown, Excel or JSON; print its path and the headline",
    "export": "write the tables as CSV, JSON lines, Parquet, a trace for Perfetto, or lines for Timesketch",
    "info": "say what is in the files: hashes, integrity, losses, coverage",
    "events": "print the events as a table",
    "spans": "print the operations with true starts and durations",
    "waits": "print the network waits with their bounds",
    "redact": "write the evidence with pseudonyms for all names, to share it; --identify puts them back",
    "compare": "say what a change did: start-ups, causes and predictions, before and after",
    "whatif": "say how many seconds each remedy would save, alone and together",
    "remedy": "print one remedy ready for a ticket, with the names and figures of the log",
    "prefetch": "list the smallest set of CRLs to pre-install, with commands",
    "accounts": "show waiting time per account, proxy, server and outcome",
    "clock": "say how far each computer's clock was off, and what that explains",
    "coverage": "say what the logs can and cannot support, and how to collect again",
    "show": "show one task as a waterfall, by TaskId, record id or URL",
}
OTHERS = {
    "demo": "make an invented SharePoint incident, analyse it, write its report; needs no log",
    "ingest": "read the evidence of many computers into one store of Parquet files, on this machine or on a Dask cluster",
    "fleet": "write a report on a store: computers and servers, shared causes, outliers, one first step",
    "query": "ask a store a named question, or one in SQL",
    "doctor": "check the installation, the data tables and your own rules",
    "notebook": "write a notebook of a case, ready to run, and open it in JupyterLab",
    "verify": "make a report again from its evidence and say whether it is equal, or what differs",
    "explain": "say in plain words what a code, an event id or the value of a flag means",
    "pki": "say who signed a list of roots and whether that was good at a moment; show certificates and CRLs beside a log",
    "collect-script": "print a PowerShell script that collects the evidence on a server, read-only by default",
    "quiz": "take a case of the course: it asks, gives hints, marks and explains; or make an examination",
    "lab": "invented incidents as genuine logs: list, show, make; score the analysis against their truth",
}
USAGE, NOTHING, LOSSES = 2, 3, 4
_GARBAGE = 500_000  # objects between two searches for garbage: a verb makes many, and little of it is garbage


def parser(only: str | None = None) -> argparse.ArgumentParser:
    """The parser of all verbs and options. `only`: the verb whose options are needed; if not given, all of them."""
    top = argparse.ArgumentParser(
        prog="capi2kit",
        description="Where did the seconds go? Measures what certificate checks cost, from Windows CAPI2 logs.",
        epilog="Exit codes: 0 ok, 1 not as it should be, 2 usage or no place to write to, 3 nothing usable, 4 records lost under --strict. "
        "Example: capi2kit summary WEB01.evtx",
    )
    top.add_argument("--version", action="version", version=f"capi2kit {capi2kit.__version__}")
    top.add_argument(
        "--formats",
        action=_Formats,
        nargs=0,
        default=argparse.SUPPRESS,
        help="list the kinds of files that can be read, and exit",
    )
    verbs = top.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name, text in (VERBS | OTHERS).items():
        verb = verbs.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        if only in (None, name):
            _module(name).add_options(verb)
    return top


def main(arguments: list[str] | None = None) -> None:
    """Entry point: runs a verb; an error of ours becomes one line on stderr and an exit code."""
    streams.prepare()
    gc.set_threshold(_GARBAGE)
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)  # what is left when the process ends needs no search for garbage
    given = sys.argv[1:] if arguments is None else arguments
    top = parser(given[0] if given and given[0] in VERBS | OTHERS else None)
    try:
        try:
            _check_verb(given)
            code = _run(top.parse_args(arguments))
        finally:
            sys.stdout.flush()
        if code:
            sys.exit(code)
    except UsageError as err:
        top.error(str(err))
    except DamagedEvidence as err:
        _stop(err, LOSSES)
    except OutputError as err:
        _stop(err, USAGE)
    except Capi2kitError as err:
        _stop(err, NOTHING)
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        streams.abandon()
    except OSError as err:
        streams.abandon()
        _stop(f"{err.filename or 'standard output'}: cannot be written ({err.strerror})", USAGE)
    except KeyboardInterrupt:
        sys.exit(130)


class _Formats(argparse.Action):
    """Prints what can be read, one kind per line."""

    def __call__(self, *_: object, **__: object) -> None:
        from capi2kit.case import formats

        print("What can be read, alone, in a folder, or in a .zip:")
        print(*(f"  {kind}" for kind in formats()), sep="\n")
        sys.exit(0)


def _check_verb(given: list[str]) -> None:
    """Raises UsageError for a verb that does not exist, with the one that was meant, if one is like it."""
    verb = next((word for word in given if not word.startswith("-")), None)
    if verb is None or verb in VERBS | OTHERS:
        return
    from difflib import get_close_matches

    near = get_close_matches(verb, [*VERBS, *OTHERS], n=1)
    raise UsageError(f"there is no verb {verb!r}" + (f"; did you mean {near[0]}?" if near else "; --help lists them"))


def _module(verb: str) -> ModuleType:
    return import_module(f"capi2kit.cli.{verb.replace('-', '_')}")


def _run(given: argparse.Namespace) -> int:
    """Run a verb; returns the exit code."""
    module = _module(given.verb)
    if given.verb in OTHERS:
        return int(module.run(given))
    said = vars(given)
    shared = {field.name: said.pop(field.name) for field in fields(Common) if field.name in said}
    shared.setdefault("logs", [])
    own = {name: value for name, value in said.items() if name != "verb"}
    return int(module.run(Common(tz=shared["local"] or "UTC", **shared), **own) or 0)


def _stop(err: Exception | str, code: int) -> None:
    from capi2kit.words import visible

    with suppress(OSError):  # nobody reads it
        print(f"capi2kit: {visible(err)}", file=sys.stderr, flush=True)
    sys.exit(code)
