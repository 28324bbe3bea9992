"""Loader `uls`: SharePoint's trace log, as a file and pasted into an article."""

import json
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parts import parts

import capi2kit as c2
from capi2kit.knowledge import check, rows
from capi2kit.loaders import uls, w3c
from capi2kit.loaders.evidence import Asked, EvidenceFile
from capi2kit.loaders.text import lines as text_lines

SAMPLES = Path(__file__).parent / "samples" / "uls"
LAB = Path(__file__).parent.parent / "datasets" / "lab"
LOG = "SP01-20240315-0700.log"
HEADER = "Timestamp              \tProcess \tTID   \tArea  \tCategory \tEventID\tLevel     \tMessage \tCorrelation\n"
ACTIVITY = "1a2b3c4d-0000-4000-8000-00000000000a"
AROUND = ["time zone unknown", "other lines"]


def line(
    message, *, time="07:00:00.00", more=" ", tid=1, process="w3wp.exe (0x1018)", level="High", end=f"\t{ACTIVITY}"
):
    """A line of a trace log with tabs."""
    return f"03/15/2024 {time}{more}\t{process}  \t0x{tid:04X}\tArea   \tCategory  \ttag1\t{level:<8}\t{message}{end}\n"


def read(content: str | bytes, *, name: str = "x.txt", **asked) -> tuple[pd.DataFrame, dict, pd.DataFrame]:
    """Events, the row of `sources`, and `problems` of a log; they add up and speak the vocabulary."""
    data = content.encode() if isinstance(content, str) else content
    file = EvidenceFile(name, data)
    batches = list(uls.read(file, asked=Asked(**asked)))
    assert all(batch["events"]["event"].tolist() == list(range(len(batch["events"]))) for batch in batches)
    for table in ("events", "sources", "problems"):
        check(batches[-1][table], table)
    events = pd.concat([batch["events"] for batch in batches], ignore_index=True).sort_values(
        "record", ignore_index=True
    )
    (source,) = batches[-1]["sources"].to_dict("records")
    problems = batches[-1]["problems"]
    assert source["promised"] == source["loaded"] + source["other"] + source["lost"]
    assert source["loaded"] == len(events)
    assert source["lost"] == problems["lost"].sum()
    return events, source, problems


def sample(name: str = LOG, **asked):
    return read((SAMPLES / name).read_bytes(), name=name, **asked)


def row_of(events: pd.DataFrame, row: int) -> dict[str, object]:
    """The cells of a row that hold something, without what every row holds."""
    same = ["event", "source", "offset", "channel", "provider", "operation", "resolution_s"]
    return events.drop(columns=same).iloc[row].dropna().to_dict()


def levels(events: pd.DataFrame) -> list[str]:
    return [json.loads(text)["Level"] for text in events["extra"]]


# What a line becomes.


def test_a_slow_validation_is_shown_whole_and_by_its_end():
    events, _, problems = sample(tz="Europe/Berlin")
    assert problems.empty
    assert row_of(events, 1) == {
        "record": 3,
        "time": pd.Timestamp("2024-03-15 06:00:15.21", tz="UTC"),
        "host": "SP01",
        "level": 1,
        "activity_id": ACTIVITY.upper(),
        "process": "w3wp.exe",
        "pid": 0x1018,
        "tid": 0x101C,
        "phase": "whole",
        "duration_s": 15.0030019,
        "zone": "Europe/Berlin",
        "message": "A certificate validation operation took 15003.0019 milliseconds "
        "and has exceeded the execution time threshold.",
        "category": "SharePoint Foundation / Topology",
        "tag": "8321",
        "extra": '{"Level": "Critical"}',
    }
    assert events["phase"].tolist() == ["point", "whole", "whole", "point", "point"]
    assert set(events["operation"]) == {"UlsMessage", "RequestScope", "SlowCertificateValidation"}
    assert set(events["provider"]) == set(events["channel"]) == {"SharePoint ULS"}
    assert set(events["resolution_s"]) == {0.01}


def test_a_cut_message_is_joined_under_its_first_time():
    events, source, _ = sample()
    assert source["promised"] == 5  # six lines
    joined = row_of(events, 3)
    assert joined["message"] == "The job failed: at Contoso.Jobs.Nightly.Execute() at Contoso.Jobs.Run()"
    assert joined["time"] == pd.Timestamp("2024-03-15 07:00:15.30", tz="UTC")
    assert joined["record"] == 5


