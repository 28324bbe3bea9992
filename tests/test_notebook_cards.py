"""Cards: what objects show of themselves: small, escaped, and readable where a viewer leaves styles and pictures out."""

import re

import pandas as pd
import pytest
import scenarios
from lxml import html
from test_charts import EVIL

import capi2kit as c2
from capi2kit.knowledge import columns, rows
from capi2kit.knowledge.vocabulary import describe
from capi2kit.render.notebook.views import view

LAB = scenarios.LAB


@pytest.fixture(scope="module")
def a():
    return scenarios.analysed("sharepoint-drop", None)


def words_of(card: str) -> str:
    """The text of a card as GitHub shows it: without styles, pictures and attributes."""
    tree = html.fragment_fromstring(card, create_parent="div")
    for picture in tree.xpath("//svg"):
        picture.drop_tree()
    return " ".join(" ".join(tree.itertext()).split())


def test_an_analysis_shows_cause_figures_certainty_first_step_and_tables(a):
    said = words_of(a._repr_html_())
    for part in (
        "No answer from certificate servers. w3wp.exe (PID 4120 on SP01.contoso.example) waited 8 min 15 s",
        "8 min 15 s lost per start of 8 min 23 s",
        "65 of 65",
        "7 to 13 s",
        "Very sure",
        "Do this first: Let the servers reach the revocation and update hosts on port 80",
        "The findings in detail (6)",
        "Process start-ups (3)",
        "Longest waits for the network (15)",
        "Ledger of w3wp.exe (4120)",
    ):
        assert part in said
    assert len(a._repr_html_()) < 60_000


def test_the_picture_has_a_lane_per_thread_and_a_bar_per_wait_with_its_words(a):
    tree = html.fragment_fromstring(a._repr_html_(), create_parent="div")
    (picture,) = tree.xpath("//svg")
    assert picture.get("aria-label") == "65 waits in 1 thread over 8 min 23 s"
    bars = picture.xpath(".//rect[title]")
    assert len(bars) == 65 and bars[0].findtext("title").startswith("15.0 s for ctldl.windowsupdate.example: timeout")
    ends = [float(bar.get("x")[:-1]) + float(bar.get("width")[:-1]) for bar in bars]
    assert all(float(bar.get("x")[:-1]) >= 0 for bar in bars) and max(ends) <= 100.2


def test_a_case_shows_what_was_read_lost_and_what_it_supports(a):
    said = words_of(a.case._repr_html_())
    assert said.startswith("Case: 10 files, 2,943 events") and "0 records lost" in said
    assert "Microsoft-Windows-CAPI2%4Operational.evtx evtx 2,798 2,798 0 0 complete" in said
    assert "a = c2.analyse(case)" in said


@pytest.mark.parametrize("scenario", ["sharepoint-drop", "healthy-warm", "no-connectivity", "every-dll-waits"])
def test_on_a_terminal_each_is_one_screen(scenario):
    analysis = scenarios.analysed(scenario)
    for shown in (repr(analysis), repr(analysis.case)):
        assert len(shown.splitlines()) <= 26 and max(map(len, shown.splitlines())) <= 110
    assert "Next: c2.view(a, 'waits')" in repr(analysis)


@pytest.mark.parametrize("scenario", sorted(path.name for path in LAB.iterdir() if path.is_dir())[::7])
def test_every_analysis_has_a_card(scenario):
    analysis = scenarios.analysed(scenario)
    assert c2.headline(analysis) in words_of(analysis._repr_html_())


def test_text_from_a_log_cannot_act(a):
    evil = a.waits.head(3).assign(
        url=pd.array([EVIL] * 3, "string[pyarrow]"), target=pd.array([EVIL] * 3, "string[pyarrow]")
    )
    shown = view(evil.astype({"url": "string", "target": "string"}))
    assert (
        "<script" not in shown._repr_html_() and html.fragment_fromstring(shown._repr_html_()).xpath("//script") == []
    )
    assert not re.search("[\x00-\x08\x1b\u202e]", repr(shown))


@pytest.mark.parametrize(
    "table", ["waits", "startups", "findings", "spans", "delays", "ledger", "events", "sources", "coverage"]
)
def test_a_view_shows_few_columns_in_words(table, a):
    shown = c2.view(a, table, rows=2)
    tree = html.fragment_fromstring(shown._repr_html_())
    heads = tree.xpath("//th/text()")
    assert 3 <= len(heads) <= 12 and len(tree.xpath("//tbody/tr")) == min(
        2, len(getattr(a, table, getattr(a.case, table, [])))
    )
    assert "<NA>" not in shown._repr_html_() and "NaT" not in repr(shown)


