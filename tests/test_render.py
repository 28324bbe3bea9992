"""Rendering: the same content in every output, text from a log harmless, every number with its quality."""

from __future__ import annotations

import re

import outlines
import pytest
from lxml import html

import capi2kit as c2
from capi2kit.render.parts import Column, Table
from capi2kit.render.sections import tell
from capi2kit.render.text import lay_out


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
        c2.save(analysis, tmp_path / "report.docx")


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


def test_a_last_column_that_folds_loses_no_word():
    table = Table(
        [Column("finding", whole=True), Column("remedy", folds=True)],
        [["A", "one two three four five six"], ["B", "–"]],
    )
    lines = lay_out(table, width=20)
    assert lines == ["finding  remedy", "A        one two", "         three four", "         five six", "B        –"]
