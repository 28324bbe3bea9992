"""The campaign: many altered logs, texts and archives, each loaded within limits and compared with what it came from.

    python tests/fuzz/campaign.py [--evtx N] [--texts N] [--archives N] [--seed S] [--jobs J] [--keep FOLDER]

Half of the logs keep their old checksums: a cell that differs from the undamaged log needs a problem row that names its record
or chunk. The other half get checksums that fit: there the engines must agree on every cell that both read, or a problem
row says where they do not. Always: no exception but ours, promised = loaded + other + duplicates + lost, 10 s, 1 GiB.
Exit code 1 if a case fails; `--keep` writes those cases into a folder.
"""

from __future__ import annotations

import argparse
import html
import json
import multiprocessing
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import mutants  # type: ignore[import-not-found]
import pandas as pd
import test_exports
from collections_of import metadata, name_of, proxied
from evtx_bytes import plain_log
from hive_bytes import hive
from small_logs import hostile, small

from capi2kit.case import Case, load
from capi2kit.errors import Capi2kitError

ROOT = Path(__file__).resolve().parents[2]
SECONDS, MEGABYTES = 10, 1024
_DOING = Path(tempfile.gettempdir()) / f"capi2kit-campaign-{os.getuid()}"  # what each worker is at
TABLES = ("events", "steps", "chain", "certificates")
_APART = {"event", "source", "offset", "time_written", "position", "elements"}  # where a row stands, not what it says
Rows = dict[
    tuple[object, ...], list[tuple[int, dict[str, object]]]
]  # by record and place in it: offset, and what it says


class Verdict(NamedTuple):
    """How one case ended: its kind and seed, what was wrong, and what it took."""

    kind: str
    seed: int
    faults: tuple[str, ...]
    seconds: float
    outcome: str


def bases() -> list[bytes]:
    """The undamaged logs: two of the lab, and small ones of one and of three chunks."""
    lab = ROOT / "datasets" / "lab"
    logs = [
        (lab / name / "Microsoft-Windows-CAPI2%4Operational.evtx").read_bytes() for name in ("jetdirect", "no-issuer")
    ]
    return [*logs, plain_log(3), small(), hostile()]


def texts() -> list[tuple[str, bytes]]:
    """The undamaged texts and files beside a log: every sample of a loader, the posts, the cases of the field, exports, triage."""
    found = sorted(path for path in (ROOT / "tests" / "samples").rglob("*") if path.is_file())
    found += sorted((ROOT / "datasets" / "posts").iterdir())
    found += sorted(path for path in (ROOT / "tests" / "field_cases").glob("*") if path.is_file())
    return [(path.name, path.read_bytes()) for path in found] + exports() + triage()


def exports() -> list[tuple[str, bytes]]:
    """What other programs write of an event, and pages and mails with one."""
    made = [(f"{number}.txt", text.encode()) for number, (text, _) in enumerate(test_exports.FORMS.values())]
    made += [(f"m{number}.txt", text.encode()) for number, text in enumerate(test_exports.BY_MESSAGE.values())]
    block = test_exports.BY_MESSAGE["NT 5"]
    page = f"<!DOCTYPE html><html><body><pre>{html.escape(test_exports.XML)}\n{block}</pre></body></html>"
    mail = f"From: a@b.example\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{page}\r\n"
    return [*made, ("thread.html", page.encode()), ("mail.eml", mail.encode())]


def triage() -> list[tuple[str, bytes]]:
    """A hive, an entry of a URL cache, and settings of IIS, at their places in Windows."""
    profile = "C/Users/rudi"
    url = "http://crl.contoso.example/a.crl"
    cache = f"{profile}/AppData/LocalLow/Microsoft/CryptnetUrlCache/MetaData/{name_of(url)}"
    inside = '<system.applicationHost><applicationPools><add name="a"/></applicationPools></system.applicationHost>'
    pools = f"<configuration>{inside}</configuration>"
    return [
        (f"{profile}/NTUSER.DAT", hive({"Select": {"Current": 1}} | proxied("proxy.contoso.example:8080"))),
        (cache, metadata(url, synced=pd.Timestamp("2024-03-05T07:00:00Z"), size=5250)),
        ("C/Windows/System32/inetsrv/config/applicationHost.config", pools.encode()),
        ("client_info.json", b'{"Hostname": "SRV01", "Fqdn": "srv01.contoso.example", "OS": "windows"}'),
    ]


