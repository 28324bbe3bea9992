"""Options that verbs on logs share, declared once."""

from __future__ import annotations

import argparse
from dataclasses import dataclass


@dataclass(frozen=True)
class Common:
    """What the user said beyond the verb."""

    logs: list[str]
    since: str | None
    until: str | None
    tz: str  # zone in which times are shown
    process: str | None
    pid: int | None
    host: str | None
    engine: str
    strict: bool
    output: str | None
    form: str | None
    quiet: bool
    verbose: bool
    no_color: bool
    correct_clock: bool = False
    rules: str | None = None  # folder with rules of the user
    local: str | None = None  # zone of logs in local time, if it was given
    follow: bool = False
    force: bool = False
    redact: str | None = None  # the file of the key that names are replaced with
    beside: tuple[str, ...] = ()  # further files that the verb reads


def add_options(verb: argparse.ArgumentParser, *, logs: str = "+") -> None:
    """Add the shared options to a verb. `logs`: how many it takes, as argparse counts them; none if empty."""
    if logs:
        verb.add_argument("logs", metavar="LOG", nargs=logs, help="log, folder, pattern or .zip")
    select = verb.add_argument_group("selection")
    select.add_argument(
        "--from", dest="since", metavar="TIME", help="only what begins at or after TIME, e.g. 2016-07-22T16:36"
    )
    select.add_argument("--to", dest="until", metavar="TIME", help="only what begins before TIME")
    select.add_argument(
        "--tz",
        dest="local",
        metavar="ZONE",
        help="read local times, and show all times, in this zone, e.g. Europe/Berlin (UTC)",
    )
    select.add_argument("--process", metavar="NAME", help="only this image name, e.g. w3wp.exe")
    select.add_argument("--pid", metavar="N", type=int, help="only this process id")
    select.add_argument("--host", metavar="NAME", help="only this computer")
    reading = verb.add_argument_group("reading")
    reading.add_argument(
        "--engine", choices=("auto", "evtx", "python-evtx"), default="auto", help="what decodes the records (auto)"
    )
    reading.add_argument(
        "--correct-clock",
        action="store_true",
        help="show times by a correct clock, from the dates that servers sent",
    )
    reading.add_argument("--rules", metavar="DIR", help="also ask your own rules: the *.toml files in this folder")
    reading.add_argument("--follow", action="store_true", help="also follow links that lead out of a folder")
    reading.add_argument("--strict", action="store_true", help="stop with exit code 4 if a record is lost")
    _add_output(verb)


def _add_output(verb: argparse.ArgumentParser) -> None:
    """Where to write to, and in which form."""
    output = verb.add_argument_group("output")
    output.add_argument("-o", "--output", metavar="FILE", help="write to this file instead of stdout")
    output.add_argument("--force", action="store_true", help="overwrite an existing file; never evidence")
    output.add_argument("-f", "--format", dest="form", metavar="FORM", help="text, csv or jsonl; html for a report")
    output.add_argument(
        "--redact",
        metavar="KEYFILE",
        help="names of people, computers and customers become pseudonyms of this key; a new file gets a new key",
    )
    output.add_argument("-q", "--quiet", action="store_true", help="no messages on stderr")
    output.add_argument("-v", "--verbose", action="store_true", help="more messages on stderr")
    output.add_argument("--no-color", action="store_true", help="no colours; NO_COLOR works, too")
