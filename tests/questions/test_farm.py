"""Farm: computers side by side, on tables small enough to check by eye."""

import pandas as pd
import pytest

from capi2kit.columns.cells import empty, shaped
from capi2kit.diagnosis.rules import rules
from capi2kit.questions import farm
from capi2kit.questions.farm import between_computers, by_weight, computers, first_remedy, shared_causes

#        machine  server  outcome    wait  low   high
WAITS = [
    ("A", "crl", "timeout", 10.0, 9.9, 10.1),
    ("A", "ocsp", "ok", 1.0, 1.0, 1.0),
    ("B", "crl", "timeout", 12.0, 11.9, 12.1),
    ("C", "crl", None, 9.0, 8.9, 9.1),
    ("D", "aia", "timeout", 300.0, 299.0, 301.0),
    ("D", "crl", "timeout", 15.0, 15.0, 15.0),
]
#           machine rule      title         severity  aspect     cost   fixes
FINDINGS = [
    ("A", "drops", "No answer", "high", "cause", 10.0, "open-port mirror"),
    ("B", "drops", "No answer", "high", "cause", 12.0, "open-port mirror"),
    ("D", "hosts", "A wrong name", "high", "cause", 300.0, "clean-hosts"),
    ("D", "drops", "No answer", "high", "cause", 15.0, "open-port mirror"),
    ("A", "small", "The log is small", "low", "evidence", None, None),
    ("B", "name", "Another name", "low", "effect", None, None),
]


def waits() -> pd.DataFrame:
    table = pd.DataFrame(WAITS, columns=["machine", "url_host", "outcome", "wait_s", "low_s", "high_s"])
    return shaped(table, "waits").assign(machine=table["machine"].astype("string"))


def findings() -> pd.DataFrame:
    names = ["machine", "rule", "title", "severity", "aspect", "cost_s", "fixes"]
    table = pd.DataFrame(FINDINGS, columns=names)
    return shaped(table, "findings").assign(machine=table["machine"].astype("string"))


def startups() -> pd.DataFrame:
    table = pd.DataFrame({"machine": ["A", "A"], "wall_s": [20.0, 40.0]})
    return shaped(table, "startups").assign(machine=table["machine"].astype("string"))


def none(name: str) -> pd.DataFrame:
    return empty(name).assign(machine=pd.Series(dtype="string"))


def table(**known: object) -> pd.DataFrame:
    return computers(waits(), findings(), startups=startups(), **known).set_index("computer")


def test_each_computer_has_its_sums_and_the_one_that_waited_longest_comes_first():
    found = table()
    assert list(found.index) == ["D", "B", "A", "C"]
    assert found["wait_s"].tolist() == [315.0, 12.0, 11.0, 9.0]
    assert found.loc["A", ["waits", "failed", "servers", "startups"]].tolist() == [2, 1, 2, 2]
    assert (found.loc["A", "low_s"], found.loc["A", "high_s"]) == pytest.approx((10.9, 11.1))
    assert found.loc["A", "longest_start_s"] == 40.0
    assert found["worst_server"].to_dict() == {"D": "aia", "B": "crl", "A": "crl", "C": "crl"}


def test_the_most_expensive_cause_is_named_and_what_is_about_the_evidence_is_no_cause():
    found = table()
    assert found["cause"].fillna("").to_dict() == {"D": "A wrong name", "B": "No answer", "A": "No answer", "C": ""}
    assert found.loc["D", "cause_s"] == 300.0


def test_a_computer_far_above_the_middle_is_unlike_the_others():
    found = table()
    assert found["outlier"].to_dict() == {"D": True, "B": False, "A": False, "C": False}
    assert found.loc["D", "times_median"] == pytest.approx(315 / 11.5)


def test_of_two_computers_neither_is_unlike_the_other():
    some = waits()[lambda rows: rows["machine"].isin(["A", "D"])]
    found = computers(some, none("findings"), startups=none("startups"))
    assert not found["outlier"].any()


