"""Several logs in one table: what tells alike complaints apart."""

import pytest
import scenarios

import capi2kit as c2


def test_a_line_per_log_with_what_tells_them_apart():
    names = ("fix-before", "network-service-denied", "slow-wpad", "consent-cache-only")
    table = c2.side_by_side({name: scenarios.analysed(name) for name in names}).set_index("name")
    assert table["waits"].to_dict() == {
        "fix-before": 15,
        "network-service-denied": 61,
        "slow-wpad": 5,
        "consent-cache-only": 0,
    }
    assert table["typical_s"].round(1).fillna(-1).to_list() == [10.0, 0.3, 4.3, -1]
    assert table.loc["network-service-denied", ["in_vain", "came"]].to_list() == ["service", "user"]
    assert table.loc["slow-wpad", ["results", "red_good"]].fillna("none").to_list() == [
        "none",
        table.loc["slow-wpad", "red"],
    ]
    assert (
        table.loc["fix-before", "results"] == "ERROR_TIMEOUT" and "firewall-drops" in table.loc["fix-before", "rules"]
    )


def test_it_needs_analyses_by_name():
    with pytest.raises(c2.TableError, match="by name"):
        c2.side_by_side([scenarios.analysed("fix-before")])
    with pytest.raises(c2.TableError, match=r"c2\.load"):
        c2.side_by_side({"x": "WEB01.evtx"})
