"""Ledger: the lines of a start-up add up to its wall time exactly, and each moment is charged once."""

import pandas as pd
import pytest
from outlines import spans, waits

import capi2kit as c2
from capi2kit.columns.cells import numbers_in


def ledger(outline: str) -> pd.DataFrame:
    calls, wires = spans(outline), waits(outline)
    startups = c2.find_startups(calls, wires)
    lines = c2.draw_ledger(startups, calls, waits=wires)
    wall = (startups["stop"] - startups["start"]).dt.total_seconds().tolist()
    assert lines.groupby("startup")["seconds"].sum().tolist() == pytest.approx(wall)
    return lines


ALONE = """
VerifyTrust                    0   10   target=C:\\app\\a.dll
  RetrieveObjectFromNetwork    1    4   url=http://crl.test/a
  RetrieveObjectFromNetwork    5    7   url=http://pki.test/b
VerifyTrust                   12   14   target=C:\\app\\b.dll
"""


def test_waits_come_first_then_checking_then_what_no_record_shows():
    found = ledger(ALONE)
    assert found["kind"].tolist() == ["wait", "wait", "checking", "unexplained"]
    assert found["seconds"].tolist() == [3.0, 2.0, 7.0, 2.0]
    assert found["line"].tolist() == [0, 1, 2, 3]
    assert (
        found["url_host"].tolist()[:2] == ["crl.test", "pki.test"]
        and found["url_host"].isna().tolist()[2:] == [True] * 2
    )


def test_a_moment_that_threads_share_is_shared_between_their_lines():
    both = """
        VerifyTrust                    0   10   target=C:\\a.dll  tid=1
          RetrieveObjectFromNetwork    0   10   url=http://crl.test/a
        VerifyTrust                    4   10   target=C:\\b.dll  tid=2
          RetrieveObjectFromNetwork    4   10   url=http://pki.test/b
    """
    found = ledger(both)
    assert found["seconds"].tolist() == [7.0, 3.0, 0.0, 0.0]  # 4 + 6 / 2, and 6 / 2


def test_waits_for_one_server_by_one_account_for_one_target_are_one_line_that_cites_them_all():
    twice = """
        VerifyTrust                    0   10   target=C:\\a.dll
          RetrieveObjectFromNetwork    0    4   url=http://crl.test/a
          RetrieveObjectFromNetwork    5    8   url=http://crl.test/b
    """
    found = ledger(twice)
    assert found["seconds"].tolist() == [7.0, 3.0, 0.0]
    assert len(numbers_in(found["events"].iloc[0])) == 2


def test_a_wait_known_within_bounds_only_is_a_line_of_its_own_kind():
    found = ledger(ALONE.replace("http://pki.test/b", "http://pki.test/b  quality=bounded"))
    assert found["kind"].tolist() == ["wait", "other wait", "checking", "unexplained"]


def test_the_lines_of_each_start_up_are_numbered_from_0():
    two = "".join(line + f"  pid={pid}\n" for pid in (1, 2) for line in ALONE.strip().splitlines())
    assert ledger(two)["line"].tolist() == [0, 1, 2, 3, 0, 1, 2, 3]


def test_no_start_up_has_no_line():
    calls, wires = spans(ALONE), waits(ALONE)
    none = c2.find_startups(calls.head(0), wires.head(0))
    assert c2.draw_ledger(none, calls, waits=wires).empty
