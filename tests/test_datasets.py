"""Datasets: every log that the lab writes is sound, and programs that we did not write read it as we do."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from evtx_walker import walk
from foreign_readers import ENTITY, assert_readers_agree

from capi2kit.binxml.evtxfile import LogRecord
from capi2kit.lab.reading import names, read_scenario
from capi2kit.lab.recording import CHANNEL_FILE, log_records, short_name
from capi2kit.lab.simulate.messageforms import CHANNELS
from capi2kit.lab.simulate.messages import message_records
from capi2kit.lab.simulate.programs import happen

LAB = Path(__file__).parent.parent / "datasets" / "lab"


def logs(name: str) -> dict[str, bytes]:
    """The committed logs of a scenario, by their name in the archive or folder."""
    archive = LAB / name / "evidence.zip"
    if not archive.exists():
        return {path.name: path.read_bytes() for path in (LAB / name).glob("*.evtx")}
    with zipfile.ZipFile(archive) as packed:
        return {member: packed.read(member) for member in packed.namelist() if member.endswith(".evtx")}


def written(name: str) -> Iterator[tuple[str, list[LogRecord]]]:
    """What the lab means to write: the records of each log, overwritten ones too."""
    world = happen(read_scenario(name))
    for host, log in world.logs.items():
        folder = f"{short_name(host)}/" if len(world.logs) > 1 else ""
        yield f"{folder}{CHANNEL_FILE}", log_records(log)
        for channel in CHANNELS:
            records = [LogRecord(*record) for record in message_records(world, host, channel=channel)]
            if records:
                yield f"{folder}{channel}.evtx", records


def quoted(record: LogRecord) -> bool:
    """Whether an attribute holds a quotation mark, which stands as an entity reference."""
    return any('"' in value for element in record.event.iter() for value in element.attrib.values())


LONG = ("sharepoint-drop", "sharepoint-reject", "server-2019-farm")
QUICK = [
    pytest.param(name, marks=[pytest.mark.slow] * bool(name in LONG or number % 3))
    for number, name in enumerate(names())
]  # one of three; the others are read when all tests run


@pytest.mark.parametrize("name", QUICK)
def test_every_log_is_sound_and_four_foreign_readers_agree(name, tmp_path):
    found, meant = logs(name), dict(written(name))
    assert found.keys() == meant.keys()
    for number, (file, data) in enumerate(found.items()):
        walked = walk(data)
        assert walked.faults == [], file
        first = min((one.number for one in walked.records), default=0)  # an empty log has none
        live = [record for record in meant[file] if record.number >= first]
        assert [one.number for one in walked.records] == [record.number for record in live]
        path = tmp_path / f"{number}.evtx"
        path.write_bytes(data)
        faults = assert_readers_agree(path, live)
        known = {record.number: ENTITY for record in live if quoted(record)}
        assert faults == {"evtx": {}, "libevtx": known, "python-evtx": {}, "dissect.eventlog": {}}, file


def test_one_log_wrapped_and_its_readers_were_informed():
    (data,) = [data for name, data in logs("wrapped-log").items() if name == CHANNEL_FILE]
    assert walk(data).records[0].number > 1
