"""The real logs: what is in them, both engines alike, nothing lost, and what damage costs at most."""

import json
import random
import re
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from evtx import PyEvtxParser
from lxml import etree

from capi2kit.case import Case, load
from capi2kit.errors import NoEvents
from capi2kit.knowledge import rows
from capi2kit.loaders.evtx.framing import HEADER, frame_file
from capi2kit.loaders.evtx.recordids import CHUNK

pytestmark = pytest.mark.real
TABLES = ("events", "steps", "chain", "certificates", "coverage")
APPLICATION = {
    "application_ec2_windefend_2020": 4,
    "application_win10_aptsim_2022": 25,
    "application_win10_rathbun_2022": 19,
    "application_win2012r2_szechuan": 10,
}
CAPI2_LOGS = ["capi2_operational_wks05_2016-2018", "capi2_operational_event70_2020", *APPLICATION]
ALL_LOGS = [*CAPI2_LOGS, "security_win2012r2_no_capi2", "system_win11_2025"]


@pytest.fixture(scope="module")
def log(real_logs):
    """The path of a real log by its name."""
    return lambda name: real_logs / "evtx" / f"{name}.evtx"


@pytest.fixture(scope="module")
def wks05(log) -> Path:
    return log("capi2_operational_wks05_2016-2018")


def comparable(table: pd.DataFrame) -> pd.DataFrame:
    """Times to the microsecond, where one engine cuts them; in `extra` the seventh digit goes."""
    table = table.reset_index(drop="task_id" not in table.index.names).copy()
    for column in table.columns:
        if str(table[column].dtype).startswith("datetime"):
            table[column] = table[column].dt.floor("us")
        elif column == "extra":
            table[column] = table[column].str.replace(r"(\d\d:\d\d\.\d{6})\d(Z)", r"\1\2", regex=True)
    return table


def assert_same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(comparable(one), comparable(other))


def assert_adds_up(case: Case) -> None:
    source = case.sources.iloc[0]
    assert source["promised"] == source["loaded"] + source["other"] + source["duplicates"] + source["lost"]
    assert source["lost"] == case.problems["lost"].sum()


# What is in them.


def test_wks05_is_a_wrapped_log_of_two_computers_without_a_problem(wks05):
    case = load(wks05)
    source = case.sources.iloc[0]
    assert (source["promised"], source["loaded"], source["first_record"], source["last_record"]) == (459, 459, 261, 719)
    assert (source["wrapped"], source["dirty"], source["engine"]) == (True, False, "columnar")
    assert case.problems.empty
    assert case.events["record"].tolist() == list(range(261, 720))
    assert set(case.events["host"]) == {"MININT-AEA0ADI", "BASE-WKSTN-05.shieldbase.lan"}
    assert case.events.index.get_level_values("task_id").nunique() == 53
    assert set(case.events.index.get_level_values("process").dropna()) == {"Setup.exe", "sysmon64.exe"}
    assert case.coverage["verdict"].tolist() == ["cut at the start"] * 2


def test_event_70_has_two_times_and_both_are_kept(log):
    case = load(log("capi2_operational_event70_2020"))
    assert len(case.events) == 3
    assert (case.events["time"] != case.events["time_written"]).all()
    assert case.events["record"].tolist() != [1, 2, 3]  # the record header counts anew in an export
    assert case.sources["wrapped"].tolist() == [False]
    assert case.coverage["verdict"].tolist() == ["filtered"]


@pytest.mark.parametrize(("name", "count"), APPLICATION.items())
def test_every_capi2_event_of_an_application_log_loads_with_all_its_data(log, name, count):
    case = load(log(name))
    assert (len(case.events), case.sources["lost"].sum()) == (count, 0)
    assert (case.events["operation"].str.match("Task |Unknown") == False).all()  # noqa: E712 - a nullable column
    cells = case.events.reset_index().set_index("record").astype(object)
    for event in capi2_events(log(name)):
        row = cells.loc[int(event.findtext("{*}System/{*}EventRecordID"))]
        found = Counter(text for text in row.drop("extra") if isinstance(text, str))
        found.update([str(row["database_error"])])
        found += Counter(
            value
            for kept in json.loads(row["extra"] if isinstance(row["extra"], str) else "{}").values()
            for value in (kept if isinstance(kept, list) else [kept])
        )
        data = Counter(leaf.text for leaf in event.iterfind("{*}EventData/{*}Data") if leaf.text)
        assert data <= found


APPLICATION_FIELDS = {
    257: ["database_error"],
    4097: ["subject", "thumbprint"],
    4100: ["url"],
    4108: ["subject", "thumbprint"],
    4109: ["subject", "thumbprint"],
    4111: ["effective"],
    4112: ["effective"],
    4113: ["effective"],
}


