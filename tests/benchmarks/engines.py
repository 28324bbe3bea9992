"""Measure the engines for .evtx against other readers, as ratios of one run: events per second, memory, cost against size.

    python tests/benchmarks/engines.py [--log SMALL.evtx] [--mb 1 64 256] [--runs 7] [--markdown]

Every log is made from SMALL (default: the one in CAPI2KIT_REAL_LOGS). All figures are medians, and stand beside what was asked for.
Each is taken in a process of its own, so that no reader profits from what another one left in memory.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from big_log import make

NAME = "evtx/capi2_operational_wks05_2016-2018.evtx"
MIB = 2**20


def evtx_alone(log: str) -> int:
    """The Rust library, which makes XML texts."""
    from evtx import PyEvtxParser

    return sum(1 for record in PyEvtxParser(log).records() if record["data"])


def evtx_and_lxml(log: str) -> int:
    """What one would write by hand: the texts, parsed."""
    from evtx import PyEvtxParser
    from lxml import etree

    return sum(1 for record in PyEvtxParser(log).records() if etree.fromstring(record["data"].encode()) is not None)


def libevtx(log: str) -> int:
    """The C library of libyal, XML texts; it cannot read all records."""
    import pyevtx

    file = pyevtx.file()
    file.open(log)
    read = 0
    for number in range(file.get_number_of_records()):
        try:
            read += bool(file.get_record(number).get_xml_string())
        except OSError:
            continue
    file.close()
    return read


def dissect(log: str) -> int:
    """The Python library of Fox-IT."""
    from dissect.eventlog.evtx import Evtx

    with open(log, "rb") as file:
        return sum(1 for _ in Evtx(file))


def _batches(log: str, tables: tuple[str, ...] | None) -> int:
    from capi2kit.loaders import evtx, files
    from capi2kit.loaders.evidence import Asked

    with files.Reader() as reader, reader.open(files.named(log)) as file:
        return sum(len(batch["events"]) for batch in evtx.read(file, asked=Asked(tables=tables)))


def events(log: str) -> int:
    """The columns of all events, checksums and hash included."""
    return _batches(log, ("events",))


def all_tables(log: str) -> int:
    """All tables of the loader."""
    return _batches(log, None)


def load(log: str) -> int:
    """A case: all tables, put together, numbered and described."""
    import capi2kit

    return len(capi2kit.load(log).events)


def findings(log: str) -> int:
    """From the file to the findings."""
    import capi2kit

    return len(capi2kit.analyse(capi2kit.load(log)).case.events)


READERS: dict[str, Callable[[str], int]] = {
    one.__name__: one for one in (evtx_alone, evtx_and_lxml, libevtx, dissect, events, all_tables, load, findings)
}
SLOW = {"libevtx": 16, "dissect": 4}  # MiB up to which it is measured
ASKED = {"events": 1.5, "all_tables": 4.0, "findings": 7.0}  # times evtx alone, from 64 MiB on


def _measure(name: str, log: str, *, runs: int) -> None:
    """In a process of its own: seconds of each run, records, and memory (before, and the most)."""
    read = READERS[name]
    if name in ("events", "all_tables", "load", "findings"):
        import capi2kit.analysis
        import capi2kit.case  # noqa: F401

    before = _memory("VmRSS")
    seconds, records = [], 0
    for _ in range(runs + 1):
        begin = time.perf_counter()
        records = read(log)
        seconds.append(time.perf_counter() - begin)
    print(json.dumps({"seconds": seconds[1:], "records": records, "before": before, "peak": _memory("VmHWM")}))


def _memory(what: str) -> float:
    status = Path("/proc/self/status")
    return int(status.read_text().split(f"{what}:")[1].split()[0]) / 1024 if status.exists() else float("nan")


def measured(name: str, log: Path, *, runs: int) -> dict[str, float]:
    """Median seconds, records, and MiB of memory of one reader on one log."""
    command = [sys.executable, __file__, "--measure", name, "--log", str(log), "--runs", str(runs)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    return {**found, "median": statistics.median(found["seconds"])}


def machine() -> str:
    """What it was measured on."""
    cpu = next(
        (line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor() or platform.machine(),
    )
    return f"{cpu}, {os.cpu_count()} processors, Python {platform.python_version()}, {platform.system()}"


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def compare(log: Path, *, size: float, runs: int) -> list[list[str]]:
    """One row per reader: seconds, microseconds per record, times evtx alone, what was asked for, memory."""
    rows, alone = [], 0.0
    for name in READERS:
        if size > SLOW.get(name, size):
            continue
        try:
            found = measured(name, log, runs=runs if name not in SLOW else 1)
        except subprocess.CalledProcessError as err:
            print(f"{name}: not measured ({err.stderr.strip().splitlines()[-1]})", file=sys.stderr)
            continue
        alone = alone or found["median"]
        ratio = found["median"] / alone
        limit = ASKED.get(name) if size >= 64 else None
        verdict = "" if limit is None else f"≤ {limit:g}: {'holds' if ratio <= limit else 'DOES NOT HOLD'}"
        each = found["median"] / max(found["records"], 1) * 1e6
        rows.append(
            [
                f"{size:g}",
                name,
                f"{found['median']:.3f}",
                f"{each:.1f}",
                f"{ratio:.2f}",
                verdict,
                f"{found['peak']:.0f}",
            ]
        )
        print(" | ".join(rows[-1]), flush=True)
    return rows


def main() -> None:
    """Run all measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    logs = os.environ.get("CAPI2KIT_REAL_LOGS")
    parser.add_argument("--log", type=Path, default=Path(logs) / NAME if logs else None)
    parser.add_argument("--mb", type=float, nargs="+", default=[1, 64, 256])
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--measure", choices=READERS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.log is None:
        parser.error("name a real CAPI2 log with --log, or set CAPI2KIT_REAL_LOGS")
    if given.measure:
        _measure(given.measure, str(given.log), runs=given.runs)
        return
    print(machine())
    print("MiB | reader | seconds | µs per record | times evtx alone | asked for | peak MiB")
    with tempfile.TemporaryDirectory() as folder:
        for size in given.mb:
            log = Path(folder) / f"{size:g}.evtx"
            make(given.log, log, megabytes=size)
            compare(log, size=size, runs=given.runs)
            log.unlink()


if __name__ == "__main__":
    main()
