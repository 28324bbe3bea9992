"""`capi2kit ingest`: the evidence of many computers into one store, each computer for itself."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from capi2kit.cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

FAILED = 1


def add_options(verb: argparse.ArgumentParser) -> None:
    """Evidence, the store, and who does the work."""
    verb.add_argument(
        "evidence", metavar="EVIDENCE", nargs="+", help="log, folder, pattern or .zip; a folder of many computers"
    )
    verb.add_argument("--store", metavar="DIR", required=True, help="the folder of the store; made if it is not there")
    verb.add_argument(
        "--processes", metavar="N", type=_positive, help="work on N computers at once (as many as there are processors)"
    )
    verb.add_argument("--dask", metavar="ADDRESS", help="let a Dask cluster do the work, e.g. tcp://scheduler:8786")
    verb.add_argument("--rehash", action="store_true", help="also compare files whose size and time did not change")
    verb.add_argument("-q", "--quiet", action="store_true", help="no messages and no progress on stderr")


def _positive(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of processes")
    return int(text)


def run(given: argparse.Namespace) -> int:
    """Ingest, and say what became of each computer; 1 if one failed."""
    from capi2kit.fleet import ingest

    with _Bar(shown=not given.quiet and sys.stderr.isatty()) as bar:
        client = _client(given.dask) if given.dask else None
        try:
            done = ingest(
                given.evidence,
                given.store,
                processes=given.processes,
                client=client,
                rehash=given.rehash,
                progress=bar.report,
            )
        finally:
            if client is not None:
                client.close()
    _show(done, store=given.store, quiet=given.quiet)
    return FAILED if (done["state"] == "failed").any() else 0


def _client(address: str) -> Any:
    """A client of a Dask cluster. Raises UsageError if none answers."""
    try:
        from distributed import Client
    except ImportError as err:
        raise UsageError('--dask needs more packages: pip install "capi2kit[scale]"') from err
    try:
        return Client(address, timeout=10)
    except (OSError, TimeoutError, ValueError) as err:
        raise UsageError(f"--dask: no scheduler answers at {address} ({err}); check the address, or start it") from err


def _show(done: Any, *, store: str, quiet: bool) -> None:
    from capi2kit.words import visible

    counts = done["state"].value_counts().to_dict()
    states = ", ".join(
        f"{counts[state]} {state}" for state in ("new", "changed", "unchanged", "failed") if state in counts
    )
    print(f"{visible(store)}: {len(done)} collections: {states}; {int(done['events'].sum())} events")
    for row in done[done["message"].notna()].itertuples():
        print(f"{row.state}: {visible(row.collection)}: {visible(row.message)}")
    if not quiet:
        print(f"capi2kit: ask it: `capi2kit query {visible(store)} worst-servers`", file=sys.stderr)


class _Bar:
    """A progress bar on a terminal."""

    def __init__(self, *, shown: bool) -> None:
        self._bar: Any = None
        self._task: Any = None
        self._shown = shown

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    @property
    def report(self) -> Callable[[int, int, str], None] | None:
        """What is called with the collections done, all of them, and the name of the last one."""
        return self._move if self._shown else None

    def _move(self, done: int, total: int, /, *_: str) -> None:
        if self._bar is None:
            from rich.console import Console
            from rich.progress import Progress

            self._bar = Progress(console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task("computers", total=total)
            self._bar.start()
        self._bar.update(self._task, completed=done, total=total)
