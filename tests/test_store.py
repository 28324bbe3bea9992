"""The store: questions about many computers, and what nobody can do to it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from evtx_bytes import log_of
from farm import farm

import capi2kit as c2
from capi2kit.cli import main
from capi2kit.knowledge import columns, rows
from capi2kit.knowledge.queries import queries
from capi2kit.store import TABLES, Store, schema_of
from capi2kit.writer import safe_name

LAB = Path(__file__).parent.parent / "datasets" / "lab"
SERVERS = ("farm-proxy-drift", "jetdirect", "wrong-clock", "crl-expired-at-source", "healthy-warm")


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Store:
    """Two servers of a farm, a printer server, and one with a wrong clock."""
    folder = tmp_path_factory.mktemp("store")
    c2.ingest([LAB / name for name in SERVERS], folder, processes=1)
    return c2.open_store(folder)


# Named questions, each against what pandas makes of the tables.


@pytest.mark.parametrize("name", queries())
def test_every_question_has_an_answer_and_says_what_it_asks(name, whole):
    answer = whole.query(name)
    assert len(answer.columns) >= 3
    assert queries()[name].title.endswith("?")
    empty = Store.__new__(Store)
    empty.__dict__.update(folder=whole.folder, _units=[], _parts=[], incomplete=[])
    assert empty.query(name).empty


def test_the_worst_servers_are_those_that_were_waited_for_longest(whole):
    expected = whole.waits.groupby("url_host")["wait_s"].sum().sort_values(ascending=False).round(3)
    answer = whole.query("worst-servers").set_index("server")["wait_s"]
    assert answer.head(3).to_dict() == pytest.approx(expected.head(3).to_dict())
    assert answer.is_monotonic_decreasing


def test_seconds_by_url_add_up_to_all_waits(whole):
    known = whole.waits[whole.waits["url"].notna()]
    answer = whole.query("seconds-by-url")
    assert answer["wait_s"].sum() == pytest.approx(known["wait_s"].sum(), abs=0.01)
    assert answer["computers"].max() == known.groupby("url")["machine"].nunique().max()


def test_causes_that_computers_share_come_first(whole):
    answer = whole.query("same-cause").set_index("rule")
    assert answer["computers"].is_monotonic_decreasing
    found = whole.findings
    counted = found[found["aspect"] != "evidence"].groupby("rule")["machine"].nunique()
    assert answer["computers"].to_dict() == counted.to_dict()


def test_another_proxy_on_another_computer_is_seen(whole):
    answer = whole.query("proxy-drift")
    users = answer[answer["account_kind"] == "user"]
    assert set(users["proxy"]) == {"direct", "10.20.0.9:3128"}
    assert users.set_index("proxy").loc["10.20.0.9:3128", "which"] == "SP11.contoso.example"


def test_a_wrong_clock_is_seen_and_a_larger_limit_leaves_it_out(whole):
    (offset,) = whole.query("clock-errors")["offset_s"]
    assert abs(offset) > 60
    assert whole.query("clock-errors", seconds=abs(offset) + 60).empty


def test_lists_that_ran_out_are_named_and_more_days_name_more(whole):
    few, many = (whole.query("lists-that-expire", days=days) for days in (0, 400))
    assert len(few) < len(many)
    assert (few["expired_there"] > 0).all()


def test_starts_before_a_moment_and_after_it_are_all_starts(whole):
    for at in ("middle", "2013-11-03T12:00Z", "1990-01-01"):
        answer = whole.query("before-after", at=at)
        assert answer["starts_before"].sum() + answer["starts_after"].sum() == len(whole.startups)
    assert answer["starts_before"].sum() == 0


# The tables.


@pytest.mark.parametrize("table", TABLES)
def test_a_table_of_a_store_has_the_columns_of_the_vocabulary_and_whose_they_are(table, whole):
    found = getattr(whole, table)
    assert list(found.columns) == [*columns(table), "machine", "collection"]
    assert {name: str(dtype) for name, dtype in found.dtypes.items() if name in columns(table)} == columns(table)
    assert schema_of(table).names == list(found.columns)
    assert getattr(whole, table) is found


def test_a_table_that_there_is_not_is_named_with_those_that_there_are(whole):
    with pytest.raises(AttributeError, match="it has sources, problems"):
        whole.nothing  # noqa: B018
    with pytest.raises(c2.StoreError, match="there is no table 'nothing'; choose of sources"):
        whole.dataset("nothing")


def test_every_cited_event_of_a_finding_is_in_the_store(whole):
    events = set(whole.events[["collection", "event"]].itertuples(index=False, name=None))
    for finding in whole.findings.dropna(subset="evidence").itertuples():
        assert {(finding.collection, int(number)) for number in finding.evidence.split()} <= events


def test_a_short_name_of_a_computer_is_not_another_computer(whole):
    hosts = set(whole.events["host"].dropna())
    assert {"SP11", "SP11.contoso.example"} <= hosts
    assert "SP11" not in set(whole.events["machine"])


def test_a_folder_that_is_no_store_is_named(tmp_path):
    with pytest.raises(c2.StoreError, match=r"is no store; `capi2kit ingest EVIDENCE --store DIR` makes one"):
        c2.open_store(tmp_path)


def test_a_store_shows_what_it_is_in_one_line(whole):
    assert re.fullmatch(r"<store .*: 6 computers, 5 collections, 0 with an error>", repr(whole))


# What nobody can do to it.


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE waits",
        "CREATE TABLE a AS SELECT 1",
        "COPY waits TO 'out.csv'",
        "ATTACH 'x.db'",
        "INSTALL httpfs",
        "SELECT 1; SELECT 2",
        "SET memory_limit='1TB'",
        "SELECT * FROM read_text('/etc/hosts')",
        "SELECT * FROM 'manifest.json'",
        "SELECT * FROM glob('*')",
        "SELECT nothing FROM waits",
        "SELECT",
        "not sql at all",
    ],
)
def test_a_question_reads_the_tables_and_nothing_else(sql, whole, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(c2.StoreError):
        whole.query(sql)
    assert list(tmp_path.iterdir()) == []


def test_a_question_that_needs_too_much_memory_is_refused(whole, monkeypatch):
    monkeypatch.setattr("capi2kit.store.MEMORY", "20MB")
    with pytest.raises(c2.StoreError, match=r"(?i)memory"):
        whole.query("SELECT a.range, list(b.range) FROM range(3000) a, range(3000) b GROUP BY ALL ORDER BY 1")


def test_a_parameter_is_a_value_and_never_sql(whole):
    with pytest.raises(c2.StoreError):
        whole.query("clock-errors", seconds="0; DROP TABLE waits")
    assert len(whole.query("SELECT $a AS said", a="'; DROP TABLE waits")) == 1


# Names.


@pytest.mark.parametrize(
    "name", ["WEB01", "../../etc", "a/b", "C:\\x", "con", "x" * 300, "\u00e4\u4e2d", ".", "..", "a\0b", "", " a "]
)
def test_any_name_of_a_computer_is_one_file_inside_the_store(name, tmp_path):
    made = safe_name(name)
    assert "/" not in made and "\\" not in made and made not in ("", ".", "..") and len(made) < 200
    (tmp_path / f"machine={made}").mkdir()
    assert [path.parent for path in tmp_path.iterdir()] == [tmp_path]


def test_two_names_never_share_a_file():
    names = ["a/b", "a%2Fb", "a%2fb", "x" * 300, "x" * 301, "A B", "A%20B"]
    assert len({safe_name(name) for name in names}) == len(names)


def test_a_hostile_name_of_a_computer_stays_inside(tmp_path):
    from dataclasses import replace

    from small_logs import story

    log = log_of([replace(event, computer="../../EVIL") for event in story()])
    (tmp_path / "a.evtx").write_bytes(log)
    c2.ingest(tmp_path / "a.evtx", tmp_path / "store", processes=1)
    assert {path.name for path in tmp_path.iterdir()} == {"a.evtx", "store"}
    assert c2.open_store(tmp_path / "store").waits["machine"].unique().tolist() == ["../../EVIL"]


# The verbs.


def test_the_verbs_make_a_store_and_ask_it(tmp_path, capsys):
    folder = farm(tmp_path / "farm", computers=2)
    main(["ingest", str(folder), "--store", str(tmp_path / "store"), "--processes", "1"])
    assert "2 collections: 2 new; 24 events" in capsys.readouterr().out
    main(["query", str(tmp_path / "store")])
    assert capsys.readouterr().out.count("\n") == len(queries())
    main(["query", str(tmp_path / "store"), "worst-servers", "-f", "csv"])
    assert capsys.readouterr().out.startswith("server,wait_s")
    main(["query", str(tmp_path / "store"), "clock-errors", "--set", "seconds=9"])
    assert "no row answers" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        (["query", "{store}", "nonsense"], 3, "there is no question 'nonsense'; choose of before-after"),
        (["query", "{store}", "clock-errors", "--set", "seconds"], 2, "--set: write seconds=VALUE"),
        (["ingest", "{store}/none", "--store", "{store}"], 3, "no such file or folder"),
        (["ingest", "x", "--store", "{store}", "--processes", "0"], 2, "'0' is not a number of processes"),
    ],
)
def test_what_cannot_be_done_is_said_with_an_exit_code(given, code, said, tmp_path, capsys):
    farm(tmp_path / "farm", computers=1)
    main(["ingest", str(tmp_path / "farm"), "--store", str(tmp_path / "store"), "--processes", "1", "-q"])
    with pytest.raises(SystemExit) as ended:
        main([one.replace("{store}", str(tmp_path / "store")) for one in given])
    assert ended.value.code == code
    assert said in capsys.readouterr().err


def test_failed_evidence_gives_exit_code_1_and_is_named(tmp_path, capsys):
    (tmp_path / "bad.evtx").write_bytes(b"nothing")
    with pytest.raises(SystemExit) as ended:
        main(["ingest", str(tmp_path / "bad.evtx"), "--store", str(tmp_path / "store")])
    assert ended.value.code == 1
    assert "failed: " in capsys.readouterr().out


def test_every_question_has_a_source():
    known = {row["id"] for row in rows("sources")}
    for query in queries().values():
        assert re.search(r"^-- source: (.+)$", query.sql, re.MULTILINE)[1] in known


def test_a_table_of_the_vocabulary_is_in_no_store_by_accident():
    described = set(c2.describe()["table"])
    assert set(TABLES) <= described
