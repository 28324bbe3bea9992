"""Loader `w3c`: logs of IIS, HTTP.sys and Windows Firewall, line by line."""

import json
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capi2kit.knowledge import check, columns, operation_rows, rows
from capi2kit.loaders import uls, w3c
from capi2kit.loaders.evidence import Asked, EvidenceFile
from capi2kit.loaders.text import lines as text_lines

SAMPLES = Path(__file__).parent / "samples" / "w3c"
LAB = Path(__file__).parent.parent / "datasets" / "lab"
HEADER = "#Software: Microsoft Internet Information Services 10.0\n#Fields: date time cs-method cs-uri-stem sc-status time-taken\n"
FIREWALL = (
    "#Software: Microsoft Windows Firewall\n#Time Format: Local\n#Fields: date time action src-ip dst-ip dst-port\n"
)


def read(content: str | bytes, *, name: str = "x.log", **asked) -> tuple[pd.DataFrame, dict, pd.DataFrame]:
    """Events, the row of `sources`, and `problems` of a log; they add up and speak the vocabulary."""
    data = content.encode() if isinstance(content, str) else content
    file = EvidenceFile(name, data)
    batches = list(w3c.read(file, asked=Asked(**asked)))
    assert all(batch["events"]["event"].tolist() == list(range(len(batch["events"]))) for batch in batches)
    for table in ("events", "sources", "problems"):
        check(batches[-1][table], table)
    events = pd.concat([batch["events"] for batch in batches], ignore_index=True)
    (source,) = batches[-1]["sources"].to_dict("records")
    problems = batches[-1]["problems"]
    assert source["promised"] == source["loaded"] + source["other"] + source["lost"]
    assert source["loaded"] == len(events)
    assert source["lost"] == problems["lost"].sum()
    return events, source, problems


def sample(name: str, **asked):
    return read((SAMPLES / name).read_bytes(), name=name, **asked)


def extra(events: pd.DataFrame, row: int) -> dict[str, str]:
    text = events["extra"].iloc[row]
    return {} if pd.isna(text) else json.loads(text)


def row_of(events: pd.DataFrame, row: int) -> dict[str, object]:
    """The cells of a row that hold something, without what every row holds."""
    same = ["event", "source", "offset", "channel", "resolution_s", "extra"]
    return events.drop(columns=same).iloc[row].dropna().to_dict()


# What a line becomes.


def test_a_request_is_shown_whole_and_by_its_end():
    events, _, problems = sample("u_ex240315.log")
    assert problems.empty
    assert row_of(events, 0) == {
        "record": 5,
        "time": pd.Timestamp("2024-03-15 06:00:01", tz="UTC"),
        "host": "WEB01",
        "provider": "IIS W3C log",
        "operation": "HttpRequest",
        "phase": "whole",
        "duration_s": 15.021,
        "url": "/start.aspx",
        "method": "GET",
        "http_status": 200,
        "win32_status": 0,
        "user_name": "CONTOSO\\anna",
        "client": "10.20.0.40",
        "server": "10.20.0.5:443",
    }
    agent = {"cs(User-Agent)": "Mozilla/5.0+(Windows+NT+10.0)"}
    assert extra(events, 0) == agent | {"cs(Cookie)": 'session="{1}"', "sc-substatus": "0"}
    assert events["url"].tolist() == ["/start.aspx", "/find.aspx?q=crl&n=1", "/start.aspx"]
    assert events["win32_status"].tolist()[1] == 0x8009030E


def test_fields_may_change_in_mid_file_in_any_order():
    events, _, _ = sample("u_ex240315.log")
    assert row_of(events, 2) == {
        "record": 11,
        "time": pd.Timestamp("2024-03-15 07:00:00", tz="UTC"),
        "provider": "IIS W3C log",
        "operation": "HttpRequest",
        "phase": "point",
        "url": "/start.aspx",
        "http_status": 503,
        "client": "10.20.0.41",
    }
    assert extra(events, 2) == {"X-Forwarded-For": "203.0.113.9"}


