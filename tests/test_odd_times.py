"""Events without a time, times at the ends of the calendar, and time-outs that cannot be: every verb answers, none with an
impossible figure."""

import re
from itertools import product
from pathlib import Path

import pytest

import capi2kit as c2
from capi2kit.cli import main

VERBS = [
    *("summary", "report"),
    *(
        pytest.param(verb, marks=pytest.mark.slow)
        for verb in ("waits", "info", "spans", "events", "whatif", "prefetch", "accounts", "clock", "coverage")
    ),
]
EVENT = """<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event"><System>
<Provider Name="Microsoft-Windows-CAPI2"/><EventID>{id}</EventID><Level>4</Level><Task>{id}</Task><Opcode>{opcode}</Opcode>
<TimeCreated SystemTime="{time}"/><EventRecordID>{record}</EventRecordID><Execution ProcessID="1000" ThreadID="2000"/>
<Channel>Microsoft-Windows-CAPI2/Operational</Channel><Computer>H</Computer><Security UserID="S-1-5-18"/></System>
<UserData><CryptRetrieveObjectByUrlWire><URL scheme="http">http://x/</URL><Object type="CONTEXT_OID_CRL" constant="2"/>
<Timeout>{timeout}</Timeout><Flags value="2020A5"/><AdditionalInfo><Action name="NetworkRetrievalWinHttp">
<Error value="2EE2">The operation timed out</Error></Action></AdditionalInfo><EventAuxInfo ProcessName="w3wp.exe"/>
<CorrelationAuxInfo TaskId="{{11111111-1111-1111-1111-11111111111{task}}}" SeqNumber="{record}"/>
<Result value="5B4">The timeout period expired.</Result></CryptRetrieveObjectByUrlWire></UserData></Event>"""
GOOD = "2020-01-01T10:00:00Z"
TIMES = {
    "no time": ["x"],
    "one without a time": [GOOD, "x"],
    "1601": [GOOD, "1601-01-01T00:00:00Z"],
    "1677": ["1677-09-23T00:00:00Z", "1677-09-23T00:00:01Z"],
    "1677 and now": ["1677-09-23T00:00:00Z", GOOD],
    "2262": ["2262-04-09T23:59:58Z", "2262-04-09T23:59:59Z"],
    "2262 and now": [GOOD, "2262-04-09T23:59:59Z"],
    "the whole calendar": ["1677-09-23T00:00:00Z", "2262-04-09T23:59:59Z"],
    "9999": [GOOD, "9999-12-31T23:59:59Z"],
}
TIMEOUTS = (
    "PT" + "9" * 400 + "S",
    "PT1e400S",
    "-PT5S",
    "PT9223372036.854775807S",
    "PT18446744073709551615S",
    "P99999999DT5H",
    "PT0S",
    "",
)


def export(path: Path, times: list[str], timeouts: tuple[str, ...] = ("PT15S",)) -> Path:
    """Pairs of start and stop of retrievals at these times, one after the other."""
    events = [
        EVENT.format(id=53, opcode=opcode, time=time, record=2 * number + opcode, timeout=timeout, task=number % 10)
        for number, (time, timeout) in enumerate(product(times, timeouts))
        for opcode in (1, 2)
    ]
    path.write_text(f"<Events>{''.join(events)}</Events>", encoding="utf-8")
    return path


def answers(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What a verb prints; it may refuse, but not fail."""
    try:
        main(list(arguments))
    except SystemExit as end:
        assert end.code in (0, None, 3)
    captured = capsys.readouterr()
    assert "Warning" not in captured.err
    return captured.out


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("times", TIMES.values(), ids=TIMES)
def test_every_verb_answers_whatever_the_times_are(verb, times, tmp_path, capsys):
    log = export(tmp_path / "x.xml", times)
    out = answers(capsys, verb, str(log), *(("-o", str(tmp_path / "x.html")) if verb == "report" else ()))
    if verb != "events":
        assert possible(out)


@pytest.mark.parametrize("verb", VERBS)
def test_a_time_out_that_cannot_be_makes_no_figure(verb, tmp_path, capsys):
    log = export(tmp_path / "x.xml", [GOOD], TIMEOUTS)
    assert possible(answers(capsys, verb, str(log), *(("-o", str(tmp_path / "x.html")) if verb == "report" else ())))


def possible(text: str) -> bool:
    """Whether no duration in a text is longer than 50 days, the longest time-out of Windows, or less than nothing.

    A saving may be: an answer takes longer than a time-out of nothing.
    """
    seconds = [float(number) for number in re.findall(r"(-?\d+\.\d+) s\b", text)]
    minutes = [float(number) for number in re.findall(r"(-?\d+) min\b", text)]
    cells = [float(number) for number in re.findall(r"(?<=\s)(-?\d{5,}\.\d{3})(?=\s)", text)]
    return all(-1 < one < 50 * 86400 for one in [*seconds, *cells, *(60 * one for one in minutes)])


def test_what_is_no_duration_is_kept_beside_the_columns_and_what_is_no_time_out_sets_no_limit(tmp_path):
    case = c2.load(export(tmp_path / "x.xml", [GOOD], TIMEOUTS))
    assert sorted(case.events["timeout_s"].dropna().unique()) == [-5.0, 0.0]
    assert case.events["extra"].str.contains("timeout_s?", regex=False).sum() == 2 * (len(TIMEOUTS) - 3)
    assert c2.build_spans(case.events)["timeout_s"].dropna().unique().tolist() == [0.0]
