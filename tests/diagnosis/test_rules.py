"""Rules: what a rule does, on a small table."""

import re

import pandas as pd
import pytest
from rule_on_a_table import RULE, WAITS, asked

from capi2kit.columns.cells import empty, shaped
from capi2kit.diagnosis.rules import diagnose, read_rule, rules
from capi2kit.knowledge import rows

COSTING = """
id = "test"
title = "Somebody waited"
severity = "high"
[match]
table = "waits"
where = "outcome == 'timeout'"
group_by = ["host", "user_sid"]
[cost]
table = "waits"
where = "url_host == 'x'"
column = "wait_s"
on = ["host", "user_sid"]
[say]
finding = "{host}: {cost_s:.1f} s"
inferred = ""
fixes = ["allow-pki-hosts"]
confirm = ["do: look"]
source = "own"
[proof]
fires_on = ["sharepoint-drop"]
silent_on = ["healthy-cold"]
"""


@pytest.mark.parametrize("sid", ["S-1-5-20", None])
def test_the_cost_of_a_finding_is_that_of_its_account_even_of_one_that_is_not_logged(sid, tmp_path):
    (tmp_path / "test.toml").write_text(COSTING, encoding="utf-8")
    row = {"event": 1, "host": "A", "user_sid": sid, "outcome": "timeout", "wait_s": 10.0, "url_host": "x"}
    other = row | {"event": 2, "user_sid": "S-1-5-18", "outcome": "ok", "wait_s": 5.0}
    tables = {"waits": shaped(pd.DataFrame([row, other]), "waits")}
    found = diagnose(tables, asked=(read_rule(tmp_path / "test.toml"),))
    assert found["cost_s"].tolist() == [10.0] and found["waits"].tolist() == ["1"]


def test_every_rule_runs_on_empty_tables():
    assert diagnose({row["table"]: empty(row["table"]) for row in rows("columns")}).empty


@pytest.mark.parametrize(
    ("more", "hosts"),
    [
        ("", ["A", "B"]),
        ('min_distinct = { column = "url_host", at_least = 2 }', ["A"]),
        ("[[also]]\ntable = 'waits'\nwhere = \"outcome == 'ok'\"\non = ['host']", ["A"]),
        ("[[unless]]\ntable = 'waits'\nwhere = \"outcome == 'ok'\"\non = ['host']", ["B"]),
        ("[[unless]]\ntable = 'waits'\nwhere = \"outcome == 'ok'\"\non = []", []),
        ("[[also]]\ntable = 'waits'\nwhere = \"outcome == 'ok'\"\non = ['host', 'user_sid']", []),
    ],
)
def test_match_also_and_unless(tmp_path, more, hosts):
    assert asked(tmp_path, more)["host"].tolist() == hosts


def test_a_finding_says_what_it_saw_what_it_cost_and_cites_its_records(tmp_path):
    row = asked(tmp_path, "[[weakens]]\ntable = 'waits'\nwhere = \"outcome == 'ok'\"\non = ['host']").iloc[0]
    assert (row["finding"], row["cost_s"]) == ("S-1 on A: 2 waits, 15.0 s", 15.0)
    assert (row["evidence"], row["weakened_by"], row["fixes"]) == ("1 2", "3", "allow-pki-hosts")
    assert (row["rule"], row["severity"], row["title"]) == ("test", "high", "Somebody waited")


def test_the_cost_of_a_finding_may_stand_in_other_rows(tmp_path):
    cost = "[cost]\ntable = 'waits'\nwhere = \"url_host == 'x'\"\ncolumn = 'wait_s'\non = ['host']"
    assert asked(tmp_path, text=RULE.replace('cost = "wait_s"', "").replace("{more}", cost))["cost_s"].tolist() == [
        10.1,
        10.0,
    ]


def test_the_columns_of_an_index_are_columns_for_a_rule(tmp_path):
    rule = RULE.replace('["host", "user_sid"]', '["task_id"]').replace("{{user_sid}} on {{host}}", "{{task_id}}")
    (tmp_path / "test.toml").write_text(
        rule.replace("{more}", "").replace("{{", "{").replace("}}", "}"), encoding="utf-8"
    )
    table = shaped(pd.DataFrame(WAITS), "waits").assign(task_id=pd.array(["T1"] * 6, "string")).set_index("task_id")
    found = diagnose({"waits": table}, asked=(read_rule(tmp_path / "test.toml"),))
    assert found["finding"].tolist() == ["T1: 5 waits, 35.0 s"]


def test_one_is_not_called_many(tmp_path):
    (tmp_path / "test.toml").write_text(RULE.format(more="").replace("min_rows = 2\n", ""), encoding="utf-8")
    (rule,) = rules(tmp_path)
    row = pd.DataFrame([WAITS[0]])
    assert "1 wait, " in diagnose({"waits": shaped(row, "waits")}, asked=(rule,))["finding"].iloc[0]


def test_a_finding_without_a_way_to_confirm_it_has_none(tmp_path):
    row = asked(tmp_path).iloc[0]
    assert row["confirm"] == "cmd: netsh winhttp show proxy"
    assert pd.isna(asked(tmp_path, text=re.sub("confirm = .*", "confirm = []", RULE)).iloc[0]["confirm"])


@pytest.mark.parametrize(
    ("enough", "found"),
    [
        ("url_host == 'x'", [("A", "likely"), ("B", "likely"), ("C", "likely")]),  # one row that says it is enough
        (
            "url_host == 'nowhere'",
            [("A", "likely"), ("B", "likely"), ("C", "possible")],
        ),  # else fewer rows are a possibility
    ],
)
def test_one_row_may_be_enough_and_fewer_without_it_are_a_possibility(tmp_path, enough, found):
    text = RULE.replace("min_rows = 2", f'min_rows = 2\nenough = "{enough}"')
    row = asked(tmp_path, text=text)
    assert list(zip(row["host"], row["certainty"], strict=True)) == found
    assert set(asked(tmp_path)["certainty"]) == {"likely"}


def test_a_finding_may_show_the_range_of_a_number(tmp_path):
    text = RULE.replace("{{rows}} waits", "{{rows}} waits of {{wait_s:.1f}} s")
    assert asked(tmp_path, text=text)["finding"].tolist() == [
        "S-1 on A: 2 waits of 5.0 to 10.0 s, 15.0 s",
        "S-1 on B: 2 waits of 10.0 s, 10.0 s",
    ]


def test_without_the_rows_that_make_it_sure_a_finding_is_a_possibility(tmp_path):
    more = (
        "[[sure]]\ntable = 'waits'\nwhere = \"outcome == 'ok'\"\non = ['host']\notherwise = 'nobody is known to answer'"
    )
    row = asked(tmp_path, more)
    assert list(zip(row["host"], row["certainty"], strict=True)) == [("A", "likely"), ("B", "possible")]
    assert row["because"].tolist() == ["", "nobody is known to answer"]