def test_an_error_of_http_sys_names_its_reason_and_pool():
    events, _, problems = sample("httperr1.log")
    assert problems.empty
    assert events["phase"].tolist() == ["point", "point"]
    assert events["operation"].tolist() == ["HttpError", "HttpError"]
    shown = events[["category", "app_pool", "url", "http_status", "client", "server"]].astype(object)
    assert shown.where(shown.notna(), None).to_numpy().tolist() == [
        ["AppOffline", "Portal", "/start.aspx?x=1", 503, "10.20.0.40", "10.20.0.5:443"],
        ["Timer_ConnectionIdle", None, None, None, "fe80::1%4", "[fe80::2%4]:443"],
    ]
    assert extra(events, 0) == {"c-port": "51000", "cs-version": "HTTP/1.1", "s-siteid": "1"}
    assert extra(events, 1) == {"c-port": "51001"}


def test_a_packet_is_read_in_the_zone_asked_for():
    events, _, problems = sample("pfirewall.log", tz="Europe/Berlin")
    assert problems.empty
    assert row_of(events, 0) == {
        "record": 6,
        "time": pd.Timestamp("2024-03-15 06:00:01", tz="UTC"),
        "provider": "Windows Firewall log",
        "operation": "FirewallPacket",
        "phase": "point",
        "pid": 4120,
        "zone": "Europe/Berlin",
        "category": "DROP",
        "method": "TCP",
        "client": "10.20.0.5",
        "server": "203.0.113.80:80",
    }
    assert extra(events, 1) == {"size": "60", "icmptype": "8", "icmpcode": "0", "path": "SEND"}
    assert pd.isna(events["pid"].iloc[1])


def test_offset_and_record_are_the_place_of_the_line():
    events, _, _ = sample("u_ex240315.log")
    data = (SAMPLES / "u_ex240315.log").read_bytes()
    for record, offset, day in zip(events["record"], events["offset"], ("2024-", "2024-", "07:00"), strict=True):
        assert data[offset : offset + 5].decode() == day
        assert data[:offset].count(b"\n") == record - 1


# Times.


def test_without_a_zone_local_times_are_read_as_utc_and_that_is_said_once(monkeypatch):
    monkeypatch.setattr(text_lines, "BATCH", 2)
    lines = "".join(f"2024-03-15 07:00:0{i} DROP 10.0.0.1 10.0.0.2 80\n" for i in range(7))
    events, _, problems = read(FIREWALL + lines)
    assert problems["error"].tolist() == ["time zone unknown"]
    assert events["zone"].unique().tolist() == ["UTC"]
    assert events["time"].iloc[0] == pd.Timestamp("2024-03-15 07:00", tz="UTC")


def test_a_firewall_that_says_utc_is_not_local():
    line = "2024-03-15 07:00:00 DROP 10.0.0.1 10.0.0.2 80\n"
    events, _, problems = read(FIREWALL.replace("Local", "UTC") + line, tz="Europe/Berlin")
    assert problems.empty
    assert events["time"].tolist() == [pd.Timestamp("2024-03-15 07:00", tz="UTC")]
    assert events["zone"].isna().all()


def test_only_local_lines_of_a_mixed_file_move():
    request, packet = "2024-03-15 07:00:00 GET / 200 5\n", "2024-03-15 07:00:00 DROP 10.0.0.1 10.0.0.2 80\n"
    events, _, _ = read(HEADER + request + FIREWALL + packet + HEADER + request, tz="Asia/Tokyo")
    assert events["time"].dt.hour.tolist() == [7, 22, 7]
    assert events["zone"].fillna("").tolist() == ["", "Asia/Tokyo", ""]


def test_the_day_stands_in_date_if_no_field_has_it():
    header = "#Software: Microsoft Internet Information Services 5.0\n#Fields: time cs-uri-stem sc-status\n"
    events, _, problems = read(f"#Date: 2002-05-02 17:42:15\n{header}17:42:16 /a 200\n")
    assert events["time"].tolist() == [pd.Timestamp("2002-05-02 17:42:16", tz="UTC")]
    assert problems.empty
    events, _, problems = read(f"{header}17:42:16 /a 200\n17:42:17 /b 200\n")
    assert events["time"].isna().all()
    assert "no time" in problems["error"].tolist()
    assert "2 lines have no time" in problems["message"].str.cat()


@pytest.mark.parametrize("time", ["2024-13-15 06:00:01", "2024-03-15 6:00", "99999-99-99 06:00:01", "x y"])
def test_a_time_that_is_none_is_kept_beside(time):
    events, source, problems = read(f"{HEADER}{time} GET / 200 5\n")
    assert events["time"].isna().all()
    assert extra(events, 0) == {"time?": time.replace(" ", "T")}
    assert problems["error"].tolist() == ["unreadable value"]
    assert source["lost"] == 0