def test_the_host_is_the_one_of_the_process_else_that_of_the_file():
    assert sample()[0]["host"].tolist() == ["SP01", "SP01", "SP01", "SP02", "SP01"]
    assert read(line("x"), name="evidence.zip!a/SP-03-20240315-0700.LOG")[0]["host"].tolist() == ["SP-03"]
    assert read(line("x"), name="trace.log")[0]["host"].isna().all()


def test_an_activity_of_zeros_is_none():
    events, _, _ = sample()
    assert events["activity_id"].isna().tolist() == [False, False, False, False, True]


def test_words_for_levels_that_the_event_log_has_get_its_number():
    words = ["Critical", "Error", "Warning", "Information", "Verbose", "VerboseEx", "High", "Monitorable", "Strange"]
    events, _, _ = read("".join(line("x", level=word) for word in words))
    assert events["level"].fillna(0).tolist() == [1, 2, 3, 4, 5, 5, 0, 0, 0]
    assert levels(events) == words


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("Leaving Monitored Scope (Timer Job x). Execution Time=2126.74", 2.12674),
        ("Leaving Monitored Scope (Request (GET:http://a.example/?x=Execution Time)). Execution Time=14,5", 0.0145),
        (
            "Leaving Monitored Scope: (x) Execution Time=7.0718; CPU Milliseconds=1; SQL Query Count=6; Parent=None",
            0.0070718,
        ),
        ("Leaving Monitored Scope: Tiempo de ejecución=7,0718; CPU Milliseconds=1", 0.0070718),
        ("Leaving Monitored Scope (x). Execution Time=9.5E-05", 9.5e-8),
        ("Leaving Monitored Scope (x). Execution Time=57510.6440902405", 57.5106440902405),
        ("A certificate validation operation took 15003.0019 milliseconds and", 15.0030019),
        ("Leaving Monitored Scope (x).", None),
        ("Somebody said: Leaving Monitored Scope (x). Execution Time=5", None),
        ("Entering monitored scope (Execution Time=5)", None),
        ("A certificate validation operation took long", None),
    ],
)
def test_how_long_something_took_is_read_from_the_message(message, seconds):
    events, _, _ = read(line(message))
    assert events["phase"].tolist() == ["point" if seconds is None else "whole"]
    if seconds is None:
        assert events["duration_s"].isna().all()
    else:
        assert events["duration_s"].tolist() == pytest.approx([seconds])


# Messages in several lines.


def test_threads_do_not_mix_what_they_cut():
    content = (
        line("one...", tid=1)
        + line("two...", tid=2)
        + line("...deux", tid=2, more="*")
        + line("...un...", tid=1, more="*")
    )
    events, _, _ = read(content + line("...uno", tid=1, more="*"))
    assert events["message"].tolist() == ["oneununo", "twodeux"]


def test_a_rest_without_its_beginning_stays_and_is_reported():
    events, source, problems = read(line("whole") + line("...rest", more="*"), tz="UTC")
    assert events["message"].tolist() == ["whole", "...rest"]
    assert problems["error"].tolist() == ["no beginning"]
    assert "line 2" in problems["message"].iloc[0]
    assert (source["loaded"], source["lost"]) == (2, 0)


def test_a_message_that_just_ends_in_dots_stays():
    events, _, _ = read(line("Starting...") + line("Started"))
    assert events["message"].tolist() == ["Starting...", "Started"]


def test_a_line_break_inside_of_a_message_belongs_to_it():
    events, source, _ = read(HEADER + line("first", end="") + "second\n" + f"third\t{ACTIVITY}\n" + line("next"))
    assert events["message"].tolist() == ["first\nsecond\nthird", "next"]
    assert events["activity_id"].tolist() == [ACTIVITY.upper()] * 2
    assert source["promised"] == 2


def test_a_message_may_hold_tabs():
    events, _, _ = read(line("a\tb\tc") + line("d\te\tf", end=""))
    assert events["message"].tolist() == ["a\tb\tc", "d\te\tf"]
    assert events["activity_id"].isna().tolist() == [False, True]


