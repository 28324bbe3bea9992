"""Streams: standard output and error that are closed, full, or in another encoding; surroundings that are odd."""

import json
import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

from capi2kit.words import visible

LOG = Path(__file__).parents[1] / "datasets" / "lab" / "jetdirect" / "Microsoft-Windows-CAPI2%4Operational.evtx"
PROGRAM = [sys.executable, "-c", "from capi2kit.cli import main; main()"]
ACTING = "a\u009bb\u202ec\u200bd\U000e0041e\u2066f"  # a control, marks of direction, what shows as nothing


def ran(*arguments: object, redirect: str = "", **env: str) -> subprocess.CompletedProcess[bytes]:
    words = ["sh", "-c", f'"$@" {redirect}', "sh", *PROGRAM, *map(str, arguments)]
    return subprocess.run(words, capture_output=True, check=False, env=os.environ | env, timeout=120)


@pytest.mark.parametrize("arguments", [["summary", LOG], ["lab", "list"]], ids=str)
@pytest.mark.parametrize("redirect", ["> /dev/full", ">&-", "<&- >&- 2>&-"])
def test_a_stream_that_is_full_or_closed_is_one_clear_line(arguments, redirect):
    done = ran(*arguments, redirect=redirect)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr and b"Exception ignored" not in done.stderr
    if "2>" not in redirect:
        assert done.stderr.startswith(b"capi2kit: standard output: cannot be written (")


def test_talk_that_nobody_hears_does_not_get_among_the_data():
    done = ran("waits", LOG, "-f", "csv", "-v", redirect="2>&-")
    assert done.returncode == 0 and done.stdout.startswith(b"event,")


def test_a_reader_that_has_seen_enough_is_no_error():
    done = ran("events", LOG, "-f", "jsonl", redirect="| head -1")
    assert done.stdout.count(b"\n") == 1 and done.stderr == b""


SLOW = pytest.mark.slow
CONSOLES = [("summary", "cp437"), ("summary", "ascii")]
CONSOLES += [
    pytest.param(verb, encoding, marks=SLOW)
    for verb in ("summary", "waits", "info")
    for encoding in ("cp437", "cp1252", "ascii", "latin-1:strict", "utf-8")
]


@pytest.mark.parametrize(("verb", "encoding"), CONSOLES)
def test_a_console_of_another_encoding_gets_plain_signs(verb, encoding):
    done = ran(verb, LOG, PYTHONIOENCODING=encoding)
    assert done.returncode == 0 and b"Traceback" not in done.stderr
    text = done.stdout.decode(encoding.partition(":")[0])
    assert "\\u" not in text and "?" not in text.replace("checking?", "")
    assert "spoolsv.exe" in text or "PRN02.contoso.example" in text


def test_json_stays_json_in_any_encoding():
    done, usual = ran("events", LOG, "-f", "jsonl", PYTHONIOENCODING="cp437"), ran("events", LOG, "-f", "jsonl")
    rows = [json.loads(line) for line in done.stdout.decode("cp437").splitlines()]
    assert rows == [json.loads(line) for line in usual.stdout.decode().splitlines()]


SURROUNDINGS = {
    "a backend that is none": {"MPLBACKEND": "nonsense"},
    "the backend of notebooks": {"MPLBACKEND": "module://matplotlib_inline.backend_inline"},
    "a backend with windows": {"MPLBACKEND": "TkAgg"},
    "no home": {"HOME": "/nowhere", "XDG_CONFIG_HOME": "", "XDG_CACHE_HOME": ""},
    "an odd locale": {"LC_ALL": "xx_YY.KOI8-Q", "LANG": "xx"},
    "the plainest locale": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "no zone": {"TZ": "Nowhere/Else"},
}


@pytest.mark.slow
@pytest.mark.parametrize("env", SURROUNDINGS.values(), ids=SURROUNDINGS)
def test_a_report_is_written_whatever_the_surroundings(env, tmp_path):
    done = ran("report", LOG, "-o", tmp_path / "r.html", **env)
    assert done.returncode == 0 and b"Traceback" not in done.stderr, done.stderr
    assert (tmp_path / "r.html").stat().st_size > 10_000


@SLOW
def test_nothing_at_all_around_it(tmp_path):
    words = [*PROGRAM, "report", str(LOG), "-o", str(tmp_path / "r.html")]
    done = subprocess.run(words, capture_output=True, check=False, env={}, cwd=tmp_path)
    assert done.returncode == 0 and b"Traceback" not in done.stderr, done.stderr


def acts(text: str) -> set[str]:
    return {sign for sign in text if unicodedata.category(sign) in ("Cc", "Cf", "Cs") and sign not in "\n"}


FORMS = [("events", "csv"), ("events", "jsonl"), ("report", "text")]
FORMS += [pytest.param(verb, "text", marks=SLOW) for verb in ("events", "summary", "show")]


@pytest.mark.parametrize(("verb", "form"), FORMS)
def test_nothing_that_acts_or_hides_comes_out(verb, form, tmp_path):
    log = tmp_path / "x.xml"
    event = (
        "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider "
        "Name='Microsoft-Windows-CAPI2'/><EventID>53</EventID><Task>53</Task><Opcode>2</Opcode>"
        "<TimeCreated SystemTime='2020-01-01T10:00:00Z'/><EventRecordID>1</EventRecordID>"
        "<Execution ProcessID='1' ThreadID='2'/><Channel>Microsoft-Windows-CAPI2/Operational</Channel>"
        f"<Computer>H{ACTING}</Computer></System><UserData><CryptRetrieveObjectByUrlWire><URL>http://x/{ACTING}</URL>"
        f"<EventAuxInfo ProcessName='{ACTING}.exe'/><CorrelationAuxInfo "
        "TaskId='{11111111-1111-1111-1111-111111111111}' SeqNumber='2'/><Result value='5B4'/>"
        "</CryptRetrieveObjectByUrlWire></UserData></Event>"
    )
    log.write_text(f"<Events>{event}</Events>", encoding="utf-8")
    what = {"show": ["show", "1"], "report": ["report"]}.get(verb, [verb])
    more = [] if verb != "events" else ["-f", form]
    done = ran(*what, log, *more, *(["-o", tmp_path / "r.html"] if verb == "report" else []))
    out = done.stdout.decode() + ((tmp_path / "r.html").read_text(encoding="utf-8") if verb == "report" else "")
    assert done.returncode == 0 and not acts(out) - {"\t"}
    if verb == "events" and form == "jsonl":
        assert json.loads(out)["host"] == f"H{ACTING}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\U000e0041", "\\U000e0041"),
        ("\u009b", "\\x9b"),
        ("\u202e", "\\u202e"),
        ("\udcff", "\\udcff"),
        ("a\nb", "a\\nb"),
    ],
)
def test_what_is_hidden_is_shown(text, shown):
    assert visible(text) == shown
