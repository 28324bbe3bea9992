"""Comparison: before and after a change; the lab knows what each remedy really does."""

from __future__ import annotations

import json

import outlines
import pandas as pd
import pytest
import scenarios
from lxml import html

import capi2kit as c2
from capi2kit.cli import main
from capi2kit.comparison import compare
from capi2kit.knowledge import columns
from capi2kit.lab.reading import names, read_scenario
from capi2kit.lab.recording import record_after, record_scenario

LAB = scenarios.LAB
REMEDIED = [(name, place) for name in names() for place, _ in enumerate(read_scenario(name).after)]


def start(seconds: float) -> c2.Analysis:
    """An analysis of one start-up that takes so long."""
    return outlines.analysed(
        f"VerifyTrust 0 {seconds} target=a.dll\n BuildChain 0 {seconds} budget=40\n  VerifyRevocation 0 {seconds}\n"
        f"   RetrieveObjectFromNetwork 0 {seconds} url=http://a.test/x.crl\n"
    )


def of(table: pd.DataFrame, kind: str) -> pd.DataFrame:
    return table[table["kind"] == kind]


@pytest.fixture(scope="module")
def fixed() -> pd.DataFrame:
    return compare(scenarios.analysed("fix-before"), scenarios.analysed("fix-after"))


def test_the_table_has_the_columns_of_the_vocabulary(fixed):
    assert fixed.dtypes.astype(str).to_dict() == {
        name: str(pd.Series(dtype=dtype).dtype) for name, dtype in columns("comparison").items()
    }


def test_a_start_up_is_faster_and_its_causes_are_gone(fixed):
    (row,) = of(fixed, "start-up").to_dict("records")
    assert (row["process"], row["change"]) == ("w3wp.exe", "faster")
    assert row["before_s"] == pytest.approx(120.5, abs=0.1) and row["after_s"] < 1
    assert row["saved_s"] == pytest.approx(row["before_s"] - row["after_s"])
    causes = of(fixed, "cause").set_index("id")["change"].to_dict()
    assert causes["firewall-drops"] == "gone" and "stayed" not in causes.values()


def test_parts_add_up_to_the_start_up_and_servers_files_and_accounts_to_its_waiting(fixed):
    whole = of(fixed, "start-up").iloc[0]
    parts = of(fixed, "part").set_index("name")
    for side in ("before_s", "after_s"):
        assert parts[side].sum() == pytest.approx(whole[side], abs=1e-6)
        for kind in ("server", "file", "account"):
            assert of(fixed, kind)[side].sum() == pytest.approx(parts.loc["waiting", side], abs=1e-6)


def test_the_other_way_round_causes_are_new():
    table = compare(scenarios.analysed("fix-after"), scenarios.analysed("fix-before"))
    assert of(table, "start-up")["change"].tolist() == ["slower"]
    assert of(table, "cause").set_index("id").loc["firewall-drops", "change"] == "new"


def test_the_same_log_twice_shows_no_difference():
    one = scenarios.analysed("fix-before")
    table = compare(one, one)
    assert of(table, "start-up")["change"].tolist() == ["inside the spread"]
    assert set(of(table, "cause")["change"]) == {"stayed"} and (table["saved_s"].fillna(0).abs() < 1e-9).all()


def test_a_mean_inside_the_spread_of_the_other_side_proves_nothing():
    (row,) = of(compare([start(8), start(12)], [start(9)]), "start-up").to_dict("records")
    assert row["change"] == "inside the spread" and row["before_s"] == pytest.approx(10)
    assert (row["before_low_s"], row["before_high_s"], row["before_startups"]) == (
        pytest.approx(8),
        pytest.approx(12),
        2,
    )
    assert of(compare([start(8), start(12)], [start(5)]), "start-up")["change"].tolist() == ["faster"]
    assert of(compare([start(8), start(12)], [start(13)]), "start-up")["change"].tolist() == ["slower"]


def test_a_cause_of_a_program_that_did_not_run_again_is_not_called_gone():
    table = compare(scenarios.analysed("fix-before"), scenarios.analysed("responder-and-lists-blocked"))
    changes = of(table, "cause").set_index("id")["change"].to_dict()
    assert changes["publisher-evidence"] == "not seen again"
    assert of(table, "start-up").empty


def test_nothing_to_time_is_an_error(small_log):
    empty = scenarios.analysed("validation-log-only")
    with pytest.raises(c2.NoEvents, match="from before the change holds no operation"):
        compare(empty, scenarios.analysed("fix-after"))