class _TooLong(BaseException):
    """The time of a case is over."""


def _stop(number: int, frame: object) -> None:
    raise _TooLong


def attempt(case: tuple[str, int, str]) -> Verdict:
    """Make one mutant, load it, and judge what comes out."""
    kind, seed, keep = case
    if _DOING.is_dir():
        (_DOING / str(os.getpid())).write_text(f"{kind} {seed}")
    signal.signal(signal.SIGALRM, _stop)
    faults: list[str] = []
    outcome, data, name, started = "loaded", b"", "x", time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        try:
            name, data, judge = _made(kind, seed)
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            started = time.perf_counter()
            signal.alarm(SECONDS)
            faults += judge(path)
        except Capi2kitError as err:
            outcome = f"refused: {type(err).__name__}"
            if err.__cause__ is not None and "cannot be read (" in str(err) and "report it" in str(err):
                faults.append(f"an exception that nobody foresaw: {err}")
        except _TooLong:
            faults.append(f"more than {SECONDS} s")
        except Exception as err:
            faults.append(f"escaped: {type(err).__name__}: {err}")
        finally:
            signal.alarm(0)
        took = time.perf_counter() - started
        if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024 > MEGABYTES:
            faults.append(f"more than {MEGABYTES} MiB")
    if faults and keep:
        Path(keep).mkdir(parents=True, exist_ok=True)
        (Path(keep) / f"{kind}-{seed}-{Path(name).name}").write_bytes(data)
    return Verdict(kind, seed, tuple(faults), took, outcome)


def _made(kind: str, seed: int):
    if kind in ("damaged", "resealed"):
        logs = bases()
        number = seed % len(logs)
        data = mutants.evtx(logs[number], seed, resealed=kind == "resealed")
        judge = judge_engines if kind == "resealed" else lambda path: judge_against(path, number)
        return "x.evtx", data, judge
    if kind == "text":
        known = texts()
        name, base = known[seed % len(known)]
        return name, mutants.text(base, seed), judge_sum
    known = texts()
    members = {name: base for name, base in (known[(seed + i) % len(known)] for i in range(3))}
    return "x.zip", mutants.archive(members | {"log.evtx": bases()[seed % 5]}, seed), judge_sum


def judge_sum(path: Path) -> list[str]:
    """What is wrong with a case by itself."""
    return _sums(load(path, providers="*"))


def _sums(case: Case) -> list[str]:
    rows = case.sources
    off = rows["promised"] != rows["loaded"] + rows["other"] + rows["duplicates"] + rows["lost"]
    faults = [f"the sum is off: {rows[off].to_dict('records')}"] if off.any() else []
    if (rows["understood"] > rows["units"]).any():
        faults.append("more was understood than there is")
    lost = int(case.problems["lost"].sum())
    if lost != int(rows["lost"].sum()):
        faults.append(f"{lost} lost by the problems, {int(rows['lost'].sum())} by the sources")
    foreseen = case.problems["message"].str.contains("and report it if that does not help", regex=False)
    return faults + [f"an exception that nobody foresaw: {text}" for text in case.problems.loc[foreseen, "message"]]


_ORIGINAL: dict[int, dict[str, Rows]] = {}


def judge_against(path: Path, number: int) -> list[str]:
    """What is wrong with a mutant under its old checksums: above all, cells that are not those of the log it came from."""
    if number not in _ORIGINAL:
        whole = path.with_name("original.evtx")
        whole.write_bytes(bases()[number])
        case = load(whole, providers="*")
        _ORIGINAL[number] = {table: cells_of(case, table) for table in TABLES}
    case = load(path, providers="*")
    return _sums(case) + _untold(case, {table: cells_of(case, table) for table in TABLES}, _ORIGINAL[number])


def judge_engines(path: Path) -> list[str]:
    """What is wrong with a mutant under checksums that fit: cells over which the engines differ."""
    slow = load(path, providers="*", engine="python-evtx")
    other = {table: cells_of(slow, table) for table in TABLES}
    faults = _sums(slow)
    for engine in ("auto", "evtx"):
        fast = load(path, providers="*", engine=engine)
        mine = {table: cells_of(fast, table) for table in TABLES}
        both = {table: {key: row for key, row in other[table].items() if key in mine[table]} for table in TABLES}
        shared = {table: {key: row for key, row in mine[table].items() if key in other[table]} for table in TABLES}
        faults += _sums(fast) + _untold(fast, shared, both)
    return faults