def test_a_view_of_waits_names_records_tasks_true_waits_and_codes(a):
    tree = html.fragment_fromstring(c2.view(a, "waits", rows=1)._repr_html_())
    cells = dict(
        zip(tree.xpath("//th/text()"), [cell.text_content() for cell in tree.xpath("//tbody/tr[1]/td")], strict=True)
    )
    assert cells["record"] == "52" and cells["task"] == "48A8A978" and cells["true wait"] == "10.0 s"
    assert cells["as logged"] == "0 s" and cells["result"] == "0x800705B4 ERROR_TIMEOUT"
    assert cells["account"] == "NETWORK SERVICE" and cells["process (PID)"] == "w3wp.exe (4120)"


def test_a_view_takes_other_columns_and_another_zone(a):
    shown = repr(c2.view(a, "waits", rows=1, columns=["start", "url_host", "budget_s"], tz="Africa/Lagos"))
    assert "07:59:11.087+01:00" in shown and "crl.contoso.example" in shown and "budget_s" in shown


def test_views_name_columns_that_there_are():
    known = {(row["table"], row["column"]) for row in rows("columns")}
    described = {("columns", column) for column in describe()}
    named = {(row["table"], row["column"]) for row in rows("views")}
    assert named <= known | described
    assert len(columns("waits")) > 40  # so a view of it is worth having


def test_a_task_is_shown_by_a_few_characters_as_a_waterfall(a):
    said = repr(c2.show(a, "48A8"))
    assert said.startswith("Task 48A8A978-C902-4C72-8B99-4BF21D2E2B0A: w3wp.exe (4120), thread 4156")
    assert (
        re.search(r"52   0\.000 +10\.0 s .*0x800705B4", said)
        and "Related, after it in the same thread: F61F53CD" in said
    )
    assert "Related tasks" in words_of(c2.show(a, "48A8")._repr_html_())
    assert "more tasks:" in repr(c2.show(a, ".crl"))


def test_a_code_is_explained_with_its_sources_and_an_unknown_one_said_to_be():
    assert repr(c2.explain("80092013")).startswith("result code 0x80092013: CRYPT_E_REVOCATION_OFFLINE\n  ")
    assert "source:" in words_of(c2.explain(53)._repr_html_())
    assert "did you mean CERT_E_CHAINING or" in repr(c2.explain("CERT_E_CHANING"))


def test_a_remedy_is_a_ticket_for_the_team_that_carries_it_out(a):
    assert "For the firewall team." in repr(c2.remedy(a)) and "records 21, 29" in repr(c2.remedy(a))
    assert repr(c2.remedy(a, "machine-proxy")).startswith(
        "One explicit proxy for WinHTTP on the machine (machine-proxy)"
    )
    assert "No finding of this log names a remedy." in repr(c2.remedy(scenarios.analysed("healthy-warm")))


def test_a_finding_shows_the_records_that_it_rests_on(a):
    behind = c2.records_behind(a, "firewall-drops")
    assert len(behind) == 185 and behind["operation"].unique().tolist() == ["RetrieveObjectFromNetwork"]
    assert c2.records_behind(a).equals(behind)
    with pytest.raises(c2.TableError, match=r"did not fire; fired: .*firewall-drops"):
        c2.records_behind(a, "revoked")


def test_rules_are_those_of_capi2kit_or_of_a_folder(tmp_path):
    assert "firewall-drops" in {one.id for one in c2.rules()} and c2.rules(tmp_path) == ()
    (tmp_path / "x.toml").write_text("id = 1")
    with pytest.raises(c2.KnowledgeError, match=r"x\.toml"):
        c2.rules(tmp_path)


def test_a_dataset_says_what_was_true_and_a_log_that_nobody_knows_says_so(tmp_path):
    log = scenarios.LAB / "slow-wpad"
    said = repr(c2.truth(scenarios.analysed("slow-wpad"), log))
    assert "Inside their bounds: 5 of 5 waits." in said and "Causes missed: none. Found, but wrong: none." in said
    assert said == repr(c2.truth(scenarios.analysed("slow-wpad"), log / "truth.json"))
    wrong = repr(c2.truth(scenarios.analysed("fix-before"), log))
    assert "Causes missed: red-but-successful, wpad-slow. Found, but wrong: firewall-drops." in wrong
    assert "no truth.json beside this log" in repr(c2.truth(scenarios.analysed("slow-wpad"), tmp_path))
    (tmp_path / "truth.json").write_text("{}")
    with pytest.raises(c2.EvidenceError, match="not the truth"):
        c2.truth(scenarios.analysed("slow-wpad"), tmp_path)