def analysed(recording, folder) -> c2.Analysis:
    for name, data in recording.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return c2.analyse(c2.load(folder, tz=scenarios.ZONE))


@pytest.mark.slow
@pytest.mark.parametrize(("scenario", "place"), REMEDIED)
def test_what_a_remedy_saved_is_what_was_predicted(scenario, place, tmp_path):
    made = read_scenario(scenario)
    remedy = made.after[place]
    before = analysed(record_scenario(made), tmp_path / "before")
    after = analysed(record_after(made, remedy), tmp_path / "after")
    table = compare(before, after, remedy=remedy.fix, servers=remedy.only)
    found = of(table, "remedy")
    assert found["fits"].all() and set(found["id"]) <= {remedy.fix}, found
    truth = json.loads(record_scenario(made).truth)["after"][place]["startups"]
    saved = {(one["host"].split(".")[0], one["process"].casefold()) for one in truth}
    pairs = of(table, "start-up")
    assert {(row["host"].split(".")[0], row["process"].casefold()) for row in pairs.to_dict("records")} >= saved
    causes = of(table, "cause").set_index("id")["change"]
    still = set(after.findings["rule"])
    assert {rule for rule, change in causes.items() if change == "gone"} == set(before.findings["rule"]) - still
    assert {rule for rule, change in causes.items() if change == "new"} == still - set(before.findings["rule"])


def test_a_prediction_of_another_remedy_does_not_fit():
    table = compare(scenarios.analysed("fix-before"), scenarios.analysed("fix-after"), remedy="shorter-timeouts")
    assert of(table, "remedy")["fits"].tolist() == [False]


def run(capsys, *arguments):
    code = 0
    try:
        main([str(one) for one in arguments])
    except SystemExit as stop:
        code = stop.code or 0
    out, err = capsys.readouterr()
    return code, out, err


def test_the_verb_says_the_answer_first(capsys):
    code, out, _ = run(capsys, "compare", LAB / "fix-before", LAB / "fix-after", "--remedy", "allow-pki-hosts")
    first = " ".join(out.split("\n\n")[0].split())
    assert code == 0 and "starts in 0.88 s instead of 2 min 1 s: 2 min 0 s less (99%)." in first
    assert "Gone: No answer from certificate servers" in first
    assert (
        "Predicted for “Let the servers reach the revocation and update hosts on port 80”" in first
        and "inside these bounds" in first
    )


def test_slower_than_allowed_is_an_exit_code(capsys):
    assert run(capsys, "compare", LAB / "fix-after", LAB / "fix-before", "--fail-if-slower", "10")[0] == 1
    assert run(capsys, "compare", LAB / "fix-before", LAB / "fix-after", "--fail-if-slower", "0")[0] == 0
    code, _, err = run(
        capsys, "compare", LAB / "fix-before", LAB / "responder-and-lists-blocked", "--fail-if-slower", "10"
    )
    assert code == 3 and "nothing was measured" in err
    assert run(capsys, "compare", LAB / "fix-before", LAB / "fix-after", "--fail-if-slower", "x")[0] == 2
    code, _, err = run(capsys, "compare", LAB / "fix-before", LAB / "fix-after", "--remedy", "allow-pki-host")
    assert code == 2 and "did you mean allow-pki-hosts?" in err


@pytest.mark.parametrize("ending", [".html", ".docx", ".md", ".xlsx", ".json"])
def test_a_comparison_is_a_report_too(ending, capsys, tmp_path):
    path = tmp_path / f"x{ending}"
    code, out, _ = run(capsys, "compare", LAB / "fix-before", LAB / "fix-after", "-o", path, "--client", "Contoso")
    assert code == 0 and out.splitlines()[0] == str(path) and path.stat().st_size > 1000
    if ending == ".html":
        tree = html.fromstring(path.read_text(encoding="utf-8"))
        assert {"startups", "causes", "predictions", "servers", "evidence"} <= set(tree.xpath("//section/@id"))
        links = {link[1:] for link in tree.xpath("//@href")}
        assert links <= set(tree.xpath("//@id"))


def test_several_logs_of_a_side_are_means(capsys):
    code, out, _ = run(capsys, "compare", LAB / "fix-before", LAB / "fix-after", "--before", LAB / "fix-before")
    assert code == 0 and "(means of 2 and 1 start-ups)" in " ".join(out.split())