def test_batches_do_not_change_what_is_read(monkeypatch):
    content = (SAMPLES / LOG).read_bytes() + line("x...").encode() + line("...y", more="*").encode()
    whole, _, _ = read(content)
    for size in (1, 2, 3):
        monkeypatch.setattr(text_lines, "BATCH", size)
        parts, _, problems = read(content)
        pd.testing.assert_frame_equal(whole.drop(columns="event"), parts.drop(columns="event"))
        assert problems["error"].tolist() == ["time zone unknown"]  # once, not per batch
    assert whole["message"].tolist()[-1] == "xy"


# In an article.


def test_lines_pasted_into_an_article_are_read_and_the_rest_is_counted():
    events, source, problems = sample("article.md")
    assert events["record"].tolist() == [6, 8, 13]
    assert events["category"].tolist() == [
        "SharePoint Foundation / Topology",
        "Contoso Search Crawler",
        "SharePoint Foundation / Monitoring",
    ]
    assert events["tag"].tolist() == ["8321", "27", "nasq"]
    assert levels(events) == ["Critical", "Medium", "Medium"]
    assert events["activity_id"].isna().tolist() == [False, True, False]
    assert events["duration_s"].tolist()[0] == pytest.approx(15.0030019)
    assert events["message"].tolist()[1] == "The crawl began <<CORRELATION ID>>"
    assert problems["error"].tolist() == ["unreadable line", "time zone unknown", "other lines", "no time"]
    assert "5 lines" in problems["message"].iloc[2]
    assert (source["loaded"], source["lost"]) == (3, 1)


def test_ids_and_times_that_somebody_took_out_are_missing():
    events, _, _ = sample("article.md")
    assert events["time"].isna().tolist() == [False, True, False]
    assert events[["pid", "tid"]].isna().all(axis=1).tolist() == [False, True, False]
    assert json.loads(events["extra"].iloc[1]) == {"Level": "Medium", "time?": "DateTime"}


def test_columns_between_several_blanks_are_distinguished():
    pasted = "> 03/15/2024 07:00:00.10  w3wp.exe (0x1018)   0x101C   My Area    My Category   ab12   High   said\n"
    events, _, _ = read("text\n" + pasted)
    assert events[["category", "tag", "message"]].to_numpy().tolist() == [["My Area / My Category", "ab12", "said"]]


# What cannot be read.


def test_a_line_of_a_log_that_is_none_is_lost_and_reported():
    content = HEADER + line("one") + "noise\n" + "03/15/2024 07:00:00.10 \tw3wp.exe\n" + "\n" + line("two")
    events, source, problems = read(content, tz="UTC")
    assert events["message"].tolist() == ["one", "two"]
    assert source["lost"] == 2
    assert problems["record"].tolist() == [3, 4]
    assert "not a line of a trace log" in problems["message"].iloc[0]


@pytest.mark.parametrize("time", ["02/31/2024 07:00:00.10", "13/01/2024 07:00:00.10", "03/15/2024 25:00:00.10"])
def test_a_time_that_is_none_is_kept_beside(time):
    events, source, problems = read(line("x").replace("03/15/2024 07:00:00.00", time))
    assert events["time"].isna().all()
    assert json.loads(events["extra"].iloc[0])["time?"] == time
    assert problems["error"].tolist() == ["no time"]
    assert source["lost"] == 0


def test_what_does_not_fit_is_kept_beside():
    events, _, _ = read(line("x", process="odd process", end="\tno guid").replace("0x0001", "thread"))
    assert events["process"].tolist() == ["odd process"]
    assert events[["pid", "tid", "activity_id"]].isna().all(axis=None)
    assert json.loads(events["extra"].iloc[0]) == {"Level": "High", "Correlation": "no guid", "tid?": "thread"}


