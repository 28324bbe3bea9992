"""Scenarios of the lab, analysed once and shared: by all tests of a run, by all its workers, and by the next run.

What is kept is found by its content: the evidence, the source of the package, and the versions that made it. It is
written to a folder of the system's temporary files, and leaves it after a day.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import sys
import tempfile
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import capi2kit as c2
from capi2kit.analysis import Analysis

LAB = Path(__file__).parents[1] / "datasets" / "lab"
ZONE = "Africa/Lagos"  # that of the lab's computers
_KEPT = Path(tempfile.gettempdir()) / f"capi2kit-scenarios-{os.getuid() if hasattr(os, 'getuid') else 'user'}"
_DAY_S = 86_400


def truth_of(scenario: str) -> dict[str, Any]:
    """What really happened in a scenario."""
    return json.loads((LAB / scenario / "truth.json").read_text(encoding="utf-8"))


@cache
def analysed(scenario: str, tz: str | None = ZONE) -> Analysis:
    """The analysis of a scenario's evidence. It is shared: a test must not change its tables."""
    kept = _KEPT / f"{_key(scenario, tz)}.pickle"
    if kept.exists():
        return pickle.loads(kept.read_bytes())
    analysis = c2.analyse(c2.load(LAB / scenario, tz=tz))
    _KEPT.mkdir(mode=0o700, exist_ok=True)
    _forget_old()
    part = kept.with_suffix(f".{os.getpid()}")
    part.write_bytes(pickle.dumps(analysis))
    part.replace(kept)
    return analysis


def _key(scenario: str, tz: str | None) -> str:
    evidence = [path.read_bytes() for path in sorted((LAB / scenario).iterdir()) if path.suffix in (".evtx", ".zip")]
    digest = hashlib.sha256(repr((tz, _of_package())).encode())
    for content in evidence:
        digest.update(content)
    return digest.hexdigest()


@cache
def _of_package() -> tuple[str, ...]:
    digest = hashlib.sha256()
    for path in sorted(Path(c2.__file__).parent.rglob("*")):
        if path.suffix in (".py", ".csv", ".toml"):
            digest.update(path.read_bytes())
    return digest.hexdigest(), pd.__version__, np.__version__, sys.version


def _forget_old() -> None:
    for path in _KEPT.iterdir():
        with suppress(FileNotFoundError):  # another worker was here
            if time.time() - path.stat().st_mtime > _DAY_S:
                path.unlink()
