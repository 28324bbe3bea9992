"""`capi2kit notebook`: a ready notebook of a case, opened in JupyterLab."""

from __future__ import annotations

import argparse
import glob
import os
import subprocess
import sys

_ENDING = ".ipynb"


def add_options(verb: argparse.ArgumentParser) -> None:
    """The logs, where to write, and whether to open it."""
    verb.add_argument("logs", metavar="LOG", nargs="+", help="file, folder, pattern or .zip of the case")
    verb.add_argument(
        "-o", "--output", metavar="FILE", help="the notebook to write (named like the log, in the current folder)"
    )
    verb.add_argument("--tz", metavar="ZONE", help="zone of logs in local time, such as Europe/Berlin")
    verb.add_argument("--no-open", action="store_true", help="only write it")
    verb.add_argument("--force", action="store_true", help="overwrite an existing notebook")


def run(given: argparse.Namespace) -> int:
    """Write the notebook and print its path; open it, unless that is not wanted or nobody looks on."""
    from capi2kit.cli.errors import UsageError
    from capi2kit.errors import EvidenceError
    from capi2kit.render.notebook.casefile import case_notebook
    from capi2kit.words import visible
    from capi2kit.writer import unused, write_file

    path = given.output or unused(f"{_stem(given.logs[0])}{_ENDING}")
    if not path.lower().endswith(_ENDING):
        raise UsageError(f"-o {path}: a notebook ends in {_ENDING}")
    for log in given.logs:
        if not os.path.exists(log) and not glob.glob(log, recursive=True):
            raise EvidenceError(f"{log}: there is no such file or folder; check the name", source=log)
    folder = os.path.dirname(os.path.abspath(path))
    logs = [_seen_from(folder, log) for log in given.logs]
    stem = os.path.basename(path)[: -len(_ENDING)]
    content = case_notebook(logs, title=visible(stem), report=f"{stem}.html", tz=given.tz)
    write_file(path, content, evidence=given.logs, force=given.force)
    print(visible(path))
    if not given.no_open and sys.stdout.isatty():
        return subprocess.run([sys.executable, "-m", "jupyterlab", path], check=False).returncode
    return 0


def _stem(log: str) -> str:
    name = os.path.basename(os.path.normpath(log)).replace("*", "_").replace("?", "_") or "case"
    return os.path.splitext(name)[0]


def _seen_from(folder: str, log: str) -> str:
    """A log as the notebook names it: from its own folder, where both are on one drive."""
    try:
        return os.path.relpath(log, folder)
    except ValueError:
        return os.path.abspath(log)
