"""Doubts: what a log says twice, and not the same, and what it cannot mean: problem rows, never a wrong figure."""

import pandas as pd
import pytest
from outlines import analysed, case, events, steps

import capi2kit as c2

CHAIN = """
BuildChain                       0   {end}  budget=20
  VerifyRevocation               0   {end}
    RetrieveObjectFromNetwork    0   {took}  url=http://a.test/  result=5B4  {more}
"""


def analysis(took: float, more: str = "", **how: object) -> c2.Analysis:
    return analysed(CHAIN.format(took=took, end=took + 0.1, more=more), **how)


def test_a_time_out_that_the_budget_confirms_is_no_doubt():
    found = analysis(10.0)
    assert found.case.problems.empty and found.waits["quality"].tolist() == ["exact"]


def test_a_time_out_that_the_budget_contradicts_is_a_problem_row_that_names_both():
    found = analysis(6.0)  # of a limit of 10 s
    (wait,) = found.waits.to_dict("records")
    assert (wait["quality"], wait["wait_s"], wait["contradicted_s"]) == ("bounded", 6.0, 10.0)
    assert wait["low_s"] <= 6.0 and wait["high_s"] >= 10.0
    (problem,) = found.case.problems.to_dict("records")
    assert "by its budget this retrieval took 6.000 s, by other evidence in the log 10.000 s" in problem["message"]
    assert (problem["lost"], problem["error"]) == (0, "contradiction") and problem["record"] > 0


@pytest.mark.parametrize(
    ("more", "basis", "wait_s", "problems"),
    [
        ("measured_s=10.0005", "measured", 10.0005, 0),
        ("measured_s=7.5", "measured", 7.5, 1),  # the budget says 10 s
        ("measured_s=-3", "budget", 10.0, 1),
        ("measured_s=100000000", "budget", 10.0, 1),
        ("measured_s=20.5", "budget", 10.0, 1),  # over twice its limit
        ("measured_s=10  measured_start=2026-03-02T09:00:00Z", "budget", 10.0, 1),  # it began after it ended
        ("measured_s=10  measured_start=2026-03-02T08:00:00Z", "measured", 10.0, 0),
    ],
)
def test_a_duration_that_cannot_be_is_not_used(more, basis, wait_s, problems):
    found = analysis(10.0, more)
    assert found.waits[["basis", "wait_s"]].to_numpy(object).tolist() == [[basis, wait_s]]
    assert len(found.case.problems) == problems


def test_a_second_end_of_one_retrieval_is_a_problem_row():
    outline = CHAIN.format(took=10, end=10.1, more="") + (
        "RetrieveObjectFromNetwork 21 21 url=http://a.test/ result=2EFD tid=8 task=V\n"
        "RetrieveObjectFromNetwork 31 31 url=http://a.test/ result=0 tid=9 task=W"
    )
    log = events(outline)
    stops = log.loc[(log["phase"] == "stop") & log["url"].notna(), "event"].tolist()
    ends = [steps(stop, "action PendingNetworkRetrievalComplete error=36") for stop in stops[1:]]
    found = c2.analyse(case(log, steps=pd.concat(ends)))
    assert found.waits["ended_later_outcome"].tolist() == ["unreachable"]
    assert ["a second record" in text for text in found.case.problems["message"]] == [True]