def cells_of(case: Case, table: str) -> Rows:
    """The rows of a table by the record and the place in it, without what is missing."""
    rows = getattr(case, table)
    rows = rows.reset_index() if table == "events" else rows
    place = case.events.set_index("event")[["record", "offset"]].to_dict("index")
    found: Rows = {}
    for row in rows.astype(object).to_dict("records"):
        if pd.isna(row["event"]):
            continue
        at = place[row["event"]]
        said = {name: value for name, value in row.items() if name not in _APART and not pd.isna(value)}
        if isinstance(said.get("time"), pd.Timestamp):
            said["time"] = said["time"].floor("us")  # one engine cuts there
        found.setdefault((at["record"], row.get("position")), []).append((int(at["offset"]), said))
    return found


def _untold(case: Case, mine: dict[str, Rows], other: dict[str, Rows]) -> list[str]:
    """Rows that differ, or are new, though no problem row names their record or their chunk."""
    problems_found = case.problems
    records = set(problems_found["record"].dropna().astype(int))
    chunks = set(problems_found["chunk"].dropna().astype(int))
    faults = []
    for table in TABLES:
        for key, rows in mine[table].items():
            before = [said for _, said in other[table].get(key, [])]
            for offset, said in rows:
                chunk = (offset - mutants.HEADER) // mutants.CHUNK
                if said in before or key[0] in records or chunk in chunks:
                    continue
                old = before[0] if before else {}
                differ = {
                    name: (old.get(name), said.get(name)) for name in {*said, *old} if old.get(name) != said.get(name)
                }
                faults.append(f"{table} of record {key[0]} in chunk {chunk}: {str(differ)[:300]}")
    return faults[:3]


def cases(given: argparse.Namespace) -> Iterator[tuple[str, int, str]]:
    """Kind and seed of every case."""
    for seed in range(given.evtx):
        yield ("resealed" if seed % 2 else "damaged"), given.seed + seed, given.keep
    yield from (("text", given.seed + seed, given.keep) for seed in range(given.texts))
    yield from (("archive", given.seed + seed, given.keep) for seed in range(given.archives))


def _until_one_hangs(verdicts: Any) -> Iterator[Verdict]:
    """The verdicts; one that never comes, since no signal reaches a worker inside foreign code, ends the campaign."""
    while True:
        try:
            yield verdicts.next(timeout=6 * SECONDS)
        except StopIteration:
            return
        except multiprocessing.TimeoutError:
            hanging = ", ".join(sorted(path.read_text() for path in _DOING.glob("*")))
            raise SystemExit(f"a case never ends; the workers are at {hanging}") from None


def main(arguments: list[str]) -> int:
    """Run the campaign and print its figures; 1 if a case failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--evtx", type=int, default=20_000)
    parser.add_argument("--texts", type=int, default=5000)
    parser.add_argument("--archives", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=multiprocessing.cpu_count())
    parser.add_argument("--keep", default="", metavar="FOLDER", help="write the cases that fail there")
    given = parser.parse_args(arguments)
    shutil.rmtree(_DOING, ignore_errors=True)
    _DOING.mkdir()
    outcomes, kinds, slowest, failed = Counter[str](), Counter[str](), 0.0, 0
    with multiprocessing.Pool(given.jobs, maxtasksperchild=500) as pool:
        for verdict in _until_one_hangs(pool.imap_unordered(attempt, cases(given))):
            kinds[verdict.kind] += 1
            outcomes[f"{verdict.kind}: {verdict.outcome}"] += 1
            slowest = max(slowest, verdict.seconds)
            if verdict.faults:
                failed += 1
                print(json.dumps({"kind": verdict.kind, "seed": verdict.seed, "faults": verdict.faults}), flush=True)
            if sum(kinds.values()) % 1000 == 0:
                print(f"{sum(kinds.values())} cases, {failed} failed", file=sys.stderr, flush=True)
    print("\n".join(f"{count:>7}  {name}" for name, count in sorted(outcomes.items())))
    print(f"{sum(kinds.values())} cases from seed {given.seed}: {failed} failed; the slowest took {slowest:.2f} s")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
