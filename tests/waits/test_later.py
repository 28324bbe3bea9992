"""Later: what became of a retrieval after its caller gave up, and how many calls its failure answered."""

import pandas as pd
import pytest
from outlines import events, steps

import capi2kit as c2

GAVE_UP = """
BuildChain                       0   10.2  budget=20
  VerifyRevocation               0   10.1  issuer=Contoso CA
    RetrieveObjectFromNetwork    0   10    url=http://a.test/  result=5B4
"""
ENDED = "RetrieveObjectFromNetwork 21 21 url=http://a.test/ tid=9 task=W result="


def waits_of(outline: str, *, background: int = 0) -> pd.DataFrame:
    """The waits of a log whose last retrievals, so many of them, ended in the background."""
    log = events(outline)
    stops = log.loc[(log["phase"] == "stop") & log["url"].notna(), "event"].tolist()
    ends = [steps(stop, "action PendingNetworkRetrievalComplete error=36") for stop in stops[len(stops) - background :]]
    acts = pd.concat(ends) if ends else None
    return c2.recover_waits(c2.build_spans(log, steps=acts), log, steps=acts)


@pytest.mark.parametrize(
    ("result", "outcome"), [("2EFD", "unreachable"), ("2EE2", "timeout"), ("0", "ok"), ("190", "failed")]
)
def test_how_a_retrieval_ended_after_its_caller_gave_up(result, outcome):
    (wait,) = waits_of(f"{GAVE_UP}\n{ENDED}{result}", background=1).to_dict("records")
    assert (wait["wait_s"], wait["ended_later_s"], wait["ended_later_outcome"]) == (10.0, 21.0, outcome)
    assert wait["ended_later_result"] == int(result, 16)


def test_what_windows_measured_of_it_counts_more():
    (wait,) = waits_of(f"{GAVE_UP}\n{ENDED}0 measured_s=20.5", background=1).to_dict("records")
    assert wait["ended_later_s"] == 20.5


def test_of_two_ends_the_first_counts():
    (wait,) = waits_of(f"{GAVE_UP}\n{ENDED}2EFD\n{ENDED.replace('21', '31')}0", background=2).to_dict("records")
    assert (wait["ended_later_s"], wait["ended_later_outcome"]) == (21.0, "unreachable")


def test_an_end_without_its_time_out_is_no_wait():
    assert waits_of(f"{ENDED}2EFD", background=1).empty


def test_a_wait_that_nothing_followed_has_no_echo_and_no_later_end():
    (wait,) = waits_of(GAVE_UP).to_dict("records")
    assert wait["echoes"] == 0 and pd.isna(wait["ended_later_s"]) and pd.isna(wait["ended_later_result"])


REJECTED = "RejectRevocationInformation 11 reject_action=CanRetrieveFromNetwork task=R "


@pytest.mark.parametrize(
    ("rejected", "echoes"),
    [
        ("issuer=Contoso CA", 1),
        ("issuer=Contoso CA  crl_url=http://a.test/", 1),
        ("crl_url=http://a.test/", 1),
        ("issuer=Fabrikam CA", 0),
        ("issuer=Contoso CA  pid=7", 0),
        ("", 0),
    ],
)
def test_a_check_that_remembers_the_failure_is_an_echo_of_it(rejected, echoes):
    assert waits_of(f"{GAVE_UP}\n{REJECTED}{rejected}")["echoes"].tolist() == [echoes]
    assert waits_of(f"{GAVE_UP}\n{REJECTED.replace('11', '-1')}{rejected}")["echoes"].tolist() == [0]  # before it


def test_an_echo_counts_for_the_failure_before_it():
    both = f"{GAVE_UP}\n{REJECTED}issuer=Contoso CA\n{GAVE_UP.replace('10', '50').replace(' 0 ', ' 40 ')}"
    assert waits_of(both)["echoes"].tolist() == [1, 0]


def test_the_way_out_of_one_that_gave_up_stands_in_the_record_of_its_end():
    log = events(f"{GAVE_UP}\n{ENDED}2EFD")
    stops = log.loc[(log["phase"] == "stop") & log["url"].notna(), "event"].tolist()
    acts = pd.concat(
        [
            steps(stops[0], "action NetworkRetrievalTimeout error=5B4"),
            steps(
                stops[1],
                "action ProxyListAndByPassList 10.0.0.9:8080",
                "action PendingNetworkRetrievalComplete error=36",
            ),
        ]
    )
    waits = c2.recover_waits(c2.build_spans(log, steps=acts), log, steps=acts)
    assert waits["proxy"].tolist() == ["10.0.0.9:8080"] and waits["wpad_failures"].tolist() == [0]
    alone = c2.recover_waits(c2.build_spans(log, steps=acts), log, steps=acts.head(1))
    assert alone["proxy"].isna().all()