@pytest.mark.parametrize(
    ("content", "loaded", "lost"),
    [
        (b"", 0, 0),
        (HEADER.encode(), 0, 0),
        (b"\0" * 5000, 0, 0),
        ((HEADER + line("a") + line("b")[:40]).encode(), 1, 1),
        ((line("a") + line("b")).replace("\n", "\r").encode(), 2, 0),
        ((HEADER + line("a")).encode() + b"\0" * 3000, 1, 0),
        ((HEADER + line("a" * 3_000_000) + line("b")).encode(), 2, 0),
        (("03/15/2024 07:00:00.10 " + " (" * 1_000_000 + "\n" + line("b")).encode(), 1, 1),
        (("03/15/2024 07:00:00.10 w3wp.exe (0x1) 0x1 " + "a 1 " * 300_000 + "\n").encode(), 0, 1),
        ((HEADER + line("a...") + line("...b...", more="*") * 20_000).encode(), 1, 0),
    ],
)
def test_bad_input_costs_no_more_than_its_lines(content, loaded, lost):
    _, source, _ = read(content)
    assert (source["loaded"], source["lost"]) == (loaded, lost)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "cp1252", "cp437"])
def test_every_encoding_keeps_the_lines(encoding):
    content = (HEADER + line("Müller")).encode(encoding)
    assert uls.sniff(content, "x")
    events, _, problems = read(content, tz="UTC")
    if encoding == "cp437":  # nothing tells it from cp1252: the letter is wrong, and that is said
        assert events["message"].iloc[0].startswith("M")
    else:
        assert events["message"].tolist() == ["Müller"]
    assert problems["error"].tolist() == (["wrong encoding"] if encoding.startswith("cp") else [])


def test_what_was_not_asked_for_is_counted():
    events, source, _ = sample(providers={"IIS W3C log": None})
    assert events.empty
    assert (source["promised"], source["other"]) == (5, 5)


