"""Parts: operations and waits as intervals, and who gets which moment."""

import numpy as np
import pandas as pd
import pytest
from outlines import spans, waits

from capi2kit.startups.parts import CHECK, OTHER, REST, WAIT, atoms_of, cut_parts, parts_of, startup_of, totals

OUTLINE = """
VerifyTrust                    0   10   process=a.exe  pid=1
  RetrieveObjectFromNetwork    2    5   url=http://crl.test/a
VerifyTrust                   12   14   process=a.exe  pid=1
  RetrieveObjectFromNetwork   12   13   url=http://crl.test/b  quality=bounded
"""


def parts(outline: str = OUTLINE) -> pd.DataFrame:
    return parts_of(spans(outline), waits(outline))


def test_outermost_operations_and_waits_are_parts():
    found = parts()
    assert found["kind"].tolist() == [CHECK, CHECK, WAIT, OTHER]
    assert ((found["end"] - found["begin"]) / 1e9).tolist() == [10, 2, 3, 1]


def test_what_has_no_process_or_no_time_is_in_no_start_up():
    calls, wires = spans(OUTLINE), waits(OUTLINE)
    assert len(parts_of(calls.assign(process=pd.array([None] * 4, "string")), wires)) == 2
    assert len(parts_of(calls, wires.assign(start=pd.Series([pd.NaT] * 2, dtype=wires["start"].dtype)))) == 2


def test_a_moment_goes_to_the_strongest_kind_that_is_open_in_it():
    cut = cut_parts(parts().assign(startup=0))
    seconds = {kind: cut.length[atoms_of(cut, kind)].sum() / 1e9 for kind in (WAIT, OTHER, CHECK)}
    assert seconds == {WAIT: 3.0, OTHER: 1.0, CHECK: 8.0}
    total = totals(cut, np.array([14_000_000_000]))[:, 0] / 1e9
    assert total.tolist() == [3.0, 1.0, 8.0, 2.0] and total[REST] == 2.0  # two seconds between the checks


@pytest.mark.parametrize(
    ("process", "pid", "at"),
    [("a.exe", 1, 0), ("b.exe", None, 1), ("a.exe", 2, -1), ("c.exe", 1, -1), ("a.exe", None, -1)],
)
def test_a_row_finds_the_start_up_of_its_process(process, pid, at):
    known = pd.DataFrame({"host": "H", "process": ["a.exe", "b.exe"], "pid": pd.array([1, None], "Int64")})
    row = pd.DataFrame({"host": ["H"], "process": [process], "pid": pd.array([pid], "Int64")})
    assert startup_of(row, known).tolist() == [at]