def test_a_computer_of_which_only_the_name_is_known_is_listed():
    found = table(known=["Z"])
    assert found.loc["Z", ["waits", "wait_s", "outlier"]].tolist() == [0, 0.0, False]
    assert pd.isna(found.loc["Z", "worst_server"])


def test_no_computer_at_all_is_an_empty_table():
    found = computers(none("waits"), none("findings"), startups=none("startups"))
    assert found.empty and found.columns[0] == "computer"


def test_causes_of_most_computers_come_first_with_what_they_cost_together():
    found = shared_causes(findings())
    assert found["rule"].tolist() == ["drops", "hosts", "name"]
    assert found["computers"].tolist() == [3, 1, 1]
    assert found["cost_s"].tolist() == [37.0, 300.0, pd.NA]
    assert found["which"].tolist() == ["A, B, D", "D", "B"]


def test_the_first_remedy_is_that_of_what_costs_most_together():
    assert first_remedy(shared_causes(findings())) == "clean-hosts"
    cheaper = findings()[lambda rows: rows["rule"] != "hosts"]
    assert first_remedy(shared_causes(cheaper)) == "open-port"
    assert first_remedy(shared_causes(cheaper[cheaper["rule"] == "name"])) is None
    assert first_remedy(shared_causes(none("findings"))) is None


# What shows only beside other computers.


def ways(*rows: tuple[str, str, str]) -> dict[str, pd.DataFrame]:
    """Waits of ten seconds for one server: computer, proxy, outcome."""
    table = pd.DataFrame(rows, columns=["machine", "proxy", "outcome"])
    table = table.assign(url_host="crl.example", wait_s=10.0, event=range(len(table)))
    return {"waits": shaped(table, "waits").assign(machine=table["machine"].astype("string"))}


def test_a_computer_that_goes_direct_while_others_are_served_by_a_proxy_is_found():
    found = between_computers(ways(("A", "p:8080", "ok"), ("B", "direct", "timeout"), ("B", "direct", "timeout")))
    assert found[["rule", "machine"]].to_numpy().tolist() == [["proxy-differs", "B"]]
    assert found["cost_s"].tolist() == [20.0]


@pytest.mark.parametrize(
    "rows",
    [
        [("A", "direct", "timeout"), ("B", "direct", "timeout")],  # nobody has another way
        [("A", "p:8080", "ok"), ("B", "direct", "ok")],  # both are served
        [],
    ],
)
def test_nothing_is_found_where_the_others_are_no_better(rows):
    assert between_computers(ways(*rows)).empty


def test_a_rule_that_joins_another_table_compares_no_computers():
    asked = {rule.id for rule in rules() if farm._asks_others(rule)}
    assert asked == {"proxy-differs"}


def test_a_cause_that_another_one_explains_on_all_its_computers_comes_behind_it():
    more = [("A", "proxy-differs", "Other ways", "high", "answer", 10.0, "machine-proxy", "drops")]
    more += [("B", "proxy-differs", "Other ways", "high", "answer", 12.0, "machine-proxy", "drops")]
    names = ["machine", "rule", "title", "severity", "aspect", "cost_s", "fixes", "explains"]
    rows = [(*row, None) for row in FINDINGS if row[0] in "AB" and row[1] == "drops"]
    table = pd.DataFrame([*rows, *more], columns=names)
    found = shaped(table, "findings").assign(machine=table["machine"].astype("string"))
    causes = shared_causes(found)
    assert causes.set_index("rule")["explained_by"].fillna("").to_dict() == {
        "drops": "proxy-differs",
        "proxy-differs": "",
    }
    assert by_weight(causes)["rule"].tolist() == ["proxy-differs", "drops"]
    assert first_remedy(causes) == "machine-proxy"
    only_one = found[(found["machine"] == "A") | (found["rule"] == "drops")]
    assert shared_causes(only_one)["explained_by"].isna().all()
