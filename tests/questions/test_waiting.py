"""Waiting: the parts of a sentence on waits, before anybody makes a sentence of them."""

import pandas as pd
import pytest
from outlines import analysed, spans, waits

import capi2kit as c2
from capi2kit.questions.waiting import Waiting, failures_in, unfinished, waiting
from capi2kit.startups import mark_waits

TWO = """
VerifyTrust                       0    20   process=quick.exe  pid=1  target=C:\\a.dll
  RetrieveObjectFromNetwork       0     2   url=http://crl.test/a
VerifyTrust                       0    40   process=slow.exe   pid=2  target=C:\\b.dll
  RetrieveObjectFromNetwork       1    11   url=http://pki.test/a  result=80072EE2
  RetrieveObjectFromNetwork      12    15   url=http://crl.test/b  result=80072EFD
  RetrieveObjectFromNetwork      16    18   url=http://crl.test/c
"""


def asked(outline: str, **columns: object) -> Waiting:
    calls, wires = spans(outline), waits(outline).assign(**columns)
    startups = c2.find_startups(calls, wires)
    return waiting(calls, mark_waits(wires, startups), startups=startups)


def test_the_start_up_that_waited_longest_is_meant():
    found = asked(TWO)
    assert found.startup["process"] == "slow.exe" and len(found.waits) == 3
    assert found.servers == ["pki.test", "crl.test"]  # the one waited for longest first
    assert found.outcomes == {"timeout": 1, "unreachable": 1} and found.processes == 1


def test_what_is_known_of_the_waits_is_counted():
    found = asked(
        TWO,
        quality=pd.array(["exact", "unknown", "exact", "unknown"], "string"),
        wpad_failures=pd.array([5, 1, None, 2], "Int64"),
        cache_write_failed=pd.array([True, True, None, False], "boolean"),
    )
    assert (found.unknown, found.failed_lookups, found.unsaved) == (2, 3, 1)


def test_where_no_start_up_waited_all_waits_are_meant():
    calls, wires = spans(TWO), waits(TWO)
    found = waiting(calls, wires, startups=c2.find_startups(calls, wires).head(0))
    assert found.startup is None and len(found.waits) == 4 and found.processes == 2


def test_operations_around_the_waits_say_whether_they_failed():
    calls = spans(TWO)
    failed = calls.assign(result=calls["result"].mask(calls["depth"] == 0, 0x800B0109))
    wires = waits(TWO)
    startups = c2.find_startups(failed, wires)
    found = waiting(failed, mark_waits(wires, startups), startups=startups)
    assert (found.wrong, found.no_result) == (3, 0)  # the check, and two retrievals in it
    assert failures_in(failed).sum() == 4


@pytest.mark.parametrize(
    ("outline", "count"),
    [
        ("RetrieveObjectFromNetwork 0 1 lost=stop", 1),
        ("RetrieveObjectFromNetwork 0 1", 0),
        ("VerifyTrust 0 1 lost=stop", 0),
    ],
)
def test_a_retrieval_that_did_not_end_is_counted(outline, count):
    assert unfinished(analysed(outline).spans) == count


def test_a_start_up_can_be_named():
    calls, wires = spans(TWO), waits(TWO)
    startups = c2.find_startups(calls, wires)
    found = waiting(calls, mark_waits(wires, startups), startups=startups, number=0)
    assert found.startup["process"] == "quick.exe" and len(found.waits) == 1
