"""Kinds: what each retrieval was, by its actions, else by its result; and which failure an echo belongs to."""

import pandas as pd
import pytest
from outlines import events, steps

import capi2kit as c2

GAVE_UP = "RetrieveObjectFromNetwork  0 10  result=5B4  url=http://a.test/"


def kinds(outline: str, actions: dict[int, str] | None = None) -> list[tuple[str | None, int | None]]:
    """Kind of each retrieval, and the number of the retrieval that it belongs to; `actions` by the number of a retrieval."""
    log = events(outline)
    stops = log.loc[(log["phase"] == "stop") & log["url"].notna(), "event"].tolist()
    said = [steps(stops[n], *(f"action {word}" for word in words.split(", "))) for n, words in (actions or {}).items()]
    spans = c2.build_spans(log, steps=pd.concat(said) if said else None)
    wires = spans[spans["url"].notna()].sort_values("stop_event")
    number = {stop: n for n, stop in enumerate(stops)}
    belongs = [None if pd.isna(of) else number[of] for of in wires["belongs_to"]]
    return list(zip(wires["kind"], belongs, strict=True))


SECOND = f"{GAVE_UP}\nRetrieveObjectFromNetwork 11 11 url=http://a.test/ result="


@pytest.mark.parametrize(
    ("result", "actions", "kind"),
    [
        ("3A", "IsPendingNetworkRetrieval error=3A", "pending"),
        ("8CA", "CanRetrieveFromNetwork error=8CA", "remembered"),
        ("2EFD", "Call_WinHttpSendRequest error=2EFD, PendingNetworkRetrievalComplete error=36", "background"),
        ("0", "NoProxy, PendingNetworkRetrievalComplete error=36", "background"),  # it came after all
        ("3A", "NoProxy", "waited"),  # a server's answer: something was sent
        ("3A", None, "pending"),  # without its actions the result says it
        ("8CA", None, "remembered"),
        ("800708CA", None, "remembered"),
        ("2EFD", None, "waited"),
        ("0", "IsPendingNetworkRetrieval", "waited"),  # it succeeded, so something was sent
        ("5B4", "NetworkRetrievalTimeout error=5B4", "waited"),
        ("5B4", "NotSeenBefore error=5B4", "waited"),
    ],
)
def test_a_retrieval_is_what_its_actions_say(result, actions, kind):
    first = {0: "NetworkRetrievalTimeout error=5B4"}
    found = kinds(f"{SECOND}{result}", first | ({} if actions is None else {1: actions}))
    assert found == [("waited", None), (kind, None if kind == "waited" else 0)]


@pytest.mark.parametrize(
    "other",
    [
        "url=http://b.test/",
        "url=http://a.test/  pid=7",
        "url=http://a.test/  host=B",
        "url=http://a.test/  process=b.exe",
    ],
)
def test_an_echo_belongs_to_a_failure_of_its_own_process_and_url(other):
    assert kinds(f"{GAVE_UP}\nRetrieveObjectFromNetwork 11 11 result=8CA {other}")[1] == ("remembered", None)


def test_an_echo_belongs_to_the_latest_failure_before_it():
    outline = f"""
        {GAVE_UP}
        RetrieveObjectFromNetwork 20 30 result=5B4  url=http://a.test/
        RetrieveObjectFromNetwork 31 31 result=3A   url=http://a.test/
        RetrieveObjectFromNetwork 40 41             url=http://a.test/
        RetrieveObjectFromNetwork 42 42 result=8CA  url=http://a.test/
        RetrieveObjectFromNetwork 50 60 result=5B4  url=http://a.test/
    """
    assert [of for _, of in kinds(outline)] == [None, None, 1, None, 1, None]


def test_a_call_that_is_turned_away_belongs_to_the_retrieval_that_runs_then():
    outline = """
        RetrieveObjectFromNetwork 0 10  result=5B4  url=http://a.test/ tid=1
        RetrieveObjectFromNetwork 3 3   result=3A   url=http://a.test/ tid=2
        RetrieveObjectFromNetwork 0 21  result=2EFD url=http://a.test/ tid=8
        RetrieveObjectFromNetwork 30 40 result=5B4  url=http://a.test/ tid=1
        RetrieveObjectFromNetwork 33 33 result=3A   url=http://a.test/ tid=2
        RetrieveObjectFromNetwork 43 43 result=3A   url=http://a.test/ tid=2
    """
    found = kinds(
        outline, {2: "PendingNetworkRetrievalComplete error=36"}
    )  # by the order of their ends: 3 10 21 33 40 43
    assert [of for _, of in found] == [1, None, 1, 4, None, 4]


def test_an_end_in_the_background_belongs_to_a_time_out_and_to_no_other_failure():
    outline = (
        "RetrieveObjectFromNetwork 0 1 result=2EE7 url=http://a.test/\nRetrieveObjectFromNetwork 2 2 url=http://a.test/"
    )
    assert kinds(outline, {1: "PendingNetworkRetrievalComplete error=36"})[1] == ("background", None)


TWO = """
    BuildChain                     0  5  task=A tid=1
      RetrieveObjectFromNetwork    0  5  url=http://a.test/
    RetrieveObjectFromNetwork      0  {end}  url=http://a.test/  task=B tid=2
"""
NESTED = {0: "NetworkRetrievalHasNestedEvents", 1: "NetworkRetrievalHasNestedEvents"}


@pytest.mark.parametrize(
    ("end", "worker", "caller"),
    [
        (4.99, ("nested", 1), ("waited", None)),
        (3.9, ("waited", None), ("waited", None)),
    ],  # a second apart: two retrievals
)
def test_of_two_records_of_one_retrieval_the_caller_s_is_the_wait(end, worker, caller):
    assert kinds(TWO.format(end=end), NESTED) == [worker, caller]
    assert kinds(TWO.format(end=end), {1: NESTED[1]}) == [("waited", None)] * 2  # one alone is a wait like any other


def test_of_two_outermost_records_the_later_one_is_the_caller_s():
    outline = "RetrieveObjectFromNetwork 0 4.9 url=http://a.test/ tid=2\nRetrieveObjectFromNetwork 0 5 url=http://a.test/ tid=1"
    assert kinds(outline, NESTED) == [("nested", 1), ("waited", None)]


def test_what_nothing_was_sent_for_has_that_as_its_outcome():
    spans = c2.build_spans(events(f"{SECOND}3A"))
    assert spans["outcome"].tolist() == ["timeout", "not_sent"]


def test_only_retrievals_that_ended_have_a_kind():
    spans = c2.build_spans(
        events("BuildChain 0 9\n RetrieveObjectFromCache 0 1\n RetrieveObjectFromNetwork 1 2 lost=stop")
    )
    assert spans["kind"].isna().all() and spans["belongs_to"].isna().all()