@pytest.mark.parametrize("name", APPLICATION)
def test_each_kind_of_event_of_an_application_log_has_its_fields_and_nothing_is_left_over(log, name):
    events = load(log(name)).events
    assert set(events["event_id"]) <= set(APPLICATION_FIELDS)
    for event_id, fields in APPLICATION_FIELDS.items():
        mine = events[events["event_id"] == event_id]
        assert mine[fields].notna().all().all(), event_id
        assert mine["extra"].isna().all(), event_id
    assert events["thumbprint"].dropna().str.fullmatch("[0-9A-F]{40}").all()


@pytest.mark.parametrize("name", ["security_win2012r2_no_capi2"])
def test_a_log_without_capi2_events_is_refused_with_a_reason(log, name):
    with pytest.raises(NoEvents, match=rf"{name}.evtx: \d+ records, \d+ of other providers, 0 lost\). Enable the log"):
        load(log(name))


# Both engines alike.


@pytest.mark.parametrize("name", CAPI2_LOGS)
def test_both_engines_give_the_same_tables(log, name):
    fast, slow = load(log(name), engine="evtx"), load(log(name), engine="python-evtx")
    for table in TABLES:
        assert_same(getattr(fast, table), getattr(slow, table))
    assert_adds_up(fast)
    assert_adds_up(slow)


@pytest.mark.parametrize("name", ALL_LOGS)
def test_both_engines_agree_on_the_events_of_all_providers_too(log, name):
    fast, slow = load(log(name), providers="*", engine="evtx"), load(log(name), providers="*", engine="python-evtx")
    for table in TABLES:
        assert_same(getattr(fast, table), getattr(slow, table))
    assert fast.sources["other"].tolist() == [0]


# Nothing of an event is lost. This walk shares no code with the one it tests.


def capi2_events(path: Path) -> list[etree._Element]:
    parsed = (etree.fromstring(record["data"].encode()) for record in PyEvtxParser(str(path), indent=False).records())
    wanted = {row["provider"] for row in rows("operations")}
    return [event for event in parsed if event.find("{*}System/{*}Provider").get("Name") in wanted]


def leaves(event: etree._Element) -> list[set[str]]:
    """Every attribute value and every text of an event, in all forms that a cell may have; a set flag is its name."""
    found = []
    for element in event.iter():
        for name, value in element.items():
            found.append(as_logged(value) | ({name} if value == "true" else set()))
        found += [as_logged(text) for text in (element.text, element.tail) if text and text.strip()]
    return found


KINDS = {(row["table"], row["column"]): row["kind"] for row in rows("fields") if row["kind"] not in ("text", "header")}
DERIVED = {
    "list_judged",
    "caller",
    "fails",
    "event",
    "source",
    "offset",
    "time_written",
    "phase",
    "operation",
    "element",
    "kind",
    "position",
    "elements",
}


def shown(value: object, kind: str) -> list[str]:
    """A cell as the log may have written it, in a form that equal values share."""
    if kind == "names":
        return str(value).split()
    if kind == "hex":
        return [f"{value:X}"]
    if kind == "int":
        return [str(int(value))]
    if kind == "bool":
        return [str(value).lower()]
    if kind == "time":
        return [pd.Timestamp(value).floor("us").isoformat()]  # the library that gives the XML cuts there
    if kind == "duration":
        return [f"{float(value):.3f} s"]
    return [str(value)]


def as_logged(text: str) -> set[str]:
    """The forms that a logged text may take in a cell."""
    forms = {text, text.strip("{}").upper(), re.sub(r"\.(cer|crl|bin)$", "", text).upper()}
    if re.fullmatch(r"[0-9A-Fa-f]{1,8}", text):
        forms.add(f"{int(text, 16):X}")
    if re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", text) and text < "2262":
        forms.add(pd.Timestamp(text).isoformat())
    if re.fullmatch(r"P[\dDTHMS.]+", text):
        forms.add(f"{pd.Timedelta(text).total_seconds():.3f} s")
    return forms


def cells_of(case: Case) -> dict[int, Counter[str]]:
    """What the tables say of each event, by its number: every cell once, and every part of `extra`."""
    found: dict[int, Counter[str]] = {}
    for name in ("events", "steps", "chain", "certificates"):
        table = getattr(case, name).reset_index(drop=name != "events")
        skip = DERIVED | ({"host", "process"} if name != "events" else set())
        for row in table.astype(object).to_dict("records"):
            counts = found.setdefault(row["event"], Counter())
            if name == "steps" and row["kind"] != "action" and not pd.isna(row["name"]):
                row["value"], row["name"] = f"{row['name']}: {row['value']}", pd.NA
            extra = row.pop("extra")
            for column, value in row.items():
                if column not in skip and not pd.isna(value):
                    counts.update(shown(value, KINDS.get((name, column), "text")))
            for kept in json.loads(extra if isinstance(extra, str) else "{}").values():
                counts.update(kept if isinstance(kept, list) else [kept])
    return found