# What cannot be read.


def test_a_line_with_too_few_or_too_many_cells_is_lost_and_reported():
    good = "2024-03-15 06:00:01 GET / 200 5\n"
    events, source, problems = read(
        f"{HEADER}{good}2024-03-15 06:00:02 GET / 2\n{good}2024-03-15 06:00:02 GET / a 2 3 4\n"
    )
    assert (source["loaded"], source["lost"]) == (2, 2)
    assert problems["record"].tolist() == [4, 6]
    assert "line 4" in problems["message"].iloc[0]
    assert "5 cells where #Fields has 6 names" in problems["message"].iloc[0]
    assert "8 cells" in problems["message"].iloc[1]
    assert events["record"].tolist() == [3, 5]


def test_a_line_above_any_fields_is_lost():
    _, source, problems = read("2024-03-15 06:00:01 GET / 200 5\n" + HEADER)
    assert (source["loaded"], source["lost"]) == (0, 1)
    assert "no #Fields line" in problems["message"].iloc[0]


def test_lines_below_fields_of_another_program_are_lost_until_ours_return():
    foreign = "#Software: Example Proxy\n#Fields: date time x-edge\n2024-03-15 06:00:01 9\n"
    events, source, problems = read(foreign + HEADER + "2024-03-15 06:00:01 GET / 200 5\n")
    assert (source["loaded"], source["lost"]) == (1, 1)
    assert "not one of IIS" in problems["message"].iloc[0]
    assert events["record"].tolist() == [6]


def test_a_value_that_does_not_fit_its_column_is_kept_beside():
    events, _, problems = read(f"{HEADER}2024-03-15 06:00:01 GET / abc soon\n")
    assert pd.isna(events["http_status"].iloc[0])
    assert events["phase"].tolist() == ["point"]
    assert extra(events, 0) == {"http_status?": "abc", "duration_s?": "soon"}
    assert problems["lost"].tolist() == [0, 0]


def test_blanks_inside_of_quotes_are_no_borders():
    header = "#Fields: date time cs(Cookie) cs-uri-stem sc-status\n"
    events, source, _ = read(
        f'{header}2024-03-15 06:00:01 a="1 2 3";b="4 5" /x 200\n2024-03-15 06:00:01 a="1 2 /x 200\n'
    )
    assert events["url"].tolist() == ["/x"]
    assert extra(events, 0) == {"cs(Cookie)": 'a="1 2 3";b="4 5"'}
    assert source["lost"] == 1


def test_a_field_named_twice_keeps_both_cells():
    events, _, _ = read("#Fields: date time cs-uri-stem cs-host cs-host\n2024-03-15 06:00:01 /x a.example b.example\n")
    assert extra(events, 0) == {"cs-host": "a.example", "cs-host#2": "b.example"}


def test_a_port_or_query_without_what_it_belongs_to_is_kept_beside():
    events, _, _ = read("#Fields: date time cs-uri-stem cs-uri-query s-port\n2024-03-15 06:00:01 - q=1 443\n")
    assert events[["url", "server"]].isna().all(axis=None)
    assert extra(events, 0) == {"cs-uri-query": "q=1", "s-port": "443"}


@pytest.mark.parametrize(
    ("content", "loaded", "lost"),
    [
        (b"", 0, 0),
        (HEADER.encode(), 0, 0),
        (b"\0" * 5000, 0, 0),
        ((HEADER + "2024-03-15 06:00:01 GET / 200 5\r\n2024-03-15 06:0").encode(), 1, 1),
        ((HEADER + "2024-03-15 06:00:01 GET / 200 5\r2024-03-15 06:00:01 GET / 200 5\n\n\r\n").encode(), 2, 0),
        ((HEADER + "2024-03-15 06:00:01 GET / 200 5\r\n").encode() + b"\0" * 3000, 1, 0),
        ((HEADER + "2024-03-15 06:00:01\tGET\t/\t200\t5\n").encode(), 1, 0),
        ((HEADER + "2024-03-15 06:00:01  GET  /\t200 5 \n").encode(), 1, 0),
        (
            (
                HEADER + "2024-03-15 06:00:01 GET /" + "a" * 3_000_000 + " 200 5\n2024-03-15 06:00:01 GET / 200 5\n"
            ).encode(),
            1,
            1,
        ),
        ((HEADER + '2024-03-15 06:00:01 GET /"' + '" "' * 300_000 + " 200 5\n").encode(), 0, 1),
    ],
)
def test_bad_input_costs_no_more_than_its_lines(content, loaded, lost):
    _, source, _ = read(content)
    assert (source["loaded"], source["lost"]) == (loaded, lost)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "cp1252", "cp437"])
