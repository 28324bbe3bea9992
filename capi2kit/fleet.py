"""Fleet: the evidence of many computers → a store, each computer for itself, on one machine or on a cluster.

A unit is loaded, analysed and written in one piece of work, which knows nothing of the others: so memory is bounded by the largest one, a
file that cannot be read costs only itself, and work that is repeated writes the same files again. What did not change is not read.
"""

from __future__ import annotations

import glob
import json
import os
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from typing import Any, NamedTuple

import pandas as pd

from capi2kit.errors import Capi2kitError, OutputError, StoreError
from capi2kit.loaders.files.collections import collections_in, fingerprint, sha256_of_file
from capi2kit.store import SCHEMA_VERSION, Evidence, PathLike, Unit, failed_unit, manifest_of, now, write_unit
from capi2kit.writer import write_file

Progress = Callable[[int, int, str], None]
_RETRIES = 2  # of a unit whose worker died
_COLUMNS = {"collection": "string", "machines": "string", "state": "string", "events": "Int64", "message": "string"}


class _Work(NamedTuple):
    """One unit to be made."""

    folder: str
    name: str
    paths: tuple[str, ...]
    evidence: tuple[Evidence, ...]


def ingest(
    evidence: PathLike | Iterable[PathLike],
    store: PathLike,
    *,
    processes: int | None = None,
    client: Any = None,
    rehash: bool = False,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Read the evidence of many computers into a store, each computer for itself.

    Parameters
    ----------
    evidence : files, folders or archives; a folder of folders, or of logs of several computers, is taken apart by computer. What an
        earlier run was given of the same computer stays part of its evidence, as long as it is there.
    store : the folder of the store; it is made if it is not there.
    processes : how many computers are worked on at once on this machine; all processors if not given.
    client : a `dask.distributed.Client`: its cluster does the work. It must see the evidence and the store under the same paths.
    rehash : compare the hashes of files whose size and time did not change, too.
    progress : called with (collections done, collections, name of the last one).

    Returns
    -------
    DataFrame : one row per collection, the evidence of one computer: collection, machines,
        state (new, changed, unchanged, failed), events, message. What failed is tried again by the next run.

    Raises
    ------
    StoreError : another run writes to the store, the folder is not a store, or it is of a newer version. EvidenceError : a path is missing.
    OutputError : the store cannot be written, as on a full disk; what was done before counts.
    """
    found = collections_in(evidence)
    given = {path for collection in found for path in collection.files}
    with _writing(store) as now_writing:
        rows, todo, gone = [], [], {}
        for collection in found:
            known = now_writing.units.get(collection.name)
            files = _evidence_of(collection.files, known, rehash=rehash)
            more = _named_before(known, files, given=given)
            files += more
            if known and not known.error and now_writing.is_whole(known) and _same(known.evidence, files):
                now_writing.note(known._replace(evidence=files))
                rows.append(_row(known, "unchanged"))
                continue
            gone[collection.name] = _gone(known, files)
            paths = (*collection.paths, *(one.path for one in more))
            work = _Work(now_writing.folder, collection.name, paths, tuple(files))
            todo.append((work, "changed" if known else "new"))
        states = {work.name: state for work, state in todo}
        works = [work for work, _ in todo]
        if progress and works:
            progress(0, len(works), "")
        done = _on_cluster(works, client) if client is not None else _on_this_machine(works, processes)
        for number, unit in enumerate(done, 1):
            now_writing.commit(unit)
            rows.append(_row(unit, "failed" if unit.error else states[unit.name], more=gone[unit.name]))
            if progress:
                progress(number, len(works), unit.name)
        now_writing.save()
    order = {collection.name: number for number, collection in enumerate(found)}
    rows.sort(key=lambda row: order[row["collection"]])
    return pd.DataFrame(rows, columns=list(_COLUMNS)).astype(_COLUMNS)


def _row(unit: Unit, state: str, *, more: str = "") -> dict[str, Any]:
    """One row of what `ingest` returns. `more`: what is to be said of it beside its error."""
    events = sum(part.rows for part in unit.parts if part.table == "events")
    return {
        "collection": unit.name,
        "machines": ", ".join(unit.machines),
        "state": state,
        "events": events,
        "message": "; ".join(filter(None, [unit.error, more])) or None,
    }


def _evidence_of(paths: Sequence[str], known: Unit | None, *, rehash: bool) -> list[Evidence]:
    """Files with their hashes; that of a file with the size and time it had is taken as it was."""
    before = {one.path: one for one in known.evidence} if known else {}
    found = []
    for path in paths:
        size, mtime = fingerprint(path)
        old = before.get(path)
        if old and not rehash and (old.bytes, old.mtime_ns) == (size, mtime):
            found.append(old)
        else:
            found.append(Evidence(path, size, mtime, sha256_of_file(path)))
    return found


def _named_before(known: Unit | None, now_given: Sequence[Evidence], *, given: set[str]) -> list[Evidence]:
    """What an earlier run was given of this computer and this run was not, if it is still there: it is evidence of it, too."""
    hashes = {one.sha256 for one in now_given}
    before = known.evidence if known else []
    there = [one.path for one in before if one.path not in given and os.path.exists(one.path)]
    return [one for one in _evidence_of(there, known, rehash=False) if one.sha256 not in hashes]


def _gone(known: Unit | None, files: Sequence[Evidence]) -> str:
    """Say which evidence of an earlier run is not there any more: its records leave the store with it."""
    there = {one.path for one in files} | {one.sha256 for one in files}
    lost = [one.path for one in known.evidence if not {one.path, one.sha256} & there] if known else []
    if not lost:
        return ""
    return f"{len(lost)} of its files of an earlier run are not there any more, and their records are left out; the first: {lost[0]}"


def _same(before: Sequence[Evidence], now: Sequence[Evidence]) -> bool:
    return {one.sha256 for one in before} == {one.sha256 for one in now}


def _make(work: _Work) -> Unit:
    """Load, analyse and write one unit; an error is its result."""
    from capi2kit.analysis import analyse
    from capi2kit.case import load

    try:
        return write_unit(work.folder, work.name, evidence=work.evidence, analysis=analyse(load(list(work.paths))))
    except OutputError:  # not the fault of the evidence
        raise
    except (Capi2kitError, MemoryError) as err:
        return failed_unit(work.folder, work.name, evidence=work.evidence, error=f"{type(err).__name__}: {err}")


def _on_this_machine(works: list[_Work], processes: int | None) -> Iterator[Unit]:
    """All units, by a pool of processes; by this one alone if it is one."""
    count = min(processes or os.cpu_count() or 1, len(works))
    if count <= 1:
        yield from map(_make, works)
        return
    died: list[_Work] = []
    with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
        waiting: dict[Future[Unit], _Work] = {pool.submit(_make, work): work for work in works}
        for future in as_completed(waiting):
            try:
                yield future.result()
            except BrokenProcessPool:  # one of them died, and with it the pool; nobody knows which
                died.append(waiting[future])
    for work in died:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            try:
                yield pool.submit(_make, work).result()
            except BrokenProcessPool:
                message = "the process that worked on it was ended, perhaps for lack of memory; try it alone"
                yield failed_unit(work.folder, work.name, evidence=work.evidence, error=message)


def _on_cluster(works: list[_Work], client: Any) -> Iterator[Unit]:
    """All units, by the workers of a Dask cluster; one whose worker dies is done again by another."""
    from distributed import as_completed as completed

    try:
        futures = {client.submit(_make, work, pure=False, retries=_RETRIES): work for work in works}
        for future in completed(list(futures)):
            if future.status == "finished":
                yield future.result()
            else:
                work = futures[future]
                message = f"the cluster gave up on it ({future.exception()})"
                yield failed_unit(work.folder, work.name, evidence=work.evidence, error=message)
    except (OSError, TimeoutError) as err:
        raise StoreError(f"the Dask cluster does not answer any more ({err}); what was done is in the store") from err


# ---- Writing to a store: one run at a time.


class _Writing:
    """A store that is being written to, by one run only."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.units = manifest_of(folder)
        self._changed = False

    def note(self, unit: Unit) -> None:
        """Remember what is known of a unit that did not change."""
        self._changed |= self.units[unit.name] != unit
        self.units[unit.name] = unit

    def commit(self, unit: Unit) -> None:
        """Let the files of a unit count from now on, in place of those that it had."""
        before = self.units.get(unit.name)
        if unit.error and before and not before.error:  # its evidence was good: what it said is kept
            kept_since = f"{unit.error}; the tables are those of {before.made}"
            unit = unit._replace(parts=before.parts, machines=before.machines, error=kept_since)
        self.units[unit.name] = unit
        self._changed = True
        self.save()
        kept = {part.path for part in unit.parts}
        self._remove([part.path for part in before.parts if part.path not in kept] if before else [])

    def save(self) -> None:
        """Write the manifest, if it is another one than before."""
        if self._changed:
            shown = {name: unit._asdict() for name, unit in sorted(self.units.items())}
            text = json.dumps({"schema_version": SCHEMA_VERSION, "units": shown}, ensure_ascii=True)
            write_file(os.path.join(self.folder, "manifest.json"), text.encode(), force=True)
            self._changed = False

    def is_whole(self, unit: Unit) -> bool:
        """Whether all files of a unit are there."""
        return all(os.path.exists(os.path.join(self.folder, part.path)) for part in unit.parts)

    def sweep(self) -> None:
        """Remove what a run that was killed left: files that no unit counts."""
        known = {os.path.join(*part.path.split("/")) for unit in self.units.values() for part in unit.parts}
        pattern = os.path.join(glob.escape(self.folder), "tables", "*", "*")
        found = [path for name in ("*", ".*") for path in glob.glob(os.path.join(pattern, name))]
        found = [os.path.relpath(path, self.folder) for path in found]
        self._remove([path for path in found if path not in known])

    def _remove(self, paths: Sequence[str]) -> None:
        for path in paths:
            with suppress(OSError):
                os.unlink(os.path.join(self.folder, path))


@contextmanager
def _writing(folder: PathLike) -> Iterator[_Writing]:
    """Open a store for writing, or make one. Raises StoreError if another run writes to it, or it is no store."""
    target = os.fspath(folder)
    known = os.path.join(target, "store.json")
    try:
        if os.path.isdir(target) and set(os.listdir(target)) - {"lock"} and not os.path.exists(known):
            message = "is a folder with other files in it; name a new one, an empty one, or a store"
            raise StoreError(f"{target}: {message}")
        os.makedirs(target, exist_ok=True)
        with open(os.path.join(target, "lock"), "a+b") as file:
            _lock(file, target)
            if not os.path.exists(known):
                write_file(known, json.dumps({"capi2kit store": SCHEMA_VERSION}).encode())
            found = _Writing(target)
            found.sweep()
            yield found
    except OSError as err:
        raise StoreError(
            f"{target}: cannot be written ({err.strerror or err}); make room, or name another folder"
        ) from err


def _lock(file: Any, folder: str) -> None:
    """Lock the store. The system takes the lock away from a run that dies. Raises StoreError if another run has it."""
    try:
        try:
            import fcntl
        except ImportError:  # Windows
            import msvcrt

            file.seek(1 << 30)  # far behind what is written in it, which stays readable
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        else:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        who = file.read(200).decode("utf-8", "replace").strip() or "another run"
        raise StoreError(f"{folder}: {who} writes to this store; wait until it has ended") from None
    file.truncate(0)
    file.write(f"process {os.getpid()} on {platform.node()} since {now()}".encode())
    file.flush()
