"""The verdict over a list of roots depends on the moment."""

from pathlib import Path

import pandas as pd
import pytest
import scenarios

import capi2kit as c2

LISTS = Path(__file__).parents[2] / "datasets" / "lists"


@pytest.fixture(scope="module")
def case():
    pytest.importorskip("asn1crypto", reason="lists need the extra pki")
    return c2.load(LISTS)


def test_each_change_of_a_verdict_is_a_row_and_no_other_moment(case):
    verdicts = c2.list_verdicts(case)
    first = verdicts[verdicts["file"] == "authrootstl-2011-01.cab"]
    assert [f"{at:%Y-%m-%d}" for at in first["at"]] == ["2010-10-01", "2011-01-25", "2011-02-01", "2011-04-25"]
    assert "signer valid" in first["verdict"].iloc[1] and "signer expired 2011-01-31" in first["verdict"].iloc[2]
    assert not (verdicts["verdict"] == verdicts.groupby("file")["verdict"].shift()).any()


def test_at_one_moment_each_list_has_one_verdict(case):
    at = c2.list_verdicts(case, at="2011-02-21T12:00")
    assert len(at) == 3 and at["at"].eq(pd.Timestamp("2011-02-21T12:00Z")).all()
    with pytest.raises(ValueError):
        c2.list_verdicts(case, at="soon")


def test_a_case_without_lists_has_no_verdicts():
    found = c2.list_verdicts(scenarios.analysed("fix-before").case)
    assert found.empty and list(found.columns) == list(c2.list_verdicts(c2.load(LISTS)).columns)
    with pytest.raises(c2.TableError):
        c2.list_verdicts("lists")
