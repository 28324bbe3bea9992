"""Measure capi2kit in ratios of one run, so that the figures hold on any machine.

    python tests/benchmarks/run.py [--log SMALL.evtx] [--big BIG.evtx] [--mb 64]

SMALL is a real CAPI2 log of 1 MB (default: the one in CAPI2KIT_REAL_LOGS); BIG is made from it if not given.
Every figure is the median of several runs and stands beside what was asked for.
"""

from __future__ import annotations

import argparse
import os
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
FLAGSHIP = Path(__file__).parents[2] / "datasets" / "lab" / "sharepoint-drop"
CARD = "import sys, capi2kit as c2; c2.analyse(c2.load(sys.argv[1]))._repr_html_()"
PEAK_MB = """
import resource, sys
from pathlib import Path

def peak():  # ru_maxrss of a new program begins with that of the one that started it, VmHWM does not
    if Path("/proc/self/status").exists():
        return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)
"""
PEAK = f"""
{PEAK_MB}
import capi2kit
capi2kit.analyse(capi2kit.load(sys.argv[1]))
print(peak())
"""
STREAM = f"""
{PEAK_MB}
from capi2kit.loaders import eventxml, files
from capi2kit.loaders.evidence import Asked
events = 0
with files.Reader() as reader, reader.open(files.named(sys.argv[1])) as file:
    for batch in eventxml.read(file, asked=Asked()):
        events += len(batch["events"])
print(peak(), events)
"""


def median(action: Callable[[], object], *, runs: int) -> float:
    """Median seconds of an action, after one run that does not count."""
    action()
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        action()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def process(*command: str) -> Callable[[], object]:
    """An action that runs a command to its end."""
    return lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def paired(action: Callable[[], object], other: Callable[[], object], *, runs: int) -> float:
    """Median ratio of two actions that take turns, so that a busy machine slows both."""
    ratios = []
    for _ in range(runs + 1):
        times = []
        for one in (action, other):
            begin = time.perf_counter()
            one()
            times.append(time.perf_counter() - begin)
        ratios.append(times[0] / times[1])
    return statistics.median(ratios[1:])


def commands(small: Path) -> None:
    """Ratios of whole processes: what a user feels."""
    kit = str(Path(sys.executable).with_name("capi2kit"))
    bare, pandas = (process(sys.executable, "-c", code) for code in ("pass", "import pandas"))
    show("--help / python -c pass", paired(process(kit, "--help"), bare, runs=15), limit=12)
    summary = process(kit, "summary", "-q", str(small))
    show("summary of 1 MB / import pandas", paired(summary, pandas, runs=9), limit=2.5)
    card = process(sys.executable, "-c", CARD, str(FLAGSHIP))
    show("first card of the flagship / import pandas", paired(card, pandas, runs=9), limit=6)


def pipeline(big: Path) -> None:
    """Ratios of the steps on a big log."""
    import evtx

    import capi2kit

    xml = median(lambda: sum(1 for _ in evtx.PyEvtxParser(str(big)).records()), runs=3)
    case = capi2kit.load(big)
    load = median(lambda: capi2kit.load(big), runs=2)
    show(f"load of {big.stat().st_size / 2**20:.0f} MB / evtx alone", load / xml, limit=25)

    def derive() -> None:
        spans = capi2kit.build_spans(case.events)
        capi2kit.recover_waits(spans, case.events, steps=case.steps)

    show("spans and waits / load", median(derive, runs=3) / load, limit=0.2)
    print(
        f"  {len(case.events)} events, {len(case.events) / load:.0f} events/s, evtx alone {xml:.2f} s, load {load:.2f} s"
    )
    peak = float(
        subprocess.run([sys.executable, "-c", PEAK, str(big)], check=True, capture_output=True, text=True).stdout
    )
    show("peak memory of load and analyse, GiB", peak / 1024, limit=1)


def exports(small: Path, folder: Path) -> None:
    """Peak memory of reading an XML export of 50 MB and one of ten times that."""
    import evtx

    texts = [record["data"].split("?>", 1)[1] for record in evtx.PyEvtxParser(str(small)).records()]
    once = "".join(texts)
    peaks = []
    for size in (50, 500):
        path = folder / f"export{size}.xml"
        with path.open("w", encoding="utf-8") as file:
            file.write("<Events>")
            for _ in range((size << 20) // len(once)):
                file.write(once)
            file.write("</Events>")
        done = subprocess.run([sys.executable, "-c", STREAM, str(path)], check=True, capture_output=True, text=True)
        peaks.append(float(done.stdout.split()[0]))
        print(
            f"        {path.name}: {path.stat().st_size >> 20} MB, {done.stdout.split()[1]} events, peak {peaks[-1]:.0f} MB"
        )
        path.unlink()
    show("peak memory, XML export of 500 MB / of 50 MB", peaks[1] / peaks[0], limit=1.2)


def show(what: str, value: float, *, limit: float) -> None:
    """One line: the figure, what was asked for, and whether it holds."""
    print(f"{what:40} {value:8.2f}   asked for: at most {limit:g}   {'holds' if value <= limit else 'DOES NOT HOLD'}")


def main() -> None:
    """Run all measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    logs = os.environ.get("CAPI2KIT_REAL_LOGS")
    parser.add_argument("--log", type=Path, default=Path(logs) / NAME if logs else None)
    parser.add_argument("--big", type=Path)
    parser.add_argument("--mb", type=float, default=64)
    given = parser.parse_args()
    if given.log is None:
        parser.error("name a real CAPI2 log with --log, or set CAPI2KIT_REAL_LOGS")
    commands(given.log)
    with tempfile.TemporaryDirectory() as folder:
        big = given.big
        if big is None:
            big = Path(folder) / "big.evtx"
            make(given.log, big, megabytes=given.mb)
        pipeline(big)
        exports(given.log, Path(folder))


if __name__ == "__main__":
    main()