def test_every_encoding_keeps_the_lines(encoding):
    content = f"{HEADER}2024-03-15 06:00:01 GET /Müller 200 5\n".encode(encoding)
    assert w3c.sniff(content, "x")
    events, _, problems = read(content)
    assert events["http_status"].tolist() == [200]
    if encoding == "cp437":  # nothing tells it from cp1252: the letter is wrong, and that is said
        assert events["url"].iloc[0].startswith("/M")
    else:
        assert events["url"].tolist() == ["/Müller"]
    assert problems["error"].tolist() == (["wrong encoding"] if encoding.startswith("cp") else [])


# Batches, and what was asked for.


def test_batches_do_not_change_what_is_read(monkeypatch):
    content = (SAMPLES / "u_ex240315.log").read_text()
    content += (SAMPLES / "httperr1.log").read_text() + (SAMPLES / "pfirewall.log").read_text()
    whole, _, _ = read(content)
    monkeypatch.setattr(text_lines, "BATCH", 2)
    parts, _, _ = read(content)
    assert len(whole) == 7
    pd.testing.assert_frame_equal(whole.drop(columns="event"), parts.drop(columns="event"))


def test_what_was_not_asked_for_is_counted():
    content = (SAMPLES / "u_ex240315.log").read_text() + (SAMPLES / "httperr1.log").read_text()
    events, source, _ = read(content, providers={"HTTPERR log": None})
    assert events["provider"].unique().tolist() == ["HTTPERR log"]
    assert (source["promised"], source["loaded"], source["other"]) == (5, 2, 3)


def test_progress_is_shown_in_bytes(monkeypatch):
    monkeypatch.setattr(text_lines, "BATCH", 1)
    seen = []
    content = f"{HEADER}2024-03-15 06:00:01 GET / 200 5\n2024-03-15 06:00:01 GET / 200 5\n"
    read(content, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(len(HEADER), len(content)), (len(HEADER) + 32, len(content))]


# Who claims what.


@pytest.mark.parametrize("name", ["u_ex240315.log", "httperr1.log", "pfirewall.log"])
def test_a_sample_is_claimed_by_its_beginning(name):
    data = (SAMPLES / name).read_bytes()
    assert w3c.sniff(data, "anything")
    assert not uls.sniff(data, name)


@pytest.mark.parametrize(
    "head",
    [
        "#Fields: date time cs-uri-stem sc-status\n",
        "#Date: 2024-03-15\n#Fields: time s-reason\n#Software: x\n",
        "cut off /a 200 0\n2024-03-15 06:00:01 GET / 200 5\n" + HEADER,
        "\n\n#Version: 1.0\n" + HEADER,
    ],
)
def test_a_log_is_known_without_the_usual_header(head):
    assert w3c.sniff(head.encode(), "x")


@pytest.mark.parametrize(
    "head",
    [
        "",
        "hello",
        "#Software: Microsoft Internet Information Services 10.0\n#Version: 1.0\n",
        "# IIS logs\n\nThey begin like this:\n\n" + HEADER,
        "#Software: Microsoft Exchange Server\n#Fields: date-time,client-ip,cs-uri-stem\n",
        "#separator \\x09\n#fields\tts\tuid\n",
        "#Fields: date time x-edge-location x-host\n",
        "\0" * 100 + HEADER,
        "one\ntwo\nthree\n" + HEADER,
    ],
)
def test_nothing_else_is_claimed(head):
    assert not w3c.sniff(head.encode(), "u_ex240315.log")


def test_the_table_of_fields_fills_columns_that_can_hold_them():
    fits = {"": {"string"}, "int": {"Int64"}, "ms": {"Float64"}, "time": {"datetime64[ns, UTC]"}}
    fits |= {"local time": fits["time"]}
    providers = {key[0] for key in operation_rows()}
    for row in rows("w3c"):
        assert row["log"] in providers
        assert row["tells"] in ("0", "1")
        assert row["field"] == row["field"].casefold() or row["field"].startswith("#Software: ")
        assert not row["column"] or columns("events")[row["column"]] in fits[row["kind"]], row


# Whatever is in it.

