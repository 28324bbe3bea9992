"""Late starts: whether a computer writes its start records late, and when nothing can be said."""

import numpy as np
import pandas as pd
import pytest
from outlines import EPOCH, events

import capi2kit as c2
from capi2kit.waits.late_starts import judge_starts, verdicts_of

WIRE = "RetrieveObjectFromNetwork"


def wires(*rows: tuple[str | None, float, float, float]) -> pd.DataFrame:
    """Retrievals whose true start is known: host, true start, logged start and stop, in seconds."""
    hosts, start, logged, stop = zip(*rows, strict=True)
    times = {"start": start, "logged_start": logged, "stop": stop}
    since = {name: pd.Series(EPOCH + pd.to_timedelta(list(values), unit="s")) for name, values in times.items()}
    table = {name: values.astype("datetime64[ns, UTC]") for name, values in since.items()}
    return pd.DataFrame({"host": pd.array(hosts, "string")} | table)


NOTHING = c2.build_spans(events("VerifyTrust 0 1"))


@pytest.mark.parametrize(
    ("logged", "verdict"),
    [
        ([10.0], "late"),  # with the stop record
        ([9.0], "late"),  # the last tenth
        ([8.9], "each"),
        ([5.0], "each"),
        ([1.1], "each"),
        ([1.0], "on time"),  # the first tenth
        ([0.0], "on time"),
        ([0.0, 10.0], "each"),
        ([10.0, 10.0], "late"),
    ],
)
def test_a_retrieval_of_ten_seconds_gives_its_start_record_away(logged, verdict):
    found = judge_starts(NOTHING, wires=wires(*(("A", 0.0, when, 10.0) for when in logged)))
    assert found == {"A": verdict}


@pytest.mark.parametrize(
    "row",
    [
        (0.0, 0.04, 0.04),  # too short to tell
        (0.0, 11.0, 10.0),  # behind its end: the clock was set in it
        (0.0, -1.0, 10.0),
    ],
)
def test_what_cannot_be_measured_is_not_judged(row):
    assert judge_starts(NOTHING, wires=wires(("A", *row))) == {}


def test_a_twentieth_of_a_second_can_be_measured():
    assert judge_starts(NOTHING, wires=wires(("A", 0.0, 0.05, 0.05))) == {"A": "late"}


def test_computers_are_judged_one_by_one_and_one_without_a_name_is_one():
    found = judge_starts(NOTHING, wires=wires(("A", 0, 10, 10), ("B", 0, 0, 10), (None, 0, 0, 10)))
    assert found == {"A": "late", "B": "on time", "": "on time"}
    hosts = np.array(["A", "B", None, "C"], object)
    assert verdicts_of(hosts, found).tolist() == ["late", "on time", "on time", "undetermined"]


@pytest.mark.parametrize(
    ("outline", "starts", "verdict"),
    [
        (f"BuildChain 0 5 budget=20\n VerifyRevocation 1 4\n  {WIRE} 1 4", "late", {"WEB01": "late"}),
        (f"BuildChain 0 5 budget=20\n VerifyRevocation 1 4\n  {WIRE} 1 4", "on time", {"WEB01": "on time"}),
        (f"{WIRE} 0 5", "on time", {"WEB01": "on time"}),  # its own records lie apart
        (f"{WIRE} 0 5", "late", {}),  # nothing lies apart, and nothing says when it began
        (f"{WIRE} 0 0.04", "on time", {}),
        (f"RetrieveIssuerCertificateFromNetwork 0 6\n {WIRE} 0 5", "late", {}),  # it waits for what is inside
    ],
)
def test_chains_and_records_that_lie_apart_are_judged_without_any_wait(outline, starts, verdict):
    assert judge_starts(c2.build_spans(events(outline, starts=starts))) == verdict


def test_a_retrieval_that_never_ended_lies_apart_from_nothing():
    assert judge_starts(c2.build_spans(events(f"{WIRE} 0 5 lost=stop"))) == {}
