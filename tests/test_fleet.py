"""The fleet: evidence of many computers → a store that is whole at every moment."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from evtx_bytes import plain_log
from farm import farm, log_on

import capi2kit as c2
from capi2kit import fleet, store
from capi2kit.cli import main
from capi2kit.loaders.files.collections import collections_in
from capi2kit.render.farm import assemble_farm

HERE = Path(__file__).parent


def states(table: pd.DataFrame) -> dict[str, str]:
    return dict(zip(table["collection"], table["state"], strict=True))


def rows_of(opened: store.Store) -> dict[str, list[tuple]]:
    """What a store says, in an order that does not depend on who wrote it when."""
    columns = {"waits": ["machine", "collection", "url", "wait_s"], "events": ["machine", "record", "event_id"]}
    return {
        table: sorted(getattr(opened, table)[names].astype(object).itertuples(index=False, name=None))
        for table, names in columns.items()
    }


# Whose evidence it is.


def test_a_folder_is_taken_apart_by_the_computers_that_its_logs_name(tmp_path):
    farm(tmp_path / "farm")
    (tmp_path / "farm" / "again.evtx").write_bytes(log_on("srv02", number=9))
    (tmp_path / "farm" / "inner").mkdir()
    (tmp_path / "farm" / "inner" / "a.evtx").write_bytes(log_on("SRV09"))
    (tmp_path / "farm" / "notes.txt").write_text("nothing")
    found = {one.name: sorted(Path(path).name for path in one.paths) for one in collections_in(tmp_path / "farm")}
    assert found == {
        "SRV02": ["again.evtx", "srv02.evtx"],
        "SRV09": ["inner"],
        str(tmp_path / "farm"): ["notes.txt"],
        "SRV01": ["srv01.evtx"],
        "SRV03": ["srv03.evtx"],
    }


def test_what_lies_beside_the_logs_of_one_computer_belongs_to_it(tmp_path):
    farm(tmp_path, computers=1)
    (tmp_path / "notes.txt").write_text("nothing")
    (found,) = collections_in([tmp_path])
    assert (found.name, len(found.files)) == ("SRV01", 2)


def test_a_path_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(c2.EvidenceError, match="no such file or folder"):
        c2.ingest(tmp_path / "none", tmp_path / "store")


# Each computer for itself.


@pytest.mark.parametrize("processes", [1, 2])
def test_a_store_says_of_each_computer_what_its_analysis_says(processes, tmp_path):
    found = c2.ingest(farm(tmp_path / "farm"), tmp_path / "store", processes=processes)
    assert states(found) == {"SRV01": "new", "SRV02": "new", "SRV03": "new"}
    opened = c2.open_store(tmp_path / "store")
    for number in (1, 2, 3):
        analysis = c2.analyse(c2.load(tmp_path / "farm" / f"srv{number:02}.evtx"))
        for name in ("waits", "spans", "findings", "startups"):
            mine = getattr(opened, name)
            mine = (
                mine[mine["machine"] == f"SRV{number:02}"]
                .drop(columns=["machine", "collection"])
                .reset_index(drop=True)
            )
            pd.testing.assert_frame_equal(mine, getattr(analysis, name).reset_index(drop=True), obj=name)


def test_what_did_not_change_is_not_read_again(tmp_path, monkeypatch):
    folder = farm(tmp_path / "farm")
    c2.ingest(folder, tmp_path / "store", processes=1)
    monkeypatch.setattr(fleet, "sha256_of_file", lambda path: pytest.fail(f"{path} was read"))
    again = c2.ingest(folder, tmp_path / "store", processes=1)
    assert set(states(again).values()) == {"unchanged"}


def test_what_changed_is_read_again_and_only_that(tmp_path):
    folder = farm(tmp_path / "farm")
    c2.ingest(folder, tmp_path / "store", processes=1)
    (folder / "srv02.evtx").write_bytes(log_on("SRV02", number=2, url="http://crl.example/other.crl"))
    again = c2.ingest(folder, tmp_path / "store", processes=1)
    assert states(again) == {"SRV01": "unchanged", "SRV02": "changed", "SRV03": "unchanged"}
    urls = c2.open_store(tmp_path / "store").waits.groupby("machine")["url"].first().to_dict()
    assert (urls["SRV02"], urls["SRV03"]) == ("http://crl.example/other.crl", "http://crl.example/ca.crl")
    assert len(list((tmp_path / "store" / "tables" / "waits").rglob("*.parquet"))) == 3


def test_a_log_named_later_joins_what_was_named_before_of_the_same_computer(tmp_path):
    first, second = farm(tmp_path / "first", computers=1), tmp_path / "second"
    second.mkdir()
    (second / "more.evtx").write_bytes(log_on("SRV01", number=2, url="http://crl.example/other.crl"))
    (second / "copy.evtx").write_bytes((first / "srv01.evtx").read_bytes())
    target = tmp_path / "store"
    c2.ingest(first, target, processes=1)
    assert states(c2.ingest(second / "copy.evtx", target, processes=1)) == {"SRV01": "unchanged"}
    assert states(c2.ingest(second / "more.evtx", target, processes=1)) == {"SRV01": "changed"}
    assert states(c2.ingest(second / "more.evtx", target, processes=1)) == {"SRV01": "unchanged"}
    assert set(c2.open_store(target).waits["url"]) == {"http://crl.example/ca.crl", "http://crl.example/other.crl"}
    assert states(c2.ingest(first, target, processes=1)) == {"SRV01": "unchanged"}


def test_what_failed_is_tried_again_though_nothing_changed(tmp_path, monkeypatch):
    folder = farm(tmp_path / "farm", computers=1)
    real = fleet.write_unit
    monkeypatch.setattr(fleet, "write_unit", lambda *_, **__: (_ for _ in ()).throw(MemoryError("too small")))
    assert states(c2.ingest(folder, tmp_path / "store", processes=1)) == {"SRV01": "failed"}
    assert states(c2.ingest(folder, tmp_path / "store", processes=1)) == {"SRV01": "failed"}
    monkeypatch.setattr(fleet, "write_unit", real)
    assert states(c2.ingest(folder, tmp_path / "store", processes=1)) == {"SRV01": "changed"}


def test_evidence_that_is_gone_since_is_said_with_what_is_left_out(tmp_path, capsys):
    folder, target = farm(tmp_path / "farm", computers=2), tmp_path / "store"
    c2.ingest(folder, target, processes=1)
    (folder / "srv01.evtx").unlink()
    (folder / "later.evtx").write_bytes(log_on("SRV01", number=9))
    (folder / "srv02.evtx").rename(folder / "other-name.evtx")  # its content is there
    main(["ingest", str(folder), "--store", str(target), "--processes", "1", "-q"])
    _, *said = capsys.readouterr().out.splitlines()
    assert said == [
        "changed: SRV01: 1 of its files of an earlier run are not there any more, and their records are left out; "
        f"the first: {folder / 'srv01.evtx'}"
    ]


def test_a_file_that_was_only_touched_is_hashed_and_not_read(tmp_path):
    folder = farm(tmp_path / "farm", computers=1)
    c2.ingest(folder, tmp_path / "store", processes=1)
    os.utime(folder / "srv01.evtx", (1, 1))
    assert states(c2.ingest(folder, tmp_path / "store", processes=1)) == {"SRV01": "unchanged"}


def test_other_bytes_of_the_same_size_and_time_are_seen_by_their_hashes(tmp_path):
    folder = farm(tmp_path / "farm", computers=1)
    log = folder / "srv01.evtx"
    c2.ingest(folder, tmp_path / "store", processes=1)
    before = log.stat()
    log.write_bytes(log_on("SRV01", url="http://crl.example/xx.crl"))
    os.utime(log, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert log.stat().st_size == before.st_size
    assert states(c2.ingest(folder, tmp_path / "store", processes=1)) == {"SRV01": "unchanged"}
    assert states(c2.ingest(folder, tmp_path / "store", processes=1, rehash=True)) == {"SRV01": "changed"}


def test_evidence_that_cannot_be_read_is_a_row_of_problems_and_the_others_are_there(tmp_path):
    folder = farm(tmp_path / "farm", computers=2)
    (folder / "broken.evtx").write_bytes(b"ElfFile\0" + bytes(100))
    found = c2.ingest(folder, tmp_path / "store", processes=2)
    assert states(found) == {str(folder): "failed", "SRV01": "new", "SRV02": "new"}
    opened = c2.open_store(tmp_path / "store")
    assert opened.problems["collection"].tolist() == [str(folder)]
    assert "broken.evtx" in opened.problems["message"].iloc[0]
    assert (
        opened.collections["error"].notna().tolist() == [True, False, False]
        or opened.collections["error"].notna().sum() == 1
    )


def test_files_of_a_store_that_somebody_deleted_are_missed_and_made_again(tmp_path):
    folder = farm(tmp_path / "farm", computers=2)
    c2.ingest(folder, tmp_path / "store", processes=1)
    next((tmp_path / "store" / "tables" / "waits").glob("machine=SRV02/*")).unlink()
    opened = c2.open_store(tmp_path / "store")
    assert opened.incomplete == ["SRV02"]
    assert set(opened.waits["machine"]) == {"SRV01"}
    assert "ingest it again" in opened.collections.set_index("collection").loc["SRV02", "error"]
    assert states(c2.ingest(folder, tmp_path / "store", processes=1)) == {"SRV01": "unchanged", "SRV02": "changed"}
    assert c2.open_store(tmp_path / "store").incomplete == []


# One writer at a time, and never half a store.


def test_a_second_writer_is_refused_and_the_store_can_be_read_meanwhile(tmp_path):
    folder = farm(tmp_path / "farm", computers=1)
    c2.ingest(folder, tmp_path / "store", processes=1)
    code = (
        "import sys, time\nfrom capi2kit import fleet\n"
        "with fleet._writing(sys.argv[1]): print('locked', flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, tmp_path / "store"], stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"locked\n"
        with pytest.raises(c2.StoreError, match=rf"process {other.pid} on .* writes to this store"):
            c2.ingest(folder, tmp_path / "store", processes=1)
        assert len(c2.open_store(tmp_path / "store").waits) == 2
        other.kill()
    assert states(c2.ingest(folder, tmp_path / "store", processes=1)) == {"SRV01": "unchanged"}


def test_a_folder_with_other_files_is_no_store(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(c2.StoreError, match="is a folder with other files in it"):
        c2.ingest(farm(tmp_path / "farm", computers=1), tmp_path)


def test_a_store_of_a_newer_version_is_refused_with_a_reason(tmp_path):
    c2.ingest(farm(tmp_path / "farm", computers=1), tmp_path / "store", processes=1)
    manifest = tmp_path / "store" / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"schema_version": 99}))
    for use in (c2.open_store, lambda path: c2.ingest(tmp_path / "farm", path)):
        with pytest.raises(c2.StoreError, match=r"was written by a newer capi2kit \(schema 99.*update capi2kit"):
            use(tmp_path / "store")


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"schema_version": 1, "units": {"a": {}}}'])
def test_a_manifest_that_cannot_be_read_is_an_error_of_the_store(damage, tmp_path):
    c2.ingest(farm(tmp_path / "farm", computers=1), tmp_path / "store", processes=1)
    (tmp_path / "store" / "manifest.json").write_text(damage)
    with pytest.raises(c2.StoreError, match="manifest cannot be read"):
        c2.open_store(tmp_path / "store")


def test_a_full_disk_is_an_error_and_the_old_tables_stay(tmp_path, monkeypatch):
    folder = farm(tmp_path / "farm", computers=1)
    c2.ingest(folder, tmp_path / "store", processes=1)
    before = rows_of(c2.open_store(tmp_path / "store"))
    (folder / "srv01.evtx").write_bytes(log_on("SRV01", url="http://crl.example/other.crl"))

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store.pq, "write_table", full)
    with pytest.raises(c2.OutputError, match="No space left on device; make room, or choose another place"):
        c2.ingest(folder, tmp_path / "store", processes=1)
    assert rows_of(c2.open_store(tmp_path / "store")) == before
    monkeypatch.undo()
    assert states(c2.ingest(folder, tmp_path / "store", processes=1)) == {"SRV01": "changed"}
    assert rows_of(c2.open_store(tmp_path / "store")) != before


def test_evidence_that_broke_since_leaves_the_tables_that_it_gave(tmp_path):
    folder = farm(tmp_path / "farm", computers=1)
    (folder / "SRV01").mkdir()
    (folder / "srv01.evtx").rename(folder / "SRV01" / "a.evtx")
    c2.ingest(folder, tmp_path / "store", processes=1)
    before = rows_of(c2.open_store(tmp_path / "store"))
    made = c2.open_store(tmp_path / "store").collections["made"].iloc[0]
    fleet_of = collections_in(folder)
    (folder / "SRV01" / "a.evtx").write_bytes(b"ElfFile")
    broken = fleet._make(fleet._Work(str(tmp_path / "store"), fleet_of[0].name, fleet_of[0].paths, ()))
    with fleet._writing(tmp_path / "store") as writing:
        writing.commit(broken)
    opened = c2.open_store(tmp_path / "store")
    assert rows_of(opened) == before
    assert f"the tables are those of {made}" in opened.collections["error"].iloc[0]


INGEST = "import sys, capi2kit as c2\nif __name__ == '__main__': c2.ingest(sys.argv[1], sys.argv[2], processes=int(sys.argv[3]))"


@pytest.mark.slow
def test_a_run_that_is_killed_leaves_the_old_tables_or_the_new_ones_and_the_next_completes_them(tmp_path):
    """Twenty times, at moments drawn by lot: what is there opens, each computer is as it was or as it is now, and nothing is twice."""
    dice, folder = random.Random(19), farm(tmp_path / "farm", computers=3)
    target = tmp_path / "store"
    c2.ingest(folder, target, processes=1)
    old, new = "http://crl.example/ca.crl", "http://crl.example/other.crl"
    for turn in range(20):
        old, new = new if turn else old, f"http://crl.example/{turn}.crl"
        before = c2.open_store(target).waits.groupby("machine")["url"].first().to_dict()
        for number in range(1, 4):
            (folder / f"srv{number:02}.evtx").write_bytes(log_on(f"SRV{number:02}", number=number, url=new))
        command = [sys.executable, "-c", INGEST, folder, target, str(1 + turn % 2)]
        with subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL) as run:
            time.sleep(dice.uniform(0.2, 2.5))
            os.killpg(run.pid, signal.SIGKILL)
        opened = c2.open_store(target)
        urls = {machine: set(some) for machine, some in opened.waits.groupby("machine")["url"]}
        assert all(found in ({new}, {before[machine]}) for machine, found in urls.items())
        assert len(urls) == 3 and len(opened.waits) == 6 and opened.incomplete == []
        c2.ingest(folder, target, processes=1)
        opened = c2.open_store(target)
        assert set(opened.waits["url"]) == {new} and len(opened.waits) == 6
        files = {path.relative_to(target).as_posix() for path in (target / "tables").rglob("*.*")}
        assert files == {part.path for unit in opened._units for part in unit.parts}


# A pool, a cluster.


def test_a_process_that_dies_costs_only_the_unit_that_kills_it(tmp_path, monkeypatch):
    folder = farm(tmp_path / "farm", computers=3)
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    monkeypatch.setattr(fleet, "_make", deadly)
    found = c2.ingest(folder, tmp_path / "store", processes=2).set_index("collection")
    assert found["state"].to_dict() == {"SRV01": "new", "SRV02": "failed", "SRV03": "new"}
    assert "was ended, perhaps for lack of memory" in found.loc["SRV02", "message"]


_real_make = fleet._make


def deadly(work: fleet._Work) -> store.Unit:
    if work.name == "SRV02":
        os.kill(os.getpid(), signal.SIGKILL)
    return _real_make(work)


@pytest.mark.slow
def test_a_dask_cluster_gives_the_same_store_and_a_killed_worker_loses_nothing(tmp_path):
    distributed = pytest.importorskip("distributed")
    folder = farm(tmp_path / "farm", computers=8)
    (folder / "broken.evtx").write_bytes(b"ElfFile\0" + bytes(100))
    c2.ingest(folder, tmp_path / "alone", processes=1)
    killed: list[str] = []
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        pids = list(client.run(os.getpid).values())

        def kill_one(done: int, total: int, name: str) -> None:
            if done == 2 and not killed:
                os.kill(pids[0], signal.SIGKILL)
                killed.append(name)

        found = c2.ingest(folder, tmp_path / "store", client=client, progress=kill_one)
    assert killed
    assert found["state"].value_counts().to_dict() == {"new": 8, "failed": 1}
    assert rows_of(c2.open_store(tmp_path / "store")) == rows_of(c2.open_store(tmp_path / "alone"))


def test_a_scheduler_that_is_not_there_is_a_usage_error(tmp_path, capsys):
    pytest.importorskip("distributed")
    from capi2kit.cli import ingest as verb

    farm(tmp_path / "farm", computers=1)
    verb_client = verb._client
    with pytest.raises(SystemExit) as ended:
        main(["ingest", str(tmp_path / "farm"), "--store", str(tmp_path / "store"), "--dask", "nonsense://x"])
    assert (ended.value.code, verb_client.__name__) == (2, "_client")
    assert "no scheduler answers at nonsense://x" in capsys.readouterr().err


def test_a_log_of_no_computer_keeps_its_own_name(tmp_path):
    (tmp_path / "a.evtx").write_bytes(plain_log(1))
    (found,) = collections_in(tmp_path / "a.evtx")
    assert found.name == "WEB01"


# The report on a store.


@pytest.fixture(scope="module")
def many(tmp_path_factory) -> store.Store:
    """Twelve computers, one of which asks another server; and a file that nobody can read."""
    folder = farm(tmp_path_factory.mktemp("farm"), computers=12)
    (folder / "srv07.evtx").write_bytes(log_on("SRV07", number=7, url="http://other.example/a.crl"))
    (folder / "<b>.evtx").write_bytes(b"nothing")
    target = tmp_path_factory.mktemp("store")
    c2.ingest(folder, target, processes=2)
    return c2.open_store(target)


def test_a_report_on_a_farm_names_the_shared_cause_the_first_step_and_what_could_not_be_read(many):
    report = assemble_farm(many)
    cause = many.findings.groupby("rule")["cost_s"].sum().idxmax()
    title = many.findings.set_index("rule").loc[cause, "title"].iloc[0]
    assert report.front.headline == f"{title}: on 12 of 12 computers, 3 min 0 s together."
    assert report.front.step_title == "One first step for the farm"
    assert "12 computers" in report.front.step
    assert [section.name for section in report.sections] == ["reach", "causes", "computers", "evidence"]
    assert "could be read" in report.front.cautions[0]
    assert report.sections[2].table.rows[0][0] in set(many.waits["machine"])


def test_a_report_on_a_farm_cites_records_behind_each_cause(many):
    (causes,) = (section.table for section in assemble_farm(many).sections if section.name == "causes")
    assert causes.columns[-1].heading == "records, for example"
    for row in causes.rows:
        machine, numbers = re.fullmatch(r"(SRV\d\d): (\d+(?:, \d+)*)(?: and \d+ more)?", row[-1]).groups()
        behind = many.findings[(many.findings["machine"] == machine) & (many.findings["title"] == row[0])]
        cited = {int(number) for cell in behind["evidence"] for number in cell.split()}
        events = many.events[(many.events["machine"] == machine) & many.events["event"].isin(cited)]
        assert set(map(int, numbers.split(", "))) <= set(events["record"])


@pytest.mark.parametrize("ending", ["html", "md", "json", "xlsx", "docx", "txt"])
def test_a_report_on_a_farm_has_all_forms_and_no_text_of_it_can_act(ending, many, tmp_path, capsys):
    main(["fleet", many.folder, "-o", str(tmp_path / f"farm.{ending}")])
    assert "on 12 of 12 computers" in capsys.readouterr().out
    content = (tmp_path / f"farm.{ending}").read_bytes()
    assert len(content) > 1000
    if ending == "html":
        assert b"<b>.evtx" not in content and b"&lt;b&gt;" in content
    with pytest.raises(SystemExit):
        main(["fleet", many.folder, "-o", str(tmp_path / f"farm.{ending}")])
    assert "is there already" in capsys.readouterr().err


def test_a_farm_where_nobody_waits_says_so(tmp_path):
    (tmp_path / "a.evtx").write_bytes(plain_log(1))
    c2.ingest(tmp_path / "a.evtx", tmp_path / "store", processes=1)
    report = assemble_farm(c2.open_store(tmp_path / "store"))
    assert report.front.headline == "None of 1 computer waited for the network."
    assert report.front.step == "No remedy would save waiting."


def test_a_report_never_goes_into_the_store(many, capsys):
    with pytest.raises(SystemExit):
        main(["fleet", many.folder, "-o", str(Path(many.folder, "manifest.json")), "--force"])
    assert "evidence" in capsys.readouterr().err
