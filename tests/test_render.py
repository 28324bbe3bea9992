"""Rendering: the same content in every output, text from a log harmless, every number with its quality."""

from __future__ import annotations

import re

import outlines
import pytest
import scenarios
from lxml import html

import capi2kit as c2
from capi2kit.render.sections import tell


@pytest.fixture(scope="module")
def analysis(small_log):
    return c2.analyse(c2.load(small_log))


@pytest.fixture(scope="module")
def page(analysis, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    c2.save(analysis, path)
    return path.read_text(encoding="utf-8")


def test_a_report_loads_nothing_and_runs_nothing(page):
    tree = html.fromstring(page)
    assert not tree.xpath("//script | //link | //iframe | //object | //img | //@onload | //@style")
    assert not [url for url in tree.xpath("//@href | //@src | //@*[local-name()='href']") if not url.startswith("#")]
    policy = tree.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")[0]
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy


def test_every_link_of_a_report_leads_to_something(page):
    tree = html.fromstring(page)
    ids = tree.xpath("//@id")
    assert len(ids) == len(set(ids))
    links = {link[1:] for link in tree.xpath("//@href | //@*[local-name()='href']")}
    assert links and links <= set(ids)


def test_every_row_that_cites_records_links_to_them(analysis, page):
    sections = [section for section in tell(analysis) if section.table and any(section.table.events)]
    cited = {event for section in sections for events in section.table.events for event in events}
    assert cited and all(f'id="event-{event}"' in page for event in cited)


def test_a_report_has_a_chart_of_the_start_up(page):
    assert len(html.fromstring(page).xpath("//*[local-name()='svg']")) >= 3


def test_the_report_and_the_terminal_say_the_same(analysis, page, tmp_path):
    c2.save(analysis, tmp_path / "report.txt")
    text = " ".join((tmp_path / "report.txt").read_text(encoding="utf-8").split())
    shown = " ".join(html.fromstring(page).text_content().split())
    assert c2.headline(analysis) in text and c2.headline(analysis) in shown


def test_hostile_text_is_text(hostile_log, tmp_path):
    c2.save(c2.analyse(c2.load(hostile_log)), tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page and "\u202e" not in page and "\x1b" not in page
    assert not html.fromstring(page).xpath("//script")


def test_an_unknown_ending_says_which_there_are(analysis, tmp_path):
    with pytest.raises(c2.Capi2kitError, match=r"\.html"):
        c2.save(analysis, tmp_path / "report.odt")


def test_a_long_ledger_is_folded_by_server_and_still_adds_up():
    text = "".join(
        f"VerifyTrust {20 * n} {20 * n + 10} target={n}.dll\n BuildChain {20 * n} {20 * n + 9} budget=20\n"
        f"  VerifyRevocation {20 * n} {20 * n + 8}\n"
        f"   RetrieveObjectFromNetwork {20 * n} {20 * n + 2 + n / 100} url=http://{'ab'[n % 2]}.test/x.crl\n"
        for n in range(30)
    )
    analysis = outlines.analysed(text)
    table = next(section for section in tell(analysis) if section.name == "ledger").table
    assert [row[:3] for row in table.rows[15:17]] == [["wait", "a.test", "8 more"], ["wait", "b.test", "7 more"]]
    assert sum(map(len, table.events)) == len(analysis.waits) == 30
    shown = sum(float(row[4].removesuffix(" s")) for row in table.rows if row[0] == "wait")
    assert shown == pytest.approx(float(analysis.startups["waiting_wall_s"].iloc[0]), abs=0.1)


def test_the_ledger_shown_adds_up(analysis):
    ledger = next(section for section in tell(analysis) if section.name == "ledger")
    seconds = [row[4] for row in ledger.table.rows]
    values = [float(text.removesuffix(" s")) for text in seconds if "min" not in text]
    assert ledger.table.rows[-1][0] == "sum = wall"
    assert sum(values[:-1]) == pytest.approx(values[-1], abs=0.02)


@pytest.mark.real
def test_error_records_of_the_real_log_were_no_failures(real_logs):
    analysis = c2.analyse(c2.load(real_logs / "evtx" / "capi2_operational_wks05_2016-2018.evtx"))
    errors = next(section for section in tell(analysis) if section.name == "errors")
    assert {row[0] for row in errors.table.rows} == {"no failure"}
    assert sum(int(row[2]) for row in errors.table.rows) == 11
    assert re.search("2F94", str(errors.table.rows)) and re.search("80070002", str(errors.table.rows))


@pytest.fixture(scope="module")
def flagship(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "drop.html"
    c2.save(scenarios.analysed("sharepoint-drop"), path)
    return path.read_text(encoding="utf-8")


def test_the_first_page_says_cause_cost_step_and_certainty(flagship):
    first = html.fromstring(flagship).get_element_by_id("answer")
    text = " ".join(first.text_content().split())
    for said in (
        "No answer from certificate servers. w3wp.exe (PID 4120 on SP01.contoso.example) waited 8 min 15 s",
        "8 min 15 s lost per start of 8 min 23 s, 98% of it",
        "65 of 65 retrievals failed (65 × timeout)",
        "the start after the first remedy",
        "Very sure of the first finding: 185 waits of the same kind, each exact",
        "Do this first",
        "Test-NetConnection ctldl.windowsupdate.example -Port 80",
        "All processes and threads together waited about 23 min 20 s",
        "do not add them up",
    ):
        assert said in text
    assert [badge.text_content() for badge in first.find_class("badge")][:4] == ["high", "high", "high", "medium"]


def test_what_is_long_is_folded_and_what_is_cited_links_both_ways(flagship):
    tree = html.fromstring(flagship)
    folded = {section.get("id") for section in tree.xpath("//section[details]")}
    assert {"remedies", "operations", "caches", "records", "drilldown"} <= folded and "findings" not in folded
    more = tree.xpath("//a[@class='more']/@href")
    assert more and all(tree.get_element_by_id(link[1:]) is not None for link in more)
    row = tree.xpath("//section[@id='records']//tr[@id]")[0]
    assert row.xpath(".//a/@href")[0].startswith("#findings-")


def test_a_report_can_be_used_with_a_keyboard_and_a_screen_reader(flagship):
    tree = html.fromstring(flagship)
    assert tree.xpath("//body/a[1]/@href") == ["#answer"] and tree.xpath("//nav//a")
    assert all(table.find("caption") is not None for table in tree.iter("table"))
    assert all(row.xpath("./th[@scope='row']") for row in tree.xpath("//tbody/tr"))
    assert all(scroll.get("tabindex") == "0" and scroll.get("aria-label") for scroll in tree.find_class("scroll"))
    pictures = tree.xpath("//figure//*[local-name()='svg']")
    assert all(picture.get("role") in ("img", "group") and picture.get("aria-labelledby") for picture in pictures)
    assert len(tree.xpath("//h1")) == 1


def test_a_report_is_not_too_large_and_says_nothing_twice_or_none(flagship):
    tree = html.fromstring(flagship)
    assert len(flagship.encode()) < 1_000_000
    text = tree.text_content()
    assert "id None" not in text and "level None" not in text and "nan" not in text.split()
    titles = [title.text_content() for title in tree.xpath("//h2")]
    assert len(titles) == len(set(titles))


def test_a_process_opens_to_its_files_and_these_to_their_checks(flagship):
    tree = html.fromstring(flagship)
    processes = tree.xpath("//section[@id='drilldown']/details/details")
    assert len(processes) == 3 and "w3wp.exe (4120)" in processes[0].text_content()
    (first, *_) = processes[0].xpath("./details")
    assert "Litware" in first.find("summary").text_content() and len(first.xpath(".//li")) > 5


def test_on_paper_what_is_left_out_is_named(flagship):
    tree = html.fromstring(flagship)
    left_out = {section.get("id") for section in tree.find_class("screen")}
    assert {"records", "operations", "caches", "drilldown"} <= left_out
    assert len(tree.find_class("paper")) == len(left_out - {None})
    style = tree.xpath("//style")[0].text
    assert "counter(page)" in style and "landscape" in style and "details-content" in style


@pytest.mark.parametrize(
    ("scenario", "verdict"),
    [("healthy-warm", "Healthy: "), ("consent-cache-only", "Nothing to fix. "), ("key-used", "Nothing urgent. ")],
)
def test_where_nothing_is_wrong_the_page_begins_with_that(scenario, verdict, tmp_path):
    c2.save(scenarios.analysed(scenario), tmp_path / "r.html")
    tree = html.fromstring((tmp_path / "r.html").read_text(encoding="utf-8"))
    (title,) = tree.xpath("//h1")
    assert title.text_content().startswith(verdict) and title.get("class") not in ("high", "medium")


def test_bars_say_what_they_are_to_those_who_point_at_them(flagship):
    tree = html.fromstring(flagship)
    tips = tree.xpath("//section[@id='startups']//*[local-name()='a']/*[local-name()='title']")
    assert len(tips) == 65 and all("waited" in tip.text and "http" in tip.text for tip in tips)
