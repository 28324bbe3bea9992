"""Streams: standard output and error in any state: closed, full, in another encoding than UTF-8, or ended by a signal."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import suppress
from typing import IO, Any

from capi2kit.writer import PLAIN

_TERMINATED = 128 + signal.SIGTERM


def prepare() -> None:
    """Make the streams safe to write to, whatever they are; at a kill, unfinished files are still removed."""
    for number in range(3):
        _hold(number)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)  # nobody can read it: the first write says so
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)
    for stream in (sys.stdout, sys.stderr):
        _choose_encoding(stream)
    if threading.current_thread() is threading.main_thread():
        with suppress(ValueError):
            signal.signal(signal.SIGTERM, _end)
    os.environ["MPLBACKEND"] = "agg"  # no window is ever opened, whatever was set for other programs


def _hold(number: int) -> None:
    """Occupy a closed stream, so that no file that is opened later gets its number. Output there is an error."""
    try:
        os.fstat(number)
    except OSError:
        there = os.open(os.devnull, os.O_RDWR if number != 1 else os.O_RDONLY)
        if there != number:
            os.dup2(there, number)
            os.close(there)


def _choose_encoding(stream: IO[str] | Any) -> None:
    """A terminal's own encoding, or the one that was asked for; UTF-8 for files and pipes."""
    if hasattr(stream, "reconfigure"):
        asked = os.environ.get("PYTHONIOENCODING", "").partition(":")[0]
        own = bool(asked) or stream.isatty()
        stream.reconfigure(errors=PLAIN, **({} if own else {"encoding": "utf-8"}))


def abandon() -> None:
    """Discard what standard output still holds: nobody reads it."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _end(number: int, frame: Any) -> None:
    sys.exit(_TERMINATED)
