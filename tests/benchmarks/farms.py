"""Measure a farm: many computers into one store, by one process, by several, and by a Dask cluster, as ratios of one run.

    python tests/benchmarks/farms.py [--log SMALL.evtx] [--hosts 40] [--mb 20] [--processes 2]

Every computer has a log of its own, made from SMALL (default: the one in CAPI2KIT_REAL_LOGS). What is measured stands beside what was
asked for. Imports of the processes count; those of this one do not.
"""

from __future__ import annotations

import argparse
import os
import shutil
import struct
import sys
import tempfile
import time
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from big_log import CHUNK, HEADER, make
from engines import NAME, machine
from run import show

import capi2kit as c2
from capi2kit.knowledge.queries import queries

_HEAD, _SUMMED, _FIRST = (
    128,
    120,
    512,
)  # bytes of a chunk: its header, what its checksum covers first, where its records begin


def make_farm(source: Path, folder: Path, *, hosts: int, megabytes: float) -> None:
    """One log for each computer: the same events, under a name of its own."""
    big = folder.parent / "one.evtx"
    make(source, big, megabytes=megabytes)
    data, name = big.read_bytes(), str(c2.load(source).events["host"].mode().iloc[0])
    big.unlink()
    folder.mkdir()
    for number in range(1, hosts + 1):
        own = f"SRV{number:03}".ljust(len(name), "-")
        log = bytearray(data.replace(name.encode("utf-16le"), own.encode("utf-16le")))
        for at in range(HEADER, len(log) - CHUNK + 1, CHUNK):
            end = at + struct.unpack_from("<I", log, at + 48)[0]
            struct.pack_into("<I", log, at + 52, zlib.crc32(log[at + _FIRST : end]))
            head = zlib.crc32(log[at + _HEAD : at + _FIRST], zlib.crc32(log[at : at + _SUMMED]))
            struct.pack_into("<I", log, at + _SUMMED + 4, head)
        (folder / f"srv{number:03}.evtx").write_bytes(log)


def ingested(farm: Path, store: Path, **how: object) -> float:
    """Seconds for a farm into a new store."""
    shutil.rmtree(store, ignore_errors=True)
    begin = time.perf_counter()
    done = c2.ingest(farm, store, **how)  # type: ignore[arg-type]
    seconds = time.perf_counter() - begin
    assert set(done["state"]) == {"new"}, done
    return seconds


def on_cluster(farm: Path, store: Path, *, processes: int) -> float | None:
    """The same by a Dask cluster on this machine; None if Dask is not there."""
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        return None
    cluster = LocalCluster(n_workers=processes, threads_per_worker=1, dashboard_address=None)
    with cluster, Client(cluster) as client:
        return ingested(farm, store, client=client)


def main() -> None:
    """Run all measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    logs = os.environ.get("CAPI2KIT_REAL_LOGS")
    parser.add_argument("--log", type=Path, default=Path(logs) / NAME if logs else None)
    parser.add_argument("--hosts", type=int, default=40)
    parser.add_argument("--mb", type=float, default=20)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    if given.log is None:
        parser.error("name a real CAPI2 log with --log, or set CAPI2KIT_REAL_LOGS")
    print(f"{machine()}; {given.hosts} computers with {given.mb:g} MB each")
    with tempfile.TemporaryDirectory() as folder:
        farm, store = Path(folder) / "farm", Path(folder) / "store"
        make_farm(given.log, farm, hosts=given.hosts, megabytes=given.mb)
        measure(farm, store, processes=given.processes)


def measure(farm: Path, store: Path, *, processes: int) -> None:
    """All figures of one farm."""
    alone = ingested(farm, store, processes=1)
    cluster = on_cluster(farm, store, processes=processes)
    several = ingested(farm, store, processes=processes)
    begin = time.perf_counter()
    again = c2.ingest(farm, store, processes=1)
    second = time.perf_counter() - begin
    assert set(again["state"]) == {"unchanged"}, again
    print(f"one process {alone:.1f} s, {processes} processes {several:.1f} s, second run {second:.2f} s")
    show(f"{processes} processes / one", several / alone, limit=1 / 1.6)
    if cluster is not None:
        show(f"Dask, {processes} workers / {processes} processes", cluster / several, limit=1.3)
    show("second run / first, one process", second / alone, limit=0.05)
    opened = c2.open_store(store)
    times = {}
    for name in queries():
        begin = time.perf_counter()
        opened.query(name)
        times[name] = time.perf_counter() - begin
    slowest = max(times, key=lambda name: times[name])
    show(f"seconds of the slowest question ({slowest})", times[slowest], limit=1)


if __name__ == "__main__":
    main()
