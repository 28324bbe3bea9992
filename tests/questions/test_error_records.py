"""Error records: which records of level error were failures, and what they name as wrong."""

import pandas as pd
import pytest
import scenarios
from outlines import events, steps

import capi2kit as c2
from capi2kit.columns.cells import empty
from capi2kit.questions.error_records import error_records, late_ends

NESTED = """
BuildChain                     0   5
  RetrieveObjectFromNetwork    1   3   url=http://crl.test/a  result={result}
"""

TEXTS = {"provider": "string", "channel": "string"}


def judged(level: dict[int, int], *, result: str = "0", own: object = ..., **more: object) -> pd.DataFrame:
    """The error records of the outline. `level`: of events, by number; `own`: result of all of them, if it differs."""
    log = events(NESTED.format(result=result))
    log["level"] = pd.array([level.get(event, 4) for event in log["event"]], "Int64")
    log = log.assign(provider="Microsoft-Windows-CAPI2", channel="Microsoft-Windows-CAPI2/Operational").astype(TEXTS)
    spans = c2.build_spans(log)
    if own is not ...:
        log["result"] = pd.array([own] * len(log), "UInt32")
    return error_records(log, spans, steps=more.get("steps", empty("steps")))


def stop_of(operation: str) -> int:
    log = events(NESTED.format(result="0"))
    return int(log.loc[(log["operation"] == operation) & (log["phase"] == "stop"), "event"].iloc[0])


WIRE, CHAIN = stop_of("RetrieveObjectFromNetwork"), stop_of("BuildChain")


@pytest.mark.parametrize(
    ("level", "result", "verdicts"),
    [
        ({WIRE: 2}, "0", ["no failure"]),  # the level was raised, and it succeeded
        ({WIRE: 2}, "80072EE2", ["failed"]),
        ({WIRE: 1}, "80072EE2", ["failed"]),  # critical
        ({WIRE: 3}, "80072EE2", []),  # a warning
        ({WIRE: 0}, "80072EE2", []),
        ({WIRE: 2, CHAIN: 2}, "80072EE2", ["failed", "no failure"]),
    ],
)
def test_a_record_is_judged_by_its_result(level, result, verdicts):
    assert judged(level, result=result)["verdict"].tolist() == verdicts


def test_a_record_without_a_result_takes_that_of_the_innermost_operation_around_it():
    found = judged({WIRE: 2}, own=None)
    assert found["verdict"].tolist() == ["no failure"] and found["span"].tolist() == [0]
    assert found["why"].tolist() == ["http://crl.test/a, inside BuildChain that ended with 0"]


def test_one_that_nothing_encloses_counts_as_failed():
    found = judged({CHAIN: 2}, own=None)
    assert found["verdict"].tolist() == ["failed"] and found["span"].isna().all()


def test_a_failed_step_is_why():
    story = pd.concat([steps(WIRE, "action NoProxy"), steps(WIRE, "action Call_WinHttpGetProxyForUrl error=2F94")])
    altered = story.assign(error=pd.array([None, 0x2F94], "UInt32"), name=["NoProxy", "GetProxy"])
    (why,) = judged({WIRE: 2}, steps=altered)["why"]
    assert why == "GetProxy: 0x80072F94 ERROR_WINHTTP_AUTODETECTION_FAILED"


def test_other_logs_are_not_judged():
    log = (
        events(NESTED.format(result="0"))
        .assign(level=pd.array([2] * 4, "Int64"), provider="Other", channel="Other")
        .astype(TEXTS)
    )
    assert error_records(log, c2.build_spans(log), steps=empty("steps")).empty


def test_the_late_end_of_a_retrieval_that_was_given_up_says_so():
    case = scenarios.analysed("sharepoint-drop", None)
    found = error_records(case.case.events, case.spans, steps=case.case.steps)
    late = found[found["event"].isin(late_ends(case.spans))]
    assert len(late) == 185 and late["why"].str.endswith(", after its caller had given up").all()
    assert not found.drop(late.index)["why"].str.contains("given up").any()