@pytest.mark.parametrize("name", CAPI2_LOGS)
def test_every_attribute_and_text_is_in_exactly_one_cell_or_in_extra(log, name):
    case = load(log(name))
    found = cells_of(case)
    record = case.events.set_index("event")["record"].to_dict()
    events = {int(event.findtext("{*}System/{*}EventRecordID")): event for event in capi2_events(log(name))}
    assert len(events) == len(found)
    for event, counts in found.items():
        left = Counter(counts)
        for forms in leaves(events[record[event]]):
            form = next((form for form in sorted(forms) if left[form] > 0), None)
            assert form is not None, f"record {record[event]}: {forms} is in no cell"
            left[form] -= 1
        assert +left == Counter(), f"record {record[event]}: cells that the event does not say"


# Duplicates.


def test_the_same_log_twice_is_loaded_once(wks05, tmp_path):
    copy = tmp_path / "copy.evtx"
    copy.write_bytes(wks05.read_bytes())
    case = load([wks05, copy])
    assert len(case.events) == 459
    assert case.sources["duplicates"].tolist() == [0, 459]
    assert_same(case.chain, load(wks05).chain)


def test_two_engines_on_two_copies_are_duplicates_too(wks05, tmp_path):
    """One chunk of the copy is read by the second engine, whose times have a digit more."""
    data = bytearray(wks05.read_bytes())
    data[HEADER + 3 * CHUNK + 52] ^= 0xFF
    (tmp_path / "copy.evtx").write_bytes(data)
    case = load([wks05, tmp_path / "copy.evtx"])
    assert case.sources["duplicates"].tolist() == [0, 459]


# Damage.


def damaged(data: bytes, *, seed: int) -> tuple[bytes, list[int]]:
    """One record in each of four chunks with 64 bytes flipped, zeroed, random or its signature gone; and which."""
    dice = random.Random(seed)
    hit = []
    for kind, chunk in enumerate(dice.sample(frame_file(data).chunks, 4)):
        frame = dice.choice(chunk.frames)
        at = frame.offset + dice.randrange(0, frame.size - 64)
        new = [bytes(byte ^ 0xFF for byte in data[at : at + 64]), bytes(64), dice.randbytes(64), bytes(4)][kind]
        if kind == 3:
            at = frame.offset
        data = data[:at] + new + data[at + len(new) :]
        hit.append(frame.record)
    return data, hit


@pytest.mark.slow
@pytest.mark.parametrize("start", range(0, 60, 10))
def test_a_damaged_record_costs_at_most_itself(wks05, tmp_path, start):
    """240 places: each chunk stands for itself, so four of them are damaged at a time."""
    data = wks05.read_bytes()
    whole = comparable(load(wks05).events).set_index("record").drop(columns=["event", "time_written"])
    for seed in range(start, start + 10):
        broken, hit = damaged(data, seed=seed)
        (tmp_path / "broken.evtx").write_bytes(broken)
        case = load(tmp_path / "broken.evtx")
        assert_adds_up(case)
        assert case.sources["promised"].tolist() == [459]
        assert case.problems["chunk"].nunique() == 4
        found = comparable(case.events).set_index("record").drop(columns=["event", "time_written"])
        others = whole.drop(index=hit)
        assert set(others.index) <= set(found.index), f"seed {seed}: more than the records {hit} are gone"
        if not found.loc[others.index].equals(others):
            pd.testing.assert_frame_equal(found.loc[others.index], others, obj=f"seed {seed}, records {hit}")


@pytest.mark.parametrize("chunk", [0, 4, 8, 9, 15])
def test_a_zeroed_chunk_costs_its_records_and_no_other(wks05, tmp_path, chunk):
    data = bytearray(wks05.read_bytes())
    gone = {frame.record for frame in frame_file(bytes(data)).chunks[chunk].frames}
    at = HEADER + chunk * CHUNK
    data[at : at + CHUNK] = bytes(CHUNK)
    (tmp_path / "broken.evtx").write_bytes(data)
    case = load(tmp_path / "broken.evtx")
    assert set(case.events["record"]) == set(range(261, 720)) - gone
    assert_adds_up(case)
    oldest = chunk == 9  # what stood before the first record that is left, nobody knows
    assert case.sources["lost"].tolist() == [0 if oldest else len(gone)]
    assert case.problems["error"].tolist() == ["lost chunk"]


@pytest.mark.parametrize("size", [1, 100, 4095, 4096, 5000, 69631, 69632, 300_001, 524_288, 1_000_000, 1_052_671])
def test_a_truncated_log_is_read_as_far_as_it_goes(wks05, tmp_path, size):
    data = wks05.read_bytes()
    whole = {
        frame.record for chunk in frame_file(data).chunks for frame in chunk.frames if frame.offset + frame.size <= size
    }
    (tmp_path / "cut.evtx").write_bytes(data[:size])
    if not whole:
        with pytest.raises(Exception, match=r"cut\.evtx"):
            load(tmp_path / "cut.evtx")
        return
    case = load(tmp_path / "cut.evtx")
    assert set(case.events["record"]) == whole
    assert_adds_up(case)
    assert len(case.problems) > 0
