"""Objects: what other records say of a list or answer that a wait fetched."""

import pandas as pd
import pytest
from outlines import spans, waits

from capi2kit.columns.cells import empty, shaped
from capi2kit.knowledge import rows
from capi2kit.waits.objects import tell_objects

OUTLINE = """
BuildChain                        0    50
  VerifyRevocation                0    50 
    RetrieveObjectFromNetwork     0    10   url=http://crl.test/a.crl
    RetrieveObjectFromNetwork    10    20   url=http://crl.test/a.crl
    RetrieveObjectFromNetwork    20    30   url=http://crl.test/a.crl  result=80072EE2
    RetrieveObjectFromNetwork    30    40   url=http://ocsp.test/x
"""


def issued() -> pd.DataFrame:
    """The calls of the outline; the check of revocation names the issuer."""
    calls = spans(OUTLINE)
    return calls.assign(issuer=pd.array([None, "CA 1", None, None, None, None], "string"))


def with_objects(**tables: pd.DataFrame) -> pd.DataFrame:
    given = {"events": empty("events"), "spans": issued(), "certificates": empty("certificates")}
    given |= {"cache_entries": empty("cache_entries")} | tables
    return tell_objects(waits(OUTLINE), **given)


def known(column: pd.Series) -> list:
    return [None if pd.isna(one) else one for one in column.tolist()]


def test_the_issuer_is_that_of_the_check_around_the_retrieval():
    assert known(with_objects()["issuer"]) == ["CA 1"] * 4


def test_a_url_that_came_is_counted_by_account():
    assert known(with_objects()["fetches"]) == [1, 2, None, 1]


@pytest.mark.parametrize(("publishes", "says"), [("2026-01-01T00:00:00Z", True), (None, False)])
def test_whether_a_list_says_when_the_next_one_comes_is_read_from_its_dump(publishes, says):
    truth = waits(OUTLINE)
    events = pd.DataFrame({"event": truth["event"], "retrieved_ref": ["t1", None, None, None]})
    moment = pd.Timestamp("2026-02-01T00:00:00Z")
    lists = pd.DataFrame(
        {"thumbprint": ["t1"], "kind": ["crl"], "next_update": [moment], "next_publish": [publishes and moment]}
    )
    found = with_objects(events=events, certificates=shaped(lists, "certificates"))
    assert known(found["list_says_next"]) == [says, None, None, None]


def test_answers_of_one_responder_in_the_cache_are_counted_for_the_account():
    entries = pd.DataFrame(
        {
            "url": [f"http://ocsp.test/{i}" for i in range(3)] + ["http://other.test/1"],
            "url_role": ["OCSP"] * 4,
            "account": ["S-1-5-18"] * 4,
        }
    )
    assert known(with_objects(cache_entries=shaped(entries, "cache_entries"))["ocsp_cached"]) == [3] * 4
    assert known(with_objects()["ocsp_cached"]) == [None] * 4


def test_a_server_that_its_operator_switched_off_is_known():
    gone = next(row["host"] for row in rows("servers") if row["retired"])
    outline = f"BuildChain 0 5\n  RetrieveObjectFromNetwork 0 5 url=http://{gone.replace('*', 'e5')}/x"
    table = waits(outline)
    found = tell_objects(
        table,
        events=empty("events"),
        spans=spans(outline),
        certificates=empty("certificates"),
        cache_entries=empty("cache_entries"),
    )
    assert known(found["retired"]) == [True] and known(with_objects()["retired"]) == [False] * 4