def test_progress_is_shown_in_bytes(monkeypatch):
    monkeypatch.setattr(text_lines, "BATCH", 1)
    seen = []
    content = line("a") + line("b")
    read(content, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(len(content) // 2, len(content))]


# Who claims what.


def test_a_log_is_claimed_by_its_content():
    data = (SAMPLES / LOG).read_bytes()
    assert uls.sniff(data, "anything")
    assert not w3c.sniff(data, LOG)


def test_of_an_article_only_its_lines_are_claimed():
    data = (SAMPLES / "article.md").read_bytes()
    assert not uls.sniff(data, "article.md")
    assert parts(data) == ["uls"]


@pytest.mark.parametrize(
    "head",
    [
        "",
        "hello",
        "Timestamp,Process,TID,Area\n",
        "03/15/2024 07:00:00.10 something happened (0x10) somewhere\n",
        "DateTime now = DateTime.Now; // (0x10) 0x20\n",
        "The line 03/15/2024 07:00:00.10 w3wp.exe (0x1018) 0x101C Area Category tag High x\n",
        "\0" * 100 + HEADER,
        "03/15/2024 07:00:00.10 " + " (" * 400_000,
    ],
)
def test_nothing_else_is_claimed(head):
    assert not uls.sniff(head.encode(), LOG)


def test_the_table_of_words_is_sound():
    kinds = {row["kind"] for row in rows("uls")}
    assert kinds == {"level", "area", "milliseconds", "certificate"}
    assert {row["value"] for row in rows("uls") if row["kind"] == "level"} == {"", "1", "2", "3", "4", "5"}
    assert all("(?P<ms>NUMBER)" in row["text"] for row in rows("uls") if row["kind"] == "milliseconds")


# Whatever is in it.

PIECES = st.sampled_from(
    [
        "03/15/2024 07:00:00.10",
        "DateTime ",
        "*",
        "\t",
        "w3wp.exe (0x10)",
        "\t0x11\t",
        "a\tb\tc1\tHigh\t",
        "...",
        "x ",
        "\n",
        "\r\n",
        HEADER,
        line("m..."),
        line("...n", more="*"),
        line("o", end=""),
        ACTIVITY,
        "\0",
        "é",
        "```",
        "> ",
        " Medium ",
        "Execution Time=1",
    ]
)


@settings(max_examples=200)
@given(st.lists(PIECES, max_size=40).map("".join) | st.binary(max_size=200))
def test_anything_is_read_without_an_exception(content):
    data = content.encode() if isinstance(content, str) else content
    uls.sniff(data, "x")
    read(data)


@given(
    st.lists(
        st.tuples(st.integers(1, 3), st.text("ab .", min_size=1).map(str.strip).filter(bool), st.integers(0, 3)),
        max_size=8,
    )
)
def test_every_message_comes_back_however_it_was_cut(messages):
    content = HEADER
    for tid, text, cuts in messages:
        parts = [text] + [f"part {number}" for number in range(cuts)]
        for number, part in enumerate(parts):
            message = ("..." if number else "") + part + ("..." if number < cuts else "")
            content += line(message, tid=tid, more="*" if number else " ")
    events, source, _ = read(content)
    assert source["lost"] == 0
    wanted = [text + "".join(f"part {number}" for number in range(cuts)) for _, text, cuts in messages]
    assert events["message"].tolist() == wanted


# The lab and the real articles.


def test_the_trace_log_of_the_lab_loads_without_problems():
    with zipfile.ZipFile(LAB / "sharepoint-drop" / "evidence.zip") as archive:
        name = "SP01-20120305-0757.log"
        data = archive.read(name)
    assert uls.sniff(data, name)
    events, _, problems = read(data, name=name, tz="Europe/Berlin")
    assert problems.empty
    assert (len(events), int((events["phase"] == "whole").sum())) == (101, 34)
    assert set(events["host"]) == {"SP01"}
    assert events["time"].iloc[0] == pd.Timestamp("2012-03-05 06:57:38.30", tz="UTC")
    slow = events[events["tag"] == "8321"]
    assert slow["duration_s"].tolist() == pytest.approx([15.003132])


@pytest.mark.real
def test_the_real_lines_between_blanks_load(real_logs):
    data = (real_logs / "text" / "uls_thesharepointfarm_2011_powerpivot.md").read_bytes()
    assert parts(data) == ["uls"]
    events, _, problems = read(data)
    assert events["tag"].tolist() == ["106", "99"]
    assert set(events["category"]) == {"SSAS Mid-Tier Service / Request Processing"}
    assert events["time"].tolist() == [pd.Timestamp("2011-03-24 14:18:57.16", tz="UTC")] * 2
    assert set(events["activity_id"]) == {"EB9FCE20-5FA7-4395-B7C5-03A79648E8CF"}
    assert problems["error"].tolist() == AROUND


@pytest.mark.real
def test_the_real_lines_between_tabs_load_and_join(real_logs):
    data = (real_logs / "text" / "uls_thesharepointfarm_2013_mysite_owstimer.md").read_bytes()
    assert parts(data) == ["uls"]
    events, _, problems = read(data)
    assert events["tag"].tolist() == [
        "aj1lz",
        "ogso",
        "ogup",
        "5187",
        "ogsj",
        "ajjul",
        "c91s",
        "ajjun",
        "aeyvf",
    ]  # of 15 lines
    assert "Microsoft.SharePoint.SPSecurity.RunWithElevatedPrivileges(WaitCallback" in events["message"].iloc[3]
    assert not events["message"].str.contains("...", regex=False).any()
    assert levels(events)[3:7] == ["Critical", "High", "Exception", "Monitorable"]
    assert problems["error"].tolist() == AROUND


@pytest.mark.real
def test_the_real_lines_without_times_load_and_that_is_reported(real_logs):
    data = (real_logs / "text" / "uls_msdocs_powerpivot_w3wp.md").read_bytes()
    assert parts(data) == ["uls"]
    events, source, problems = read(data)
    assert (len(events), source["lost"]) == (9, 0)
    assert events["time"].isna().all()
    assert events["tag"].tolist() == ["27", "by6b8", "akdn"] + ["27"] * 6
    assert problems["error"].tolist() == ["other lines", "no time"]


def test_a_certificate_that_sharepoint_refuses_is_named(tmp_path):
    message = (
        "An operation failed because the following certificate has validation errors:  Subject Name: CN=sts.contoso.example "
        f"Issuer Name: CN=Contoso Root Thumbprint: {'0A' * 20}  "
        "Errors:  The root of the certificate chain is not a trusted root authority.."
    )
    path = tmp_path / "SRV01-20240612-0801.log"
    path.write_text(
        f"{HEADER}06/12/2024 08:01:02.31 \tw3wp.exe (0x1A2C)\t0x0F10\tSharePoint Foundation\tTopology\t8311\tCritical\t{message}\t\n"
    )
    row = c2.load(path).events.iloc[0]
    assert row[["operation", "subject", "issuer"]].tolist() == [
        "CertificateErrorReported",
        "CN=sts.contoso.example",
        "CN=Contoso Root",
    ]
    assert row["result_text"] == "The root of the certificate chain is not a trusted root authority"