CELL = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters='"'), min_size=1, max_size=6
)
NAMES = [
    "cs-uri-stem",
    "cs-uri-query",
    "s-ip",
    "s-port",
    "sc-status",
    "time-taken",
    "cs(Referer)",
    "x-own",
    "pid",
    "c-ip",
]


@given(st.permutations(NAMES), st.lists(st.lists(CELL, min_size=10, max_size=10), max_size=4))
def test_no_cell_gets_lost(names, table):
    lines = "".join(f"2024-03-15 06:00:01 {' '.join(row)}\n" for row in table)
    events, _, _ = read(f"#Fields: date time {' '.join(names)}\n{lines}")
    assert len(events) == len(table)
    for number, row in enumerate(table):
        logged = dict(zip(names, row, strict=True))
        shown = [value for value in row_of(events, number).values() if isinstance(value, str)]
        shown += extra(events, number).values()
        for field, cell in logged.items():
            if field == "sc-status" and cell.isdecimal() and f"{cell}" == str(events["http_status"].iloc[number]):
                continue
            if field == "time-taken" and events["phase"].iloc[number] == "whole":
                assert events["duration_s"].iloc[number] == int(cell) / 1000
                continue
            assert cell == "-" or any(cell in text for text in shown), (field, cell)


PIECES = st.sampled_from(
    [
        "#",
        "#Fields: ",
        "#Date: ",
        "#Software: Microsoft Windows Firewall",
        "date ",
        "time ",
        "cs-uri-stem ",
        "s-reason ",
        "src-ip ",
        "2024-03-15 ",
        "06:00:01 ",
        "- ",
        "\n",
        "\r\n",
        "\r",
        "\0",
        '"',
        "\t",
        "é",
        "x ",
    ]
)


@settings(max_examples=200)
@given(st.lists(PIECES, max_size=60).map("".join) | st.binary(max_size=200))
def test_anything_is_read_without_an_exception(content):
    data = content.encode() if isinstance(content, str) else content
    w3c.sniff(data, "x")
    read(data)


# The lab and the real logs.


@pytest.mark.parametrize(
    ("scenario", "name", "count"),
    [("sharepoint-drop", "u_ex120305.log", 29), ("server-2019-farm", "u_ex190909.log", None)],
)
def test_the_logs_of_the_lab_load_without_problems(scenario, name, count):
    with zipfile.ZipFile(LAB / scenario / "evidence.zip") as archive:
        data = archive.read(name)
    assert w3c.sniff(data, name)
    events, _, problems = read(data)
    assert problems.empty
    assert len(events) == sum(not line.startswith(b"#") for line in data.splitlines())
    assert count is None or len(events) == count
    assert (events["phase"] == "whole").all()


def test_a_slow_request_of_the_lab_began_before_the_restart():
    with zipfile.ZipFile(LAB / "sharepoint-drop" / "evidence.zip") as archive:
        events, _, _ = read(archive.read("u_ex120305.log"))
    slowest = events.loc[events["duration_s"].idxmax()]
    assert (slowest["url"], slowest["duration_s"]) == ("/_layouts/viewlsts.aspx?Source=/SitePages/Home.aspx", 502.828)
    assert slowest["time"] == pd.Timestamp("2012-03-05 07:07:33", tz="UTC")
    assert slowest["user_name"] == "CONTOSO\\boris"


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("iis10_http2_msdocs_2015", 2),
        ("iis_plaso_iis10", 1),
        ("iis_plaso_iis10_cookies", 3),
        ("iis_plaso_iis6", 12),
        ("iis_plaso_iis7_owa", 3),
    ],
)
def test_the_real_logs_load_whole(real_logs, name, count):
    data = (real_logs / "text" / f"{name}.log").read_bytes()
    assert w3c.sniff(data, name)
    events, _, problems = read(data)
    assert (len(events), len(problems)) == (count, 0)
    assert events["time"].notna().all()
    assert events["http_status"].notna().all()
    assert (events["phase"] == ("point" if "iis6" in name else "whole")).all()


@pytest.mark.real
def test_the_cookies_of_the_real_log_are_kept(real_logs):
    events, _, _ = read((real_logs / "text" / "iis_plaso_iis10_cookies.log").read_bytes())
    cookies = [extra(events, row)["cs(Cookie)"] for row in range(3)]
    assert cookies == [
        'OutlookSession="{AAAAAAA-BBBB-CCCC-DDDD-EEEEEEEEEEEE}"',
        "username=realm\\user",
        "username=realm@user",
    ]
